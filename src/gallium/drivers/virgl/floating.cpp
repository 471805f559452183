// SPDX-License-Identifier: MIT
#include "floating.hpp"

#include <cstring>

#include "context.hpp"
#include "limits.hpp"

namespace virgl {

namespace {

// A multiple of what the host wants of uniform buffers, and a whole element of any vertex format.
uint32_t slab_alignment(const Screen &screen)
{
   constexpr uint32_t least = 16;
   return std::max(screen.limits->uniform_buffer_alignment, least);
}

BoRef new_slab(Screen &screen, uint32_t bytes)
{
   ResourceDesc desc;
   desc.target = PIPE_BUFFER;
   desc.format = proto::Format::R8_UNORM;
   desc.bind = proto::bind::vertex_buffer;
   desc.width = desc.size = bytes;
   BoRef slab = screen.ws->create_resource(desc);
   return slab && slab->map() ? std::move(slab) : BoRef{};
}

// Puts what memory has into a slab, if it is not there.
bool place(Context &ctx, Resource &buffer)
{
   Storage &storage = *buffer.storage;
   auto &f = storage.floating;
   const uint32_t size = buffer.base.b.width0;
   if (f.slab && !f.changed.load(std::memory_order_acquire))
      return true;
   // Little by little is what a buffer of its own takes best.
   if (f.slab && size > 256 && f.written < size / 4)
      return false;
   f.changed.exchange(false, std::memory_order_acq_rel);
   if (!ctx.floating.add(ctx, storage.cpu.get(), size, f.slab, f.offset)) {
      f.changed.store(true, std::memory_order_relaxed);
      return false;
   }
   f.written = 0;
   return true;
}

} // namespace

bool FloatingPool::add(Context &ctx, const std::byte *data, uint32_t size, BoRef &slab,
                       uint32_t &offset)
{
   const uint32_t alignment = slab_alignment(ctx.screen);
   used_ = (used_ + alignment - 1) / alignment * alignment;
   if (!slab_ || used_ + size > slab_->size()) {
      slab_ = new_slab(ctx.screen, slab_bytes);
      used_ = 0;
      open_ = false;
      if (!slab_)
         return false;
   }
   std::memcpy(slab_->map() + used_, data, size);
   if (open_ && generation_ == ctx.batch.generation()) {
      // Nobody has read yet what is new here, so it may as well go with the first of them.
      packet_.box.width = int32_t(used_ + size - uint32_t(packet_.box.x));
      packet_.stride = packet_.layer_stride = uint32_t(packet_.box.width);
      ctx.batch.rewrite(position_, packet_);
   } else {
      packet_ = {
         .resource = slab_->handle(),
         .stride = size,
         .layer_stride = size,
         .box = {int32_t(used_), 0, 0, int32_t(size), 1, 1},
         .staging_resource = slab_->handle(),
         .staging_offset = used_,
         .synchronized = true,
      };
      ctx.make_room(1 + packet_.payload_dwords());
      ctx.batch.reference(*slab_);
      position_ = ctx.batch.position();
      generation_ = ctx.batch.generation();
      ctx.batch.write(packet_);
      open_ = true;
   }
   slab = slab_;
   offset = used_;
   used_ += size;
   return true;
}

BufferPlace place_buffer_slow(Context &ctx, Resource &buffer, uint32_t bound_as)
{
   auto &f = buffer.storage->floating;
   const Context *user = f.user.load(std::memory_order_acquire);
   if (!user && f.user.compare_exchange_strong(user, &ctx, std::memory_order_acq_rel))
      user = &ctx;
   // A read behind a buffer's end must not show what is beside it in the slab. Uniform buffers are bound
   // with their sizes.
   const bool strict = ctx.robust && !(bound_as & ~placed_for_vertices);
   if (user != &ctx || strict || !place(ctx, buffer))
      return {use_buffer(ctx, buffer), 0}; // settles it
   f.bound_as |= bound_as;
   ctx.batch.reference(*f.slab);
   return {f.slab->handle(), f.offset};
}

void floating_written(Context &ctx, Storage &storage, uint32_t bytes)
{
   auto &f = storage.floating;
   f.changed.store(true, std::memory_order_release);
   const Context *user = f.user.load(std::memory_order_acquire);
   if (!user)
      return;
   if (user != &ctx) {
      ctx.screen.floating_epoch.fetch_add(1, std::memory_order_release);
      return;
   }
   f.written += std::min(bytes, floating_bytes);
   if (f.bound_as & placed_for_vertices)
      ctx.set_dirty(Dirty::vertex_buffers);
   for (unsigned stage = 0; stage < num_stages; stage++) {
      if (!(f.bound_as & placed_for_uniforms(stage)))
         continue;
      StageState &s = ctx.stages[stage];
      for (unsigned slot = 0; slot < s.ubos.size(); slot++) {
         if (s.ubos[slot].buffer && Resource::from(s.ubos[slot].buffer)->storage.get() == &storage) {
            s.ubos_changed |= 1u << slot;
            ctx.set_dirty(pipe_shader_type(stage), StageDirty::uniform_buffers);
         }
      }
   }
}

void mark_floating_bindings(Context &ctx)
{
   ctx.set_dirty(Dirty::vertex_buffers);
   for (unsigned stage = 0; stage < num_stages; stage++) {
      StageState &s = ctx.stages[stage];
      for (unsigned slot = 0; slot < s.ubos.size(); slot++) {
         if (s.ubos[slot].buffer && Resource::from(s.ubos[slot].buffer)->storage->floating.floats) {
            s.ubos_changed |= 1u << slot;
            ctx.set_dirty(pipe_shader_type(stage), StageDirty::uniform_buffers);
         }
      }
   }
}

} // namespace virgl
