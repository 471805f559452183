// SPDX-License-Identifier: MIT
// Staging: guest memory that uploads are written to and that the host copies from when the stream
// gets there (COPY_TRANSFER3D), so that an upload never waits for the resource it goes to.
#pragma once

#include <cstdint>
#include <deque>

#include "gallium/winsys/virgl/winsys.hpp"

namespace virgl {

struct Context;

struct StagingSlice {
   BoRef bo;
   uint32_t offset = 0; // bytes from the start of the Bo
   std::byte *map = nullptr;

   explicit operator bool() const { return map != nullptr; }
};

// Hands out memory front to back from one chunk after the other and takes a chunk again when the
// host has copied all of it: memory that was written before needs no page faults, neither here nor in
// the host. One per context; not thread-safe.
class StagingPool {
public:
   StagingPool(Winsys &ws, Context &ctx) : ws_(ws), ctx_(ctx) {}

   // `size` bytes at a multiple of `alignment`, a power of two; an empty slice when no memory is to be had. May submit the
   // context's batch and wait for the host where too much is on its way.
   StagingSlice allocate(uint32_t size, uint32_t alignment = 64);

private:
   static constexpr uint32_t chunk_bytes = 1024 * 1024;
   // Bytes on their way to the host before an upload waits for an earlier one.
   static constexpr uint64_t in_flight_bytes = 16 * 1024 * 1024;

   bool is_free(const Bo &chunk) const;
   bool take_used(uint32_t size);
   void make_space(uint32_t size);
   BoRef new_chunk(uint32_t size);

   Winsys &ws_;
   Context &ctx_;
   BoRef chunk_; // the one being filled
   uint32_t used_ = 0;
   std::deque<BoRef> filled_; // oldest first
   uint64_t filled_bytes_ = 0;
};

} // namespace virgl
