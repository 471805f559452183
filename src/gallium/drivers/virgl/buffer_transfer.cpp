// SPDX-License-Identifier: MIT
// Buffers between guest and host.
//
// The guest memory of a buffer mirrors the host's copy as long as only the CPU writes
// (Storage::host_newer says when not): maps return that memory, reads of unchanged buffers ask nobody,
// and each write is sent as a COPY_TRANSFER3D that stands in the stream where the write happened, so
// draws recorded before it see the old contents without anybody waiting.
//
//  - A small write is copied to staging memory first; the buffer's own memory is free again at once.
//  - A large one is read by the host from the buffer's memory itself; until the host has done so the
//    buffer is busy, and threaded_context gives the next writer other storage.
//  - Hosts without COPY_TRANSFER3D, and vtest servers that share no memory, get the data inside the
//    stream (RESOURCE_INLINE_WRITE).
//
// TRANSFER3D is not used for writes: the host maps the buffer unsynchronised for it (vrend_decode.c,
// vrend_decode_transfer3d), which races with its own GPU.
#include <cstring>
#include <utility>

#include "util/u_inlines.h"
#include "util/u_range.h"
#include "util/u_transfer.h"

#include "context.hpp"
#include "transfer.hpp"

namespace virgl {

namespace {

// Up to this size copying is cheaper than a busy buffer.
constexpr uint32_t staged_upload_bytes = 16 * 1024;
// Up to this size a read-back fetches the whole buffer, after which the mirror is whole again.
constexpr uint32_t whole_readback_bytes = 64 * 1024;

proto::Box range_box(uint32_t offset, uint32_t size)
{
   return {int32_t(offset), 0, 0, int32_t(size), 1, 1};
}

// GL keeps a write behind the draws before it that read or wrote the buffer in their shaders. llvmpipe does so
// only for buffers that were made for that purpose (llvmpipe_is_resource_referenced looks at the bind
// flags first), and the host makes storage buffers and those for counters as GL_ARRAY_BUFFERs
// (vrend_resource_alloc_buffer): it would write under fragment shaders that still run. A barrier it heeds.
void wait_for_shaders(Context &ctx, const Storage &storage)
{
   if (!ctx.shaders_ran || !storage.shaders_used.load(std::memory_order_relaxed) ||
       !ctx.screen.has(proto::cap::memory_barrier))
      return;
   ctx.emit(proto::MemoryBarrier{.flags = proto::barrier::shader_buffer | proto::barrier::image |
                                          proto::barrier::texture |
                                          proto::barrier::update_buffer});
   ctx.shaders_ran = false;
}

void emit_copy(Context &ctx, Bo &dst, uint32_t offset, uint32_t size, Bo &src, uint32_t src_offset)
{
   auto &last = ctx.last_upload;
   proto::CopyTransfer3d &packet = last.packet;
   const bool follows = last.end != 0 && last.generation == ctx.batch.generation() &&
                        last.end == ctx.batch.position() &&
                        packet.resource == dst.handle() && packet.staging_resource == src.handle() &&
                        uint32_t(packet.box.x + packet.box.width) == offset &&
                        packet.staging_offset + uint32_t(packet.box.width) == src_offset;
   if (follows) {
      offset = packet.box.x;
      size += packet.box.width;
      src_offset = packet.staging_offset;
      ctx.batch.rewind(last.begin);
   }
   packet = {
      .resource = dst.handle(),
      .stride = size,
      .layer_stride = size,
      .box = range_box(offset, size),
      .staging_resource = src.handle(),
      .staging_offset = src_offset,
      .synchronized = true,
   };
   // Room first: a submission in between would drop the references just taken.
   if (!follows)
      ctx.make_room(1 + packet.payload_dwords());
   ctx.batch.reference(dst);
   ctx.batch.reference(src);
   last.begin = ctx.batch.position();
   ctx.batch.write(packet);
   last.end = ctx.batch.position();
   last.generation = ctx.batch.generation();
}

// The data inside the stream, in pieces. The host writes it unsynchronised, so what it is still
// working on has to be finished first.
void upload_inline(Context &ctx, Bo &dst, uint32_t offset, const std::byte *data, uint32_t size)
{
   // Draws may use it by a binding of an earlier batch, so only everything is enough.
   ctx.submit();
   ctx.screen.ws->wait_submission(std::max(ctx.batch.last_submission(), dst.last_use()), UINT64_MAX);
   constexpr uint32_t piece = 32 * 1024;
   while (size > 0) {
      const uint32_t n = std::min(size, piece);
      const proto::ResourceInlineWrite packet{
         .resource = dst.handle(), .box = range_box(offset, n), .data = std::span(data, n)};
      ctx.make_room(1 + packet.payload_dwords());
      ctx.batch.reference(dst);
      ctx.batch.write(packet);
      offset += n;
      data += n;
      size -= n;
   }
}

// Writes bytes that are not in the buffer's own guest memory.
void upload_bytes(Context &ctx, Bo &dst, uint32_t offset, const std::byte *data, uint32_t size)
{
   if (ctx.screen.copies_from_staging()) {
      // Bytes have no alignment to keep, and uploads that touch can then become one.
      if (StagingSlice slice = ctx.staging.allocate(size, 4)) {
         std::memcpy(slice.map, data, size);
         emit_copy(ctx, dst, offset, size, *slice.bo, slice.offset);
         return;
      }
   }
   upload_inline(ctx, dst, offset, data, size);
}

void upload_storage(Context &ctx, const std::shared_ptr<Storage> &storage, uint32_t offset,
                    uint32_t size, bool append_only)
{
   Bo &bo = *storage->bo;
   const std::byte *memory = storage->memory();
   if (!memory || size == 0)
      return;
   wait_for_shaders(ctx, *storage);
   if (!ctx.screen.copies_from_staging()) {
      upload_inline(ctx, bo, offset, memory + offset, size);
   } else if (append_only) {
      emit_copy(ctx, bo, offset, size, bo, offset);
   } else if (size <= staged_upload_bytes) {
      upload_bytes(ctx, bo, offset, memory + offset, size);
   } else {
      emit_copy(ctx, bo, offset, size, bo, offset);
      ctx.batch.uses_memory_of(storage);
   }
}

// A floating buffer that has settled keeps its memory, which the host does not know.
void take_from_bo(Storage &storage, uint32_t offset, uint32_t size)
{
   const std::byte *memory = storage.floating.floats ? storage.bo->map() : nullptr;
   if (memory)
      std::memcpy(storage.cpu.get() + offset, memory + offset, size);
}

// After a read-back. Where another context has recorded commands that may write to the buffer, the next
// read has to ask again.
void mirror_is_whole(Storage &storage, bool whole)
{
   if (whole && storage.bo->recording_batches.load(std::memory_order_acquire) == 0)
      storage.host_newer.store(false, std::memory_order_release);
}

// Fetches a range into the guest memory and waits for it. `ctx` is null on a thread that must not
// touch the batch: what is recorded there is then not waited for, as unsynchronised access means.
bool read_back(Screen &screen, Context *ctx, Storage &storage, uint32_t offset, uint32_t size)
{
   if (storage.afloat())
      return true; // what is to be written was not recorded yet
   Winsys &ws = *screen.ws;
   Bo &bo = *storage.bo;
   const bool whole = ctx && bo.size() <= whole_readback_bytes;
   if (whole) {
      offset = 0;
      size = bo.size();
   }
   if (ctx) {
      wait_for_others(*ctx, bo);
      if (ws.features().encoded_transfers && screen.has(proto::cap::transfer)) {
         const proto::Transfer3d packet{.resource = bo.handle(),
                                        .box = range_box(offset, size),
                                        .data_offset = offset,
                                        .direction = proto::TransferDirection::from_host};
         // What shaders wrote before: the application owes no barrier for a read like this one, and
         // llvmpipe maps the buffer without looking for such writes.
         if (screen.has(proto::cap::memory_barrier)) {
            ctx->emit(proto::MemoryBarrier{.flags = proto::barrier::mapped_buffer |
                                                    proto::barrier::shader_buffer |
                                                    proto::barrier::update_buffer});
         }
         ctx->make_room(1 + packet.payload_dwords());
         ctx->batch.reference(bo);
         ctx->batch.write(packet);
         ws.expect_wait();
         ctx->submit();
         if (!ws.wait_idle(bo, UINT64_MAX) || ws.lost())
            return false;
         take_from_bo(storage, offset, size);
         mirror_is_whole(storage, whole);
         return true;
      }
      ctx->submit();
   }
   if (!ws.transfer_from_host(bo, 0, {.x = offset, .width = size}, {.offset = offset}) ||
       !ws.wait_idle(bo, UINT64_MAX))
      return false;
   take_from_bo(storage, offset, size);
   mirror_is_whole(storage, whole);
   return true;
}

// Before the CPU gets at memory that the GPU works with itself. False: with PIPE_MAP_DONTBLOCK in `usage`,
// where that would take waiting.
bool wait_for_host_memory(Context &ctx, Storage &storage, unsigned usage)
{
   Winsys &ws = *ctx.screen.ws;
   Bo &bo = *storage.bo;
   if (bo.recording_batches.load(std::memory_order_acquire) == 0 && !ws.is_busy(bo) &&
       !storage.host_newer.load(std::memory_order_acquire))
      return true;
   if (usage & PIPE_MAP_DONTBLOCK)
      return false;
   if (storage.host_newer.exchange(false) && ctx.screen.has(proto::cap::memory_barrier))
      ctx.emit(proto::MemoryBarrier{.flags = proto::barrier::mapped_buffer});
   ctx.submit();
   ws.wait_submission(std::max(bo.last_use(), ctx.batch.last_submission()), UINT64_MAX);
   return true;
}

// Data of a command.
void write_host_memory(Context &ctx, Storage &storage, uint32_t offset, const std::byte *data,
                       uint32_t size)
{
   wait_for_host_memory(ctx, storage, PIPE_MAP_WRITE);
   if (std::byte *memory = storage.memory())
      std::memcpy(memory + offset, data, size);
}

// Makes a buffer tracked that the application maps for good: the memory must be what the host has, of
// all of it, because tracking compares whole pages.
bool begin_tracking(Context &ctx, Resource &res, unsigned usage)
{
   Screen &screen = ctx.screen;
   Storage &storage = *res.storage;
   // An application may not ask for both at once: it is Mesa's immediate mode, which fills a buffer
   // front to back and then takes another (vbo_exec_vtx_map).
   const bool append_only = (usage & PIPE_MAP_READ) && (usage & PIPE_MAP_UNSYNCHRONIZED);
   if (append_only) {
      track_storage(screen, storage, CoherentMap::Kind::append_only);
      return true;
   }
   // What is queued or recorded may write to any part of it. While threaded_context's thread is idle
   // the batch may be touched on this one, too.
   if (usage & TC_TRANSFER_MAP_THREADED_UNSYNC)
      threaded_context_unwrap_sync(ctx.threaded);
   // Draws recorded before must not see what is going to be written, and uploads go ahead of the batch.
   if (ctx.batch.references(*storage.bo))
      ctx.submit();
   if (storage.host_newer_in(0, storage.bo->size())) {
      const uint32_t first = storage.host_first.load();
      const uint32_t end = std::min(storage.host_end.load(), storage.bo->size());
      if (!read_back(screen, &ctx, storage, first, end - first) && !screen.ws->lost())
         return false;
   }
   track_storage(screen, storage, CoherentMap::Kind::compared);
   return true;
}

void *buffer_map(pipe_context *pipe, pipe_resource *resource, unsigned level, unsigned usage,
                 const pipe_box *box, pipe_transfer **out)
{
   Context &ctx = Context::from(pipe);
   Screen &screen = ctx.screen;
   Resource &res = *Resource::from(resource);
   Storage &storage = *res.storage;
   const bool other_thread = usage & TC_TRANSFER_MAP_THREADED_UNSYNC;

   // threaded_context looks into the transfer even where there is none.
   static thread_local struct threaded_transfer no_transfer;
   *out = &no_transfer.b;

   // What the mapping shows must be right where it is read, and where a write may leave bytes as they
   // are. Without threaded_context nothing tells a discarded range from a partly written one but
   // these flags; with it, the flags are gone from unsynchronised maps.
   std::byte *memory = storage.memory();
   const bool discards = usage & (PIPE_MAP_DISCARD_RANGE | PIPE_MAP_DISCARD_WHOLE_RESOURCE);
   const bool needs_contents = (usage & PIPE_MAP_READ) || !discards;
   const bool persistent = (usage & PIPE_MAP_PERSISTENT) && memory && !storage.cpu &&
                           !storage.host_memory;
   if (persistent && !storage.tracked()) {
      if (!begin_tracking(ctx, res, usage))
         return nullptr;
   }
   if (storage.host_memory) {
      if (!(usage & PIPE_MAP_UNSYNCHRONIZED) && !wait_for_host_memory(ctx, storage, usage))
         return nullptr;
   } else if (CoherentMap *map = storage.tracked(); map && memory) {
      // Counted first: what is submitted meanwhile is then read back.
      if (persistent)
         map->open.fetch_add(1, std::memory_order_acq_rel);
      if (!prepare_coherent_map(screen, other_thread ? nullptr : &ctx, res.storage, usage) &&
          !screen.ws->lost()) {
         if (persistent)
            map->open.fetch_sub(1, std::memory_order_acq_rel);
         return nullptr;
      }
   } else if (memory && needs_contents && storage.host_newer_in(box->x, box->width) &&
       !(other_thread && storage.unsent_writes.load(std::memory_order_acquire) != 0)) {
      if (usage & PIPE_MAP_DONTBLOCK)
         return nullptr;
      if (!read_back(screen, other_thread ? nullptr : &ctx, storage, box->x, box->width) &&
          !screen.ws->lost())
         return nullptr;
   }
   if (memory && (usage & PIPE_MAP_WRITE) && !(usage & PIPE_MAP_UNSYNCHRONIZED) &&
       storage.memory_busy(*screen.ws)) {
      if (usage & PIPE_MAP_DONTBLOCK)
         return nullptr;
      ctx.submit();
      screen.ws->wait_idle(*storage.bo, UINT64_MAX);
   }

   Transfer *transfer = new_transfer(ctx, resource, level, usage, *box, other_thread);
   transfer->storage = res.storage;
   transfer->persistent = persistent;
   // Its writes are announced by nobody.
   if ((usage & PIPE_MAP_PERSISTENT) && (usage & PIPE_MAP_WRITE))
      util_range_add(resource, &res.base.valid_buffer_range, box->x, box->x + box->width);
   if (!memory) {
      // The host is gone, or there is no address space: whoever asked gets memory all the same, because
      // few callers expect a map to fail; what is written there goes nowhere.
      transfer->heap.reset(new (std::nothrow) std::byte[box->width]());
      if (!transfer->heap) {
         delete_transfer(ctx, transfer, other_thread);
         return nullptr;
      }
      memory = transfer->heap.get() - box->x;
   }
   if (other_thread && (usage & PIPE_MAP_WRITE)) {
      transfer->counted = true;
      storage.unsent_writes.fetch_add(1, std::memory_order_acq_rel);
   }
   *out = &transfer->base.b;
   return memory + box->x;
}

// After the CPU wrote to memory: true where that is all, because the buffer floats. With the lock, since
// another context may be about to settle it with what was there before.
bool write_afloat(Context &ctx, Storage &storage, uint32_t bytes)
{
   if (!storage.afloat())
      return false;
   std::lock_guard hold(ctx.screen.floating_lock);
   if (!storage.afloat())
      return false;
   floating_written(ctx, storage, bytes);
   return true;
}

void written(Context &ctx, Transfer &transfer, uint32_t offset, uint32_t size)
{
   Resource &res = *Resource::from(transfer.base.b.resource);
   util_range *valid = transfer.base.valid_buffer_range;
   util_range_add(&res.base.b, valid ? valid : &res.base.valid_buffer_range, offset, offset + size);
   // What the CPU does to a tracked buffer is found when the buffer is used.
   if (transfer.storage->is_constants() || transfer.storage->host_memory ||
       transfer.storage->tracked())
      return;
   if (write_afloat(ctx, *transfer.storage, size))
      return;
   if (res.base.b.flags & resource_flag_stream)
      util_range_add(&res.base.b, &res.unsent, offset, offset + size);
   else
      upload_storage(ctx, transfer.storage, offset, size, false);
}

void transfer_flush_region(pipe_context *pipe, pipe_transfer *t, const pipe_box *box)
{
   if (t->resource->target == PIPE_BUFFER)
      written(Context::from(pipe), *Transfer::from(t), t->box.x + box->x, box->width);
}

void buffer_unmap(pipe_context *pipe, pipe_transfer *t)
{
   Transfer *transfer = Transfer::from(t);
   if ((t->usage & PIPE_MAP_WRITE) && !(t->usage & PIPE_MAP_FLUSH_EXPLICIT))
      written(Context::from(pipe), *transfer, t->box.x, t->box.width);
   if (transfer->counted)
      transfer->storage->unsent_writes.fetch_sub(1, std::memory_order_acq_rel);
   if (transfer->persistent)
      transfer->storage->tracked()->open.fetch_sub(1, std::memory_order_acq_rel);
   delete_transfer(Context::from(pipe), transfer);
}

void buffer_subdata(pipe_context *pipe, pipe_resource *resource, unsigned usage, unsigned offset,
                    unsigned size, const void *data)
{
   Context &ctx = Context::from(pipe);
   Resource &res = *Resource::from(resource);
   Storage &storage = *res.storage;
   if (size == 0)
      return;
   if (storage.host_memory) {
      util_range_add(resource, &res.base.valid_buffer_range, offset, offset + size);
      write_host_memory(ctx, storage, offset, static_cast<const std::byte *>(data), size);
      return;
   }
   // The mirror follows unless the host is still to read it; then it is the host that knows better.
   std::byte *memory = storage.memory();
   if (memory && storage.tracked())
      write_coherent(ctx, res.storage, offset, {static_cast<const std::byte *>(data), size});
   else if (memory && !storage.memory_busy(*ctx.screen.ws))
      std::memcpy(memory + offset, data, size);
   else
      mark_host_written(res, offset, size);
   util_range_add(resource, &res.base.valid_buffer_range, offset, offset + size);
   if (write_afloat(ctx, storage, size) || !storage.bo)
      return;
   wait_for_shaders(ctx, storage);
   upload_bytes(ctx, *storage.bo, offset, static_cast<const std::byte *>(data), size);
}

void replace_buffer_storage(pipe_context *pipe, pipe_resource *dst_res, pipe_resource *src_res,
                            unsigned, uint32_t rebind_mask, uint32_t delete_id)
{
   Context &ctx = Context::from(pipe);
   Resource &dst = *Resource::from(dst_res);
   dst.storage = Resource::from(src_res)->storage;
   util_idalloc_mt_free(&ctx.screen.buffer_ids, delete_id);
   // Emission compares vertex buffers with what the host has, so marking them costs a look and no
   // commands; what is sent without comparing is marked only where it names the buffer.
   ctx.set_dirty(Dirty::vertex_buffers);
   for (uint32_t i = 0; i < ctx.num_streamout; i++) {
      if (ctx.streamout[i] && ctx.streamout[i]->base.buffer == dst_res)
         ctx.set_dirty(Dirty::streamout);
   }
   for (uint32_t i = 0; i < ctx.num_atomics; i++) {
      if (ctx.atomics[i].buffer == dst_res)
         ctx.set_dirty(Dirty::atomics);
   }
   // threaded_context says where it is bound; of most buffers that are replaced a lot, no shader is told.
   constexpr uint32_t outside_shaders = 1u << TC_BINDING_VERTEX_BUFFER |
                                        1u << TC_BINDING_STREAMOUT_BUFFER;
   if (!(rebind_mask & ~outside_shaders))
      return;
   for (unsigned i = 0; i < num_stages; i++) {
      const auto bound_as = [&](unsigned first_stage) { return rebind_mask >> (first_stage + i) & 1; };
      StageState &s = ctx.stages[i];
      uint32_t dirty = 0;
      for (unsigned slot = 0; bound_as(TC_BINDING_UBO_VS) && slot < s.ubos.size(); slot++) {
         if (s.ubos[slot].buffer == dst_res) {
            s.ubos_changed |= 1u << slot;
            dirty |= uint32_t(StageDirty::uniform_buffers);
         }
      }
      for (unsigned slot = 0; bound_as(TC_BINDING_SSBO_VS) && slot < s.buffers.size(); slot++) {
         if (s.buffers[slot].buffer == dst_res) {
            s.buffers_changed |= 1u << slot;
            dirty |= uint32_t(StageDirty::buffers);
         }
      }
      for (unsigned slot = 0; bound_as(TC_BINDING_IMAGE_VS) && slot < s.images.size(); slot++) {
         if (s.images[slot].resource == dst_res) {
            s.images_changed |= 1u << slot;
            dirty |= uint32_t(StageDirty::images);
         }
      }
      for (unsigned slot = 0; bound_as(TC_BINDING_SAMPLERVIEW_VS) && slot < s.num_views; slot++) {
         if (s.views[slot] && s.views[slot]->texture == dst_res)
            dirty |= uint32_t(StageDirty::views);
      }
      if (dirty) {
         s.dirty |= dirty;
         ctx.set_dirty(Dirty::stages);
      }
   }
}

// A constant uploader's buffer used as anything but slot 0's constants: rare enough to send it whole,
// each time.
proto::ResourceHandle use_constants_as_buffer(Context &ctx, Resource &buffer)
{
   if (!buffer.host_copy) {
      ResourceDesc desc;
      desc.format = proto::Format::R8_UNORM;
      desc.bind = proto::bind::constant_buffer;
      desc.width = desc.size = buffer.base.b.width0;
      buffer.host_copy = ctx.screen.ws->create_resource(desc);
      if (!buffer.host_copy)
         return proto::ResourceHandle::none;
   }
   upload_bytes(ctx, *buffer.host_copy, 0, buffer.storage->cpu.get(), buffer.base.b.width0);
   ctx.batch.reference(*buffer.host_copy);
   return buffer.host_copy->handle();
}

// Contents may be forgotten; for a buffer threaded_context has given it other storage by now.
void invalidate_resource(pipe_context *, pipe_resource *) {}

bool is_resource_busy(pipe_screen *pscreen, pipe_resource *resource, unsigned)
{
   const Screen &screen = Screen::from(pscreen);
   const Storage &storage = *Resource::from(resource)->storage;
   // threaded_context knows by itself of draws in its queue that use the buffer, except by bindings of
   // atomic counters. What it writes between two of them must not become the contents of the first,
   // which is still to be fetched from this memory.
   if (screen.atomics_bound.load(std::memory_order_relaxed) &&
       storage.unsent_writes.load(std::memory_order_acquire) != 0)
      return true;
   // threaded_context would infer that a map needs no look at what is recorded. But uploads to tracked
   // buffers go ahead of all that.
   if (storage.host_memory)
      return storage.bo->recording_batches.load(std::memory_order_acquire) != 0 ||
             screen.ws->is_busy(*storage.bo) || storage.host_newer.load(std::memory_order_acquire);
   if (resource->flags & PIPE_RESOURCE_FLAG_MAP_PERSISTENT) {
      const CoherentMap *map = storage.tracked();
      if (!map || map->kind() == CoherentMap::Kind::compared)
         return true;
      return storage.memory_busy(*screen.ws);
   }
   return storage.host_newer.load(std::memory_order_acquire) || storage.memory_busy(*screen.ws);
}

} // namespace

Transfer *new_transfer(Context &ctx, pipe_resource *resource, unsigned level, unsigned usage,
                       const pipe_box &box, bool unsynchronised)
{
   // Made by one thread and deleted by another, which malloc takes badly.
   auto *transfer = new (slab_alloc(unsynchronised ? &ctx.maps_unsynchronised : &ctx.maps)) Transfer{};
   pipe_transfer &t = transfer->base.b;
   pipe_resource_reference(&t.resource, resource);
   t.level = level;
   t.usage = static_cast<pipe_map_flags>(usage);
   t.box = box;
   return transfer;
}

void delete_transfer(Context &ctx, Transfer *transfer, bool unsynchronised)
{
   pipe_resource_reference(&transfer->proxy, nullptr);
   // After the storage: memory of constants is used again if the resource is the last that has it.
   pipe_resource *resource = std::exchange(transfer->base.b.resource, nullptr);
   transfer->~Transfer();
   slab_free(unsynchronised ? &ctx.maps_unsynchronised : &ctx.maps, transfer);
   pipe_resource_reference(&resource, nullptr);
}

bool settle(Context &ctx, Resource &buffer)
{
   Screen &screen = ctx.screen;
   Storage &storage = *buffer.storage;
   std::lock_guard hold(screen.floating_lock);
   if (!storage.afloat())
      return true; // another context was faster
   storage.bo = screen.ws->create_resource(describe_buffer(screen, buffer.pipe()));
   if (!storage.bo)
      return false;
   // Not in the stream of this context: others may name the new Bo before this one submits.
   const uint32_t size = buffer.base.b.width0;
   std::byte *memory = storage.bo->map();
   if (memory)
      std::memcpy(memory, storage.cpu.get(), size);
   const Box all{.width = size};
   if (!memory || !screen.ws->transfer_to_host(*storage.bo, 0, all, {})) {
      storage.bo.reset();
      return false;
   }
   const Context *user = storage.floating.user.load(std::memory_order_acquire);
   if (user == &ctx)
      storage.floating.slab.reset();
   storage.floating.settled.store(true, std::memory_order_release);
   screen.floating_epoch.fetch_add(1, std::memory_order_release);
   return true;
}

proto::ResourceHandle use_buffer(Context &ctx, Resource &buffer)
{
   if (buffer.storage->afloat() && !settle(ctx, buffer)) [[unlikely]]
      return proto::ResourceHandle::none;
   if (!buffer.storage->bo) [[unlikely]]
      return use_constants_as_buffer(ctx, buffer);
   if (buffer.unsent.start < buffer.unsent.end) [[unlikely]] {
      upload_storage(ctx, buffer.storage, buffer.unsent.start,
                     buffer.unsent.end - buffer.unsent.start, true);
      util_range_set_empty(&buffer.unsent);
   }
   ctx.batch.reference(buffer.bo());
   return buffer.handle();
}

void upload_from_memory(Context &ctx, Resource &buffer, uint32_t offset, uint32_t size)
{
   upload_storage(ctx, buffer.storage, offset, size,
                  (buffer.base.b.flags & resource_flag_stream) != 0);
}

void copy_buffer_from_memory(Context &ctx, Resource &dst, uint32_t offset, Resource &src,
                             uint32_t src_offset, uint32_t size)
{
   const std::byte *data = src.storage->memory();
   if (!data || size == 0)
      return;
   data += src_offset;
   util_range_add(&dst.base.b, &dst.base.valid_buffer_range, offset, offset + size);
   Storage &to = *dst.storage;
   if (to.host_memory) {
      write_host_memory(ctx, to, offset, data, size);
      return;
   }
   std::byte *mirror = to.memory();
   if (mirror && to.tracked())
      write_coherent(ctx, dst.storage, offset, {data, size});
   else if (mirror && !to.memory_busy(*ctx.screen.ws))
      std::memcpy(mirror + offset, data, size);
   else
      mark_host_written(dst, offset, size);
   if (write_afloat(ctx, to, size) || !to.bo)
      return;
   wait_for_shaders(ctx, to);
   if (ctx.screen.copies_from_staging() && src.storage->bo)
      emit_copy(ctx, *to.bo, offset, size, *src.storage->bo, src_offset);
   else
      upload_bytes(ctx, *to.bo, offset, data, size);
}

tc_replace_buffer_storage_func context_storage_replacer() { return replace_buffer_storage; }
tc_is_resource_busy context_busy_query() { return is_resource_busy; }

void context_init_transfers(Context &ctx)
{
   pipe_context &p = ctx.base;
   p.buffer_map = buffer_map;
   p.buffer_unmap = buffer_unmap;
   p.transfer_flush_region = transfer_flush_region;
   p.buffer_subdata = buffer_subdata;
   p.invalidate_resource = invalidate_resource;
   context_init_texture_transfers(p);
}

} // namespace virgl
