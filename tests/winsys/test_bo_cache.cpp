// SPDX-License-Identifier: MIT
// The cache of released buffers, on its own.
#include <set>

#include "gallium/winsys/virgl/common/layout.hpp"
#include "winsys_test.hpp"

using namespace virgl;
using namespace virgl::test;

namespace {

struct Thing : BoCache::Entry {
   bool idle = true;
};

constexpr auto ask = [](const BoCache::Entry &e) { return static_cast<const Thing &>(e).idle; };
constexpr uint64_t second = 1'000'000'000;

struct Cache : testing::Test {
   BoCache cache{{.bytes = 4096, .age_ns = second, .probes = 4}};
   bool saw_busy = false;

   Thing *take(const ResourceDesc &d) { return static_cast<Thing *>(cache.take(d, ask, saw_busy)); }
   std::set<BoCache::Entry *> all(BoCache::Evicted e)
   {
      std::set<BoCache::Entry *> out;
      while (BoCache::Entry *x = e.pop())
         out.insert(x);
      return out;
   }
};

} // namespace

TEST_F(Cache, GivesBackTheOldestOfItsKind)
{
   Thing a, b, c;
   cache.add(a, buffer_desc(64), 1);
   cache.add(b, buffer_desc(128), 2);
   cache.add(c, buffer_desc(64), 3);
   EXPECT_EQ(cache.bytes(), 256u);
   EXPECT_EQ(take(buffer_desc(64)), &a);
   EXPECT_EQ(take(buffer_desc(64)), &c);
   EXPECT_EQ(take(buffer_desc(64)), nullptr);
   EXPECT_FALSE(saw_busy);
   EXPECT_EQ(take(buffer_desc(128, proto::bind::index_buffer)), nullptr);
   EXPECT_EQ(take(buffer_desc(128)), &b);
   EXPECT_EQ(cache.bytes(), 0u);
}

TEST_F(Cache, PassesOverBusyOnes)
{
   Thing t[6];
   for (Thing &x : t) {
      x.idle = false;
      cache.add(x, buffer_desc(64), 1);
   }
   EXPECT_EQ(take(buffer_desc(64)), nullptr);
   EXPECT_TRUE(saw_busy);
   t[5].idle = true; // too far back to be looked at
   EXPECT_EQ(take(buffer_desc(64)), nullptr);
   t[3].idle = true;
   EXPECT_EQ(take(buffer_desc(64)), &t[3]);
   EXPECT_EQ(take(buffer_desc(64)), nullptr);
   t[0].idle = true;
   EXPECT_EQ(take(buffer_desc(64)), &t[0]);
   EXPECT_EQ(take(buffer_desc(64)), &t[5]);
}

TEST_F(Cache, KeepsItsLimitOfBytes)
{
   Thing t[5], giant;
   for (int i = 0; i < 4; i++)
      EXPECT_TRUE(cache.add(t[i], buffer_desc(1024), uint64_t(i)).empty());
   auto gone = all(cache.add(t[4], buffer_desc(1024), 5));
   EXPECT_EQ(gone, (std::set<BoCache::Entry *>{&t[0]}));
   EXPECT_EQ(cache.bytes(), 4096u);
   // More than a quarter of all would push out too many others.
   EXPECT_EQ(all(cache.add(giant, buffer_desc(1025), 6)), (std::set<BoCache::Entry *>{&giant}));
   EXPECT_EQ(all(cache.flush()).size(), 4u);
}

TEST_F(Cache, LetsGoWhatIsOld)
{
   Thing a, b, c;
   cache.add(a, buffer_desc(64), 0);
   cache.add(b, buffer_desc(128), second / 2);
   EXPECT_TRUE(cache.trim(second).empty());
   EXPECT_EQ(all(cache.trim(second + 1)), (std::set<BoCache::Entry *>{&a}));
   EXPECT_EQ(all(cache.add(c, buffer_desc(64), 2 * second)), (std::set<BoCache::Entry *>{&b}));
   // A clock read before the lock was taken is no reason to go wrong.
   EXPECT_TRUE(cache.trim(1).empty());
   cache.add(a, buffer_desc(64), 7);
   EXPECT_TRUE(cache.trim(2 * second + second / 2).empty());
   EXPECT_EQ(all(cache.trim(4 * second)).size(), 2u);
   EXPECT_EQ(take(buffer_desc(64)), nullptr);
}

TEST_F(Cache, SurvivesAnyOrder)
{
   Thing t[40];
   std::set<int> in;
   uint32_t seed = 1;
   for (int step = 0; step < 20'000; step++) {
      seed = seed * 1664525 + 1013904223;
      int i = int(seed >> 8) % 40;
      ResourceDesc d = buffer_desc(16u << (i % 3));
      if (!in.count(i)) {
         t[i].idle = seed >> 30;
         ASSERT_TRUE(cache.add(t[i], d, uint64_t(step)).empty());
         in.insert(i);
      } else if (Thing *x = take(d)) {
         ASSERT_TRUE(x->idle);
         in.erase(int(x - t));
      } else {
         t[i].idle = true;
      }
      size_t bytes = 0;
      for (int k : in)
         bytes += 16u << (k % 3);
      ASSERT_EQ(cache.bytes(), bytes);
   }
   EXPECT_EQ(all(cache.flush()).size(), in.size());
}

TEST(Cacheable, OnlyPlainBuffers)
{
   using namespace proto::bind;
   for (uint32_t b : {vertex_buffer, index_buffer, constant_buffer, staging, custom,
                      shader_buffer, query_buffer, vertex_buffer | index_buffer | sampler_view})
      EXPECT_TRUE(BoCache::cacheable(buffer_desc(64, b))) << b;
   for (uint32_t b : {scanout, shared, display_target, cursor, vertex_buffer | shared})
      EXPECT_FALSE(BoCache::cacheable(buffer_desc(64, b))) << b;
   EXPECT_FALSE(BoCache::cacheable(texture_desc(4, 4)));
}

TEST(Layout, LevelsFollowEachOther)
{
   ResourceDesc d = texture_desc(10, 6, 2, 3);
   LevelLayout l = level_layout(d, 0);
   EXPECT_EQ(l.offset, 0u);
   EXPECT_EQ(l.stride, 40u);
   EXPECT_EQ(l.layer_stride, 240u);
   EXPECT_EQ(l.layers, 2u);
   l = level_layout(d, 1);
   EXPECT_EQ(l.offset, 480u);
   EXPECT_EQ(l.stride, 20u);
   EXPECT_EQ(l.layer_stride, 60u);
   l = level_layout(d, 2);
   EXPECT_EQ(l.offset, 600u);
   EXPECT_EQ(l.offset + l.layer_stride * l.layers, d.size);
   EXPECT_EQ(box_offset(d, level_layout(d, 1), {.x = 3, .y = 2, .z = 1}), 480u + 60 + 40 + 12);
}

TEST(Layout, VolumesAndBlocks)
{
   ResourceDesc d;
   d.width = 10;
   d.height = 7;
   d.depth = 4;
   d.block = {4, 4, 8};
   EXPECT_EQ(level_layout(d, 0).stride, 24u);
   EXPECT_EQ(level_layout(d, 0).layer_stride, 48u);
   EXPECT_EQ(level_layout(d, 1).offset, 192u);
   EXPECT_EQ(level_layout(d, 1).layers, 2u);
   EXPECT_EQ(level_layout(d, 3).layers, 1u);
   EXPECT_EQ(region_bytes(d, {.width = 5, .height = 5, .depth = 2}, 24, 48), 48u + 24 + 16);
   EXPECT_EQ(region_bytes(d, {.width = 5, .height = 0}, 24, 48), 0u);
   EXPECT_EQ(box_offset(d, level_layout(d, 0), {.x = 4, .y = 4}), 32u);
}
