// SPDX-License-Identifier: MIT
// The whole driver on a virtio-gpu device in memory: sharing as DRI, GBM and EGL ask for it, both
// kinds of fences, and frames of which any ioctl may be refused.
#include <cstdint>
#include <cstring>

#include <drm.h>
#include <fcntl.h>

#include "drm-uapi/drm_fourcc.h"
#include "frontend/winsys_handle.h"
#include "pipe/p_context.h"
#include "pipe/p_screen.h"
#include "util/u_box.h"
#include "util/u_inlines.h"
#include "util/u_simple_shaders.h"

#include "gallium/drivers/virgl/resource.hpp"
#include "gallium/drivers/virgl/screen.hpp"
#include "gallium/winsys/virgl/drm/abi.hpp"
#include "protocol/stream.hpp"

#include "drm_test.hpp"

using namespace virgl;
using namespace virgl::test;
using drm::FenceKind;

namespace {

pipe_screen *open_screen(FakeVirtgpu &gpu, std::optional<FenceKind> fences = {})
{
   setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
   std::unique_ptr<Winsys> ws = drm::connect(gpu.open(), drm_options(fences));
   return ws ? screen_create(std::move(ws), nullptr) : nullptr;
}

pipe_resource picture(pipe_format format, unsigned width, unsigned height)
{
   pipe_resource t = {};
   t.target = PIPE_TEXTURE_2D;
   t.format = format;
   t.width0 = width;
   t.height0 = height;
   t.depth0 = t.array_size = 1;
   t.bind = PIPE_BIND_RENDER_TARGET | PIPE_BIND_SAMPLER_VIEW | PIPE_BIND_SHARED;
   return t;
}

struct Ref {
   Ref(pipe_resource *r = nullptr) : r(r) {}
   Ref(const Ref &) = delete;
   ~Ref() { reset(); }
   void reset() { pipe_resource_reference(&r, nullptr); }
   operator pipe_resource *() const { return r; }
   pipe_resource *operator->() const { return r; }
   pipe_resource *r;
};

winsys_handle dma_buf(int fd, unsigned stride, unsigned offset = 0,
                      uint64_t modifier = DRM_FORMAT_MOD_INVALID)
{
   winsys_handle h = {};
   h.type = WINSYS_HANDLE_TYPE_FD;
   h.handle = unsigned(fd);
   h.stride = stride;
   h.offset = offset;
   h.modifier = modifier;
   return h;
}

// Two processes.
struct Sharing : testing::Test {
   Sharing() : gpu(gpu_options(Pace::at_once)), a(open_screen(gpu)), b(open_screen(gpu)) {}
   ~Sharing() override
   {
      a->destroy(a);
      b->destroy(b);
      Gpu::expect_nothing_left(gpu);
   }
   static int export_fd(pipe_screen *s, pipe_resource *r, winsys_handle &h)
   {
      h = {};
      h.type = WINSYS_HANDLE_TYPE_FD;
      EXPECT_TRUE(s->resource_get_handle(s, nullptr, r, &h, PIPE_HANDLE_USAGE_FRAMEBUFFER_WRITE));
      return int(h.handle);
   }

   FakeVirtgpu gpu;
   pipe_screen *a, *b;
};

uint32_t id(pipe_resource *r) { return uint32_t(Resource::from(r)->handle()); }

} // namespace

TEST_F(Sharing, TheImportIsTheSameHostResource)
{
   const pipe_resource templ = picture(PIPE_FORMAT_B8G8R8A8_UNORM, 100, 50);
   Ref mine(a->resource_create(a, &templ));
   ASSERT_TRUE(mine);
   for (unsigned type : {WINSYS_HANDLE_TYPE_FD, WINSYS_HANDLE_TYPE_SHARED}) {
      winsys_handle h = {};
      h.type = type;
      ASSERT_TRUE(a->resource_get_handle(a, nullptr, mine, &h, 0));
      EXPECT_EQ(h.stride, 400u);
      EXPECT_EQ(h.offset, 0u);
      EXPECT_EQ(h.modifier, DRM_FORMAT_MOD_INVALID); // nobody asked for one
      for (uint64_t modifier : {DRM_FORMAT_MOD_INVALID, DRM_FORMAT_MOD_LINEAR}) {
         h.modifier = modifier;
         Ref theirs(b->resource_from_handle(b, &templ, &h, 0));
         ASSERT_TRUE(theirs);
         EXPECT_EQ(id(theirs), id(mine));
         // What came with a modifier goes on with it.
         winsys_handle again = {};
         again.type = WINSYS_HANDLE_TYPE_KMS;
         ASSERT_TRUE(b->resource_get_handle(b, nullptr, theirs, &again, 0));
         EXPECT_EQ(again.modifier, modifier);
      }
      if (type == WINSYS_HANDLE_TYPE_FD)
         close(int(h.handle));
   }
}

TEST_F(Sharing, ParametersAreThoseOfTheHandle)
{
   const pipe_resource templ = picture(PIPE_FORMAT_R8_UNORM, 33, 20);
   Ref r(a->resource_create(a, &templ));
   const auto param = [&](enum pipe_resource_param p) {
      uint64_t v = ~0ull;
      EXPECT_TRUE(a->resource_get_param(a, nullptr, r, 0, 0, 0, p, 0, &v));
      return v;
   };
   EXPECT_EQ(param(PIPE_RESOURCE_PARAM_NPLANES), 1u);
   EXPECT_EQ(param(PIPE_RESOURCE_PARAM_STRIDE), 33u);
   EXPECT_EQ(param(PIPE_RESOURCE_PARAM_OFFSET), 0u);
   EXPECT_EQ(param(PIPE_RESOURCE_PARAM_LAYER_STRIDE), 33u * 20);
   EXPECT_EQ(param(PIPE_RESOURCE_PARAM_MODIFIER), DRM_FORMAT_MOD_INVALID);
   winsys_handle h = {};
   h.type = WINSYS_HANDLE_TYPE_KMS;
   ASSERT_TRUE(a->resource_get_handle(a, nullptr, r, &h, 0));
   EXPECT_EQ(param(PIPE_RESOURCE_PARAM_HANDLE_TYPE_KMS), h.handle);
   const int fd = int(param(PIPE_RESOURCE_PARAM_HANDLE_TYPE_FD));
   EXPECT_GE(fd, 0);
   close(fd);
   uint64_t v;
   EXPECT_FALSE(a->resource_get_param(a, nullptr, r, 1, 0, 0, PIPE_RESOURCE_PARAM_STRIDE, 0, &v));
   EXPECT_FALSE(a->resource_get_param(a, nullptr, r, 0, 0, 99, PIPE_RESOURCE_PARAM_STRIDE, 0, &v));
}

TEST_F(Sharing, LinearIsTheOneModifier)
{
   uint64_t modifiers[4];
   unsigned external[4];
   int count = -1;
   a->query_dmabuf_modifiers(a, PIPE_FORMAT_B8G8R8A8_UNORM, 0, nullptr, nullptr, &count);
   EXPECT_EQ(count, 1);
   a->query_dmabuf_modifiers(a, PIPE_FORMAT_B8G8R8A8_UNORM, 4, modifiers, external, &count);
   ASSERT_EQ(count, 1);
   EXPECT_EQ(modifiers[0], DRM_FORMAT_MOD_LINEAR);
   EXPECT_EQ(external[0], 0u);

   constexpr uint64_t tiled = fourcc_mod_code(INTEL, 1);
   const pipe_resource templ = picture(PIPE_FORMAT_B8G8R8A8_UNORM, 64, 64);
   EXPECT_EQ(a->resource_create_with_modifiers(a, &templ, &tiled, 1), nullptr);
   const uint64_t both[] = {tiled, DRM_FORMAT_MOD_LINEAR};
   Ref r(a->resource_create_with_modifiers(a, &templ, both, 2));
   ASSERT_TRUE(r);
   winsys_handle h;
   const int fd = export_fd(a, r, h);
   EXPECT_EQ(h.modifier, DRM_FORMAT_MOD_LINEAR);
   h.modifier = tiled;
   EXPECT_EQ(b->resource_from_handle(b, &templ, &h, 0), nullptr);
   close(fd);
}

TEST_F(Sharing, WhatDoesNotFitIsRefused)
{
   const pipe_resource templ = picture(PIPE_FORMAT_B8G8R8A8_UNORM, 64, 64);
   Ref mine(a->resource_create(a, &templ));
   winsys_handle h;
   const int fd = export_fd(a, mine, h);
   const auto refused = [&](const pipe_resource &t, winsys_handle handle) {
      Ref r(b->resource_from_handle(b, &t, &handle, 0));
      return !r;
   };
   EXPECT_FALSE(refused(templ, dma_buf(fd, 256)));
   EXPECT_FALSE(refused(templ, dma_buf(fd, 0))); // who does not know means the natural one
   EXPECT_TRUE(refused(templ, dma_buf(fd, 255)));
   EXPECT_TRUE(refused(templ, dma_buf(fd, 1)));
   EXPECT_TRUE(refused(templ, dma_buf(fd, 0x80000000u)));
   EXPECT_TRUE(refused(templ, dma_buf(fd, UINT32_MAX)));
   EXPECT_TRUE(refused(templ, dma_buf(fd, 256, 256)));
   EXPECT_TRUE(refused(templ, dma_buf(fd, 256, UINT32_MAX)));
   for (pipe_resource t : {picture(PIPE_FORMAT_B8G8R8A8_UNORM, 64, 0),
                           picture(PIPE_FORMAT_B8G8R8A8_UNORM, 0, 64),
                           picture(PIPE_FORMAT_B8G8R8A8_UNORM, 1u << 30, 1),
                           picture(PIPE_FORMAT_B8G8R8A8_UNORM, 64, 65),
                           picture(PIPE_FORMAT_R32G32B32A32_FLOAT, 64, 64),
                           picture(PIPE_FORMAT_B8G8R8A8_UNORM, 16384, 16384)})
      EXPECT_TRUE(refused(t, dma_buf(fd, 0)));
   // A plane of no rows (chroma of a frame one row high), or wider than any texture of the host.
   for (unsigned offset : {0u, 64u}) {
      for (pipe_resource t : {picture(PIPE_FORMAT_R8_UNORM, 1, 0), picture(PIPE_FORMAT_R8_UNORM, 0, 1),
                              picture(PIPE_FORMAT_R8_UNORM, 16385, 1)})
         EXPECT_TRUE(refused(t, dma_buf(fd, 0, offset)));
   }
   for (pipe_resource t : {picture(PIPE_FORMAT_R8_UNORM, 16385, 1), picture(PIPE_FORMAT_R8_UNORM, 1, 1u << 31)})
      EXPECT_EQ(b->resource_create(b, &t), nullptr);
   pipe_resource cube = templ;
   cube.target = PIPE_TEXTURE_CUBE;
   EXPECT_TRUE(refused(cube, dma_buf(fd, 256)));
   pipe_resource levels = templ;
   levels.last_level = 3;
   EXPECT_TRUE(refused(levels, dma_buf(fd, 256)));
   EXPECT_TRUE(refused(templ, dma_buf(-1, 256)));
   const int foreign = FakeVirtgpu::foreign_dma_buf();
   EXPECT_TRUE(refused(templ, dma_buf(foreign, 256)));
   close(foreign);
   close(fd);
}

TEST(SharingBlobs, WhatTheHostHasNoTypeForIsRefused)
{
   VirtgpuOptions o = gpu_options(Pace::at_once);
   o.blobs = true;
   FakeVirtgpu gpu(o);
   {
      std::unique_ptr<Winsys> other = drm::connect(gpu.open(), drm_options());
      pipe_screen *s = open_screen(gpu);
      BoRef blob = other->create_blob(buffer_desc(64 * 64 * 4), BlobKind::guest);
      ASSERT_TRUE(blob);
      SharedHandle h{.kind = ShareKind::dma_buf};
      ASSERT_TRUE(other->export_resource(*blob, h));
      const pipe_resource templ = picture(PIPE_FORMAT_B8G8R8A8_UNORM, 64, 64);
      winsys_handle in = dma_buf(h.fd, 256);
      EXPECT_EQ(s->resource_from_handle(s, &templ, &in, 0), nullptr);
      close(h.fd);
      s->destroy(s);
   }
   Gpu::expect_nothing_left(gpu);
}

namespace {

// A device with a blob of the host's memory that another API of the guest made and exported.
struct ForeignBlob : testing::Test {
   static VirtgpuOptions device()
   {
      VirtgpuOptions o = gpu_options(Pace::at_once);
      o.blobs = true;
      return o;
   }
   ForeignBlob() : gpu(device()), other(gpu.open())
   {
      drm::abi::ResourceCreateBlob blob;
      blob.memory = drm::abi::BlobMemory::host3d;
      blob.flags = drm::abi::blob_flag::shareable;
      blob.size = 64 * 1024;
      EXPECT_EQ(other->ioctl(drm::abi::ioctl_resource_create_blob, &blob), 0);
      resource = blob.resource;
      drm_prime_handle prime{.handle = blob.bo, .flags = DRM_CLOEXEC | DRM_RDWR, .fd = -1};
      EXPECT_EQ(other->ioctl(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
      fd = prime.fd;
      drm_gem_close close{blob.bo, 0};
      other->ioctl(DRM_IOCTL_GEM_CLOSE, &close);
      gpu.keep_streams(true);
   }
   ~ForeignBlob() override
   {
      close(fd);
      other.reset();
      Gpu::expect_nothing_left(gpu);
   }
   // The types that the host was told, as dwords.
   std::vector<std::vector<uint32_t>> types()
   {
      std::vector<std::vector<uint32_t>> all;
      for (const std::vector<uint32_t> &stream : gpu.take_streams()) {
         proto::CommandReader reader(stream);
         for (proto::Command command; reader.next(command);) {
            if (command.opcode == proto::Ccmd::pipe_resource_set_type)
               all.emplace_back(command.payload.begin(), command.payload.end());
         }
      }
      return all;
   }

   FakeVirtgpu gpu;
   std::unique_ptr<drm::Device> other;
   uint32_t resource = 0;
   int fd = -1;
   const pipe_resource templ = picture(PIPE_FORMAT_B8G8R8A8_UNORM, 64, 64);
};

} // namespace

TEST_F(ForeignBlob, TheHostIsToldWhatItIsAPictureOf)
{
   pipe_screen *s = open_screen(gpu);
   winsys_handle in = dma_buf(fd, 320, 1024, DRM_FORMAT_MOD_LINEAR);
   {
      Ref first(s->resource_from_handle(s, &templ, &in, 0));
      ASSERT_TRUE(first);
      EXPECT_EQ(id(first), resource);
      const std::vector<uint32_t> told{resource,
                                       uint32_t(proto::Format::B8G8R8A8_UNORM),
                                       proto::bind::render_target | proto::bind::sampler_view |
                                          proto::bind::shared,
                                       64,
                                       64,
                                       0,
                                       0,
                                       0,
                                       320,
                                       1024};
      EXPECT_EQ(types(), std::vector(1, told));
      // Once; and nothing else can be had of the same blob.
      Ref again(s->resource_from_handle(s, &templ, &in, 0));
      EXPECT_TRUE(again);
      winsys_handle elsewhere = dma_buf(fd, 320, 2048, DRM_FORMAT_MOD_LINEAR);
      EXPECT_EQ(s->resource_from_handle(s, &templ, &elsewhere, 0), nullptr);
      EXPECT_TRUE(types().empty());
      winsys_handle out;
      const int exported = Sharing::export_fd(s, first, out);
      EXPECT_EQ(out.stride, 320u);
      EXPECT_EQ(out.offset, 1024u);
      close(exported);
   }
   // Another process has a context of its own.
   pipe_screen *b = open_screen(gpu);
   Ref theirs(b->resource_from_handle(b, &templ, &in, 0));
   EXPECT_TRUE(theirs);
   EXPECT_EQ(types().size(), 1u);
   theirs.reset();
   b->destroy(b);
   s->destroy(s);
}

TEST_F(ForeignBlob, TexelsGoPastTheGuestPagesItLacks)
{
   pipe_screen *s = open_screen(gpu);
   winsys_handle in = dma_buf(fd, 256);
   Ref r(s->resource_from_handle(s, &templ, &in, 0));
   ASSERT_TRUE(r);
   pipe_context *ctx = s->context_create(s, nullptr, 0);
   std::vector<uint32_t> texels(64 * 64);
   for (size_t i = 0; i < texels.size(); i++)
      texels[i] = uint32_t(i * 0x01000193);
   pipe_box box;
   u_box_2d(0, 0, 64, 64, &box);
   ctx->texture_subdata(ctx, r, 0, PIPE_MAP_WRITE, &box, texels.data(), 256, 0);
   ctx->flush(ctx, nullptr, 0);
   const std::vector<std::byte> host = gpu.storage(resource);
   ASSERT_GE(host.size(), texels.size() * 4);
   EXPECT_EQ(std::memcmp(host.data(), texels.data(), texels.size() * 4), 0);
   // Reading takes a texture that has pages, into which the host blits; the fake one knows no pixels.
   pipe_transfer *t = nullptr;
   EXPECT_TRUE(ctx->texture_map(ctx, r, 0, PIPE_MAP_READ, &box, &t));
   ctx->texture_unmap(ctx, t);
   ctx->destroy(ctx);
   r.reset();
   s->destroy(s);
}

TEST_F(ForeignBlob, WhatTheHostCannotTakeIsRefused)
{
   pipe_screen *s = open_screen(gpu);
   const auto refused = [&](const pipe_resource &t, winsys_handle in) {
      Ref r(s->resource_from_handle(s, &t, &in, 0));
      return !r;
   };
   EXPECT_TRUE(refused(picture(PIPE_FORMAT_R8G8_UNORM, 64, 64), dma_buf(fd, 128)));
   EXPECT_TRUE(refused(picture(PIPE_FORMAT_B8G8R8A8_UNORM, 64, 257), dma_buf(fd, 256)));
   pipe_resource rectangle = templ;
   rectangle.target = PIPE_TEXTURE_RECT;
   EXPECT_TRUE(refused(rectangle, dma_buf(fd, 256)));
   winsys_handle second = dma_buf(fd, 256);
   second.plane = 1;
   EXPECT_TRUE(refused(templ, second));
   EXPECT_TRUE(types().empty());
   EXPECT_FALSE(refused(templ, dma_buf(fd, 256)));
   s->destroy(s);
}

TEST(SharingBlobs, AHostThatKnowsOfNoTypesIsNotTold)
{
   VirtgpuOptions o = ForeignBlob::device();
   o.caps.capability_bits_v2 &= ~proto::cap2::untyped_resource;
   FakeVirtgpu gpu(o);
   {
      std::unique_ptr<drm::Device> other = gpu.open();
      drm::abi::ResourceCreateBlob blob;
      blob.memory = drm::abi::BlobMemory::host3d;
      blob.flags = drm::abi::blob_flag::shareable;
      blob.size = 64 * 1024;
      ASSERT_EQ(other->ioctl(drm::abi::ioctl_resource_create_blob, &blob), 0);
      drm_prime_handle prime{.handle = blob.bo, .flags = DRM_CLOEXEC | DRM_RDWR, .fd = -1};
      ASSERT_EQ(other->ioctl(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
      drm_gem_close gem{blob.bo, 0};
      other->ioctl(DRM_IOCTL_GEM_CLOSE, &gem);
      pipe_screen *s = open_screen(gpu);
      const pipe_resource templ = picture(PIPE_FORMAT_B8G8R8A8_UNORM, 64, 64);
      winsys_handle in = dma_buf(prime.fd, 256);
      EXPECT_EQ(s->resource_from_handle(s, &templ, &in, 0), nullptr);
      close(prime.fd);
      s->destroy(s);
   }
   Gpu::expect_nothing_left(gpu);
}

TEST_F(Sharing, APlaneInsideIsFilledFromTheMemory)
{
   // Bytes; in them a plane of half the size.
   const pipe_resource bytes = picture(PIPE_FORMAT_R8_UNORM, 64, 96);
   Ref memory(a->resource_create(a, &bytes));
   winsys_handle h;
   const int fd = export_fd(a, memory, h);
   pipe_resource templ = picture(PIPE_FORMAT_R8G8_UNORM, 32, 32);
   for (pipe_screen *s : {a, b}) {
      winsys_handle in = dma_buf(fd, 64, 64 * 64);
      Ref plane(s->resource_from_handle(s, &templ, &in, 0));
      ASSERT_TRUE(plane);
      EXPECT_NE(id(plane), id(memory));
      // The CPU writes to the memory, by whichever mapping.
      for (int i = 0; i < 64 * 32; i++)
         Resource::from(memory)->bo().map()[64 * 64 + i] = std::byte(i * 7 + (s == a));
      if (s == a) {
         std::vector<std::byte> host(64 * 96);
         std::memcpy(host.data(), Resource::from(memory)->bo().map(), host.size());
         gpu.set_storage(id(memory), host);
      }
      pipe_context *ctx = s->context_create(s, nullptr, 0);
      ASSERT_TRUE(ctx);
      pipe_transfer *t = nullptr;
      pipe_box box;
      u_box_2d(0, 0, 32, 32, &box);
      const auto *read =
         static_cast<const uint8_t *>(ctx->texture_map(ctx, plane, 0, PIPE_MAP_READ, &box, &t));
      ASSERT_TRUE(read);
      for (unsigned y = 0; y < 32; y++) {
         for (unsigned x = 0; x < 64; x++)
            ASSERT_EQ(read[y * t->stride + x], uint8_t((y * 64 + x) * 7 + (s == a))) << x << ' ' << y;
      }
      ctx->texture_unmap(ctx, t);
      // Others are told of the memory, not of our copy.
      winsys_handle out;
      const int again = export_fd(s, plane, out);
      EXPECT_EQ(out.stride, 64u);
      EXPECT_EQ(out.offset, 64u * 64);
      close(again);
      plane.reset();
      ctx->destroy(ctx);
   }
   close(fd);
}

namespace {

// What a program does in a frame, with what goes wrong told by return values only.
class Program {
public:
   Program(pipe_screen *screen, unsigned flags) : s_(screen)
   {
      ctx_ = s_->context_create(s_, nullptr, flags);
      if (ctx_)
         set_up();
   }
   ~Program()
   {
      if (!ctx_)
         return;
      ctx_->bind_blend_state(ctx_, nullptr);
      ctx_->bind_rasterizer_state(ctx_, nullptr);
      ctx_->bind_depth_stencil_alpha_state(ctx_, nullptr);
      ctx_->bind_vs_state(ctx_, nullptr);
      ctx_->bind_fs_state(ctx_, nullptr);
      ctx_->bind_vertex_elements_state(ctx_, nullptr);
      ctx_->delete_blend_state(ctx_, blend_);
      ctx_->delete_rasterizer_state(ctx_, rasterizer_);
      ctx_->delete_depth_stencil_alpha_state(ctx_, dsa_);
      ctx_->delete_vs_state(ctx_, vs_);
      ctx_->delete_fs_state(ctx_, fs_);
      ctx_->delete_vertex_elements_state(ctx_, elements_);
      pipe_resource_reference(&target_, nullptr);
      pipe_resource_reference(&vertices_, nullptr);
      ctx_->destroy(ctx_);
   }

   void frame(unsigned n)
   {
      if (!ctx_ || !target_ || !vertices_)
         return;
      draw(n);
      query();
      read();
      share();
      finish(n);
   }

private:
   void set_up()
   {
      pipe_blend_state blend = {};
      blend.rt[0].colormask = PIPE_MASK_RGBA;
      ctx_->bind_blend_state(ctx_, blend_ = ctx_->create_blend_state(ctx_, &blend));
      pipe_rasterizer_state rasterizer = {};
      ctx_->bind_rasterizer_state(ctx_, rasterizer_ = ctx_->create_rasterizer_state(ctx_, &rasterizer));
      pipe_depth_stencil_alpha_state dsa = {};
      ctx_->bind_depth_stencil_alpha_state(
         ctx_, dsa_ = ctx_->create_depth_stencil_alpha_state(ctx_, &dsa));
      const enum tgsi_semantic names[] = {TGSI_SEMANTIC_POSITION, TGSI_SEMANTIC_GENERIC};
      const uint indices[] = {0, 0};
      ctx_->bind_vs_state(ctx_, vs_ = util_make_vertex_passthrough_shader(ctx_, 2, names, indices,
                                                                          false));
      ctx_->bind_fs_state(ctx_, fs_ = util_make_fragment_passthrough_shader(
                                   ctx_, TGSI_SEMANTIC_GENERIC, TGSI_INTERPOLATE_PERSPECTIVE, true));
      pipe_vertex_element elements[2] = {};
      elements[0].src_format = elements[1].src_format = PIPE_FORMAT_R32G32B32A32_FLOAT;
      elements[1].src_offset = 16;
      ctx_->bind_vertex_elements_state(
         ctx_, elements_ = ctx_->create_vertex_elements_state(ctx_, 2, elements));

      const pipe_resource templ = picture(PIPE_FORMAT_B8G8R8A8_UNORM, 64, 64);
      target_ = s_->resource_create(s_, &templ);
      pipe_resource buffer = {};
      buffer.target = PIPE_BUFFER;
      buffer.format = PIPE_FORMAT_R8_UNORM;
      buffer.bind = PIPE_BIND_VERTEX_BUFFER;
      buffer.width0 = 4096;
      buffer.height0 = buffer.depth0 = buffer.array_size = 1;
      vertices_ = s_->resource_create(s_, &buffer);
   }

   void draw(unsigned n)
   {
      pipe_surface templ = {};
      templ.format = target_->format;
      pipe_surface *surface = ctx_->create_surface(ctx_, target_, &templ);
      pipe_framebuffer_state fb = {};
      fb.width = fb.height = 64;
      fb.nr_cbufs = 1;
      fb.cbufs[0] = surface;
      ctx_->set_framebuffer_state(ctx_, &fb);
      pipe_viewport_state viewport = {};
      viewport.scale[0] = viewport.scale[1] = viewport.translate[0] = viewport.translate[1] = 32;
      ctx_->set_viewport_states(ctx_, 0, 1, &viewport);
      pipe_color_union colour = {};
      ctx_->clear(ctx_, PIPE_CLEAR_COLOR0, nullptr, &colour, 0, 0);

      const std::vector<float> data(24 * 3, float(n));
      ctx_->buffer_subdata(ctx_, vertices_, PIPE_MAP_WRITE | PIPE_MAP_DISCARD_WHOLE_RESOURCE, 0,
                           unsigned(data.size() * 4), data.data());
      pipe_vertex_buffer vb = {};
      vb.stride = 32;
      vb.buffer.resource = vertices_;
      ctx_->set_vertex_buffers(ctx_, 0, 1, 0, false, &vb);
      pipe_draw_info info = {};
      info.mode = PIPE_PRIM_TRIANGLES;
      info.instance_count = 1;
      info.max_index = ~0u;
      const pipe_draw_start_count_bias range = {0, 3, 0};
      ctx_->draw_vbo(ctx_, &info, 0, nullptr, &range, 1);

      const std::vector<uint8_t> texels(64 * 64 * 4, uint8_t(n));
      pipe_box box;
      u_box_2d(0, 0, 32, 32, &box);
      ctx_->texture_subdata(ctx_, target_, 0, PIPE_MAP_WRITE, &box, texels.data(), 256, 0);
      fb.nr_cbufs = 0;
      fb.cbufs[0] = nullptr;
      ctx_->set_framebuffer_state(ctx_, &fb);
      pipe_surface_reference(&surface, nullptr);
      ctx_->set_vertex_buffers(ctx_, 0, 0, 1, false, nullptr);
   }

   void query()
   {
      pipe_query *q = ctx_->create_query(ctx_, PIPE_QUERY_GPU_FINISHED, 0);
      if (!q)
         return;
      ctx_->end_query(ctx_, q);
      pipe_query_result result;
      ctx_->get_query_result(ctx_, q, true, &result);
      ctx_->destroy_query(ctx_, q);
   }

   void read()
   {
      pipe_transfer *t = nullptr;
      pipe_box box;
      u_box_2d(0, 0, 64, 64, &box);
      if (void *p = ctx_->texture_map(ctx_, target_, 0, PIPE_MAP_READ | PIPE_MAP_WRITE, &box, &t)) {
         std::memset(p, 1, 256);
         ctx_->texture_unmap(ctx_, t);
      }
      u_box_1d(0, 64, &box);
      if (void *p = ctx_->buffer_map(ctx_, vertices_, 0, PIPE_MAP_READ, &box, &t)) {
         EXPECT_NE(p, nullptr);
         ctx_->buffer_unmap(ctx_, t);
      }
   }

   void share()
   {
      winsys_handle h = {};
      h.type = WINSYS_HANDLE_TYPE_FD;
      if (!s_->resource_get_handle(s_, nullptr, target_, &h, 0))
         return;
      const pipe_resource templ = picture(PIPE_FORMAT_B8G8R8A8_UNORM, 64, 64);
      Ref again(s_->resource_from_handle(s_, &templ, &h, 0));
      close(int(h.handle));
   }

   void finish(unsigned n)
   {
      pipe_fence_handle *fence = nullptr;
      const bool wants_fd = n % 2 == 0 && s_->get_param(s_, PIPE_CAP_NATIVE_FENCE_FD);
      ctx_->flush(ctx_, &fence, wants_fd ? PIPE_FLUSH_FENCE_FD : PIPE_FLUSH_END_OF_FRAME);
      if (!fence)
         return;
      if (wants_fd) {
         if (const int fd = s_->fence_get_fd(s_, fence); fd >= 0) {
            pipe_fence_handle *foreign = nullptr;
            ctx_->create_fence_fd(ctx_, &foreign, fd, PIPE_FD_TYPE_NATIVE_SYNC);
            close(fd);
            if (foreign) {
               ctx_->fence_server_sync(ctx_, foreign);
               s_->fence_finish(s_, nullptr, foreign, 1'000'000);
               s_->fence_reference(s_, &foreign, nullptr);
            }
         }
      }
      s_->fence_finish(s_, ctx_, fence, 0);
      s_->fence_finish(s_, ctx_, fence, 1'000'000);
      EXPECT_TRUE(s_->fence_finish(s_, ctx_, fence, PIPE_TIMEOUT_INFINITE));
      s_->fence_reference(s_, &fence, nullptr);
   }

   pipe_screen *s_;
   pipe_context *ctx_ = nullptr;
   void *blend_ = nullptr, *rasterizer_ = nullptr, *dsa_ = nullptr, *vs_ = nullptr, *fs_ = nullptr,
        *elements_ = nullptr;
   pipe_resource *target_ = nullptr, *vertices_ = nullptr;
};

constexpr FenceKind kinds[] = {FenceKind::fd, FenceKind::bo};

struct Outcome {
   uint64_t calls[num_calls] = {};
   bool lost = false;
   std::string said;
};

Outcome play(FenceKind kind, unsigned flags, const std::vector<Refusal> &refusals, unsigned frames)
{
   Outcome o;
   StderrCapture err;
   const size_t fds = open_fds();
   {
      FakeVirtgpu gpu(gpu_options(Pace::at_once));
      if (pipe_screen *s = open_screen(gpu, kind)) {
         for (const Refusal &r : refusals)
            gpu.refuse(r);
         {
            Program program(s, flags);
            for (unsigned n = 0; n < frames; n++)
               program.frame(n);
         }
         o.lost = Screen::from(s).ws->lost();
         s->destroy(s);
      }
      for (size_t i = 0; i < num_calls; i++)
         o.calls[i] = gpu.calls(Call(i));
      Gpu::expect_nothing_lost(gpu);
   }
   EXPECT_EQ(open_fds(), fds);
   o.said = err.take();
   return o;
}

} // namespace

TEST(Frame, IsWellWhenNothingIsRefused)
{
   for (FenceKind kind : kinds) {
      for (unsigned flags : {0u, unsigned(PIPE_CONTEXT_PREFER_THREADED)}) {
         const Outcome o = play(kind, flags, {}, 4);
         EXPECT_FALSE(o.lost);
         EXPECT_EQ(o.said, "");
         EXPECT_GT(o.calls[size_t(Call::execbuffer)], 4u);
      }
   }
}

TEST(Frame, AnyCallRefusedAnywhereLeavesNothingBehind)
{
   for (FenceKind kind : kinds) {
      const Outcome usual = play(kind, 0, {}, 3);
      for (size_t c = 0; c < num_calls; c++) {
         for (uint64_t after = 0; after < usual.calls[c]; after++) {
            for (int error : {ENOMEM, EINVAL, EBUSY, EINTR, ENODEV, ENOSPC}) {
               for (uint64_t times : {uint64_t(1), uint64_t(3)}) {
                  SCOPED_TRACE(std::string(name_of(Call(c))) + " " + strerror(error) + " after " +
                               std::to_string(after));
                  const Refusal r{.call = Call(c), .error = error, .after = after, .times = times};
                  const Outcome o = play(kind, 0, {r}, 3);
                  // What was only interrupted has no consequences.
                  if (error == EINTR) {
                     EXPECT_EQ(o.said, "");
                  }
                  if (HasFailure())
                     return;
               }
            }
         }
      }
   }
}

TEST(Frame, RefusalsAtRandom)
{
   for (uint64_t seed = 1; seed <= 300; seed++) {
      for (FenceKind kind : kinds) {
         std::vector<Refusal> refusals;
         for (int error : {ENOMEM, EINVAL, EBUSY, EINTR, ENODEV, ENOSPC})
            refusals.push_back({.error = error, .times = UINT64_MAX, .one_in = 200, .seed = seed * 8 + error});
         SCOPED_TRACE("seed " + std::to_string(seed));
         play(kind, seed % 3 == 0 ? PIPE_CONTEXT_PREFER_THREADED : 0, refusals, 6);
         if (testing::Test::HasFailure())
            return;
      }
   }
}
