// SPDX-License-Identifier: MIT
// Sync files that come in and go out; fence resources.
#include <fcntl.h>
#include <thread>

#include "drm_test.hpp"

using namespace virgl;
using namespace virgl::test;
using drm::FenceKind;

TEST(FenceFds, OutFencesBelongToTheCaller)
{
   Gpu g(gpu_options(Pace::by_hand));
   int fence = -1;
   const uint64_t n = g.ws->submit({}, {}, -1, &fence);
   ASSERT_GE(fence, 0);
   EXPECT_TRUE(fcntl(fence, F_GETFD) & FD_CLOEXEC);
   EXPECT_FALSE(readable(fence));
   g.gpu.complete();
   EXPECT_TRUE(readable(fence));
   EXPECT_TRUE(g.ws->wait_submission(n, UINT64_MAX));
   // Whatever the winsys does with its own.
   for (int i = 0; i < 200; i++)
      g.ws->submit({}, {}, -1, nullptr, Urgency::awaited);
   EXPECT_TRUE(readable(fence));
   EXPECT_EQ(close(fence), 0);
}

TEST(FenceFds, ManyOutFences)
{
   Gpu g(gpu_options(Pace::at_once));
   std::vector<int> fences;
   for (int i = 0; i < 300; i++) {
      int fence = -1;
      ASSERT_NE(g.ws->submit({}, {}, -1, &fence), 0u);
      ASSERT_GE(fence, 0);
      fences.push_back(fence);
   }
   for (int fd : fences)
      EXPECT_EQ(close(fd), 0);
}

TEST(FenceFds, OwnInFencesAreNotWaitedFor)
{
   Gpu g(gpu_options(Pace::by_hand));
   int fence = -1;
   g.ws->submit({}, {}, -1, &fence);
   const auto before = std::chrono::steady_clock::now();
   int second = -1;
   EXPECT_NE(g.ws->submit({}, {}, fence, &second), 0u);
   EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
   // Borrowed.
   EXPECT_GE(fcntl(fence, F_GETFD), 0);
   EXPECT_FALSE(readable(second));
   close(fence);
   close(second);
}

TEST(FenceFds, ForeignInFencesAreWaitedFor)
{
   Gpu g(gpu_options(Pace::at_once));
   const int foreign = g.gpu.foreign_sync_file();
   std::thread other([&] {
      std::this_thread::sleep_for(30ms);
      g.gpu.signal_foreign();
   });
   int out = -1;
   EXPECT_NE(g.ws->submit({}, {}, foreign, &out), 0u);
   EXPECT_TRUE(readable(foreign));
   other.join();
   EXPECT_GE(fcntl(foreign, F_GETFD), 0);
   close(foreign);
   close(out);
}

// A kernel that was interrupted hands the request back without its fence.
TEST(FenceFds, InterruptedWithAnInFence)
{
   Gpu g(gpu_options(Pace::by_hand));
   int fence = -1;
   g.ws->submit({}, {}, -1, &fence);
   g.gpu.clear_calls();
   g.gpu.refuse({.call = Call::execbuffer, .error = EINTR, .times = 5});
   int out = -1;
   EXPECT_NE(g.ws->submit({}, {}, fence, &out), 0u);
   EXPECT_EQ(g.gpu.calls_text(), "execbuffer 6");
   EXPECT_FALSE(g.ws->lost());
   EXPECT_GE(out, 0);
   close(fence);
   close(out);
}

// A fence that never comes must not hold up anything for ever.
TEST(FenceFds, AForeignFenceThatNeverComes)
{
   StderrCapture err;
   auto o = drm_options();
   o.timeout = 50ms;
   Gpu g(gpu_options(Pace::at_once), o);
   const int foreign = g.gpu.foreign_sync_file();
   const auto before = std::chrono::steady_clock::now();
   EXPECT_NE(g.ws->submit({}, {}, foreign, nullptr), 0u);
   EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
   EXPECT_FALSE(g.ws->lost());
   close(foreign);
   g.gpu.signal_foreign();
   expect_one_line(err.take(), "fence");
}

TEST(FenceFds, WhatIsNoFence)
{
   Gpu g(gpu_options(Pace::at_once));
   int ends[2];
   ASSERT_EQ(pipe(ends), 0);
   ASSERT_EQ(write(ends[1], "", 1), 1);
   EXPECT_NE(g.ws->submit({}, {}, ends[0], nullptr), 0u);
   EXPECT_FALSE(g.ws->lost());
   close(ends[0]);
   close(ends[1]);
}

// A fence that depends on a submission of this very process must not keep that from being made.
TEST(FenceFds, ForeignFencesDoNotBlockOthers)
{
   Gpu g(gpu_options(Pace::at_once));
   const int foreign = g.gpu.foreign_sync_file();
   std::thread waiting([&] { EXPECT_NE(g.ws->submit({}, {}, foreign, nullptr), 0u); });
   std::this_thread::sleep_for(10ms);
   EXPECT_NE(g.ws->submit({}, {}, -1, nullptr), 0u);
   auto bo = g.ws->create_resource(buffer_desc(64));
   EXPECT_TRUE(bo);
   g.gpu.signal_foreign();
   waiting.join();
   close(foreign);
}

TEST(FenceBos, NoneIsCreatedInTheSteadyState)
{
   Gpu g(gpu_options(Pace::by_hand), drm_options(FenceKind::bo));
   int out = 5;
   g.ws->submit({}, {}, -1, &out);
   EXPECT_EQ(out, -1);
   for (int i = 0; i < 50; i++) {
      const uint64_t n = g.ws->submit({}, {}, -1, nullptr, Urgency::awaited);
      g.gpu.complete();
      ASSERT_TRUE(g.ws->wait_submission(n, 0));
   }
   g.gpu.clear_calls();
   for (int i = 0; i < 50; i++) {
      const uint64_t n = g.ws->submit({}, {}, -1, nullptr, Urgency::awaited);
      g.gpu.complete();
      ASSERT_TRUE(g.ws->wait_submission(n, 0));
   }
   EXPECT_EQ(g.gpu.calls_text(), "wait 50, execbuffer 50");
}

// However many are under way.
TEST(FenceBos, ThePoolIsBounded)
{
   Gpu g(gpu_options(Pace::by_hand), drm_options(FenceKind::bo));
   for (int i = 0; i < 5000; i++)
      g.ws->submit({}, {}, -1, nullptr, Urgency::awaited);
   EXPECT_LE(g.gpu.account().handles, 100u);
}
