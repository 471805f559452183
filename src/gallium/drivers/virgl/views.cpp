// SPDX-License-Identifier: MIT
// Sampler views, surfaces and stream output targets: objects made on resources, created and dropped
// on any thread, encoded where they are first used.
#include "util/format/u_format.h"
#include "util/u_inlines.h"
#include "util/u_box.h"
#include "util/u_math.h"
#include "util/u_sampler.h"

#include "context.hpp"
#include "formats.hpp"
#include "red_blue.hpp"

namespace virgl {

namespace {

pipe_sampler_view *create_sampler_view(pipe_context *pipe, pipe_resource *texture,
                                       const pipe_sampler_view *templ)
{
   auto *view = new SamplerView{};
   view->base = *templ;
   view->base.reference.count = 1;
   view->base.texture = nullptr;
   pipe_resource_reference(&view->base.texture, texture);
   view->base.context = pipe;
   Screen &screen = Context::from(pipe).screen;
   view->object.handle = screen.new_object();
   if (alpha_in_green(pipe_format(templ->format)))
      screen.green_borders.store(true, std::memory_order_relaxed);
   return &view->base;
}

void sampler_view_destroy(pipe_context *pipe, pipe_sampler_view *base)
{
   auto *view = SamplerView::from(base);
   retire_object(Context::from(pipe), proto::ObjectType::sampler_view, view->object);
   pipe_resource_reference(&base->texture, nullptr);
   delete view;
}

pipe_surface *create_surface(pipe_context *pipe, pipe_resource *texture, const pipe_surface *templ)
{
   if (texture->target == PIPE_BUFFER)
      return nullptr;
   auto *surface = new Surface{};
   pipe_surface &s = surface->base;
   s.reference.count = 1;
   pipe_resource_reference(&s.texture, texture);
   s.context = pipe;
   s.format = templ->format;
   s.nr_samples = templ->nr_samples;
   s.u = templ->u;
   s.width = u_minify(texture->width0, templ->u.tex.level);
   s.height = u_minify(texture->height0, templ->u.tex.level);
   surface->object.handle = Context::from(pipe).screen.new_object();
   return &s;
}

proto::ObjectType surface_type(const Context &ctx, const pipe_surface &s)
{
   return s.nr_samples > 0 && ctx.screen.has2(proto::cap2::implicit_msaa)
             ? proto::ObjectType::msaa_surface
             : proto::ObjectType::surface;
}

void surface_destroy(pipe_context *pipe, pipe_surface *base)
{
   auto *surface = Surface::from(base);
   retire_object(Context::from(pipe), surface_type(Context::from(pipe), *base), surface->object);
   pipe_resource_reference(&base->texture, nullptr);
   delete surface;
}

pipe_stream_output_target *create_stream_output_target(pipe_context *pipe, pipe_resource *buffer,
                                                       unsigned offset, unsigned size)
{
   auto *target = new StreamoutTarget{};
   pipe_stream_output_target &t = target->base;
   t.reference.count = 1;
   pipe_resource_reference(&t.buffer, buffer);
   t.context = pipe;
   t.buffer_offset = offset;
   t.buffer_size = size;
   target->object.handle = Context::from(pipe).screen.new_object();
   // Also threaded_context has to know that this range is not unused.
   Resource &res = *Resource::from(buffer);
   util_range_add(buffer, &res.base.valid_buffer_range, offset, offset + size);
   return &t;
}

void stream_output_target_destroy(pipe_context *pipe, pipe_stream_output_target *base)
{
   auto *target = StreamoutTarget::from(base);
   retire_object(Context::from(pipe), proto::ObjectType::streamout_target, target->object);
   pipe_resource_reference(&base->buffer, nullptr);
   delete target;
}

// Where the storage of a resource was replaced, an object made on the old one is made anew.
bool encoded_on(Context &ctx, proto::ObjectType type, Object &object, proto::ResourceHandle &on,
                proto::ResourceHandle now)
{
   if (object.encoded && on == now)
      return true;
   if (object.encoded) {
      ctx.emit(proto::DestroyObject{.type = type, .handle = object.handle});
      object.handle = ctx.screen.new_object();
   }
   object.encoded = true;
   on = now;
   return false;
}

} // namespace

proto::ObjectHandle use_sampler_view(Context &ctx, SamplerView *view)
{
   const pipe_sampler_view &v = view->base;
   Resource &res = *Resource::from(v.texture);
   fill_plane(ctx, res);
   const proto::ResourceHandle resource = use_resource(ctx, res);
   if (encoded_on(ctx, proto::ObjectType::sampler_view, view->object, view->encoded_on, resource))
      return view->object.handle;

   ctx.texture_units_disturbed = true;
   const uint32_t target = ctx.screen.has(proto::cap::texture_view) ? uint32_t(v.target) : 0;
   const auto channel = [](unsigned c) { return static_cast<unsigned char>(c); };
   const unsigned char asked[] = {channel(v.swizzle_r), channel(v.swizzle_g), channel(v.swizzle_b),
                                  channel(v.swizzle_a)};
   unsigned char swizzle[4];
   view_swizzle(pipe_format(v.format), asked, swizzle);
   constexpr unsigned char as_it_is[] = {PIPE_SWIZZLE_X, PIPE_SWIZZLE_Y, PIPE_SWIZZLE_Z,
                                         PIPE_SWIZZLE_W};
   view->swizzled = !std::equal(swizzle, swizzle + 4, as_it_is);
   if (res.is_buffer()) {
      res.storage->shaders_used.store(true, std::memory_order_relaxed);
      const uint32_t element = util_format_get_blocksize(v.format);
      const uint32_t first = v.u.buf.offset / element;
      ctx.emit(proto::CreateBufferSamplerView{
         .handle = view->object.handle,
         .resource = resource,
         .format = format_to_host(v.format),
         .target = target,
         .first_element = first,
         .last_element = (v.u.buf.offset + v.u.buf.size) / element - 1,
         .swizzle_r = swizzle[0],
         .swizzle_g = swizzle[1],
         .swizzle_b = swizzle[2],
         .swizzle_a = swizzle[3],
      });
   } else {
      ctx.emit(proto::CreateSamplerView{
         .handle = view->object.handle,
         .resource = resource,
         .format = host_format(res, v.format),
         .target = target,
         .first_layer = v.u.tex.first_layer,
         .last_layer = v.u.tex.last_layer,
         .first_level = v.u.tex.first_level,
         .last_level = v.u.tex.last_level,
         .swizzle_r = swizzle[0],
         .swizzle_g = swizzle[1],
         .swizzle_b = swizzle[2],
         .swizzle_a = swizzle[3],
      });
   }
   return view->object.handle;
}

proto::ObjectHandle use_black_view(Context &ctx)
{
   if (!ctx.black_view) {
      pipe_resource templ = {};
      templ.target = PIPE_TEXTURE_2D;
      templ.format = PIPE_FORMAT_R8G8B8A8_UNORM;
      templ.width0 = 1;
      templ.height0 = templ.depth0 = templ.array_size = 1;
      templ.bind = PIPE_BIND_SAMPLER_VIEW;
      pipe_resource *texture = ctx.base.screen->resource_create(ctx.base.screen, &templ);
      if (!texture)
         return proto::ObjectHandle::none;
      const uint8_t black[4] = {0, 0, 0, 255};
      pipe_box box;
      u_box_2d(0, 0, 1, 1, &box);
      ctx.base.texture_subdata(&ctx.base, texture, 0, PIPE_MAP_WRITE, &box, black, 4, 4);
      pipe_sampler_view view = {};
      u_sampler_view_default_template(&view, texture, texture->format);
      ctx.black_view = ctx.base.create_sampler_view(&ctx.base, texture, &view);
      pipe_resource_reference(&texture, nullptr);
   }
   return use_sampler_view(ctx, SamplerView::from(ctx.black_view));
}

proto::ObjectHandle use_surface(Context &ctx, Surface *surface)
{
   if (!surface)
      return proto::ObjectHandle::none;
   const pipe_surface &s = surface->base;
   Resource &res = *Resource::from(s.texture);
   fill_plane(ctx, res);
   ctx.batch.reference(res.bo());
   mark_host_written(res);
   if (surface->object.encoded)
      return surface->object.handle;
   surface->object.encoded = true;

   const auto fill = [&](auto packet) {
      packet.handle = surface->object.handle;
      packet.resource = res.handle();
      packet.format = host_format(res, s.format);
      packet.level = s.u.tex.level;
      packet.first_layer = s.u.tex.first_layer;
      packet.last_layer = s.u.tex.last_layer;
      return packet;
   };
   if (surface_type(ctx, s) == proto::ObjectType::msaa_surface) {
      auto packet = fill(proto::CreateMsaaSurface{});
      packet.sample_count = s.nr_samples;
      ctx.emit(packet);
   } else {
      ctx.emit(fill(proto::CreateSurface{}));
   }
   return surface->object.handle;
}

proto::ObjectHandle use_streamout_target(Context &ctx, StreamoutTarget *target)
{
   if (!target)
      return proto::ObjectHandle::none;
   const proto::ResourceHandle resource = use_buffer(ctx, *Resource::from(target->base.buffer));
   if (!encoded_on(ctx, proto::ObjectType::streamout_target, target->object, target->encoded_on,
                   resource)) {
      ctx.emit(proto::CreateStreamoutTarget{
         .handle = target->object.handle,
         .resource = resource,
         .buffer_offset = target->base.buffer_offset,
         .buffer_size = target->base.buffer_size,
      });
   }
   return target->object.handle;
}

void context_init_views(Context &ctx)
{
   pipe_context &p = ctx.base;
   p.create_sampler_view = create_sampler_view;
   p.sampler_view_destroy = sampler_view_destroy;
   p.create_surface = create_surface;
   p.surface_destroy = surface_destroy;
   p.create_stream_output_target = create_stream_output_target;
   p.stream_output_target_destroy = stream_output_target_destroy;
}

} // namespace virgl
