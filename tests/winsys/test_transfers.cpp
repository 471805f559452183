// SPDX-License-Identifier: MIT
// Transfers and presentation, byte by byte, in all versions.
#include <cstring>

#include "gallium/winsys/virgl/common/layout.hpp"
#include "winsys_test.hpp"

using namespace virgl;
using namespace virgl::test;

namespace {

std::byte pattern(size_t i)
{
   return std::byte((i * 7 + i / 251) & 0xff);
}

void fill(std::byte *p, size_t n)
{
   for (size_t i = 0; i < n; i++)
      p[i] = pattern(i);
}

class Transfers : public testing::TestWithParam<uint32_t> {
protected:
   Transfers() : pair(fake_version(GetParam()), offer(GetParam())) {}
   Winsys &ws() { return *pair.ws; }
   std::vector<std::byte> stored(const BoRef &bo)
   {
      // Whatever was sent has been executed.
      ws().wait_submission(ws().submit({}, {}, -1, nullptr), UINT64_MAX);
      return pair.server.storage(uint32_t(bo->handle()));
   }

   Pair pair;
};

INSTANTIATE_TEST_SUITE_P(Versions, Transfers, testing::Values(0u, 2u, 3u));

} // namespace

TEST_P(Transfers, BufferRange)
{
   auto bo = ws().create_resource(buffer_desc(1000));
   fill(bo->map(), 1000);
   ASSERT_TRUE(ws().transfer_to_host(*bo, 0, {.x = 100, .width = 50}, {.offset = 100}));
   auto s = stored(bo);
   for (size_t i = 0; i < 1000; i++)
      ASSERT_EQ(s[i], i >= 100 && i < 150 ? pattern(i) : std::byte{0}) << i;

   ASSERT_TRUE(ws().wait_idle(*bo, UINT64_MAX));
   memset(bo->map(), 0xaa, 1000);
   ASSERT_TRUE(ws().transfer_from_host(*bo, 0, {.x = 120, .width = 100}, {.offset = 300}));
   ASSERT_TRUE(ws().wait_idle(*bo, UINT64_MAX));
   for (size_t i = 0; i < 1000; i++) {
      auto want = i < 300 || i >= 400 ? std::byte{0xaa}
                  : i < 330           ? pattern(i - 180)
                                      : std::byte{0};
      ASSERT_EQ(bo->map()[i], want) << i;
   }
   EXPECT_FALSE(pair.server.saw_protocol_error());
}

TEST_P(Transfers, WholeLevels)
{
   ResourceDesc d = texture_desc(13, 9, 3, 3);
   auto bo = ws().create_resource(d);
   fill(bo->map(), d.size);
   for (uint32_t l = 0; l < 3; l++) {
      LevelLayout at = level_layout(d, l);
      ASSERT_TRUE(ws().transfer_to_host(
         *bo, l, {.width = 13u >> l, .height = 9u >> l, .depth = 3},
         {uint32_t(at.offset), uint32_t(at.stride), uint32_t(at.layer_stride)}));
   }
   EXPECT_EQ(stored(bo), std::vector(bo->map(), bo->map() + d.size));

   std::vector<std::byte> copy(bo->map(), bo->map() + d.size);
   memset(bo->map(), 0, d.size);
   for (uint32_t l = 0; l < 3; l++) {
      // Strides of 0: those of the level.
      ASSERT_TRUE(ws().transfer_from_host(*bo, l,
                                          {.width = 13u >> l, .height = 9u >> l, .depth = 3},
                                          {uint32_t(level_layout(d, l).offset)}));
   }
   ASSERT_TRUE(ws().wait_idle(*bo, UINT64_MAX));
   EXPECT_EQ(copy, std::vector(bo->map(), bo->map() + d.size));
   EXPECT_FALSE(pair.server.saw_protocol_error());
}

TEST_P(Transfers, ForeignStrides)
{
   // A region with gaps between rows and layers, in the memory of a larger resource.
   ResourceDesc d = texture_desc(16, 16, 2);
   auto bo = ws().create_resource(d);
   fill(bo->map(), d.size);
   Box box{.x = 2, .y = 3, .z = 0, .width = 5, .height = 4, .depth = 2};
   MemoryLayout layout{.offset = 12, .stride = 28, .layer_stride = 160};
   ASSERT_TRUE(ws().transfer_to_host(*bo, 0, box, layout));
   auto s = stored(bo);
   for (size_t z = 0; z < 2; z++) {
      for (size_t y = 0; y < 16; y++) {
         for (size_t x = 0; x < 64; x++) {
            bool inside = x >= 8 && x < 28 && y >= 3 && y < 7;
            size_t from = 12 + z * 160 + (y - 3) * 28 + (x - 8);
            ASSERT_EQ(s[z * 1024 + y * 64 + x], inside ? pattern(from) : std::byte{0})
               << x << ' ' << y << ' ' << z;
         }
      }
   }

   ASSERT_TRUE(ws().wait_idle(*bo, UINT64_MAX));
   std::vector<std::byte> want(d.size, std::byte{0x11});
   for (size_t z = 0; z < 2; z++) {
      for (size_t y = 0; y < 4; y++)
         memcpy(&want[12 + z * 160 + y * 28], &s[z * 1024 + (y + 3) * 64 + 8], 20);
   }
   memset(bo->map(), 0x11, d.size);
   ASSERT_TRUE(ws().transfer_from_host(*bo, 0, box, layout));
   ASSERT_TRUE(ws().wait_idle(*bo, UINT64_MAX));
   EXPECT_EQ(want, std::vector(bo->map(), bo->map() + d.size));
   EXPECT_FALSE(pair.server.saw_protocol_error());
}

TEST_P(Transfers, CompressedBlocks)
{
   ResourceDesc d;
   d.target = 2;
   d.format = proto::Format::DXT1_RGBA;
   d.bind = proto::bind::sampler_view;
   d.width = 18;
   d.height = 10;
   d.block = {4, 4, 8};
   d.size = 5 * 3 * 8;
   auto bo = ws().create_resource(d);
   fill(bo->map(), d.size);
   // The last row of blocks holds two rows of texels.
   ASSERT_TRUE(ws().transfer_to_host(*bo, 0, {.x = 4, .y = 4, .width = 14, .height = 6},
                                     {.offset = 8, .stride = 32}));
   auto s = stored(bo);
   EXPECT_EQ(0, memcmp(&s[40 + 8], bo->map() + 8, 32));
   EXPECT_EQ(0, memcmp(&s[80 + 8], bo->map() + 40, 32));
   EXPECT_EQ(s[0], std::byte{0});
   EXPECT_EQ(s[80], std::byte{0});
   for (const Message &m : pair.server.messages()) {
      if (m.command == transfer_put2) {
         EXPECT_LE(m.dwords[3] + m.dwords[6], 10u);
      }
   }
   EXPECT_FALSE(pair.server.saw_protocol_error());
}

TEST_P(Transfers, MessagesAreFew)
{
   ResourceDesc d = texture_desc(16, 16, 4);
   auto bo = ws().create_resource(d);
   Box all{.width = 16, .height = 16, .depth = 4};
   ASSERT_TRUE(ws().transfer_to_host(*bo, 0, all, {0, 64, 1024}));
   ASSERT_TRUE(ws().transfer_to_host(*bo, 0, all, {}));
   // One row needs no stride.
   ASSERT_TRUE(ws().transfer_to_host(*bo, 0, {.width = 4}, {.stride = 999}));
   stored(bo);
   EXPECT_EQ(pair.server.count(transfer_put) + pair.server.count(transfer_put2), 3u);
}

TEST_P(Transfers, RegionsOutsideOfTheMemoryAreRefused)
{
   ResourceDesc d = texture_desc(16, 16);
   auto bo = ws().create_resource(d);
   Box all{.width = 16, .height = 16};
   EXPECT_FALSE(ws().transfer_to_host(*bo, 0, all, {.offset = 1}));
   EXPECT_FALSE(ws().transfer_from_host(*bo, 0, all, {.offset = 4}));
   EXPECT_FALSE(ws().transfer_from_host(*bo, 0, all, {.stride = 65}));
   EXPECT_FALSE(ws().transfer_to_host(*bo, 0, {}, {.offset = 0xffffffff}));
   EXPECT_TRUE(ws().transfer_to_host(*bo, 0, {.width = 0}, {.offset = 0xffffffff}));
   EXPECT_TRUE(ws().transfer_to_host(*bo, 0, all, {.stride = 0}));
   stored(bo);
   EXPECT_FALSE(ws().lost());
   EXPECT_FALSE(pair.server.saw_protocol_error());
}

TEST_P(Transfers, CountAsUse)
{
   auto bo = ws().create_resource(buffer_desc(64));
   bo->map();
   pair.server.hold();
   ASSERT_TRUE(ws().transfer_to_host(*bo, 0, {.width = 64}, {}));
   // Without shared memory the bytes are gone as soon as the call returns.
   EXPECT_EQ(ws().is_busy(*bo), GetParam() >= 2);
   pair.server.resume();
   ASSERT_TRUE(ws().wait_idle(*bo, UINT64_MAX));
   EXPECT_FALSE(ws().is_busy(*bo));
}

TEST_P(Transfers, Present)
{
   ResourceDesc d = texture_desc(20, 10);
   d.bind |= proto::bind::render_target | proto::bind::display_target;
   auto bo = ws().create_resource(d);
   std::vector<std::byte> picture(d.size);
   fill(picture.data(), picture.size());
   stored(bo);
   pair.server.set_storage(uint32_t(bo->handle()), picture);

   for (uint32_t stride : {80u, 128u}) {
      MemoryTarget target(stride, 10);
      ASSERT_TRUE(ws().present(*bo, 0, {.width = 20, .height = 10}, target));
      EXPECT_EQ(target.mapped, 1u);
      EXPECT_EQ(target.unmapped, 1u);
      for (size_t y = 0; y < 10; y++)
         ASSERT_EQ(0, memcmp(&target.pixels[y * stride], &picture[y * 80], 80)) << y;
      for (size_t i = 80; i < stride; i++)
         ASSERT_EQ(target.pixels[i], std::byte{0});
   }

   MemoryTarget target(128, 10);
   ASSERT_TRUE(ws().present(*bo, 0, {.x = 3, .y = 2, .width = 4, .height = 5}, target));
   for (size_t y = 0; y < 10; y++) {
      for (size_t x = 0; x < 128; x++) {
         bool inside = x >= 12 && x < 28 && y >= 2 && y < 7;
         ASSERT_EQ(target.pixels[y * 128 + x], inside ? picture[y * 80 + x] : std::byte{0});
      }
   }
   EXPECT_FALSE(ws().is_busy(*bo));
   EXPECT_FALSE(pair.server.saw_protocol_error());
}

TEST_P(Transfers, PresentLayer)
{
   ResourceDesc d = texture_desc(4, 4, 3, 2);
   auto bo = ws().create_resource(d);
   std::vector<std::byte> picture(d.size);
   fill(picture.data(), picture.size());
   stored(bo);
   pair.server.set_storage(uint32_t(bo->handle()), picture);
   MemoryTarget target(8, 2);
   ASSERT_TRUE(ws().present(*bo, 1, {.z = 2, .width = 2, .height = 2}, target));
   EXPECT_EQ(0, memcmp(target.pixels.data(), &picture[192 + 32], 16));
}

TEST_P(Transfers, PresentNeedsTwoMessagesAtMost)
{
   auto bo = ws().create_resource(texture_desc(20, 10));
   MemoryTarget target(80, 10);
   uint64_t n = ws().submit({}, {}, -1, nullptr);
   ASSERT_TRUE(ws().present(*bo, 0, {.width = 20, .height = 10}, target));
   stored(bo);
   pair.server.clear();
   for (int i = 0; i < 10; i++) {
      n = ws().submit({}, {}, -1, nullptr);
      ASSERT_TRUE(ws().present(*bo, 0, {.width = 20, .height = 10}, target));
      if (GetParam() >= 2) {
         // Throttling asks no more.
         EXPECT_TRUE(ws().wait_submission(n, UINT64_MAX));
      }
   }
   size_t per_frame = GetParam() >= 2 ? 3 : 2;
   size_t slack = GetParam() >= 2 ? 0 : 2; // questions of a client that never waits
   EXPECT_GE(pair.server.total(), 10 * per_frame);
   EXPECT_LE(pair.server.total(), 10 * per_frame + slack);
}

TEST_P(Transfers, SubmissionsThatFetchAPicture)
{
   ResourceDesc d = texture_desc(20, 10);
   auto bo = ws().create_resource(d), other = ws().create_resource(texture_desc(4, 4));
   std::vector<std::byte> picture(d.size);
   fill(picture.data(), picture.size());
   stored(bo);
   pair.server.set_storage(uint32_t(bo->handle()), picture);
   ASSERT_NE(bo->map(), nullptr);

   Bo *used[] = {other.get(), bo.get()};
   pair.server.clear();
   if (GetParam() >= 2) // before, the call itself waits for the data
      pair.server.hold();
   const uint64_t n = ws().submit_and_fetch({}, used, -1, nullptr, *bo);
   ASSERT_NE(n, 0u);
   if (GetParam() >= 2) {
      EXPECT_TRUE(ws().is_busy(*other));
      pair.server.resume();
   }
   EXPECT_TRUE(ws().wait_submission(n, UINT64_MAX));
   EXPECT_TRUE(ws().wait_idle(*bo, UINT64_MAX));
   EXPECT_FALSE(ws().is_busy(*other));
   EXPECT_EQ(0, memcmp(bo->map(), picture.data(), picture.size()));
   if (GetParam() >= 2) { // with the question that both waits are answered by
      EXPECT_EQ(pair.server.total(), 3u);
   }
   EXPECT_FALSE(pair.server.saw_protocol_error());

   // In parts.
   const uint32_t stream[] = {1, 2, 3}, cuts[] = {1};
   pair.server.clear();
   ASSERT_TRUE(ws().wait_submission(ws().submit_and_fetch(stream, used, -1, nullptr, *bo, cuts),
                                    UINT64_MAX));
   ASSERT_TRUE(ws().wait_idle(*bo, UINT64_MAX));
   const std::vector<Message> parts = pair.server.messages();
   ASSERT_GE(parts.size(), 3u);
   EXPECT_EQ(parts[0].dwords, (std::vector<uint32_t>{1}));
   EXPECT_EQ(parts[1].dwords, (std::vector<uint32_t>{2, 3}));
   EXPECT_NE(parts[2].command, uint32_t(submit_cmd));
   EXPECT_FALSE(pair.server.saw_protocol_error());

   // What has no memory is refused, and kills nothing.
   ResourceDesc none = texture_desc(20, 10);
   none.size = 0;
   auto without = ws().create_resource(none);
   EXPECT_EQ(ws().submit_and_fetch({}, used, -1, nullptr, *without), 0u);
   EXPECT_FALSE(ws().lost());
}

TEST_P(Transfers, TargetsThatCannotBeMapped)
{
   auto bo = ws().create_resource(texture_desc(4, 4));
   MemoryTarget target(16, 4);
   target.refuse = true;
   EXPECT_FALSE(ws().present(*bo, 0, {.width = 4, .height = 4}, target));
   EXPECT_EQ(target.unmapped, 0u);
   EXPECT_FALSE(ws().lost());
   EXPECT_TRUE(ws().present(*bo, 0, {.width = 0}, target));
}
