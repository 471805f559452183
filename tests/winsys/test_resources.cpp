// SPDX-License-Identifier: MIT
// Resources: what the host is told, what comes from the cache, what is left behind.
#include "winsys_test.hpp"

using namespace virgl;
using namespace virgl::test;

namespace {

// Makes all that was sent so far known to be executed and complete.
void settle(Winsys &ws)
{
   uint64_t n = ws.submit({}, {}, -1, nullptr);
   ASSERT_TRUE(ws.wait_submission(n, UINT64_MAX));
}

} // namespace

TEST(Resources, WhatTheHostIsTold)
{
   ResourceDesc d = texture_desc(8, 4, 3, 2);
   d.nr_samples = 4;
   for (uint32_t version : {0u, 2u, 3u}) {
      Pair p(fake_version(version), offer(version));
      ASSERT_TRUE(p.ws);
      auto bo = p.ws->create_resource(d);
      ASSERT_TRUE(bo);
      uint32_t command = version >= 2 ? resource_create2 : resource_create;
      ASSERT_TRUE(p.server.wait_for(command, 1));
      auto m = p.server.messages().back();
      std::vector<uint32_t> want{version == 3 ? 0 : uint32_t(bo->handle()), 7, 1,
                                 proto::bind::sampler_view, 8, 4, 1, 3, 1, 4};
      if (version >= 2)
         want.push_back(d.size);
      EXPECT_EQ(m.dwords, want);
      EXPECT_NE(uint32_t(bo->handle()), 0u);
      EXPECT_EQ(bo->desc(), d);
      EXPECT_NE(bo->map(), nullptr);
      uint32_t handle = uint32_t(bo->handle());
      p.server.clear();
      bo.reset();
      ASSERT_TRUE(p.server.wait_for(resource_unref, 1));
      EXPECT_EQ(p.server.messages().back().dwords[0], handle);
      EXPECT_EQ(p.server.live_resources(), 0u);
      EXPECT_FALSE(p.server.saw_protocol_error());
   }
}

TEST(Resources, MemoryIsMappedAndWritable)
{
   for (uint32_t version : {0u, 2u, 3u}) {
      Pair p(fake_version(version), offer(version));
      auto bo = p.ws->create_resource(buffer_desc(10'000));
      ASSERT_TRUE(bo);
      ASSERT_NE(bo->map(), nullptr);
      memset(bo->map(), 0x5a, bo->size());
      EXPECT_EQ(bo->map(), bo->map());
   }
}

TEST(Resources, WithoutMemory)
{
   for (uint32_t version : {0u, 2u, 3u}) {
      Pair p(fake_version(version), offer(version));
      ResourceDesc d = texture_desc(4, 4);
      d.nr_samples = 4;
      d.size = 0;
      auto bo = p.ws->create_resource(d);
      ASSERT_TRUE(bo);
      EXPECT_EQ(bo->map(), nullptr);
      EXPECT_FALSE(p.ws->transfer_to_host(*bo, 0, {}, {}));
      settle(*p.ws);
      EXPECT_FALSE(p.ws->lost());
   }
}

TEST(Resources, CreationDoesNotWaitForTheHost)
{
   Pair p;
   p.server.hold();
   std::vector<BoRef> bos;
   for (int i = 0; i < 50; i++) {
      bos.push_back(p.ws->create_resource(texture_desc(16, 16)));
      ASSERT_TRUE(bos.back());
   }
   // Destroyed before its memory has come.
   bos.erase(bos.begin() + 7);
   p.server.resume();
   for (BoRef &bo : bos) {
      ASSERT_NE(bo->map(), nullptr);
      memset(bo->map(), 1, bo->size());
   }
   settle(*p.ws);
   EXPECT_EQ(p.server.live_resources(), bos.size());
   EXPECT_FALSE(p.ws->lost());
}

TEST(Resources, ManyUnmappedOnesDoNotClogTheSocket)
{
   size_t fds = open_fds();
   {
      Pair p;
      std::vector<BoRef> bos;
      for (int i = 0; i < 1000; i++)
         bos.push_back(p.ws->create_resource(texture_desc(4, 4)));
      settle(*p.ws);
      EXPECT_EQ(p.server.live_resources(), 1000u);
      EXPECT_FALSE(p.ws->lost());
      bos.resize(500);
      for (BoRef &bo : bos)
         EXPECT_NE(bo->map(), nullptr);
   }
   EXPECT_EQ(open_fds(), fds);
}

TEST(Resources, HandlesAreNeverReused)
{
   Pair p;
   auto a = p.ws->create_resource(texture_desc(4, 4));
   uint32_t first = uint32_t(a->handle());
   a.reset();
   auto b = p.ws->create_resource(texture_desc(4, 4));
   EXPECT_NE(uint32_t(b->handle()), first);
}

TEST(Resources, BuffersComeFromTheCache)
{
   for (uint32_t version : {0u, 2u, 3u}) {
      Pair p(fake_version(version), offer(version));
      auto bo = p.ws->create_resource(buffer_desc(4096));
      uint32_t handle = uint32_t(bo->handle());
      std::byte *memory = bo->map();
      bo.reset();
      settle(*p.ws);
      p.server.clear();
      for (int i = 0; i < 100; i++) {
         bo = p.ws->create_resource(buffer_desc(4096));
         ASSERT_TRUE(bo);
         EXPECT_EQ(uint32_t(bo->handle()), handle);
         EXPECT_EQ(bo->map(), memory);
         bo.reset();
      }
      settle(*p.ws);
      EXPECT_EQ(p.server.count(resource_create) + p.server.count(resource_create2), 0u);
      EXPECT_EQ(p.server.count(resource_unref), 0u);
      auto other = p.ws->create_resource(buffer_desc(8192));
      EXPECT_NE(uint32_t(other->handle()), handle);
   }
}

TEST(Resources, BusyBuffersAreNotReused)
{
   Pair p;
   auto bo = p.ws->create_resource(buffer_desc(4096));
   uint32_t handle = uint32_t(bo->handle());
   Bo *used[] = {bo.get()};
   p.server.hold();
   uint64_t n = p.ws->submit({}, used, -1, nullptr);
   EXPECT_EQ(bo->last_use(), n);
   EXPECT_TRUE(p.ws->is_busy(*bo));
   bo.reset();
   auto second = p.ws->create_resource(buffer_desc(4096));
   EXPECT_NE(uint32_t(second->handle()), handle);
   p.server.resume();
   ASSERT_TRUE(p.ws->wait_submission(n, UINT64_MAX));
   auto third = p.ws->create_resource(buffer_desc(4096));
   EXPECT_EQ(uint32_t(third->handle()), handle);
   EXPECT_FALSE(p.ws->is_busy(*third));

   // A batch that is being recorded counts as well.
   third->recording_batches = 1;
   EXPECT_TRUE(p.ws->is_busy(*third));
   third->recording_batches = 0;
}

// The case that matters most: a program that replaces its buffers all the time and never waits.
TEST(Resources, BufferReplacementReachesASteadyState)
{
   Pair p;
   std::vector<uint32_t> stream(64);
   for (int batch = 0; batch < 200; batch++) {
      std::vector<BoRef> live;
      std::vector<Bo *> used;
      for (int i = 0; i < 20; i++) {
         live.push_back(p.ws->create_resource(buffer_desc(4096)));
         ASSERT_TRUE(live.back());
         live.back()->map()[0] = std::byte(i);
         used.push_back(live.back().get());
      }
      ASSERT_NE(p.ws->submit(stream, used, -1, nullptr), 0u);
      live.clear();
      // A host that keeps up, as one does in a steady state.
      ASSERT_TRUE(p.server.wait_for(submit_cmd, size_t(batch) + 1));
   }
   // A few batches' worth, not 200 of them; and nobody waited for an answer.
   EXPECT_LE(p.server.count(resource_create2), 200u);
   EXPECT_EQ(p.server.count(resource_unref), 0u);
   EXPECT_LE(p.server.count(resource_busy_wait), 200u);
}

TEST(Resources, TheCacheIsBounded)
{
   auto options = test_options();
   options.cache = {.bytes = 16 * 4096, .age_ns = 3'600'000'000'000};
   Pair p({}, options);
   std::vector<BoRef> bos;
   for (int i = 0; i < 100; i++)
      bos.push_back(p.ws->create_resource(buffer_desc(4096)));
   bos.clear();
   settle(*p.ws);
   EXPECT_EQ(p.server.live_resources(), 16u);
   EXPECT_EQ(p.server.count(resource_unref), 84u);
   // Far too big to be kept.
   p.ws->create_resource(buffer_desc(17 * 4096));
   settle(*p.ws);
   EXPECT_EQ(p.server.live_resources(), 16u);
}

TEST(Resources, ReferencesAreCounted)
{
   Pair p;
   auto a = p.ws->create_resource(texture_desc(4, 4));
   BoRef b = a;
   BoRef c = std::move(a);
   EXPECT_FALSE(a);
   EXPECT_EQ(b.get(), c.get());
   b = BoRef{};
   settle(*p.ws);
   EXPECT_EQ(p.server.live_resources(), 1u);
   BoRef &self = c;
   c = self;
   EXPECT_TRUE(c);
   c.reset();
   c.reset();
   settle(*p.ws);
   EXPECT_EQ(p.server.live_resources(), 0u);
}

TEST(Resources, NothingIsLeftBehind)
{
   size_t fds = open_fds();
   for (uint32_t version : {0u, 2u, 3u}) {
      Pair p(fake_version(version), offer(version));
      for (int i = 0; i < 20; i++) {
         auto bo = p.ws->create_resource(buffer_desc(4096));
         bo->map();
         auto unmapped = p.ws->create_resource(texture_desc(8, 8));
      }
   }
   EXPECT_EQ(open_fds(), fds);
}
