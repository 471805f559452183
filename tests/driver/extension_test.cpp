// SPDX-License-Identifier: MIT
// What the driver sends for extensions that only some hosts have, on the fake virtio-gpu device.
#include <cstdint>
#include <cstdlib>
#include <type_traits>
#include <vector>

#include "pipe/p_context.h"
#include "pipe/p_screen.h"
#include "pipe/p_state.h"
#include "tgsi/tgsi_text.h"
#include "util/u_simple_shaders.h"

#include "gallium/drivers/virgl/screen.hpp"
#include "protocol/decoder.hpp"
#include "protocol/stream.hpp"

#include "drm_test.hpp"

#include <gtest/gtest.h>

using namespace virgl;
using namespace virgl::test;

namespace {

// A context on a host with such capabilities, and what it has sent.
class Session {
public:
   explicit Session(const proto::Caps &caps) : gpu_(options(caps))
   {
      setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
      screen_ = screen_create(drm::connect(gpu_.open(), drm_options({})), nullptr);
      ctx_ = screen_->context_create(screen_, nullptr, 0);
      gpu_.keep_streams(true);
   }
   Session(const Session &) = delete;
   ~Session()
   {
      ctx_->destroy(ctx_);
      screen_->destroy(screen_);
      for (const std::string &complaint : gpu_.take_complaints())
         ADD_FAILURE() << complaint; // what the capset forbids is one
   }

   pipe_screen *screen() { return screen_; }
   pipe_context *operator->() { return ctx_; }
   pipe_context *context() { return ctx_; }

   // The packets of a kind since the last call.
   template <typename Packet> std::vector<Packet> sent()
   {
      ctx_->flush(ctx_, nullptr, 0);
      streams_ = gpu_.take_streams();
      std::vector<Packet> found;
      for (const std::vector<uint32_t> &stream : streams_) {
         proto::CommandReader reader(stream);
         for (proto::Command command; reader.next(command);) {
            proto::visit(command, arena_, [&](const auto &packet) {
               if constexpr (std::is_same_v<std::decay_t<decltype(packet)>, Packet>)
                  found.push_back(packet);
            });
         }
      }
      return found;
   }

   // A point, with colour 0 from the vertex.
   void draw(const pipe_blend_state &state)
   {
      const enum tgsi_semantic names[] = {TGSI_SEMANTIC_POSITION, TGSI_SEMANTIC_GENERIC};
      const uint indices[] = {0, 0};
      const pipe_rasterizer_state rasterizer_state = {};
      const pipe_depth_stencil_alpha_state dsa_state = {};
      pipe_vertex_element elements[2] = {};
      elements[0].src_format = elements[1].src_format = PIPE_FORMAT_R32G32B32A32_FLOAT;
      void *const blend = ctx_->create_blend_state(ctx_, &state);
      void *const rasterizer = ctx_->create_rasterizer_state(ctx_, &rasterizer_state);
      void *const dsa = ctx_->create_depth_stencil_alpha_state(ctx_, &dsa_state);
      void *const vs = util_make_vertex_passthrough_shader(ctx_, 2, names, indices, false);
      void *const fs = util_make_fragment_passthrough_shader(
         ctx_, TGSI_SEMANTIC_GENERIC, TGSI_INTERPOLATE_PERSPECTIVE, true);
      void *const layout = ctx_->create_vertex_elements_state(ctx_, 2, elements);
      ctx_->bind_blend_state(ctx_, blend);
      ctx_->bind_rasterizer_state(ctx_, rasterizer);
      ctx_->bind_depth_stencil_alpha_state(ctx_, dsa);
      ctx_->bind_vs_state(ctx_, vs);
      ctx_->bind_fs_state(ctx_, fs);
      ctx_->bind_vertex_elements_state(ctx_, layout);
      pipe_draw_info info = {};
      info.mode = PIPE_PRIM_POINTS;
      info.instance_count = 1;
      info.max_index = ~0u;
      info.increment_draw_id = true;
      const pipe_draw_start_count_bias ranges[] = {{0, 1, 0}, {1, 1, 0}};
      ctx_->draw_vbo(ctx_, &info, 3, nullptr, ranges, 2);
      ctx_->bind_vertex_elements_state(ctx_, nullptr);
      ctx_->bind_blend_state(ctx_, nullptr);
      ctx_->bind_rasterizer_state(ctx_, nullptr);
      ctx_->bind_depth_stencil_alpha_state(ctx_, nullptr);
      ctx_->bind_vs_state(ctx_, nullptr);
      ctx_->bind_fs_state(ctx_, nullptr);
      ctx_->delete_blend_state(ctx_, blend);
      ctx_->delete_rasterizer_state(ctx_, rasterizer);
      ctx_->delete_depth_stencil_alpha_state(ctx_, dsa);
      ctx_->delete_vs_state(ctx_, vs);
      ctx_->delete_fs_state(ctx_, fs);
      ctx_->delete_vertex_elements_state(ctx_, layout);
   }

private:
   static VirtgpuOptions options(const proto::Caps &caps)
   {
      VirtgpuOptions o;
      o.caps = caps;
      return o;
   }

   FakeVirtgpu gpu_;
   proto::Arena arena_;
   std::vector<std::vector<uint32_t>> streams_; // which packets may point into
   pipe_screen *screen_ = nullptr;
   pipe_context *ctx_ = nullptr;
};

proto::Caps caps_without(uint32_t cap, uint32_t cap2 = 0)
{
   proto::Caps c = VirtgpuOptions::able_host();
   c.capability_bits &= ~cap;
   c.capability_bits_v2 = ~cap2;
   return c;
}

} // namespace

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
