// SPDX-License-Identifier: MIT
#include "staging.hpp"

#include <algorithm>

#include "context.hpp"

namespace virgl {

bool StagingPool::is_free(const Bo &chunk) const
{
   // Shared: a slice of it is still being written, by a mapping that is not unmapped.
   return !chunk.shared() && chunk.recording_batches.load(std::memory_order_acquire) == 0 &&
          !ws_.is_busy(chunk);
}

// Makes an old chunk of a fitting size the current one.
bool StagingPool::take_used(uint32_t size)
{
   for (auto it = filled_.begin(); it != filled_.end(); ++it) {
      const uint32_t bytes = (*it)->size();
      // A small upload in a huge chunk would keep it from its like.
      if (bytes < size || bytes / 4 > std::max(size, chunk_bytes) || !is_free(**it))
         continue;
      chunk_ = std::move(*it);
      filled_.erase(it);
      filled_bytes_ -= bytes;
      used_ = 0;
      return true;
   }
   return false;
}

// Waits for the oldest chunks until another `size` bytes may be on their way.
void StagingPool::make_space(uint32_t size)
{
   while (!filled_.empty() && filled_bytes_ + size > in_flight_bytes) {
      BoRef oldest = std::move(filled_.front());
      filled_.pop_front();
      filled_bytes_ -= oldest->size();
      if (oldest->recording_batches.load(std::memory_order_acquire) != 0)
         ctx_.submit();
      ws_.wait_idle(*oldest, UINT64_MAX);
      const bool fits = oldest->size() >= size;
      if (fits && is_free(*oldest)) { // it is what take_used() will find
         filled_bytes_ += oldest->size();
         filled_.push_front(std::move(oldest));
         return;
      }
   }
}

BoRef StagingPool::new_chunk(uint32_t size)
{
   // The host keeps no storage of its own for STAGING buffers (virglrenderer,
   // vrend_resource_alloc_buffer): creating one costs it next to nothing.
   ResourceDesc desc;
   desc.format = proto::Format::R8_UNORM;
   desc.bind = proto::bind::staging;
   desc.width = desc.size = (size + chunk_bytes - 1) / chunk_bytes * chunk_bytes;
   return ws_.create_resource(desc);
}

StagingSlice StagingPool::allocate(uint32_t size, uint32_t alignment)
{
   StagingSlice slice;
   if (size > UINT32_MAX - chunk_bytes)
      return slice;
   const uint32_t aligned = (size + 3) & ~3u;
   used_ = (used_ + alignment - 1) & ~(alignment - 1);
   if (!chunk_ || used_ + aligned > chunk_->size()) {
      if (chunk_) {
         filled_bytes_ += chunk_->size();
         filled_.push_back(std::move(chunk_));
         chunk_ = {};
      }
      if (!take_used(aligned)) {
         make_space(aligned);
         if (!take_used(aligned)) {
            chunk_ = new_chunk(aligned);
            used_ = 0;
         }
      }
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
