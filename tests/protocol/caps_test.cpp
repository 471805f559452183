// SPDX-License-Identifier: MIT
//
// Capsets of any length are taken; what did not come reads 0.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "protocol/caps.hpp"

namespace virgl::proto {
namespace {

std::vector<std::byte> filled(size_t size)
{
   return std::vector<std::byte>(size, std::byte(0x11));
}

TEST(Caps, EveryLength)
{
   constexpr uint32_t ones = 0x11111111;
   for (size_t size = 0; size <= sizeof(CapsV2) + 64; size++) {
      // An allocation of its own, so that a read behind it is seen.
      const std::vector<std::byte> data = filled(size);
      const Caps caps = Caps::parse(2, data);
      EXPECT_EQ(caps.received, std::min(size, sizeof(CapsV2)));
      EXPECT_EQ(caps.max_version, size >= 4 ? ones : ones & ((1u << 8 * size) - 1));
      const auto there = [&](size_t offset) { return size >= offset + 4; };
      if (size % 4 == 0) {
         EXPECT_EQ(caps.bset, there(offsetof(CapsV2, bset)) ? ones : 0);
         EXPECT_EQ(caps.capability_bits, there(offsetof(CapsV2, capability_bits)) ? ones : 0);
         EXPECT_EQ(caps.max_uniform_block_size,
                   there(offsetof(CapsV2, max_uniform_block_size)) ? ones : 0);
         EXPECT_EQ(caps.max_tcs_outputs, there(offsetof(CapsV2, max_tcs_outputs)) ? ones : 0);
         EXPECT_EQ(caps.max_shader_storage_blocks[5],
                   there(offsetof(CapsV2, max_shader_storage_blocks[5])) ? ones : 0);
      }
   }
}

TEST(Caps, Capset1EndsWhereItEnds)
{
   const std::vector<std::byte> data = filled(sizeof(CapsV2));
   const Caps caps = Caps::parse(1, data);
   EXPECT_EQ(caps.received, sizeof(CapsV1));
   EXPECT_EQ(caps.max_texture_gather_components, 0x11111111u);
   EXPECT_EQ(caps.capability_bits, 0u);
   EXPECT_EQ(caps.min_aliased_point_size, 0.0f);
}

TEST(Caps, OtherCapsets)
{
   const std::vector<std::byte> data = filled(sizeof(CapsV2));
   for (const uint32_t id : {0u, 3u, 4u, 6u, ~0u}) {
      const Caps caps = Caps::parse(id, data);
      EXPECT_EQ(caps.received, 0u);
      EXPECT_EQ(caps.max_version, 0u);
   }
}

TEST(Caps, NameEnds)
{
   std::vector<std::byte> data(sizeof(CapsV2), std::byte('x'));
   const Caps caps = Caps::parse(2, data);
   EXPECT_EQ(strlen(caps.renderer), sizeof(caps.renderer) - 1);
}

TEST(Caps, Bits)
{
   Caps caps;
   EXPECT_FALSE(caps.has(cap::qbo));
   caps.capability_bits = cap::qbo | cap::arb_buffer_storage;
   caps.capability_bits_v2 = cap2::sso;
   caps.bset = feature::ubo;
   EXPECT_TRUE(caps.has(cap::qbo | cap::arb_buffer_storage));
   EXPECT_FALSE(caps.has(cap::qbo | cap::transfer));
   EXPECT_TRUE(caps.has2(cap2::sso));
   EXPECT_FALSE(caps.has2(cap2::meminfo));
   EXPECT_TRUE(caps.has_feature(feature::ubo));
}

TEST(Caps, Formats)
{
   FormatMask mask{};
   EXPECT_FALSE(supports(mask, Format::R8G8B8A8_UNORM));
   mask.set(67);
   EXPECT_TRUE(supports(mask, Format::R8G8B8A8_UNORM));
   EXPECT_FALSE(mask.test(66));
   EXPECT_FALSE(mask.test(68));
   EXPECT_FALSE(mask.test(512));
   EXPECT_FALSE(mask.test(~0u));

   // 263 was G8R8_UNORM and A1R5G5B5_UNORM; now it is the former alone.
   mask.set(263);
   EXPECT_TRUE(supports(mask, Format::G8R8_UNORM));
   EXPECT_FALSE(supports(mask, Format::A1R5G5B5_UNORM));
   mask.set(333);
   EXPECT_TRUE(supports(mask, Format::A1R5G5B5_UNORM));

   // Nothing is not a format, whatever the host says.
   mask.set(0);
   EXPECT_FALSE(supports(mask, Format::NONE));
}

} // namespace
} // namespace virgl::proto
