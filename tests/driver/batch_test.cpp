// SPDX-License-Identifier: MIT
// How a batch is divided into parts, on the fake vtest server.
#include <numeric>
#include <vector>

#include "gallium/drivers/virgl/batch.hpp"
#include "protocol/packets.hpp"
#include "winsys_test.hpp"

#include <gtest/gtest.h>

using namespace virgl;
using namespace virgl::test;

namespace {

// A batch whose server has work to do already.
struct BusyHost : Pair {
   BusyHost()
   {
      server.hold();
      ws->submit({}, {}, -1, nullptr);
   }

   void record(uint32_t dwords = 2)
   {
      for (uint32_t i = 0; i < dwords; i += 2)
         batch.write(proto::SetSubCtx{.sub_ctx = 1});
   }
   // The lengths of the submissions that the server got, without the first.
   std::vector<size_t> lengths()
   {
      server.resume();
      EXPECT_TRUE(ws->wait_submission(batch.last_submission(), UINT64_MAX));
      std::vector<size_t> found;
      for (const auto &stream : streams_of(*this))
         found.push_back(stream.size());
      EXPECT_FALSE(found.empty());
      if (!found.empty())
         found.erase(found.begin());
      return found;
   }

   Batch batch{*ws, nullptr};
};

using Lengths = std::vector<size_t>;

} // namespace

TEST(Batch, IsDividedWhileTheHostHasWork)
{
   BusyHost host;
   EXPECT_FALSE(host.batch.divide()); // there is nothing yet
   host.record();
   host.batch.begins_here();
   EXPECT_FALSE(host.batch.divide()); // nothing of its own
   host.record(4);
   EXPECT_TRUE(host.batch.divide());
   host.record();
   EXPECT_NE(host.batch.submit(), 0u);
   host.record();
   EXPECT_NE(host.batch.submit(), 0u); // in one piece again
   EXPECT_EQ(host.lengths(), (Lengths{6, 2, 2}));

   // An idle host had better begin.
   host.record();
   EXPECT_FALSE(host.batch.divide());
}

TEST(Batch, IsDividedIntoSoManyPartsAndNotWhenLong)
{
   BusyHost host;
   for (size_t part = 1; part < Winsys::most_parts; part++) {
      host.record();
      EXPECT_TRUE(host.batch.divide());
   }
   host.record();
   EXPECT_FALSE(host.batch.divide());
   host.batch.submit();
   host.record(Batch::capacity_dwords / 2 + 2);
   EXPECT_FALSE(host.batch.divide());
   host.batch.submit();
   Lengths expected(Winsys::most_parts, 2);
   expected.push_back(Batch::capacity_dwords / 2 + 2);
   EXPECT_EQ(host.lengths(), expected);
}

TEST(Batch, PartsEndWithWhatIsTakenBack)
{
   BusyHost host;
   host.record();
   EXPECT_TRUE(host.batch.divide());
   host.record();
   EXPECT_TRUE(host.batch.divide());
   host.batch.rewind(2); // the first part stays one
   host.record(4);
   EXPECT_NE(host.batch.submit(), 0u);
   EXPECT_EQ(host.lengths(), (Lengths{2, 4}));
}

TEST(Batch, WhatGoesAroundABatchBelongsToItsFirstAndLastPart)
{
   BusyHost host;
   host.record();
   host.batch.begins_here();
   host.record();
   EXPECT_TRUE(host.batch.divide());
   host.record(4);
   EXPECT_TRUE(host.batch.divide());
   host.record();
   // Where these are many they are submissions of their own, each with what stands at the beginning.
   const auto commands = [](size_t dwords) {
      std::vector<uint32_t> found(dwords);
      for (size_t i = 0; i < dwords; i += 2)
         proto::SetSubCtx{.sub_ctx = 2}.write(&found[i]);
      return found;
   };
   const std::vector<uint32_t> few = commands(2), some = commands(4),
                               many = commands(4 * Batch::capacity_dwords);
   EXPECT_NE(host.batch.submit(nullptr, false, few, some), 0u);
   host.record();
   host.batch.begins_here();
   host.record();
   EXPECT_TRUE(host.batch.divide());
   host.record();
   EXPECT_NE(host.batch.submit(nullptr, false, few, many), 0u);
   Lengths found = host.lengths();
   ASSERT_GT(found.size(), 5u);
   EXPECT_EQ(Lengths(found.begin(), found.begin() + 4), (Lengths{6, 4, 6, 6}));
   EXPECT_EQ(std::accumulate(found.begin() + 3, found.end(), size_t(0)),
             2 + 2 + 2 + 2 + many.size() + 2 * (found.size() - 5));
}
