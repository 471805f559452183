// SPDX-License-Identifier: MIT
// Textures between guest and host.
//
//  - Written without being read: the texels go to staging memory in a tight layout and from there to
//    the host in the order of the stream; nobody waits.
//  - Read (or partly written): the host fills the texture's guest memory, one layer after the other
//    (its read-back takes one, virglrenderer vrend_transfer_send_readpixels), and we wait.
//  - Multisampled, without guest memory, or of a format the host cannot read back: through a blit to a
//    texture that it can.
#include <cstring>

#include "util/format/u_format.h"
#include "util/u_box.h"
#include "util/u_inlines.h"
#include "util/u_surface.h"

#include "gallium/winsys/virgl/common/layout.hpp"

#include "context.hpp"
#include "formats.hpp"
#include "limits.hpp"
#include "red_blue.hpp"
#include "transfer.hpp"

namespace virgl {

namespace {

struct TightLayout {
   uint32_t stride, layer_stride;
   uint64_t size;
};

TightLayout tight_layout(pipe_format format, const pipe_box &box)
{
   TightLayout l;
   l.stride = util_format_get_stride(format, box.width);
   l.layer_stride = util_format_get_2d_size(format, l.stride, box.height);
   l.size = uint64_t(l.layer_stride) * box.depth;
   return l;
}

// Layers that one command may carry. Of cubes and one-dimensional arrays the host uploads only the
// first, and of compressed textures it counts the bytes of one (virglrenderer,
// vrend_renderer_transfer_write_iov).
int layers_per_command(const pipe_resource &t, int depth)
{
   const bool singly = t.target == PIPE_TEXTURE_CUBE || t.target == PIPE_TEXTURE_1D_ARRAY ||
                       util_format_is_compressed(t.format);
   return singly ? 1 : depth;
}

proto::Box host_box(const pipe_box &box, int z, int depth)
{
   return {box.x, box.y, box.z + z, box.width, box.height, depth};
}

void copy_to_host(Context &ctx, Resource &res, unsigned level, const pipe_box &box, Bo &src,
                  uint32_t src_offset, uint32_t stride, uint32_t layer_stride)
{
   const int step = layers_per_command(res.base.b, box.depth);
   for (int z = 0; z < box.depth; z += step) {
      const proto::CopyTransfer3d packet{
         .resource = res.handle(),
         .level = level,
         .stride = stride,
         .layer_stride = layer_stride,
         .box = host_box(box, z, step),
         .staging_resource = src.handle(),
         .staging_offset = src_offset + z * layer_stride,
         .synchronized = true,
      };
      ctx.make_room(1 + packet.payload_dwords());
      ctx.batch.reference(res.bo());
      ctx.batch.reference(src);
      ctx.batch.write(packet);
   }
   mark_host_written(res);
   ctx.texture_units_disturbed = true;
}

// Bytes of texels in one command of the stream.
constexpr uint32_t inline_command_bytes = 48 * 1024;

// The texels inside the stream, as many block rows at a time as fit into a command; rows that are
// longer than that in pieces.
void write_inline(Context &ctx, Resource &res, unsigned level, const pipe_box &box,
                  const std::byte *data, uint32_t stride, uint32_t layer_stride)
{
   const pipe_format format = res.base.b.format;
   const int block_height = util_format_get_blockheight(format);
   const uint32_t row_bytes = util_format_get_stride(format, box.width);
   if (row_bytes > inline_command_bytes) {
      const uint32_t block_bytes = util_format_get_blocksize(format);
      const int piece = int(inline_command_bytes / block_bytes) * util_format_get_blockwidth(format);
      for (int x = 0; x < box.width; x += piece) {
         pipe_box part = box;
         part.x = box.x + x;
         part.width = std::min(piece, box.width - x);
         write_inline(ctx, res, level, part, data, stride, layer_stride);
         data += inline_command_bytes / block_bytes * block_bytes;
      }
      return;
   }
   const int rows = util_format_get_nblocksy(format, box.height);
   const int rows_per_command = std::max<int>(1, inline_command_bytes / std::max(row_bytes, 1u));
   std::vector<std::byte> tight;
   for (int z = 0; z < box.depth; z++) {
      for (int row = 0; row < rows; row += rows_per_command) {
         const int n = std::min(rows_per_command, rows - row);
         tight.resize(size_t(row_bytes) * n);
         for (int i = 0; i < n; i++) {
            std::memcpy(tight.data() + size_t(i) * row_bytes,
                        data + size_t(z) * layer_stride + size_t(row + i) * stride, row_bytes);
         }
         if (res.red_first)
            swap_red_blue(tight.data(), tight.data(), tight.size());
         pipe_box part = box;
         part.y = box.y + row * block_height;
         part.height = std::min(n * block_height, box.height - row * block_height);
         const proto::ResourceInlineWrite packet{.resource = res.handle(),
                                                 .level = level,
                                                 .stride = row_bytes,
                                                 .layer_stride = row_bytes * n,
                                                 .box = host_box(part, z, 1),
                                                 .data = tight};
         ctx.make_room(1 + packet.payload_dwords());
         ctx.batch.reference(res.bo());
         ctx.batch.write(packet);
      }
   }
   mark_host_written(res);
   ctx.texture_units_disturbed = true;
}

// A texture the host cannot attach to a framebuffer is read by glGetTexImage, which knows no boxes: the
// host takes the rows from the origin of the layer and as wide as the box (virglrenderer,
// vrend_transfer_send_getteximage).
bool fetched_by_layer(const Screen &screen, const pipe_resource &t)
{
   return !util_format_is_depth_or_stencil(t.format) &&
          !proto::supports(screen.limits->render, format_to_host(t.format));
}

// Fetches a box into the texture's guest memory and waits.
bool read_back(Context &ctx, Resource &res, unsigned level, pipe_box box)
{
   if (fetched_by_layer(ctx.screen, res.base.b)) {
      box.x = box.y = 0;
      box.width = u_minify(res.base.b.width0, level);
      box.height = u_minify(res.base.b.height0, level);
   }
   Winsys &ws = *ctx.screen.ws;
   const bool in_stream = ws.features().encoded_transfers && ctx.screen.has(proto::cap::transfer);
   wait_for_others(ctx, res.bo());
   if (!in_stream)
      ctx.submit();
   for (int z = 0; z < box.depth; z++) {
      pipe_box layer = box;
      layer.z = box.z + z;
      layer.depth = 1;
      const uint32_t offset = texture_offset(res, level, layer);
      if (in_stream) {
         const proto::Transfer3d packet{.resource = res.handle(),
                                        .level = level,
                                        .stride = res.layout.stride[level],
                                        .layer_stride = res.layout.layer_stride[level],
                                        .box = host_box(layer, 0, 1),
                                        .data_offset = offset,
                                        .direction = proto::TransferDirection::from_host};
         ctx.make_room(1 + packet.payload_dwords());
         ctx.batch.reference(res.bo());
         ctx.batch.write(packet);
      } else if (!ws.transfer_from_host(res.bo(), level,
                                        {.x = uint32_t(layer.x),
                                         .y = uint32_t(layer.y),
                                         .z = uint32_t(layer.z),
                                         .width = uint32_t(layer.width),
                                         .height = uint32_t(layer.height),
                                         .depth = 1},
                                        {.offset = offset,
                                         .stride = res.layout.stride[level],
                                         .layer_stride = res.layout.layer_stride[level]})) {
         return false;
      }
   }
   ctx.texture_units_disturbed = true;
   if (in_stream) {
      ws.expect_wait();
      ctx.submit();
   }
   return ws.wait_idle(res.bo(), UINT64_MAX) && !ws.lost();
}

// --- through another texture ---------------------------------------------------------------------

// A format the host reads back and that holds what `format` holds.
pipe_format readable_twin(const Screen &screen, pipe_format format, unsigned bind)
{
   if (format_readable(screen, format))
      return format;
   const struct util_format_description *desc = util_format_description(format);
   if (bind & PIPE_BIND_DEPTH_STENCIL)
      return format; // depth is always readable
   if (util_format_is_pure_sint(format))
      return PIPE_FORMAT_R32G32B32A32_SINT;
   if (util_format_is_pure_uint(format))
      return PIPE_FORMAT_R32G32B32A32_UINT;
   if (desc->colorspace == UTIL_FORMAT_COLORSPACE_SRGB)
      return PIPE_FORMAT_R8G8B8A8_SRGB;
   const int first = util_format_get_first_non_void_channel(format);
   const bool wide = first < 0 || desc->channel[first].size > 8 ||
                     desc->channel[first].type == UTIL_FORMAT_TYPE_FLOAT ||
                     desc->channel[first].type == UTIL_FORMAT_TYPE_SIGNED;
   return wide ? PIPE_FORMAT_R32G32B32A32_FLOAT : PIPE_FORMAT_R8G8B8A8_UNORM;
}

bool needs_proxy(const Screen &screen, const pipe_resource &t)
{
   return t.nr_samples > 1 || Resource::from(&t)->host_only ||
          (!util_format_is_compressed(t.format) && !format_readable(screen, t.format));
}

pipe_resource *create_proxy(Screen &screen, const pipe_resource &t, const pipe_box &box)
{
   pipe_resource templ = {};
   const bool depth = util_format_is_depth_or_stencil(t.format);
   templ.target = box.depth > 1 ? PIPE_TEXTURE_2D_ARRAY : PIPE_TEXTURE_2D;
   templ.bind = depth ? PIPE_BIND_DEPTH_STENCIL : PIPE_BIND_RENDER_TARGET | PIPE_BIND_SAMPLER_VIEW;
   templ.format = readable_twin(screen, t.format, templ.bind);
   templ.width0 = box.width;
   templ.height0 = box.height;
   templ.depth0 = 1;
   templ.array_size = box.depth;
   return screen.base.resource_create(&screen.base, &templ);
}

void blit_box(pipe_context *pipe, pipe_resource *dst, unsigned dst_level, const pipe_box &dst_box,
              pipe_resource *src, unsigned src_level, const pipe_box &src_box)
{
   pipe_blit_info info = {};
   info.dst.resource = dst;
   info.dst.level = dst_level;
   info.dst.box = dst_box;
   info.dst.format = dst->format;
   info.src.resource = src;
   info.src.level = src_level;
   info.src.box = src_box;
   info.src.format = src->format;
   info.mask = util_format_get_mask(dst->format);
   info.filter = PIPE_TEX_FILTER_NEAREST;
   pipe->blit(pipe, &info);
}

pipe_box box_at_origin(const pipe_box &box)
{
   pipe_box b;
   u_box_3d(0, 0, 0, box.width, box.height, box.depth, &b);
   return b;
}

void *map_proxy(pipe_context *pipe, Transfer &transfer)
{
   Screen &screen = Context::from(pipe).screen;
   pipe_transfer &t = transfer.base.b;
   transfer.proxy = create_proxy(screen, *t.resource, t.box);
   if (!transfer.proxy)
      return nullptr;
   const pipe_box inner = box_at_origin(t.box);
   blit_box(pipe, transfer.proxy, 0, inner, t.resource, t.level, t.box);
   const std::byte *texels = static_cast<const std::byte *>(
      pipe->texture_map(pipe, transfer.proxy, 0, PIPE_MAP_READ_WRITE, &inner,
                        &transfer.proxy_transfer));
   if (!texels)
      return nullptr;
   if (transfer.proxy->format == t.resource->format) {
      t.stride = transfer.proxy_transfer->stride;
      t.layer_stride = transfer.proxy_transfer->layer_stride;
      return const_cast<std::byte *>(texels);
   }
   // Another format: convert into memory of the caller's.
   const TightLayout l = tight_layout(t.resource->format, t.box);
   transfer.heap.reset(new (std::nothrow) std::byte[l.size]);
   if (!transfer.heap)
      return nullptr;
   t.stride = l.stride;
   t.layer_stride = l.layer_stride;
   for (int z = 0; z < t.box.depth; z++) {
      util_format_translate(t.resource->format, transfer.heap.get() + size_t(z) * l.layer_stride,
                            l.stride, 0, 0, transfer.proxy->format,
                            texels + size_t(z) * transfer.proxy_transfer->layer_stride,
                            transfer.proxy_transfer->stride, 0, 0, t.box.width, t.box.height);
   }
   return transfer.heap.get();
}

void unmap_proxy(pipe_context *pipe, Transfer &transfer)
{
   pipe_transfer &t = transfer.base.b;
   const bool write = t.usage & PIPE_MAP_WRITE;
   if (!transfer.proxy_transfer)
      return;
   if (write && transfer.heap && t.resource->nr_samples <= 1) {
      // The texture itself takes its own format; only reading needed the detour.
      pipe->texture_unmap(pipe, transfer.proxy_transfer);
      pipe->texture_subdata(pipe, t.resource, t.level, PIPE_MAP_WRITE, &t.box, transfer.heap.get(),
                            t.stride, t.layer_stride);
      return;
   }
   if (write && transfer.heap) {
      pipe_transfer &inner = *transfer.proxy_transfer;
      Transfer &proxy = *Transfer::from(&inner);
      std::byte *texels = proxy.storage->memory();
      for (int z = 0; texels && z < t.box.depth; z++) {
         util_format_translate(transfer.proxy->format,
                               texels + size_t(z) * inner.layer_stride, inner.stride, 0, 0,
                               t.resource->format,
                               transfer.heap.get() + size_t(z) * t.layer_stride, t.stride, 0, 0,
                               t.box.width, t.box.height);
      }
   }
   pipe->texture_unmap(pipe, transfer.proxy_transfer);
   if (write)
      blit_box(pipe, t.resource, t.level, t.box, transfer.proxy, 0, box_at_origin(t.box));
}

// --- entry points --------------------------------------------------------------------------------

void *map_for_writing(Context &ctx, Transfer &transfer)
{
   pipe_transfer &t = transfer.base.b;
   const TightLayout l = tight_layout(t.resource->format, t.box);
   if (l.size > INT32_MAX)
      return nullptr;
   t.stride = l.stride;
   t.layer_stride = l.layer_stride;
   if (ctx.screen.copies_from_staging()) {
      transfer.staging = ctx.staging.allocate(uint32_t(l.size));
      if (transfer.staging)
         return transfer.staging.map;
   }
   transfer.heap.reset(new (std::nothrow) std::byte[l.size]);
   return transfer.heap.get();
}

void *texture_map(pipe_context *pipe, pipe_resource *resource, unsigned level, unsigned usage,
                  const pipe_box *box, pipe_transfer **out)
{
   Context &ctx = Context::from(pipe);
   Resource &res = *Resource::from(resource);
   fill_plane(ctx, res);
   Transfer *transfer = new_transfer(ctx, resource, level, usage, *box);
   transfer->storage = res.storage;
   const bool whole_box_written =
      (usage & PIPE_MAP_WRITE) && !(usage & PIPE_MAP_READ) &&
      (usage & (PIPE_MAP_DISCARD_RANGE | PIPE_MAP_DISCARD_WHOLE_RESOURCE));

   void *texels = nullptr;
   if (whole_box_written && resource->nr_samples <= 1) {
      texels = map_for_writing(ctx, *transfer);
   } else if (usage & PIPE_MAP_DONTBLOCK) {
      texels = nullptr;
   } else if (needs_proxy(ctx.screen, *resource)) {
      texels = map_proxy(pipe, *transfer);
   } else if (std::byte *memory = res.storage->memory();
              memory && (read_back(ctx, res, level, *box) || ctx.screen.ws->lost())) {
      transfer->base.b.stride = res.layout.stride[level];
      transfer->base.b.layer_stride = res.layout.layer_stride[level];
      texels = memory + texture_offset(res, level, *box);
      if (res.red_first) {
         swap_red_blue(static_cast<std::byte *>(texels), *box, transfer->base.b.stride,
                       transfer->base.b.layer_stride);
         res.fetched = false; // not as the host gave it any more
      }
   }
   if (!texels) {
      delete_transfer(ctx, transfer);
      return nullptr;
   }
   *out = &transfer->base.b;
   return texels;
}

void texture_unmap(pipe_context *pipe, pipe_transfer *t)
{
   Context &ctx = Context::from(pipe);
   Transfer &transfer = *Transfer::from(t);
   Resource &res = *Resource::from(t->resource);
   if (transfer.proxy) {
      unmap_proxy(pipe, transfer);
   } else if (t->usage & PIPE_MAP_WRITE) {
      if (transfer.staging) {
         if (res.red_first)
            swap_red_blue(transfer.staging.map, t->box, t->stride, t->layer_stride);
         copy_to_host(ctx, res, t->level, t->box, *transfer.staging.bo, transfer.staging.offset,
                      t->stride, t->layer_stride);
      } else if (transfer.heap) {
         write_inline(ctx, res, t->level, t->box, transfer.heap.get(), t->stride, t->layer_stride);
      } else {
         const uint32_t offset = texture_offset(res, t->level, t->box);
         if (ctx.screen.copies_from_staging()) {
            if (res.red_first)
               swap_red_blue(res.storage->memory() + offset, t->box, t->stride, t->layer_stride);
            copy_to_host(ctx, res, t->level, t->box, res.bo(), offset, t->stride, t->layer_stride);
         } else {
            write_inline(ctx, res, t->level, t->box, res.storage->memory() + offset, t->stride,
                         t->layer_stride);
         }
      }
   }
   delete_transfer(ctx, &transfer);
}

void texture_subdata(pipe_context *pipe, pipe_resource *resource, unsigned level, unsigned usage,
                     const pipe_box *box, const void *data, unsigned stride, unsigned layer_stride)
{
   Context &ctx = Context::from(pipe);
   Resource &res = *Resource::from(resource);
   const pipe_format format = resource->format;
   const auto *from = static_cast<const std::byte *>(data);
   const TightLayout l = tight_layout(format, *box);
   fill_plane(ctx, res);

   // A few texels are cheaper inside the stream than in memory of their own.
   constexpr uint64_t inline_bytes = 512;
   if (l.size > inline_bytes && l.size <= INT32_MAX && ctx.screen.copies_from_staging()) {
      if (StagingSlice slice = ctx.staging.allocate(uint32_t(l.size))) {
         util_copy_box(reinterpret_cast<uint8_t *>(slice.map), format, l.stride, l.layer_stride, 0,
                       0, 0, box->width, box->height, box->depth,
                       reinterpret_cast<const uint8_t *>(from), stride, layer_stride, 0, 0, 0);
         if (res.red_first)
            swap_red_blue(slice.map, *box, l.stride, l.layer_stride);
         copy_to_host(ctx, res, level, *box, *slice.bo, slice.offset, l.stride, l.layer_stride);
         return;
      }
   }
   write_inline(ctx, res, level, *box, from, stride, layer_stride);
}

// The memory's texture on the host may be newer than the memory. Of one that another process made
// nothing but its memory is known.
void bring_home(Context &ctx, Bo &memory)
{
   const ResourceDesc &desc = memory.desc();
   if (memory.imported() || !ctx.screen.has(proto::cap::transfer))
      return;
   const LevelLayout level = level_layout(desc, 0);
   const proto::Transfer3d packet{
      .resource = memory.handle(),
      .stride = uint32_t(level.stride),
      .layer_stride = uint32_t(level.layer_stride),
      .box = {0, 0, 0, int32_t(desc.width), int32_t(desc.height), 1},
      .direction = proto::TransferDirection::from_host};
   ctx.make_room(1 + packet.payload_dwords());
   ctx.batch.reference(memory);
   ctx.batch.write(packet);
   ctx.texture_units_disturbed = true;
}

} // namespace

void refill_plane(Context &ctx, Resource &res)
{
   PlaneOf &plane = *res.plane;
   ctx.make_room(1);
   if (plane.written || (plane.filled_by == &ctx && plane.filled_in == ctx.batch.generation()))
      return;
   pipe_box whole;
   u_box_2d(0, 0, res.base.b.width0, res.base.b.height0, &whole);
   if (plane.of_picture) {
      const proto::ResourceCopyRegion packet{.dst_resource = res.handle(),
                                             .src_resource = plane.memory->handle(),
                                             .src_box = host_box(whole, 0, 1)};
      ctx.make_room(1 + packet.payload_dwords());
      ctx.batch.reference(res.bo());
      ctx.batch.reference(*plane.memory);
      ctx.batch.write(packet);
      ctx.texture_units_disturbed = true;
   } else {
      bring_home(ctx, *plane.memory);
      copy_to_host(ctx, res, 0, whole, *plane.memory, plane.offset, plane.stride,
                   util_format_get_2d_size(res.base.b.format, plane.stride, res.base.b.height0));
   }
   plane.written = false; // by copy_to_host()
   plane.filled_by = &ctx;
   plane.filled_in = ctx.batch.generation();
}

void context_init_texture_transfers(pipe_context &p)
{
   p.texture_map = texture_map;
   p.texture_unmap = texture_unmap;
   p.texture_subdata = texture_subdata;
}

} // namespace virgl
