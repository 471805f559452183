// SPDX-License-Identifier: MIT
//
// What is a fault here follows virglrenderer (vrend_decode.c, vrend_renderer.c). Where a host would
// silently ignore a command that can only be a mistake of the driver (binding what does not exist,
// destroying twice), that is a fault, too.
#include "protocol/validator.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "protocol/wire.hpp"

namespace virgl::proto {

Validator::Validator(const ValidatorOptions &options) : options_(options)
{
   current_ = &sub_contexts_[0];
}

void Validator::add_resource(ResourceHandle handle, bool is_buffer)
{
   resources_[uint32_t(handle)] = is_buffer;
}

void Validator::remove_resource(ResourceHandle handle)
{
   resources_.erase(uint32_t(handle));
}

std::optional<bool> Validator::is_buffer(uint32_t resource) const
{
   const auto it = resources_.find(resource);
   return it == resources_.end() ? std::nullopt : std::optional<bool>(it->second);
}

bool Validator::fail(uint32_t dword, const char *format, ...)
{
   char text[160];
   va_list args;
   va_start(args, format);
   vsnprintf(text, sizeof(text), format, args);
   va_end(args);
   at_ = dword;
   why_ = text;
   return false;
}

std::optional<Fault> Validator::submit(std::span<const uint32_t> stream)
{
   CommandReader reader(stream);
   Command command;
   while (reader.next(command)) {
      if (check(command))
         continue;
      const PacketDesc *desc = find_packet(command.opcode, command.object);
      const std::string name = desc              ? desc->name
                               : command.known() ? name_of(command.opcode)
                                                 : "command";
      return Fault{command.offset + at_, command.index, name + ": " + why_};
   }
   if (reader.truncated()) {
      const uint32_t wanted = stream[command.offset] >> 16;
      fail(0, "payload of %u dwords is cut off after %zu", wanted, command.payload.size());
      return Fault{command.offset, command.index,
                   (command.known() ? name_of(command.opcode) : std::string("command")) + ": " +
                      why_};
   }
   return std::nullopt;
}

bool Validator::check(const Command &command)
{
   if (!command.known())
      return fail(0, "%u is not a command", uint32_t(command.opcode));
   const PacketDesc *desc = find_packet(command.opcode, command.object);
   if (!desc)
      return fail(0, "%u is not an object type", uint32_t(command.object));
   if (!check_header(command, *desc))
      return false;
   if (const DecodeResult shape = check_shape(*desc, command.payload); !shape)
      return fail(shape.dword, "%s (%zu dwords)", shape.reason, command.payload.size());
   if (!check_need(desc->need, 0, nullptr))
      return false;

   // Views of buffers put other things into the same dwords. Where nobody told which it is, bits
   // that mean nothing for the one may be part of a number for the other.
   bool any_bits = false;
   if (const PacketDesc *buffer = find_packet(command.opcode, command.object, true);
       buffer != desc) {
      const std::optional<bool> known = is_buffer(command.payload[1]);
      if (known.value_or(false))
         desc = buffer;
      any_bits = !known.has_value();
   }

   if (!check_group(command, desc->fixed, 0, any_bits))
      return false;
   const Shape shape = shape_of(*desc, command.payload);
   uint32_t at = desc->fixed.dwords;
   for (uint32_t i = 0; i < shape.parts; i++) {
      if (!check_need(desc->parts[i]->need, 1 + at, desc->parts[i]->name) ||
          !check_group(command, *desc->parts[i], at, false))
         return false;
      at += desc->parts[i]->dwords;
   }
   if (desc->tail.kind == TailKind::span) {
      for (uint32_t i = 0; i < shape.elements; i++) {
         if (!check_group(command, *desc->tail.element,
                          shape.tail_at + i * desc->tail.element->dwords, false))
            return false;
      }
   } else if (desc->tail.kind == TailKind::shader) {
      for (uint32_t i = 0; i < shape.outputs; i++) {
         if (!check_group(command, *desc->tail.element, desc->fixed.dwords + 5 + 2 * i, false))
            return false;
      }
      if (!check_shader(command, *desc))
         return false;
   }
   return check_special(command);
}

bool Validator::check_header(const Command &command, const PacketDesc &desc)
{
   const uint32_t object = uint32_t(command.object);
   if (desc.header_object) {
      if (object == 0 || object >= num_object_types)
         return fail(0, "%u is not an object type", object);
      if (desc.header_objects != 0 && !(desc.header_objects >> object & 1))
         return fail(0, "%s objects cannot be bound so", name_of(command.object));
   } else if (desc.opcode != Ccmd::create_object && object != 0 && options_.reserved_bits) {
      return fail(0, "object type %u in the header of a command without one", object);
   }
   return true;
}

bool Validator::check_need(const Need &need, uint32_t dword, const char *what)
{
   if (!options_.caps || has_need(*options_.caps, need))
      return true;
   return what ? fail(dword, "%s: the host lacks %s", what, need.name)
               : fail(dword, "the host lacks %s", need.name);
}

bool Validator::check_group(const Command &command, const GroupDesc &group, uint32_t at,
                            bool any_bits)
{
   for (const FieldDesc &f : group.fields) {
      const uint32_t step = f.type == FieldType::f64 || f.type == FieldType::u64 ? 2 : 1;
      for (uint32_t i = 0; i < f.count; i++) {
         if (!check_value(command, f, at + f.dword + i * step))
            return false;
      }
   }
   if (options_.reserved_bits && !any_bits) {
      for (uint32_t i = 0; i < group.dwords; i++) {
         if (const uint32_t more = command.payload[at + i] & ~group.used[i])
            return fail(1 + at + i, "reserved bits 0x%x are set", more);
      }
   }
   return true;
}

bool Validator::check_value(const Command &command, const FieldDesc &f, uint32_t at)
{
   const uint32_t v = bits(command.payload[at], f.shift, f.width);
   if (f.max != ~0u && v > f.max)
      return fail(1 + at, "%s: %u is more than %u", f.name, v, f.max);

   if (v >= f.need_from && !check_need(f.need, 1 + at, f.name))
      return false;

   switch (f.type) {
   case FieldType::boolean:
      return v <= 1 || fail(1 + at, "%s: %u is neither 0 nor 1", f.name, v);
   case FieldType::enumeration: {
      const NamedValue *named = f.values->find_value(v);
      if (named)
         return check_need(named->need, 1 + at, named->name);
      return (v == 0 && f.values->zero_is_unset) ||
             fail(1 + at, "%s: %u is not a %s", f.name, v, f.values->name);
   }
   case FieldType::flags: {
      uint32_t known = 0;
      for (const NamedValue &bit : f.values->values)
         known |= bit.value;
      return !(v & ~known) ||
             fail(1 + at, "%s: 0x%x is no flag of %s", f.name, v & ~known, f.values->name);
   }
   case FieldType::format:
      return is_format(v) || fail(1 + at, "%s: %u is not a format", f.name, v);
   case FieldType::resource:
      if (v == 0)
         return !f.required || fail(1 + at, "%s: no resource", f.name);
      return !options_.resources || resources_.contains(v) ||
             fail(1 + at, "%s: resource %u is not there", f.name, v);
   case FieldType::object:
      if (v == 0)
         return !f.required || fail(1 + at, "%s: no object", f.name);
      if (!options_.stateful || f.creates)
         return true;
      return check_reference(command, f, at, v);
   default:
      return true;
   }
}

bool Validator::check_reference(const Command &command, const FieldDesc &f, uint32_t at,
                                uint32_t handle)
{
   const auto it = current_->objects.find(handle);
   if (it == current_->objects.end())
      return fail(1 + at, "%s: there is no object %u", f.name, handle);
   const uint32_t type = uint32_t(it->second.type);
   const uint32_t allowed = f.objects ? f.objects : 1u << uint32_t(command.object);
   if (!(allowed >> type & 1))
      return fail(1 + at, "%s: object %u is a %s", f.name, handle, name_of(it->second.type));
   if (it->second.type == ObjectType::shader && !f.destroys) {
      const LongShader &unfinished = current_->long_shaders[uint32_t(it->second.stage)];
      if (unfinished.handle == handle)
         return fail(1 + at, "%s: shader %u lacks the end of its text", f.name, handle);
   }
   return true;
}

bool Validator::has_stage(ShaderStage stage) const
{
   if (!options_.caps)
      return true;
   switch (stage) {
   case ShaderStage::tess_ctrl:
   case ShaderStage::tess_eval:
      return options_.caps->has_feature(feature::has_tessellation_shaders);
   case ShaderStage::compute:
      return options_.caps->has(cap::compute_shader);
   default:
      return true;
   }
}

/// A chunk must come where the one before it ended, and the whole must end with a NUL.
bool Validator::check_shader(const Command &command, const PacketDesc &desc)
{
   const uint32_t handle = command.payload[0];
   const ShaderStage stage = ShaderStage(command.payload[1]);
   const bool continuation = bits(command.payload[2], 31, 1) != 0;
   const uint32_t offset = bits(command.payload[2], 0, 31);
   const Shape shape = shape_of(desc, command.payload);
   const uint32_t bytes = shape.elements * 4;
   if (!has_stage(stage))
      return fail(2, "stage: the host has no %s shaders", name_of(stage));
   if (bytes == 0)
      return fail(0, "a chunk without text");

   LongShader unfinished =
      options_.stateful ? current_->long_shaders[uint32_t(stage)] : LongShader{};
   if (!continuation) {
      if (unfinished.handle != 0)
         return fail(3, "shader %u of this stage lacks the end of its text", unfinished.handle);
      if (offset == 0)
         return fail(3, "a text without its NUL");
      unfinished = {handle, 0, (offset + 3) & ~3u};
   } else if (!options_.stateful) {
      return true;
   } else {
      if (unfinished.handle != handle)
         return fail(1, "a continuation of shader %u, which is not waiting for one", handle);
      if (offset != unfinished.next)
         return fail(3, "continues at %u instead of %u", offset, unfinished.next);
   }
   if (bytes > unfinished.size - unfinished.next)
      return fail(0, "%u bytes of text where %u are missing", bytes,
                  unfinished.size - unfinished.next);

   unfinished.next += bytes;
   if (unfinished.next == unfinished.size) {
      const uint32_t last = command.payload.back();
      const bool has_nul =
         (last & 0xff) == 0 || (last & 0xff00) == 0 || (last & 0xff0000) == 0 || last >> 24 == 0;
      if (!has_nul)
         return fail(uint32_t(command.payload.size()), "the text does not end with a NUL");
      unfinished = {};
   }
   if (options_.stateful) {
      if (!continuation && !apply_create(command))
         return false;
      current_->long_shaders[uint32_t(stage)] = unfinished;
   }
   return true;
}

/// What fields on their own do not tell.
bool Validator::check_special(const Command &command)
{
   const std::span<const uint32_t> p = command.payload;
   switch (command.opcode) {
   case Ccmd::create_object:
      if (command.object == ObjectType::shader)
         return true; // done with its text
      return !options_.stateful || apply_create(command);

   case Ccmd::destroy_object:
      return !options_.stateful || apply_destroy(command);

   case Ccmd::bind_shader: {
      const ShaderStage stage = ShaderStage(p[1]);
      if (p[0] == 0)
         return true;
      if (!has_stage(stage))
         return fail(2, "stage: the host has no %s shaders", name_of(stage));
      if (!options_.stateful)
         return true;
      const Object &shader = current_->objects.find(p[0])->second; // looked up already
      return shader.stage == stage ||
             fail(2, "stage: shader %u is a %s shader", p[0], name_of(shader.stage));
   }

   case Ccmd::draw_vbo:
      return check_primitive(p[2]);

   case Ccmd::set_shader_buffers:
   case Ccmd::set_shader_images:
      return p.size() <= 2 || check_slots(command);

   case Ccmd::set_viewport_state:
      return !options_.caps || p[0] + (p.size() - 1) / 6 <= std::max(options_.caps->max_viewports, 1u) ||
             fail(0, "more viewports than %u", options_.caps->max_viewports);

   case Ccmd::set_framebuffer_state:
      return !options_.caps || p[0] <= std::max(options_.caps->max_render_targets, 1u) ||
             fail(1, "more targets than %u", options_.caps->max_render_targets);

   case Ccmd::set_streamout_targets:
      return !options_.caps || p.size() - 1 <= options_.caps->max_streamout_buffers ||
             fail(0, "more targets than %u", options_.caps->max_streamout_buffers);

   case Ccmd::set_index_buffer:
      return p[0] == 0 || p.size() == 3 || fail(0, "a buffer without index size and offset");

   case Ccmd::set_sub_ctx:
   case Ccmd::create_sub_ctx:
   case Ccmd::destroy_sub_ctx:
      return !options_.stateful || check_sub_context(command);

   default:
      return true;
   }
}

/// Every GL has points, lines and triangles; the rest is announced.
bool Validator::check_primitive(uint32_t mode)
{
   constexpr uint32_t every_gl = 0x7f; // points to triangle_fan
   if (!options_.caps || ((options_.caps->prim_mask | every_gl) >> mode & 1))
      return true;
   return fail(3, "mode: the host does not draw primitives of mode %u", mode);
}

bool Validator::check_slots(const Command &command)
{
   if (!options_.caps)
      return true;
   const Caps &c = *options_.caps;
   const auto stage = ShaderStage(command.payload[0]);
   const bool many = stage == ShaderStage::fragment || stage == ShaderStage::compute;
   const bool buffers = command.opcode == Ccmd::set_shader_buffers;
   const uint32_t slots = buffers ? (many ? c.max_shader_buffer_frag_compute
                                          : c.max_shader_buffer_other_stages)
                                  : (many ? c.max_shader_image_frag_compute
                                          : c.max_shader_image_other_stages);
   return slots != 0 ||
          fail(1, "stage: the host has no %s for it", buffers ? "buffers" : "images");
}

bool Validator::check_sub_context(const Command &command)
{
   const uint32_t id = command.payload[0];
   const auto it = sub_contexts_.find(id);
   if (command.opcode == Ccmd::create_sub_ctx) {
      if (it != sub_contexts_.end())
         return fail(1, "sub-context %u is there already", id);
      if (sub_contexts_.size() >= options_.max_sub_contexts)
         return fail(1, "more than %u sub-contexts", options_.max_sub_contexts);
      current_ = &sub_contexts_[id];
      current_id_ = id;
      return true;
   }
   if (it == sub_contexts_.end())
      return fail(1, "there is no sub-context %u", id);
   if (command.opcode == Ccmd::set_sub_ctx) {
      current_ = &it->second;
      current_id_ = id;
      return true;
   }
   if (id == 0)
      return fail(1, "sub-context 0 cannot be destroyed");
   num_objects_ -= uint32_t(it->second.objects.size());
   sub_contexts_.erase(it);
   if (current_id_ == id) {
      current_ = &sub_contexts_[0];
      current_id_ = 0;
   }
   return true;
}

bool Validator::apply_create(const Command &command)
{
   const uint32_t handle = command.payload[0];
   if (current_->objects.contains(handle))
      return fail(1, "handle: object %u is there already", handle);
   if (num_objects_ >= options_.max_objects)
      return fail(1, "more than %u objects", options_.max_objects);
   const ShaderStage stage =
      command.object == ObjectType::shader ? ShaderStage(command.payload[1]) : ShaderStage::vertex;
   current_->objects.emplace(handle, Object{command.object, stage});
   num_objects_++;
   return true;
}

bool Validator::apply_destroy(const Command &command)
{
   const auto it = current_->objects.find(command.payload[0]); // there: looked up already
   if (it->second.type == ObjectType::shader) {
      LongShader &unfinished = current_->long_shaders[uint32_t(it->second.stage)];
      if (unfinished.handle == it->first)
         return fail(1, "handle: shader %u lacks the end of its text", it->first);
   }
   current_->objects.erase(it);
   num_objects_--;
   return true;
}

std::string to_string(const Fault &fault)
{
   return "dword " + std::to_string(fault.offset) + ", command " + std::to_string(fault.command) +
          ": " + fault.reason;
}

std::optional<Fault> check_structure(std::span<const uint32_t> stream)
{
   return Validator({.stateful = false}).submit(stream);
}

} // namespace virgl::proto
