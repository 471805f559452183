// SPDX-License-Identifier: MIT
// Clears, blits and copies.
#include <cstring>

#include "util/format/u_format.h"
#include "util/u_math.h"
#include "util/u_pack_color.h"
#include "util/u_surface.h"

#include "context.hpp"
#include "formats.hpp"
#include "limits.hpp"
#include "query.hpp"
#include "red_blue.hpp"

namespace virgl {

namespace {

// Dwords: more than the longest of these commands, with what use_buffer() may add.
constexpr uint32_t copy_room = 128;

proto::Box host_box(const pipe_box &box)
{
   return {box.x, box.y, box.z, box.width, box.height, box.depth};
}

// The colour buffers whose alpha the host may keep in the red channel.
unsigned alpha_buffers(const pipe_framebuffer_state &fb)
{
   unsigned mask = 0;
   for (unsigned i = 0; i < fb.nr_cbufs; i++) {
      if (fb.cbufs[i] && util_format_is_alpha(fb.cbufs[i]->format))
         mask |= PIPE_CLEAR_COLOR0 << i;
   }
   return mask;
}

void clear(pipe_context *pipe, unsigned buffers, const pipe_scissor_state *,
           const pipe_color_union *color, double depth, unsigned stencil)
{
   Context &ctx = Context::from(pipe);
   emit_framebuffer_state(ctx);
   emit_render_condition(ctx);
   proto::Clear packet;
   std::copy_n(color->ui, 4, packet.color.begin());
   packet.depth = depth;
   packet.stencil = stencil;

   // A host that keeps alpha in the red channel moves the colour over if the first buffer is such, for
   // all of them, and only where all are cleared (virglrenderer, vrend_clear). So where there are
   // others, or not all are cleared, they get a command of their own that has alpha in both places.
   const unsigned alphas = buffers & alpha_buffers(ctx.framebuffer);
   if (buffers & ~alphas) {
      packet.buffers = buffers & ~alphas;
      ctx.emit(packet);
   }
   if (alphas) {
      packet.buffers = alphas;
      packet.color[0] = packet.color[3];
      ctx.emit(packet);
   }
}

void clear_texture(pipe_context *pipe, pipe_resource *texture, unsigned level, const pipe_box *box,
                   const void *data)
{
   Context &ctx = Context::from(pipe);
   Resource &res = *Resource::from(texture);
   emit_render_condition(ctx);
   ctx.make_room(copy_room);
   proto::ClearTexture packet;
   packet.resource = use_resource(ctx, res);
   packet.level = level;
   packet.box = host_box(*box);
   // One texel as it lies in memory; the host converts.
   std::memcpy(packet.data.data(), data,
               std::min<size_t>(util_format_get_blocksize(texture->format), sizeof(packet.data)));
   if (res.red_first)
      std::swap(packet.data[0], packet.data[2]);
   mark_host_written(res);
   ctx.texture_units_disturbed = true;
   ctx.emit(packet);
}

pipe_box surface_box(const pipe_surface &s, unsigned x, unsigned y, unsigned width, unsigned height)
{
   pipe_box box;
   u_box_3d(x, y, s.u.tex.first_layer, width, height, s.u.tex.last_layer - s.u.tex.first_layer + 1,
            &box);
   return box;
}

// A host of this version has CLEAR_SURFACE; NEWER.md names no bit for it.
constexpr uint32_t version_clear_surface = 21;

void clear_surface(Context &ctx, pipe_surface *dst, unsigned buffers,
                   const std::array<uint32_t, 4> &value, const pipe_box &box, bool conditional)
{
   emit_render_condition(ctx);
   ctx.make_room(copy_room);
   proto::ClearSurface packet;
   packet.render_condition_enabled = conditional;
   packet.buffers = buffers;
   packet.surface = use_surface(ctx, Surface::from(dst));
   packet.color = value;
   packet.x = box.x;
   packet.y = box.y;
   packet.width = box.width;
   packet.height = box.height;
   ctx.texture_units_disturbed = true;
   ctx.emit(packet);
}

// CLEAR_TEXTURE and writes by the CPU know no condition: where it is to hold the host has to tell.
bool wanted(Context &ctx, bool conditional)
{
   auto &rc = ctx.render_condition;
   if (!conditional || !rc.query)
      return true;
   pipe_query_result result = {};
   const bool wait = rc.mode == PIPE_RENDER_COND_WAIT || rc.mode == PIPE_RENDER_COND_BY_REGION_WAIT;
   auto *query = reinterpret_cast<pipe_query *>(rc.query);
   if (!ctx.base.get_query_result(&ctx.base, query, wait, &result))
      return true;
   return (result.u64 != 0) != rc.condition;
}

void clear_render_target(pipe_context *pipe, pipe_surface *dst, const pipe_color_union *color,
                         unsigned x, unsigned y, unsigned width, unsigned height, bool conditional)
{
   Context &ctx = Context::from(pipe);
   const pipe_box box = surface_box(*dst, x, y, width, height);
   if (ctx.screen.limits->host_version >= version_clear_surface) {
      // Alpha may be in the red channel there; see clear().
      const bool alpha = util_format_is_alpha(dst->format);
      clear_surface(ctx, dst, PIPE_CLEAR_COLOR0,
                    {color->ui[alpha ? 3 : 0], color->ui[1], color->ui[2], color->ui[3]}, box,
                    conditional);
   } else if (!wanted(ctx, conditional)) {
      return;
   } else if (ctx.screen.has(proto::cap::clear_texture)) {
      // CLEAR_TEXTURE works in the texture's format.
      uint8_t texel[16] = {};
      util_format_pack_rgba(dst->format, texel, color, 1);
      clear_texture(pipe, dst->texture, dst->u.tex.level, &box, texel);
   } else {
      util_clear_render_target(pipe, dst, color, x, y, width, height);
   }
}

void clear_depth_stencil(pipe_context *pipe, pipe_surface *dst, unsigned flags, double depth,
                         unsigned stencil, unsigned x, unsigned y, unsigned width, unsigned height,
                         bool conditional)
{
   Context &ctx = Context::from(pipe);
   const pipe_box box = surface_box(*dst, x, y, width, height);
   const bool both = util_format_is_depth_and_stencil(dst->format);
   if (ctx.screen.limits->host_version >= version_clear_surface) {
      clear_surface(ctx, dst, flags, proto::pack_depth_stencil(depth, stencil), box, conditional);
   } else if (!wanted(ctx, conditional)) {
      return;
   } else if (ctx.screen.has(proto::cap::clear_texture) &&
              (!both || (flags & PIPE_CLEAR_DEPTHSTENCIL) == PIPE_CLEAR_DEPTHSTENCIL)) {
      const uint64_t packed = util_pack64_z_stencil(dst->format, depth, stencil);
      clear_texture(pipe, dst->texture, dst->u.tex.level, &box, &packed);
   } else {
      // Also one of the two alone, which CLEAR_TEXTURE cannot.
      util_clear_depth_stencil(pipe, dst, flags, depth, stencil, x, y, width, height);
   }
}

// A view's swizzle stays with the host's texture, and the host's shader blit reads through it
// (virglrenderer, vrend_set_single_sampler_view and vrend_renderer_blit_gl). A view as the format has it,
// put into a slot, undoes that.
void unswizzle(Context &ctx, Resource &src)
{
   const pipe_resource &t = src.base.b;
   if (!src.swizzled.exchange(false, std::memory_order_relaxed))
      return;
   const proto::ObjectHandle view = ctx.screen.new_object();
   ctx.emit(proto::CreateSamplerView{
      .handle = view,
      .resource = use_resource(ctx, src),
      .format = host_format(src, t.format),
      .target = ctx.screen.has(proto::cap::texture_view) ? uint32_t(t.target) : 0,
      .last_layer = util_max_layer(&t, 0),
      .last_level = t.last_level,
      .swizzle_r = PIPE_SWIZZLE_X,
      .swizzle_g = PIPE_SWIZZLE_Y,
      .swizzle_b = PIPE_SWIZZLE_Z,
      .swizzle_a = PIPE_SWIZZLE_W,
   });
   ctx.emit(proto::SetSamplerViews{.stage = proto::ShaderStage::fragment,
                                   .start_slot = 0,
                                   .views = std::span(&view, 1)});
   ctx.emit(proto::DestroyObject{.type = proto::ObjectType::sampler_view, .handle = view});
   StageState &s = ctx.stages[PIPE_SHADER_FRAGMENT];
   s.sent_views[0] = unknown_object;
   s.sent_num_views = 1;
   ctx.set_dirty(PIPE_SHADER_FRAGMENT, StageDirty::views);
}

void blit(pipe_context *pipe, const pipe_blit_info *info)
{
   // Of a compressed array the host's shader draws the first layer only. (Of an array of cubes all of
   // them, if it gets them at once.)
   if (info->src.box.depth > 1 && info->src.box.depth == info->dst.box.depth &&
       info->src.resource->target == PIPE_TEXTURE_2D_ARRAY &&
       util_format_is_compressed(info->src.resource->format)) {
      pipe_blit_info layer = *info;
      layer.src.box.depth = layer.dst.box.depth = 1;
      for (int z = 0; z < info->src.box.depth; z++) {
         layer.src.box.z = info->src.box.z + z;
         layer.dst.box.z = info->dst.box.z + z;
         blit(pipe, &layer);
      }
      return;
   }
   Context &ctx = Context::from(pipe);
   Resource &dst = *Resource::from(info->dst.resource);
   Resource &src = *Resource::from(info->src.resource);
   fill_plane(ctx, src);
   fill_plane(ctx, dst);
   emit_render_condition(ctx); // also when it ended: the host may still have the old one
   ctx.make_room(copy_room);
   unswizzle(ctx, src);

   proto::Blit packet;
   packet.mask = info->mask;
   packet.filter = info->filter;
   packet.scissor_enable = info->scissor_enable;
   packet.render_condition_enable = info->render_condition_enable;
   packet.alpha_blend = info->alpha_blend;
   if (info->scissor_enable) {
      packet.scissor.minx = info->scissor.minx;
      packet.scissor.miny = info->scissor.miny;
      packet.scissor.maxx = info->scissor.maxx;
      packet.scissor.maxy = info->scissor.maxy;
   }
   packet.dst.resource = use_resource(ctx, dst);
   packet.dst.level = info->dst.level;
   packet.dst.format = host_format(dst, info->dst.format);
   packet.dst.box = host_box(info->dst.box);
   packet.src.resource = use_resource(ctx, src);
   packet.src.level = info->src.level;
   packet.src.format = host_format(src, info->src.format);
   packet.src.box = host_box(info->src.box);
   mark_host_written(dst);
   ctx.texture_units_disturbed = true;
   ctx.emit(packet);
}

void resource_copy_region(pipe_context *pipe, pipe_resource *dst_res, unsigned dst_level, unsigned x,
                          unsigned y, unsigned z, pipe_resource *src_res, unsigned src_level,
                          const pipe_box *box)
{
   Context &ctx = Context::from(pipe);
   Resource &dst = *Resource::from(dst_res);
   Resource &src = *Resource::from(src_res);

   // threaded_context's staging: the source's contents are in guest memory.
   if (src.is_buffer() && dst.is_buffer() && (src_res->flags & resource_flag_stream)) {
      copy_buffer_from_memory(ctx, dst, x, src, box->x, box->width);
      return;
   }

   // A copy of bytes for Gallium, but not for the host.
   if (src.red_first != dst.red_first && red_first_twin(src_res->format) != PIPE_FORMAT_NONE &&
       red_first_twin(dst_res->format) != PIPE_FORMAT_NONE) {
      pipe_blit_info info = {};
      info.src.resource = src_res;
      info.src.level = src_level;
      info.src.box = *box;
      info.dst.resource = dst_res;
      info.dst.level = dst_level;
      u_box_3d(x, y, z, box->width, box->height, box->depth, &info.dst.box);
      info.src.format = util_format_linear(src_res->format);
      info.dst.format = util_format_linear(dst_res->format);
      info.mask = PIPE_MASK_RGBA;
      info.filter = PIPE_TEX_FILTER_NEAREST;
      blit(pipe, &info);
      return;
   }

   fill_plane(ctx, src);
   fill_plane(ctx, dst);
   emit_render_condition(ctx);
   ctx.make_room(copy_room);
   proto::ResourceCopyRegion packet;
   packet.dst_resource = use_resource(ctx, dst);
   packet.dst_level = dst_level;
   packet.dst_x = x;
   packet.dst_y = y;
   packet.dst_z = z;
   packet.src_level = src_level;
   packet.src_box = host_box(*box);
   if (src.is_buffer()) {
      const BufferPlace place = place_buffer(ctx, src, 0);
      packet.src_resource = place.resource;
      packet.src_box.x += int32_t(place.offset);
   } else {
      packet.src_resource = use_resource(ctx, src);
   }
   if (src.is_buffer())
      note_read(ctx, src, box->x, box->width);
   if (dst.is_buffer()) {
      note_write(ctx, dst, x, box->width);
      mark_buffer_written(dst, x, box->width);
   } else {
      mark_host_written(dst);
   }
   ctx.texture_units_disturbed = true;
   ctx.emit(packet);
}

void flush_resource(pipe_context *, pipe_resource *) {}

// Positions come packed in the capset: a byte for each sample, x in the high nibble, in sixteenths of
// a pixel; counts 1-2 in word 0, 4 in word 1, 8 in words 2-3, 16 in words 4-7.
void get_sample_position(pipe_context *pipe, unsigned count, unsigned index, float *out)
{
   const auto &locations = Context::from(pipe).screen.caps.sample_locations;
   out[0] = out[1] = 0.5f;
   if (count <= 1 || count > 16 || index >= count)
      return;
   const unsigned word = count <= 2 ? 0 : count <= 4 ? 1 : count <= 8 ? 2 : 4;
   const uint32_t packed = locations[word + index / 4] >> (8 * (index % 4));
   out[0] = float(packed >> 4 & 0xf) / 16.0f;
   out[1] = float(packed & 0xf) / 16.0f;
}

void emit_string_marker(pipe_context *pipe, const char *string, int length)
{
   Context &ctx = Context::from(pipe);
   if (length <= 0 || !ctx.screen.has2(proto::cap2::string_marker))
      return;
   ctx.emit(proto::SendStringMarker{
      .text = std::string_view(string, std::min<size_t>(length, 4096))});
}

} // namespace

void context_init_blit(Context &ctx)
{
   pipe_context &p = ctx.base;
   p.clear = clear;
   p.clear_render_target = clear_render_target;
   p.clear_depth_stencil = clear_depth_stencil;
   if (ctx.screen.has(proto::cap::clear_texture))
      p.clear_texture = clear_texture;
   else
      p.clear_texture = util_clear_texture;
   p.blit = blit;
   p.resource_copy_region = resource_copy_region;
   p.flush_resource = flush_resource;
   p.get_sample_position = get_sample_position;
   p.emit_string_marker = emit_string_marker;
}

} // namespace virgl
