// SPDX-License-Identifier: MIT
// One mapping of a resource, from map to unmap.
#pragma once

#include <memory>

#include "util/u_threaded_context.h"

#include "staging.hpp"
#include "storage.hpp"

namespace virgl {

struct Transfer {
   struct threaded_transfer base; // first: Gallium's handle is the address of this member
   // The storage mapped: the resource may have another by the time of the unmap.
   std::shared_ptr<Storage> storage;
   // A texture written without reading it: where the new texels are put.
   StagingSlice staging;
   std::unique_ptr<std::byte[]> heap; // the same where the host copies from no staging memory
   bool counted = false; // in Storage::unsent_writes
   bool persistent = false; // counted in CoherentMap::open
   // Textures the host cannot transfer as they are: mapped through a copy.
   pipe_resource *proxy = nullptr;
   pipe_transfer *proxy_transfer = nullptr;

   static Transfer *from(pipe_transfer *t) { return reinterpret_cast<Transfer *>(t); }
};

// `unsynchronised`: on the program's thread, while the driver's may be at work.
Transfer *new_transfer(Context &ctx, pipe_resource *resource, unsigned level, unsigned usage,
                       const pipe_box &box, bool unsynchronised = false);
// On the thread that made it, or on the driver's.
void delete_transfer(Context &ctx, Transfer *transfer, bool unsynchronised = false);

// texture_transfer.cpp
void context_init_texture_transfers(pipe_context &pipe);

} // namespace virgl
