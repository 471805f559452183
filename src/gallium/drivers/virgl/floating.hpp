// SPDX-License-Identifier: MIT
// Floating buffers: small buffers without a resource of their own on the host.
//
// A resource costs the host far more than the bytes of a small buffer do, and programs replace such
// buffers for every draw. So their contents live in plain memory, and where a draw or a copy reads one,
// the bytes are put into a *slab*, a buffer that many share, and the command names the place there. What
// went into one slab in the course of a batch is contiguous, so one upload, written before the first
// of these draws and growing with each, takes all of it: a replaced buffer costs neither a message nor
// an upload of its own.
//
// Nothing in a slab is ever written again. It goes back to the winsys' cache when nobody refers to it.
//
// What slabs are no good for (shaders that write, texel buffers, captures, destinations of copies,
// several contexts) *settles* the buffer: it gets a Bo of its own, for good.
#pragma once

#include <cstdint>

#include "gallium/winsys/virgl/winsys.hpp"
#include "protocol/packets.hpp"

namespace virgl {

struct Context;
struct Resource;
struct Storage;

// Up to this size a buffer floats: as long as copying all of it is cheaper than a command.
constexpr uint32_t floating_bytes = 4096;

// Where the host finds a buffer's first byte.
struct BufferPlace {
   proto::ResourceHandle resource{};
   uint32_t offset = 0;
};

// What a floating buffer was placed for, in Floating::bound_as: where to look when it changes. Bit
// n + 1: uniform buffers of stage n.
constexpr uint32_t placed_for_vertices = 1u << 0;
constexpr uint32_t placed_for_uniforms(unsigned stage) { return 2u << stage; }

// One per context; driver's thread.
class FloatingPool {
public:
   // Puts `size` bytes into the slab and has them uploaded before the next command. May submit.
   bool add(Context &ctx, const std::byte *data, uint32_t size, BoRef &slab, uint32_t &offset);

private:
   static constexpr uint32_t slab_bytes = 64 * 1024;

   BoRef slab_;
   uint32_t used_ = 0;
   // The upload of this slab in this batch.
   proto::CopyTransfer3d packet_;
   uint32_t position_ = 0, generation_ = 0;
   bool open_ = false;
};

// Names a buffer that a command of this batch reads, wherever it is.
BufferPlace place_buffer_slow(Context &ctx, Resource &buffer, uint32_t bound_as);
// Gives a floating buffer a Bo of its own. False where there is none to be had.
bool settle(Context &ctx, Resource &buffer);
// The CPU wrote to the memory.
void floating_written(Context &ctx, Storage &storage, uint32_t bytes);
// Has the bindings of floating buffers looked at anew.
void mark_floating_bindings(Context &ctx);

} // namespace virgl
