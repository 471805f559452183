// SPDX-License-Identifier: MIT
// Every call refused, with every error, at every place. Whatever is refused: no crash, no hang, no
// leak, at most one line; and what was refused for a moment only is done all the same.
#include <algorithm>
#include <thread>

#include "drm_script.hpp"

using namespace virgl;
using namespace virgl::test;
using drm::FenceKind;

namespace {

constexpr int all_errors[] = {ENOMEM, EINVAL, EBUSY, EINTR, EAGAIN, ENODEV, ENOSPC, EIO, EMFILE};
constexpr FenceKind kinds[] = {FenceKind::fd, FenceKind::bo};

VirtgpuOptions fault_options()
{
   auto o = gpu_options(Pace::at_once);
   o.blobs = o.host_visible = true;
   return o;
}

// For refusals that never end: they have ended after so long.
constexpr auto soon = 5ms;

struct Result {
   bool connected = false, lost = false, well = false;
   std::string text;
};

// Plays the script on a device with these refusals, and looks at what is left.
Result play(const std::vector<Refusal> &refusals, FenceKind kind, VirtgpuOptions fake,
            uint32_t seed = 1, int frames = 2, milliseconds timeout = 10s)
{
   Result r;
   StderrCapture err;
   const auto before = std::chrono::steady_clock::now();
   const size_t fds = open_fds();
   {
      FakeVirtgpu gpu(std::move(fake));
      for (const Refusal &refusal : refusals)
         gpu.refuse(refusal);
      auto options = drm_options(kind);
      options.timeout = timeout;
      Script script(gpu, options, seed);
      for (int i = 0; i < frames; i++)
         script.frame();
      r.connected = script.connected();
      r.lost = script.lost();
      r.well = script.all_well();
      script.end();
      Gpu::expect_nothing_lost(gpu);
   }
   EXPECT_EQ(open_fds(), fds);
   EXPECT_LT(std::chrono::steady_clock::now() - before, 15s);
   r.text = err.take();
   const auto lines = std::count(r.text.begin(), r.text.end(), '\n');
   if (!r.connected || r.lost) {
      // One for each winsys that is lost.
      EXPECT_GE(lines, 1) << "nothing was said";
      EXPECT_LE(lines, 2) << r.text;
      EXPECT_EQ(r.text.rfind("verglas: fake: ", 0), 0u) << r.text;
   } else {
      EXPECT_EQ(r.text, "");
   }
   return r;
}

std::string describe(const Refusal &r)
{
   return std::string(name_of(r.call)) + " " + strerror(r.error) + " after " +
          std::to_string(r.after) + ", " + std::to_string(r.times) + " times";
}

// How often the script makes each call when nothing is refused.
std::array<uint64_t, num_calls> usual_calls(FenceKind kind)
{
   FakeVirtgpu gpu(fault_options());
   Script script(gpu, drm_options(kind));
   script.frame();
   script.frame();
   EXPECT_TRUE(script.all_well());
   script.end();
   std::array<uint64_t, num_calls> calls{};
   for (size_t i = 0; i < num_calls; i++)
      calls[i] = gpu.calls(Call(i));
   return calls;
}

class Errors : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(All, Errors, testing::ValuesIn(all_errors),
                         [](const auto &i) { return std::string(strerrorname_np(i.param)); });

} // namespace

TEST(Script, IsWellWhenNothingIsRefused)
{
   for (FenceKind kind : kinds) {
      for (Pace pace : {Pace::at_once, Pace::delayed}) {
         for (Linux kernel : {Linux::v4_9, Linux::v5_4, Linux::v5_11, Linux::v6_1}) {
            if (kernel == Linux::v4_9 && kind == FenceKind::fd)
               continue;
            auto o = fault_options();
            o.pace = pace;
            o.kernel = kernel;
            const Result r = play({}, kind, o, 1, 5);
            EXPECT_TRUE(r.connected && r.well && !r.lost);
         }
      }
   }
   // It makes every call there is.
   const auto calls = usual_calls(FenceKind::bo);
   for (size_t i = 0; i < num_calls; i++) {
      if (Call(i) != Call::unknown) {
         EXPECT_GT(calls[i], 0u) << name_of(Call(i));
      }
   }
}

// Each call in turn, once, at every place where the script makes it.
TEST_P(Errors, EachCallOnce)
{
   const bool passes = GetParam() == EINTR || GetParam() == EAGAIN;
   for (FenceKind kind : kinds) {
      const auto calls = usual_calls(kind);
      for (size_t c = 0; c < num_calls; c++) {
         for (uint64_t after = 0; after < std::min<uint64_t>(calls[c], 40); after++) {
            const Refusal refusal{.call = Call(c), .error = GetParam(), .after = after};
            const Result r = play({refusal}, kind, fault_options());
            // mmap() is not interrupted, and not repeated.
            if (passes && Call(c) != Call::mmap) {
               EXPECT_TRUE(r.connected && r.well && !r.lost) << describe(refusal) << r.text;
            }
            // Memory is short for a moment: no reason to give up a device.
            if ((GetParam() == ENOMEM || GetParam() == ENOSPC || GetParam() == EBUSY) &&
                r.connected) {
               EXPECT_FALSE(r.lost) << describe(refusal) << r.text;
            }
            if (HasFailure()) {
               FAIL() << describe(refusal);
            }
         }
      }
   }
}

// From some place on, for ever.
TEST_P(Errors, EachCallForEver)
{
   for (FenceKind kind : kinds) {
      const auto calls = usual_calls(kind);
      for (size_t c = 0; c < num_calls; c++) {
         for (uint64_t after : {uint64_t(0), calls[c] / 2}) {
            if (!calls[c] || (after && after <= 1))
               continue;
            const Refusal refusal{
               .call = Call(c), .error = GetParam(), .after = after, .times = UINT64_MAX};
            play({refusal}, kind, fault_options(), 1, 2, soon);
            if (HasFailure()) {
               FAIL() << describe(refusal);
            }
         }
      }
   }
}

TEST_P(Errors, EverythingForEver)
{
   for (FenceKind kind : kinds) {
      const auto calls = usual_calls(kind);
      uint64_t all = 0;
      for (uint64_t n : calls)
         all += n;
      for (uint64_t after = 0; after < all; after += all / 8) {
         const Refusal refusal{.error = GetParam(), .after = after, .times = UINT64_MAX};
         play({refusal}, kind, fault_options(), 1, 2, soon);
         if (HasFailure()) {
            FAIL() << describe(refusal);
         }
      }
   }
}

// Any call, at random, rarely and often.
TEST_P(Errors, AtRandom)
{
   const bool passes = GetParam() == EINTR || GetParam() == EAGAIN;
   for (uint32_t seed = 1; seed <= 150; seed++) {
      const uint32_t one_in = 2 + seed % 40;
      const FenceKind kind = kinds[seed % 2];
      std::vector<Refusal> refusals;
      // So that there is something to refuse.
      for (size_t c = 0; c < num_calls; c++) {
         const bool connecting = Call(c) <= Call::context_init;
         // Memory cannot be mapped without, and nothing else is repeated.
         if ((connecting && !passes) || (passes && Call(c) == Call::mmap))
            continue;
         refusals.push_back({.call = Call(c),
                             .error = GetParam(),
                             .times = UINT64_MAX,
                             .one_in = one_in,
                             .seed = seed * 100 + c});
      }
      const Result r = play(refusals, kind, fault_options(), seed);
      if (passes) {
         EXPECT_TRUE(r.connected && r.well && !r.lost) << r.text;
      }
      if (HasFailure()) {
         FAIL() << "seed " << seed;
      }
   }
}

// Several errors mixed, with a host that takes its time.
TEST(Faults, Mixed)
{
   std::mt19937 random(7);
   for (uint32_t seed = 1; seed <= 600; seed++) {
      std::vector<Refusal> refusals;
      const size_t n = 1 + random() % 5;
      for (size_t i = 0; i < n; i++) {
         refusals.push_back({.call = Call(random() % num_calls),
                             .error = all_errors[random() % std::size(all_errors)],
                             .after = random() % 20,
                             .times = 1 + random() % 6,
                             .one_in = uint32_t(random() % 4),
                             .seed = seed});
      }
      auto o = fault_options();
      o.pace = seed % 4 ? Pace::at_once : Pace::delayed;
      o.delay = std::chrono::microseconds(30);
      o.kernel = Linux(seed % 3 + 1);
      play(refusals, kinds[random() % 2], o, seed, 3);
      if (HasFailure()) {
         for (const Refusal &r : refusals)
            ADD_FAILURE() << describe(r);
         FAIL() << "seed " << seed;
      }
   }
}

// After a bad time a device is as good as before.
TEST(Faults, BetterTimes)
{
   for (FenceKind kind : kinds) {
      for (int error : {ENOMEM, ENOSPC, EBUSY, EINTR, EAGAIN}) {
         StderrCapture err;
         FakeVirtgpu gpu(fault_options());
         Script script(gpu, drm_options(kind));
         script.frame();
         gpu.refuse({.error = error, .times = 60, .one_in = 3, .seed = 11});
         for (int i = 0; i < 10; i++)
            script.frame();
         gpu.clear_refusals();
         script.frame();
         EXPECT_FALSE(script.lost());
         script.end();
         EXPECT_EQ(err.take(), "");
         Gpu after(fault_options(), drm_options(kind));
         EXPECT_TRUE(after.ws);
      }
   }
}

// Lost: one line, and all who wait go on.
TEST(Faults, ADeviceThatGoesAway)
{
   for (FenceKind kind : kinds) {
      StderrCapture err;
      FakeVirtgpu gpu(gpu_options(Pace::by_hand));
      auto ws = drm::connect(gpu.open(), drm_options(kind));
      ASSERT_TRUE(ws);
      auto bo = ws->create_resource(buffer_desc(64));
      const uint64_t n =
         ws->submit(Stream().move(*bo, 0, 64), std::array{bo.get()}, -1, nullptr, Urgency::awaited);
      std::vector<std::thread> waiting;
      for (int i = 0; i < 3; i++) {
         waiting.emplace_back([&, i] {
            if (i) {
               EXPECT_TRUE(ws->wait_submission(n, UINT64_MAX));
            } else {
               EXPECT_TRUE(ws->wait_idle(*bo, UINT64_MAX));
            }
         });
      }
      std::this_thread::sleep_for(10ms);
      gpu.refuse({.error = ENODEV, .times = UINT64_MAX});
      const auto before = std::chrono::steady_clock::now();
      EXPECT_EQ(ws->submit({}, {}, -1, nullptr), 0u);
      for (auto &t : waiting)
         t.join();
      EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
      EXPECT_TRUE(ws->lost());
      EXPECT_FALSE(ws->create_resource(buffer_desc(64)));
      EXPECT_FALSE(ws->transfer_to_host(*bo, 0, {.width = 64}, {}));
      SharedHandle h{.kind = ShareKind::dma_buf};
      EXPECT_FALSE(ws->export_resource(*bo, h));
      EXPECT_FALSE(ws->import_resource(h, buffer_desc(64)));
      EXPECT_FALSE(ws->create_blob(buffer_desc(64), BlobKind::guest));
      EXPECT_FALSE(ws->poll_host());
      EXPECT_FALSE(ws->is_busy(*bo));
      bo.reset();
      ws.reset();
      expect_one_line(err.take(), "fake");
      EXPECT_EQ(gpu.account().descriptions, 0u);
      EXPECT_EQ(gpu.account().mappings, 0u);
   }
}

// No descriptor is to be had for a fence: the other kind steps in.
TEST(Faults, OutOfDescriptors)
{
   for (int error : {EMFILE, ENFILE}) {
      Gpu g(fault_options(), drm_options(FenceKind::fd));
      g.gpu.refuse({.call = Call::execbuffer,
                    .error = error,
                    .times = UINT64_MAX,
                    .one_in = 2,
                    .with_out_fence = true});
      for (int i = 0; i < 100; i++) {
         int fence = -1;
         const uint64_t n = g.ws->submit({}, {}, -1, i % 3 ? nullptr : &fence, Urgency::awaited);
         ASSERT_NE(n, 0u);
         EXPECT_TRUE(g.ws->wait_submission(n, UINT64_MAX));
         if (fence >= 0)
            close(fence);
      }
      EXPECT_GT(g.gpu.refused(Call::execbuffer), 10u);
      EXPECT_FALSE(g.ws->lost());
   }
}
