// SPDX-License-Identifier: MIT
#include "resource.hpp"

#include <cstdint>
#include <cstring>

#include "frontend/sw_winsys.h"
#include "util/format/u_format.h"
#include "util/u_math.h"

#include "context.hpp"
#include "floating.hpp"
#include "formats.hpp"
#include "limits.hpp"
#include "red_blue.hpp"
#include "screen.hpp"

namespace virgl {

namespace {

// Layers of a level as the guest memory holds them.
unsigned layers_of(const pipe_resource &t, unsigned level)
{
   if (t.target == PIPE_TEXTURE_3D)
      return u_minify(t.depth0, level);
   return t.target == PIPE_TEXTURE_CUBE ? 6 : std::max<unsigned>(t.array_size, 1);
}

// Buffers of nearly the same size should be able to take each other's place in the winsys' cache.
uint32_t buffer_size_class(uint32_t size)
{
   const uint32_t step = size <= 4096 ? 256 : 4096;
   return size > UINT32_MAX - step ? size : (size + step - 1) / step * step;
}

// Where the guest can map the host's storage, a buffer that is going to stay mapped is such storage and
// needs none of coherent.hpp. Not what lives shortly: blobs are made without a cache.
BoRef create_mapped_buffer(const Screen &screen, const pipe_resource &t)
{
   constexpr unsigned wanted = PIPE_RESOURCE_FLAG_MAP_PERSISTENT | PIPE_RESOURCE_FLAG_MAP_COHERENT;
   if (!(t.flags & PIPE_RESOURCE_FLAG_MAP_PERSISTENT) || t.usage == PIPE_USAGE_STREAM ||
       (t.flags & ~wanted) || !screen.has(proto::cap::arb_buffer_storage) ||
       !screen.ws->features().host_blobs)
      return {};
   ResourceDesc desc = describe_buffer(screen, t);
   desc.flags = proto::resource_flag::map_persistent | proto::resource_flag::map_coherent;
   BoRef blob = screen.ws->create_blob(desc, BlobKind::host_mapped);
   return blob && blob->map() ? std::move(blob) : BoRef{};
}

// Without a resource on the host, at least for now; see floating.hpp.
bool may_float(const Screen &screen, const pipe_resource &t)
{
   constexpr unsigned bind = PIPE_BIND_VERTEX_BUFFER | PIPE_BIND_INDEX_BUFFER |
                             PIPE_BIND_CONSTANT_BUFFER;
   return t.width0 <= floating_bytes && t.flags == 0 && !(t.bind & ~bind) &&
          screen.copies_from_staging() && screen.limits->uniform_buffer_alignment <= 256;
}

pipe_resource *create(pipe_screen *pscreen, const pipe_resource *templ, const void *front)
{
   Screen &screen = Screen::from(pscreen);
   Resource *res = resource_allocate(screen, templ);
   pipe_resource &t = res->base.b;

   if (res->is_buffer()) {
      if (t.flags & resource_flag_constants) {
         if (t.width0 == ConstantBlocks::bytes)
            res->storage->cpu = screen.constant_blocks.take();
         if (!res->storage->cpu && !res->storage->allocate_cpu(t.width0)) {
            resource_discard(res);
            return nullptr;
         }
      } else if (may_float(screen, t)) {
         // As large as what it is going to settle in, which may be read back whole.
         const uint32_t size = buffer_size_class(std::max(t.width0, 1u));
         if (!res->storage->allocate_cpu(size)) {
            resource_discard(res);
            return nullptr;
         }
         std::memset(res->storage->cpu.get(), 0, size);
         res->storage->floating.floats = true;
      } else {
         res->storage->bo = create_mapped_buffer(screen, t);
         res->storage->host_memory = bool(res->storage->bo);
         if (!res->storage->bo)
            res->storage->bo = screen.ws->create_resource(describe_buffer(screen, t));
      }
      res->base.buffer_id_unique = util_idalloc_mt_alloc(&screen.buffer_ids);
   } else {
      const bool fits = texture_fits_host(screen, t);
      if (fits)
         res->layout = texture_layout(t);
      // The protocol counts bytes of guest memory in 32 bits.
      if (!fits || res->layout.total > INT32_MAX) {
         resource_discard(res);
         return nullptr;
      }
      if (screen.sws && (t.bind & (PIPE_BIND_DISPLAY_TARGET | PIPE_BIND_SCANOUT)) &&
          t.target != PIPE_TEXTURE_3D) {
         res->dt = screen.sws->displaytarget_create(screen.sws, t.bind, t.format, t.width0,
                                                    t.height0, 64, front, &res->dt_stride);
         res->red_first = res->dt && wants_red_first(screen, t);
      }
      ResourceDesc desc = describe_texture(screen, t, res->layout);
      desc.format = host_format(*res, t.format);
      res->storage->bo = screen.ws->create_resource(desc);
   }

   if (!res->storage->bo && !res->storage->cpu) {
      pscreen->resource_destroy(pscreen, &t);
      return nullptr;
   }
   return &t;
}

pipe_resource *resource_create(pipe_screen *screen, const pipe_resource *templ)
{
   return create(screen, templ, nullptr);
}

void resource_destroy(pipe_screen *pscreen, pipe_resource *resource)
{
   Screen &screen = Screen::from(pscreen);
   Resource *res = Resource::from(resource);
   if (res->dt)
      screen.sws->displaytarget_destroy(screen.sws, res->dt);
   if (res->base.buffer_id_unique)
      util_idalloc_mt_free(&screen.buffer_ids, res->base.buffer_id_unique);
   // Nobody else has the storage of such a buffer: it is never replaced or shared.
   if ((resource->flags & resource_flag_constants) && resource->width0 == ConstantBlocks::bytes &&
       res->storage->cpu && res->storage.use_count() == 1)
      screen.constant_blocks.give(std::move(res->storage->cpu));
   resource_discard(res);
}

} // namespace

ResourceDesc describe_buffer(const Screen &screen, const pipe_resource &t)
{
   ResourceDesc desc;
   desc.target = PIPE_BUFFER;
   desc.format = proto::Format::R8_UNORM;
   desc.bind = host_bind(screen, t);
   desc.width = desc.size = buffer_size_class(std::max(t.width0, 1u));
   return desc;
}

// A host refuses what is larger after the kernel has said yes; then the first command that names the
// resource ends the context (virglrenderer, check_resource_valid).
bool texture_fits_host(const Screen &screen, const pipe_resource &t)
{
   const Limits &l = *screen.limits;
   const auto edge = [](uint32_t levels) { return levels ? 1u << (levels - 1) : 0; };
   uint32_t largest = l.texture_2d_size, depth = 1;
   if (t.target == PIPE_TEXTURE_3D)
      largest = depth = edge(l.texture_3d_levels);
   else if (t.target == PIPE_TEXTURE_CUBE || t.target == PIPE_TEXTURE_CUBE_ARRAY)
      largest = edge(l.texture_cube_levels);
   return t.width0 >= 1 && t.width0 <= largest && t.height0 >= 1 && t.height0 <= largest &&
          t.depth0 >= 1 && t.depth0 <= depth && t.array_size <= std::max(l.texture_array_layers, 6u) &&
          t.last_level < TextureLayout::max_levels;
}

TextureLayout texture_layout(const pipe_resource &t)
{
   TextureLayout layout;
   for (unsigned level = 0; level <= t.last_level && level < TextureLayout::max_levels; level++) {
      const uint64_t stride = util_format_get_stride(t.format, u_minify(t.width0, level));
      const uint64_t rows = util_format_get_nblocksy(t.format, u_minify(t.height0, level));
      layout.level_offset[level] = uint32_t(layout.total);
      layout.stride[level] = uint32_t(stride);
      layout.layer_stride[level] = uint32_t(stride * rows);
      layout.total += stride * rows * layers_of(t, level);
   }
   return layout;
}

// Mesa draws depth and stencil in one go, with a view of each on one texture. Of views that look like
// the texture the host sets the mode, depth or stencil, on the texture itself, so the last one wins;
// to views of another target it gives GL views, each with a mode of its own. Not where there are
// levels: such a view gets its first one twice (virglrenderer, vrend_create_sampler_view and
// vrend_set_single_sampler_view). Nor where there is no stencil: a shadow sampler is swizzled by the host's
// shader, and of GL views the host does not take their own swizzle away (vrend_draw_bind_samplers_shader).
bool wants_host_array(const Screen &screen, const pipe_resource &t)
{
   return t.target == PIPE_TEXTURE_2D && t.last_level == 0 && t.nr_samples <= 1 &&
          (t.bind & PIPE_BIND_SAMPLER_VIEW) && !(t.bind & (PIPE_BIND_SHARED | PIPE_BIND_SCANOUT)) &&
          util_format_is_depth_and_stencil(t.format) &&
          screen.has(proto::cap::texture_view) && screen.limits->texture_array_layers > 1;
}

ResourceDesc describe_texture(const Screen &screen, const pipe_resource &t,
                              const TextureLayout &layout)
{
   ResourceDesc desc;
   desc.target = wants_host_array(screen, t) ? PIPE_TEXTURE_2D_ARRAY : t.target;
   desc.format = format_to_host(t.format);
   desc.bind = host_bind(screen, t);
   desc.width = t.width0;
   desc.height = t.height0;
   desc.depth = t.depth0;
   desc.array_size = t.array_size;
   desc.last_level = t.last_level;
   desc.nr_samples = t.nr_samples;
   // Multisampled textures are never transferred, so they need no guest memory.
   desc.size = t.nr_samples > 1 ? 0 : uint32_t(layout.total);
   desc.block = format_block(t.format);
   return desc;
}

Resource *resource_allocate(Screen &screen, const pipe_resource *templ)
{
   auto *res = new Resource{};
   res->base.b = *templ;
   res->base.b.screen = &screen.base;
   res->base.b.reference.count = 1;
   res->base.b.next = nullptr;
   res->storage = std::make_shared<Storage>();
   util_range_init(&res->unsent);
   threaded_resource_init(&res->base.b, false);
   return res;
}

void resource_discard(Resource *res)
{
   threaded_resource_deinit(&res->base.b);
   util_range_destroy(&res->unsent);
   delete res;
}

uint32_t host_bind(const Screen &screen, const pipe_resource &t)
{
   namespace bind = proto::bind;
   const unsigned b = t.bind;
   if (t.target == PIPE_BUFFER) {
      // A buffer made for texturing has a texture object on the host; the other flags only name the
      // GL target it is first bound to, so the order of the rest is a matter of taste.
      if (b & (PIPE_BIND_SAMPLER_VIEW | PIPE_BIND_SHADER_IMAGE))
         return bind::sampler_view;
      if (b & PIPE_BIND_CUSTOM)
         return bind::custom;
      if (b & PIPE_BIND_STREAM_OUTPUT)
         return bind::stream_output;
      if (b & PIPE_BIND_INDEX_BUFFER)
         return bind::index_buffer;
      if (b & PIPE_BIND_CONSTANT_BUFFER)
         return bind::constant_buffer;
      if (b & PIPE_BIND_SHADER_BUFFER)
         return bind::shader_buffer;
      if ((b & PIPE_BIND_QUERY_BUFFER) && screen.has(proto::cap::qbo))
         return bind::query_buffer;
      // Never command_args: the host uploads to such a buffer through the binding that its indirect draws
      // take, and does not bind it again for the next of them (virglrenderer, vrend_draw_vbo).
      return bind::vertex_buffer;
   }
   uint32_t host = 0;
   if (b & PIPE_BIND_DEPTH_STENCIL)
      host |= bind::depth_stencil;
   if (b & PIPE_BIND_RENDER_TARGET)
      host |= bind::render_target;
   if (b & PIPE_BIND_SAMPLER_VIEW)
      host |= bind::sampler_view;
   if (b & PIPE_BIND_DISPLAY_TARGET)
      host |= bind::display_target;
   if (b & PIPE_BIND_CURSOR)
      host |= bind::cursor;
   if (b & PIPE_BIND_SCANOUT)
      host |= bind::scanout;
   if (b & PIPE_BIND_SHARED)
      host |= bind::shared;
   if (b & PIPE_BIND_LINEAR)
      host |= bind::linear;
   if (format_emulated(screen, t.format))
      host |= bind::prefer_emulated_bgra;
   // The host refuses a texture that is good for nothing.
   if (!(host & (bind::depth_stencil | bind::render_target | bind::sampler_view | bind::cursor)))
      host |= bind::sampler_view;
   return host;
}

uint32_t texture_offset(const Resource &res, unsigned level, const pipe_box &box)
{
   const pipe_format format = res.base.b.format;
   return res.layout.level_offset[level] + box.z * res.layout.layer_stride[level] +
          box.y / util_format_get_blockheight(format) * res.layout.stride[level] +
          box.x / util_format_get_blockwidth(format) * util_format_get_blocksize(format);
}

void screen_init_resources(Screen &screen)
{
   pipe_screen &s = screen.base;
   s.resource_create = resource_create;
   s.resource_create_front = create;
   s.resource_destroy = resource_destroy;
   screen_init_sharing(screen);
}

} // namespace virgl
