// SPDX-License-Identifier: MIT
// Persistent, coherent maps (ARB_buffer_storage) on hosts whose memory the guest cannot map.
//
// A buffer that is mapped persistently is *tracked*: its Storage gets a CoherentMap that stays until the
// storage goes. Each command notes the bytes of tracked buffers that it may read and write. Nothing is
// sent while recording; at the submission
//  - what the CPU has changed in the pages noted goes to the host before the first command of the batch
//    (an application must not change what recorded commands read until a fence, so this is early enough
//    for the last of them and not too late for the first),
//  - what commands may have written is copied to staging memory after the last one, and stored where
//    the application sees it when it has waited for the submission (a fence, a query, a map). It is
//    never read straight into the mapped memory, where it would overwrite what the CPU wrote since.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "coherent_map.hpp"
#include "storage.hpp"

struct pipe_draw_info;

namespace virgl {

struct Context;
struct Resource;
struct Screen;

// What the commands of one batch do with one tracked buffer.
struct CoherentUse {
   std::shared_ptr<Storage> storage;
   CoherentMap *map = nullptr;
   PageSet pages;   // read or written
   ByteRange bytes; // the same as one range
   ByteRange last;  // noted last
   std::vector<ByteRange> written;
};

// A context's: used by its driver thread alone.
struct CoherentUses {
   std::vector<CoherentUse> list;
   uint32_t epoch = 0;     // of CoherentState, that the list is complete for
   bool sending = false;   // in send_coherent(): no submission inside a submission
   bool read_all = false;  // read back also what no open mapping shows
   std::vector<uint32_t> before, after;
};

// What the host was told to read back, and has or has not yet.
struct ReadBack {
   std::weak_ptr<Storage> storage;
   ByteRange range;
   BoRef memory;
   const std::byte *data = nullptr;
   uint64_t submission = 0;
   std::vector<ByteRange> newer; // sent to the host since
};

// The screen's. `lock` guards all CoherentMaps and `read_backs`; it is held from the look at the memory
// to the submission that carries what was found, so that the order of the submissions of several contexts
// is that of their looks.
struct CoherentState {
   std::mutex lock;
   // Changes when a buffer becomes tracked, which may be bound already.
   std::atomic<uint32_t> epoch{0};
   std::atomic<uint32_t> outstanding{0}; // size of read_backs
   std::deque<ReadBack> read_backs;      // by submission
};

// Makes a storage tracked that is about to be mapped persistently. Its memory must be what the host has.
void track_storage(Screen &screen, Storage &storage, CoherentMap::Kind kind);

// Before a tracked storage is mapped (`ctx` null: on a thread that must not touch the batch). False:
// that would take waiting, which PIPE_MAP_DONTBLOCK in `usage` forbids, or the host is lost.
bool prepare_coherent_map(Screen &screen, Context *ctx, const std::shared_ptr<Storage> &storage,
                          unsigned usage);

// Data of a command (glBufferSubData) to a tracked storage, except the upload itself.
void write_coherent(Context &ctx, const std::shared_ptr<Storage> &storage, uint32_t offset,
                    std::span<const std::byte> data);

// Stores what the host has answered by now. Any thread.
void take_read_backs_slow(Screen &screen);

// What commands do. The batch they go into must have room for them already. (The short forms of these
// are in context.hpp.)
void note_storage(Context &ctx, const std::shared_ptr<Storage> &storage, ByteRange range, bool writes);
void note_coherent_slow(Context &ctx, Resource &res, uint64_t offset, uint64_t size, bool writes);
// All that stays bound from command to command; of vertex buffers only the draws know.
void note_bindings(Context &ctx);
// Vertices of a draw, and its indices in `indices` from byte `index_offset`. `whole`: all the vertices
// there are, because only the host knows how many it takes.
void note_draw_slow(Context &ctx, const pipe_draw_info &info, uint32_t start, uint32_t count, int bias,
                    Resource *indices, uint32_t index_offset, bool whole);

// Context::send() where the batch uses tracked buffers.
void send_coherent(Context &ctx, int *out_fence_fd, bool carry);

} // namespace virgl
