// SPDX-License-Identifier: MIT
// Submissions and waits, with both kinds of fences.
#include <cstring>
#include <thread>

#include "drm_test.hpp"

using namespace virgl;
using namespace virgl::test;
using drm::FenceKind;

namespace {

class Both : public testing::TestWithParam<FenceKind> {
public:
   drm::Options options() const { return drm_options(GetParam()); }
   // Nobody knows more about it than the kernel does.
   static constexpr uint64_t short_ns = 20'000'000;
};
INSTANTIATE_TEST_SUITE_P(Fences, Both, testing::Values(FenceKind::fd, FenceKind::bo),
                         [](const auto &i) { return i.param == FenceKind::fd ? "fd" : "bo"; });

// Fences exist already, and are idle: a new one would be busy for being new.
void warm_up(Gpu &g)
{
   uint64_t n = 0;
   for (int i = 0; i < 8; i++)
      n = g.ws->submit({}, {}, -1, nullptr, Urgency::awaited);
   g.gpu.complete();
   EXPECT_TRUE(g.ws->wait_submission(n, 0));
}

std::chrono::steady_clock::time_point now()
{
   return std::chrono::steady_clock::now();
}

} // namespace

TEST_P(Both, BoListAndNumbers)
{
   Gpu g({}, options());
   auto a = g.ws->create_resource(texture_desc(4, 4));
   auto b = g.ws->create_resource(buffer_desc(64));
   auto c = g.ws->create_resource(buffer_desc(128));
   g.gpu.clear_calls();
   g.gpu.keep_streams(true);
   const Stream stream = Stream().move(*b, 0, 64).move(*c, 0, 128);
   Bo *bos[] = {a.get(), b.get(), c.get()};
   const uint64_t first = g.ws->submit(stream, bos, -1, nullptr);
   std::vector<uint32_t> list = g.gpu.last_bo_list();
   // Exactly those, and maybe a fence.
   ASSERT_GE(list.size(), 3u);
   for (int i = 0; i < 3; i++)
      EXPECT_EQ(list[size_t(i)], uint32_t(bos[i]->handle()));
   EXPECT_LE(list.size(), 4u);
   const uint64_t second = g.ws->submit(Stream().move(*b, 0, 1), {bos + 1, 1}, -1, nullptr);
   EXPECT_NE(first, 0u);
   EXPECT_GT(second, first);
   EXPECT_EQ(a->last_use(), first);
   EXPECT_EQ(b->last_use(), second);
   const auto streams = g.gpu.take_streams();
   ASSERT_EQ(streams.size(), 2u);
   EXPECT_TRUE(std::ranges::equal(streams[0], std::span<const uint32_t>(stream)));
   EXPECT_EQ(g.gpu.calls(Call::execbuffer), 2u);
}

TEST_P(Both, DataGoesThrough)
{
   Gpu g({}, options());
   auto bo = g.ws->create_resource(buffer_desc(4096));
   memset(bo->map(), 5, 4096);
   uint64_t n = g.ws->submit(Stream().move(*bo, 100, 50), std::array{bo.get()}, -1, nullptr);
   ASSERT_TRUE(g.ws->wait_submission(n, UINT64_MAX));
   auto host = g.gpu.storage(uint32_t(bo->handle()));
   EXPECT_EQ(host[99], std::byte(0));
   EXPECT_EQ(host[100], std::byte(5));
   EXPECT_EQ(host[149], std::byte(5));
   EXPECT_EQ(host[150], std::byte(0));
   g.gpu.set_storage(uint32_t(bo->handle()), bytes_of(4096, 9));
   n = g.ws->submit(Stream().move(*bo, 0, 8, false), std::array{bo.get()}, -1, nullptr);
   ASSERT_TRUE(g.ws->wait_idle(*bo, UINT64_MAX));
   EXPECT_EQ(bo->map()[7], std::byte(9));
   EXPECT_EQ(bo->map()[8], std::byte(5));
}

TEST_P(Both, AskingDoesNotWait)
{
   for (bool awaited : {false, true}) {
      Gpu g(gpu_options(Pace::by_hand), options());
      warm_up(g);
      const uint64_t n = g.ws->submit({}, {}, -1, nullptr, urgency(awaited));
      for (int i = 0; i < 10; i++)
         EXPECT_FALSE(g.ws->wait_submission(n, 0));
      EXPECT_FALSE(g.ws->known_complete(n));
      g.gpu.complete();
      EXPECT_TRUE(g.ws->wait_submission(n, 0));
      EXPECT_TRUE(g.ws->known_complete(n));
      EXPECT_TRUE(g.ws->wait_submission(n, 0));
      EXPECT_FALSE(g.ws->lost());
   }
}

TEST_P(Both, FiniteTimeouts)
{
   for (bool awaited : {false, true}) {
      Gpu g(gpu_options(Pace::by_hand), options());
      warm_up(g);
      const uint64_t n = g.ws->submit({}, {}, -1, nullptr, urgency(awaited));
      const auto before = now();
      EXPECT_FALSE(g.ws->wait_submission(n, short_ns));
      EXPECT_GE(now() - before, std::chrono::nanoseconds(short_ns));
      EXPECT_LT(now() - before, 5s);
      EXPECT_FALSE(g.ws->wait_submission(n, 1));
      std::thread host([&] {
         std::this_thread::sleep_for(20ms);
         g.gpu.complete();
      });
      EXPECT_TRUE(g.ws->wait_submission(n, 5'000'000'000));
      EXPECT_FALSE(g.ws->lost());
      host.join();
   }
}

TEST_P(Both, InfiniteTimeout)
{
   Gpu g(gpu_options(Pace::by_hand), options());
   warm_up(g);
   const uint64_t n = g.ws->submit({}, {}, -1, nullptr, Urgency::awaited);
   std::thread host([&] {
      // Longer than the kernel waits in one call.
      std::this_thread::sleep_for(250ms);
      g.gpu.complete();
   });
   EXPECT_TRUE(g.ws->wait_submission(n, UINT64_MAX));
   EXPECT_FALSE(g.ws->lost());
   host.join();
}

TEST_P(Both, CompletionIsInOrder)
{
   Gpu g(gpu_options(Pace::by_hand), options());
   warm_up(g);
   std::vector<uint64_t> n;
   for (int i = 0; i < 5; i++)
      n.push_back(g.ws->submit({}, {}, -1, nullptr, Urgency::awaited));
   EXPECT_EQ(g.gpu.complete(1), 1u);
   EXPECT_FALSE(g.ws->wait_submission(n[1], 0));
   EXPECT_TRUE(g.ws->wait_submission(n[0], 0));
   EXPECT_EQ(g.gpu.complete(1), 1u);
   EXPECT_TRUE(g.ws->wait_submission(n[1], 0));
   EXPECT_TRUE(g.ws->known_complete(n[0]));
   EXPECT_TRUE(g.ws->known_complete(n[1]));
   EXPECT_FALSE(g.ws->known_complete(n[2]));
   EXPECT_FALSE(g.ws->wait_submission(n[2], 0));
   g.gpu.complete();
   EXPECT_TRUE(g.ws->wait_submission(n[4], 0));
   EXPECT_TRUE(g.ws->known_complete(n[3]));
}

// Many more submissions than fences are kept for.
TEST_P(Both, ALongQueue)
{
   Gpu g(gpu_options(Pace::by_hand), options());
   std::vector<uint64_t> n;
   for (int i = 0; i < 1000; i++)
      n.push_back(g.ws->submit({}, {}, -1, nullptr, urgency(i % 3 == 0)));
   EXPECT_FALSE(g.ws->wait_submission(n[0], 0));
   EXPECT_FALSE(g.ws->wait_submission(n[500], 0));
   g.gpu.complete();
   EXPECT_TRUE(g.ws->wait_submission(n[500], 0));
   g.gpu.set_pace(Pace::at_once);
   EXPECT_TRUE(g.ws->wait_submission(n[999], UINT64_MAX));
}

TEST_P(Both, IdleResources)
{
   Gpu g(gpu_options(Pace::by_hand), options());
   auto a = g.ws->create_resource(buffer_desc(64));
   auto b = g.ws->create_resource(buffer_desc(64));
   EXPECT_FALSE(g.ws->is_busy(*a));
   g.ws->submit(Stream().move(*a, 0, 64), std::array{a.get()}, -1, nullptr);
   EXPECT_TRUE(g.ws->is_busy(*a));
   EXPECT_FALSE(g.ws->is_busy(*b));
   EXPECT_FALSE(g.ws->wait_idle(*a, 0));
   EXPECT_FALSE(g.ws->wait_idle(*a, short_ns));
   std::thread host([&] {
      std::this_thread::sleep_for(20ms);
      g.gpu.complete();
   });
   EXPECT_TRUE(g.ws->wait_idle(*a, UINT64_MAX));
   EXPECT_FALSE(g.ws->is_busy(*a));
   host.join();
}

TEST_P(Both, PollingTheHost)
{
   Gpu g(gpu_options(Pace::delayed), options());
   EXPECT_TRUE(g.ws->poll_host());
   EXPECT_TRUE(g.ws->poll_host());
}

TEST_P(Both, TransfersTakeNumbers)
{
   Gpu g(gpu_options(Pace::by_hand), options());
   auto a = g.ws->create_resource(buffer_desc(64));
   memset(a->map(), 1, 64);
   const uint64_t before = g.ws->submit({}, {}, -1, nullptr);
   ASSERT_TRUE(g.ws->transfer_to_host(*a, 0, {.x = 16, .width = 16}, {.offset = 16}));
   EXPECT_GT(a->last_use(), before);
   EXPECT_TRUE(g.ws->is_busy(*a));
   const uint64_t after = g.ws->submit({}, {}, -1, nullptr, Urgency::awaited);
   EXPECT_GT(after, a->last_use());
   EXPECT_EQ(g.gpu.calls(Call::transfer_to_host), 1u);
   EXPECT_FALSE(g.ws->wait_idle(*a, 0));
   g.gpu.complete();
   EXPECT_TRUE(g.ws->wait_submission(after, UINT64_MAX));
   EXPECT_FALSE(g.ws->is_busy(*a));
   const auto host = g.gpu.storage(uint32_t(a->handle()));
   EXPECT_EQ(host[15], std::byte(0));
   EXPECT_EQ(host[16], std::byte(1));
   EXPECT_EQ(host[32], std::byte(0));
}

TEST_P(Both, AFrameIsOneCall)
{
   Gpu g(gpu_options(Pace::delayed), options());
   auto vertices = g.ws->create_resource(buffer_desc(4096));
   auto target = g.ws->create_resource(texture_desc(64, 64));
   memset(vertices->map(), 1, 4096);
   Bo *bos[] = {vertices.get(), target.get()};
   std::vector<uint64_t> frames;
   auto frame = [&] {
      frames.push_back(
         g.ws->submit(Stream().move(*vertices, 0, 64), bos, -1, nullptr, Urgency::awaited));
      ASSERT_NE(frames.back(), 0u);
      // The frontend throttles on the frame before the last one.
      if (frames.size() > 2) {
         ASSERT_TRUE(g.ws->wait_submission(frames[frames.size() - 3], UINT64_MAX));
      }
   };
   for (int i = 0; i < 20; i++)
      frame();
   g.gpu.clear_calls();
   for (int i = 0; i < 500; i++)
      frame();
   EXPECT_EQ(g.gpu.calls(Call::execbuffer), 500u);
   const uint64_t waits = g.gpu.calls(Call::wait);
   EXPECT_EQ(g.gpu.calls(), 500u + waits) << g.gpu.calls_text();
   EXPECT_LE(waits, GetParam() == FenceKind::fd ? 0u : 500u);
}

TEST_P(Both, TenThousandFramesLeaveNothingBehind)
{
   Gpu g(gpu_options(Pace::at_once), options());
   auto vertices = g.ws->create_resource(buffer_desc(4096));
   auto frame = [&](int i) {
      const uint64_t n = g.ws->submit(Stream().move(*vertices, 0, 64), std::array{vertices.get()},
                                      -1, nullptr, Urgency::awaited);
      if (i % 2) {
         ASSERT_TRUE(g.ws->wait_submission(n, UINT64_MAX));
      }
   };
   for (int i = 0; i < 200; i++)
      frame(i);
   const Account before = g.gpu.account();
   const size_t fds = open_fds();
   for (int i = 0; i < 10'000; i++)
      frame(i);
   EXPECT_EQ(g.gpu.account(), before);
   EXPECT_EQ(open_fds(), fds);
   EXPECT_LE(before.sync_files, 70u);
}

// Nobody ever waits.
TEST_P(Both, TenThousandUnwatchedFrames)
{
   Gpu g(gpu_options(Pace::at_once), options());
   auto frame = [&] { ASSERT_NE(g.ws->submit({}, {}, -1, nullptr, Urgency::awaited), 0u); };
   for (int i = 0; i < 1000; i++)
      frame();
   const Account before = g.gpu.account();
   for (int i = 0; i < 10'000; i++)
      frame();
   EXPECT_EQ(g.gpu.account(), before);
}

TEST_P(Both, FencesStepIn)
{
   // A submission that nobody announced to wait for can be waited for all the same.
   Gpu g(gpu_options(Pace::delayed), options());
   for (int i = 0; i < 30; i++) {
      const uint64_t n = g.ws->submit({}, {}, -1, nullptr);
      if (i % 7 == 0) {
         EXPECT_TRUE(g.ws->wait_submission(n, UINT64_MAX));
      }
   }
   EXPECT_TRUE(g.ws->wait_submission(5, UINT64_MAX));
   // A number that was never given is not waited for for ever.
   EXPECT_TRUE(g.ws->wait_submission(12345, UINT64_MAX));
   EXPECT_FALSE(g.ws->lost());
}

TEST_P(Both, ASilentDeviceIsGivenUp)
{
   StderrCapture err;
   auto o = options();
   o.timeout = 150ms;
   Gpu g(gpu_options(Pace::by_hand), o);
   auto bo = g.ws->create_resource(buffer_desc(64));
   const uint64_t n =
      g.ws->submit(Stream().move(*bo, 0, 64), std::array{bo.get()}, -1, nullptr, Urgency::awaited);
   const auto before = now();
   std::thread other([&] { EXPECT_TRUE(g.ws->wait_idle(*bo, UINT64_MAX)); });
   std::thread third([&] { EXPECT_TRUE(g.ws->wait_submission(n, 9'000'000'000)); });
   EXPECT_TRUE(g.ws->wait_submission(n, UINT64_MAX));
   other.join();
   third.join();
   EXPECT_LT(now() - before, 5s);
   EXPECT_TRUE(g.ws->lost());
   EXPECT_TRUE(g.ws->known_complete(n));
   EXPECT_EQ(g.ws->submit({}, {}, -1, nullptr), 0u);
   expect_one_line(err.take(), "fake");
}

// Slow, but it gets on: not given up, however long the whole takes.
TEST_P(Both, ASlowDeviceIsNotGivenUp)
{
   auto o = options();
   o.timeout = 150ms;
   auto slow = gpu_options(Pace::delayed);
   slow.delay = 30ms;
   Gpu g(slow, o);
   uint64_t n = 0;
   for (int i = 0; i < 12; i++)
      n = g.ws->submit({}, {}, -1, nullptr, Urgency::awaited);
   for (uint64_t i = 1; i <= n; i++)
      EXPECT_TRUE(g.ws->wait_submission(i, UINT64_MAX));
   EXPECT_FALSE(g.ws->lost());
}

TEST_P(Both, LostFromOutsideWakesWaiters)
{
   StderrCapture err;
   Gpu g(gpu_options(Pace::by_hand), options());
   const uint64_t n = g.ws->submit({}, {}, -1, nullptr, Urgency::awaited);
   std::thread other([&] {
      std::this_thread::sleep_for(20ms);
      g.ws->declare_lost("the driver says so");
      g.ws->declare_lost("and again");
   });
   const auto before = now();
   EXPECT_TRUE(g.ws->wait_submission(n, UINT64_MAX));
   EXPECT_LT(now() - before, 5s);
   other.join();
   EXPECT_FALSE(g.ws->create_resource(buffer_desc(64)));
   EXPECT_FALSE(g.ws->poll_host());
   expect_one_line(err.take(), "the driver says so");
}
