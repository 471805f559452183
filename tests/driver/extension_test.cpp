// SPDX-License-Identifier: MIT
// What the driver sends for extensions that only some hosts have, on the fake virtio-gpu device.
#include <cstdint>
#include <vector>

#include "tgsi/tgsi_text.h"

#include "device_session.hpp"

#include <gtest/gtest.h>

using namespace virgl;
using namespace virgl::test;

TEST(Extensions, BarriersOfBlendingNeedNoTextureBarrier)
{
   {
      Session s(caps_without(proto::cap::texture_barrier));
      s->texture_barrier(s.context(), PIPE_TEXTURE_BARRIER_FRAMEBUFFER);
      s->texture_barrier(s.context(), PIPE_TEXTURE_BARRIER_SAMPLER);
      const auto sent = s.sent<proto::TextureBarrier>();
      ASSERT_EQ(sent.size(), 1u);
      EXPECT_EQ(sent[0].flags, uint32_t(PIPE_TEXTURE_BARRIER_FRAMEBUFFER));
   }
   Session s(caps_without(proto::cap::texture_barrier, proto::cap2::blend_equation));
   s->texture_barrier(s.context(), PIPE_TEXTURE_BARRIER_FRAMEBUFFER);
   EXPECT_EQ(s.sent<proto::TextureBarrier>().size(), 0u);
}

TEST(Extensions, AdvancedEquationsGoWhereTheHostLooksForThem)
{
   pipe_blend_state blend = {};
   blend.rt[0].colormask = PIPE_MASK_RGBA;
   blend.advanced_blend_func = 7;
   const auto factor_sent = [&](const proto::Caps &caps) {
      Session s(caps);
      s.draw(blend);
      const auto sent = s.sent<proto::CreateBlend>();
      EXPECT_EQ(sent.size(), 1u);
      return sent.empty() ? ~0u : uint32_t(sent[0].rt[0].alpha_src_factor);
   };
   EXPECT_EQ(factor_sent(caps_without(proto::cap::tgsi_fbfetch)), 7u);
   // The shader blends, or there is nobody who could.
   EXPECT_EQ(factor_sent(caps_without(0)), 0u);
   EXPECT_EQ(factor_sent(caps_without(proto::cap::tgsi_fbfetch, proto::cap2::blend_equation)), 0u);
}

TEST(Extensions, DrawsAreNumbered)
{
   Session s(caps_without(0));
   pipe_blend_state blend = {};
   s.draw(blend);
   const auto sent = s.sent<proto::DrawVbo>();
   ASSERT_EQ(sent.size(), 2u);
   ASSERT_TRUE(sent[0].tess && sent[1].tess);
   EXPECT_EQ(sent[0].tess->drawid, 3u);
   EXPECT_EQ(sent[1].tess->drawid, 4u);
}

TEST(Extensions, StatisticsAreAskedForOneByOne)
{
   Session s(caps_without(0));
   ASSERT_EQ(s.screen()->get_param(s.screen(), PIPE_CAP_QUERY_PIPELINE_STATISTICS_SINGLE), 1);
   pipe_query *q = s->create_query(s.context(), PIPE_QUERY_PIPELINE_STATISTICS_SINGLE,
                                   PIPE_STAT_QUERY_HS_INVOCATIONS);
   ASSERT_NE(q, nullptr);
   s->begin_query(s.context(), q);
   s->end_query(s.context(), q);
   const auto sent = s.sent<proto::CreateQuery>();
   ASSERT_EQ(sent.size(), 1u);
   EXPECT_EQ(sent[0].type, proto::QueryType::pipeline_statistics);
   EXPECT_EQ(sent[0].index, uint32_t(proto::PipelineStatistic::hs_invocations));
   s->destroy_query(s.context(), q);
}

TEST(Extensions, AreNotOfferedByHostsWithoutTheirBits)
{
   Session able(caps_without(0)), plain(caps_without(0, ~0u));
   const auto ask = [](Session &s, pipe_cap p) { return s.screen()->get_param(s.screen(), p); };
   for (pipe_cap p : {PIPE_CAP_VS_LAYER_VIEWPORT, PIPE_CAP_DRAW_PARAMETERS,
                      PIPE_CAP_QUERY_PIPELINE_STATISTICS_SINGLE, PIPE_CAP_BLEND_EQUATION_ADVANCED}) {
      EXPECT_EQ(ask(able, p), 1) << p;
      EXPECT_EQ(ask(plain, p), 0) << p;
   }
   // Groups of one need no host.
   EXPECT_EQ(ask(plain, PIPE_CAP_SHADER_GROUP_VOTE), 1);
}

TEST(Extensions, CapturedOutputsGoInTheOrderOfTheirBuffers)
{
   Session s(caps_without(0));
   std::vector<tgsi_token> tokens(256);
   ASSERT_TRUE(tgsi_text_translate("VERT\nDCL OUT[0], POSITION\nDCL OUT[1], GENERIC\n"
                                   "DCL OUT[2], GENERIC[1]\nIMM[0] FLT32 {1, 2, 3, 4}\n"
                                   "MOV OUT[0], IMM[0]\nMOV OUT[1], IMM[0]\nMOV OUT[2], IMM[0]\n"
                                   "END\n",
                                   tokens.data(), unsigned(tokens.size())));
   pipe_shader_state state = {};
   state.type = PIPE_SHADER_IR_TGSI;
   state.tokens = tokens.data();
   pipe_stream_output_info &so = state.stream_output;
   so.num_outputs = 4;
   so.stride[0] = so.stride[1] = 8;
   for (unsigned i = 0; i < 4; i++) { // buffers 1, 0, 1, 0; offsets 4, 4, 0, 0
      so.output[i].register_index = 1 + i / 2;
      so.output[i].num_components = 4;
      so.output[i].output_buffer = 1 - i % 2;
      so.output[i].dst_offset = i < 2 ? 4 : 0;
   }
   void *const vs = s->create_vs_state(s.context(), &state);
   void *handles[PIPE_SHADER_TYPES] = {};
   handles[PIPE_SHADER_VERTEX] = vs;
   s->link_shader(s.context(), handles);
   const auto sent = s.sent<proto::CreateShader>();
   ASSERT_EQ(sent.size(), 1u);
   ASSERT_EQ(sent[0].stream_outputs.size(), 4u);
   for (unsigned i = 0; i < 4; i++) {
      const proto::StreamOutput &output = sent[0].stream_outputs[i];
      EXPECT_EQ(uint32_t(output.output_buffer), i / 2) << i;
      EXPECT_EQ(uint32_t(output.dst_offset), i % 2 ? 4u : 0u) << i;
      EXPECT_EQ(uint32_t(output.register_index), i % 2 ? 1u : 2u) << i;
   }
   s->delete_vs_state(s.context(), vs);
}
