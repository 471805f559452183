// SPDX-License-Identifier: MIT
//
// The map between Gallium's formats and the wire's.
#include <gtest/gtest.h>

#include "protocol/pipe_formats.hpp"
#include "protocol/schema.hpp"
#include "virtio/virtio-gpu/virgl_hw.h"

namespace virgl::proto {
namespace {

static_assert(from_pipe(PIPE_FORMAT_NONE) == Format::NONE);
static_assert(from_pipe(PIPE_FORMAT_B8G8R8A8_UNORM) == Format::B8G8R8A8_UNORM);
static_assert(uint32_t(from_pipe(PIPE_FORMAT_R32G32B32A32_FLOAT)) ==
              VIRGL_FORMAT_R32G32B32A32_FLOAT);
static_assert(uint32_t(from_pipe(PIPE_FORMAT_Z24_UNORM_S8_UINT)) == VIRGL_FORMAT_Z24_UNORM_S8_UINT);
static_assert(to_pipe(Format::ASTC_4x4_SRGB) == PIPE_FORMAT_ASTC_4x4_SRGB);
static_assert(to_pipe(Format(~0u)) == PIPE_FORMAT_NONE);
static_assert(from_pipe(pipe_format(PIPE_FORMAT_COUNT)) == Format::NONE);

TEST(Formats, ThereAndBack)
{
   uint32_t known = 0;
   for (uint32_t p = 0; p < PIPE_FORMAT_COUNT; p++) {
      const Format wire = from_pipe(pipe_format(p));
      if (wire == Format::NONE)
         continue;
      known++;
      EXPECT_TRUE(is_format(uint32_t(wire)));
      EXPECT_EQ(to_pipe(wire), pipe_format(p)) << name_of(wire);
   }
   // Gallium 22.3 has nearly all of them; the number says when a name stops matching.
   EXPECT_GT(known, 380u);
}

TEST(Formats, EveryWireFormatHasAName)
{
   for (uint32_t number = 0; number < num_formats + 100; number++)
      EXPECT_EQ(is_format(number), name_of(Format(number)) != std::string("?")) << number;
}

} // namespace
} // namespace virgl::proto
