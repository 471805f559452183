// SPDX-License-Identifier: MIT
// How the DRM winsys finds out what device and kernel it has.
#include <random>

#include "drm_test.hpp"

using namespace virgl;
using namespace virgl::test;
using drm::FenceKind;

namespace {

// Connects and gives what was printed; the device must be as it was.
std::string refused_connect(VirtgpuOptions options)
{
   StderrCapture err;
   FakeVirtgpu gpu(std::move(options));
   EXPECT_EQ(drm::connect(gpu.open(), drm_options()), nullptr);
   Gpu::expect_nothing_left(gpu);
   return err.take();
}

class Ages : public testing::TestWithParam<Linux> {};
INSTANTIATE_TEST_SUITE_P(Kernels, Ages,
                         testing::Values(Linux::v4_9, Linux::v5_4, Linux::v5_11, Linux::v6_1));

} // namespace

TEST_P(Ages, WhatKernelsHave)
{
   auto o = gpu_options(Pace::at_once, GetParam());
   o.blobs = o.host_visible = true;
   FakeVirtgpu gpu(o);
   auto ws = drm::connect(gpu.open(), drm_options());
   ASSERT_TRUE(ws);
   EXPECT_EQ(ws->caps().capset_id, GetParam() == Linux::v4_9 ? 1u : 2u);
   EXPECT_EQ(ws->caps().glsl_level, 430u);
   EXPECT_EQ(ws->features().fence_fds, GetParam() != Linux::v4_9);
   EXPECT_EQ(ws->features().guest_blobs, GetParam() >= Linux::v5_11);
   // The host says so in capset 2.
   EXPECT_EQ(ws->features().host_blobs, GetParam() >= Linux::v5_11);
   EXPECT_TRUE(ws->features().sharing);
   EXPECT_TRUE(ws->features().encoded_transfers);
   EXPECT_EQ(gpu.calls(Call::context_init), GetParam() == Linux::v6_1 ? 1u : 0u);
   auto bo = ws->create_resource(buffer_desc(64));
   ASSERT_TRUE(bo);
   int fence = 7;
   EXPECT_NE(ws->submit(Stream().move(*bo, 0, 64), std::array{bo.get()}, -1, &fence), 0u);
   EXPECT_EQ(fence >= 0, GetParam() != Linux::v4_9);
   if (fence >= 0)
      close(fence);
   EXPECT_TRUE(gpu.take_complaints().empty());
}

TEST_P(Ages, FenceResourcesOnDemand)
{
   StderrCapture err;
   auto o = drm_options(FenceKind::bo);
   Gpu g(gpu_options(Pace::at_once, GetParam()), o);
   ASSERT_TRUE(g.ws);
   EXPECT_FALSE(g.ws->features().fence_fds);
   EXPECT_EQ(err.take(), "");
}

TEST_P(Ages, NoBlobsWithoutTheDevice)
{
   Gpu g(gpu_options(Pace::at_once, GetParam()));
   ASSERT_TRUE(g.ws);
   EXPECT_FALSE(g.ws->features().guest_blobs);
   EXPECT_FALSE(g.ws->features().host_blobs);
}

TEST(Connect, FenceFdsWhereThereAreNone)
{
   StderrCapture err;
   Gpu g(gpu_options(Pace::at_once, Linux::v4_9), drm_options(FenceKind::fd));
   ASSERT_TRUE(g.ws);
   EXPECT_FALSE(g.ws->features().fence_fds);
   expect_one_line(err.take(), "fence");
}

TEST(Connect, OtherDevices)
{
   VirtgpuOptions o;
   o.driver = "i915";
   expect_one_line(refused_connect(o), "i915");
   o.driver = "virtio_gpu_with_a_name_longer_than_anybody_expects";
   expect_one_line(refused_connect(o), "not a virtio-gpu");
   o.driver = "";
   expect_one_line(refused_connect(o), "not a virtio-gpu");
   o = {};
   o.has_3d = false;
   expect_one_line(refused_connect(o), "no 3D");
}

TEST(Connect, NoDevice)
{
   StderrCapture err;
   EXPECT_EQ(drm::connect(nullptr, drm_options()), nullptr);
   expect_one_line(err.take(), "fake");
}

TEST(Connect, WhichCapset)
{
   for (Linux kernel : {Linux::v5_4, Linux::v6_1}) {
      auto o = gpu_options(Pace::at_once, kernel);
      o.capsets = 1u << 1;
      {
         Gpu g(o);
         ASSERT_TRUE(g.ws);
         EXPECT_EQ(g.ws->caps().capset_id, 1u);
      }
      o.capsets = 1u << 2;
      {
         Gpu g(o);
         ASSERT_TRUE(g.ws);
         EXPECT_EQ(g.ws->caps().capset_id, 2u);
      }
      // Venus only; none.
      for (uint32_t others : {1u << 4, 0u}) {
         o.capsets = others;
         expect_one_line(refused_connect(o), "fake");
      }
   }
}

TEST(Connect, ShortAndLongCapsets)
{
   for (size_t bytes : {4ul, 308ul, 1376ul, sizeof(proto::CapsV2), 8000ul}) {
      VirtgpuOptions o;
      o.capset2_bytes = bytes;
      Gpu g(o);
      ASSERT_TRUE(g.ws);
      EXPECT_EQ(g.ws->caps().capset_id, 2u);
      // What the host did not send is not made up.
      EXPECT_EQ(g.ws->caps().glsl_level, bytes > 308 - 4 ? 430u : 0u);
      EXPECT_EQ(g.ws->caps().max_texture_image_units, bytes >= 1376 ? 16u : 0u);
   }
}

TEST(Connect, NonsenseCapsets)
{
   std::mt19937 random(1);
   for (int i = 0; i < 200; i++) {
      StderrCapture err;
      {
         VirtgpuOptions o;
         o.edit_capset = [&](uint32_t, std::span<std::byte> bytes) {
            for (std::byte &b : bytes)
               b = i == 0 ? std::byte(0) : i == 1 ? std::byte(0xff) : std::byte(random());
         };
         FakeVirtgpu gpu(o);
         auto ws = drm::connect(gpu.open(), drm_options());
         if (ws) {
            EXPECT_EQ(strnlen(ws->caps().renderer, sizeof ws->caps().renderer) <
                         sizeof ws->caps().renderer,
                      true);
         }
         EXPECT_EQ(ws == nullptr, i == 0);
         ws.reset();
         Gpu::expect_nothing_left(gpu);
      }
      const std::string text = err.take();
      if (i == 0)
         expect_one_line(text, "capset");
      else
         EXPECT_EQ(text, "");
   }
}

TEST(Connect, AContextThatIsThereAlready)
{
   FakeVirtgpu gpu;
   auto first = drm::connect(gpu.open(), drm_options());
   auto device = gpu.open();
   auto second = gpu.duplicate(*device);
   auto ws = drm::connect(std::move(device), drm_options());
   ASSERT_TRUE(ws);
   // Another screen on the same description: EEXIST.
   auto again = drm::connect(std::move(second), drm_options());
   ASSERT_TRUE(again);
   auto bo = again->create_resource(buffer_desc(64));
   EXPECT_NE(again->submit(Stream().move(*bo, 0, 64), std::array{bo.get()}, -1, nullptr), 0u);
   EXPECT_TRUE(gpu.take_complaints().empty());
}

TEST(Connect, ARingOfItsOwn)
{
   for (bool refused : {false, true}) {
      auto o = drm_options();
      o.own_ring = true;
      FakeVirtgpu gpu(gpu_options(Pace::at_once));
      if (refused)
         gpu.refuse({.call = Call::context_init, .error = EINVAL});
      auto ws = drm::connect(gpu.open(), o);
      ASSERT_TRUE(ws);
      EXPECT_EQ(gpu.calls(Call::context_init), refused ? 2u : 1u);
      auto bo = ws->create_resource(buffer_desc(64));
      const uint64_t n =
         ws->submit(Stream().move(*bo, 0, 64), std::array{bo.get()}, -1, nullptr, Urgency::awaited);
      EXPECT_NE(n, 0u);
      EXPECT_TRUE(ws->wait_submission(n, UINT64_MAX));
      EXPECT_TRUE(gpu.take_complaints().empty());
   }
}

TEST(Connect, RefusedCalls)
{
   // What nothing can be done without.
   for (Call call : {Call::version, Call::get_caps}) {
      for (int error : {EINVAL, ENODEV, ENOMEM, EPERM, ENOSPC, EBUSY, EIO}) {
         StderrCapture err;
         FakeVirtgpu gpu;
         gpu.refuse({.call = call, .error = error, .times = UINT64_MAX});
         EXPECT_EQ(drm::connect(gpu.open(), drm_options()), nullptr);
         Gpu::expect_nothing_left(gpu);
         expect_one_line(err.take(), "fake");
      }
   }
   // Whatever is refused: a winsys that works, or none and a line.
   for (FenceKind kind : {FenceKind::fd, FenceKind::bo}) {
      for (uint64_t nth = 0; nth < 16; nth++) {
         for (int error : {EINVAL, ENODEV, ENOMEM, EPERM, ENOSPC, EBUSY, EIO}) {
            StderrCapture err;
            FakeVirtgpu gpu;
            gpu.refuse({.error = error, .after = nth});
            auto ws = drm::connect(gpu.open(), drm_options(kind));
            gpu.clear_refusals();
            if (ws) {
               auto bo = ws->create_resource(buffer_desc(64));
               EXPECT_NE(ws->submit(Stream().move(*bo, 0, 64), std::array{bo.get()}, -1, nullptr),
                         0u);
               bo.reset();
               ws.reset();
               EXPECT_EQ(err.take(), "");
            } else {
               expect_one_line(err.take(), "fake");
            }
            Gpu::expect_nothing_left(gpu);
         }
      }
   }
}

TEST(Connect, InterruptedCalls)
{
   for (int error : {EINTR, EAGAIN}) {
      for (FenceKind kind : {FenceKind::fd, FenceKind::bo}) {
         StderrCapture err;
         FakeVirtgpu gpu;
         gpu.refuse({.error = error, .times = UINT64_MAX, .one_in = 2, .seed = 5});
         auto ws = drm::connect(gpu.open(), drm_options(kind));
         EXPECT_TRUE(ws);
         EXPECT_GT(gpu.refused(), 0u);
         EXPECT_EQ(ws->caps().capset_id, 2u);
         ws.reset();
         EXPECT_EQ(err.take(), "");
         Gpu::expect_nothing_left(gpu);
      }
   }
}

// An error that looks temporary and never ends must not hang.
TEST(Connect, InterruptedForEver)
{
   StderrCapture err;
   FakeVirtgpu gpu;
   gpu.refuse({.error = EINTR, .times = UINT64_MAX});
   auto o = drm_options();
   o.timeout = 50ms;
   const auto before = std::chrono::steady_clock::now();
   EXPECT_EQ(drm::connect(gpu.open(), o), nullptr);
   EXPECT_LT(std::chrono::steady_clock::now() - before, 4s);
   expect_one_line(err.take(), "fake");
}

TEST(Connect, Environment)
{
   StderrCapture err;
   auto with = [](const char *fence, const char *ring, const char *timeout) {
      setenv("VERGLAS_DRM_FENCE", fence, 1);
      setenv("VERGLAS_DRM_RING", ring, 1);
      setenv("VERGLAS_DRM_TIMEOUT", timeout, 1);
      auto o = drm::Options::from_environment();
      for (const char *name : {"VERGLAS_DRM_FENCE", "VERGLAS_DRM_RING", "VERGLAS_DRM_TIMEOUT"})
         unsetenv(name);
      return o;
   };
   auto o = with("bo", "1", "7");
   EXPECT_EQ(o.fences, FenceKind::bo);
   EXPECT_TRUE(o.own_ring);
   EXPECT_EQ(o.timeout, 7s);
   o = with("fd", "0", "");
   EXPECT_EQ(o.fences, FenceKind::fd);
   EXPECT_FALSE(o.own_ring);
   EXPECT_EQ(o.timeout, 60s);
   EXPECT_EQ(err.take(), "");
   StderrCapture complaints;
   o = with("", "", "soon");
   EXPECT_EQ(o.timeout, 60s);
   EXPECT_FALSE(o.fences.has_value());
   expect_one_line(complaints.take(), "VERGLAS_DRM_TIMEOUT");
}
