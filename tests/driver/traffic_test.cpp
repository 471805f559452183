// SPDX-License-Identifier: MIT
// What the driver leaves out of the stream, or says in fewer commands. That pictures stay the same is for
// the scenes of tests/render/traffic.cpp.
#include <algorithm>
#include <array>
#include <numeric>
#include <string>

#include "tgsi/tgsi_text.h"
#include "util/u_inlines.h"

#include "device_session.hpp"

#include <gtest/gtest.h>

using namespace virgl;
using namespace virgl::test;

namespace {

void *shader(Session &s, pipe_shader_type stage, const std::string &text)
{
   std::vector<tgsi_token> tokens(4096);
   EXPECT_TRUE(tgsi_text_translate(text.c_str(), tokens.data(), unsigned(tokens.size()))) << text;
   pipe_shader_state state = {};
   state.type = PIPE_SHADER_IR_TGSI;
   state.tokens = tokens.data();
   return stage == PIPE_SHADER_VERTEX ? s->create_vs_state(s.context(), &state)
                                      : s->create_fs_state(s.context(), &state);
}

const std::string plain_vertex = "VERT\nDCL IN[0]\nDCL OUT[0], POSITION\nMOV OUT[0], IN[0]\nEND\n";
const std::string plain_fragment = "FRAG\nDCL OUT[0], COLOR\nIMM[0] FLT32 {1, 1, 1, 1}\n"
                                   "MOV OUT[0], IMM[0]\nEND\n";

// A program with state of its own, bound as long as it lives.
class Bound {
public:
   Bound(Session &s, const std::string &vertex, const std::string &fragment) : s_(s)
   {
      const pipe_rasterizer_state rasterizer = {};
      const pipe_depth_stencil_alpha_state dsa = {};
      const pipe_blend_state blend = {};
      pipe_vertex_element element = {};
      element.src_format = PIPE_FORMAT_R32G32B32A32_FLOAT;
      pipe_context *const c = s.context();
      vs_ = shader(s, PIPE_SHADER_VERTEX, vertex);
      fs_ = shader(s, PIPE_SHADER_FRAGMENT, fragment);
      layout_ = c->create_vertex_elements_state(c, 1, &element);
      rasterizer_ = c->create_rasterizer_state(c, &rasterizer);
      dsa_ = c->create_depth_stencil_alpha_state(c, &dsa);
      blend_ = c->create_blend_state(c, &blend);
      c->bind_vs_state(c, vs_);
      c->bind_fs_state(c, fs_);
      c->bind_vertex_elements_state(c, layout_);
      c->bind_rasterizer_state(c, rasterizer_);
      c->bind_depth_stencil_alpha_state(c, dsa_);
      c->bind_blend_state(c, blend_);
   }
   Bound(const Bound &) = delete;
   ~Bound()
   {
      pipe_context *const c = s_.context();
      c->bind_vs_state(c, nullptr);
      c->bind_fs_state(c, nullptr);
      c->bind_vertex_elements_state(c, nullptr);
      c->bind_rasterizer_state(c, nullptr);
      c->bind_depth_stencil_alpha_state(c, nullptr);
      c->bind_blend_state(c, nullptr);
      c->delete_vs_state(c, vs_);
      c->delete_fs_state(c, fs_);
      c->delete_vertex_elements_state(c, layout_);
      c->delete_rasterizer_state(c, rasterizer_);
      c->delete_depth_stencil_alpha_state(c, dsa_);
      c->delete_blend_state(c, blend_);
   }

   void draw(unsigned count = 1, bool numbered = false)
   {
      pipe_draw_info info = {};
      info.mode = PIPE_PRIM_TRIANGLES;
      info.instance_count = 1;
      info.max_index = ~0u;
      info.increment_draw_id = numbered;
      std::vector<pipe_draw_start_count_bias> draws(count);
      for (unsigned i = 0; i < count; i++)
         draws[i] = {3 * i, 3, 0};
      s_->draw_vbo(s_.context(), &info, 0, nullptr, draws.data(), count);
   }

private:
   Session &s_;
   void *vs_, *fs_, *layout_, *rasterizer_, *dsa_, *blend_;
};

pipe_resource *texture(Session &s)
{
   return small_texture(s.screen());
}

void set_constants(Session &s, std::vector<uint32_t> &data, size_t count)
{
   pipe_constant_buffer cb = {};
   cb.buffer_size = unsigned(count * 4);
   cb.user_buffer = data.data();
   s->set_constant_buffer(s.context(), PIPE_SHADER_FRAGMENT, 0, false, &cb);
}

// The lengths of the constants that each of some changes sends, on a host of this version.
std::vector<size_t> constants_sent(uint32_t host_version)
{
   proto::Caps caps = caps_without(0);
   caps.host_feature_check_version = host_version;
   Session s(caps);
   std::vector<size_t> lengths;
   {
      Bound bound(s, plain_vertex, plain_fragment);
      std::vector<uint32_t> data(200);
      std::iota(data.begin(), data.end(), 1u);
      const auto send = [&](size_t count) {
         set_constants(s, data, count);
         bound.draw();
         size_t sent = 0;
         for (const proto::SetConstantBuffer &packet : s.sent<proto::SetConstantBuffer>()) {
            sent += packet.data.size();
            EXPECT_TRUE(std::equal(packet.data.begin(), packet.data.end(), data.begin()));
         }
         lengths.push_back(sent);
      };
      send(100);
      data[5] = 0;
      send(100);
      data[99] = 0;
      send(100);
      send(100); // as they were
      send(8);   // another program's, which are the same
      data[2] = 0;
      send(8);
      send(100); // the end is still there
      send(200);
      s->set_constant_buffer(s.context(), PIPE_SHADER_FRAGMENT, 0, false, nullptr);
   }
   return lengths;
}

} // namespace

TEST(Traffic, ConstantsUpToTheLastThatChanged)
{
   EXPECT_EQ(constants_sent(15), (std::vector<size_t>{100, 6, 100, 0, 0, 3, 0, 200}));
   // Such a host takes an array for as long as it was sent last.
   EXPECT_EQ(constants_sent(0), (std::vector<size_t>{100, 100, 100, 0, 8, 8, 100, 200}));
}

TEST(Traffic, ManyDrawsAreOneCommand)
{
   Session s(caps_without(0));
   Bound bound(s, plain_vertex, plain_fragment);
   bound.draw(20);
   auto sent = s.sent<proto::DrawVbo>();
   ASSERT_EQ(sent.size(), 1u);
   ASSERT_TRUE(sent[0].indirect);
   EXPECT_EQ(sent[0].indirect->draw_count, 20u);
   EXPECT_EQ(sent[0].indirect->stride, 16u);
   EXPECT_EQ(sent[0].count_from_so, 0u);
   bound.draw(3000);
   sent = s.sent<proto::DrawVbo>();
   uint32_t draws = 0;
   for (const proto::DrawVbo &draw : sent)
      draws += draw.indirect ? draw.indirect->draw_count : 1;
   EXPECT_EQ(draws, 3000u);
   EXPECT_LE(sent.size(), 4u);
   bound.draw(3); // not worth an upload
   sent = s.sent<proto::DrawVbo>();
   ASSERT_EQ(sent.size(), 3u);
   EXPECT_FALSE(sent[0].indirect);
   EXPECT_EQ(sent[2].start, 6u);
}

TEST(Traffic, NumberedDrawsStayAlone)
{
   {
      Session s(caps_without(0));
      Bound bound(s, "VERT\nDCL IN[0]\nDCL SV[0], DRAWID\nDCL OUT[0], POSITION\n"
                     "MOV OUT[0], SV[0].xxxx\nEND\n",
                  plain_fragment);
      bound.draw(20, true);
      EXPECT_EQ(s.sent<proto::DrawVbo>().size(), 20u);
   }
   Session s(caps_without(proto::cap::multi_draw_indirect));
   Bound bound(s, plain_vertex, plain_fragment);
   bound.draw(20);
   EXPECT_EQ(s.sent<proto::DrawVbo>().size(), 20u);
}

TEST(Traffic, ImagesThatChanged)
{
   Session s(caps_without(0));
   std::string fragment = "FRAG\nDCL OUT[0], COLOR\n";
   for (int i = 0; i < 4; i++)
      fragment += "DCL IMAGE[" + std::to_string(i) + "], 2D, PIPE_FORMAT_R8G8B8A8_UNORM\n";
   fragment += "DCL TEMP[0]\nIMM[0] UINT32 {0, 0, 0, 0}\n";
   for (int i = 0; i < 4; i++)
      fragment += "LOAD TEMP[0], IMAGE[" + std::to_string(i) +
                  "], IMM[0], 2D, PIPE_FORMAT_R8G8B8A8_UNORM\n";
   std::array<pipe_resource *, 5> textures;
   for (pipe_resource *&t : textures)
      t = texture(s);
   {
      Bound bound(s, plain_vertex, fragment + "MOV OUT[0], TEMP[0]\nEND\n");
      std::array<pipe_image_view, 4> views = {};
      for (size_t i = 0; i < views.size(); i++) {
         views[i].resource = textures[i];
         views[i].format = PIPE_FORMAT_R8G8B8A8_UNORM;
         views[i].access = views[i].shader_access = PIPE_IMAGE_ACCESS_READ;
      }
      // As Mesa does: all of them, each time.
      const auto draw = [&] {
         s->set_shader_images(s.context(), PIPE_SHADER_FRAGMENT, 0, 4, 0, views.data());
         bound.draw();
         return s.sent<proto::SetShaderImages>();
      };
      auto sent = draw();
      ASSERT_EQ(sent.size(), 1u);
      EXPECT_EQ(sent[0].images.size(), 4u);
      EXPECT_EQ(draw().size(), 0u);
      views[2].resource = textures[4];
      sent = draw();
      ASSERT_EQ(sent.size(), 1u);
      EXPECT_EQ(sent[0].start_slot, 2u);
      EXPECT_EQ(sent[0].images.size(), 1u);
      views[0].access = views[0].shader_access = PIPE_IMAGE_ACCESS_READ_WRITE;
      views[1].resource = nullptr;
      sent = draw();
      ASSERT_EQ(sent.size(), 1u);
      EXPECT_EQ(sent[0].start_slot, 0u);
      ASSERT_EQ(sent[0].images.size(), 2u);
      EXPECT_EQ(sent[0].images[1].resource, proto::ResourceHandle::none);
      s->set_shader_images(s.context(), PIPE_SHADER_FRAGMENT, 0, 0, 4, nullptr);
   }
   for (pipe_resource *&t : textures)
      pipe_resource_reference(&t, nullptr);
}

TEST(Traffic, OneSamplerRestoresTheActiveUnit)
{
   Session s(caps_without(0));
   std::string fragment = "FRAG\nDCL OUT[0], COLOR\nDCL TEMP[0]\nIMM[0] FLT32 {0, 0, 0, 0}\n";
   for (int i = 0; i < 8; i++)
      fragment += "DCL SAMP[" + std::to_string(i) + "]\nDCL SVIEW[" + std::to_string(i) +
                  "], 2D, FLOAT\n";
   for (int i = 0; i < 8; i++)
      fragment += "TEX TEMP[0], IMM[0], SAMP[" + std::to_string(i) + "], 2D\n";
   std::array<pipe_resource *, 9> textures;
   std::array<pipe_sampler_view *, 9> views;
   for (size_t i = 0; i < textures.size(); i++) {
      textures[i] = texture(s);
      pipe_sampler_view templ = {};
      templ.target = PIPE_TEXTURE_2D;
      templ.format = PIPE_FORMAT_R8G8B8A8_UNORM;
      templ.swizzle_r = PIPE_SWIZZLE_X;
      templ.swizzle_g = PIPE_SWIZZLE_Y;
      templ.swizzle_b = PIPE_SWIZZLE_Z;
      templ.swizzle_a = PIPE_SWIZZLE_W;
      views[i] = s->create_sampler_view(s.context(), textures[i], &templ);
   }
   {
      Bound bound(s, plain_vertex, fragment + "MOV OUT[0], TEMP[0]\nEND\n");
      std::array<pipe_sampler_view *, 8> now;
      std::copy_n(views.begin(), 8, now.begin());
      const auto set = [&] {
         s->set_sampler_views(s.context(), PIPE_SHADER_FRAGMENT, 0, 8, 0, false, now.data());
         bound.draw();
      };
      std::swap(now[0], views[8]);
      set(); // makes the ninth view known
      std::swap(now[0], views[8]);
      set();
      s.sent<proto::BindSamplerStates>();
      set(); // a new batch: all slots
      std::swap(now[0], views[8]);
      set(); // slot 0, while slot 7 was bound last
      std::swap(now[7], now[0]);
      set(); // slots 0 and 7
      const auto sent = s.sent<proto::BindSamplerStates>();
      ASSERT_EQ(sent.size(), 2u);
      EXPECT_EQ(sent[0].states.size(), 8u);
      EXPECT_EQ(sent[1].start_slot, 7u);
      EXPECT_EQ(sent[1].states.size(), 1u);
      s->set_sampler_views(s.context(), PIPE_SHADER_FRAGMENT, 0, 0, 8, false, nullptr);
      // What was swapped belongs to the array again.
      std::copy_n(now.begin(), 8, views.begin());
   }
   std::sort(views.begin(), views.end());
   for (auto end = std::unique(views.begin(), views.end()), v = views.begin(); v != end; ++v)
      pipe_sampler_view_reference(&*v, nullptr);
   for (pipe_resource *&t : textures)
      pipe_resource_reference(&t, nullptr);
}

// What a shader reads of a buffer texture without a buffer is undefined, so the host need not be told.
TEST(Traffic, ViewsOfBuffersStayWhereNoneIsBound)
{
   Session s(caps_without(0));
   pipe_context *const c = s.context();
   const auto fragment = [](const char *target) {
      return std::string("FRAG\nDCL OUT[0], COLOR\nDCL TEMP[0]\nIMM[0] UINT32 {0, 0, 0, 0}\nDCL SAMP[0]\n"
                         "DCL SVIEW[0], ") + target + ", FLOAT\nTXF TEMP[0], IMM[0], SAMP[0], " +
             target + "\nMOV OUT[0], TEMP[0]\nEND\n";
   };
   pipe_resource *buffer = pipe_buffer_create(s.screen(), PIPE_BIND_SAMPLER_VIEW, PIPE_USAGE_DEFAULT, 8192);
   pipe_sampler_view templ = {};
   templ.target = PIPE_BUFFER;
   templ.format = PIPE_FORMAT_R32_FLOAT;
   templ.u.buf.size = 8192;
   pipe_sampler_view *view = c->create_sampler_view(c, buffer, &templ);
   // The views that a draw has the host told of, and the object that it gets for slot 0.
   proto::ObjectHandle first{};
   const auto told = [&](Bound &bound, pipe_sampler_view *now) {
      c->set_sampler_views(c, PIPE_SHADER_FRAGMENT, 0, now ? 1 : 0, now ? 0 : 1, false, &now);
      bound.draw();
      const auto sent = s.sent<proto::SetSamplerViews>();
      if (!sent.empty() && !sent[0].views.empty())
         first = sent[0].views[0];
      return sent.size();
   };
   {
      Bound of_buffer(s, plain_vertex, fragment("BUFFER"));
      EXPECT_EQ(told(of_buffer, view), 1u);
      const proto::ObjectHandle of_view = first;
      EXPECT_EQ(told(of_buffer, nullptr), 0u);
      EXPECT_EQ(told(of_buffer, view), 0u);
      EXPECT_EQ(told(of_buffer, nullptr), 0u);
      // Another kind of texture in the same slot would be read as a black one.
      Bound of_texture(s, plain_vertex, fragment("2D"));
      EXPECT_EQ(told(of_texture, nullptr), 1u);
      EXPECT_NE(first, of_view);
      EXPECT_EQ(told(of_texture, view), 1u);
      EXPECT_EQ(first, of_view);
   }
   {
      Bound of_buffer(s, plain_vertex, fragment("BUFFER"));
      EXPECT_EQ(told(of_buffer, view), 0u);
      EXPECT_EQ(told(of_buffer, nullptr), 0u);
      // Who drops the view gets the memory back, in the next batch at the latest.
      pipe_sampler_view_reference(&view, nullptr);
      EXPECT_EQ(told(of_buffer, nullptr), 1u);
      EXPECT_EQ(buffer->reference.count, 1);
      EXPECT_EQ(told(of_buffer, nullptr), 0u);
   }
   pipe_resource_reference(&buffer, nullptr);
}
