// SPDX-License-Identifier: MIT
// Constant state objects: blend, rasterizer, depth-stencil-alpha, samplers, vertex elements.
#include <bit>
#include <cstring>

#include "util/format/u_format.h"

#include "context.hpp"
#include "formats.hpp"

namespace virgl {

namespace {

template <class T> T *new_object(Context &ctx)
{
   T *object = new T;
   object->handle = ctx.screen.new_object();
   return object;
}

// --- blend ---------------------------------------------------------------------------------------

void *create_blend(pipe_context *pipe, const pipe_blend_state *state)
{
   auto *object = new_object<BlendState>(Context::from(pipe));
   auto &p = object->packet;
   p.handle = object->handle;
   p.independent_blend_enable = state->independent_blend_enable;
   p.logicop_enable = state->logicop_enable;
   p.logicop_func = state->logicop_func;
   p.dither = state->dither;
   p.alpha_to_coverage = state->alpha_to_coverage;
   p.alpha_to_one = state->alpha_to_one;
   const unsigned described = state->independent_blend_enable ? state->max_rt + 1u : 1u;
   for (unsigned i = 0; i < described; i++) {
      const pipe_rt_blend_state &from = state->rt[i];
      proto::BlendTarget &to = p.rt[i];
      to.blend_enable = from.blend_enable;
      to.rgb_func = from.rgb_func;
      to.rgb_src_factor = from.rgb_src_factor;
      to.rgb_dst_factor = from.rgb_dst_factor;
      to.alpha_func = from.alpha_func;
      to.alpha_src_factor = from.alpha_src_factor;
      to.alpha_dst_factor = from.alpha_dst_factor;
      to.colormask = from.colormask;
   }
   // A host that blends by GL's advanced equations is told which by a factor that is otherwise 0
   // while nothing is blended (vrend_draw_vbo). Where it can fetch, the shader blends.
   const proto::Caps &caps = Context::from(pipe).screen.caps;
   if (state->advanced_blend_func && caps.has2(proto::cap2::blend_equation) &&
       !caps.has(proto::cap::tgsi_fbfetch))
      p.rt[0].alpha_src_factor = state->advanced_blend_func;
   return object;
}

void bind_blend(pipe_context *pipe, void *state)
{
   Context &ctx = Context::from(pipe);
   ctx.blend = static_cast<BlendState *>(state);
   ctx.set_dirty(Dirty::blend);
}

// --- rasterizer ----------------------------------------------------------------------------------

void *create_rasterizer(pipe_context *pipe, const pipe_rasterizer_state *state)
{
   auto *object = new_object<RasterizerState>(Context::from(pipe));
   const pipe_rasterizer_state &s = *state;
   object->state = s;
   auto &p = object->packet;
   p.handle = object->handle;
   p.flatshade = s.flatshade;
   p.depth_clip = s.depth_clip_near;
   p.clip_halfz = s.clip_halfz;
   p.rasterizer_discard = s.rasterizer_discard;
   p.flatshade_first = s.flatshade_first;
   p.light_twoside = s.light_twoside;
   p.sprite_coord_mode = s.sprite_coord_mode;
   p.point_quad_rasterization = s.point_quad_rasterization;
   p.cull_face = s.cull_face;
   p.fill_front = s.fill_front;
   p.fill_back = s.fill_back;
   p.scissor = s.scissor;
   p.front_ccw = s.front_ccw;
   p.clamp_vertex_color = s.clamp_vertex_color;
   p.clamp_fragment_color = s.clamp_fragment_color;
   p.offset_line = s.offset_line;
   p.offset_point = s.offset_point;
   p.offset_tri = s.offset_tri;
   p.poly_smooth = s.poly_smooth;
   p.poly_stipple_enable = s.poly_stipple_enable;
   p.point_smooth = s.point_smooth;
   p.point_size_per_vertex = s.point_size_per_vertex;
   p.multisample = s.multisample;
   p.line_smooth = s.line_smooth;
   p.line_stipple_enable = s.line_stipple_enable;
   p.line_last_pixel = s.line_last_pixel;
   p.half_pixel_center = s.half_pixel_center;
   p.bottom_edge_rule = s.bottom_edge_rule;
   p.force_persample_interp = s.force_persample_interp;
   p.point_size = s.point_size;
   p.sprite_coord_enable = s.sprite_coord_enable;
   p.line_stipple_pattern = s.line_stipple_pattern;
   p.line_stipple_factor = s.line_stipple_factor;
   p.clip_plane_enable = s.clip_plane_enable;
   p.line_width = s.line_width;
   p.offset_units = s.offset_units;
   p.offset_scale = s.offset_scale;
   p.offset_clamp = s.offset_clamp;
   object->plain = s.fill_front == PIPE_POLYGON_MODE_FILL &&
                   s.fill_back == PIPE_POLYGON_MODE_FILL && !s.poly_stipple_enable;
   return object;
}

void bind_rasterizer(pipe_context *pipe, void *state)
{
   Context &ctx = Context::from(pipe);
   const auto clips = [](const RasterizerState *r) { return r && r->state.clip_plane_enable != 0; };
   const bool clipped = clips(ctx.rasterizer);
   ctx.rasterizer = static_cast<RasterizerState *>(state);
   ctx.set_dirty(Dirty::rasterizer);
   if (clipped != clips(ctx.rasterizer))
      ctx.set_dirty(Dirty::shaders); // perhaps another variant
}

// --- depth, stencil, alpha -----------------------------------------------------------------------

void *create_dsa(pipe_context *pipe, const pipe_depth_stencil_alpha_state *state)
{
   auto *object = new_object<DsaState>(Context::from(pipe));
   auto &p = object->packet;
   p.handle = object->handle;
   p.depth_enabled = state->depth_enabled;
   p.depth_writemask = state->depth_writemask;
   p.depth_func = state->depth_func;
   p.alpha_enabled = state->alpha_enabled;
   p.alpha_func = state->alpha_func;
   p.alpha_ref_value = state->alpha_ref_value;
   for (unsigned face = 0; face < 2; face++) {
      const pipe_stencil_state &from = state->stencil[face];
      proto::StencilFace &to = p.stencil[face];
      to.enabled = from.enabled;
      to.func = from.func;
      to.fail_op = from.fail_op;
      to.zpass_op = from.zpass_op;
      to.zfail_op = from.zfail_op;
      to.valuemask = from.valuemask;
      to.writemask = from.writemask;
   }
   return object;
}

void bind_dsa(pipe_context *pipe, void *state)
{
   Context &ctx = Context::from(pipe);
   ctx.dsa = static_cast<DsaState *>(state);
   ctx.set_dirty(Dirty::dsa);
}

// --- samplers ------------------------------------------------------------------------------------

// GL_CLAMP keeps coordinates from 0 to 1, where a linear filter reads half of the border. Hosts whose
// context is of the core profile, which has no such mode, clamp to the edge instead (virglrenderer,
// convert_wrap), which is right only where no filter is linear. Otherwise the host gets a border to
// read, and shaders that sample with this clamp their coordinates (shader_variant.cpp).
uint32_t clamp_wrap(SamplerState &sampler, unsigned axis, unsigned mode, bool linear)
{
   if (mode != PIPE_TEX_WRAP_CLAMP)
      return mode;
   if (!linear)
      return PIPE_TEX_WRAP_CLAMP_TO_EDGE;
   sampler.clamped |= uint8_t(1u << axis);
   return PIPE_TEX_WRAP_CLAMP_TO_BORDER;
}

void *create_sampler(pipe_context *pipe, const pipe_sampler_state *state)
{
   auto *object = new_object<SamplerState>(Context::from(pipe));
   auto &p = object->packet;
   p.handle = object->handle;
   const bool linear = state->min_img_filter == PIPE_TEX_FILTER_LINEAR ||
                       state->mag_img_filter == PIPE_TEX_FILTER_LINEAR;
   p.wrap_s = clamp_wrap(*object, 0, state->wrap_s, linear);
   p.wrap_t = clamp_wrap(*object, 1, state->wrap_t, linear);
   p.wrap_r = clamp_wrap(*object, 2, state->wrap_r, linear);
   object->graded = state->min_mip_filter != PIPE_TEX_MIPFILTER_NONE ||
                    state->min_img_filter != state->mag_img_filter || state->max_anisotropy > 1;
   p.min_img_filter = state->min_img_filter;
   p.min_mip_filter = state->min_mip_filter;
   p.mag_img_filter = state->mag_img_filter;
   p.compare_mode = state->compare_mode;
   p.compare_func = state->compare_func;
   p.seamless_cube_map = state->seamless_cube_map;
   p.max_anisotropy = state->max_anisotropy;
   p.lod_bias = state->lod_bias;
   p.min_lod = state->min_lod;
   p.max_lod = state->max_lod;
   for (unsigned i = 0; i < 4; i++)
      p.border_color[i] = state->border_color.ui[i];
   return object;
}

void bind_samplers(pipe_context *pipe, enum pipe_shader_type stage, unsigned start, unsigned count,
                   void **samplers)
{
   Context &ctx = Context::from(pipe);
   StageState &s = ctx.stages[stage];
   const uint32_t clamped_before = s.clamping;
   for (unsigned i = start; i < start + count; i++) {
      SamplerState *sampler = samplers ? static_cast<SamplerState *>(samplers[i - start]) : nullptr;
      s.samplers[i] = sampler;
      s.clamping &= ~(1u << i);
      s.clamping |= uint32_t(sampler && sampler->clamped) << i;
   }
   s.num_samplers = std::max(s.num_samplers, start + count);
   while (s.num_samplers > 0 && !s.samplers[s.num_samplers - 1])
      s.num_samplers--;
   ctx.set_dirty(stage, StageDirty::samplers);
   if (clamped_before | s.clamping)
      ctx.set_dirty(Dirty::shaders); // perhaps another variant
}

void delete_sampler(pipe_context *pipe, void *state)
{
   Context &ctx = Context::from(pipe);
   auto *object = static_cast<SamplerState *>(state);
   for (StageState &s : ctx.stages) {
      for (unsigned i = 0; i < s.samplers.size(); i++) {
         if (s.samplers[i] != object)
            continue;
         s.samplers[i] = nullptr;
         s.clamping &= ~(1u << i);
         if (object->clamped)
            ctx.set_dirty(Dirty::shaders);
      }
   }
   retire_object(ctx, proto::ObjectType::sampler_state, *object);
   if (object->green_border)
      retire_object(ctx, proto::ObjectType::sampler_state, *object->green_border);
   delete object;
}

// --- vertex elements -----------------------------------------------------------------------------

void *create_vertex_elements(pipe_context *pipe, unsigned count, const pipe_vertex_element *elements)
{
   auto *object = new_object<VertexElements>(Context::from(pipe));
   object->count = count;
   for (unsigned i = 0; i < count; i++)
      object->remapped |= elements[i].instance_divisor != 0;
   for (unsigned i = 0; i < count; i++) {
      proto::VertexElement &to = object->elements[i];
      to.src_offset = elements[i].src_offset;
      to.instance_divisor = elements[i].instance_divisor;
      to.vertex_buffer_index = object->remapped ? i : elements[i].vertex_buffer_index;
      to.src_format = format_to_host(static_cast<pipe_format>(elements[i].src_format));
      object->binding_map[i] = elements[i].vertex_buffer_index;
      object->formats[i] = static_cast<pipe_format>(elements[i].src_format);
      const auto *format = util_format_description(object->formats[i]);
      object->fixed_point |= format && format->channel[0].type == UTIL_FORMAT_TYPE_FIXED;
   }
   object->packet.handle = object->handle;
   object->packet.elements = std::span(object->elements.data(), count);
   return object;
}

void bind_vertex_elements(pipe_context *pipe, void *state)
{
   Context &ctx = Context::from(pipe);
   auto *next = static_cast<VertexElements *>(state);
   // Another mapping of bindings means other vertex buffers for the host.
   if ((ctx.vertex_elements && ctx.vertex_elements->remapped) || (next && next->remapped))
      ctx.set_dirty(Dirty::vertex_buffers);
   ctx.vertex_elements = next;
   ctx.set_dirty(Dirty::vertex_elements);
}

template <class T, proto::ObjectType type, T *Context::*current, proto::ObjectHandle Context::*sent>
void delete_object(pipe_context *pipe, void *state)
{
   Context &ctx = Context::from(pipe);
   auto *object = static_cast<T *>(state);
   if (!object)
      return;
   if (ctx.*current == object)
      ctx.*current = nullptr;
   if (ctx.*sent == object->handle)
      ctx.*sent = proto::ObjectHandle::none;
   retire_object(ctx, type, *object);
   delete object;
}

void delete_rasterizer(pipe_context *pipe, void *state)
{
   Context &ctx = Context::from(pipe);
   if (auto *object = static_cast<RasterizerState *>(state)) {
      for (const auto &tweaked : object->tweaked) {
         if (ctx.sent_rasterizer == tweaked->handle)
            ctx.sent_rasterizer = proto::ObjectHandle::none;
         retire_object(ctx, proto::ObjectType::rasterizer, *tweaked);
      }
   }
   delete_object<RasterizerState, proto::ObjectType::rasterizer, &Context::rasterizer,
                 &Context::sent_rasterizer>(pipe, state);
}

} // namespace

void context_init_objects(Context &ctx)
{
   using proto::ObjectType;
   pipe_context &p = ctx.base;
   p.create_blend_state = create_blend;
   p.bind_blend_state = bind_blend;
   p.delete_blend_state =
      delete_object<BlendState, ObjectType::blend, &Context::blend, &Context::sent_blend>;
   p.create_rasterizer_state = create_rasterizer;
   p.bind_rasterizer_state = bind_rasterizer;
   p.delete_rasterizer_state = delete_rasterizer;
   p.create_depth_stencil_alpha_state = create_dsa;
   p.bind_depth_stencil_alpha_state = bind_dsa;
   p.delete_depth_stencil_alpha_state =
      delete_object<DsaState, ObjectType::dsa, &Context::dsa, &Context::sent_dsa>;
   p.create_sampler_state = create_sampler;
   p.bind_sampler_states = bind_samplers;
   p.delete_sampler_state = delete_sampler;
   p.create_vertex_elements_state = create_vertex_elements;
   p.bind_vertex_elements_state = bind_vertex_elements;
   p.delete_vertex_elements_state =
      delete_object<VertexElements, ObjectType::vertex_elements, &Context::vertex_elements,
                    &Context::sent_vertex_elements>;
}

} // namespace virgl
