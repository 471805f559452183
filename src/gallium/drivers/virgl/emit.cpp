// SPDX-License-Identifier: MIT
// From recorded state to commands: at draw time, and only what differs from what the host has.
#include <algorithm>
#include <bit>
#include <cstring>

#include "context.hpp"
#include "formats.hpp"
#include "query.hpp"
#include "red_blue.hpp"

namespace virgl {

namespace {

using proto::ObjectHandle;
using proto::ResourceHandle;

// Objects that are bound by BIND_OBJECT.
template <class T>
void emit_bound_object(Context &ctx, proto::ObjectType type, T *object, ObjectHandle &sent)
{
   if (!object || object->handle == sent)
      return;
   encode_once(ctx, *object);
   ctx.emit(proto::BindObject{.type = type, .handle = object->handle});
   sent = object->handle;
}

void emit_vertex_buffers(Context &ctx)
{
   std::array<proto::VertexBuffer, PIPE_MAX_ATTRIBS> now;
   const VertexElements *ve = ctx.vertex_elements;
   const bool remapped = ve && ve->remapped;
   const uint32_t count = remapped ? ve->count : ctx.num_vertex_buffers;
   for (uint32_t i = 0; i < count; i++) {
      const pipe_vertex_buffer &vb = ctx.vertex_buffers[remapped ? ve->binding_map[i] : i];
      now[i] = {};
      if (vb.is_user_buffer || !vb.buffer.resource)
         continue;
      now[i].stride = vb.stride;
      const BufferPlace place =
         place_buffer(ctx, *Resource::from(vb.buffer.resource), placed_for_vertices);
      now[i].offset = place.offset + vb.buffer_offset;
      now[i].resource = place.resource;
   }
   if (count == ctx.sent_num_vertex_buffers &&
       std::memcmp(now.data(), ctx.sent_vertex_buffers.data(), count * sizeof(now[0])) == 0)
      return;
   ctx.emit(proto::SetVertexBuffers{.buffers = std::span(now.data(), count)});
   std::copy_n(now.begin(), count, ctx.sent_vertex_buffers.begin());
   ctx.sent_num_vertex_buffers = count;
}

template <class T, size_t N>
bool same_prefix(const std::array<T, N> &a, const std::array<T, N> &b, uint32_t count)
{
   return std::memcmp(a.data(), b.data(), count * sizeof(T)) == 0;
}

void emit_viewports(Context &ctx)
{
   const uint32_t n = ctx.num_viewports;
   if (n == ctx.sent_num_viewports && same_prefix(ctx.viewports, ctx.sent_viewports, n))
      return;
   ctx.emit(proto::SetViewportState{.start_slot = 0, .viewports = std::span(ctx.viewports.data(), n)});
   ctx.sent_viewports = ctx.viewports;
   ctx.sent_num_viewports = n;
}

void emit_scissors(Context &ctx)
{
   const uint32_t n = ctx.num_scissors;
   if (n == 0 || (n == ctx.sent_num_scissors && same_prefix(ctx.scissors, ctx.sent_scissors, n)))
      return;
   ctx.emit(proto::SetScissorState{.start_slot = 0, .scissors = std::span(ctx.scissors.data(), n)});
   ctx.sent_scissors = ctx.scissors;
   ctx.sent_num_scissors = n;
}

void emit_blend(Context &ctx)
{
   BlendState *blend = ctx.blend;
   if (!blend || blend->handle == ctx.sent_blend)
      return;
   const int logicop = blend->packet.logicop_enable ? int(blend->packet.logicop_func) : -1;
   ctx.change_logicop = logicop >= 0 && ctx.sent_logicop >= 0 && logicop != ctx.sent_logicop;
   ctx.sent_logicop = logicop;
   emit_bound_object(ctx, proto::ObjectType::blend, blend, ctx.sent_blend);
}

// The host looks at the logic operation only when a draw finds logic operations newly switched on
// (virglrenderer, vrend_hw_emit_blend): from one to another the way leads through a draw without, of no
// vertices.
void toggle_logicop(Context &ctx)
{
   ctx.change_logicop = false;
   if (ctx.no_logicop.handle == ObjectHandle::none)
      ctx.no_logicop.handle = ctx.no_logicop.packet.handle = ctx.screen.new_object();
   emit_bound_object(ctx, proto::ObjectType::blend, &ctx.no_logicop, ctx.sent_blend);
   ctx.emit(proto::DrawVbo{.count = 0, .mode = PIPE_PRIM_POINTS, .instance_count = 1, .max_index = ~0u});
   ctx.units.drawn();
   ctx.units.active = -1; // points have a program of their own
   emit_bound_object(ctx, proto::ObjectType::blend, ctx.blend, ctx.sent_blend);
}

// The bound rasterizer as the draw wants it.
RasterizerObject *tweaked_rasterizer(Context &ctx)
{
   RasterizerState *state = ctx.rasterizer;
   const RasterizerTweak &tweak = ctx.rasterizer_tweak;
   if (!state || tweak == RasterizerTweak{})
      return state;
   for (const auto &made : state->tweaked) {
      if (made->tweak == tweak)
         return made.get();
   }
   auto made = std::make_unique<RasterizerState::Tweaked>();
   made->tweak = tweak;
   made->packet = state->packet;
   made->handle = made->packet.handle = ctx.screen.new_object();
   if (tweak.one_mode)
      made->packet.fill_front = made->packet.fill_back = tweak.mode;
   if (tweak.no_stipple)
      made->packet.poly_stipple_enable = false;
   made->packet.cull_face |= tweak.cull;
   return state->tweaked.emplace_back(std::move(made)).get();
}

void emit_rasterizer(Context &ctx)
{
   emit_bound_object(ctx, proto::ObjectType::rasterizer, tweaked_rasterizer(ctx),
                     ctx.sent_rasterizer);
   // The host works out a viewport's depth range when it gets the viewport, by the clip_halfz bound
   // at that time (virglrenderer, vrend_set_viewport_states).
   if (ctx.rasterizer && ctx.rasterizer->packet.clip_halfz != ctx.sent_clip_halfz) {
      ctx.sent_clip_halfz = ctx.rasterizer->packet.clip_halfz;
      ctx.sent_num_viewports = 0;
   }
}

void emit_streamout(Context &ctx)
{
   std::array<ObjectHandle, PIPE_MAX_SO_BUFFERS> handles{};
   for (uint32_t i = 0; i < ctx.num_streamout; i++) {
      StreamoutTarget *target = ctx.streamout[i];
      handles[i] = use_streamout_target(ctx, target);
      if (target) {
         mark_buffer_written(*Resource::from(target->base.buffer), target->base.buffer_offset,
                             target->base.buffer_size);
      }
   }
   ctx.emit(proto::SetStreamoutTargets{.append_bitmask = ctx.streamout_append,
                                       .targets = std::span(handles.data(), ctx.num_streamout)});
}

void emit_atomics(Context &ctx)
{
   if (ctx.num_atomics == 0)
      return;
   std::array<proto::ShaderBuffer, PIPE_MAX_HW_ATOMIC_BUFFERS> now{};
   for (uint32_t i = 0; i < ctx.num_atomics; i++) {
      const pipe_shader_buffer &b = ctx.atomics[i];
      if (!b.buffer)
         continue;
      Resource &res = *Resource::from(b.buffer);
      now[i].offset = b.buffer_offset;
      now[i].length = b.buffer_size;
      now[i].resource = use_buffer(ctx, res);
      res.storage->shaders_used.store(true, std::memory_order_relaxed);
      mark_buffer_written(res, b.buffer_offset, b.buffer_size);
   }
   ctx.emit(proto::SetAtomicBuffers{.start_slot = 0, .buffers = std::span(now.data(), ctx.num_atomics)});
}

// --- one stage -----------------------------------------------------------------------------------

// How many of the first `count` dwords of two arrays it takes to reach the last that differs.
uint32_t up_to_last_difference(const uint32_t *a, const uint32_t *b, uint32_t count)
{
   constexpr uint32_t chunk = 32;
   while (count > chunk && std::memcmp(a + count - chunk, b + count - chunk, chunk * 4) == 0)
      count -= chunk;
   while (count > 0 && a[count - 1] == b[count - 1])
      count--;
   return count;
}

void emit_constants(Context &ctx, proto::ShaderStage stage, StageState &s)
{
   uint32_t dwords = (s.constants_size + 3) / 4;
   if (!s.constants || dwords == 0)
      return;
   // The stream carries whole dwords; Gallium's constants are whole vec4s.
   const auto *data = reinterpret_cast<const uint32_t *>(s.constants);
   std::vector<uint32_t> &sent = s.sent_constants;
   const bool known = ctx.screen.keeps_constants ? dwords <= sent.size() : dwords == sent.size();
   if (known) {
      const uint32_t differing = up_to_last_difference(data, sent.data(), dwords);
      if (differing == 0)
         return;
      if (ctx.screen.keeps_constants)
         dwords = differing;
      std::memcpy(sent.data(), data, dwords * 4);
   } else {
      sent.assign(data, data + dwords);
   }
   ctx.emit(proto::SetConstantBuffer{.stage = stage, .index = 0, .data = std::span(data, dwords)});
}

void emit_uniform_buffers(Context &ctx, proto::ShaderStage stage, StageState &s)
{
   uint32_t changed = std::exchange(s.ubos_changed, 0);
   while (changed) {
      const unsigned i = std::countr_zero(changed);
      changed &= changed - 1;
      const pipe_constant_buffer &cb = s.ubos[i];
      UniformBinding now;
      if (cb.buffer) {
         Resource &res = *Resource::from(cb.buffer);
         const BufferPlace place = place_buffer(ctx, res, placed_for_uniforms(&s - ctx.stages.data()));
         now.offset = place.offset + cb.buffer_offset;
         now.length = cb.buffer_size;
         now.resource = place.resource;
         note_read(ctx, res, cb.buffer_offset, cb.buffer_size);
      }
      if (now == s.sent_ubos[i])
         continue;
      ctx.emit(proto::SetUniformBuffer{.stage = stage,
                                       .index = i,
                                       .offset = now.offset,
                                       .length = now.length,
                                       .resource = now.resource});
      s.sent_ubos[i] = now;
   }
}

// From the first to the last of the slots marked in a mask; empty where none is.
struct SlotRange {
   unsigned first = 0, end = 0;

   explicit SlotRange(uint32_t marked)
   {
      if (marked) {
         first = std::countr_zero(marked);
         end = 32 - std::countl_zero(marked);
      }
   }
   bool empty() const { return first == end; }
};

template <class T> bool same_bytes(const T &a, const T &b)
{
   static_assert(std::has_unique_object_representations_v<T>);
   return std::memcmp(&a, &b, sizeof(T)) == 0;
}

void emit_shader_buffers(Context &ctx, proto::ShaderStage stage, StageState &s)
{
   // What the shader has no use for would only be in the way of other stages.
   const uint32_t wanted = s.shader ? s.shader->buffers : 0;
   const uint32_t marked = std::exchange(s.buffers_changed, 0) & (wanted | s.buffer_slots.sent);
   uint32_t differing = 0;
   for (uint32_t bits = marked; bits; bits &= bits - 1) {
      const unsigned i = std::countr_zero(bits);
      const pipe_shader_buffer &b = s.buffers[i];
      proto::ShaderBuffer now{};
      const bool bound = b.buffer && (wanted >> i & 1);
      if (bound) {
         Resource &res = *Resource::from(b.buffer);
         now.offset = b.buffer_offset;
         now.length = b.buffer_size;
         now.resource = use_buffer(ctx, res);
         res.storage->shaders_used.store(true, std::memory_order_relaxed);
         note_read(ctx, res, b.buffer_offset, b.buffer_size);
         if (s.buffers_writable & (1u << i))
            mark_buffer_written(res, b.buffer_offset, b.buffer_size);
      }
      if (s.buffer_slots.has(i) == bound && (!bound || same_bytes(now, s.sent_buffers[i])))
         continue;
      differing |= 1u << i;
      s.buffer_slots.set(i, bound);
      s.sent_buffers[i] = now;
   }
   const SlotRange changed(differing);
   if (changed.empty())
      return;
   for (unsigned i = changed.first; i < changed.end; i++) {
      if (!s.buffer_slots.has(i))
         s.sent_buffers[i] = {}; // between others
   }
   ctx.emit(proto::SetShaderBuffers{
      .stage = stage,
      .start_slot = s.buffer_slots.base + changed.first,
      .buffers = std::span(s.sent_buffers.data() + changed.first, changed.end - changed.first)});
}

void emit_images(Context &ctx, proto::ShaderStage stage, StageState &s)
{
   const uint32_t wanted = s.shader ? s.shader->images : 0;
   const uint32_t marked = std::exchange(s.images_changed, 0) & (wanted | s.image_slots.sent);
   uint32_t differing = 0;
   for (uint32_t bits = marked; bits; bits &= bits - 1) {
      const unsigned i = std::countr_zero(bits);
      const pipe_image_view &view = s.images[i];
      proto::ShaderImage image{};
      const bool bound = view.resource && (wanted >> i & 1);
      if (bound) {
         Resource &res = *Resource::from(view.resource);
         image.format = host_format(res, view.format);
         image.access = view.access;
         fill_plane(ctx, res);
         image.resource = use_resource(ctx, res);
         if (res.is_buffer()) {
            res.storage->shaders_used.store(true, std::memory_order_relaxed);
            image.layer_offset = view.u.buf.offset;
            image.level_size = view.u.buf.size;
            note_read(ctx, res, view.u.buf.offset, view.u.buf.size);
            if (view.access & PIPE_IMAGE_ACCESS_WRITE)
               mark_buffer_written(res, view.u.buf.offset, view.u.buf.size);
         } else {
            image.layer_offset = view.u.tex.first_layer | uint32_t(view.u.tex.last_layer) << 16;
            image.level_size = view.u.tex.level;
         }
      }
      if (s.image_slots.has(i) == bound && (!bound || same_bytes(image, s.sent_images[i])))
         continue;
      differing |= 1u << i;
      s.image_slots.set(i, bound);
      s.sent_images[i] = image;
   }
   const SlotRange changed(differing);
   if (changed.empty())
      return;
   for (unsigned i = changed.first; i < changed.end; i++) {
      if (!s.image_slots.has(i))
         s.sent_images[i] = {}; // between others
   }
   ctx.emit(proto::SetShaderImages{
      .stage = stage,
      .start_slot = s.image_slots.base + changed.first,
      .images = std::span(s.sent_images.data() + changed.first, changed.end - changed.first)});
}

void emit_stage(Context &ctx, pipe_shader_type type)
{
   StageState &s = ctx.stages[type];
   const auto stage = host_stage(type);
   const uint32_t dirty = std::exchange(s.dirty, 0);
   const auto is = [dirty](StageDirty d) { return (dirty & uint32_t(d)) != 0; };
   if (is(StageDirty::constants))
      emit_constants(ctx, stage, s);
   if (is(StageDirty::uniform_buffers))
      emit_uniform_buffers(ctx, stage, s);
   if (is(StageDirty::views))
      emit_views(ctx, stage, s);
   if (is(StageDirty::samplers))
      emit_bound_samplers(ctx, stage, s);
   if (is(StageDirty::buffers))
      emit_shader_buffers(ctx, stage, s);
   if (is(StageDirty::images))
      emit_images(ctx, stage, s);
}

// Whether that is a shader that was made to go without user clip planes, and cannot.
bool wants_clip_planes(const Context &ctx, Shader &shader)
{
   if (!shader.text.no_clip_planes)
      return false;
   // Planes that come and go must not make another program of each draw.
   shader.clipped |= ctx.rasterizer && ctx.rasterizer->state.clip_plane_enable;
   return shader.clipped || later_stages(ctx);
}

// What the shader has to be specialized for.
ShaderKey shader_key(const Context &ctx, const StageState &s, TakenSlots &taken)
{
   ShaderKey key;
   take_slots(ctx.screen, *s.shader, taken, key);
   key.clip_planes = wants_clip_planes(ctx, *s.shader);
   for (uint32_t bits = s.clamping & s.shader->samplers; bits; bits &= bits - 1) {
      const uint32_t slot = uint32_t(std::countr_zero(bits));
      const SamplerState &sampler = *s.samplers[slot];
      for (unsigned axis = 0; axis < 3; axis++)
         key.clamped[axis] |= (sampler.clamped >> axis & 1u) << slot;
      key.graded |= uint32_t(sampler.graded) << slot;
   }
   for (uint32_t bits = s.images_partial & s.shader->images; bits; bits &= bits - 1) {
      const uint32_t slot = uint32_t(std::countr_zero(bits));
      const pipe_image_view &view = s.images[slot];
      const unsigned first = view.u.tex.first_layer, last = view.u.tex.last_layer;
      if (first > 0 || s.shader->queries_size)
         key.layers[slot] = {uint16_t(first), uint16_t(last - first + 1)};
   }
   return key;
}

// Has the host's slots begin somewhere else, and marks what it has to be told because of that or because
// of another shader. True if there is something.
template <class Packet, class Binding>
bool place_slots(Context &ctx, proto::ShaderStage stage, HostSlots &slots, uint8_t base,
                 uint32_t wanted, std::span<const Binding> Packet::*list, uint32_t &changed)
{
   if (base != slots.base) {
      // What stays would be bound over what other stages have there.
      if (slots.sent) {
         const std::array<Binding, 32> none{};
         Packet packet{};
         packet.stage = stage;
         packet.start_slot = slots.base;
         packet.*list = std::span(none.data(), size_t(std::bit_width(slots.sent)));
         ctx.emit(packet);
      }
      slots = {base, 0};
   }
   const uint32_t differ = wanted ^ slots.sent;
   changed |= differ;
   return differ != 0;
}

// `taken`: slots of the stages before this one.
void emit_shader(Context &ctx, pipe_shader_type type, TakenSlots &taken)
{
   StageState &s = ctx.stages[type];
   Shader *shader = s.shader;
   // To the host another variant is another program, with which transform feedback that goes on is an
   // error, and the context is lost: what it began with stays.
   const bool captures = ctx.num_streamout > 0 && type != PIPE_SHADER_COMPUTE;
   if (shader &&
       (captures || wants_clip_planes(ctx, *shader) ||
        ((s.clamping & shader->samplers) | shader->buffers | shader->images))) {
      ShaderKey key = shader_key(ctx, s, taken);
      if (captures && std::exchange(s.capturing_shader, shader) == shader)
         key = s.capturing_key;
      else if (captures)
         s.capturing_key = key;
      const auto stage = host_stage(type);
      if (shader->buffers &&
          place_slots(ctx, stage, s.buffer_slots, key.buffer_base,
                      shader->buffers & s.buffers_bound, &proto::SetShaderBuffers::buffers,
                      s.buffers_changed))
         ctx.set_dirty(type, StageDirty::buffers);
      if (shader->images &&
          place_slots(ctx, stage, s.image_slots, key.image_base,
                      shader->images & s.images_bound, &proto::SetShaderImages::images,
                      s.images_changed))
         ctx.set_dirty(type, StageDirty::images);
      shader = use_variant(ctx, *shader, key, s.sent_shader);
   }
   const ObjectHandle handle = use_shader(ctx, shader);
   if (handle == s.sent_shader)
      return;
   ctx.emit(proto::BindShader{.handle = handle, .stage = host_stage(type)});
   s.sent_shader = handle;
}

// What shaders may write is written by every draw it stays bound for, so its guest memory is outdated
// again even if somebody read it back in between.
void mark_shader_writes(Context &ctx, StageState &s)
{
   for (uint32_t bits = s.buffers_writable; bits; bits &= bits - 1) {
      const pipe_shader_buffer &b = s.buffers[std::countr_zero(bits)];
      if (!b.buffer)
         continue;
      mark_host_written(*Resource::from(b.buffer));
      note_write(ctx, *Resource::from(b.buffer), b.buffer_offset, b.buffer_size);
   }
   for (uint32_t bits = s.images_bound; bits; bits &= bits - 1) {
      const pipe_image_view &view = s.images[std::countr_zero(bits)];
      if (!(view.access & PIPE_IMAGE_ACCESS_WRITE))
         continue;
      Resource &res = *Resource::from(view.resource);
      mark_host_written(res);
      if (res.is_buffer())
         note_write(ctx, res, view.u.buf.offset, view.u.buf.size);
   }
}

// The same for what belongs to no stage, after every draw and dispatch.
void mark_context_writes(Context &ctx)
{
   ctx.shaders_ran = true;
   for (uint32_t i = 0; i < ctx.num_streamout; i++) {
      if (!ctx.streamout[i])
         continue;
      const pipe_stream_output_target &target = ctx.streamout[i]->base;
      mark_host_written(*Resource::from(target.buffer));
      note_write(ctx, *Resource::from(target.buffer), target.buffer_offset, target.buffer_size);
   }
   for (uint32_t i = 0; i < ctx.num_atomics; i++) {
      const pipe_shader_buffer &b = ctx.atomics[i];
      if (!b.buffer)
         continue;
      mark_host_written(*Resource::from(b.buffer));
      note_write(ctx, *Resource::from(b.buffer), b.buffer_offset, b.buffer_size);
   }
}

} // namespace

void emit_render_condition(Context &ctx)
{
   const uint32_t bit = uint32_t(Dirty::render_condition);
   if (!(ctx.dirty & bit))
      return;
   ctx.dirty &= ~bit;
   auto &rc = ctx.render_condition;
   // To end a condition that never began is an error on the host.
   if (!rc.part && !ctx.sent_render_condition)
      return;
   // So is to begin one inside another.
   if (rc.part && ctx.sent_render_condition)
      ctx.emit(proto::SetRenderCondition{});
   ctx.sent_render_condition = rc.part != nullptr;
   ctx.emit(proto::SetRenderCondition{.handle = rc.part ? use_query(ctx, *rc.query, *rc.part)
                                                        : ObjectHandle::none,
                                      .condition = rc.condition,
                                      .mode = rc.mode});
}

void emit_framebuffer_state(Context &ctx)
{
   const uint32_t bit = uint32_t(Dirty::framebuffer);
   if (!(ctx.dirty & bit))
      return;
   ctx.dirty &= ~bit;

   const pipe_framebuffer_state &fb = ctx.framebuffer;
   std::array<ObjectHandle, PIPE_MAX_COLOR_BUFS> color{};
   bool any = fb.zsbuf != nullptr;
   for (unsigned i = 0; i < fb.nr_cbufs; i++) {
      color[i] = use_surface(ctx, reinterpret_cast<Surface *>(fb.cbufs[i]));
      any |= fb.cbufs[i] != nullptr;
   }
   const ObjectHandle zs = use_surface(ctx, reinterpret_cast<Surface *>(fb.zsbuf));
   if (fb.nr_cbufs != ctx.sent_num_color_buffers || zs != ctx.sent_depth_stencil ||
       !same_prefix(color, ctx.sent_color_buffers, fb.nr_cbufs)) {
      ctx.emit(proto::SetFramebufferState{.depth_stencil = zs,
                                          .color_buffers = std::span(color.data(), fb.nr_cbufs)});
      ctx.sent_num_color_buffers = fb.nr_cbufs;
      ctx.sent_color_buffers = color;
      ctx.sent_depth_stencil = zs;
      ctx.units.other_program = true; // fragment shaders depend on formats
   }
   if (!any && ctx.screen.has(proto::cap::fb_no_attach)) {
      ctx.emit(proto::SetFramebufferStateNoAttach{.width = fb.width,
                                                  .height = fb.height,
                                                  .layers = fb.layers,
                                                  .samples = fb.samples});
   }
}

void emit_draw_state(Context &ctx, unsigned mode)
{
   note_moved_buffers(ctx);
   emit_framebuffer_state(ctx);
   const uint32_t dirty = std::exchange(ctx.dirty, 0);
   const auto is = [dirty](Dirty d) { return (dirty & uint32_t(d)) != 0; };
   // With some state the host chooses another variant of its shaders. With this it does not.
   constexpr uint32_t program_stays = uint32_t(Dirty::viewports) | uint32_t(Dirty::scissors) |
                                      uint32_t(Dirty::blend_color) | uint32_t(Dirty::stencil_ref) |
                                      uint32_t(Dirty::stages);
   const bool points = mode == PIPE_PRIM_POINTS;
   const bool may_change_program = (dirty & ~program_stays) || points != ctx.units.points;
   ctx.units.points = points;

   if (dirty) {
      if (is(Dirty::render_condition)) {
         ctx.dirty |= uint32_t(Dirty::render_condition);
         emit_render_condition(ctx);
      }
      if (is(Dirty::rasterizer))
         emit_rasterizer(ctx);
      if (is(Dirty::viewports) || ctx.sent_num_viewports == 0)
         emit_viewports(ctx);
      if (is(Dirty::scissors))
         emit_scissors(ctx);
      if (is(Dirty::blend))
         emit_blend(ctx);
      if (is(Dirty::dsa))
         emit_bound_object(ctx, proto::ObjectType::dsa, ctx.dsa, ctx.sent_dsa);
      if (is(Dirty::blend_color) && !(ctx.blend_color.color == ctx.sent_blend_color.color)) {
         ctx.emit(ctx.blend_color);
         ctx.sent_blend_color = ctx.blend_color;
      }
      if (is(Dirty::stencil_ref) && !(ctx.stencil_ref.front == ctx.sent_stencil_ref.front &&
                                      ctx.stencil_ref.back == ctx.sent_stencil_ref.back)) {
         ctx.emit(ctx.stencil_ref);
         ctx.sent_stencil_ref = ctx.stencil_ref;
      }
      if (is(Dirty::sample_mask) && ctx.sample_mask != ctx.sent_sample_mask) {
         ctx.emit(proto::SetSampleMask{.mask = ctx.sample_mask});
         ctx.sent_sample_mask = ctx.sample_mask;
      }
      if (is(Dirty::min_samples) && ctx.min_samples != ctx.sent_min_samples &&
          ctx.screen.has(proto::cap::set_min_samples)) {
         ctx.emit(proto::SetMinSamples{.min_samples = ctx.min_samples});
         ctx.sent_min_samples = ctx.min_samples;
      }
      if (is(Dirty::clip))
         ctx.emit(ctx.clip);
      if (is(Dirty::stipple))
         ctx.emit(ctx.stipple);
      if (is(Dirty::tess) && ctx.screen.caps.has_feature(proto::feature::has_tessellation_shaders))
         ctx.emit(ctx.tess);
      if (is(Dirty::shaders)) {
         TakenSlots taken;
         for (pipe_shader_type stage : graphics_stages)
            emit_shader(ctx, stage, taken);
      }
      // Another shader may have moved its stage's slots.
      const uint32_t stages_bit = uint32_t(Dirty::stages);
      const bool stages_dirty = ((dirty | ctx.dirty) & stages_bit) != 0;
      ctx.dirty &= ~stages_bit;
      if (stages_dirty) {
         for (pipe_shader_type stage : graphics_stages) {
            if (ctx.stages[stage].dirty)
               emit_stage(ctx, stage);
         }
         // What the compute stage has stays for the next dispatch.
         if (ctx.stages[PIPE_SHADER_COMPUTE].dirty)
            ctx.dirty |= uint32_t(Dirty::stages);
      }
      if (is(Dirty::vertex_elements))
         emit_bound_object(ctx, proto::ObjectType::vertex_elements, ctx.vertex_elements,
                           ctx.sent_vertex_elements);
      if (is(Dirty::vertex_buffers))
         emit_vertex_buffers(ctx);
      if (is(Dirty::atomics))
         emit_atomics(ctx);
      if (is(Dirty::streamout))
         emit_streamout(ctx);
   }
   settle_texture_units(ctx, may_change_program);
   if (ctx.change_logicop)
      toggle_logicop(ctx);
   note_newly_tracked(ctx);
   for (uint32_t bits = ctx.may_write & ~(1u << PIPE_SHADER_COMPUTE); bits; bits &= bits - 1)
      mark_shader_writes(ctx, ctx.stages[std::countr_zero(bits)]);
   mark_context_writes(ctx);
}

void emit_compute_state(Context &ctx)
{
   note_moved_buffers(ctx);
   emit_render_condition(ctx);
   TakenSlots taken;
   emit_shader(ctx, PIPE_SHADER_COMPUTE, taken);
   emit_stage(ctx, PIPE_SHADER_COMPUTE);
   if (ctx.dirty & uint32_t(Dirty::atomics)) {
      ctx.dirty &= ~uint32_t(Dirty::atomics);
      emit_atomics(ctx);
   }
   constexpr pipe_shader_type compute[] = {PIPE_SHADER_COMPUTE};
   restore_texture_units(ctx, compute);
   ctx.texture_units_disturbed = true; // for the next draw
   note_newly_tracked(ctx);
   mark_shader_writes(ctx, ctx.stages[PIPE_SHADER_COMPUTE]);
   mark_context_writes(ctx);
}

void Context::mark_everything()
{
   dirty = uint32_t(Dirty::all);
   for (StageState &s : stages)
      s.dirty = uint32_t(StageDirty::all);
}

} // namespace virgl
