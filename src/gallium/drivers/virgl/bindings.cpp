// SPDX-License-Identifier: MIT
// The set_* entry points: they record what Gallium wants and mark it; nothing is encoded here.
#include <cstring>
#include <utility>

#include "util/u_framebuffer.h"

#include "context.hpp"

namespace virgl {

namespace {

void set_framebuffer_state(pipe_context *pipe, const pipe_framebuffer_state *state)
{
   Context &ctx = Context::from(pipe);
   util_copy_framebuffer_state(&ctx.framebuffer, state);
   ctx.set_dirty(Dirty::framebuffer);
}

void set_viewport_states(pipe_context *pipe, unsigned start, unsigned count,
                         const pipe_viewport_state *states)
{
   Context &ctx = Context::from(pipe);
   for (unsigned i = 0; i < count; i++) {
      proto::Viewport &v = ctx.viewports[start + i];
      std::copy_n(states[i].scale, 3, v.scale.begin());
      std::copy_n(states[i].translate, 3, v.translate.begin());
   }
   ctx.num_viewports = std::max(ctx.num_viewports, start + count);
   ctx.set_dirty(Dirty::viewports);
}

void set_scissor_states(pipe_context *pipe, unsigned start, unsigned count,
                        const pipe_scissor_state *states)
{
   Context &ctx = Context::from(pipe);
   for (unsigned i = 0; i < count; i++) {
      proto::Scissor &s = ctx.scissors[start + i];
      s.minx = states[i].minx;
      s.miny = states[i].miny;
      s.maxx = states[i].maxx;
      s.maxy = states[i].maxy;
   }
   ctx.num_scissors = std::max(ctx.num_scissors, start + count);
   ctx.set_dirty(Dirty::scissors);
}

void set_blend_color(pipe_context *pipe, const pipe_blend_color *color)
{
   Context &ctx = Context::from(pipe);
   std::copy_n(color->color, 4, ctx.blend_color.color.begin());
   ctx.set_dirty(Dirty::blend_color);
}

void set_stencil_ref(pipe_context *pipe, const pipe_stencil_ref ref)
{
   Context &ctx = Context::from(pipe);
   ctx.stencil_ref.front = ref.ref_value[0];
   ctx.stencil_ref.back = ref.ref_value[1];
   ctx.set_dirty(Dirty::stencil_ref);
}

void set_sample_mask(pipe_context *pipe, unsigned mask)
{
   Context &ctx = Context::from(pipe);
   ctx.sample_mask = mask;
   ctx.set_dirty(Dirty::sample_mask);
}

void set_min_samples(pipe_context *pipe, unsigned min_samples)
{
   Context &ctx = Context::from(pipe);
   ctx.min_samples = min_samples;
   ctx.set_dirty(Dirty::min_samples);
}

void set_clip_state(pipe_context *pipe, const pipe_clip_state *state)
{
   Context &ctx = Context::from(pipe);
   static_assert(sizeof(ctx.clip.ucp) == sizeof(state->ucp));
   std::memcpy(&ctx.clip.ucp, state->ucp, sizeof(state->ucp));
   ctx.set_dirty(Dirty::clip);
}

void set_polygon_stipple(pipe_context *pipe, const pipe_poly_stipple *state)
{
   Context &ctx = Context::from(pipe);
   std::copy_n(state->stipple, 32, ctx.stipple.stipple.begin());
   ctx.set_dirty(Dirty::stipple);
}

void set_tess_state(pipe_context *pipe, const float outer[4], const float inner[2])
{
   Context &ctx = Context::from(pipe);
   std::copy_n(outer, 4, ctx.tess.outer_level.begin());
   std::copy_n(inner, 2, ctx.tess.inner_level.begin());
   ctx.set_dirty(Dirty::tess);
}

void set_patch_vertices(pipe_context *pipe, uint8_t vertices)
{
   Context::from(pipe).patch_vertices = vertices;
}

void set_vertex_buffers(pipe_context *pipe, unsigned start, unsigned count, unsigned unbind,
                        bool take_ownership, const pipe_vertex_buffer *buffers)
{
   Context &ctx = Context::from(pipe);
   const auto drop = [&ctx](pipe_vertex_buffer &vb) {
      if (!vb.is_user_buffer)
         ctx.references.drop(vb.buffer.resource);
      vb = {};
   };
   for (unsigned i = 0; i < count; i++) {
      pipe_vertex_buffer &vb = ctx.vertex_buffers[start + i];
      drop(vb);
      if (!buffers)
         continue;
      vb = buffers[i];
      if (!take_ownership && !vb.is_user_buffer)
         ctx.references.take(vb.buffer.resource);
   }
   for (unsigned i = start + count; i < start + count + unbind; i++)
      drop(ctx.vertex_buffers[i]);
   ctx.num_vertex_buffers = std::max(ctx.num_vertex_buffers, start + count);
   while (ctx.num_vertex_buffers > 0 &&
          !ctx.vertex_buffers[ctx.num_vertex_buffers - 1].buffer.resource)
      ctx.num_vertex_buffers--;
   ctx.set_dirty(Dirty::vertex_buffers);
}

// Slot 0: the data goes into the stream, so what matters is where it can be read.
void set_constants(Context &ctx, StageState &s, bool take_ownership, const pipe_constant_buffer *cb)
{
   pipe_resource *buffer = cb ? cb->buffer : nullptr;
   if (buffer && !take_ownership)
      p_atomic_inc(&buffer->reference.count);
   // Given back together, when the uploader has gone on to other memory; but not later, because that memory
   // is used again.
   if (buffer != s.constants_buffer)
      drop_constants(s);
   s.constants_buffer = buffer;
   s.constants_references += buffer != nullptr;
   s.constants_size = cb ? cb->buffer_size : 0;
   s.constants = nullptr;
   if (buffer) {
      Storage &storage = *Resource::from(buffer)->storage;
      if (storage.is_constants())
         s.constants = storage.cpu.get() + cb->buffer_offset;
   } else if (cb && cb->user_buffer) {
      const auto *data = static_cast<const std::byte *>(cb->user_buffer);
      s.constants_copy.assign(data, data + cb->buffer_size);
      s.constants = s.constants_copy.data();
   }
}

void set_constant_buffer(pipe_context *pipe, enum pipe_shader_type stage, uint index,
                         bool take_ownership, const pipe_constant_buffer *cb)
{
   Context &ctx = Context::from(pipe);
   StageState &s = ctx.stages[stage];
   const bool has_buffer = cb && cb->buffer;

   // Anything but a buffer that the host holds can only be slot 0's constants.
   const bool inlined = index == 0 && (!has_buffer || Resource::from(cb->buffer)->storage->is_constants());
   if (inlined) {
      set_constants(ctx, s, take_ownership, cb);
      ctx.set_dirty(stage, StageDirty::constants);
      if (!s.ubos[0].buffer)
         return;
      pipe_resource_reference(&s.ubos[0].buffer, nullptr);
      s.ubos[0] = {};
   } else {
      pipe_constant_buffer &bound = s.ubos[index];
      pipe_resource *buffer = has_buffer ? cb->buffer : nullptr;
      if (!take_ownership)
         ctx.references.take(buffer);
      ctx.references.drop(std::exchange(bound.buffer, buffer));
      bound.buffer_offset = has_buffer ? cb->buffer_offset : 0;
      bound.buffer_size = has_buffer ? cb->buffer_size : 0;
      bound.user_buffer = nullptr;
   }
   s.ubos_changed |= 1u << index;
   ctx.set_dirty(stage, StageDirty::uniform_buffers);
}

// What becomes of a view that is taken out of its slot. Takes the reference over.
void leave_view(Context &ctx, StageState &s, unsigned slot, pipe_sampler_view *view)
{
   if (slot < s.left_views.size()) {
      const uint32_t bit = 1u << slot;
      if (s.left & bit)
         ctx.references.drop(std::exchange(s.left_views[slot], nullptr));
      s.left &= ~bit;
      if (view && view->texture->target == PIPE_BUFFER) {
         s.left_views[slot] = view;
         s.left |= bit;
         return;
      }
   }
   ctx.references.drop(view);
}

void set_sampler_views(pipe_context *pipe, enum pipe_shader_type stage, unsigned start,
                       unsigned count, unsigned unbind, bool take_ownership,
                       pipe_sampler_view **views)
{
   Context &ctx = Context::from(pipe);
   StageState &s = ctx.stages[stage];
   for (unsigned i = 0; i < count; i++) {
      pipe_sampler_view *&slot = s.views[start + i];
      pipe_sampler_view *view = views ? views[i] : nullptr;
      if (!view && slot) {
         leave_view(ctx, s, start + i, std::exchange(slot, nullptr));
      } else if (take_ownership) {
         ctx.references.drop(std::exchange(slot, view));
      } else {
         pipe_sampler_view_reference(&slot, view);
      }
   }
   for (unsigned i = start + count; i < start + count + unbind; i++) {
      if (s.views[i])
         leave_view(ctx, s, i, std::exchange(s.views[i], nullptr));
   }
   s.num_views = std::max(s.num_views, start + count);
   while (s.num_views > 0 && !s.views[s.num_views - 1])
      s.num_views--;
   ctx.set_dirty(stage, StageDirty::views);
   if (ctx.screen.green_borders.load(std::memory_order_relaxed)) [[unlikely]]
      ctx.set_dirty(stage, StageDirty::samplers);
}

void copy_shader_buffer(pipe_shader_buffer &slot, const pipe_shader_buffer *from)
{
   if (from && from->buffer) {
      pipe_resource_reference(&slot.buffer, from->buffer);
      slot.buffer_offset = from->buffer_offset;
      slot.buffer_size = from->buffer_size;
   } else {
      pipe_resource_reference(&slot.buffer, nullptr);
      slot.buffer_offset = slot.buffer_size = 0;
   }
}

void note_may_write(Context &ctx, pipe_shader_type stage)
{
   const StageState &s = ctx.stages[stage];
   const uint32_t bit = 1u << stage;
   ctx.may_write = s.buffers_writable | s.images_bound ? ctx.may_write | bit : ctx.may_write & ~bit;
}

void set_shader_buffers(pipe_context *pipe, enum pipe_shader_type stage, unsigned start,
                        unsigned count, const pipe_shader_buffer *buffers, unsigned writable)
{
   Context &ctx = Context::from(pipe);
   StageState &s = ctx.stages[stage];
   for (unsigned i = 0; i < count; i++) {
      const unsigned slot = start + i;
      copy_shader_buffer(s.buffers[slot], buffers ? &buffers[i] : nullptr);
      const uint32_t bit = 1u << slot;
      s.buffers_writable = writable & (1u << i) ? s.buffers_writable | bit
                                                : s.buffers_writable & ~bit;
      s.buffers_bound = s.buffers[slot].buffer ? s.buffers_bound | bit : s.buffers_bound & ~bit;
      s.buffers_changed |= bit;
   }
   note_may_write(ctx, stage);
   ctx.set_dirty(stage, StageDirty::buffers);
}

void set_hw_atomic_buffers(pipe_context *pipe, unsigned start, unsigned count,
                           const pipe_shader_buffer *buffers)
{
   Context &ctx = Context::from(pipe);
   for (unsigned i = 0; i < count; i++)
      copy_shader_buffer(ctx.atomics[start + i], buffers ? &buffers[i] : nullptr);
   ctx.num_atomics = std::max(ctx.num_atomics, start + count);
   ctx.set_dirty(Dirty::atomics);
}

// A single layer is what the host can bind (virglrenderer, vrend_draw_bind_images_shader).
bool has_some_layers(const pipe_image_view &view)
{
   if (!view.resource || view.resource->target == PIPE_BUFFER)
      return false;
   const unsigned first = view.u.tex.first_layer, last = view.u.tex.last_layer;
   return first < last && last - first + 1 < view.resource->array_size;
}

void set_shader_images(pipe_context *pipe, enum pipe_shader_type stage, unsigned start,
                       unsigned count, unsigned unbind, const pipe_image_view *images)
{
   Context &ctx = Context::from(pipe);
   StageState &s = ctx.stages[stage];
   const uint32_t partial_before = s.images_partial;
   for (unsigned i = 0; i < count + unbind; i++) {
      const unsigned slot = start + i;
      pipe_resource *const old = s.images[slot].resource;
      s.images[slot] = images && i < count ? images[i] : pipe_image_view{};
      ctx.references.take(s.images[slot].resource);
      ctx.references.drop(old);
      const uint32_t bit = 1u << slot;
      s.images_bound = s.images[slot].resource ? s.images_bound | bit : s.images_bound & ~bit;
      s.images_partial = has_some_layers(s.images[slot]) ? s.images_partial | bit
                                                         : s.images_partial & ~bit;
      s.images_changed |= bit;
   }
   note_may_write(ctx, stage);
   ctx.set_dirty(stage, StageDirty::images);
   if (partial_before | s.images_partial)
      ctx.set_dirty(Dirty::shaders); // perhaps another variant
}

void set_stream_output_targets(pipe_context *pipe, unsigned count,
                               pipe_stream_output_target **targets, const unsigned *offsets)
{
   Context &ctx = Context::from(pipe);
   end_capture(ctx);
   ctx.streamout_append = 0;
   for (unsigned i = 0; i < ctx.streamout.size(); i++) {
      auto *target = i < count ? targets[i] : nullptr;
      auto *bound = reinterpret_cast<pipe_stream_output_target *>(ctx.streamout[i]);
      pipe_so_target_reference(&bound, target);
      ctx.streamout[i] = reinterpret_cast<StreamoutTarget *>(bound);
      if (target && offsets[i] == ~0u) {
         ctx.streamout_append |= 1u << i;
      } else if (target) {
         ctx.streamout[i]->vertices = 0;
         ctx.streamout[i]->unknown = false;
         ctx.streamout[i]->counts.clear();
         for (StageState &s : ctx.stages)
            s.capturing_shader = nullptr;
      }
   }
   ctx.num_streamout = count;
   ctx.set_dirty(Dirty::streamout);
   ctx.set_dirty(Dirty::shaders); // see emit_shader
}

} // namespace

void context_init_bindings(Context &ctx)
{
   pipe_context &p = ctx.base;
   p.set_framebuffer_state = set_framebuffer_state;
   p.set_viewport_states = set_viewport_states;
   p.set_scissor_states = set_scissor_states;
   p.set_blend_color = set_blend_color;
   p.set_stencil_ref = set_stencil_ref;
   p.set_sample_mask = set_sample_mask;
   p.set_min_samples = set_min_samples;
   p.set_clip_state = set_clip_state;
   p.set_polygon_stipple = set_polygon_stipple;
   p.set_tess_state = set_tess_state;
   p.set_patch_vertices = set_patch_vertices;
   p.set_vertex_buffers = set_vertex_buffers;
   p.set_constant_buffer = set_constant_buffer;
   p.set_sampler_views = set_sampler_views;
   p.set_shader_buffers = set_shader_buffers;
   p.set_hw_atomic_buffers = set_hw_atomic_buffers;
   p.set_shader_images = set_shader_images;
   p.set_stream_output_targets = set_stream_output_targets;
}

} // namespace virgl
