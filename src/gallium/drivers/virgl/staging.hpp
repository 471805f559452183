// SPDX-License-Identifier: MIT
// Staging: guest memory that uploads are written to and that the host copies from when the stream
// gets there (COPY_TRANSFER3D), so that an upload never waits for the resource it goes to.
#pragma once

#include <cstdint>

#include "gallium/winsys/virgl/winsys.hpp"

namespace virgl {

struct StagingSlice {
   BoRef bo;
   uint32_t offset = 0; // bytes from the start of the Bo
   std::byte *map = nullptr;

   explicit operator bool() const { return map != nullptr; }
};

// Hands out memory front to back from one chunk after the other. A chunk is never written twice: it
// goes back to the winsys' cache with its last slice, which reuses it once the host is done.
// One per context; not thread-safe.
class StagingPool {
public:
   explicit StagingPool(Winsys &ws) : ws_(ws) {}

   // `size` bytes at a multiple of 64; an empty slice when no memory is to be had.
   StagingSlice allocate(uint32_t size);

private:
   static constexpr uint32_t chunk_bytes = 1024 * 1024;

   BoRef new_chunk(uint32_t size);

   Winsys &ws_;
   BoRef chunk_;
   uint32_t used_ = 0;
};

} // namespace virgl
