// SPDX-License-Identifier: MIT
// CoherentMap by itself: what is found changed, and whose bytes win.
#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "gallium/drivers/virgl/coherent_map.hpp"

using namespace virgl;

namespace {

constexpr uint32_t page = PageSet::page_bytes;

struct Buffer : testing::Test {
   static constexpr uint32_t size = 10 * page + 100;
   std::vector<std::byte> memory = std::vector<std::byte>(size);
   CoherentMap map{memory.data(), size, CoherentMap::Kind::compared};
   // What a host would have.
   std::vector<std::byte> host = std::vector<std::byte>(size);

   std::vector<ByteRange> collect(ByteRange used, bool whole_runs = true)
   {
      PageSet pages;
      pages.add(used);
      std::vector<ByteRange> changed;
      map.collect(pages, whole_runs, changed);
      for (ByteRange r : changed)
         std::memcpy(&host[r.begin], map.agreed(r.begin), r.size());
      return changed;
   }
   void set(uint32_t at, int value) { memory[at] = std::byte(value); }
   int get(uint32_t at) const { return int(memory[at]); }
   void answer(ByteRange r, std::span<const ByteRange> newer = {})
   {
      const std::vector<std::byte> answer(&host[r.begin], &host[r.begin] + r.size());
      map.take_from_host(r, answer.data(), newer);
   }
};

using Ranges = std::vector<ByteRange>;

TEST_F(Buffer, TheFirstLookTakesWholePages)
{
   EXPECT_EQ(collect({page + 10, page + 20}), (Ranges{{page, 2 * page}}));
   EXPECT_EQ(collect({page + 10, 3 * page + 1}), (Ranges{{2 * page, 4 * page}}));
   EXPECT_EQ(collect({0, size}), (Ranges{{0, page}, {4 * page, size}}));
   EXPECT_EQ(collect({0, size}), Ranges{});
}

TEST_F(Buffer, LaterLooksTakeWhatChanged)
{
   collect({0, size});
   set(5, 1);
   set(6, 2);
   set(30, 3);
   set(500, 4);
   set(size - 1, 5);
   EXPECT_EQ(collect({0, 1}), (Ranges{{5, 31}, {500, 501}}));
   EXPECT_EQ(collect({0, page}), Ranges{});
   EXPECT_EQ(collect({0, size}), (Ranges{{size - 1, size}}));
   EXPECT_EQ(host, memory);
   // Exactly, while the host may have written what lies between.
   set(5, 7);
   set(30, 7);
   EXPECT_EQ(collect({0, page}, false), (Ranges{{5, 6}, {30, 31}}));
   // Runs that touch across blocks and pages are one.
   for (uint32_t i = page - 70; i < page + 70; i++)
      set(i, 9);
   EXPECT_EQ(collect({0, 2 * page}, false), (Ranges{{page - 70, page + 70}}));
}

TEST_F(Buffer, WhatTheHostWroteIsTaken)
{
   collect({0, size});
   host[3] = std::byte(50);
   host[page + 1] = std::byte(51);
   set(4, 60); // by the CPU, after what is answered was read
   answer({0, 2 * page});
   EXPECT_EQ(get(3), 50);
   EXPECT_EQ(get(page + 1), 51);
   EXPECT_EQ(get(4), 60);
   // What was taken is agreed on; what the CPU wrote is still to be sent.
   EXPECT_EQ(collect({0, size}, false), (Ranges{{4, 5}}));
   EXPECT_EQ(host, memory);
}

TEST_F(Buffer, ACounterSetBackIsAChange)
{
   collect({0, size});
   for (int round = 0; round < 3; round++) {
      host[8] = std::byte(7); // counted up from 0
      answer({8, 9});
      EXPECT_EQ(get(8), 7);
      set(8, 0);
      EXPECT_EQ(collect({8, 9}), (Ranges{{8, 9}}));
      EXPECT_EQ(int(host[8]), 0);
   }
}

TEST_F(Buffer, WhatWasSentSinceIsNewerThanTheAnswer)
{
   collect({0, size});
   host[10] = std::byte(1);
   host[20] = std::byte(2);
   const std::vector<std::byte> early(host.begin(), host.begin() + 64);
   set(20, 3);
   const Ranges sent = collect({0, 64}, false);
   EXPECT_EQ(sent, (Ranges{{20, 21}}));
   map.take_from_host({0, 64}, early.data(), sent);
   EXPECT_EQ(get(10), 1);
   EXPECT_EQ(get(20), 3);
   EXPECT_EQ(collect({0, 64}, false), Ranges{});
}

TEST_F(Buffer, CommandsAreNoChanges)
{
   collect({0, page});
   const std::byte data[] = {std::byte(1), std::byte(2)};
   map.written_by_command(page - 1, data);
   EXPECT_EQ(get(page - 1), 1);
   EXPECT_EQ(get(page), 2);
   EXPECT_EQ(collect({0, page}), Ranges{});
   EXPECT_EQ(collect({page, page + 1}), (Ranges{{page, 2 * page}})); // not looked at yet
}

TEST_F(Buffer, AReadBackIntoTheMemoryLeavesWhatTheCpuWrote)
{
   collect({0, size});
   set(100, 1);
   host[200] = std::byte(2);
   const std::vector<std::byte> before(memory.begin(), memory.begin() + page);
   std::memcpy(memory.data(), host.data(), page);
   map.restore_cpu_bytes({0, page}, before.data());
   EXPECT_EQ(get(100), 1);
   EXPECT_EQ(get(200), 2);
   EXPECT_EQ(collect({0, page}, false), (Ranges{{100, 101}}));
}

// Ranges that were written make one with pages in between that nobody has looked at.
TEST_F(Buffer, AnAnswerLeavesPagesThatWereNeverSent)
{
   collect({0, page});
   collect({5 * page, 6 * page});
   host[7] = host[5 * page + 7] = std::byte(1);
   set(3 * page + 5, 9);
   answer({0, 6 * page});
   EXPECT_EQ(get(7), 1);
   EXPECT_EQ(get(5 * page + 7), 1);
   EXPECT_EQ(get(3 * page + 5), 9);
   // The same by way of the memory.
   host[8] = std::byte(2);
   const std::vector<std::byte> before(memory.begin(), memory.begin() + 6 * page);
   std::memcpy(memory.data(), host.data(), 6 * page);
   map.restore_cpu_bytes({0, 6 * page}, before.data());
   EXPECT_EQ(get(8), 2);
   EXPECT_EQ(get(3 * page + 5), 9);
   collect({0, size});
   EXPECT_EQ(host, memory);
}

TEST_F(Buffer, NewerBytesComeInAnyOrder)
{
   collect({0, size});
   std::memset(&host[0], 1, 300);
   const std::vector<std::byte> early(host.begin(), host.begin() + 300);
   const Ranges newer = {{250, 400}, {20, 60}, {30, 40}, {0, 1}, {100, 120}};
   map.take_from_host({10, 290}, &early[10], newer);
   for (uint32_t i = 0; i < 300; i++) {
      bool stays = i < 10 || i >= 290;
      for (ByteRange r : newer)
         stays |= r.contains({i, i + 1});
      EXPECT_EQ(get(i), stays ? 0 : 1) << i;
   }
}

// Both sides at work on bytes of their own, with answers that come late.
TEST_F(Buffer, AtRandom)
{
   std::mt19937 random(1);
   collect({0, size});
   std::vector<std::byte> wanted = memory;
   struct Answer {
      ByteRange range;
      std::vector<std::byte> bytes;
      Ranges newer;
   };
   std::vector<Answer> late;
   for (int step = 0; step < 3000; step++) {
      const uint32_t at = random() % size;
      const auto value = std::byte(random());
      switch (random() % 4) {
      case 0: // the CPU has the even bytes
         memory[at & ~1u] = wanted[at & ~1u] = value;
         break;
      case 1: // the host the odd ones, after it got what it may read
         if ((at | 1) < size) {
            const ByteRange range{at & ~63u, std::min((at & ~63u) + 64, size)};
            for (ByteRange sent : collect(range, false)) {
               for (Answer &a : late)
                  a.newer.push_back(sent);
            }
            host[at | 1] = wanted[at | 1] = value;
            late.push_back({range, {&host[range.begin], &host[range.begin] + range.size()}, {}});
         }
         break;
      case 2:
         for (ByteRange sent : collect({at & ~4095u, at + 1}, late.empty())) {
            for (Answer &a : late)
               a.newer.push_back(sent);
         }
         break;
      default:
         if (late.size() > random() % 8) {
            map.take_from_host(late.front().range, late.front().bytes.data(), late.front().newer);
            late.erase(late.begin());
         }
         break;
      }
   }
   for (const Answer &a : late)
      map.take_from_host(a.range, a.bytes.data(), a.newer);
   EXPECT_EQ(memory, wanted);
   collect({0, size});
   EXPECT_EQ(host, wanted);
}

TEST(Ranges, AreJoined)
{
   Ranges list;
   add_range(list, {10, 20});
   add_range(list, {30, 40});
   add_range(list, {50, 50});
   EXPECT_EQ(list, (Ranges{{10, 20}, {30, 40}}));
   add_range(list, {20, 30});
   EXPECT_EQ(list, (Ranges{{10, 40}}));
   for (uint32_t i = 0; i < 100; i++)
      add_range(list, {100 * i, 100 * i + 10});
   EXPECT_LE(list.size(), 33u);
   for (uint32_t i = 0; i < 100; i++) {
      bool in = false;
      for (ByteRange r : list)
         in |= r.contains({100 * i, 100 * i + 10});
      EXPECT_TRUE(in);
   }
}

} // namespace
