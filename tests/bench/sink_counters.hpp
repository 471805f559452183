// SPDX-License-Identifier: MIT
// What the sink host has counted, in a file that other processes map. sink_host --layout tells where
// each figure stands, so that a reader needs no second description.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace virgl::sink {

enum class SlotState : uint64_t { unused, open, closed };

// One connection. Its thread alone writes; `sequence` is odd while it does, and a reader whose
// copy has another number before than after reads again.
struct Slot {
   std::atomic<uint64_t> sequence;
   uint64_t state;
   uint64_t pid; // of the client
   uint64_t version;

   uint64_t draws;    // an indirect multi-draw counts as the draws it makes
   uint64_t commands; // of the stream
   uint64_t dwords;
   // Moved between guest and host on top of the stream's own dwords: TRANSFER3D, COPY_TRANSFER3D
   // and the messages that transfer.
   uint64_t put_bytes;
   uint64_t get_bytes;
   uint64_t submits;
   uint64_t messages;
   uint64_t resources; // that live
   uint64_t faults;    // submissions the validator or the walk objected to, and broken messages

   uint64_t message_count[32];
   uint64_t command_count[128]; // the last is of numbers nobody has given
   uint64_t command_dwords[128];
   // CREATE_OBJECT, BIND_OBJECT and DESTROY_OBJECT by the object's type.
   uint64_t create_count[16];
   uint64_t bind_count[16];
   uint64_t destroy_count[16];
   char fault[256]; // the first
};

constexpr uint32_t max_slots = 64;

// Writes to a slot go between the construction and the end of one of these.
class Update {
public:
   explicit Update(Slot &slot) : slot_(slot)
   {
      slot_.sequence.store(slot_.sequence.load(std::memory_order_relaxed) + 1,
                           std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_release);
   }
   ~Update()
   {
      slot_.sequence.store(slot_.sequence.load(std::memory_order_relaxed) + 1,
                           std::memory_order_release);
   }
   Update(const Update &) = delete;

private:
   Slot &slot_;
};

// JSON for readers: size and number of slots, where the figures stand, the names of the numbers.
void print_layout();

} // namespace virgl::sink
