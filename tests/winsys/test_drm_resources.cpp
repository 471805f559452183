// SPDX-License-Identifier: MIT
// Creation, mapping, reuse and end of resources.
#include <cstring>

#include "drm_test.hpp"

using namespace virgl;
using namespace virgl::test;

TEST(Resources, WhatTheHostIsTold)
{
   Gpu g;
   ResourceDesc d = texture_desc(16, 8, 3, 2);
   d.nr_samples = 0;
   d.flags = proto::resource_flag::y_0_top;
   auto bo = g.ws->create_resource(d);
   ASSERT_TRUE(bo);
   EXPECT_EQ(g.gpu.calls_text(), "resource_create 1");
   const HostResource h = g.gpu.host_resource(uint32_t(bo->handle()));
   EXPECT_EQ(h.target, 7u);
   EXPECT_EQ(h.format, uint32_t(d.format));
   EXPECT_EQ(h.bind, d.bind);
   EXPECT_EQ(h.width, 16u);
   EXPECT_EQ(h.height, 8u);
   EXPECT_EQ(h.depth, 1u);
   EXPECT_EQ(h.array_size, 3u);
   EXPECT_EQ(h.last_level, 1u);
   EXPECT_EQ(h.flags, d.flags);
   EXPECT_EQ(bo->size(), d.size);
   EXPECT_EQ(bo->last_use(), 0u);
   // The end is one call, and none comes before it.
   bo.reset();
   EXPECT_EQ(g.gpu.calls_text(), "resource_create 1, gem_close 1");
}

TEST(Resources, MemoryIsMappedWhenFirstAskedFor)
{
   Gpu g;
   auto bo = g.ws->create_resource(buffer_desc(5000));
   EXPECT_EQ(g.gpu.calls(Call::mmap), 0u);
   std::byte *p = bo->map();
   ASSERT_NE(p, nullptr);
   EXPECT_EQ(bo->map(), p);
   EXPECT_EQ(g.gpu.calls_text(), "resource_create 1, map 1, mmap 1");
   EXPECT_TRUE(std::all_of(p, p + 5000, [](std::byte b) { return b == std::byte(0); }));
   memset(p, 1, 5000);
   EXPECT_EQ(g.gpu.account().mapped_bytes, 5000u);
}

TEST(Resources, NoMemoryNoMapping)
{
   Gpu g;
   auto d = texture_desc(8, 8);
   d.nr_samples = 4;
   d.size = 0;
   auto bo = g.ws->create_resource(d);
   ASSERT_TRUE(bo);
   EXPECT_EQ(bo->map(), nullptr);
   EXPECT_EQ(g.gpu.calls_text(), "resource_create 1");
}

TEST(Resources, FromTheCacheWithoutAnyCall)
{
   Gpu g;
   auto bo = g.ws->create_resource(buffer_desc(4096));
   std::byte *p = bo->map();
   const auto handle = bo->handle();
   bo.reset();
   g.gpu.clear_calls();
   for (int i = 0; i < 1000; i++) {
      auto again = g.ws->create_resource(buffer_desc(4096));
      ASSERT_TRUE(again);
      EXPECT_EQ(again->handle(), handle);
      EXPECT_EQ(again->map(), p);
   }
   EXPECT_EQ(g.gpu.calls(), 0u) << g.gpu.calls_text();
   // Another description is another resource.
   auto other = g.ws->create_resource(buffer_desc(4096, proto::bind::index_buffer));
   EXPECT_NE(other->handle(), handle);
}

TEST(Resources, BusyOnesAreNotReused)
{
   for (auto kind : {drm::FenceKind::fd, drm::FenceKind::bo}) {
      Gpu g(gpu_options(Pace::by_hand), drm_options(kind));
      auto bo = g.ws->create_resource(buffer_desc(64));
      const auto handle = bo->handle();
      const uint64_t n =
         g.ws->submit(Stream().move(*bo, 0, 64), std::array{bo.get()}, -1, nullptr, Urgency::awaited);
      bo.reset();
      bo = g.ws->create_resource(buffer_desc(64));
      EXPECT_NE(bo->handle(), handle);
      bo.reset();
      g.gpu.complete();
      ASSERT_TRUE(g.ws->wait_submission(n, UINT64_MAX));
      bo = g.ws->create_resource(buffer_desc(64));
      EXPECT_EQ(bo->handle(), handle);
   }
}

// Even where nobody has waited for anything, what is idle comes back.
TEST(Resources, TheCacheAsksTheKernel)
{
   Gpu g;
   auto bo = g.ws->create_resource(buffer_desc(64));
   const auto handle = bo->handle();
   for (int i = 0; i < 20; i++) {
      g.ws->submit(Stream().move(*bo, 0, 64), std::array{bo.get()}, -1, nullptr);
      bo.reset();
      bo = g.ws->create_resource(buffer_desc(64));
      ASSERT_EQ(bo->handle(), handle);
   }
   EXPECT_EQ(g.gpu.calls(Call::resource_create), 1u);
}

TEST(Resources, TheCacheHasALimit)
{
   auto o = drm_options();
   o.cache.bytes = 1 << 20;
   Gpu g(gpu_options(Pace::at_once), o);
   std::vector<BoRef> all;
   for (int i = 0; i < 1000; i++)
      all.push_back(g.ws->create_resource(buffer_desc(8192)));
   EXPECT_EQ(g.gpu.account().handles, 1000u);
   all.clear();
   EXPECT_LE(g.gpu.account().handles, 130u);
}

TEST(Resources, TexturesAreClosedAtOnce)
{
   Gpu g;
   for (int i = 0; i < 10; i++)
      g.ws->create_resource(texture_desc(64, 64));
   const Account a = g.gpu.account();
   EXPECT_EQ(a.host_resources, a.handles);
   EXPECT_LE(a.handles, 1u);
}

TEST(Resources, ClosedWhileTheHostStillUsesThem)
{
   Gpu g(gpu_options(Pace::by_hand));
   auto t = g.ws->create_resource(texture_desc(4, 4));
   const auto id = uint32_t(t->handle());
   memset(t->map(), 7, 64);
   proto::Transfer3d p;
   p.resource = t->handle();
   p.box = {0, 0, 0, 4, 4, 1};
   g.ws->submit(Stream().add(p), std::array{t.get()}, -1, nullptr);
   t.reset();
   // The host has not even heard of it. The kernel sees to the order.
   EXPECT_EQ(g.gpu.account().host_resources, 0u);
   g.gpu.complete(2);
   EXPECT_EQ(g.gpu.storage(id).size(), 0u);
}

TEST(Resources, RefusedCreation)
{
   for (int error : {ENOMEM, EINVAL, ENOSPC, EBUSY, ENODEV}) {
      StderrCapture err;
      Gpu g;
      g.gpu.refuse({.call = Call::resource_create, .error = error, .times = UINT64_MAX});
      EXPECT_FALSE(g.ws->create_resource(buffer_desc(64)));
      g.gpu.clear_refusals();
      EXPECT_EQ(bool(g.ws->create_resource(buffer_desc(64))), !g.ws->lost());
      EXPECT_FALSE(g.ws->lost() && error != ENODEV) << error;
      EXPECT_EQ(err.take().empty(), !g.ws->lost());
   }
}

TEST(Resources, MemoryThatTheCacheHoldsIsGivenBackWhenItIsShort)
{
   auto o = gpu_options(Pace::at_once);
   o.memory_pages = 100;
   Gpu g(o);
   {
      std::vector<BoRef> all;
      for (int i = 0; i < 20; i++)
         all.push_back(g.ws->create_resource(buffer_desc(4 * 4096)));
   }
   EXPECT_GT(g.gpu.account().handles, 10u);
   auto large = g.ws->create_resource(buffer_desc(90 * 4096));
   EXPECT_TRUE(large);
   EXPECT_FALSE(g.ws->create_resource(buffer_desc(90 * 4096)));
   EXPECT_FALSE(g.ws->lost());
}

TEST(Resources, RefusedMappings)
{
   for (Call call : {Call::map, Call::mmap}) {
      Gpu g;
      auto bo = g.ws->create_resource(buffer_desc(64));
      g.gpu.refuse({.call = call, .error = ENOMEM, .times = UINT64_MAX});
      EXPECT_EQ(bo->map(), nullptr);
      EXPECT_EQ(bo->map(), nullptr);
      EXPECT_FALSE(g.ws->lost());
      g.gpu.clear_refusals();
      // The next user of this description is not to suffer from it.
      bo.reset();
      bo = g.ws->create_resource(buffer_desc(64));
      EXPECT_NE(bo->map(), nullptr);
   }
}

TEST(Resources, InterruptedCalls)
{
   for (int error : {EINTR, EAGAIN}) {
      Gpu g;
      g.gpu.refuse({.error = error, .times = UINT64_MAX, .one_in = 2});
      for (int i = 0; i < 100; i++) {
         auto bo = g.ws->create_resource(texture_desc(4, 4));
         ASSERT_TRUE(bo);
         ASSERT_TRUE(bo->map() || g.gpu.refused(Call::mmap));
      }
      EXPECT_GT(g.gpu.refused(Call::gem_close), 0u);
      g.gpu.clear_refusals();
   }
}

TEST(Resources, AHundredThousand)
{
   Gpu g;
   std::vector<BoRef> all;
   for (uint32_t i = 0; i < 100'000; i++)
      all.push_back(g.ws->create_resource(buffer_desc(64 + 64 * (i % 50))));
   EXPECT_EQ(g.gpu.account().handles, 100'000u);
   std::vector<Bo *> bos;
   for (auto &bo : all) {
      ASSERT_TRUE(bo);
      bos.push_back(bo.get());
   }
   const uint64_t n = g.ws->submit({}, bos, -1, nullptr, Urgency::awaited);
   EXPECT_NE(n, 0u);
   EXPECT_TRUE(g.ws->wait_submission(n, UINT64_MAX));
   EXPECT_FALSE(g.ws->is_busy(*all[77'777]));
   all.clear();
}

// References from everywhere: the winsys' own pointers do not dangle.
TEST(Resources, SharedReferences)
{
   Gpu g;
   auto a = g.ws->create_resource(buffer_desc(64));
   EXPECT_FALSE(a->shared());
   BoRef b = a;
   EXPECT_TRUE(a->shared());
   a.reset();
   EXPECT_FALSE(b->shared());
   EXPECT_EQ(g.gpu.calls(Call::gem_close), 0u);
}
