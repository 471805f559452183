// SPDX-License-Identifier: MIT
#include "staging.hpp"

namespace virgl {

BoRef StagingPool::new_chunk(uint32_t size)
{
   // The host keeps no storage of its own for STAGING buffers (virglrenderer,
   // vrend_resource_alloc_buffer): creating one costs it next to nothing.
   ResourceDesc desc;
   desc.format = proto::Format::R8_UNORM;
   desc.bind = proto::bind::staging;
   desc.width = size;
   desc.size = size;
   return ws_.create_resource(desc);
}

StagingSlice StagingPool::allocate(uint32_t size)
{
   StagingSlice slice;
   // What is large gets its own memory: it would only cut short a chunk that small uploads share.
   if (size > chunk_bytes / 4) {
      const uint32_t rounded = size + (64 * 1024 - 1) & ~uint32_t(64 * 1024 - 1);
      slice.bo = new_chunk(rounded);
      slice.map = slice.bo ? slice.bo->map() : nullptr;
      return slice;
   }
   const uint32_t aligned = (size + 63) & ~63u;
   if (!chunk_ || used_ + aligned > chunk_bytes) {
      chunk_ = new_chunk(chunk_bytes);
      used_ = 0;
      if (!chunk_ || !chunk_->map()) {
         chunk_ = {};
         return slice;
      }
   }
   slice.bo = chunk_;
   slice.offset = used_;
   slice.map = chunk_->map() + used_;
   used_ += aligned;
   return slice;
}

} // namespace virgl
