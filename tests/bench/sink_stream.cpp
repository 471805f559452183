// SPDX-License-Identifier: MIT
// The part of a session that looks at streams. Headers only, but for the few commands that count
// for more than themselves or that a client waits for.
#include "sink_session.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "protocol/decoder.hpp"

namespace virgl::sink {

namespace {

constexpr uint32_t buffer_target = 0; // PIPE_BUFFER

struct Block {
   uint32_t width = 1, height = 1, bytes = 1;
};

// By the name, which says it: the bits of each channel, or the compression.
Block block_of(proto::Format format)
{
   const char *name = proto::name_of(format);
   if (!name)
      return {};
   auto begins = [&](const char *with) { return std::strncmp(name, with, std::strlen(with)) == 0; };
   unsigned w = 0, h = 0;
   if (std::sscanf(name, "ASTC_%ux%u", &w, &h) == 2)
      return {w, h, 16};
   const bool half = begins("DXT1") || begins("ETC1") || begins("ETC2_RGB8") ||
                     begins("ETC2_SRGB8") || begins("ETC2_R11") || begins("RGTC1") ||
                     begins("LATC1");
   if (half)
      return {4, 4, 8};
   if (begins("DXT") || begins("ETC2") || begins("RGTC2") || begins("LATC2") || begins("BPTC"))
      return {4, 4, 16};
   uint32_t bits = 0;
   for (const char *p = name; *p; p++) {
      if (*p >= '0' && *p <= '9') {
         uint32_t number = 0;
         for (; *p >= '0' && *p <= '9'; p++)
            number = number * 10 + uint32_t(*p - '0');
         bits += number;
         p--;
      }
   }
   return {1, 1, std::max(bits / 8, 1u)};
}

uint64_t clock_ns()
{
   return uint64_t(std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch())
                      .count());
}

} // namespace

uint64_t region_bytes(proto::Format format, const proto::Box &box)
{
   if (box.width <= 0 || box.height <= 0 || box.depth <= 0)
      return 0;
   const Block block = block_of(format);
   const uint64_t columns = (uint64_t(box.width) + block.width - 1) / block.width;
   const uint64_t rows = (uint64_t(box.height) + block.height - 1) / block.height;
   return columns * rows * uint64_t(box.depth) * block.bytes;
}

void Session::submit(std::span<const uint32_t> stream)
{
   slot_.submits++;
   slot_.dwords += stream.size();
   if (validator_) {
      if (const auto found = validator_->submit(stream))
         fault("submission " + std::to_string(slot_.submits) + ": " + proto::to_string(*found));
   }
   constexpr uint32_t unknown = std::size(Slot{}.command_count) - 1;
   static_assert(proto::num_commands <= unknown);
   proto::CommandReader reader(stream);
   proto::Command command;
   while (reader.next(command)) {
      const uint32_t number = std::min(uint32_t(command.opcode), unknown);
      slot_.command_count[number]++;
      slot_.command_dwords[number] += 1 + command.payload.size();
      look_at(command);
   }
   slot_.commands += reader.index();
   if (reader.truncated() && !validator_)
      fault("submission " + std::to_string(slot_.submits) + ": the last command is cut off");
}

void Session::look_at(const proto::Command &command)
{
   using proto::Ccmd;
   const uint32_t type = uint32_t(command.object) % std::size(slot_.create_count);
   switch (command.opcode) {
   case Ccmd::draw_vbo: {
      // Only those with a place for indirect parameters can be more than one.
      proto::DrawVbo draw;
      uint32_t draws = 1;
      if (command.payload.size() > proto::DrawVbo::fixed_dwords + proto::DrawTess::dwords &&
          proto::decode(command, arena_, draw) && draw.indirect &&
          draw.indirect->resource != proto::ResourceHandle::none)
         draws = draw.indirect->draw_count;
      slot_.draws += draws;
      break;
   }
   case Ccmd::transfer3d: {
      proto::Transfer3d t;
      if (proto::decode(command, arena_, t))
         count_transfer(t.box, uint32_t(t.resource),
                        t.direction == proto::TransferDirection::to_host);
      break;
   }
   case Ccmd::copy_transfer3d: {
      proto::CopyTransfer3d t;
      if (proto::decode(command, arena_, t))
         count_transfer(t.box, uint32_t(t.resource), !t.read_from_host);
      break;
   }
   case Ccmd::create_object: {
      slot_.create_count[type]++;
      proto::CreateQuery q;
      if (command.object == proto::ObjectType::query && proto::decode(command, arena_, q))
         queries_[query_key(uint32_t(q.handle))] = {uint32_t(q.resource), q.offset, q.type};
      break;
   }
   case Ccmd::bind_object:
      slot_.bind_count[type]++;
      break;
   case Ccmd::destroy_object:
      slot_.destroy_count[type]++;
      if (command.object == proto::ObjectType::query && !command.payload.empty())
         queries_.erase(query_key(command.payload[0]));
      break;
   case Ccmd::set_sub_ctx:
   case Ccmd::create_sub_ctx:
      // Creating one does not choose it, but a client of several always chooses before it goes on.
      if (!command.payload.empty() && command.opcode == Ccmd::set_sub_ctx)
         sub_context_ = command.payload[0];
      break;
   case Ccmd::get_query_result: {
      proto::GetQueryResult q;
      if (proto::decode(command, arena_, q))
         answer_query(uint32_t(q.handle));
      break;
   }
   default:
      break;
   }
}

void Session::count_transfer(const proto::Box &box, uint32_t resource, bool put)
{
   const auto it = resources_.find(resource);
   if (it == resources_.end())
      return;
   const bool buffer = it->second.target == buffer_target;
   const uint64_t bytes = buffer ? uint64_t(std::max(box.width, 0))
                                 : region_bytes(it->second.format, box);
   (put ? slot_.put_bytes : slot_.get_bytes) += bytes;
}

// The result is there at once, and nothing was counted by the query: nothing has been drawn.
void Session::answer_query(uint32_t handle)
{
   const auto query = queries_.find(query_key(handle));
   if (query == queries_.end())
      return;
   const auto r = resources_.find(query->second.resource);
   if (r == resources_.end() || !r->second.memory ||
       r->second.bytes < sizeof(proto::QueryState) ||
       query->second.offset > r->second.bytes - sizeof(proto::QueryState) ||
       query->second.offset % alignof(proto::QueryState) != 0)
      return;
   const bool time = query->second.type == proto::QueryType::timestamp ||
                     query->second.type == proto::QueryType::time_elapsed;
   const proto::QueryState state{.query_state = uint32_t(proto::QueryStateValue::done),
                                 .result_size = 8,
                                 .result = time ? clock_ns() : 0};
   auto *to = reinterpret_cast<proto::QueryState *>(r->second.memory + query->second.offset);
   to->result_size = state.result_size;
   to->result = state.result;
   // The client looks at the state without asking: it must not see it before the result.
   __atomic_store_n(&to->query_state, state.query_state, __ATOMIC_RELEASE);
}

void Session::fault(const std::string &text)
{
   if (slot_.faults++ == 0)
      std::snprintf(slot_.fault, sizeof slot_.fault, "%s", text.c_str());
}

} // namespace virgl::sink
