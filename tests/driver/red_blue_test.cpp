// SPDX-License-Identifier: MIT
// Texels of pictures that the host has red first.
#include <vector>

#include <gtest/gtest.h>

#include "gallium/drivers/virgl/red_blue.hpp"

using namespace virgl;

namespace {

std::vector<std::byte> numbers(size_t bytes)
{
   std::vector<std::byte> v(bytes);
   for (size_t i = 0; i < bytes; i++)
      v[i] = std::byte(i * 7 + i / 251);
   return v;
}

std::byte swapped(const std::vector<std::byte> &v, size_t i)
{
   return i % 4 == 0 ? v[i + 2] : i % 4 == 2 ? v[i - 2] : v[i];
}

TEST(RedBlue, RowsOfAnyLengthAndAlignment)
{
   for (size_t texels = 0; texels < 40; texels++) {
      for (size_t skew = 0; skew < 5; skew++) {
         const auto from = numbers(texels * 4 + skew);
         std::vector<std::byte> to(texels * 4 + 9, std::byte{0xee});
         swap_red_blue(&to[skew], from.data() + skew, texels * 4);
         const std::vector<std::byte> row(from.begin() + skew, from.end());
         for (size_t i = 0; i < texels * 4; i++)
            ASSERT_EQ(to[skew + i], swapped(row, i)) << texels << " texels, byte " << i;
         for (size_t i = 0; i < to.size(); i++) {
            if (i < skew || i >= skew + texels * 4) {
               ASSERT_EQ(to[i], std::byte{0xee});
            }
         }
      }
   }
}

TEST(RedBlue, BoxesInPlace)
{
   constexpr size_t stride = 60, layer = 7 * stride;
   const auto before = numbers(3 * layer);
   auto now = before;
   pipe_box box = {};
   box.width = 13;
   box.height = 5;
   box.depth = 2;
   swap_red_blue(now.data() + layer + stride + 4, box, stride, layer);
   for (size_t i = 0; i < now.size(); i++) {
      const size_t z = i / layer, y = i % layer / stride, x = i % stride;
      const bool inside = z >= 1 && y >= 1 && y < 6 && x >= 4 && x < 4 + 13 * 4;
      ASSERT_EQ(now[i], inside ? swapped(before, i) : before[i]) << i;
   }
}

TEST(RedBlue, TwinsKeepWhatTheyAre)
{
   for (const pipe_format f : {PIPE_FORMAT_B8G8R8A8_UNORM, PIPE_FORMAT_B8G8R8X8_UNORM,
                               PIPE_FORMAT_B8G8R8A8_SRGB, PIPE_FORMAT_B8G8R8X8_SRGB}) {
      const pipe_format twin = red_first_twin(f);
      ASSERT_NE(twin, PIPE_FORMAT_NONE);
      EXPECT_EQ(util_format_is_srgb(twin), util_format_is_srgb(f));
      EXPECT_EQ(util_format_has_alpha(twin), util_format_has_alpha(f));
      EXPECT_EQ(util_format_get_blocksize(twin), 4u);
   }
   EXPECT_EQ(red_first_twin(PIPE_FORMAT_R8G8B8A8_UNORM), PIPE_FORMAT_NONE);
   EXPECT_EQ(red_first_twin(PIPE_FORMAT_B5G6R5_UNORM), PIPE_FORMAT_NONE);
   EXPECT_EQ(red_first_twin(PIPE_FORMAT_B10G10R10A2_UNORM), PIPE_FORMAT_NONE);
}

} // namespace
