// SPDX-License-Identifier: MIT
// Several threads on one winsys. Meant for ThreadSanitizer, too.
#include <cstring>
#include <random>
#include <thread>

#include "drm_test.hpp"

using namespace virgl;
using namespace virgl::test;
using drm::FenceKind;

namespace {

class Threads : public testing::TestWithParam<FenceKind> {
public:
   static VirtgpuOptions fake()
   {
      auto o = gpu_options(Pace::delayed);
      o.delay = std::chrono::microseconds(20);
      return o;
   }
   drm::Options options() const { return drm_options(GetParam()); }

   template <typename F> static void at_once(int n, F &&f)
   {
      std::vector<std::thread> threads;
      for (int t = 0; t < n; t++)
         threads.emplace_back([&f, t] { f(t); });
      for (auto &t : threads)
         t.join();
   }
};
INSTANTIATE_TEST_SUITE_P(Fences, Threads, testing::Values(FenceKind::fd, FenceKind::bo),
                         [](const auto &i) { return i.param == FenceKind::fd ? "fd" : "bo"; });

} // namespace

TEST_P(Threads, CreateSubmitWaitRelease)
{
   Gpu g(fake(), options());
   at_once(4, [&](int t) {
      std::mt19937 random{unsigned(t)};
      uint64_t last = 0;
      for (int i = 0; i < 150; i++) {
         auto bo = g.ws->create_resource(buffer_desc(1024u << random() % 3));
         ASSERT_TRUE(bo);
         std::byte *p = bo->map();
         ASSERT_NE(p, nullptr);
         const auto value = std::byte(t * 50 + i % 50);
         memset(p, int(value), 1024);
         const uint64_t n = g.ws->submit(Stream().move(*bo, 0, 1024), std::array{bo.get()}, -1,
                                         nullptr, urgency(random() % 2));
         ASSERT_GT(n, last);
         last = n;
         if (random() % 2) {
            ASSERT_TRUE(g.ws->wait_idle(*bo, UINT64_MAX));
            // Nobody else has had a hand in it.
            ASSERT_EQ(g.gpu.storage(uint32_t(bo->handle()))[1023], value);
         } else if (random() % 2) {
            ASSERT_TRUE(g.ws->wait_submission(n, UINT64_MAX));
         } else {
            g.ws->wait_submission(n, random() % 2 * 10'000);
         }
         if (random() % 8 == 0) {
            ASSERT_TRUE(g.ws->transfer_from_host(*bo, 0, {.width = 1024}, {}));
         }
         if (random() % 16 == 0) {
            ASSERT_TRUE(g.ws->poll_host());
         }
         g.ws->is_busy(*bo);
      }
   });
   EXPECT_FALSE(g.ws->lost());
}

// Numbers say in which order the device gets things, whoever sends them.
TEST_P(Threads, NumbersAreInOrder)
{
   Gpu g(gpu_options(Pace::by_hand), options());
   std::mutex mutex;
   std::vector<uint64_t> numbers;
   at_once(4, [&](int) {
      for (int i = 0; i < 100; i++) {
         const uint64_t n = g.ws->submit({}, {}, -1, nullptr, Urgency::awaited);
         std::lock_guard lock(mutex);
         numbers.push_back(n);
      }
   });
   std::sort(numbers.begin(), numbers.end());
   EXPECT_EQ(std::adjacent_find(numbers.begin(), numbers.end()), numbers.end());
   EXPECT_FALSE(g.ws->wait_submission(numbers[0], 0));
   g.gpu.complete();
   at_once(4, [&](int t) { EXPECT_TRUE(g.ws->wait_submission(numbers[size_t(t) * 99], 0)); });
}

// One resource, mapped by all at once for the first time.
TEST_P(Threads, FirstMap)
{
   Gpu g(fake(), options());
   for (int i = 0; i < 50; i++) {
      auto bo = g.ws->create_resource(texture_desc(8, 8));
      std::array<std::byte *, 4> seen{};
      at_once(4, [&](int t) { seen[size_t(t)] = bo->map(); });
      for (std::byte *p : seen)
         EXPECT_EQ(p, seen[0]);
      ASSERT_NE(seen[0], nullptr);
   }
   EXPECT_EQ(g.gpu.calls(Call::mmap), 50u);
}

// Many wait for the same, and one makes it happen.
TEST_P(Threads, ManyWaiters)
{
   Gpu g(gpu_options(Pace::by_hand), options());
   for (int round = 0; round < 20; round++) {
      const uint64_t n = g.ws->submit({}, {}, -1, nullptr, urgency(round % 2));
      at_once(5, [&](int t) {
         if (t == 4) {
            // Also what a waiter sends to have something to wait for.
            while (!g.ws->wait_submission(n, 0)) {
               g.gpu.complete();
               std::this_thread::yield();
            }
         } else {
            EXPECT_TRUE(g.ws->wait_submission(n, UINT64_MAX));
         }
      });
   }
   EXPECT_FALSE(g.ws->lost());
}

TEST_P(Threads, FencesAcrossScreens)
{
   FakeVirtgpu gpu(fake());
   {
      auto a = drm::connect(gpu.open(), options()), b = drm::connect(gpu.open(), options());
      std::thread other([&] {
         for (int i = 0; i < 200; i++)
            b->submit({}, {}, -1, nullptr, Urgency::awaited);
      });
      for (int i = 0; i < 200; i++) {
         int fence = -1;
         ASSERT_NE(a->submit({}, {}, -1, &fence), 0u);
         if (fence < 0)
            continue;
         ASSERT_NE(b->submit({}, {}, fence, nullptr), 0u);
         close(fence);
      }
      other.join();
      EXPECT_TRUE(a->poll_host() && b->poll_host());
   }
   Gpu::expect_nothing_left(gpu);
}

TEST_P(Threads, ImportAndRelease)
{
   FakeVirtgpu gpu(fake());
   {
      auto a = drm::connect(gpu.open(), options()), b = drm::connect(gpu.open(), options());
      const auto desc = texture_desc(16, 16);
      auto mine = a->create_resource(desc);
      SharedHandle fd{.kind = ShareKind::dma_buf}, name{.kind = ShareKind::flink};
      ASSERT_TRUE(a->export_resource(*mine, fd) && a->export_resource(*mine, name));
      at_once(4, [&](int t) {
         for (int i = 0; i < 300; i++) {
            Winsys &ws = t % 2 ? *a : *b;
            auto bo = ws.import_resource((i + t) % 3 ? fd : name, desc);
            ASSERT_TRUE(bo);
            proto::Transfer3d p;
            p.resource = bo->handle();
            p.box = {0, 0, 0, 16, 16, 1};
            ASSERT_NE(ws.submit(Stream().add(p), std::array{bo.get()}, -1, nullptr), 0u);
            if (i % 10 == 0) {
               ASSERT_TRUE(bo->map());
            }
            if (i % 20 == 0) {
               ASSERT_TRUE(ws.wait_idle(*bo, UINT64_MAX));
            }
         }
      });
      close(fd.fd);
   }
   Gpu::expect_nothing_left(gpu);
}

TEST_P(Threads, LostWhileAllAreBusy)
{
   for (int round = 0; round < 10; round++) {
      StderrCapture err;
      {
         Gpu g(fake(), options());
         at_once(5, [&](int t) {
            if (t == 4) {
               std::this_thread::sleep_for(std::chrono::microseconds(300 * round));
               g.gpu.refuse({.call = Call::execbuffer, .error = ENODEV, .times = UINT64_MAX});
               return;
            }
            while (!g.ws->lost()) {
               auto bo = g.ws->create_resource(buffer_desc(512));
               if (!bo)
                  continue;
               bo->map();
               const uint64_t n = g.ws->submit(Stream().move(*bo, 0, 512), std::array{bo.get()},
                                               -1, nullptr, Urgency::awaited);
               EXPECT_TRUE(g.ws->wait_submission(n, UINT64_MAX));
            }
         });
      }
      expect_one_line(err.take(), "EXECBUFFER");
   }
}

TEST_P(Threads, RefusalsAtRandom)
{
   for (uint64_t seed = 1; seed <= 10; seed++) {
      StderrCapture err;
      {
         Gpu g(fake(), options());
         for (int error : {ENOMEM, EINTR, EBUSY}) {
            g.gpu.refuse(
               {.error = error, .times = 300, .one_in = 12, .seed = seed + unsigned(error)});
         }
         at_once(4, [&](int t) {
            for (int i = 0; i < 60; i++) {
               auto bo = g.ws->create_resource(i % 2 ? buffer_desc(512u << t) : texture_desc(8, 8));
               if (!bo)
                  continue;
               bo->map();
               proto::Transfer3d p;
               p.resource = bo->handle();
               p.box = {0, 0, 0, 8, 1, 1};
               const uint64_t n =
                  g.ws->submit(Stream().add(p), std::array{bo.get()}, -1, nullptr, urgency(i % 3));
               EXPECT_NE(n, 0u);
               if (i % 4 == 0) {
                  EXPECT_TRUE(g.ws->wait_idle(*bo, UINT64_MAX));
               }
            }
         });
         EXPECT_FALSE(g.ws->lost());
      }
      EXPECT_EQ(err.take(), "");
   }
}
