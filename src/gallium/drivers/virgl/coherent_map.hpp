// SPDX-License-Identifier: MIT
// The two sides of a buffer that stays mapped while the GPU works with it (persistent, coherent maps):
// which bytes the CPU has changed since the host last heard of them, and which bytes the host has.
//
// Nobody says where the CPU writes, so what a submission is going to read is compared with `shadow`,
// the bytes both sides last agreed on. Pure logic: no commands, no waiting, no lock; the callers of one
// map exclude each other (CoherentState::lock). The CPU may write to the memory at any time.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace virgl {

// Bytes of a buffer, from `begin` to before `end`.
struct ByteRange {
   uint32_t begin = 0, end = 0;

   bool empty() const { return begin >= end; }
   uint32_t size() const { return empty() ? 0 : end - begin; }
   bool overlaps(ByteRange o) const { return begin < o.end && o.begin < end; }
   bool contains(ByteRange o) const { return begin <= o.begin && o.end <= end; }
   bool operator==(const ByteRange &) const = default;
   // The smallest range with both.
   void include(ByteRange o)
   {
      if (o.empty())
         return;
      *this = empty() ? o : ByteRange{std::min(begin, o.begin), std::max(end, o.end)};
   }
};

// Adds to a short list of ranges without overlaps.
void add_range(std::vector<ByteRange> &list, ByteRange range);

// Pages of a buffer, by number.
class PageSet {
public:
   static constexpr uint32_t page_bytes = 4096;

   void add(ByteRange bytes);
   void clear() { words_.clear(); }
   template <class F> void for_each(F &&visit) const
   {
      for (uint32_t w = 0; w < words_.size(); w++) {
         for (uint64_t bits = words_[w]; bits; bits &= bits - 1)
            visit(w * 64 + uint32_t(std::countr_zero(bits)));
      }
   }

private:
   std::vector<uint64_t> words_;
};

class CoherentMap {
public:
   enum class Kind : uint8_t {
      compared,
      // Who maps it writes each byte once, before the draw that reads it: nothing to compare.
      append_only,
   };

   // `memory` is what the CPU sees; at this moment host and memory agree.
   CoherentMap(std::byte *memory, uint32_t size, Kind kind);
   ~CoherentMap();
   CoherentMap(const CoherentMap &) = delete;
   CoherentMap &operator=(const CoherentMap &) = delete;

   // A command that copies a range takes this many bytes itself, so it is no loss to copy as many that
   // have not changed.
   static constexpr uint32_t largest_gap = 64;

   Kind kind() const { return kind_; }
   uint32_t size() const { return size_; }
   ByteRange clamp(uint64_t begin, uint64_t size) const;

   // What the host lacks in these pages, as ranges in ascending order; they count as agreed on from
   // here. The first look at a page takes all of it. `whole_runs`: changes that lie close together
   // may become one, with the bytes in between; only right while the host has written nothing that
   // is not in the shadow yet.
   void collect(const PageSet &pages, bool whole_runs, std::vector<ByteRange> &changed);
   // The bytes of a range that collect() gave.
   const std::byte *agreed(uint32_t offset) const { return (shadow_ ? shadow_ : memory_) + offset; }

   // Bytes the host had in `range` some time ago, but for the ranges `newer`, which it was sent since.
   // What differs from the shadow was written by the host and is stored to both; all else is either
   // the same or the CPU's. So is all of a page that was never looked at: the range may be several
   // made one, with pages in between.
   void take_from_host(ByteRange range, const std::byte *host, std::span<const ByteRange> newer);

   // Bytes sent to the host by a command, and so known to both.
   void written_by_command(uint32_t offset, std::span<const std::byte> data);

   // The other way round, where the memory itself was overwritten with what the host has: `before` is
   // what it held, whose changes by the CPU are restored.
   void restore_cpu_bytes(ByteRange range, const std::byte *before);

   // Persistent mappings that are open: while there are any, the CPU may see what the host writes.
   std::atomic<uint32_t> open{0};
   // Where the batch that last looked put it (a hint, to be verified).
   std::atomic<uint32_t> use_hint{0};
   // Written by the host and not read back, because nobody had it mapped.
   ByteRange host_ahead;

private:
   bool known(uint32_t page) const
   {
      return shadow_ && (known_[page / 64] >> (page % 64) & 1);
   }
   void compare_page(ByteRange page, uint32_t gap, std::vector<ByteRange> &changed);
   void take_bytes(ByteRange range, const std::byte *host);

   std::byte *memory_;
   std::byte *shadow_ = nullptr; // pages appear when first written; null where there is no memory
   uint32_t size_;
   Kind kind_;
   std::vector<uint64_t> known_; // pages whose bytes are in the shadow
};

} // namespace virgl
