// SPDX-License-Identifier: MIT
// What a submission does for tracked buffers, and where the CPU gets to see what the GPU wrote. What the
// commands of a batch use is noted in coherent_uses.cpp.
#include "coherent.hpp"

#include <cstring>

#include "context.hpp"

namespace virgl {

namespace {

// A staging chunk can be used again the sooner the smaller it is.
constexpr uint32_t largest_upload = 512 * 1024;
// Answers nobody has asked for: beyond these the oldest is waited for.
constexpr size_t most_read_backs = 256;

template <class Packet> void append(std::vector<uint32_t> &stream, const Packet &packet)
{
   const size_t at = stream.size();
   stream.resize(at + 1 + packet.payload_dwords());
   packet.write(stream.data() + at);
}

proto::CopyTransfer3d copy_of(Bo &buffer, ByteRange range, Bo &staging, uint32_t staging_offset)
{
   return {.resource = buffer.handle(),
           .stride = range.size(),
           .layer_stride = range.size(),
           .box = {int32_t(range.begin), 0, 0, int32_t(range.size()), 1, 1},
           .staging_resource = staging.handle(),
           .staging_offset = staging_offset,
           .synchronized = true};
}

// Stores what has arrived. The lock is held.
void take_arrived(Screen &screen)
{
   CoherentState &state = screen.coherent;
   while (!state.read_backs.empty()) {
      ReadBack &oldest = state.read_backs.front();
      if (!screen.ws->known_complete(oldest.submission))
         break;
      // A lost host has answered nothing.
      if (const auto storage = oldest.storage.lock(); storage && !screen.ws->lost()) {
         std::atomic_thread_fence(std::memory_order_acquire);
         storage->tracked()->take_from_host(oldest.range, oldest.data, oldest.newer);
      }
      state.read_backs.pop_front();
   }
   state.outstanding.store(uint32_t(state.read_backs.size()), std::memory_order_release);
}

// The last submission that reads this storage back; 0 if none is outstanding. The lock is held.
uint64_t last_read_back(const CoherentState &state, const std::shared_ptr<Storage> &storage)
{
   for (auto it = state.read_backs.rbegin(); it != state.read_backs.rend(); ++it) {
      if (!it->storage.owner_before(storage) && !storage.owner_before(it->storage))
         return it->submission;
   }
   return 0;
}

// The host gets these bytes after all that was read back so far.
void supersede(CoherentState &state, const std::shared_ptr<Storage> &storage, ByteRange range)
{
   for (ReadBack &r : state.read_backs) {
      if (r.range.overlaps(range) && !r.storage.owner_before(storage) &&
          !storage.owner_before(r.storage))
         r.newer.push_back(range);
   }
}

void upload(Context &ctx, const CoherentUse &use, ByteRange range)
{
   Bo &bo = *use.storage->bo;
   while (!range.empty()) {
      const ByteRange piece{range.begin, range.begin + std::min(range.size(), largest_upload)};
      range.begin = piece.end;
      if (StagingSlice slice = ctx.staging.allocate(piece.size(), 4)) {
         std::memcpy(slice.map, use.map->agreed(piece.begin), piece.size());
         ctx.batch.reference(*slice.bo);
         append(ctx.coherent.before, copy_of(bo, piece, *slice.bo, slice.offset));
      } else {
         // No memory to be had: as the buffer's own has it by then.
         append(ctx.coherent.before, copy_of(bo, piece, bo, piece.begin));
      }
   }
}

// Where the host may have written what is not in the shadow yet. The lock is held.
std::vector<ByteRange> host_writes(const CoherentState &state, const CoherentUse &use)
{
   std::vector<ByteRange> list;
   add_range(list, use.map->host_ahead);
   for (const ReadBack &r : state.read_backs) {
      if (!r.storage.owner_before(use.storage) && !use.storage.owner_before(r.storage))
         add_range(list, r.range);
   }
   return list;
}

// Makes one of changes that lie close together, away from what the host writes.
void join_changes(std::vector<ByteRange> &changed, std::span<const ByteRange> written)
{
   size_t last = 0;
   for (size_t i = 1; i < changed.size(); i++) {
      const ByteRange gap{changed[last].end, changed[i].begin};
      const auto overlaps = [gap](ByteRange r) { return r.overlaps(gap); };
      if (gap.size() <= CoherentMap::largest_gap && std::ranges::none_of(written, overlaps))
         changed[last].end = changed[i].end;
      else
         changed[++last] = changed[i];
   }
   if (!changed.empty())
      changed.resize(last + 1);
}

void send_changes(Context &ctx, const CoherentUse &use)
{
   Bo &bo = *use.storage->bo;
   ctx.batch.reference(bo);
   if (use.map->kind() == CoherentMap::Kind::append_only) {
      append(ctx.coherent.before, copy_of(bo, use.bytes, bo, use.bytes.begin));
      return;
   }
   CoherentState &state = ctx.screen.coherent;
   const std::vector<ByteRange> written = host_writes(state, use);
   const bool host_quiet = written.empty();
   std::vector<ByteRange> changed;
   use.map->collect(use.pages, host_quiet, changed);
   if (!host_quiet)
      join_changes(changed, written);
   for (ByteRange range : changed) {
      upload(ctx, use, range);
      if (!host_quiet)
         supersede(state, use.storage, range);
   }
}

// A buffer of its own for hosts that copy to no staging memory: TRANSFER3D reads it into its memory.
BoRef create_answer(Winsys &ws, uint32_t size)
{
   ResourceDesc desc;
   desc.format = proto::Format::R8_UNORM;
   desc.bind = proto::bind::vertex_buffer;
   desc.width = desc.size = (size + 4095) & ~4095u;
   return ws.create_resource(desc);
}

bool read_back(Context &ctx, const CoherentUse &use, ByteRange range)
{
   Bo &bo = *use.storage->bo;
   ReadBack r{.storage = use.storage, .range = range};
   std::vector<uint32_t> &after = ctx.coherent.after;
   const bool to_staging = ctx.screen.has2(proto::cap2::copy_transfer_both_directions);
   uint32_t offset = 0;
   if (to_staging) {
      StagingSlice slice = ctx.staging.allocate(range.size(), 4);
      r.memory = std::move(slice.bo);
      r.data = slice.map;
      offset = slice.offset;
   } else {
      r.memory = create_answer(*ctx.screen.ws, range.size());
      r.data = r.memory ? r.memory->map() : nullptr;
   }
   if (!r.data)
      return false;
   ctx.batch.reference(*r.memory);
   // What shaders wrote before; see read_back() in buffer_transfer.cpp.
   if (after.empty() && ctx.screen.has(proto::cap::memory_barrier)) {
      append(after, proto::MemoryBarrier{.flags = proto::barrier::mapped_buffer |
                                                  proto::barrier::shader_buffer |
                                                  proto::barrier::update_buffer});
   }
   if (to_staging) {
      proto::CopyTransfer3d copy = copy_of(bo, range, *r.memory, offset);
      copy.read_from_host = true;
      append(after, copy);
   } else {
      const int32_t size = int32_t(range.size());
      append(after, proto::ResourceCopyRegion{.dst_resource = r.memory->handle(),
                                              .src_resource = bo.handle(),
                                              .src_box = {int32_t(range.begin), 0, 0, size, 1, 1}});
      append(after, proto::Transfer3d{.resource = r.memory->handle(),
                                      .box = {0, 0, 0, size, 1, 1},
                                      .direction = proto::TransferDirection::from_host});
   }
   ctx.screen.coherent.read_backs.push_back(std::move(r));
   return true;
}

} // namespace

void track_storage(Screen &screen, Storage &storage, CoherentMap::Kind kind)
{
   std::lock_guard hold(screen.coherent.lock);
   if (storage.tracked())
      return;
   storage.coherent_owner = std::make_unique<CoherentMap>(storage.memory(), storage.bo->size(), kind);
   storage.coherent.store(storage.coherent_owner.get(), std::memory_order_release);
   screen.coherent.epoch.fetch_add(1, std::memory_order_acq_rel);
}

void send_coherent(Context &ctx, int *out_fence_fd, bool carry)
{
   CoherentUses &uses = ctx.coherent;
   CoherentState &state = ctx.screen.coherent;
   std::lock_guard hold(state.lock);
   uses.sending = true;
   uses.before.clear();
   uses.after.clear();
   take_arrived(ctx.screen);
   if (state.read_backs.size() > most_read_backs) {
      ctx.screen.ws->wait_submission(state.read_backs.front().submission, UINT64_MAX);
      take_arrived(ctx.screen);
   }
   for (const CoherentUse &use : uses.list)
      send_changes(ctx, use);
   const size_t earlier = state.read_backs.size();
   for (const CoherentUse &use : uses.list) {
      for (ByteRange range : use.written) {
         const bool seen = use.map->open.load(std::memory_order_acquire) != 0 || uses.read_all;
         if (!seen || !read_back(ctx, use, range))
            use.map->host_ahead.include(range);
      }
   }
   const uint64_t number = ctx.batch.submit(out_fence_fd, carry, uses.before, uses.after);
   if (number == 0) // lost: nobody will answer
      state.read_backs.resize(earlier);
   for (size_t i = earlier; i < state.read_backs.size(); i++)
      state.read_backs[i].submission = number;
   state.outstanding.store(uint32_t(state.read_backs.size()), std::memory_order_release);
   uses.list.clear();
   uses.sending = false;
}

void take_read_backs_slow(Screen &screen)
{
   std::lock_guard hold(screen.coherent.lock);
   take_arrived(screen);
}

// What the host has written while nobody had the buffer mapped, on a thread without a batch: into the
// memory itself, which nobody writes to while it is not mapped. What was written before and not sent yet
// is put back.
static bool read_host_ahead(Screen &screen, Storage &storage, CoherentMap &map)
{
   const ByteRange range = std::exchange(map.host_ahead, {});
   Winsys &ws = *screen.ws;
   Bo &bo = *storage.bo;
   const std::byte *memory = bo.map() + range.begin;
   const std::vector<std::byte> before(memory, memory + range.size());
   if (!ws.transfer_from_host(bo, 0, {.x = range.begin, .width = range.size()},
                              {.offset = range.begin}) ||
       !ws.wait_idle(bo, UINT64_MAX))
      return false;
   map.restore_cpu_bytes(range, before.data());
   return true;
}

bool prepare_coherent_map(Screen &screen, Context *ctx, const std::shared_ptr<Storage> &storage,
                          unsigned usage)
{
   CoherentState &state = screen.coherent;
   CoherentMap &map = *storage->tracked();
   Winsys &ws = *screen.ws;
   if (map.kind() == CoherentMap::Kind::append_only) {
      // With threaded_context its user gets other storage while the host still reads this one.
      // Who only reads disturbs nobody.
      if (ctx && (usage & PIPE_MAP_WRITE) && storage->memory_busy(ws)) {
         if (usage & PIPE_MAP_DONTBLOCK)
            return false;
         ctx->submit();
         ws.wait_idle(*storage->bo, UINT64_MAX);
      }
      return true;
   }

   std::unique_lock hold(state.lock);
   take_arrived(screen);
   if (!ctx || (usage & PIPE_MAP_UNSYNCHRONIZED))
      return map.host_ahead.empty() || read_host_ahead(screen, *storage, map);

   // What was recorded before must not see what the mapping writes, and the mapping must show what
   // recorded commands write.
   bool submit = false;
   for (const CoherentUse &use : ctx->coherent.list)
      submit |= use.map == &map && ((usage & PIPE_MAP_WRITE) || !use.written.empty());
   const bool waits = !map.host_ahead.empty() || last_read_back(state, storage) != 0;
   if ((usage & PIPE_MAP_DONTBLOCK) && (waits || submit))
      return false;
   const ByteRange ahead = std::exchange(map.host_ahead, {});
   hold.unlock();
   if (!ahead.empty()) {
      wait_for_others(*ctx, *storage->bo);
      ctx->make_room(1);
      note_storage(*ctx, storage, ahead, true);
      submit = true;
   }
   if (submit) {
      ctx->coherent.read_all = true;
      ctx->submit();
      ctx->coherent.read_all = false;
   }
   hold.lock();
   if (const uint64_t last = last_read_back(state, storage); last != 0) {
      hold.unlock(); // others go on while we wait
      ws.wait_submission(last, UINT64_MAX);
      hold.lock();
      take_arrived(screen);
   }
   return !ws.lost();
}

void write_coherent(Context &ctx, const std::shared_ptr<Storage> &storage, uint32_t offset,
                    std::span<const std::byte> data)
{
   for (const CoherentUse &use : ctx.coherent.list) {
      // Recorded commands are to see the bytes of before, and what is found at their submission goes
      // ahead of them.
      if (use.map == storage->tracked()) {
         ctx.submit();
         break;
      }
   }
   if (storage->memory_busy(*ctx.screen.ws)) {
      ctx.submit();
      ctx.screen.ws->wait_idle(*storage->bo, UINT64_MAX);
   }
   std::lock_guard hold(ctx.screen.coherent.lock);
   storage->tracked()->written_by_command(offset, data);
   supersede(ctx.screen.coherent, storage, {offset, offset + uint32_t(data.size())});
}

} // namespace virgl
