// SPDX-License-Identifier: MIT
//
// Says what a host would object to in a stream, and where. Debug builds of the driver, the fake
// devices of the tests and the fuzzers use it, so it survives any input, in bounded memory.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "protocol/caps.hpp"
#include "protocol/schema.hpp"

namespace virgl::proto {

struct Fault {
   uint32_t offset = 0;  // dword of the stream
   uint32_t command = 0; // how many commands are before it
   std::string reason;   // "DRAW_VBO: mode: 99 is not a PrimMode"
};

/// One line for people: where and why.
std::string to_string(const Fault &fault);

struct ValidatorOptions {
   /// Follow objects and sub-contexts from one submission to the next.
   bool stateful = true;
   /// Resources must have been told with add_resource().
   bool resources = false;
   /// Bits that mean nothing must be 0.
   bool reserved_bits = true;
   /// If given, commands the host lacks the capability for are faults. Must outlive the validator.
   const Caps *caps = nullptr;
   /// Bound of what is remembered.
   uint32_t max_objects = 1u << 20;
   uint32_t max_sub_contexts = 1u << 10;
};

class Validator {
public:
   explicit Validator(const ValidatorOptions &options = {});
   Validator(const Validator &) = delete;
   Validator &operator=(const Validator &) = delete;

   /// The first fault of a submission. State advances up to it.
   std::optional<Fault> submit(std::span<const uint32_t> stream);

   void add_resource(ResourceHandle handle, bool is_buffer);
   void remove_resource(ResourceHandle handle);

   /// Objects of all sub-contexts.
   uint32_t num_objects() const { return num_objects_; }

private:
   struct Object {
      ObjectType type;
      ShaderStage stage; // shaders
   };
   /// A shader whose last chunk has not come.
   struct LongShader {
      uint32_t handle = 0; // 0: none
      uint32_t next = 0;   // bytes
      uint32_t size = 0;   // bytes, whole dwords
   };
   struct SubContext {
      std::unordered_map<uint32_t, Object> objects;
      std::array<LongShader, 6> long_shaders;
   };

   // False where there is a fault; fail() has then kept the place and the reason.
   bool check(const Command &command);
   bool check_header(const Command &command, const PacketDesc &desc);
   bool check_need(const Need &need, uint32_t dword, const char *what);
   bool check_primitive(uint32_t mode);
   bool check_slots(const Command &command);
   bool check_group(const Command &command, const GroupDesc &group, uint32_t at, bool any_bits);
   bool check_value(const Command &command, const FieldDesc &field, uint32_t at);
   bool check_reference(const Command &command, const FieldDesc &field, uint32_t at,
                        uint32_t handle);
   bool check_special(const Command &command);
   bool check_shader(const Command &command, const PacketDesc &desc);
   bool check_sub_context(const Command &command);
   bool apply_create(const Command &command);
   bool apply_destroy(const Command &command);
   bool has_stage(ShaderStage stage) const;
   bool fail(uint32_t dword, const char *format, ...) __attribute__((format(printf, 3, 4)));
   std::optional<bool> is_buffer(uint32_t resource) const;

   ValidatorOptions options_;
   std::unordered_map<uint32_t, bool> resources_; // handle → whether it is a buffer
   std::unordered_map<uint32_t, SubContext> sub_contexts_;
   SubContext *current_ = nullptr; // elements of the map stay where they are
   uint32_t current_id_ = 0;
   uint32_t num_objects_ = 0;

   uint32_t at_ = 0; // dword of the command
   std::string why_;
};

/// The first fault of a stream looked at on its own: lengths, values, counts.
std::optional<Fault> check_structure(std::span<const uint32_t> stream);

} // namespace virgl::proto
