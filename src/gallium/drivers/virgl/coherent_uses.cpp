// SPDX-License-Identifier: MIT
// Which bytes of tracked buffers the commands of a batch may read and write.
#include <limits>

#include "coherent.hpp"
#include "context.hpp"

namespace virgl {

namespace {

// More than any vertex attribute has: four doubles.
constexpr uint32_t attribute_bytes = 32;

CoherentUse &find_use(Context &ctx, const std::shared_ptr<Storage> &storage, CoherentMap &map)
{
   auto &list = ctx.coherent.list;
   const uint32_t hint = map.use_hint.load(std::memory_order_relaxed);
   if (hint < list.size() && list[hint].map == &map)
      return list[hint];
   uint32_t i = 0;
   while (i < list.size() && list[i].map != &map)
      i++;
   if (i == list.size()) {
      list.push_back({.storage = storage, .map = &map});
      // The host will read the memory itself.
      if (map.kind() == CoherentMap::Kind::append_only)
         ctx.batch.uses_memory_of(storage);
   }
   map.use_hint.store(i, std::memory_order_relaxed);
   return list[i];
}

template <class T>
void index_bounds(const std::byte *memory, uint32_t count, const uint32_t *restart, uint32_t &low,
                  uint32_t &high)
{
   const auto *indices = reinterpret_cast<const T *>(memory);
   for (uint32_t i = 0; i < count; i++) {
      const uint32_t index = indices[i];
      if (restart && index == *restart)
         continue;
      low = std::min(low, index);
      high = std::max(high, index);
   }
}

// The smallest and the largest index of a draw; false if the guest does not know.
bool find_bounds(const Context &ctx, const pipe_draw_info &info, Resource *buffer, uint32_t offset,
                 uint32_t count, uint32_t &low, uint32_t &high)
{
   if (info.index_bounds_valid) {
      low = info.min_index;
      high = info.max_index;
      return true;
   }
   const uint32_t bytes = count * info.index_size;
   if (!buffer || uint64_t(offset) + bytes > buffer->base.b.width0)
      return false;
   const Storage &storage = *buffer->storage;
   const std::byte *memory = storage.memory();
   // Of a tracked buffer the guest may lack what the GPU wrote. That shows in host_newer too, which
   // nobody resets there.
   if (!memory || storage.host_newer_in(offset, bytes) || offset % info.index_size != 0)
      return false;
   low = ~0u;
   high = 0;
   const uint32_t *restart = info.primitive_restart ? &info.restart_index : nullptr;
   switch (info.index_size) {
   case 1:
      index_bounds<uint8_t>(memory + offset, count, restart, low, high);
      break;
   case 2:
      index_bounds<uint16_t>(memory + offset, count, restart, low, high);
      break;
   default:
      index_bounds<uint32_t>(memory + offset, count, restart, low, high);
      break;
   }
   return true;
}

} // namespace

void note_storage(Context &ctx, const std::shared_ptr<Storage> &storage, ByteRange range, bool writes)
{
   CoherentMap &map = *storage->tracked();
   if (range.empty())
      return;
   CoherentUse &use = find_use(ctx, storage, map);
   // The same binding again, draw after draw.
   if (use.last.contains(range) && !writes)
      return;
   if (writes) {
      for (ByteRange before : use.written) {
         if (before.contains(range))
            return;
      }
      add_range(use.written, range);
   }
   use.last = range;
   use.bytes.include(range);
   // Also what is only written: what the CPU has put there is older.
   use.pages.add(range);
}

void note_coherent_slow(Context &ctx, Resource &res, uint64_t offset, uint64_t size, bool writes)
{
   note_storage(ctx, res.storage, res.storage->tracked()->clamp(offset, size), writes);
}

void note_bindings(Context &ctx)
{
   for (StageState &s : ctx.stages) {
      for (const auto &cb : s.ubos) {
         if (cb.buffer)
            note_read(ctx, *Resource::from(cb.buffer), cb.buffer_offset, cb.buffer_size);
      }
      for (const auto &b : s.buffers) {
         if (b.buffer)
            note_read(ctx, *Resource::from(b.buffer), b.buffer_offset, b.buffer_size);
      }
      for (const auto &image : s.images) {
         if (image.resource && image.resource->target == PIPE_BUFFER)
            note_read(ctx, *Resource::from(image.resource), image.u.buf.offset, image.u.buf.size);
      }
      for (uint32_t i = 0; i < s.num_views; i++)
         note_view(ctx, s.views[i]);
   }
}

void note_draw_slow(Context &ctx, const pipe_draw_info &info, uint32_t start, uint32_t count, int bias,
                    Resource *indices, uint32_t index_offset, bool whole)
{
   if (indices && info.index_size)
      note_read(ctx, *indices, index_offset,
                whole ? ~0u : uint64_t(count) * info.index_size);
   const VertexElements *ve = ctx.vertex_elements;
   if (!ve)
      return;
   bool bounds_known = !whole, bounds_asked = info.index_size == 0;
   int64_t first = start, last = int64_t(start) + count - 1;
   for (uint32_t i = 0; i < ve->count; i++) {
      const proto::VertexElement &element = ve->elements[i];
      const uint32_t slot = element.vertex_buffer_index;
      const pipe_vertex_buffer &vb = ctx.vertex_buffers[ve->remapped ? ve->binding_map[slot] : slot];
      if (vb.is_user_buffer || !vb.buffer.resource)
         continue;
      Resource &res = *Resource::from(vb.buffer.resource);
      if (!res.storage->tracked())
         continue;
      const uint64_t base = uint64_t(vb.buffer_offset) + element.src_offset;
      int64_t from = 0, to = 0;
      bool known = true;
      if (whole) {
         known = vb.stride == 0;
      } else if (element.instance_divisor != 0) {
         from = info.start_instance;
         to = from + (info.instance_count - 1) / element.instance_divisor;
      } else {
         if (!bounds_asked) {
            uint32_t low = 0, high = 0;
            bounds_asked = true;
            bounds_known = find_bounds(ctx, info, indices, index_offset, count, low, high);
            first = std::max<int64_t>(int64_t(low) + bias, 0);
            last = int64_t(high) + bias;
         }
         known = bounds_known;
         from = first;
         to = last;
      }
      if (!known)
         note_read(ctx, res, base, std::numeric_limits<uint32_t>::max());
      else if (from <= to)
         note_read(ctx, res, base + uint64_t(from) * vb.stride,
                   uint64_t(to - from) * vb.stride + attribute_bytes);
   }
}

} // namespace virgl
