// SPDX-License-Identifier: MIT
// Small buffers, which share slabs on the host: what draws read, what it costs, and when a buffer gets a
// resource of its own.
#include <cstring>

#include "pipe/p_context.h"
#include "pipe/p_screen.h"
#include "tgsi/tgsi_ureg.h"
#include "util/u_box.h"
#include "util/u_inlines.h"
#include "util/u_simple_shaders.h"

#include "gallium/drivers/virgl/screen.hpp"
#include "protocol/decoder.hpp"
#include "protocol/stream.hpp"

#include "drm_test.hpp"

using namespace virgl;
using namespace virgl::test;

namespace {

struct Buffer {
   Buffer(pipe_screen *s, uint32_t size, unsigned bind)
   {
      pipe_resource t = {};
      t.target = PIPE_BUFFER;
      t.format = PIPE_FORMAT_R8_UNORM;
      t.bind = bind;
      t.width0 = size;
      t.height0 = t.depth0 = t.array_size = 1;
      r = s->resource_create(s, &t);
   }
   Buffer(const Buffer &) = delete;
   ~Buffer() { pipe_resource_reference(&r, nullptr); }
   operator pipe_resource *() const { return r; }
   pipe_resource *r = nullptr;
};

// One context that draws points with a uniform buffer in slot 1.
class Drawer {
public:
   explicit Drawer(pipe_screen *s, bool threaded = false)
       : c(s->context_create(s, nullptr, threaded ? PIPE_CONTEXT_PREFER_THREADED : 0))
   {
      const enum tgsi_semantic name = TGSI_SEMANTIC_POSITION;
      const uint index = 0;
      const pipe_rasterizer_state rasterizer_state = {};
      const pipe_depth_stencil_alpha_state dsa_state = {};
      const pipe_blend_state blend_state = {};
      pipe_vertex_element element = {};
      element.src_format = PIPE_FORMAT_R32G32B32A32_FLOAT;
      c->bind_blend_state(c, blend_ = c->create_blend_state(c, &blend_state));
      c->bind_rasterizer_state(c, rasterizer_ = c->create_rasterizer_state(c, &rasterizer_state));
      c->bind_depth_stencil_alpha_state(c, dsa_ = c->create_depth_stencil_alpha_state(c, &dsa_state));
      c->bind_vs_state(c, vs_ = util_make_vertex_passthrough_shader(c, 1, &name, &index, false));
      c->bind_fs_state(c, fs_ = util_make_empty_fragment_shader(c));
      c->bind_vertex_elements_state(c, layout_ = c->create_vertex_elements_state(c, 1, &element));
   }
   ~Drawer()
   {
      bind(nullptr, 0);
      c->bind_blend_state(c, nullptr);
      c->bind_rasterizer_state(c, nullptr);
      c->bind_depth_stencil_alpha_state(c, nullptr);
      c->bind_vs_state(c, nullptr);
      c->bind_fs_state(c, nullptr);
      c->bind_vertex_elements_state(c, nullptr);
      c->delete_blend_state(c, blend_);
      c->delete_rasterizer_state(c, rasterizer_);
      c->delete_depth_stencil_alpha_state(c, dsa_);
      c->delete_vs_state(c, vs_);
      c->delete_fs_state(c, fs_);
      c->delete_vertex_elements_state(c, layout_);
      c->destroy(c);
   }

   void bind(pipe_resource *uniforms, uint32_t size)
   {
      const pipe_constant_buffer cb = {.buffer = uniforms, .buffer_offset = 0, .buffer_size = size};
      c->set_constant_buffer(c, PIPE_SHADER_FRAGMENT, 1, false, uniforms ? &cb : nullptr);
   }
   void write(pipe_resource *r, uint32_t offset, std::span<const std::byte> data)
   {
      c->buffer_subdata(c, r, PIPE_MAP_WRITE, offset, unsigned(data.size()), data.data());
   }
   void draw()
   {
      pipe_draw_info info = {};
      info.mode = PIPE_PRIM_POINTS;
      info.instance_count = 1;
      info.max_index = ~0u;
      const pipe_draw_start_count_bias range = {0, 1, 0};
      c->draw_vbo(c, &info, 0, nullptr, &range, 1);
   }
   void copy(pipe_resource *to, unsigned at, pipe_resource *from, unsigned from_at, unsigned size)
   {
      pipe_box box;
      u_box_1d(int(from_at), int(size), &box);
      c->resource_copy_region(c, to, 0, at, 0, 0, from, 0, &box);
   }
   std::vector<std::byte> contents(pipe_resource *r)
   {
      pipe_box box;
      pipe_transfer *t = nullptr;
      u_box_1d(0, int(r->width0), &box);
      const auto *p = static_cast<const std::byte *>(c->buffer_map(c, r, 0, PIPE_MAP_READ, &box, &t));
      std::vector<std::byte> out(p, p + r->width0);
      c->buffer_unmap(c, t);
      return out;
   }
   void finish()
   {
      pipe_fence_handle *fence = nullptr;
      c->flush(c, &fence, 0);
      c->screen->fence_finish(c->screen, c, fence, PIPE_TIMEOUT_INFINITE);
      c->screen->fence_reference(c->screen, &fence, nullptr);
   }

   pipe_context *c;

private:
   void *blend_, *rasterizer_, *dsa_, *vs_, *fs_, *layout_;
};

// The streams as they come, with what the host has in the uniform buffer of each draw.
struct Floating : testing::Test {
   Floating() : gpu(gpu_options(Pace::at_once))
   {
      setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
      s = screen_create(drm::connect(gpu.open(), drm_options()), nullptr);
   }
   ~Floating() override
   {
      s->destroy(s);
      Gpu::expect_nothing_left(gpu);
   }

   struct Seen {
      unsigned draws = 0, copies = 0, places = 0, dwords = 0;
      // What the uniform buffer begins with at the end of the submission, by draw: nothing that a later
      // command may write to is looked at before.
      std::vector<std::byte> first;
   };
   Seen look()
   {
      Seen seen;
      for (const std::vector<uint32_t> &stream : gpu.take_streams()) {
         seen.dwords += unsigned(stream.size());
         proto::CommandReader reader(stream);
         for (proto::Command command; reader.next(command);) {
            proto::visit(command, arena, [&](const auto &packet) {
               using Packet = std::decay_t<decltype(packet)>;
               if constexpr (std::is_same_v<Packet, proto::SetUniformBuffer>) {
                  bound = packet;
                  seen.places++;
               } else if constexpr (std::is_same_v<Packet, proto::CopyTransfer3d>) {
                  seen.copies++;
               } else if constexpr (std::is_same_v<Packet, proto::DrawVbo>) {
                  seen.draws++;
                  const auto bytes = gpu.storage(uint32_t(bound.resource));
                  seen.first.push_back(bound.offset < bytes.size() ? bytes[bound.offset] : std::byte(255));
               }
            });
         }
      }
      return seen;
   }

   FakeVirtgpu gpu;
   pipe_screen *s = nullptr;
   proto::Arena arena;
   proto::SetUniformBuffer bound;
};

std::array<std::byte, 128> filled(unsigned value)
{
   std::array<std::byte, 128> data;
   data.fill(std::byte(value));
   return data;
}

TEST_F(Floating, ManyShareOneResourceAndOneUpload)
{
   Drawer d(s);
   d.draw();
   d.finish();
   const size_t before = gpu.account().host_resources;
   std::vector<std::unique_ptr<Buffer>> all;
   gpu.keep_streams(true);
   for (unsigned i = 0; i < 200; i++) {
      all.push_back(std::make_unique<Buffer>(s, 128, PIPE_BIND_CONSTANT_BUFFER));
      d.write(*all.back(), 0, filled(i));
      d.bind(*all.back(), 128);
      d.draw();
   }
   d.finish();
   const Seen seen = look();
   ASSERT_EQ(seen.draws, 200u);
   for (unsigned i = 0; i < 200; i++)
      EXPECT_EQ(seen.first[i], std::byte(i)) << i;
   EXPECT_EQ(seen.copies, 1u);
   EXPECT_LE(gpu.account().host_resources, before + 1);
   // Used again they cost a binding, and written again a place.
   for (unsigned i = 0; i < 200; i++) {
      d.bind(*all[i], 128);
      d.draw();
   }
   d.finish();
   const Seen again = look();
   EXPECT_EQ(again.copies, 0u);
   for (unsigned i = 0; i < 200; i++)
      EXPECT_EQ(again.first[i], std::byte(i)) << i;
   d.bind(nullptr, 0);
}

TEST_F(Floating, AWriteIsSeenByTheNextDrawAndNoEarlierOne)
{
   Drawer d(s);
   Buffer b(s, 128, PIPE_BIND_CONSTANT_BUFFER);
   d.bind(b, 128);
   gpu.keep_streams(true);
   for (unsigned i = 0; i < 50; i++) {
      d.write(b, 0, filled(i));
      d.draw(); // not bound anew
      if (i % 3 == 0)
         d.draw();
   }
   d.finish();
   const Seen seen = look();
   ASSERT_EQ(seen.draws, 67u);
   for (unsigned i = 0, n = 0; i < 50; i++) {
      EXPECT_EQ(seen.first[n++], std::byte(i)) << i;
      if (i % 3 == 0)
         EXPECT_EQ(seen.first[n++], std::byte(i)) << i;
   }
   EXPECT_LE(seen.copies, 2u);
   EXPECT_EQ(seen.places, 50u);
   d.bind(nullptr, 0);
}

TEST_F(Floating, LittleByLittleSettles)
{
   Drawer d(s);
   Buffer b(s, 4096, PIPE_BIND_CONSTANT_BUFFER);
   std::vector<std::byte> wanted(4096);
   d.bind(b, 128);
   d.write(b, 0, wanted);
   d.draw();
   gpu.keep_streams(true);
   for (unsigned i = 0; i < 100; i++) {
      wanted[i] = std::byte(i + 1);
      d.write(b, i, std::span(wanted).subspan(i, 1));
      d.draw();
   }
   d.finish();
   const Seen seen = look();
   EXPECT_EQ(seen.draws, 101u);
   EXPECT_LE(seen.places, 2u); // once in its own, and once before in the slab
   EXPECT_EQ(d.contents(b), wanted);
   d.bind(nullptr, 0);
}

TEST_F(Floating, CommandsReadAndWriteIt)
{
   for (bool threaded : {false, true}) {
      Drawer d(s, threaded);
      Buffer a(s, 256, PIPE_BIND_VERTEX_BUFFER), b(s, 300, PIPE_BIND_VERTEX_BUFFER),
         large(s, 100'000, PIPE_BIND_VERTEX_BUFFER);
      std::vector<std::byte> wanted(300);
      d.write(b, 0, wanted);
      for (unsigned i = 0; i < 40; i++) {
         const auto data = filled(i + 1);
         d.write(a, i, data);
         d.copy(large, i * 300, a, i, 100);      // from where it floats
         d.copy(b, i, large, i * 300, 50);       // to where it settles
         std::fill_n(wanted.begin() + i, 50, std::byte(i + 1));
         d.write(b, 200 + i, std::span(data).first(8)); // by the CPU again
         std::fill_n(wanted.begin() + 200 + i, 8, std::byte(i + 1));
         if (i % 7 == 0)
            EXPECT_EQ(d.contents(b), wanted) << i;
      }
      EXPECT_EQ(d.contents(b), wanted);
   }
}

TEST_F(Floating, OtherContextsSeeIt)
{
   Drawer one(s), two(s);
   Buffer b(s, 128, PIPE_BIND_CONSTANT_BUFFER);
   one.write(b, 0, filled(1));
   one.bind(b, 128);
   two.bind(b, 128);
   gpu.keep_streams(true);
   for (unsigned i = 2; i < 20; i++) {
      Drawer &writer = i % 3 ? one : two;
      writer.write(b, 0, filled(i));
      writer.finish();
      one.draw();
      one.finish();
      EXPECT_EQ(look().first, std::vector{std::byte(i)}) << i;
      two.draw();
      two.finish();
      EXPECT_EQ(look().first, std::vector{std::byte(i)}) << i;
   }
   one.bind(nullptr, 0);
   two.bind(nullptr, 0);
}

TEST_F(Floating, ReplacedWhileDrawsAreQueued)
{
   Drawer d(s, true);
   Buffer b(s, 128, PIPE_BIND_CONSTANT_BUFFER);
   d.bind(b, 128);
   gpu.keep_streams(true);
   d.c->flush(d.c, nullptr, 0);
   const size_t before = gpu.account().host_resources;
   for (unsigned i = 0; i < 250; i++) {
      d.c->buffer_subdata(d.c, b, PIPE_MAP_WRITE | PIPE_MAP_DISCARD_WHOLE_RESOURCE, 0, 128,
                          filled(i).data());
      d.draw();
   }
   d.finish();
   const Seen seen = look();
   ASSERT_EQ(seen.draws, 250u);
   for (unsigned i = 0; i < 250; i++)
      EXPECT_EQ(seen.first[i], std::byte(i)) << i;
   EXPECT_LE(seen.copies, 2u);
   EXPECT_LE(gpu.account().host_resources, before + 2);
   d.bind(nullptr, 0);
}

} // namespace
