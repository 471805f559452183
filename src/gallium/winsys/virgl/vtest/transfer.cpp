// SPDX-License-Identifier: MIT
// Transfers and presentation on a vtest host.
//
// From version 2 on, transfers move between host storage and shared memory. Their messages have no
// strides: the host takes the width and height of the level (vtest_transfer_decode_args2 sets both
// to 0). Before, the data is part of the conversation, rows following each other without gaps as we
// ask for.
//
// A read-back of several layers is always sent layer by layer: the host reads renderable formats
// with glReadPixels, which gives it the first layer of the box only
// (vrend_transfer_send_readpixels).
#include <climits>
#include <cstring>
#include <vector>

#include "gallium/winsys/virgl/common/layout.hpp"
#include "gallium/winsys/virgl/vtest/vtest_winsys.hpp"

namespace virgl::vtest {

namespace {

proto::Box to_wire(const Box &b)
{
   return {
      .x = int32_t(b.x), .y = int32_t(b.y), .z = int32_t(b.z),
      .width = int32_t(b.width), .height = int32_t(b.height), .depth = int32_t(b.depth),
   };
}

bool empty(const Box &b)
{
   return !b.width || !b.height || !b.depth;
}

uint64_t block_rows(const ResourceDesc &desc, const Box &box)
{
   return blocks(box.height, desc.block.height);
}

// The rows of one layer, merged where they touch.
void add_rows(std::vector<iovec> &rows, std::byte *first, uint64_t bytes, uint64_t stride,
              uint64_t count)
{
   if (stride == bytes || count == 1) {
      rows.push_back({first, size_t(bytes * count)});
      return;
   }
   for (uint64_t i = 0; i < count; i++)
      rows.push_back({first + i * stride, size_t(bytes)});
}

// Strides of a region in memory: what the caller says, or those of the level where it says 0.
struct Strides {
   uint64_t row, layer;
};

Strides strides_of(const MemoryLayout &layout, const LevelLayout &level)
{
   return {layout.stride ? layout.stride : level.stride,
           layout.layer_stride ? layout.layer_stride : level.layer_stride};
}

} // namespace

// -- shared memory --------------------------------------------------------------------------------

template <typename Request>
bool VtestWinsys::transfer_shared(Bo &bo, uint32_t level, const Box &box,
                                  const MemoryLayout &layout)
{
   constexpr bool reads = std::is_same_v<Request, wire::TransferGet2>;
   const ResourceDesc &desc = bo.desc();
   const LevelLayout implied = level_layout(desc, level);
   const Strides s = strides_of(layout, implied);
   const uint64_t rows = block_rows(desc, box);

   // A host that finds the region reaching out of the memory drops the connection.
   if (layout.offset + region_bytes(desc, box, s.row, s.layer) > desc.size)
      return false;

   // As few messages as the strides of the level allow. Parts are given in texels and layers; only
   // the very last row of blocks can be shorter than a block.
   const bool by_row = rows > 1 && s.row != implied.stride;
   const bool by_layer = by_row || (box.depth > 1 && (reads || s.layer != implied.layer_stride));
   const uint32_t layers = by_layer ? box.depth : 1;
   const uint32_t parts = by_row ? uint32_t(rows) : 1;

   constexpr size_t group = 16;
   constexpr size_t dwords = wire::header_dwords + Request::fixed_dwords;
   std::array<uint32_t, group * dwords> raw;
   uint32_t *end = raw.data();
   auto flush = [&] {
      iovec part{raw.data(), size_t(end - raw.data()) * sizeof(uint32_t)};
      end = raw.data();
      return part.iov_len == 0 || send({&part, 1});
   };

   std::lock_guard lock(send_mutex_);
   if (lost())
      return false;
   set_last_use(bo, ++issued_);
   for (uint32_t z = 0; z < layers; z++) {
      for (uint32_t y = 0; y < parts; y++) {
         Box piece = box;
         if (by_layer) {
            piece.z += z;
            piece.depth = 1;
         }
         if (by_row) {
            piece.y += y * desc.block.height;
            piece.height = std::min<uint32_t>(desc.block.height, box.y + box.height - piece.y);
         }
         Request r;
         r.resource = bo.handle();
         r.level = level;
         r.box = to_wire(piece);
         r.offset = uint32_t(layout.offset + z * s.layer + y * s.row);
         end = r.write(end);
         if (end == raw.data() + raw.size() && !flush())
            return false;
      }
   }
   return flush();
}

// -- data in the conversation ---------------------------------------------------------------------

bool VtestWinsys::put_inline(Bo &bo, uint32_t level, const Box &box, const MemoryLayout &layout)
{
   const ResourceDesc &desc = bo.desc();
   const LevelLayout implied = level_layout(desc, level);
   const Strides s = strides_of(layout, implied);
   const uint64_t rows = block_rows(desc, box), bytes = row_bytes(desc, box.width);
   const uint64_t total = bytes * rows * box.depth;
   if (total > INT_MAX || layout.offset + region_bytes(desc, box, s.row, s.layer) > desc.size)
      return false;

   wire::TransferPut r;
   r.resource = bo.handle();
   r.level = level;
   r.stride = uint32_t(bytes);
   r.layer_stride = uint32_t(bytes * rows);
   r.box = to_wire(box);
   r.data_size = uint32_t(total);
   std::array<uint32_t, wire::header_dwords + decltype(r)::fixed_dwords> head;
   r.write(head.data());

   std::vector<iovec> parts{{head.data(), sizeof head}};
   std::byte *from = bo.map() + layout.offset;
   if (s.layer == bytes * rows && s.row == bytes) {
      add_rows(parts, from, bytes, s.row, rows * box.depth);
   } else {
      for (uint32_t z = 0; z < box.depth; z++)
         add_rows(parts, from + z * s.layer, bytes, s.row, rows);
   }

   // The server has its own copy as soon as the message is sent: the memory stays idle.
   std::lock_guard lock(send_mutex_);
   return send(parts);
}

bool VtestWinsys::get_inline(Bo &bo, uint32_t level, const Box &box, std::byte *to,
                             uint64_t stride, uint64_t layer_stride)
{
   const ResourceDesc &desc = bo.desc();
   const uint64_t rows = block_rows(desc, box), bytes = row_bytes(desc, box.width);
   if (bytes * rows > INT_MAX)
      return false;

   // One layer after the other: the rows of one have to stay where they are until its data is
   // there.
   std::vector<iovec> memory;
   for (uint32_t z = 0; z < box.depth; z++) {
      memory.clear();
      add_rows(memory, to + z * layer_stride, bytes, stride, rows);

      Box piece = box;
      piece.z += z;
      piece.depth = 1;
      wire::TransferGet r;
      r.resource = bo.handle();
      r.level = level;
      r.stride = uint32_t(bytes);
      r.layer_stride = uint32_t(bytes * rows);
      r.box = to_wire(piece);
      r.data_size = uint32_t(bytes * rows);
      std::array<uint32_t, wire::header_dwords + decltype(r)::fixed_dwords> head;
      r.write(head.data());
      iovec part{head.data(), sizeof head};

      Ticket ticket = 0;
      {
         std::lock_guard lock(send_mutex_);
         ticket = expect({.answer = Answer::data, .rows = memory});
         if (!ticket || !send({&part, 1}))
            return false;
      }
      if (!await(ticket))
         return false;
   }
   return true;
}

// -- the interface --------------------------------------------------------------------------------

bool VtestWinsys::transfer_to_host(Bo &bo, uint32_t level, const Box &box,
                                   const MemoryLayout &layout)
{
   if (lost() || !bo.size())
      return false;
   if (empty(box))
      return true;
   if (has_shared_memory())
      return transfer_shared<wire::TransferPut2>(bo, level, box, layout);
   return bo.map() && put_inline(bo, level, box, layout);
}

bool VtestWinsys::transfer_from_host(Bo &bo, uint32_t level, const Box &box,
                                     const MemoryLayout &layout)
{
   if (lost() || !bo.size())
      return false;
   if (empty(box))
      return true;
   if (has_shared_memory())
      return transfer_shared<wire::TransferGet2>(bo, level, box, layout);

   const Strides s = strides_of(layout, level_layout(bo.desc(), level));
   if (!bo.map() || layout.offset + region_bytes(bo.desc(), box, s.row, s.layer) > bo.size())
      return false;
   return get_inline(bo, level, box, bo.map() + layout.offset, s.row, s.layer);
}

uint64_t VtestWinsys::submit_and_fetch(std::span<const uint32_t> commands,
                                       std::span<Bo *const> bos, int in_fence_fd, int *out_fence_fd,
                                       Bo &fetched, std::span<const uint32_t> cuts)
{
   const ResourceDesc &desc = fetched.desc();
   const LevelLayout level = level_layout(desc, 0);
   const Box all{.width = desc.width, .height = desc.height};
   if (lost() || !has_shared_memory() || commands.size() > max_stream_dwords ||
       region_bytes(desc, all, level.stride, 0) > desc.size)
      return Winsys::submit_and_fetch(commands, bos, in_fence_fd, out_fence_fd, fetched, cuts);
   if (out_fence_fd)
      *out_fence_fd = -1;
   receive_arrived();

   // One system call, and one wake-up of the server, for all that a frame needs.
   SubmitMessages messages(commands, cuts);
   wire::TransferGet2 get;
   get.resource = fetched.handle();
   get.box = to_wire(all);
   const wire::ResourceBusyWait wait{.flags = wire::busy_wait_wait};
   std::array<uint32_t, 2 * wire::header_dwords + decltype(get)::fixed_dwords +
                           decltype(wait)::fixed_dwords> tail;
   wait.write(get.write(tail.data()));
   messages.append(tail);

   std::lock_guard lock(send_mutex_);
   const uint64_t number = ++issued_;
   for (Bo *bo : bos)
      set_last_use(*bo, number);
   set_last_use(fetched, ++issued_);
   const Ticket ticket = expect({.answer = Answer::waited, .number = issued_});
   if (!ticket || !send(messages.all()))
      return 0;
   last_waited_ = {issued_, ticket};
   submissions_since_question_ = 0;
   curious_.store(false, std::memory_order_relaxed);
   return number;
}

bool VtestWinsys::bring_home(Bo &bo, uint32_t level, const Box &box, uint64_t offset)
{
   // The read-back and the wait for it in one system call. Waiting for the end of all submissions
   // costs next to nothing after a read-back, and tells that all of this frame's buffers are idle.
   wire::TransferGet2 get;
   get.resource = bo.handle();
   get.level = level;
   get.box = to_wire(box);
   get.offset = uint32_t(offset);
   wire::ResourceBusyWait wait{.flags = wire::busy_wait_wait};
   std::array<uint32_t, 2 * wire::header_dwords + decltype(get)::fixed_dwords +
                           decltype(wait)::fixed_dwords> raw;
   wait.write(get.write(raw.data()));
   iovec part{raw.data(), sizeof raw};

   Ticket ticket = 0;
   {
      std::lock_guard lock(send_mutex_);
      set_last_use(bo, ++issued_);
      ticket = expect({.answer = Answer::waited, .number = issued_});
      if (!ticket || !send({&part, 1}))
         return false;
      last_waited_ = {issued_, ticket};
      submissions_since_question_ = 0;
   }
   return await(ticket);
}

bool VtestWinsys::present(Bo &bo, uint32_t level, const Box &box, DisplayTarget &target)
{
   if (lost())
      return false;
   if (empty(box))
      return true;
   // Nothing else happens once a frame: a good place to let go what is no longer wanted.
   if (auto gone = cache_.trim(now_ns()); !gone.empty())
      destroy(std::move(gone));

   const ResourceDesc &desc = bo.desc();
   const LevelLayout from = level_layout(desc, level);
   Box flat = box;
   flat.depth = 1;
   const uint64_t bytes = row_bytes(desc, box.width), rows = block_rows(desc, box);
   const uint64_t offset = box_offset(desc, from, box);

   if (has_shared_memory()) {
      const std::byte *memory = bo.map();
      if (!memory || offset + region_bytes(desc, flat, from.stride, 0) > desc.size)
         return false;
      if (!bring_home(bo, level, flat, offset))
         return false;
      uint32_t stride = 0;
      std::byte *to = target.map(stride);
      if (!to)
         return false;
      to += box_offset(desc, {.stride = stride}, {.x = box.x, .y = box.y});
      if (stride == from.stride && bytes == stride) {
         target.copy(to, memory + offset, bytes * rows);
      } else {
         for (uint64_t y = 0; y < rows; y++)
            target.copy(to + y * stride, memory + offset + y * from.stride, bytes);
      }
      target.unmap();
      return true;
   }

   uint32_t stride = 0;
   std::byte *to = target.map(stride);
   if (!to)
      return false;
   to += box_offset(desc, {.stride = stride}, {.x = box.x, .y = box.y});
   bool ok = get_inline(bo, level, flat, to, stride, 0);
   target.unmap();
   return ok;
}

} // namespace virgl::vtest
