// SPDX-License-Identifier: MIT
// Buffers that stay mapped, with the whole driver on a virtio-gpu device in memory. Its host copies
// buffers, which makes it a GPU that reads and writes them.
#include <cstring>

#include "pipe/p_context.h"
#include "pipe/p_screen.h"
#include "util/u_box.h"
#include "util/u_inlines.h"
#include "util/u_threaded_context.h"

#include "gallium/drivers/virgl/resource.hpp"
#include "gallium/drivers/virgl/screen.hpp"

#include "drm_test.hpp"

using namespace virgl;
using namespace virgl::test;

namespace {

constexpr unsigned both_ways = PIPE_MAP_READ | PIPE_MAP_WRITE | PIPE_MAP_PERSISTENT | PIPE_MAP_COHERENT;

struct Options {
   bool threaded = false;
   // Hosts that copy to no staging memory.
   bool one_direction = false;
   bool blobs = false;
   Pace pace = Pace::at_once;
};

struct Driver {
   explicit Driver(const Options &o) : gpu(gpu_of(o))
   {
      setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
      std::unique_ptr<Winsys> ws = drm::connect(gpu.open(), drm_options());
      s = screen_create(std::move(ws), nullptr);
      ctx = s->context_create(s, nullptr, o.threaded ? PIPE_CONTEXT_PREFER_THREADED : 0);
   }
   ~Driver()
   {
      ctx->destroy(ctx);
      s->destroy(s);
      Gpu::expect_nothing_left(gpu);
   }
   static VirtgpuOptions gpu_of(const Options &o)
   {
      VirtgpuOptions gpu = gpu_options(o.pace);
      if (o.one_direction)
         gpu.caps.capability_bits_v2 &= ~proto::cap2::copy_transfer_both_directions;
      gpu.blobs = gpu.host_visible = o.blobs;
      return gpu;
   }

   pipe_resource *buffer(uint32_t size, bool persistent)
   {
      pipe_resource t = {};
      t.target = PIPE_BUFFER;
      t.format = PIPE_FORMAT_R8_UNORM;
      t.bind = PIPE_BIND_VERTEX_BUFFER;
      t.width0 = size;
      t.height0 = t.depth0 = t.array_size = 1;
      if (persistent)
         t.flags = PIPE_RESOURCE_FLAG_MAP_PERSISTENT | PIPE_RESOURCE_FLAG_MAP_COHERENT;
      return s->resource_create(s, &t);
   }
   std::byte *map(pipe_resource *r, unsigned usage, pipe_transfer *&t)
   {
      pipe_box box;
      u_box_1d(0, int(r->width0), &box);
      return static_cast<std::byte *>(ctx->buffer_map(ctx, r, 0, usage, &box, &t));
   }
   void copy(pipe_resource *to, unsigned at, pipe_resource *from, unsigned from_at, unsigned size)
   {
      pipe_box box;
      u_box_1d(int(from_at), int(size), &box);
      ctx->resource_copy_region(ctx, to, 0, at, 0, 0, from, 0, &box);
   }
   pipe_fence_handle *flush()
   {
      pipe_fence_handle *fence = nullptr;
      ctx->flush(ctx, &fence, 0);
      return fence;
   }
   void wait(pipe_fence_handle *fence)
   {
      EXPECT_TRUE(s->fence_finish(s, ctx, fence, PIPE_TIMEOUT_INFINITE));
      s->fence_reference(s, &fence, nullptr);
   }
   void finish() { wait(flush()); }
   std::vector<std::byte> contents(pipe_resource *r)
   {
      pipe_transfer *t = nullptr;
      const std::byte *p = map(r, PIPE_MAP_READ, t);
      std::vector<std::byte> out(p, p + r->width0);
      ctx->buffer_unmap(ctx, t);
      return out;
   }

   FakeVirtgpu gpu;
   pipe_screen *s = nullptr;
   pipe_context *ctx = nullptr;
};

class Coherent : public testing::TestWithParam<Options> {
};

std::vector<std::byte> bytes(size_t count, unsigned seed)
{
   std::vector<std::byte> out(count);
   for (size_t i = 0; i < count; i++)
      out[i] = std::byte((i * 7 + i / 251 + seed * 31) & 0xff);
   return out;
}

TEST_P(Coherent, TheGpuSeesTheCpu)
{
   Driver d(GetParam());
   ASSERT_TRUE(d.s->get_param(d.s, PIPE_CAP_BUFFER_MAP_PERSISTENT_COHERENT));
   pipe_resource *mapped = d.buffer(100'000, true), *seen = d.buffer(100'000, false);
   pipe_transfer *t = nullptr;
   std::byte *p = d.map(mapped, both_ways, t);
   ASSERT_TRUE(p);
   std::vector<std::byte> wanted = bytes(100'000, 1);
   std::memcpy(p, wanted.data(), wanted.size());
   d.copy(seen, 0, mapped, 0, 100'000);
   EXPECT_EQ(d.contents(seen), wanted);
   for (unsigned i = 0; i < 50; i++) {
      p[i * 1999] = wanted[i * 1999] = std::byte(i);
      d.copy(seen, i * 1999, mapped, i * 1999, 1);
      if (i % 5 == 0) {
         EXPECT_EQ(d.contents(seen), wanted) << i;
      }
   }
   // By a command, between two copies of the same bytes.
   const auto other = bytes(64, 9);
   d.copy(seen, 0, mapped, 64, 64);
   d.ctx->buffer_subdata(d.ctx, mapped, PIPE_MAP_WRITE, 64, 64, other.data());
   d.copy(seen, 64, mapped, 64, 64);
   std::memcpy(&wanted[0], &wanted[64], 64);
   std::memcpy(&wanted[64], other.data(), 64);
   EXPECT_EQ(d.contents(seen), wanted);
   EXPECT_EQ(std::memcmp(p + 64, other.data(), 64), 0);
   d.ctx->buffer_unmap(d.ctx, t);
   pipe_resource_reference(&mapped, nullptr);
   pipe_resource_reference(&seen, nullptr);
}

TEST_P(Coherent, TheCpuSeesTheGpuAfterAWait)
{
   Driver d(GetParam());
   pipe_resource *mapped = d.buffer(20'000, true), *source = d.buffer(20'000, false);
   const auto data = bytes(20'000, 3);
   d.ctx->buffer_subdata(d.ctx, source, PIPE_MAP_WRITE, 0, 20'000, data.data());
   pipe_transfer *t = nullptr;
   std::byte *p = d.map(mapped, both_ways, t);
   ASSERT_TRUE(p);
   std::memset(p, 0, 20'000);
   for (unsigned i = 0; i < 20; i++) {
      // The CPU sets bytes back to the same value each time, the GPU writes them each time.
      std::memset(p + 100, 0, 8);
      d.copy(mapped, 100, source, 0, 8);
      d.copy(mapped, 5000 + i * 100, source, i * 50, 77);
      pipe_fence_handle *fence = d.flush();
      p[300 + i] = std::byte(i + 1); // in the page of the first, while that is under way
      d.wait(fence);
      EXPECT_EQ(std::memcmp(p + 100, &data[0], 8), 0) << i;
      EXPECT_EQ(std::memcmp(p + 5000 + i * 100, &data[i * 50], 77), 0) << i;
      for (unsigned k = 0; k <= i; k++)
         EXPECT_EQ(p[300 + k], std::byte(k + 1)) << i << ' ' << k;
   }
   // Nobody has waited, and another map has to.
   d.copy(mapped, 9000, source, 0, 500);
   pipe_transfer *again = nullptr;
   const std::byte *q = d.map(mapped, PIPE_MAP_READ, again);
   ASSERT_TRUE(q);
   EXPECT_EQ(std::memcmp(q + 9000, &data[0], 500), 0);
   d.ctx->buffer_unmap(d.ctx, again);
   // While it is not mapped.
   p[9600] = std::byte(77);
   d.ctx->buffer_unmap(d.ctx, t);
   d.copy(mapped, 9500, source, 0, 100);
   d.finish();
   p = d.map(mapped, both_ways, t);
   ASSERT_TRUE(p);
   EXPECT_EQ(std::memcmp(p + 9500, &data[0], 100), 0);
   EXPECT_EQ(p[9600], std::byte(77));
   d.ctx->buffer_unmap(d.ctx, t);
   pipe_resource_reference(&mapped, nullptr);
   pipe_resource_reference(&source, nullptr);
}

// 64 MiB mapped, 64 KiB of it used per frame: that much goes over, in one submission per frame.
TEST_P(Coherent, OnlyWhatIsUsedIsSent)
{
   Driver d(GetParam());
   constexpr uint32_t size = 64u << 20, part = 64u << 10, frames = 100;
   pipe_resource *mapped = d.buffer(size, true), *seen = d.buffer(part, false);
   pipe_transfer *t = nullptr;
   std::byte *p = d.map(mapped, PIPE_MAP_WRITE | PIPE_MAP_PERSISTENT | PIPE_MAP_COHERENT, t);
   ASSERT_TRUE(p);
   d.finish();
   d.gpu.take_moved_bytes();
   d.gpu.clear_calls();
   for (uint32_t frame = 0; frame < frames; frame++) {
      const uint32_t at = frame % 3 * (16u << 20) + frame * part;
      const auto data = bytes(part, frame);
      std::memcpy(p + at, data.data(), part);
      d.copy(seen, 0, mapped, at, part);
      d.finish();
   }
   const uint64_t moved = d.gpu.take_moved_bytes();
   const uint64_t submissions = d.gpu.calls(Call::execbuffer);
   EXPECT_EQ(submissions, frames);
   if (GetParam().blobs) {
      EXPECT_EQ(moved, 0u);
   } else {
      EXPECT_LE(moved, uint64_t(frames) * part + 16 * 4096);
      EXPECT_GE(moved, uint64_t(frames) * part / 2); // bytes that happen to be the same stay
   }
   EXPECT_EQ(d.contents(seen), bytes(part, frames - 1));
   // Used again, and not changed.
   d.gpu.take_moved_bytes();
   for (uint32_t at = 0; at < 3; at++)
      d.copy(seen, 0, mapped, at * (16u << 20), part);
   d.finish();
   d.gpu.take_moved_bytes(); // the first look
   for (uint32_t at = 0; at < 3; at++)
      d.copy(seen, 0, mapped, at * (16u << 20), part);
   d.finish();
   EXPECT_EQ(d.gpu.take_moved_bytes(), 0u);
   d.ctx->buffer_unmap(d.ctx, t);
   pipe_resource_reference(&mapped, nullptr);
   pipe_resource_reference(&seen, nullptr);
}

// A command for each of many changes: more than a host takes in one submission.
TEST_P(Coherent, ManySmallChangesGoInSeveralSubmissions)
{
   Driver d(GetParam());
   constexpr uint32_t size = 4u << 20, step = 128;
   pipe_resource *mapped = d.buffer(size, true), *seen = d.buffer(size, false);
   pipe_transfer *t = nullptr;
   std::byte *p = d.map(mapped, both_ways, t);
   ASSERT_TRUE(p);
   auto wanted = bytes(size, 5);
   std::memcpy(p, wanted.data(), size);
   d.copy(seen, 0, mapped, 0, size);
   d.finish();
   d.gpu.clear_calls();
   for (uint32_t i = 0; i < size; i += step)
      p[i] = wanted[i] = ~wanted[i];
   d.copy(seen, 0, mapped, 0, size);
   d.finish();
   if (!GetParam().blobs) {
      EXPECT_GE(d.gpu.calls(Call::execbuffer), 2u);
   }
   EXPECT_EQ(d.contents(seen), wanted);
   d.ctx->buffer_unmap(d.ctx, t);
   pipe_resource_reference(&mapped, nullptr);
   pipe_resource_reference(&seen, nullptr);
}

// The GPU writes to another part of the buffer meanwhile, which costs the other changes nothing.
TEST(CoherentMaps, ChangesAreJoinedAwayFromTheGpu)
{
   Driver d(Options{});
   constexpr uint32_t size = 1u << 20, half = size / 2;
   pipe_resource *mapped = d.buffer(size, true), *seen = d.buffer(size, false);
   pipe_transfer *t = nullptr;
   std::byte *p = d.map(mapped, both_ways, t);
   ASSERT_TRUE(p);
   std::memset(p, 0, size);
   d.copy(seen, 0, mapped, 0, size);
   d.finish();
   d.gpu.set_pace(Pace::by_hand);
   d.copy(mapped, 0, seen, half, 64);
   d.ctx->flush(d.ctx, nullptr, 0); // and is not done yet
   d.gpu.clear_calls();
   for (uint32_t i = half; i < size; i += 16)
      p[i] = std::byte(1);
   for (uint32_t i = 0; i < 64; i += 2)
      p[i + 64] = std::byte(2); // beside it
   d.copy(seen, 0, mapped, 0, size);
   pipe_fence_handle *fence = d.flush();
   EXPECT_EQ(d.gpu.calls(Call::execbuffer), 1u);
   d.gpu.set_pace(Pace::at_once);
   d.wait(fence);
   const auto got = d.contents(seen);
   for (uint32_t i = half; i < size; i++)
      ASSERT_EQ(got[i], std::byte(i % 16 ? 0 : 1)) << i;
   for (uint32_t i = 0; i < 128; i++)
      ASSERT_EQ(got[i], std::byte(i >= 64 && i % 2 == 0 ? 2 : 0)) << i;
   d.ctx->buffer_unmap(d.ctx, t);
   pipe_resource_reference(&mapped, nullptr);
   pipe_resource_reference(&seen, nullptr);
}

// The first map, unsynchronised, of a part beside one that the GPU is still to write.
TEST_P(Coherent, TrackingBeginsBehindWhatIsRecorded)
{
   Driver d(GetParam());
   constexpr uint32_t size = 256 * 1024;
   pipe_resource *mapped = d.buffer(size, true), *source = d.buffer(size, false);
   pipe_resource *seen = d.buffer(size, false);
   const auto data = bytes(size, 7);
   d.ctx->buffer_subdata(d.ctx, source, PIPE_MAP_WRITE, 0, size, data.data());
   d.copy(mapped, 0, source, 0, 5000);
   threaded_context_unwrap_sync(d.ctx); // recorded, not submitted
   pipe_box box;
   u_box_1d(size / 2, size / 2, &box);
   pipe_transfer *t = nullptr;
   void *p = d.ctx->buffer_map(d.ctx, mapped, 0,
                               PIPE_MAP_WRITE | PIPE_MAP_PERSISTENT | PIPE_MAP_COHERENT |
                                  PIPE_MAP_UNSYNCHRONIZED,
                               &box, &t);
   ASSERT_TRUE(p);
   d.finish(); // the copy goes out, of which the tracker was not told
   std::memcpy(p, &data[size / 2], size / 2);
   d.copy(seen, 0, mapped, 0, size);
   const auto got = d.contents(seen);
   EXPECT_EQ(std::memcmp(got.data(), data.data(), 5000), 0);
   EXPECT_EQ(std::memcmp(&got[size / 2], &data[size / 2], size / 2), 0);
   d.ctx->buffer_unmap(d.ctx, t);
   pipe_resource_reference(&mapped, nullptr);
   pipe_resource_reference(&source, nullptr);
   pipe_resource_reference(&seen, nullptr);
}

TEST_P(Coherent, ALostHostHarmsNobody)
{
   StderrCapture err;
   Driver d(GetParam());
   pipe_resource *mapped = d.buffer(20'000, true), *other = d.buffer(20'000, false);
   pipe_transfer *t = nullptr;
   std::byte *p = d.map(mapped, both_ways, t);
   ASSERT_TRUE(p);
   d.copy(mapped, 0, other, 0, 5000);
   d.finish();
   d.gpu.refuse({.call = Call::execbuffer, .error = EIO, .times = UINT64_MAX});
   for (int i = 0; i < 3; i++) {
      std::memset(p, i, 20'000);
      d.copy(mapped, 0, other, 0, 5000);
      d.copy(other, 5000, mapped, 5000, 5000);
      d.finish();
      pipe_transfer *again = nullptr;
      EXPECT_TRUE(d.map(mapped, both_ways, again));
      d.ctx->buffer_unmap(d.ctx, again);
   }
   d.ctx->buffer_unmap(d.ctx, t);
   pipe_resource_reference(&mapped, nullptr);
   pipe_resource_reference(&other, nullptr);
   err.take();
}

const char *name_of(const Options &o)
{
   return o.blobs ? "Blobs" : o.one_direction ? "OneDirection" : o.threaded ? "Threaded" : "Plain";
}

INSTANTIATE_TEST_SUITE_P(Hosts, Coherent,
                         testing::Values(Options{}, Options{.threaded = true},
                                         Options{.one_direction = true}, Options{.blobs = true}),
                         [](const auto &info) { return std::string(name_of(info.param)); });

} // namespace
