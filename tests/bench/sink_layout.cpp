// SPDX-License-Identifier: MIT
#include "sink_counters.hpp"

#include <cstdio>

#include "protocol/enums.hpp"
#include "protocol/vtest.hpp"

namespace virgl::sink {

namespace {

struct Place {
   const char *name;
   size_t offset, count;
};

#define ONE(field) Place{#field, offsetof(Slot, field), 1}
#define ARRAY(field) Place{#field, offsetof(Slot, field), sizeof(Slot::field) / sizeof(uint64_t)}
constexpr Place places[] = {
   ONE(sequence), ONE(state), ONE(pid), ONE(version), ONE(draws), ONE(commands), ONE(dwords),
   ONE(put_bytes), ONE(get_bytes), ONE(submits), ONE(messages), ONE(resources), ONE(faults),
   ARRAY(message_count), ARRAY(command_count), ARRAY(command_dwords), ARRAY(create_count),
   ARRAY(bind_count), ARRAY(destroy_count),
};
#undef ONE
#undef ARRAY

template <typename Name> void print_names(const char *key, uint32_t count, Name &&name)
{
   std::printf(",\n \"%s\": [", key);
   for (uint32_t i = 0; i < count; i++) {
      const char *text = name(i);
      std::printf("%s\"%s\"", i ? ", " : "", text ? text : "");
   }
   std::printf("]");
}

const char *message_name(uint32_t number)
{
   static constexpr const char *names[] = {
      "", "get_caps", "resource_create", "resource_unref", "transfer_get", "transfer_put",
      "submit_cmd", "resource_busy_wait", "create_renderer", "get_caps2", "ping_protocol_version",
      "protocol_version", "resource_create2", "transfer_get2", "transfer_put2", "get_param",
      "get_capset", "context_init",
   };
   static_assert(std::size(names) == uint32_t(proto::vtest::Command::context_init) + 1);
   return number < std::size(names) ? names[number] : "";
}

} // namespace

void print_layout()
{
   std::printf("{\"slots\": %u, \"slot_bytes\": %zu, \"fault\": [%zu, %zu],\n \"fields\": {",
               max_slots, sizeof(Slot), offsetof(Slot, fault), sizeof(Slot::fault));
   bool first = true;
   for (const Place &p : places) {
      std::printf("%s\"%s\": [%zu, %zu]", first ? "" : ", ", p.name, p.offset, p.count);
      first = false;
   }
   std::printf("}");
   print_names("commands", proto::num_commands,
               [](uint32_t i) { return proto::name_of(proto::Ccmd(i)); });
   print_names("objects", proto::num_object_types,
               [](uint32_t i) { return proto::name_of(proto::ObjectType(i)); });
   print_names("message_names", 32, message_name);
   std::printf("}\n");
}

} // namespace virgl::sink
