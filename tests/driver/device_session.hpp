// SPDX-License-Identifier: MIT
// A context of the driver on the fake virtio-gpu device, and what it sends.
#pragma once

#include <cstdlib>
#include <type_traits>
#include <vector>

#include "pipe/p_context.h"
#include "pipe/p_screen.h"
#include "pipe/p_state.h"
#include "util/u_simple_shaders.h"

#include "gallium/drivers/virgl/screen.hpp"
#include "protocol/decoder.hpp"
#include "protocol/stream.hpp"

#include "drm_test.hpp"

namespace virgl::test {

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

// Of 4x4 texels, R8G8B8A8_UNORM, to be sampled or bound as an image. The caller owns it.
inline pipe_resource *small_texture(pipe_screen *screen)
{
   pipe_resource t = {};
   t.target = PIPE_TEXTURE_2D;
   t.format = PIPE_FORMAT_R8G8B8A8_UNORM;
   t.bind = PIPE_BIND_SAMPLER_VIEW | PIPE_BIND_SHADER_IMAGE;
   t.width0 = t.height0 = 4;
   t.depth0 = t.array_size = 1;
   return screen->resource_create(screen, &t);
}

inline proto::Caps caps_without(uint32_t cap, uint32_t cap2 = 0)
{
   proto::Caps c = VirtgpuOptions::able_host();
   c.capability_bits &= ~cap;
   c.capability_bits_v2 = ~cap2;
   return c;
}

} // namespace virgl::test
