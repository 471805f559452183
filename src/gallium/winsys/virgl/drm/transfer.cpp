// SPDX-License-Identifier: MIT
// Transfers as calls of their own. What the driver can, it puts into its streams instead.
//
// The calls take strides only for blobs (EINVAL otherwise, from Linux 5.11 on; before, they had
// none): rows and layers follow each other as the host works out from the size of the level.
// Regions that lie otherwise go as commands of a stream, or, on hosts without those, piece by
// piece.
//
// A read-back of several layers always goes layer by layer: the host reads renderable formats with
// glReadPixels, which gives it the first layer of the box only (vrend_transfer_send_readpixels).
#include <algorithm>

#include "gallium/winsys/virgl/common/layout.hpp"
#include "gallium/winsys/virgl/drm/drm_winsys.hpp"
#include "protocol/packets.hpp"

namespace virgl::drm {

namespace {

// How a region is taken apart.
struct Pieces {
   uint64_t stride = 0, layer_stride = 0; // in guest memory
   uint32_t rows = 1;                     // of blocks in the region
   bool usual = true;                     // as the host expects without being told
   bool by_row = false, by_layer = false;

   Pieces(const ResourceDesc &desc, uint32_t level, const Box &box, const MemoryLayout &layout,
          bool reads)
   {
      const LevelLayout implied = level_layout(desc, level);
      stride = layout.stride ? layout.stride : implied.stride;
      layer_stride = layout.layer_stride ? layout.layer_stride : implied.layer_stride;
      rows = uint32_t(blocks(box.height, desc.block.height));
      by_row = rows > 1 && stride != implied.stride;
      by_layer = box.depth > 1 && layer_stride != implied.layer_stride;
      usual = !by_row && !by_layer;
      by_layer |= by_row || (box.depth > 1 && reads);
   }
};

// Calls `each` with the pieces and their offsets in guest memory until one fails.
template <typename Each>
int for_each_piece(const ResourceDesc &desc, const Box &box, const MemoryLayout &layout,
                   const Pieces &p, bool by_row, Each &&each)
{
   for (uint32_t z = 0; z < (p.by_layer ? box.depth : 1); z++) {
      for (uint32_t y = 0; y < (by_row ? p.rows : 1); y++) {
         Box piece = box;
         if (p.by_layer) {
            piece.z += z;
            piece.depth = 1;
         }
         if (by_row) {
            // Only the last row of blocks can be lower than a block.
            piece.y += y * desc.block.height;
            piece.height = std::min<uint32_t>(desc.block.height, box.y + box.height - piece.y);
         }
         const uint64_t offset = layout.offset + z * p.layer_stride + y * p.stride;
         if (int error = each(piece, uint32_t(offset)); error != 0)
            return error;
      }
   }
   return 0;
}

} // namespace

bool DrmWinsys::transfer(Bo &any, uint32_t level, const Box &box, const MemoryLayout &layout,
                         bool to_host)
{
   auto &bo = static_cast<DrmBo &>(any);
   const ResourceDesc &desc = bo.desc();
   const Pieces pieces(desc, level, box, layout, !to_host);
   if (lost() ||
       layout.offset + region_bytes(desc, box, pieces.stride, pieces.layer_stride) > desc.size)
      return false;
   if (!box.width || !box.height || !box.depth)
      return true;

   std::lock_guard lock(submit_mutex_);
   // On a ring of our own the calls would have their fences elsewhere (see Inquiry::begin_context).
   if (own_ring_ || (!pieces.usual && (caps_.capability_bits & proto::cap::transfer))) {
      using Command = proto::Transfer3d;
      return 0 == for_each_piece(desc, box, layout, pieces, false, [&](const Box &b, uint32_t at) {
                const Command command{.resource = bo.handle(),
                                      .level = level,
                                      .stride = uint32_t(pieces.stride),
                                      .layer_stride = uint32_t(pieces.layer_stride),
                                      .box = {int32_t(b.x), int32_t(b.y), int32_t(b.z),
                                              int32_t(b.width), int32_t(b.height),
                                              int32_t(b.depth)},
                                      .data_offset = at,
                                      .direction = to_host ? proto::TransferDirection::to_host
                                                           : proto::TransferDirection::from_host};
                std::array<uint32_t, 1 + Command::fixed_dwords> raw;
                command.write(raw.data());
                Bo *used = &bo;
                return execute(raw, {&used, 1}, -1, nullptr, false) ? 0 : -EIO;
             });
   }

   const unsigned long request =
      to_host ? abi::ioctl_transfer_to_host : abi::ioctl_transfer_from_host;
   bool any_sent = false;
   const auto send = [&](const Box &b, uint32_t at) {
      abi::Transfer t{.bo = bo.gem_.get(),
                      .box = {b.x, b.y, b.z, b.width, b.height, b.depth},
                      .level = level,
                      .offset = at};
      const int error = persevere([&] { return kernel_.call(request, t); });
      any_sent |= error == 0;
      return error;
   };
   const int error = for_each_piece(desc, box, layout, pieces, pieces.by_row, send);
   if (any_sent) {
      const uint64_t number = issued_.load(std::memory_order_relaxed) + 1;
      issued_.store(number, std::memory_order_release);
      set_last_use(bo, number);
   }
   // A region that the device refuses is the caller's fault; a device that is gone is not.
   if (error == -ENODEV || error == -EIO)
      return lose(to_host ? "TRANSFER_TO_HOST" : "TRANSFER_FROM_HOST", error);
   return error == 0;
}

bool DrmWinsys::transfer_to_host(Bo &bo, uint32_t level, const Box &box, const MemoryLayout &layout)
{
   return transfer(bo, level, box, layout, true);
}

bool DrmWinsys::transfer_from_host(Bo &bo, uint32_t level, const Box &box,
                                   const MemoryLayout &layout)
{
   return transfer(bo, level, box, layout, false);
}

} // namespace virgl::drm
