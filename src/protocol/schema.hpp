// SPDX-License-Identifier: MIT
//
// The descriptions at run time: what the printer and the validator walk over. The tables are
// generated (schema.cpp); the typed decoder leans on check_shape() so that lengths are judged in
// one place.
#pragma once

#include <span>

#include "protocol/caps.hpp"
#include "protocol/stream.hpp"

namespace virgl::proto {

enum class FieldType : uint8_t {
   u32,
   i32,
   f32,
   f64,
   u64,
   boolean,
   resource,
   object,
   format,
   enumeration,
   flags,
   count,      // of the elements at the end
   byte_count, // of the text at the end
};

enum class NeedKind : uint8_t { nothing, feature, cap, cap2, video, version };

/// Something the capset must have: bits of one kind, or at least this host_feature_check_version.
struct Need {
   NeedKind kind = NeedKind::nothing;
   uint32_t bits = 0;
   const char *name = "";
   uint32_t or_cap2 = 0; // a bit that will do as well; 0 for none
};
bool has_need(const Caps &caps, const Need &need);

struct NamedValue {
   uint32_t value;
   const char *name;
   Need need = {};
};

/// The values of an enumeration, or the bits of flags.
struct ValueSet {
   const char *name;
   std::span<const NamedValue> values;
   bool zero_is_unset; // 0 has no name but stands for a field that is not in use

   const NamedValue *find_value(uint32_t value) const
   {
      for (const NamedValue &v : values) {
         if (v.value == value)
            return &v;
      }
      return nullptr;
   }
   const char *find(uint32_t value) const
   {
      const NamedValue *v = find_value(value);
      return v ? v->name : nullptr;
   }
};

struct FieldDesc {
   const char *name;
   FieldType type;
   uint8_t shift, width;
   uint16_t dword; // from the start of the group
   uint16_t count; // of an array
   const ValueSet *values;
   uint32_t max;     // largest value, ~0 for any
   uint16_t objects; // object: bit per ObjectType it may be; 0 for the type in the header
   bool required;    // not 0
   bool creates;
   bool destroys;
   Need need = {};          // where the value is `need_from` or more
   uint32_t need_from = 1;
};

/// Fields that lie together.
struct GroupDesc {
   const char *name;
   uint32_t dwords;
   std::span<const FieldDesc> fields;
   std::span<const uint32_t> used; // bits of each dword that mean something
   Need need = {};                 // optional parts
};

enum class TailKind : uint8_t { none, parts, span, text, bytes, dwords, padding, shader };

struct TailDesc {
   TailKind kind;
   const char *name;
   const GroupDesc *element;
   uint32_t min, max; // elements, or dwords of text and data
   int32_t slots;     // the dword with the first slot; then first + count <= max. -1 for none
};

struct PacketDesc {
   Ccmd opcode;
   ObjectType object;
   const char *name;
   bool buffer; // this is how the object is laid out when the resource is a buffer
   GroupDesc fixed;
   std::span<const GroupDesc *const> parts; // optional, each only after the one before it
   TailDesc tail;
   bool trailing;           // hosts ignore what follows
   bool header_object;      // the header names an object type
   uint16_t header_objects; // which; 0 for any
   Need need;
};

/// All packets; a creation of an object that can be a buffer stands there twice.
std::span<const PacketDesc> all_packets();

/// Null for what the descriptions do not know.
const PacketDesc *find_packet(Ccmd opcode, ObjectType object, bool buffer = false);

/// Whether a number is that of a format.
bool is_format(uint32_t number);

/// What is wrong, and where: a dword of the command, its header being 0. No reason, no error.
struct DecodeResult {
   const char *reason = nullptr;
   uint32_t dword = 0;

   explicit operator bool() const { return reason == nullptr; }
};

/// Whether the payload is as long as its command, the counts in it and its number of elements ask
/// for.
DecodeResult check_shape(const PacketDesc &desc, std::span<const uint32_t> payload);

/// Where the parts of a payload lie, once its shape has been checked.
struct Shape {
   uint32_t parts = 0;    // how many of the optional parts are there
   uint32_t outputs = 0;  // shader: stream outputs
   uint32_t tail_at = 0;  // dword of the payload where elements, text or data begin
   uint32_t elements = 0; // how many elements, or dwords of text or data
};
Shape shape_of(const PacketDesc &desc, std::span<const uint32_t> payload);

} // namespace virgl::proto
