// SPDX-License-Identifier: MIT
// What formats are offered, by the host's masks and by what hosts are known to do with them.
#include "test_screen.hpp"

#include "gallium/drivers/virgl/formats.hpp"

#include <array>
#include <random>

#include "pipe/p_defines.h"
#include "protocol/pipe_formats.hpp"

#include <gtest/gtest.h>

using namespace virgl;

namespace {

class Formats : public ::testing::Test {
protected:
   Formats() : caps_(able_caps()) {}

   void sample(pipe_format f) { caps_.sampler.set(uint32_t(proto::from_pipe(f))); }
   void render(pipe_format f)
   {
      sample(f);
      caps_.render.set(uint32_t(proto::from_pipe(f)));
   }
   void multisample(pipe_format f)
   {
      caps_.supported_multisample_formats.set(uint32_t(proto::from_pipe(f)));
   }
   bool supported(pipe_format f, unsigned bind, pipe_texture_target target = PIPE_TEXTURE_2D,
                  unsigned samples = 0, int storage = -1)
   {
      const auto s = test_screen(caps_);
      return s->base.is_format_supported(&s->base, f, target, samples,
                                         storage < 0 ? samples : unsigned(storage), bind);
   }

   proto::Caps caps_;
};

} // namespace

TEST_F(Formats, FollowTheMasks)
{
   sample(PIPE_FORMAT_R8G8B8A8_UNORM);
   render(PIPE_FORMAT_B8G8R8A8_UNORM);
   EXPECT_TRUE(supported(PIPE_FORMAT_R8G8B8A8_UNORM, PIPE_BIND_SAMPLER_VIEW));
   EXPECT_FALSE(supported(PIPE_FORMAT_R8G8B8A8_UNORM, PIPE_BIND_RENDER_TARGET));
   EXPECT_TRUE(
      supported(PIPE_FORMAT_B8G8R8A8_UNORM, PIPE_BIND_RENDER_TARGET | PIPE_BIND_SAMPLER_VIEW));
   EXPECT_FALSE(supported(PIPE_FORMAT_R16_UNORM, PIPE_BIND_SAMPLER_VIEW));
}

TEST_F(Formats, TheBitOfNoFormatStandsForNoFormat)
{
   // Formats that the protocol has no number for are "no format" to it.
   caps_.sampler.set(0);
   caps_.render.set(0);
   caps_.scanout.set(0);
   const auto screen = test_screen(caps_);
   for (unsigned f = PIPE_FORMAT_NONE + 1; f < PIPE_FORMAT_COUNT; f++) {
      for (unsigned bind : {PIPE_BIND_SAMPLER_VIEW, PIPE_BIND_RENDER_TARGET, PIPE_BIND_SCANOUT})
         EXPECT_FALSE(format_supported(*screen, pipe_format(f), PIPE_TEXTURE_2D, 0, 0, bind)) << f;
   }
}

TEST_F(Formats, DepthIsNeverAColour)
{
   render(PIPE_FORMAT_Z24_UNORM_S8_UINT);
   EXPECT_TRUE(supported(PIPE_FORMAT_Z24_UNORM_S8_UINT, PIPE_BIND_DEPTH_STENCIL));
   EXPECT_FALSE(supported(PIPE_FORMAT_Z24_UNORM_S8_UINT, PIPE_BIND_RENDER_TARGET));
   render(PIPE_FORMAT_B8G8R8A8_UNORM);
   EXPECT_FALSE(supported(PIPE_FORMAT_B8G8R8A8_UNORM, PIPE_BIND_DEPTH_STENCIL));
}

TEST_F(Formats, SampleCounts)
{
   render(PIPE_FORMAT_B8G8R8A8_UNORM);
   multisample(PIPE_FORMAT_B8G8R8A8_UNORM);
   render(PIPE_FORMAT_R8G8B8A8_UNORM);
   const auto asks = [&](unsigned samples, unsigned bind = PIPE_BIND_RENDER_TARGET) {
      return supported(PIPE_FORMAT_B8G8R8A8_UNORM, bind, PIPE_TEXTURE_2D, samples);
   };
   EXPECT_TRUE(asks(0));
   EXPECT_TRUE(asks(1));
   EXPECT_TRUE(asks(8));
   EXPECT_FALSE(asks(3));
   EXPECT_FALSE(asks(16));
   EXPECT_TRUE(asks(4, PIPE_BIND_SHADER_IMAGE));
   EXPECT_FALSE(asks(8, PIPE_BIND_SHADER_IMAGE));
   EXPECT_FALSE(
      supported(PIPE_FORMAT_B8G8R8A8_UNORM, PIPE_BIND_RENDER_TARGET, PIPE_TEXTURE_2D, 4, 2));
   EXPECT_TRUE(
      supported(PIPE_FORMAT_B8G8R8A8_UNORM, PIPE_BIND_RENDER_TARGET, PIPE_TEXTURE_2D, 0, 1));
   // Renderable, but its bit for multisampling is not set.
   EXPECT_FALSE(supported(PIPE_FORMAT_R8G8B8A8_UNORM, PIPE_BIND_RENDER_TARGET, PIPE_TEXTURE_2D, 4));
   caps_.host_feature_check_version = 8; // without the mask
   EXPECT_TRUE(supported(PIPE_FORMAT_R8G8B8A8_UNORM, PIPE_BIND_RENDER_TARGET, PIPE_TEXTURE_2D, 4));
   caps_.bset &= ~proto::feature::texture_multisample;
   EXPECT_FALSE(asks(4));
   EXPECT_TRUE(asks(1));
}

TEST_F(Formats, NoFormatIsAFramebufferWithoutAttachments)
{
   EXPECT_TRUE(supported(PIPE_FORMAT_NONE, PIPE_BIND_RENDER_TARGET));
   EXPECT_FALSE(supported(PIPE_FORMAT_NONE, PIPE_BIND_SAMPLER_VIEW));
   EXPECT_FALSE(supported(PIPE_FORMAT_NONE, PIPE_BIND_RENDER_TARGET, PIPE_TEXTURE_2D, 4));
   caps_.supported_multisample_formats.set(0);
   EXPECT_TRUE(supported(PIPE_FORMAT_NONE, PIPE_BIND_RENDER_TARGET, PIPE_TEXTURE_2D, 4));
}

TEST_F(Formats, Layouts)
{
   for (pipe_format f : {PIPE_FORMAT_DXT1_RGB, PIPE_FORMAT_R32G32B32_FLOAT, PIPE_FORMAT_I8_UNORM,
                         PIPE_FORMAT_L4A4_UNORM, PIPE_FORMAT_BPTC_RGBA_UNORM})
      render(f);
   EXPECT_TRUE(supported(PIPE_FORMAT_DXT1_RGB, PIPE_BIND_SAMPLER_VIEW));
   EXPECT_FALSE(supported(PIPE_FORMAT_DXT1_RGB, PIPE_BIND_RENDER_TARGET));
   EXPECT_FALSE(supported(PIPE_FORMAT_DXT1_RGB, PIPE_BIND_SAMPLER_VIEW, PIPE_TEXTURE_3D));
   EXPECT_FALSE(supported(PIPE_FORMAT_DXT1_RGB, PIPE_BIND_SAMPLER_VIEW, PIPE_BUFFER));
   EXPECT_TRUE(supported(PIPE_FORMAT_BPTC_RGBA_UNORM, PIPE_BIND_SAMPLER_VIEW, PIPE_TEXTURE_3D));
   EXPECT_FALSE(supported(PIPE_FORMAT_R32G32B32_FLOAT, PIPE_BIND_SAMPLER_VIEW));
   EXPECT_TRUE(supported(PIPE_FORMAT_R32G32B32_FLOAT, PIPE_BIND_SAMPLER_VIEW, PIPE_BUFFER));
   EXPECT_FALSE(supported(PIPE_FORMAT_I8_UNORM, PIPE_BIND_SAMPLER_VIEW));
   EXPECT_FALSE(supported(PIPE_FORMAT_L4A4_UNORM, PIPE_BIND_SAMPLER_VIEW));
}

TEST_F(Formats, WhatHostsKeepInOtherChannelsIsNotOffered)
{
   for (pipe_format f : {PIPE_FORMAT_A8_UNORM, PIPE_FORMAT_A16_UNORM, PIPE_FORMAT_A8_UINT,
                         PIPE_FORMAT_A16_SINT, PIPE_FORMAT_A32_FLOAT, PIPE_FORMAT_L32_FLOAT})
      render(f);
   EXPECT_TRUE(supported(PIPE_FORMAT_A8_UNORM, PIPE_BIND_RENDER_TARGET));
   EXPECT_TRUE(supported(PIPE_FORMAT_A16_UNORM, PIPE_BIND_SAMPLER_VIEW));
   EXPECT_TRUE(supported(PIPE_FORMAT_L32_FLOAT, PIPE_BIND_SAMPLER_VIEW));
   for (pipe_format f : {PIPE_FORMAT_A8_UINT, PIPE_FORMAT_A16_SINT, PIPE_FORMAT_A32_FLOAT})
      EXPECT_FALSE(supported(f, PIPE_BIND_SAMPLER_VIEW)) << f;
}

TEST_F(Formats, TwoSamplesThatAreFour)
{
   render(PIPE_FORMAT_B8G8R8A8_UNORM);
   multisample(PIPE_FORMAT_B8G8R8A8_UNORM);
   const auto two = [&] {
      return supported(PIPE_FORMAT_B8G8R8A8_UNORM, PIPE_BIND_RENDER_TARGET, PIPE_TEXTURE_2D, 2);
   };
   EXPECT_TRUE(two()); // no positions are known
   caps_.sample_locations[1] = 0xa2'6e'e2'26; // llvmpipe's
   caps_.sample_locations[0] = 0xe2'26;
   EXPECT_FALSE(two());
   EXPECT_TRUE(supported(PIPE_FORMAT_B8G8R8A8_UNORM, PIPE_BIND_RENDER_TARGET, PIPE_TEXTURE_2D, 4));
   caps_.sample_locations[0] = 0x44'cc; // a GPU's
   EXPECT_TRUE(two());
}

TEST_F(Formats, TargetsThatHostsLack)
{
   for (pipe_format f : {PIPE_FORMAT_DXT1_RGB, PIPE_FORMAT_R16G16B16X16_FLOAT,
                         PIPE_FORMAT_R16G16B16A16_FLOAT, PIPE_FORMAT_R8G8B8X8_UNORM})
      render(f);
   EXPECT_FALSE(supported(PIPE_FORMAT_DXT1_RGB, PIPE_BIND_SAMPLER_VIEW, PIPE_TEXTURE_RECT));
   EXPECT_TRUE(supported(PIPE_FORMAT_R8G8B8X8_UNORM, PIPE_BIND_SAMPLER_VIEW, PIPE_TEXTURE_RECT));
   EXPECT_FALSE(
      supported(PIPE_FORMAT_R16G16B16X16_FLOAT, PIPE_BIND_SAMPLER_VIEW, PIPE_TEXTURE_3D));
   EXPECT_TRUE(supported(PIPE_FORMAT_R16G16B16X16_FLOAT, PIPE_BIND_SAMPLER_VIEW));
   EXPECT_TRUE(supported(PIPE_FORMAT_R16G16B16A16_FLOAT, PIPE_BIND_SAMPLER_VIEW, PIPE_TEXTURE_3D));
   EXPECT_TRUE(supported(PIPE_FORMAT_R8G8B8X8_UNORM, PIPE_BIND_SAMPLER_VIEW, PIPE_TEXTURE_3D));
}

TEST_F(Formats, DepthOf24BitsIsThatBesideAStencil)
{
   render(PIPE_FORMAT_Z24X8_UNORM);
   EXPECT_TRUE(supported(PIPE_FORMAT_Z24X8_UNORM, PIPE_BIND_DEPTH_STENCIL));
   EXPECT_FALSE(supported(PIPE_FORMAT_X8Z24_UNORM, PIPE_BIND_DEPTH_STENCIL));
   render(PIPE_FORMAT_S8_UINT_Z24_UNORM);
   EXPECT_FALSE(supported(PIPE_FORMAT_Z24X8_UNORM, PIPE_BIND_DEPTH_STENCIL));
   EXPECT_TRUE(supported(PIPE_FORMAT_X8Z24_UNORM, PIPE_BIND_DEPTH_STENCIL));
   EXPECT_EQ(format_to_host(PIPE_FORMAT_X8Z24_UNORM), proto::Format::S8_UINT_Z24_UNORM);
   caps_.supported_readback_formats.set(uint32_t(proto::Format::S8_UINT_Z24_UNORM));
   EXPECT_TRUE(format_readable(*test_screen(caps_), PIPE_FORMAT_X8Z24_UNORM));
}

TEST_F(Formats, LuminanceBlocksAreRedOnes)
{
   EXPECT_FALSE(supported(PIPE_FORMAT_LATC2_SNORM, PIPE_BIND_SAMPLER_VIEW));
   sample(PIPE_FORMAT_RGTC2_SNORM);
   EXPECT_TRUE(supported(PIPE_FORMAT_LATC2_SNORM, PIPE_BIND_SAMPLER_VIEW));
   EXPECT_FALSE(supported(PIPE_FORMAT_LATC1_SNORM, PIPE_BIND_SAMPLER_VIEW));
   EXPECT_EQ(format_to_host(PIPE_FORMAT_LATC2_SNORM), proto::Format::RGTC2_SNORM);
   const auto swizzle = [](pipe_format f, std::array<unsigned char, 4> asked) {
      std::array<unsigned char, 4> out;
      view_swizzle(f, asked.data(), out.data());
      return out;
   };
   const unsigned char X = PIPE_SWIZZLE_X, Y = PIPE_SWIZZLE_Y, Z = PIPE_SWIZZLE_Z,
                       W = PIPE_SWIZZLE_W, one = PIPE_SWIZZLE_1;
   EXPECT_EQ(swizzle(PIPE_FORMAT_LATC2_UNORM, {X, Y, Z, W}), std::to_array({X, X, X, Y}));
   EXPECT_EQ(swizzle(PIPE_FORMAT_LATC1_SNORM, {W, X, one, Z}), std::to_array({one, X, one, X}));
   EXPECT_EQ(swizzle(PIPE_FORMAT_RGTC2_UNORM, {X, Y, Z, W}), std::to_array({X, Y, Z, W}));
   EXPECT_EQ(swizzle(PIPE_FORMAT_L8A8_UNORM, {X, Y, Z, W}), std::to_array({X, Y, Z, W}));
}

TEST_F(Formats, Vertices)
{
   for (pipe_format f :
        {PIPE_FORMAT_R32G32B32_FLOAT, PIPE_FORMAT_R16G16_FLOAT, PIPE_FORMAT_R64G64_FLOAT,
         PIPE_FORMAT_R8G8B8A8_UNORM, PIPE_FORMAT_B8G8R8A8_UNORM, PIPE_FORMAT_R16_SSCALED,
         PIPE_FORMAT_R32_UINT, PIPE_FORMAT_R10G10B10A2_UNORM, PIPE_FORMAT_B10G10R10A2_SNORM})
      EXPECT_TRUE(supported(f, PIPE_BIND_VERTEX_BUFFER, PIPE_BUFFER)) << f;
   for (pipe_format f : {PIPE_FORMAT_R32_FIXED, PIPE_FORMAT_B5G6R5_UNORM, PIPE_FORMAT_DXT1_RGB,
                         PIPE_FORMAT_R9G9B9E5_FLOAT, PIPE_FORMAT_R11G11B10_FLOAT})
      EXPECT_FALSE(supported(f, PIPE_BIND_VERTEX_BUFFER, PIPE_BUFFER)) << f;
   caps_.vertexbuffer.set(uint32_t(proto::from_pipe(PIPE_FORMAT_R11G11B10_FLOAT)));
   EXPECT_TRUE(supported(PIPE_FORMAT_R11G11B10_FLOAT, PIPE_BIND_VERTEX_BUFFER, PIPE_BUFFER));
}

TEST_F(Formats, ReadBackAndScanout)
{
   render(PIPE_FORMAT_B8G8R8A8_UNORM);
   render(PIPE_FORMAT_R8G8B8A8_UNORM);
   auto old = test_screen(caps_); // a host without the two masks
   EXPECT_TRUE(format_readable(*old, PIPE_FORMAT_B8G8R8A8_UNORM));
   EXPECT_TRUE(supported(PIPE_FORMAT_R8G8B8A8_UNORM, PIPE_BIND_SCANOUT));
   caps_.supported_readback_formats.set(uint32_t(proto::from_pipe(PIPE_FORMAT_R8G8B8A8_UNORM)));
   caps_.scanout.set(uint32_t(proto::from_pipe(PIPE_FORMAT_B8G8R8A8_UNORM)));
   const auto screen = test_screen(caps_);
   EXPECT_FALSE(format_readable(*screen, PIPE_FORMAT_B8G8R8A8_UNORM));
   EXPECT_TRUE(format_readable(*screen, PIPE_FORMAT_R8G8B8A8_UNORM));
   EXPECT_FALSE(supported(PIPE_FORMAT_R8G8B8A8_UNORM, PIPE_BIND_SCANOUT));
   EXPECT_TRUE(supported(PIPE_FORMAT_B8G8R8A8_UNORM, PIPE_BIND_SCANOUT));
}

TEST_F(Formats, EveryQuestionHasAnAnswer)
{
   const auto none = test_screen(proto::Caps());
   const std::vector<std::byte> ones(sizeof(proto::CapsV2), std::byte(0xff));
   const auto all = test_screen(proto::Caps::parse(2, ones));
   unsigned offered = 0;
   for (unsigned f = 0; f < PIPE_FORMAT_COUNT; f++) {
      for (unsigned bind : {unsigned(PIPE_BIND_SAMPLER_VIEW), unsigned(PIPE_BIND_RENDER_TARGET),
                            unsigned(PIPE_BIND_DEPTH_STENCIL), unsigned(PIPE_BIND_SCANOUT)}) {
         for (unsigned samples : {0u, 1u, 4u, 7u, 64u}) {
            const auto ask = [&](const Screen &s) {
               return format_supported(s, pipe_format(f), PIPE_TEXTURE_2D, samples, samples, bind);
            };
            EXPECT_TRUE(f == PIPE_FORMAT_NONE || !ask(*none));
            offered += ask(*all);
         }
      }
   }
   EXPECT_GT(offered, 1000u);
}
