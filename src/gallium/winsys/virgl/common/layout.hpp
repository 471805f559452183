// SPDX-License-Identifier: MIT
// Where the host looks for a level in guest memory when it is told no strides: levels follow each
// other without gaps, and so do layers and rows (virglrenderer takes the width of the level for a
// stride of 0; the order of levels is the guest's own choice, the same in driver and winsys).
#pragma once

#include <algorithm>
#include <cstdint>

#include "gallium/winsys/virgl/winsys.hpp"

namespace virgl {

inline uint32_t minified(uint32_t size, uint32_t level)
{
   return level < 32 ? std::max(size >> level, 1u) : 1u;
}

inline uint64_t blocks(uint32_t texels, uint8_t block)
{
   return (uint64_t(texels) + block - 1) / block;
}

// Bytes of one row of blocks `width` texels wide.
inline uint64_t row_bytes(const ResourceDesc &desc, uint32_t width)
{
   return blocks(width, desc.block.width) * desc.block.bytes;
}

struct LevelLayout {
   uint64_t offset = 0;
   uint64_t stride = 0;
   uint64_t layer_stride = 0;
   // Layers of an array, faces of a cube or slices of a volume.
   uint32_t layers = 1;
};

inline LevelLayout level_layout(const ResourceDesc &desc, uint32_t level)
{
   LevelLayout l;
   for (uint32_t i = 0;; i++) {
      l.stride = row_bytes(desc, minified(desc.width, i));
      l.layer_stride = l.stride * blocks(minified(desc.height, i), desc.block.height);
      l.layers = std::max({desc.array_size, minified(desc.depth, i), 1u});
      if (i == level)
         return l;
      l.offset += l.layer_stride * l.layers;
   }
}

// Where the block that holds the first texel of `box` stands.
inline uint64_t box_offset(const ResourceDesc &desc, const LevelLayout &level, const Box &box)
{
   return level.offset + box.z * level.layer_stride +
          box.y / desc.block.height * level.stride +
          uint64_t(box.x / desc.block.width) * desc.block.bytes;
}

// Bytes from the first to behind the last one of a region.
inline uint64_t region_bytes(const ResourceDesc &desc, const Box &box, uint64_t stride,
                             uint64_t layer_stride)
{
   if (!box.width || !box.height || !box.depth)
      return 0;
   return (box.depth - 1) * layer_stride + (blocks(box.height, desc.block.height) - 1) * stride +
          row_bytes(desc, box.width);
}

} // namespace virgl
