// SPDX-License-Identifier: MIT
#include "app_bindings.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "util/u_inlines.h"
#include "util/u_range.h"
#include "util/u_threaded_context.h"

#include "context.hpp"
#include "messages.hpp"

namespace virgl {

namespace {

AppBindings &bindings_of(pipe_context *wrapped)
{
   return Context::from(static_cast<pipe_context *>(wrapped->priv)).app;
}

// What was added to an uploader's buffer is sent when a binding names it (use_buffer), and an addition that
// goes on where the last one ended may look like it. Constants lie in memory that is used again.
bool is_uploaders(const pipe_resource *resource)
{
   return resource && (resource->flags & (resource_flag_stream | resource_flag_constants));
}

// Programs set the same buffers with each change of a format or of the array object.
void set_vertex_buffers(pipe_context *wrapped, unsigned start, unsigned count, unsigned unbind,
                        bool take_ownership, const pipe_vertex_buffer *buffers)
{
   AppBindings &app = bindings_of(wrapped);
   AppBindings::VertexBuffers &last = app.vertex_buffers;
   bool same = buffers && last.known && start == 0 && count == last.count && unbind <= last.unbind;
   for (unsigned i = 0; same && i < count; i++) {
      same = buffers[i].buffer.resource == last.buffers[i].buffer.resource &&
             buffers[i].buffer_offset == last.buffers[i].buffer_offset &&
             buffers[i].stride == last.buffers[i].stride && !buffers[i].is_user_buffer;
   }
   if (same) {
      for (unsigned i = 0; take_ownership && i < count; i++)
         app.surplus.drop(buffers[i].buffer.resource);
      return;
   }
   last.known = buffers && start == 0;
   last.count = count;
   last.unbind = unbind;
   for (unsigned i = 0; last.known && i < count; i++) {
      last.buffers[i] = buffers[i];
      last.known = !buffers[i].is_user_buffer && !is_uploaders(buffers[i].buffer.resource);
   }
   app.queue_vertex_buffers(wrapped, start, count, unbind, take_ownership, buffers);
}

void set_constant_buffer(pipe_context *wrapped, pipe_shader_type stage, unsigned index,
                         bool take_ownership, const pipe_constant_buffer *cb)
{
   AppBindings &app = bindings_of(wrapped);
   AppBindings::Stage &s = app.stages[stage];
   const uint32_t bit = 1u << index;
   pipe_constant_buffer &last = s.uniforms[index];
   const pipe_constant_buffer now = cb ? *cb : pipe_constant_buffer{};
   if ((s.known_uniforms & bit) && now.buffer == last.buffer && !now.user_buffer &&
       (!now.buffer ||
        (now.buffer_offset == last.buffer_offset && now.buffer_size == last.buffer_size))) {
      if (take_ownership)
         app.surplus.drop(now.buffer);
      return;
   }
   // Slot 0 has constants, which are others each time.
   if (index == 0 || now.user_buffer || is_uploaders(now.buffer))
      s.known_uniforms &= ~bit;
   else
      s.known_uniforms |= bit;
   last = now;
   if (index == 0 && now.user_buffer && now.buffer_size <= max_message_data) {
      const Message message = {.kind = MessageKind::constants, .stage = uint8_t(stage)};
      memcpy(queue_message(*wrapped, app.queue_marker, message, now.buffer_size), now.user_buffer,
             now.buffer_size);
      threaded_context(wrapped)->const_buffers[stage][0] = 0; // none is bound
      return;
   }
   app.queue_constant_buffer(wrapped, stage, index, take_ownership, cb);
}

bool same_image(const pipe_image_view &a, const pipe_image_view &b, bool is_buffer)
{
   if (a.resource != b.resource)
      return false;
   if (!a.resource)
      return true;
   if (a.format != b.format || a.access != b.access || a.shader_access != b.shader_access)
      return false;
   return is_buffer
             ? a.u.buf.offset == b.u.buf.offset && a.u.buf.size == b.u.buf.size
             : a.u.tex.first_layer == b.u.tex.first_layer &&
                  a.u.tex.last_layer == b.u.tex.last_layer && a.u.tex.level == b.u.tex.level;
}

bool is_buffer(const pipe_resource *resource) { return resource && resource->target == PIPE_BUFFER; }

// Whether track_image() is all that threaded_context does when a buffer is bound as an image: not so where another
// context used it first, or where writes to it are still collected in plain memory.
bool is_simple(const struct threaded_context &tc, pipe_resource *buffer)
{
   const struct threaded_resource &r = *threaded_resource(buffer);
   return r.first_user == &tc && !r.allow_cpu_storage && !r.cpu_storage;
}

// threaded_context's record of which buffers are bound, that tells a map whether a buffer may be in use.
void track_image(struct threaded_context &tc, pipe_shader_type stage, unsigned slot,
                 const pipe_image_view &view)
{
   const uint64_t bit = uint64_t(1) << slot;
   tc.image_buffers[stage][slot] = 0;
   tc.image_buffers_writeable_mask[stage] &= ~bit;
   if (!is_buffer(view.resource))
      return;
   struct threaded_resource &r = *threaded_resource(view.resource);
   tc.image_buffers[stage][slot] = r.buffer_id_unique;
   BITSET_SET(tc.buffer_lists[tc.next_buf_list].buffer_list, r.buffer_id_unique & TC_BUFFER_ID_MASK);
   tc.seen_image_buffers[stage] = true;
   if (view.access & PIPE_IMAGE_ACCESS_WRITE) {
      tc.image_buffers_writeable_mask[stage] |= bit;
      util_range_add(&r.b, &r.valid_buffer_range, view.u.buf.offset,
                     view.u.buf.offset + view.u.buf.size);
   }
}

void set_shader_images(pipe_context *wrapped, pipe_shader_type stage, unsigned start, unsigned count,
                       unsigned unbind, const pipe_image_view *images)
{
   AppBindings &app = bindings_of(wrapped);
   AppBindings::Stage &s = app.stages[stage];
   struct threaded_context &tc = *threaded_context(wrapped);
   const unsigned end = start + count + unbind;
   static constexpr pipe_image_view none{};
   // From the first to the last slot that differs.
   unsigned first = end, last = start;
   bool simple = images != nullptr;
   for (unsigned i = start; i < end; i++) {
      const pipe_image_view &now = images && i < start + count ? images[i - start] : none;
      const uint32_t bit = 1u << i;
      if ((s.known_images & bit) && same_image(s.images[i], now, (s.image_buffers & bit) != 0))
         continue;
      s.images[i] = now;
      s.known_images |= bit;
      if (is_buffer(now.resource)) {
         s.image_buffers |= bit;
         simple &= is_simple(tc, now.resource);
      } else {
         s.image_buffers &= ~bit;
      }
      first = std::min(first, i);
      last = i + 1;
   }
   if (first == end)
      return;
   const unsigned set_end = std::max(first, std::min(last, start + count));
   const unsigned num_set = images ? set_end - first : 0;
   const unsigned num_unbound = last - first - num_set;
   const unsigned size = num_set * sizeof(pipe_image_view);
   if (!simple || size > max_message_data) {
      app.queue_images(wrapped, stage, first, num_set, num_unbound,
                       num_set > 0 ? images + (first - start) : nullptr);
      return;
   }
   const Message message = {.kind = MessageKind::images,
                            .stage = uint8_t(stage),
                            .start = uint8_t(first),
                            .count = uint8_t(num_set),
                            .unbind = uint8_t(num_unbound)};
   auto *queued = reinterpret_cast<pipe_image_view *>(
      queue_message(*wrapped, app.queue_marker, message, size));
   for (unsigned i = first; i < last; i++) {
      track_image(tc, stage, i, s.images[i]);
      if (i >= set_end)
         continue;
      *queued++ = s.images[i];
      if (s.images[i].resource)
         app.surplus.take_ahead(s.images[i].resource);
   }
}

void set_sampler_views(pipe_context *wrapped, pipe_shader_type stage, unsigned start, unsigned count,
                       unsigned unbind, bool take_ownership, pipe_sampler_view **views)
{
   AppBindings &app = bindings_of(wrapped);
   AppBindings::Stage &s = app.stages[stage];
   const unsigned end = start + count + unbind;
   unsigned first = end, last = start;
   for (unsigned i = start; i < end; i++) {
      pipe_sampler_view *now = views && i < start + count ? views[i - start] : nullptr;
      if (i < s.known_views && s.views[i] == now)
         continue;
      s.views[i] = now;
      first = std::min(first, i);
      last = i + 1;
   }
   if (start <= s.known_views)
      s.known_views = std::max(s.known_views, end);
   const unsigned set_end = std::max(first, std::min(last, start + count));
   if (views && take_ownership) {
      for (unsigned i = start; i < start + count; i++) {
         if (i < first || i >= set_end)
            app.surplus.drop(views[i - start]);
      }
   }
   if (first == end)
      return;
   app.queue_views(wrapped, stage, first, set_end - first, last - set_end, take_ownership,
                   views ? views + (first - start) : nullptr);
}

void emit_string_marker(pipe_context *wrapped, const char *string, int length)
{
   send_marker(*wrapped, bindings_of(wrapped).queue_marker, string, length);
}

// Asks for the memory that the next calls will be written to. The other thread has read it last, and a store
// that has to fetch it from there holds up all that are behind it.
void prepare_queue(AppBindings &app, const struct threaded_context &tc)
{
   constexpr unsigned line = 64 / sizeof(tc_batch::slots[0]);
   constexpr unsigned least_ahead = 4 * line, most_ahead = 24 * line;
   const tc_batch &batch = tc.batch_slots[tc.next];
   const unsigned now = batch.num_total_slots;
   if (app.batch != tc.next || now < app.drawn_at) {
      app.batch = tc.next;
      app.drawn_at = app.prepared = 0;
   }
   // As much as was written since the last draw, twice.
   const unsigned ahead = std::clamp(2 * (now - app.drawn_at), least_ahead, most_ahead);
   const unsigned end = std::min<unsigned>(now + ahead, TC_SLOTS_PER_BATCH);
   app.drawn_at = now;
   // Not __builtin_prefetch(), which only reads on the processors that the compiler is told of. Those that
   // do not know the instruction do nothing.
   for (app.prepared = std::max(app.prepared, now); app.prepared < end; app.prepared += line)
      asm volatile("prefetchw %0" : : "m"(batch.slots[app.prepared]));
}

} // namespace
} // namespace virgl

// The frontend hands references to index buffers over where a context's draw_vbo is tc_draw_vbo itself. So
// the linker puts this in its place everywhere (targets/dri), and without that nothing is in front of it.
extern "C" {
[[gnu::weak]] decltype(tc_draw_vbo) __real_tc_draw_vbo;

void __wrap_tc_draw_vbo(pipe_context *wrapped, const pipe_draw_info *info, unsigned drawid,
                        const pipe_draw_indirect_info *indirect,
                        const pipe_draw_start_count_bias *draws, unsigned num_draws)
{
   virgl::prepare_queue(virgl::bindings_of(wrapped), *threaded_context(wrapped));
   __real_tc_draw_vbo(wrapped, info, drawid, indirect, draws, num_draws);
}
}

namespace virgl {

void app_bindings_init(AppBindings &app, pipe_context &wrapped)
{
   app.queue_vertex_buffers = std::exchange(wrapped.set_vertex_buffers, set_vertex_buffers);
   app.queue_constant_buffer = std::exchange(wrapped.set_constant_buffer, set_constant_buffer);
   app.queue_images = std::exchange(wrapped.set_shader_images, set_shader_images);
   app.queue_views = std::exchange(wrapped.set_sampler_views, set_sampler_views);
   app.queue_marker = std::exchange(wrapped.emit_string_marker, emit_string_marker);
   if (__real_tc_draw_vbo)
      wrapped.draw_vbo = tc_draw_vbo;
}

} // namespace virgl
