// SPDX-License-Identifier: MIT
#include "protocol/schema.hpp"

#include "protocol/packets.hpp"

namespace virgl::proto {

bool has_need(const Caps &caps, const Need &need)
{
   if (need.or_cap2 && caps.has2(need.or_cap2))
      return true;
   switch (need.kind) {
   case NeedKind::nothing:
      return true;
   case NeedKind::feature:
      return caps.has_feature(need.bits);
   case NeedKind::cap:
      return caps.has(need.bits);
   case NeedKind::cap2:
      return caps.has2(need.bits);
   case NeedKind::video:
      return caps.num_video_caps != 0;
   case NeedKind::version:
      return caps.host_feature_check_version >= need.bits;
   }
   return false;
}

namespace {

/// A shader's tail: number of outputs, strides and outputs where there are any, text. For a compute
/// shader the first dword is the size of its shared memory instead.
uint32_t shader_outputs(const PacketDesc &desc, std::span<const uint32_t> payload)
{
   const uint32_t stage = payload[1];
   return ShaderStage(stage) == ShaderStage::compute ? 0 : payload[desc.fixed.dwords];
}

constexpr uint32_t shader_head(uint32_t outputs)
{
   return outputs == 0 ? 1 : 5 + 2 * outputs;
}

} // namespace

DecodeResult check_shape(const PacketDesc &desc, std::span<const uint32_t> payload)
{
   const uint32_t size = uint32_t(payload.size());
   const uint32_t fixed = desc.fixed.dwords;
   const TailDesc &tail = desc.tail;
   if (size < fixed)
      return {"too short", 0};

   uint32_t rest = size - fixed;
   uint32_t elements = rest;
   switch (tail.kind) {
   case TailKind::none:
      if (rest != 0 && !desc.trailing)
         return {"too long", 0};
      break;

   case TailKind::parts:
      for (const GroupDesc *part : desc.parts) {
         if (rest < part->dwords)
            break;
         rest -= part->dwords;
      }
      if (rest != 0 && !desc.trailing)
         return {"not one of the lengths this command has", 0};
      break;

   case TailKind::span:
      if (rest % tail.element->dwords != 0)
         return {"ends within an element", 0};
      elements = rest / tail.element->dwords;
      if (elements < tail.min)
         return {"too few elements", 0};
      if (elements > tail.max)
         return {"too many elements", 0};
      if (tail.slots >= 0 && payload[tail.slots] > tail.max - elements)
         return {"slots out of range", uint32_t(tail.slots) + 1};
      break;

   case TailKind::text:
   case TailKind::bytes:
   case TailKind::dwords:
      if (rest < tail.min)
         return {"too short", 0};
      break;

   case TailKind::padding:
      break;

   case TailKind::shader: {
      if (rest < 1)
         return {"too short", 0};
      const uint32_t outputs = shader_outputs(desc, payload);
      if (outputs > tail.max)
         return {"too many stream outputs", fixed + 1};
      if (rest < shader_head(outputs))
         return {"too short for its stream outputs", fixed + 1};
      break;
   }
   }

   for (const FieldDesc &f : desc.fixed.fields) {
      if (f.type == FieldType::count && payload[f.dword] != elements)
         return {"the count is not what the length says", f.dword + 1u};
      if (f.type == FieldType::byte_count && payload[f.dword] > uint64_t(elements) * 4)
         return {"the text is longer than the command", f.dword + 1u};
   }
   return {};
}

Shape shape_of(const PacketDesc &desc, std::span<const uint32_t> payload)
{
   Shape shape;
   shape.tail_at = desc.fixed.dwords;
   uint32_t rest = uint32_t(payload.size()) - desc.fixed.dwords;
   switch (desc.tail.kind) {
   case TailKind::none:
   case TailKind::padding:
      break;
   case TailKind::parts:
      for (const GroupDesc *part : desc.parts) {
         if (rest < part->dwords)
            break;
         rest -= part->dwords;
         shape.parts++;
      }
      break;
   case TailKind::span:
      shape.elements = rest / desc.tail.element->dwords;
      break;
   case TailKind::text:
   case TailKind::bytes:
   case TailKind::dwords:
      shape.elements = rest;
      break;
   case TailKind::shader:
      shape.outputs = shader_outputs(desc, payload);
      shape.tail_at += shader_head(shape.outputs);
      shape.elements = rest - shader_head(shape.outputs);
      break;
   }
   return shape;
}

} // namespace virgl::proto
