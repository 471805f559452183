// SPDX-License-Identifier: MIT
// Resources across processes and APIs: DRI's images, GBM's buffers, EGL's dma-bufs.
//
// The picture of a shared resource lives in the host's storage, which all contexts of the device
// share; the guest pages that a dma-buf exports are only where transfers end. So an import is
// nothing but a reference to the same host resource, and needs no copy and no flush beyond the
// submission that Gallium asks for anyway. A picture of another shape inside the same pages is
// another matter: the host knows one format and size per resource (see PlaneOf).
#include <cstdint>

#include <unistd.h>

#include "drm-uapi/drm_fourcc.h"
#include "frontend/winsys_handle.h"
#include "util/format/u_format.h"

#include "gallium/winsys/virgl/common/layout.hpp"

#include "context.hpp"
#include "resource.hpp"
#include "screen.hpp"

namespace virgl {

namespace {

bool share_kind(unsigned type, ShareKind &kind)
{
   switch (type) {
   case WINSYS_HANDLE_TYPE_SHARED:
      kind = ShareKind::flink;
      return true;
   case WINSYS_HANDLE_TYPE_KMS:
      kind = ShareKind::kms;
      return true;
   case WINSYS_HANDLE_TYPE_FD:
      kind = ShareKind::dma_buf;
      return true;
   default:
      return false;
   }
}

// Rows in guest memory follow each other as transfers leave them, so linear is the one layout there
// is; who does not speak of modifiers means the same.
bool modifier_known(uint64_t modifier)
{
   return modifier == DRM_FORMAT_MOD_LINEAR || modifier == DRM_FORMAT_MOD_INVALID;
}

// Whether the picture is one that guest memory can hold, at the stride the exporter names.
bool fits(const Resource &res, const winsys_handle &whandle)
{
   return res.layout.total <= INT32_MAX &&
          (whandle.stride == 0 || whandle.stride >= res.layout.stride[0]);
}

// What `bo`, in the host's eyes, has to do with the picture that `desc` describes. Of what another
// process made the kernel tells only the size. But guest memory has rows without gaps, so a picture of
// other rows is a part of it, of which only the memory is known; one of fewer pages is its beginning.
enum class Relation { same, beginning, part };
Relation relation(const Bo &bo, const ResourceDesc &desc, uint32_t offset, uint32_t stride)
{
   if (bo.imported()) {
      static const auto page = uint64_t(sysconf(_SC_PAGESIZE));
      if (offset != 0 || stride != row_bytes(desc, desc.width))
         return Relation::part;
      return bo.size() <= (uint64_t(desc.size) + page - 1) / page * page ? Relation::same
                                                                         : Relation::beginning;
   }
   const ResourceDesc &has = bo.desc();
   return offset == 0 && has.target == desc.target && has.width == desc.width &&
                has.height == desc.height && has.block == desc.block
             ? Relation::same
             : Relation::part;
}

// What hosts can make an image of a dma-buf from, of one plane (virglrenderer, virgl_gbm_convert_format).
bool host_imports(proto::Format format)
{
   using proto::Format;
   switch (format) {
   case Format::B5G6R5_UNORM:
   case Format::B8G8R8A8_UNORM:
   case Format::B8G8R8X8_UNORM:
   case Format::R8G8B8A8_UNORM:
   case Format::R8G8B8X8_UNORM:
   case Format::R10G10B10A2_UNORM:
   case Format::R16G16B16A16_FLOAT:
   case Format::R8_UNORM:
      return true;
   default:
      return false;
   }
}

// Tells the host what an imported blob is a picture of, before anything names it: naming an untyped one,
// or telling what the host cannot take, ends its context. Who had made it known to the host before us is
// believed (virglrenderer, vrend_renderer_pipe_resource_set_type). A submission of its own, since the host's
// context has the types, not the sub-contexts; and a second picture in the same blob cannot be had.
bool tell_picture(Screen &screen, const pipe_resource &t, Bo &bo, const ResourceDesc &desc,
                  const winsys_handle &whandle, uint32_t stride)
{
   if (!bo.host_memory() || !screen.has2(proto::cap2::untyped_resource) ||
       t.target != PIPE_TEXTURE_2D || t.next || whandle.plane != 0 || !host_imports(desc.format))
      return false;
   const Bo::Picture picture{.format = desc.format,
                             .width = desc.width,
                             .height = desc.height,
                             .stride = stride,
                             .offset = whandle.offset,
                             .modifier = whandle.modifier};
   std::lock_guard hold(screen.pictures_lock);
   if (bo.picture)
      return *bo.picture == picture;
   const proto::PlaneLayout plane{.stride = stride, .offset = whandle.offset};
   const proto::PipeResourceSetType packet{.resource = bo.handle(),
                                           .format = desc.format,
                                           .bind = desc.bind,
                                           .width = desc.width,
                                           .height = desc.height,
                                           .modifier = whandle.modifier,
                                           .planes = {&plane, 1}};
   std::array<uint32_t, 1 + proto::PipeResourceSetType::fixed_dwords + 2> commands;
   packet.write(commands.data());
   Bo *const named[] = {&bo};
   if ((screen.observer && !screen.observer->look(commands)) ||
       screen.ws->submit(commands, named, -1, nullptr) == 0)
      return false;
   bo.picture = picture;
   return true;
}

bool find_storage(Screen &screen, Resource &res, const SharedHandle &handle,
                  const winsys_handle &whandle)
{
   const ResourceDesc desc = describe_texture(screen, res.base.b, res.layout);
   BoRef bo = screen.ws->import_resource(handle, desc);
   if (!bo)
      return false;
   const uint32_t stride = whandle.stride ? whandle.stride : res.layout.stride[0];
   const uint64_t rows = util_format_get_nblocksy(res.base.b.format, res.base.b.height0);
   // The last row need not be whole.
   const uint64_t end = whandle.offset + stride * (rows - 1) + res.layout.stride[0];
   if (end > bo->size())
      return false;

   res.host_only = bo->untyped();
   if (res.host_only && !tell_picture(screen, res.base.b, *bo, desc, whandle, stride))
      return false;
   const Relation to_memory =
      res.host_only ? Relation::same : relation(*bo, desc, whandle.offset, stride);
   if (to_memory == Relation::same) {
      res.storage->bo = std::move(bo);
      // Read-backs leave rows as far apart as the exporter has them.
      res.layout.level_offset[0] = whandle.offset;
      res.layout.stride[0] = stride;
      res.layout.layer_stride[0] = uint32_t(stride * rows);
      res.layout.total = end;
      return true;
   }
   if (!screen.copies_from_staging())
      return false;
   res.storage->bo = screen.ws->create_resource(desc);
   res.plane = std::make_unique<PlaneOf>(
      PlaneOf{.memory = std::move(bo),
              .offset = whandle.offset,
              .stride = stride,
              .of_picture = to_memory == Relation::beginning});
   return bool(res.storage->bo);
}

pipe_resource *resource_from_handle(pipe_screen *pscreen, const pipe_resource *templ,
                                    winsys_handle *whandle, unsigned /*usage*/)
{
   Screen &screen = Screen::from(pscreen);
   SharedHandle handle;
   const bool picture = (templ->target == PIPE_TEXTURE_2D || templ->target == PIPE_TEXTURE_RECT) &&
                        templ->last_level == 0 && templ->array_size <= 1 && templ->nr_samples <= 1;
   if (!screen.ws->features().sharing || !picture || !share_kind(whandle->type, handle.kind) ||
       !modifier_known(whandle->modifier) || !texture_fits_host(screen, *templ))
      return nullptr;
   if (handle.kind == ShareKind::dma_buf)
      handle.fd = int(whandle->handle);
   else
      handle.name = whandle->handle;

   Resource *res = resource_allocate(screen, templ);
   pipe_resource &t = res->base.b;
   t.next = templ->next; // planes are imported from the last to the first
   res->layout = texture_layout(t);
   res->explicit_modifier = whandle->modifier != DRM_FORMAT_MOD_INVALID;
   res->base.is_shared = true;
   if (!fits(*res, *whandle) || !find_storage(screen, *res, handle, *whandle)) {
      resource_discard(res);
      return nullptr;
   }
   // Whoever has it besides may have drawn to it.
   res->storage->host_writes(0, t.width0);
   return &t;
}

// Plane `n` of a picture that consists of several.
Resource *plane_of(pipe_resource *resource, unsigned n)
{
   while (resource && n-- > 0)
      resource = resource->next;
   return resource ? Resource::from(resource) : nullptr;
}

// As others see the memory.
uint32_t stride_of(const Resource &res, unsigned level)
{
   return res.plane ? res.plane->stride : res.layout.stride[level];
}

uint32_t offset_of(const Resource &res, unsigned level, unsigned layer)
{
   return res.plane ? res.plane->offset
                    : res.layout.level_offset[level] + layer * res.layout.layer_stride[level];
}

uint64_t modifier_of(const Resource &res)
{
   return res.explicit_modifier ? DRM_FORMAT_MOD_LINEAR : DRM_FORMAT_MOD_INVALID;
}

bool export_as(Screen &screen, Resource &res, SharedHandle &handle)
{
   Bo *bo = res.plane ? res.plane->memory.get() : res.storage->bo.get();
   if (!bo || !screen.ws->features().sharing || !screen.ws->export_resource(*bo, handle))
      return false;
   // Its storage must stay the one that others have.
   res.base.is_shared = true;
   return true;
}

bool resource_get_handle(pipe_screen *pscreen, pipe_context *pipe, pipe_resource *resource,
                         winsys_handle *whandle, unsigned usage)
{
   Screen &screen = Screen::from(pscreen);
   Resource *res = plane_of(resource, whandle->plane);
   SharedHandle handle;
   if (!res || !share_kind(whandle->type, handle.kind) || !export_as(screen, *res, handle))
      return false;
   if (pipe && !(usage & PIPE_HANDLE_USAGE_EXPLICIT_FLUSH))
      pipe->flush_resource(pipe, resource);
   whandle->handle = handle.kind == ShareKind::dma_buf ? unsigned(handle.fd) : handle.name;
   whandle->stride = stride_of(*res, 0);
   whandle->offset = offset_of(*res, 0, 0);
   whandle->modifier = modifier_of(*res);
   whandle->size = res->plane ? res->plane->memory->size() : res->bo().size();
   return true;
}

bool resource_get_param(pipe_screen *pscreen, pipe_context *, pipe_resource *resource,
                        unsigned plane, unsigned layer, unsigned level,
                        enum pipe_resource_param param, unsigned /*usage*/, uint64_t *value)
{
   if (param == PIPE_RESOURCE_PARAM_NPLANES) {
      *value = 0;
      for (const pipe_resource *p = resource; p; p = p->next)
         ++*value;
      return true;
   }
   Resource *res = plane_of(resource, plane);
   if (!res || res->is_buffer() || level >= TextureLayout::max_levels)
      return false;

   SharedHandle handle;
   switch (param) {
   case PIPE_RESOURCE_PARAM_STRIDE:
      *value = stride_of(*res, level);
      return true;
   case PIPE_RESOURCE_PARAM_LAYER_STRIDE:
      *value = res->layout.layer_stride[level];
      return true;
   case PIPE_RESOURCE_PARAM_OFFSET:
      *value = offset_of(*res, level, layer);
      return true;
   case PIPE_RESOURCE_PARAM_MODIFIER:
      *value = modifier_of(*res);
      return true;
   case PIPE_RESOURCE_PARAM_HANDLE_TYPE_SHARED:
      handle.kind = ShareKind::flink;
      break;
   case PIPE_RESOURCE_PARAM_HANDLE_TYPE_KMS:
      handle.kind = ShareKind::kms;
      break;
   case PIPE_RESOURCE_PARAM_HANDLE_TYPE_FD:
      handle.kind = ShareKind::dma_buf;
      break;
   default:
      return false;
   }
   if (!export_as(Screen::from(pscreen), *res, handle))
      return false;
   *value = handle.kind == ShareKind::dma_buf ? uint32_t(handle.fd) : handle.name;
   return true;
}

// --- modifiers -----------------------------------------------------------------------------------

pipe_resource *resource_create_with_modifiers(pipe_screen *pscreen, const pipe_resource *templ,
                                              const uint64_t *modifiers, int count)
{
   const std::span allowed(modifiers, size_t(std::max(count, 0)));
   const auto has = [&](uint64_t m) { return std::ranges::find(allowed, m) != allowed.end(); };
   const bool linear = has(DRM_FORMAT_MOD_LINEAR);
   if (!linear && !has(DRM_FORMAT_MOD_INVALID))
      return nullptr;
   pipe_resource shared = *templ;
   shared.bind |= PIPE_BIND_SHARED;
   pipe_resource *resource = pscreen->resource_create(pscreen, &shared);
   if (resource)
      Resource::from(resource)->explicit_modifier = linear;
   return resource;
}

// Pictures of more planes are made of textures of their own, one per plane, and only sampled together.
bool only_external(pipe_screen *pscreen, pipe_format format)
{
   return util_format_is_yuv(format) || !format_supported(Screen::from(pscreen), format, PIPE_TEXTURE_2D,
                                                          0, 0, PIPE_BIND_SAMPLER_VIEW);
}

void query_dmabuf_modifiers(pipe_screen *pscreen, pipe_format format, int max, uint64_t *modifiers,
                            unsigned *external_only, int *count)
{
   *count = 1;
   if (max < 1)
      return;
   modifiers[0] = DRM_FORMAT_MOD_LINEAR;
   if (external_only)
      external_only[0] = only_external(pscreen, format);
}

bool is_dmabuf_modifier_supported(pipe_screen *pscreen, uint64_t modifier, pipe_format format,
                                  bool *external_only)
{
   if (modifier != DRM_FORMAT_MOD_LINEAR)
      return false;
   if (external_only)
      *external_only = only_external(pscreen, format);
   return true;
}

unsigned get_dmabuf_modifier_planes(pipe_screen *, uint64_t, pipe_format format)
{
   return util_format_get_num_planes(format);
}

// Every linear picture can be scanned out: the host shows its own storage.
bool check_resource_capability(pipe_screen *pscreen, pipe_resource *resource, unsigned bind)
{
   return !(bind & PIPE_BIND_SCANOUT) ||
          format_supported(Screen::from(pscreen), resource->format, resource->target, 0, 0,
                           PIPE_BIND_SCANOUT);
}

} // namespace

void screen_init_sharing(Screen &screen)
{
   pipe_screen &s = screen.base;
   s.resource_from_handle = resource_from_handle;
   s.resource_get_handle = resource_get_handle;
   if (!screen.ws->features().sharing)
      return;
   s.resource_get_param = resource_get_param;
   s.resource_create_with_modifiers = resource_create_with_modifiers;
   s.query_dmabuf_modifiers = query_dmabuf_modifiers;
   s.is_dmabuf_modifier_supported = is_dmabuf_modifier_supported;
   s.get_dmabuf_modifier_planes = get_dmabuf_modifier_planes;
   s.check_resource_capability = check_resource_capability;
}

} // namespace virgl
