// SPDX-License-Identifier: MIT
// What the vertex shader of glRasterPos, feedback and selection can read and write.
//
// Mesa runs that shader on the CPU, in its draw module, and without LLVM that is an interpreter which
// calls a sampler, images and buffers of whoever made the draw context; the state tracker gives it none,
// so that a shader with a texture jumps to address zero. draw_vbo() is therefore wrapped by the linker:
// the interpreter gets softpipe's sampler and images, over maps of the bound textures.
//
// The maps that the state tracker makes itself are of no use: draw takes the levels of a texture as
// offsets of 32 bits, and two maps may be farther apart.
//
// Shaders for draw do not come by the driver's translation either, so what is lowered there for want of
// opcodes is lowered here.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "pipe/p_context.h"
#include "pipe/p_screen.h"
#include "util/format/u_format.h"
#include "util/u_inlines.h"
#include "util/u_memory.h"

#include "gallium/drivers/virgl/shader_atomics.hpp"
#include "gallium/drivers/virgl/shader_subgroups.hpp"

extern "C" {
#include "draw/draw_context.h"
#include "draw/draw_private.h"
#include "softpipe/sp_image.h"
#include "softpipe/sp_tex_sample.h"
#include "softpipe/sp_tex_tile_cache.h"
#include "softpipe/sp_texture.h"
#include "tgsi/tgsi_exec.h"

void __real_draw_vbo(draw_context *draw, const pipe_draw_info *info, unsigned drawid,
                     const pipe_draw_indirect_info *indirect,
                     const pipe_draw_start_count_bias *draws, unsigned num_draws,
                     uint8_t patch_vertices);
void __real_draw_bind_vertex_shader(draw_context *draw, draw_vertex_shader *shader);
draw_vertex_shader *__real_draw_create_vertex_shader(draw_context *draw,
                                                     const pipe_shader_state *state);
void __wrap_draw_vbo(draw_context *draw, const pipe_draw_info *info, unsigned drawid,
                     const pipe_draw_indirect_info *indirect,
                     const pipe_draw_start_count_bias *draws, unsigned num_draws,
                     uint8_t patch_vertices);
void __wrap_draw_bind_vertex_shader(draw_context *draw, draw_vertex_shader *shader);
draw_vertex_shader *__wrap_draw_create_vertex_shader(draw_context *draw,
                                                     const pipe_shader_state *state);
}

namespace virgl {

namespace {

using Texels = float[TGSI_NUM_CHANNELS][TGSI_QUAD_SIZE];

void clear(Texels rgba)
{
   std::memset(rgba, 0, sizeof(Texels));
}

// --- maps of textures, as softpipe's cache of tiles asks for them --------------------------------

struct MappedTexture {
   pipe_transfer seen{}; // first: what the cache is given
   pipe_transfer *real = nullptr;
};

// The context that the cache has: it maps textures by the real one's leave.
struct Mapper {
   pipe_context base{}; // first
   pipe_context *real = nullptr;

   static void *map(pipe_context *self, pipe_resource *texture, unsigned level, unsigned,
                    const pipe_box *box, pipe_transfer **out)
   {
      pipe_context *pipe = reinterpret_cast<Mapper *>(self)->real;
      auto *mapped = new MappedTexture;
      // The layers of a one-dimensional array are rows to softpipe.
      const bool rows = texture->target == PIPE_TEXTURE_1D_ARRAY;
      pipe_box actual = *box;
      if (rows)
         std::swap(actual.height, actual.depth);
      // The cache asks for a map that waits for nothing, as only softpipe itself can give it.
      void *data = pipe->texture_map(pipe, texture, level, PIPE_MAP_READ, &actual, &mapped->real);
      if (data)
         mapped->seen = *mapped->real;
      mapped->seen.box = *box;
      if (rows)
         mapped->seen.stride = mapped->seen.layer_stride;
      if (!data)
         mapped->seen.box.width = mapped->seen.box.height = 0; // from which no tile is read
      mapped->seen.resource = texture;
      *out = &mapped->seen;
      static std::byte nothing;
      return data ? data : &nothing;
   }

   static void unmap(pipe_context *self, pipe_transfer *transfer)
   {
      pipe_context *pipe = reinterpret_cast<Mapper *>(self)->real;
      auto *mapped = reinterpret_cast<MappedTexture *>(transfer);
      if (mapped->real)
         pipe->texture_unmap(pipe, mapped->real);
      delete mapped;
   }
};

// A range of a buffer, mapped until it goes.
class MappedBuffer {
public:
   MappedBuffer() = default;
   MappedBuffer(pipe_context *pipe, pipe_resource *buffer, uint32_t offset, uint32_t size,
                unsigned usage)
      : pipe_(pipe)
   {
      if (offset >= buffer->width0 || size == 0)
         return;
      size_ = std::min(size, buffer->width0 - offset);
      data_ = static_cast<std::byte *>(
         pipe_buffer_map_range(pipe, buffer, offset, size_, usage, &transfer_));
      if (!data_)
         size_ = 0;
   }
   MappedBuffer(const MappedBuffer &) = delete;
   MappedBuffer &operator=(const MappedBuffer &) = delete;
   ~MappedBuffer()
   {
      if (data_)
         pipe_buffer_unmap(pipe_, transfer_);
   }
   std::byte *data() const { return data_; }
   uint32_t size() const { return size_; }

private:
   pipe_context *pipe_ = nullptr;
   pipe_transfer *transfer_ = nullptr;
   std::byte *data_ = nullptr;
   uint32_t size_ = 0;
};

// --- an image: softpipe's resource, over a copy of the texels without gaps between rows ----------

class Image {
public:
   Image(pipe_context *pipe, const pipe_image_view &view) : pipe_(pipe), view_(view)
   {
      res_.base = *view.resource;
      fake_ = view;
      fake_.resource = &res_.base;
      writable_ = (view.shader_access & PIPE_IMAGE_ACCESS_WRITE) != 0;
      if (view.resource->target == PIPE_BUFFER)
         map_buffer();
      else
         copy_texture();
   }
   Image(const Image &) = delete;
   Image &operator=(const Image &) = delete;
   ~Image()
   {
      if (!texels_.empty() && writable_)
         copy_back();
   }

   // As softpipe wants it; without a resource where there is nothing to access.
   pipe_image_view view() const
   {
      pipe_image_view v = fake_;
      if (!res_.data)
         v.resource = nullptr;
      return v;
   }

private:
   void map_buffer()
   {
      // The view's format is what softpipe divides sizes by, and the resource's what it compares with.
      buffer_ = std::make_unique<MappedBuffer>(
         pipe_, view_.resource, view_.u.buf.offset, view_.u.buf.size,
         writable_ ? PIPE_MAP_READ | PIPE_MAP_WRITE : PIPE_MAP_READ);
      res_.data = buffer_->data();
      res_.base.format = PIPE_FORMAT_R8_UNORM;
      res_.base.width0 = buffer_->size();
      fake_.u.buf.offset = 0;
      fake_.u.buf.size = buffer_->size();
   }

   pipe_box box() const
   {
      const unsigned level = view_.u.tex.level;
      pipe_box b{};
      b.z = view_.u.tex.first_layer;
      b.width = u_minify(view_.resource->width0, level);
      b.height = u_minify(view_.resource->height0, level);
      b.depth = view_.u.tex.last_layer - view_.u.tex.first_layer + 1;
      return b;
   }

   // The wished-for direction between the texture and `texels_`.
   bool copy(unsigned usage)
   {
      const pipe_box b = box();
      const unsigned row = util_format_get_stride(view_.resource->format, b.width);
      pipe_transfer *transfer = nullptr;
      auto *data = static_cast<std::byte *>(
         pipe_->texture_map(pipe_, view_.resource, view_.u.tex.level, usage, &b, &transfer));
      if (!data)
         return false;
      for (int z = 0; z < b.depth; z++) {
         for (int y = 0; y < b.height; y++) {
            std::byte *there = data + size_t(z) * transfer->layer_stride + size_t(y) * transfer->stride;
            std::byte *here = texels_.data() + (size_t(z) * b.height + y) * row;
            if (usage & PIPE_MAP_WRITE)
               std::memcpy(there, here, row);
            else
               std::memcpy(here, there, row);
         }
      }
      pipe_->texture_unmap(pipe_, transfer);
      return true;
   }

   void copy_texture()
   {
      const pipe_resource &texture = *view_.resource;
      if (texture.nr_samples > 1 || view_.u.tex.last_layer < view_.u.tex.first_layer ||
          util_format_is_compressed(texture.format))
         return;
      const pipe_box b = box();
      const unsigned row = util_format_get_stride(texture.format, b.width);
      texels_.resize(size_t(row) * b.height * b.depth);
      if (!copy(PIPE_MAP_READ)) {
         texels_.clear();
         return;
      }
      res_.data = texels_.data();
      res_.img_stride[0] = row * b.height;
      res_.base.width0 = b.width;
      res_.base.height0 = b.height;
      if (texture.target == PIPE_TEXTURE_3D)
         res_.base.depth0 = b.depth;
      else
         res_.base.array_size = b.depth;
      res_.base.last_level = 0;
      fake_.u.tex.level = 0;
      fake_.u.tex.first_layer = 0;
      fake_.u.tex.last_layer = b.depth - 1;
   }

   void copy_back() { copy(PIPE_MAP_WRITE); }

   pipe_context *pipe_;
   pipe_image_view view_;
   pipe_image_view fake_;
   struct softpipe_resource res_{}; // a function has that name, too
   bool writable_ = false;
   std::unique_ptr<MappedBuffer> buffer_;
   std::vector<std::byte> texels_;
};

// --- what a shader has while it runs -------------------------------------------------------------

struct Freed {
   void operator()(void *p) const { FREE(p); }
};

// Of a draw context, from its first draw until its shader is unbound.
class Inputs {
public:
   explicit Inputs(draw_context *draw) : draw_(draw)
   {
      mapper_.real = draw->pipe;
      mapper_.base.screen = draw->pipe->screen;
      mapper_.base.texture_map = Mapper::map;
      mapper_.base.texture_unmap = Mapper::unmap;
   }
   Inputs(const Inputs &) = delete;
   Inputs &operator=(const Inputs &) = delete;
   ~Inputs()
   {
      for (unsigned i = 0; sampler_ && i < PIPE_MAX_SHADER_SAMPLER_VIEWS; i++) {
         if (softpipe_tex_tile_cache *cache = sampler_->sp_sview[i].cache) {
            sp_tex_tile_cache_set_sampler_view(cache, nullptr); // unmaps
            sp_destroy_tex_tile_cache(cache);
         }
      }
   }

   draw_context *draw() const { return draw_; }

   // Softpipe's sampler with the view in place; nullptr where nothing can be read.
   sp_tgsi_sampler *with_view(unsigned slot)
   {
      const pipe_sampler_view *view = bound_view(slot);
      if (!view || view->target == PIPE_BUFFER || view->texture->target == PIPE_BUFFER)
         return nullptr;
      if (!sampler_)
         sampler_.reset(sp_create_tgsi_sampler());
      if (!sampler_)
         return nullptr;
      sp_sampler_view &v = sampler_->sp_sview[slot];
      if (v.cache)
         return sampler_.get();
      v.cache = sp_create_tex_tile_cache(&mapper_.base);
      if (!v.cache)
         return nullptr;
      v.base = *view;
      sp_tex_tile_cache_set_sampler_view(v.cache, &v.base);
      v.need_swizzle = view->swizzle_r != PIPE_SWIZZLE_X || view->swizzle_g != PIPE_SWIZZLE_Y ||
                       view->swizzle_b != PIPE_SWIZZLE_Z || view->swizzle_a != PIPE_SWIZZLE_W;
      v.need_cube_convert =
         view->target == PIPE_TEXTURE_CUBE || view->target == PIPE_TEXTURE_CUBE_ARRAY;
      v.oneval = util_format_is_pure_integer(view->format) ? uif(1) : 1.0f;
      v.compute_lambda = softpipe_get_lambda_func(&v.base, PIPE_SHADER_VERTEX);
      v.compute_lambda_from_grad = softpipe_get_lambda_from_grad_func(&v.base, PIPE_SHADER_VERTEX);
      return sampler_.get();
   }

   // The same with a sampler state as well.
   sp_tgsi_sampler *with_sampler(unsigned view_slot, unsigned slot)
   {
      const pipe_sampler_state *const *bound = draw_->samplers[PIPE_SHADER_VERTEX];
      if (slot >= draw_->num_samplers[PIPE_SHADER_VERTEX] || !bound[slot])
         return nullptr;
      sp_tgsi_sampler *s = with_view(view_slot);
      if (!s)
         return nullptr;
      if (!samplers_[slot]) {
         pipe_sampler_state state = *bound[slot];
         state.max_anisotropy = 0; // without derivatives there is none
         for (float *f : {&state.lod_bias, &state.min_lod, &state.max_lod})
            *f = std::isfinite(*f) ? *f : 0.0f;
         samplers_[slot].reset(
            static_cast<sp_sampler *>(softpipe_create_sampler_state(nullptr, &state)));
      }
      s->sp_sampler[slot] = samplers_[slot].get();
      return samplers_[slot] ? s : nullptr;
   }

   // A buffer that is read as a texture.
   const MappedBuffer *texture_buffer(unsigned slot, const pipe_sampler_view *&view)
   {
      view = bound_view(slot);
      if (!view || view->texture->target != PIPE_BUFFER)
         return nullptr;
      if (!buffers_[slot]) {
         buffers_[slot] = std::make_unique<MappedBuffer>(
            draw_->pipe, view->texture, view->u.buf.offset, view->u.buf.size, PIPE_MAP_READ);
      }
      return buffers_[slot].get();
   }

   // Softpipe's images with the view in place, and the call's parameters with a format; nullptr where
   // there is nothing.
   sp_tgsi_image *with_image(tgsi_image_params &params)
   {
      const unsigned slot = params.unit;
      if (slot >= images_.size() || slot >= draw_->num_images[PIPE_SHADER_VERTEX])
         return nullptr;
      const pipe_image_view *bound = draw_->images[PIPE_SHADER_VERTEX][slot];
      if (!bound || !bound->resource)
         return nullptr;
      if (params.format == PIPE_FORMAT_NONE)
         params.format = bound->format;
      if (util_format_get_blocksize(params.format) > util_format_get_blocksize(bound->format))
         return nullptr;
      if (!image_)
         image_.reset(sp_create_tgsi_image());
      if (!image_)
         return nullptr;
      if (!images_[slot]) {
         images_[slot] = std::make_unique<Image>(draw_->pipe, *bound);
         image_->sp_iview[slot] = images_[slot]->view();
      }
      return image_.get();
   }

   void *shader_buffer(unsigned slot, uint32_t &size) const
   {
      size = 0;
      const auto &user = draw_->pt.user;
      if (slot >= std::size(user.vs_ssbos) || !user.vs_ssbos[slot])
         return nullptr;
      size = user.vs_ssbos_size[slot];
      return const_cast<void *>(user.vs_ssbos[slot]);
   }

private:
   const pipe_sampler_view *bound_view(unsigned slot) const
   {
      if (slot >= draw_->num_sampler_views[PIPE_SHADER_VERTEX])
         return nullptr;
      const pipe_sampler_view *view = draw_->sampler_views[PIPE_SHADER_VERTEX][slot];
      // Formats that only GPUs can read.
      if (!view || !view->texture || !util_format_unpack_description(view->format) ||
          (!util_format_unpack_description(view->format)->unpack_rgba &&
           !util_format_is_depth_or_stencil(view->format)))
         return nullptr;
      return view;
   }

   draw_context *draw_;
   Mapper mapper_;
   std::unique_ptr<sp_tgsi_sampler, Freed> sampler_;
   std::unique_ptr<sp_tgsi_image, Freed> image_;
   std::array<std::unique_ptr<sp_sampler, Freed>, PIPE_MAX_SAMPLERS> samplers_;
   std::array<std::unique_ptr<MappedBuffer>, PIPE_MAX_SHADER_SAMPLER_VIEWS> buffers_;
   std::array<std::unique_ptr<Image>, PIPE_MAX_SHADER_IMAGES> images_;
};

// Of the draw that this thread is in. The interpreter remembers the addresses of the sampler, the
// images and the buffers across draws, so these are the same for every draw context.
thread_local std::unique_ptr<Inputs> current;

// Coordinates that softpipe's integers can hold.
struct Coordinates {
   float v[TGSI_QUAD_SIZE];

   explicit Coordinates(const float *from)
   {
      constexpr float far = 1 << 20;
      for (int i = 0; i < TGSI_QUAD_SIZE; i++)
         v[i] = std::isfinite(from[i]) ? std::clamp(from[i], -far, far) : 0.0f;
   }
};

void get_samples(tgsi_sampler *, unsigned view, unsigned sampler, const float *s, const float *t,
                 const float *r, const float *c0, const float *c1,
                 float derivs[3][2][TGSI_QUAD_SIZE], const int8_t offset[3],
                 tgsi_sampler_control control, Texels rgba)
{
   sp_tgsi_sampler *softpipe = current ? current->with_sampler(view, sampler) : nullptr;
   if (!softpipe)
      return clear(rgba);
   float finite[3][2][TGSI_QUAD_SIZE] = {};
   if (control == TGSI_SAMPLER_DERIVS_EXPLICIT) {
      for (int i = 0; i < 3; i++) {
         for (int j = 0; j < 2; j++)
            std::memcpy(finite[i][j], Coordinates(derivs[i][j]).v, sizeof(finite[i][j]));
      }
   }
   // The component to gather is an integer in c1, which as a number is next to nothing and so stays.
   softpipe->base.get_samples(&softpipe->base, view, sampler, Coordinates(s).v, Coordinates(t).v,
                              Coordinates(r).v, Coordinates(c0).v, Coordinates(c1).v, finite, offset,
                              control, rgba);
}

void get_dims(tgsi_sampler *, unsigned slot, int level, int dims[4])
{
   std::fill_n(dims, 4, 0);
   const pipe_sampler_view *view = nullptr;
   if (!current)
      return;
   if (const MappedBuffer *buffer = current->texture_buffer(slot, view)) {
      dims[0] = buffer->size() / util_format_get_blocksize(view->format);
      return;
   }
   if (sp_tgsi_sampler *softpipe = current->with_view(slot))
      softpipe->base.get_dims(&softpipe->base, slot, level, dims);
}

void get_texel(tgsi_sampler *, unsigned slot, const int *i, const int *j, const int *k,
               const int *lod, const int8_t offset[3], Texels rgba)
{
   clear(rgba);
   if (!current)
      return;
   const pipe_sampler_view *view = nullptr;
   const MappedBuffer *buffer = current->texture_buffer(slot, view);
   if (!buffer) {
      if (sp_tgsi_sampler *softpipe = current->with_view(slot))
         softpipe->base.get_texel(&softpipe->base, slot, i, j, k, lod, offset, rgba);
      return;
   }
   const uint32_t bytes = util_format_get_blocksize(view->format);
   const float one = util_format_is_pure_integer(view->format) ? uif(1) : 1.0f;
   const unsigned swizzle[] = {view->swizzle_r, view->swizzle_g, view->swizzle_b, view->swizzle_a};
   for (int n = 0; n < TGSI_QUAD_SIZE; n++) {
      if (i[n] < 0 || uint32_t(i[n]) >= buffer->size() / bytes)
         continue;
      float texel[4] = {};
      util_format_unpack_rgba(view->format, texel, buffer->data() + size_t(i[n]) * bytes, 1);
      for (int c = 0; c < TGSI_NUM_CHANNELS; c++) {
         if (swizzle[c] <= PIPE_SWIZZLE_W)
            rgba[c][n] = texel[swizzle[c]];
         else
            rgba[c][n] = swizzle[c] == PIPE_SWIZZLE_1 ? one : 0.0f;
      }
   }
}

void query_lod(const tgsi_sampler *, unsigned view, unsigned sampler, const float *s, const float *t,
               const float *r, const float *c0, tgsi_sampler_control control, float *mipmap, float *lod)
{
   sp_tgsi_sampler *softpipe = current ? current->with_sampler(view, sampler) : nullptr;
   if (softpipe) {
      softpipe->base.query_lod(&softpipe->base, view, sampler, Coordinates(s).v, Coordinates(t).v,
                               Coordinates(r).v, Coordinates(c0).v, control, mipmap, lod);
   } else {
      std::fill_n(mipmap, TGSI_QUAD_SIZE, 0.0f);
      std::fill_n(lod, TGSI_QUAD_SIZE, 0.0f);
   }
}

void load_image(const tgsi_image *, const tgsi_image_params *asked, const int *s, const int *t,
                const int *r, const int *sample, Texels rgba)
{
   clear(rgba);
   tgsi_image_params params = *asked;
   if (sp_tgsi_image *softpipe = current ? current->with_image(params) : nullptr)
      softpipe->base.load(&softpipe->base, &params, s, t, r, sample, rgba);
}

void store_image(const tgsi_image *, const tgsi_image_params *asked, const int *s, const int *t,
                 const int *r, const int *sample, Texels rgba)
{
   tgsi_image_params params = *asked;
   if (sp_tgsi_image *softpipe = current ? current->with_image(params) : nullptr)
      softpipe->base.store(&softpipe->base, &params, s, t, r, sample, rgba);
}

void change_image(const tgsi_image *, const tgsi_image_params *asked, tgsi_opcode opcode, const int *s,
                  const int *t, const int *r, const int *sample, Texels rgba, Texels rgba2)
{
   tgsi_image_params params = *asked;
   if (sp_tgsi_image *softpipe = current ? current->with_image(params) : nullptr)
      softpipe->base.op(&softpipe->base, &params, opcode, s, t, r, sample, rgba, rgba2);
   else
      clear(rgba);
}

void get_image_dims(const tgsi_image *, const tgsi_image_params *asked, int dims[4])
{
   std::fill_n(dims, 4, 0);
   tgsi_image_params params = *asked;
   if (sp_tgsi_image *softpipe = current ? current->with_image(params) : nullptr) {
      if (softpipe->sp_iview[params.unit].resource)
         softpipe->base.get_dims(&softpipe->base, &params, dims);
   }
}

void *find_buffer(const tgsi_buffer *, uint32_t slot, uint32_t *size)
{
   *size = 0;
   return current ? current->shader_buffer(slot, *size) : nullptr;
}

tgsi_sampler sampler_calls = {get_samples, get_dims, get_texel, query_lod};
tgsi_image image_calls = {load_image, store_image, change_image, get_image_dims};
tgsi_buffer buffer_calls = {find_buffer};

} // namespace

} // namespace virgl

void __wrap_draw_vbo(draw_context *draw, const pipe_draw_info *info, unsigned drawid,
                     const pipe_draw_indirect_info *indirect,
                     const pipe_draw_start_count_bias *draws, unsigned num_draws,
                     uint8_t patch_vertices)
{
   using namespace virgl;
   if (!current || current->draw() != draw) {
      current.reset(); // before the next one maps anything
      current = std::make_unique<Inputs>(draw);
   }
   __real_draw_vbo(draw, info, drawid, indirect, draws, num_draws, patch_vertices);
}

// The state tracker binds the shader before each of its draws, at which the interpreter is told what it
// has, and binds nothing when it is through. What it mapped it has unmapped by then, and what the next
// draw does not set would stay: so it is forgotten here.
void __wrap_draw_bind_vertex_shader(draw_context *draw, draw_vertex_shader *shader)
{
   using namespace virgl;
   if (shader) {
      draw_texture_sampler(draw, PIPE_SHADER_VERTEX, &sampler_calls);
      draw_image(draw, PIPE_SHADER_VERTEX, &image_calls);
      draw_buffer(draw, PIPE_SHADER_VERTEX, &buffer_calls);
      __real_draw_bind_vertex_shader(draw, shader);
      return;
   }
   __real_draw_bind_vertex_shader(draw, nullptr);
   current.reset();
   // The interpreter knows a shader by the address of its tokens, at which the next one may lie when this
   // one is deleted (vs_exec_prepare).
   if (draw->vs.tgsi.machine)
      tgsi_exec_machine_bind_shader(draw->vs.tgsi.machine, nullptr, nullptr, nullptr, nullptr);
   for (unsigned i = 1; i < PIPE_MAX_CONSTANT_BUFFERS; i++)
      draw_set_mapped_constant_buffer(draw, PIPE_SHADER_VERTEX, i, nullptr, 0);
   for (unsigned i = 0; i < PIPE_MAX_SHADER_BUFFERS; i++)
      draw_set_mapped_shader_buffer(draw, PIPE_SHADER_VERTEX, i, nullptr, 0);
}

draw_vertex_shader *__wrap_draw_create_vertex_shader(draw_context *draw,
                                                     const pipe_shader_state *state)
{
   if (state->type == PIPE_SHADER_IR_NIR) {
      auto *nir = static_cast<nir_shader *>(state->ir.nir);
      virgl::lower_subgroups(nir, false);
      virgl::lower_float_atomics(nir);
   }
   return __real_draw_create_vertex_shader(draw, state);
}
