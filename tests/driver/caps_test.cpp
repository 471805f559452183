// SPDX-License-Identifier: MIT
// The screen's answers, held against Gallium's and Mesa's own ceilings.
#include "test_screen.hpp"

#include <cmath>
#include <cstring>
#include <random>

#include "main/config.h"
#include "pipe/p_defines.h"
#include "pipe/p_state.h"

#include <gtest/gtest.h>

using namespace virgl;

namespace {

// Asks everything, as Mesa does when it makes a context.
void ask_everything(Screen &screen)
{
   pipe_screen *s = &screen.base;
   const auto param = [&](pipe_cap p) { return s->get_param(s, p); };
   for (unsigned p = 0; p < PIPE_CAP_LAST; p++)
      param(pipe_cap(p));
   for (unsigned p = 0; p <= PIPE_CAPF_CONSERVATIVE_RASTER_DILATE_GRANULARITY; p++)
      EXPECT_TRUE(std::isfinite(s->get_paramf(s, pipe_capf(p)))) << p;

   EXPECT_LE(param(PIPE_CAP_MAX_RENDER_TARGETS), PIPE_MAX_COLOR_BUFS);
   EXPECT_LE(param(PIPE_CAP_MAX_DUAL_SOURCE_RENDER_TARGETS), PIPE_MAX_COLOR_BUFS);
   EXPECT_LE(param(PIPE_CAP_MAX_VIEWPORTS), PIPE_MAX_VIEWPORTS);
   EXPECT_GE(param(PIPE_CAP_MAX_VIEWPORTS), 1);
   EXPECT_LE(param(PIPE_CAP_MAX_STREAM_OUTPUT_BUFFERS), PIPE_MAX_SO_BUFFERS);
   EXPECT_LE(param(PIPE_CAP_MAX_VERTEX_STREAMS), PIPE_MAX_VERTEX_STREAMS);
   EXPECT_LE(param(PIPE_CAP_MAX_TEXTURE_2D_SIZE), 1 << (PIPE_MAX_TEXTURE_LEVELS - 1));
   EXPECT_LE(param(PIPE_CAP_MAX_TEXTURE_3D_LEVELS), MAX_TEXTURE_LEVELS);
   EXPECT_LE(param(PIPE_CAP_MAX_TEXTURE_CUBE_LEVELS), MAX_TEXTURE_LEVELS);
   EXPECT_GE(param(PIPE_CAP_MAX_TEXTURE_ARRAY_LAYERS), 0);
   EXPECT_LE(param(PIPE_CAP_MAX_TEXTURE_ARRAY_LAYERS), UINT16_MAX);
   EXPECT_GE(param(PIPE_CAP_MAX_TEXEL_BUFFER_ELEMENTS_UINT), 0);
   EXPECT_LE(param(PIPE_CAP_MAX_COMBINED_SHADER_BUFFERS), MAX_COMBINED_SHADER_STORAGE_BUFFERS);
   EXPECT_LE(param(PIPE_CAP_MAX_COMBINED_HW_ATOMIC_COUNTER_BUFFERS), MAX_COMBINED_ATOMIC_BUFFERS);
   EXPECT_GT(param(PIPE_CAP_MAX_CONSTANT_BUFFER_SIZE_UINT), 0);

   for (unsigned t = 0; t < PIPE_SHADER_TYPES; t++) {
      const auto type = pipe_shader_type(t);
      const auto ask = [&](pipe_shader_cap p) { return s->get_shader_param(s, type, p); };
      for (unsigned p = 0; p <= PIPE_SHADER_CAP_MAX_HW_ATOMIC_COUNTER_BUFFERS; p++)
         EXPECT_GE(ask(pipe_shader_cap(p)), 0) << t << " " << p;
      EXPECT_LE(ask(PIPE_SHADER_CAP_MAX_INPUTS), PIPE_MAX_SHADER_INPUTS);
      EXPECT_LE(ask(PIPE_SHADER_CAP_MAX_OUTPUTS), PIPE_MAX_SHADER_OUTPUTS);
      EXPECT_LE(ask(PIPE_SHADER_CAP_MAX_OUTPUTS), MAX_PROGRAM_OUTPUTS);
      EXPECT_LE(ask(PIPE_SHADER_CAP_MAX_CONST_BUFFERS), PIPE_MAX_CONSTANT_BUFFERS);
      EXPECT_LE(ask(PIPE_SHADER_CAP_MAX_CONST_BUFFERS), MAX_UNIFORM_BUFFERS + 1);
      EXPECT_LE(ask(PIPE_SHADER_CAP_MAX_TEXTURE_SAMPLERS), PIPE_MAX_SAMPLERS);
      EXPECT_LE(ask(PIPE_SHADER_CAP_MAX_SAMPLER_VIEWS), PIPE_MAX_SHADER_SAMPLER_VIEWS);
      EXPECT_LE(ask(PIPE_SHADER_CAP_MAX_SHADER_BUFFERS), MAX_SHADER_STORAGE_BUFFERS);
      EXPECT_LE(ask(PIPE_SHADER_CAP_MAX_SHADER_IMAGES), MAX_IMAGE_UNIFORMS);
      EXPECT_LE(ask(PIPE_SHADER_CAP_MAX_HW_ATOMIC_COUNTER_BUFFERS), PIPE_MAX_HW_ATOMIC_BUFFERS);
   }
   EXPECT_LE(s->get_shader_param(s, PIPE_SHADER_VERTEX, PIPE_SHADER_CAP_MAX_INPUTS),
             PIPE_MAX_ATTRIBS);
   EXPECT_GT(s->get_shader_param(s, PIPE_SHADER_FRAGMENT, PIPE_SHADER_CAP_MAX_TEXTURE_SAMPLERS), 0);

   for (unsigned p = 0; p <= PIPE_COMPUTE_CAP_MAX_VARIABLE_THREADS_PER_BLOCK; p++) {
      uint64_t answer[3];
      const auto cap = pipe_compute_cap(p);
      const int size = s->get_compute_param(s, PIPE_SHADER_IR_NIR, cap, nullptr);
      EXPECT_LE(size, int(sizeof(answer)));
      EXPECT_EQ(size, s->get_compute_param(s, PIPE_SHADER_IR_NIR, cap, answer));
   }
}

} // namespace

TEST(Caps, AreSaneForAnyHost)
{
   ask_everything(*test_screen(proto::Caps()));
   ask_everything(*test_screen(able_caps()));

   std::vector<std::byte> bytes(sizeof(proto::CapsV2), std::byte(0xff));
   ask_everything(*test_screen(proto::Caps::parse(2, bytes)));
   ask_everything(*test_screen(proto::Caps::parse(1, bytes)));
   std::mt19937 random(1);
   for (unsigned round = 0; round < 300; round++) {
      SCOPED_TRACE(round);
      for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
         const uint32_t value = uint32_t(random()) >> random() % 32;
         memcpy(&bytes[i], &value, 4);
      }
      ask_everything(*test_screen(proto::Caps::parse(2, bytes)));
   }
}

TEST(Caps, StagesAreNotTakenForEachOther)
{
   // The protocol and Gallium number the stages differently.
   proto::Caps c = able_caps();
   for (unsigned i = 0; i < 6; i++) {
      c.max_const_buffer_size[i] = 4096 + 4096 * i;
      c.max_atomic_counters[i] = i + 1;
      c.max_atomic_counter_buffers[i] = i + 1;
   }
   const auto screen = test_screen(c);
   pipe_screen *s = &screen->base;
   const auto buffers = [&](pipe_shader_type t) {
      return s->get_shader_param(s, t, PIPE_SHADER_CAP_MAX_HW_ATOMIC_COUNTER_BUFFERS);
   };
   EXPECT_EQ(buffers(PIPE_SHADER_VERTEX), 1);
   EXPECT_EQ(buffers(PIPE_SHADER_FRAGMENT), 2);
   EXPECT_EQ(buffers(PIPE_SHADER_GEOMETRY), 3);
   EXPECT_EQ(buffers(PIPE_SHADER_TESS_CTRL), 4);
   EXPECT_EQ(buffers(PIPE_SHADER_TESS_EVAL), 5);
   EXPECT_EQ(buffers(PIPE_SHADER_COMPUTE), 6);
   EXPECT_EQ(s->get_shader_param(s, PIPE_SHADER_GEOMETRY, PIPE_SHADER_CAP_MAX_CONST_BUFFER0_SIZE),
             4096 * 3);
}

TEST(Caps, AbsentStagesHaveNoInstructions)
{
   proto::Caps c = able_caps();
   c.bset &= ~proto::feature::has_tessellation_shaders;
   c.capability_bits &= ~proto::cap::compute_shader;
   const auto screen = test_screen(c);
   pipe_screen *s = &screen->base;
   for (pipe_shader_type t : {PIPE_SHADER_TESS_CTRL, PIPE_SHADER_TESS_EVAL, PIPE_SHADER_COMPUTE})
      EXPECT_EQ(s->get_shader_param(s, t, PIPE_SHADER_CAP_MAX_INSTRUCTIONS), 0);
   EXPECT_EQ(s->get_param(s, PIPE_CAP_COMPUTE), 0);
   EXPECT_GT(s->get_shader_param(s, PIPE_SHADER_VERTEX, PIPE_SHADER_CAP_MAX_INSTRUCTIONS), 0);
}

TEST(Caps, NamesTellWhoWeAre)
{
   proto::Caps c = able_caps();
   strcpy(c.renderer, "some host");
   const auto screen = test_screen(c);
   EXPECT_STREQ(screen->base.get_vendor(&screen->base), "Verglas");
   EXPECT_STREQ(screen->base.get_name(&screen->base), "virgl (some host)");
}

TEST(Caps, PersistentMapsAreForcedForOneThread)
{
   const auto screen = test_screen(able_caps());
   pipe_screen *s = &screen->base;
   EXPECT_EQ(s->get_param(s, PIPE_CAP_BUFFER_MAP_PERSISTENT_COHERENT), 0);
   force_persistent_maps = true;
   EXPECT_EQ(s->get_param(s, PIPE_CAP_BUFFER_MAP_PERSISTENT_COHERENT), 1);
   force_persistent_maps = false;
   EXPECT_EQ(s->get_param(s, PIPE_CAP_BUFFER_MAP_PERSISTENT_COHERENT), 0);
}

TEST(Caps, OldHostsHadThingsWithoutSayingSo)
{
   proto::Caps c = able_caps();
   c.capability_bits &= ~(proto::cap::srgb_write_control | proto::cap::fbo_mixed_color_formats);
   auto screen = test_screen(c);
   EXPECT_EQ(screen->base.get_param(&screen->base, PIPE_CAP_DEST_SURFACE_SRGB_CONTROL), 0);
   EXPECT_EQ(screen->base.get_param(&screen->base, PIPE_CAP_GLSL_FEATURE_LEVEL_COMPATIBILITY), 430);
   c.host_feature_check_version = 0;
   screen = test_screen(c);
   EXPECT_EQ(screen->base.get_param(&screen->base, PIPE_CAP_DEST_SURFACE_SRGB_CONTROL), 1);
   EXPECT_EQ(screen->base.get_param(&screen->base, PIPE_CAP_MIXED_COLORBUFFER_FORMATS), 1);
   EXPECT_EQ(screen->base.get_param(&screen->base, PIPE_CAP_GLSL_FEATURE_LEVEL_COMPATIBILITY), 140);
}

TEST(Caps, ShaderExtensionsFollowTheHostsLanguage)
{
   proto::Caps c = able_caps();
   const auto ask = [&](pipe_cap p) {
      const auto screen = test_screen(c);
      return screen->base.get_param(&screen->base, p);
   };
   for (pipe_cap p : {PIPE_CAP_INT64, PIPE_CAP_INT64_DIVMOD, PIPE_CAP_SHADER_GROUP_VOTE,
                      PIPE_CAP_SHADER_BALLOT, PIPE_CAP_GL_SPIRV})
      EXPECT_EQ(ask(p), 1) << p;
   c.glsl_level = 150;
   EXPECT_EQ(ask(PIPE_CAP_SHADER_GROUP_VOTE), 1);
   for (pipe_cap p : {PIPE_CAP_INT64, PIPE_CAP_INT64_DIVMOD, PIPE_CAP_SHADER_BALLOT,
                      PIPE_CAP_GL_SPIRV})
      EXPECT_EQ(ask(p), 0) << p;
   c.glsl_level = 120; // no integers
   EXPECT_EQ(ask(PIPE_CAP_SHADER_GROUP_VOTE), 0);
}

TEST(Caps, AllBuffersAreFetchedWhereTheHostFetches)
{
   proto::Caps c = able_caps();
   auto screen = test_screen(c);
   EXPECT_EQ(screen->base.get_param(&screen->base, PIPE_CAP_FBFETCH), 8);
   EXPECT_EQ(screen->base.get_param(&screen->base, PIPE_CAP_FBFETCH_COHERENT), 1);
   c.capability_bits &= ~proto::cap::tgsi_fbfetch;
   screen = test_screen(c);
   EXPECT_EQ(screen->base.get_param(&screen->base, PIPE_CAP_FBFETCH), 0);
   EXPECT_EQ(screen->base.get_param(&screen->base, PIPE_CAP_FBFETCH_COHERENT), 0);
}

TEST(Caps, CompilerOptionsLiveWithTheirScreen)
{
   const auto one = test_screen(able_caps()), two = test_screen(able_caps());
   const auto options = [](Screen &s, pipe_shader_type stage) {
      return s.base.get_compiler_options(&s.base, PIPE_SHADER_IR_NIR, stage);
   };
   EXPECT_NE(options(*one, PIPE_SHADER_VERTEX), nullptr);
   EXPECT_EQ(options(*one, PIPE_SHADER_VERTEX), options(*one, PIPE_SHADER_COMPUTE));
   EXPECT_NE(options(*one, PIPE_SHADER_VERTEX), options(*two, PIPE_SHADER_VERTEX));
   EXPECT_EQ(one->base.get_compiler_options(&one->base, PIPE_SHADER_IR_TGSI, PIPE_SHADER_VERTEX),
             nullptr);
}
