// SPDX-License-Identifier: MIT
#include "coherent_map.hpp"

#include <cstring>

#include <sys/mman.h>

namespace virgl {

namespace {

constexpr uint32_t block_bytes = 64;

// Appends in ascending order.
void append(std::vector<ByteRange> &list, ByteRange range, uint32_t gap)
{
   if (!list.empty() && range.begin - list.back().end <= gap)
      list.back().end = range.end;
   else
      list.push_back(range);
}

} // namespace

void add_range(std::vector<ByteRange> &list, ByteRange range)
{
   if (range.empty())
      return;
   for (size_t i = 0; i < list.size();) {
      if (list[i].begin <= range.end && range.begin <= list[i].end) {
         range.include(list[i]);
         list[i] = list.back();
         list.pop_back();
         i = 0; // what it has grown into may touch one looked at before
      } else {
         i++;
      }
   }
   list.push_back(range);
   constexpr size_t most = 32;
   if (list.size() > most) {
      for (ByteRange other : list)
         range.include(other);
      list.assign(1, range);
   }
}

void PageSet::add(ByteRange bytes)
{
   if (bytes.empty())
      return;
   const uint32_t first = bytes.begin / page_bytes, last = (bytes.end - 1) / page_bytes;
   if (words_.size() <= last / 64)
      words_.resize(last / 64 + 1);
   for (uint32_t word = first / 64; word <= last / 64; word++) {
      uint64_t bits = ~uint64_t(0);
      if (word == first / 64)
         bits &= ~uint64_t(0) << (first % 64);
      if (word == last / 64)
         bits &= ~uint64_t(0) >> (63 - last % 64);
      words_[word] |= bits;
   }
}

CoherentMap::CoherentMap(std::byte *memory, uint32_t size, Kind kind)
    : memory_(memory), size_(size), kind_(kind)
{
   if (kind == Kind::append_only)
      return;
   // Reserved, not taken: a page costs memory when the GPU first uses it.
   void *shadow = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
   // Without it all that is used is sent, and all that comes back is taken.
   if (shadow == MAP_FAILED)
      return;
   shadow_ = static_cast<std::byte *>(shadow);
   known_.resize((size / PageSet::page_bytes + 64) / 64);
}

CoherentMap::~CoherentMap()
{
   if (shadow_)
      munmap(shadow_, size_);
}

ByteRange CoherentMap::clamp(uint64_t begin, uint64_t size) const
{
   const uint64_t end = std::min<uint64_t>(begin + size, size_);
   return begin < end ? ByteRange{uint32_t(begin), uint32_t(end)} : ByteRange{};
}

// Compares bytes with the shadow. The CPU may be writing: a byte is read again when it is stored, and
// what counts is what was stored.
void CoherentMap::compare_page(ByteRange page, uint32_t gap, std::vector<ByteRange> &changed)
{
   for (uint32_t at = page.begin; at < page.end; at += block_bytes) {
      const uint32_t end = std::min(at + block_bytes, page.end);
      if (std::memcmp(memory_ + at, shadow_ + at, end - at) == 0)
         continue;
      for (uint32_t i = at; i < end; i++) {
         const std::byte now = memory_[i];
         if (now == shadow_[i])
            continue;
         shadow_[i] = now;
         append(changed, {i, i + 1}, gap);
      }
   }
}

void CoherentMap::collect(const PageSet &pages, bool whole_runs, std::vector<ByteRange> &changed)
{
   const uint32_t gap = whole_runs ? largest_gap : 0;
   pages.for_each([&](uint32_t page) {
      const ByteRange bytes = clamp(uint64_t(page) * PageSet::page_bytes, PageSet::page_bytes);
      if (bytes.empty())
         return;
      if (known(page)) {
         compare_page(bytes, gap, changed);
         return;
      }
      if (shadow_) {
         std::memcpy(shadow_ + bytes.begin, memory_ + bytes.begin, bytes.size());
         known_[page / 64] |= uint64_t(1) << (page % 64);
      }
      append(changed, bytes, 0);
   });
}

void CoherentMap::take_bytes(ByteRange range, const std::byte *host)
{
   for (uint32_t at = range.begin; at < range.end;) {
      const uint32_t page = at / PageSet::page_bytes;
      // To the end of the block in the buffer, so that no block lies in two pages.
      const uint32_t end = std::min((at / block_bytes + 1) * block_bytes, range.end);
      const std::byte *from = host + (at - range.begin);
      if (!shadow_) {
         std::memcpy(memory_ + at, from, end - at);
      } else if (known(page) && std::memcmp(from, shadow_ + at, end - at) != 0) {
         for (uint32_t i = at; i < end; i++, from++) {
            if (*from != shadow_[i])
               memory_[i] = shadow_[i] = *from;
         }
      }
      at = end;
   }
}

void CoherentMap::take_from_host(ByteRange range, const std::byte *host,
                                 std::span<const ByteRange> newer)
{
   // There may be thousands.
   std::vector<ByteRange> holes(newer.begin(), newer.end());
   std::ranges::sort(holes, {}, &ByteRange::begin);
   uint32_t at = range.begin;
   for (ByteRange hole : holes) {
      if (hole.begin >= range.end)
         break;
      if (at < hole.begin)
         take_bytes({at, hole.begin}, host + (at - range.begin));
      at = std::max(at, hole.end);
   }
   if (at < range.end)
      take_bytes({at, range.end}, host + (at - range.begin));
}

void CoherentMap::written_by_command(uint32_t offset, std::span<const std::byte> data)
{
   std::memcpy(memory_ + offset, data.data(), data.size());
   if (shadow_)
      std::memcpy(shadow_ + offset, data.data(), data.size());
}

void CoherentMap::restore_cpu_bytes(ByteRange range, const std::byte *before)
{
   for (uint32_t i = range.begin; i < range.end; i++, before++) {
      if (!known(i / PageSet::page_bytes)) {
         if (shadow_)
            memory_[i] = *before;
         continue;
      }
      const std::byte host = memory_[i];
      if (*before != shadow_[i])
         memory_[i] = *before;
      shadow_[i] = host;
   }
}

} // namespace virgl
