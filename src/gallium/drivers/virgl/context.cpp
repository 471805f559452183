// SPDX-License-Identifier: MIT
#include "context.hpp"

#include <bit>

#include "indices/u_primconvert.h"
#include "util/u_debug.h"
#include "util/u_framebuffer.h"
#include "util/u_upload_mgr.h"

#include "fence.hpp"
#include "limits.hpp"
#include "messages.hpp"

namespace virgl {

namespace {

// What the user has to say to the host, which keeps it by sub-context.
void write_settings(const Screen &screen, Batch &batch)
{
   if (screen.has(proto::cap::guest_may_init_log) && !host_debug_flags().empty())
      batch.write(proto::SetDebugFlags{.flags = host_debug_flags()});
   if (!sends_tweaks(screen))
      return;
   const Options &o = screen.options;
   const auto tweak = [&](proto::Tweak id, uint32_t value) {
      if (value != 0)
         batch.write(proto::SetTweaks{.id = id, .value = value});
   };
   tweak(proto::Tweak::gles_bgra_emulate, screen.emulate_bgra);
   tweak(proto::Tweak::gles_bgra_apply_dest_swizzle, o.gles_apply_bgra_dest_swizzle);
   tweak(proto::Tweak::gles_tf3_samples_passes_multiplier, o.gles_samples_passed_value);
}

} // namespace

void Context::open_batch()
{
   if (!batch.empty())
      send(nullptr, true);
   batch_fragment_changes = 0;
   // The connection is shared by the screen's contexts, so every submission says whose it is.
   const bool is_new = !std::exchange(sub_ctx_made, true);
   if (is_new)
      batch.write(proto::CreateSubCtx{.sub_ctx = sub_ctx});
   batch.write(proto::SetSubCtx{.sub_ctx = sub_ctx});
   if (is_new)
      write_settings(screen, batch);
   batch.begins_here();
   texture_units_disturbed = true; // by what other contexts and resource creations did in between
   reference_bindings();
   if (has_retired.load(std::memory_order_acquire)) {
      std::vector<Retired> gone;
      {
         std::lock_guard hold(retired_lock);
         // A fraction of the batch at most; the rest waits for the next one.
         const size_t n = std::min<size_t>(retired.size(), Batch::capacity_dwords / 16);
         gone.assign(std::make_move_iterator(retired.end() - n),
                     std::make_move_iterator(retired.end()));
         retired.resize(retired.size() - n);
         has_retired.store(!retired.empty(), std::memory_order_release);
      }
      for (const Retired &r : gone) {
         batch.write(proto::DestroyObject{.type = r.type, .handle = r.handle});
         if (r.memory)
            batch.reference(*r.memory);
      }
   }
}

// What is bound stays in use by draws of this batch although no command of it names it. The host keeps
// plain pointers to images and shader buffers, so their resources must not be unreferenced before.
void Context::reference_bindings()
{
   const auto use = [this](pipe_resource *resource) {
      if (!resource)
         return;
      Resource &res = *Resource::from(resource);
      const Storage &storage = *res.storage;
      if (storage.afloat()) {
         if (storage.floating.user.load(std::memory_order_relaxed) == this && storage.floating.slab)
            batch.reference(*storage.floating.slab);
      } else if (storage.bo)
         batch.reference(res.bo());
      else if (res.host_copy)
         batch.reference(*res.host_copy);
   };
   for (unsigned i = 0; i < framebuffer.nr_cbufs; i++)
      use(framebuffer.cbufs[i] ? framebuffer.cbufs[i]->texture : nullptr);
   use(framebuffer.zsbuf ? framebuffer.zsbuf->texture : nullptr);
   for (uint32_t i = 0; i < num_vertex_buffers; i++)
      use(vertex_buffers[i].is_user_buffer ? nullptr : vertex_buffers[i].buffer.resource);
   for (StreamoutTarget *target : streamout)
      use(target ? target->base.buffer : nullptr);
   for (uint32_t i = 0; i < num_atomics; i++)
      use(atomics[i].buffer);
   for (unsigned stage = 0; stage < stages.size(); stage++) {
      StageState &s = stages[stage];
      for (const auto &cb : s.ubos)
         use(cb.buffer);
      for (const auto &b : s.buffers)
         use(b.buffer);
      for (const auto &image : s.images)
         use(image.resource);
      for (uint32_t i = 0; i < s.num_views; i++) {
         use(s.views[i] ? s.views[i]->texture : nullptr);
         if (s.views[i] && Resource::from(s.views[i]->texture)->plane)
            set_dirty(pipe_shader_type(stage), StageDirty::views); // to be filled anew
      }
      for (uint32_t bits = s.left; bits; bits &= bits - 1) {
         const unsigned i = std::countr_zero(bits);
         if (p_atomic_read(&s.left_views[i]->reference.count) > 1) {
            use(s.left_views[i]->texture);
            continue;
         }
         // Its owner has let it go, which should free its buffer.
         pipe_sampler_view_reference(&s.left_views[i], nullptr);
         s.left &= ~(1u << i);
         set_dirty(pipe_shader_type(stage), StageDirty::views);
      }
   }
   if (coherent.epoch != 0)
      note_bindings(*this);
}

void Context::send(int *out_fence_fd, bool carry)
{
   references.settle();
   if (coherent.list.empty()) [[likely]]
      batch.submit(out_fence_fd, carry);
   else
      send_coherent(*this, out_fence_fd, carry);
}

void Context::submit(int *out_fence_fd)
{
   if (out_fence_fd)
      *out_fence_fd = -1;
   if (batch.empty() || coherent.sending)
      return;
   send(out_fence_fd, false);
}

void retire_object(Context &ctx, proto::ObjectType type, const Object &object, BoRef memory)
{
   if (!object.encoded)
      return;
   std::lock_guard hold(ctx.retired_lock);
   ctx.retired.push_back({type, object.handle, std::move(memory)});
   ctx.has_retired.store(true, std::memory_order_release);
}

void drop_constants(StageState &s)
{
   if (s.constants_buffer)
      pipe_drop_resource_references(s.constants_buffer, s.constants_references);
   s.constants_buffer = nullptr;
   s.constants_references = 0;
}

namespace {

void unbind_everything(Context &ctx)
{
   pipe_sampler_view_reference(&ctx.black_view, nullptr);
   util_unreference_framebuffer_state(&ctx.framebuffer);
   for (auto &vb : ctx.vertex_buffers)
      pipe_vertex_buffer_unreference(&vb);
   for (auto &count : ctx.capture)
      count.reset();
   for (auto *&target : ctx.streamout) {
      auto *base = reinterpret_cast<pipe_stream_output_target *>(target);
      pipe_so_target_reference(&base, nullptr);
      target = nullptr;
   }
   for (auto &b : ctx.atomics)
      pipe_resource_reference(&b.buffer, nullptr);
   for (StageState &s : ctx.stages) {
      drop_constants(s);
      for (auto &cb : s.ubos)
         pipe_resource_reference(&cb.buffer, nullptr);
      for (auto &view : s.views)
         pipe_sampler_view_reference(&view, nullptr);
      for (auto &view : s.left_views)
         pipe_sampler_view_reference(&view, nullptr);
      s.left = 0;
      for (auto &b : s.buffers)
         pipe_resource_reference(&b.buffer, nullptr);
      for (auto &image : s.images)
         pipe_resource_reference(&image.resource, nullptr);
   }
}

void destroy(pipe_context *pipe)
{
   Context *ctx = &Context::from(pipe);
   destroy_vertex_translator(*ctx);
   ctx->app.surplus.settle();
   ctx->references.settle();
   unbind_everything(*ctx);
   if (pipe->stream_uploader)
      u_upload_destroy(pipe->stream_uploader);
   if (pipe->const_uploader && pipe->const_uploader != pipe->stream_uploader)
      u_upload_destroy(pipe->const_uploader);
   if (ctx->primconvert)
      util_primconvert_destroy(ctx->primconvert);
   if (ctx->sub_ctx_made)
      ctx->emit(proto::DestroySubCtx{.sub_ctx = ctx->sub_ctx});
   ctx->submit();
   delete ctx;
}

void set_debug_callback(pipe_context *pipe, const util_debug_callback *callback)
{
   Context::from(pipe).base.debug = callback ? *callback : util_debug_callback{};
}

bool create_uploaders(Context &ctx)
{
   pipe_context &p = ctx.base;
   p.stream_uploader = u_upload_create(&p, 1024 * 1024,
                                       PIPE_BIND_VERTEX_BUFFER | PIPE_BIND_INDEX_BUFFER,
                                       PIPE_USAGE_STREAM, resource_flag_stream);
   if (!p.stream_uploader)
      return false;
   u_upload_disable_persistent(p.stream_uploader); // it says what it writes: cheaper than looking
   // Constants go into the stream from plain memory, which can stay mapped for ever.
   force_persistent_maps = true;
   p.const_uploader = u_upload_create(&p, ConstantBlocks::bytes, PIPE_BIND_CONSTANT_BUFFER,
                                      PIPE_USAGE_DEFAULT, resource_flag_constants);
   force_persistent_maps = false;
   return p.const_uploader != nullptr;
}

// threaded_context knows nothing of hardware atomic buffers: their binding travels to the driver's
// thread as a callback, with references of its own.
struct QueuedAtomics {
   pipe_context *pipe;
   unsigned start, count;
   std::array<pipe_shader_buffer, PIPE_MAX_HW_ATOMIC_BUFFERS> buffers{};

   ~QueuedAtomics()
   {
      for (auto &b : buffers)
         pipe_resource_reference(&b.buffer, nullptr);
   }
};

void bind_queued_atomics(void *data)
{
   std::unique_ptr<QueuedAtomics> queued(static_cast<QueuedAtomics *>(data));
   queued->pipe->set_hw_atomic_buffers(queued->pipe, queued->start, queued->count,
                                       queued->buffers.data());
}

// threaded_context calls link_shader on the application's thread; it belongs to the driver's.
struct QueuedLink {
   pipe_context *pipe;
   std::array<void *, PIPE_SHADER_TYPES> handles;
};

void link_queued_shaders(void *data)
{
   std::unique_ptr<QueuedLink> queued(static_cast<QueuedLink *>(data));
   queued->pipe->link_shader(queued->pipe, queued->handles.data());
}

void link_shader_threaded(pipe_context *wrapped, void **handles)
{
   auto queued = std::make_unique<QueuedLink>();
   queued->pipe = static_cast<pipe_context *>(wrapped->priv);
   std::copy_n(handles, queued->handles.size(), queued->handles.begin());
   wrapped->callback(wrapped, link_queued_shaders, queued.release(), false);
}

void set_hw_atomic_buffers_threaded(pipe_context *wrapped, unsigned start, unsigned count,
                                    const pipe_shader_buffer *buffers)
{
   auto *driver = static_cast<pipe_context *>(wrapped->priv); // where tc keeps it
   Context &ctx = Context::from(driver);
   bool any = false;
   for (unsigned i = 0; i < count; i++)
      any |= buffers && buffers[i].buffer;
   // Every context binds its empty slots now and then; most never have others.
   if (!any && !ctx.app_bound_atomics)
      return;
   ctx.app_bound_atomics = any;
   if (any)
      ctx.screen.atomics_bound.store(true, std::memory_order_relaxed);

   auto queued = std::make_unique<QueuedAtomics>();
   queued->pipe = driver;
   queued->start = start;
   queued->count = std::min<unsigned>(count, queued->buffers.size());
   for (unsigned i = 0; buffers && i < queued->count; i++) {
      pipe_shader_buffer &b = queued->buffers[i];
      if (!buffers[i].buffer)
         continue;
      pipe_resource_reference(&b.buffer, buffers[i].buffer);
      b.buffer_offset = buffers[i].buffer_offset;
      b.buffer_size = buffers[i].buffer_size;
      // Maps on this thread must see from now on that the host will write here; they go to the
      // latest storage, which the driver's thread may not have come to yet.
      Resource &named = *Resource::from(b.buffer);
      mark_host_written(*Resource::from(named.base.latest ? named.base.latest : b.buffer),
                        b.buffer_offset, b.buffer_size);
      util_range_add(b.buffer, &named.base.valid_buffer_range, b.buffer_offset,
                     b.buffer_offset + b.buffer_size);
   }
   wrapped->callback(wrapped, bind_queued_atomics, queued.release(), false);
}

void flush_threaded(pipe_context *wrapped, pipe_fence_handle **fence, unsigned flags)
{
   Context &ctx = Context::from(static_cast<pipe_context *>(wrapped->priv));
   if (!fence && ctx.flushes_since_show++ == 0 && ctx.flushes_to_show)
      flags &= ~PIPE_FLUSH_ASYNC;
   ctx.app.surplus.settle();
   ctx.queue_flush(wrapped, fence, flags);
}

} // namespace

pipe_context *context_create(pipe_screen *pscreen, void *priv, unsigned flags)
{
   Screen &screen = Screen::from(pscreen);
   if (screen.ws->lost())
      return nullptr;
   auto *ctx = new Context(screen);
   pipe_context &p = ctx->base;
   p.screen = pscreen;
   p.priv = priv;
   p.destroy = destroy;
   p.set_debug_callback = set_debug_callback;
   ctx->robust = (flags & PIPE_CONTEXT_ROBUST_BUFFER_ACCESS) != 0;
   context_init_objects(*ctx);
   context_init_views(*ctx);
   context_init_shaders(*ctx);
   context_init_bindings(*ctx);
   context_init_draw(*ctx);
   context_init_blit(*ctx);
   context_init_queries(*ctx);
   context_init_transfers(*ctx);
   context_init_fences(*ctx);
   ctx->sub_ctx = Screen::next_sub_ctx.fetch_add(1, std::memory_order_relaxed);
   ctx->mark_everything();

   ctx->primconvert = util_primconvert_create(&p, screen.primitives);
   if (!ctx->primconvert || !create_uploaders(*ctx)) {
      destroy(&p);
      return nullptr;
   }

   // Compute-only contexts gain nothing from another thread; video must not have it.
   if (!(flags & PIPE_CONTEXT_PREFER_THREADED) ||
       (flags & PIPE_CONTEXT_COMPUTE_ONLY))
      return &p;

   const threaded_context_options options = {
      .create_fence = context_fence_factory(),
      .is_resource_busy = context_busy_query(),
      .driver_calls_flush_notify = false,
      .unsynchronized_get_device_reset_status = true,
      .unsynchronized_create_fence_fd = true,
   };
   force_persistent_maps = true; // for the clone of the constant uploader; see create_uploaders
   pipe_context *wrapped = threaded_context_create(&p, &screen.transfer_pool,
                                                   context_storage_replacer(), &options, nullptr);
   force_persistent_maps = false;
   if (wrapped && wrapped != &p) {
      ctx->threaded = wrapped;
      wrapped->set_hw_atomic_buffers = set_hw_atomic_buffers_threaded;
      app_bindings_init(ctx->app, *wrapped);
      receive_messages(p);
      ctx->queue_flush = wrapped->flush;
      wrapped->flush = flush_threaded;
      if (p.link_shader)
         wrapped->link_shader = link_shader_threaded;
   }
   return wrapped;
}

} // namespace virgl
