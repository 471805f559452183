// SPDX-License-Identifier: MIT
// Whatever a host offers, nothing else is sent: a program that uses all that the screen gives runs on
// hosts of no, all and random capabilities, and the validator behind the fake device holds each command
// against the capset. As a state tracker does, the program asks the screen before it uses a thing.
#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "frontend/winsys_handle.h"
#include "pipe/p_context.h"
#include "pipe/p_screen.h"
#include "tgsi/tgsi_text.h"
#include "util/u_box.h"
#include "util/u_inlines.h"
#include "util/u_sampler.h"

#include "gallium/drivers/virgl/resource.hpp"
#include "gallium/drivers/virgl/screen.hpp"

#include "drm_test.hpp"
#include "protocol/stream.hpp"

using namespace virgl;
using namespace virgl::test;

namespace {

using Tokens = std::array<tgsi_token, 1024>;

constexpr char vertex_text[] = "VERT\nDCL IN[0]\nDCL OUT[0], POSITION\nDCL OUT[1], GENERIC[0]\n"
                               "DCL CONST[0][0]\n"
                               "  0: ADD OUT[0], IN[0], CONST[0][0]\n  1: MOV OUT[1], IN[0]\n  2: END\n";
constexpr char fragment_text[] = "FRAG\nDCL IN[0], GENERIC[0], PERSPECTIVE\nDCL OUT[0], COLOR\n"
                                 "DCL SAMP[0]\nDCL SVIEW[0], 2D, FLOAT\n"
                                 "  0: TEX OUT[0], IN[0], SAMP[0], 2D\n  1: END\n";
constexpr char control_text[] = "TESS_CTRL\nPROPERTY TCS_VERTICES_OUT 3\nDCL IN[][0], GENERIC[0]\n"
                                "DCL OUT[][0], GENERIC[0]\nDCL OUT[1], TESSOUTER\n"
                                "DCL SV[0], INVOCATIONID\nDCL ADDR[0]\nIMM[0] FLT32 {1, 1, 1, 1}\n"
                                "  0: UARL ADDR[0].x, SV[0].xxxx\n"
                                "  1: MOV OUT[ADDR[0].x][0], IN[ADDR[0].x][0]\n"
                                "  2: MOV OUT[1], IMM[0]\n  3: END\n";
constexpr char evaluation_text[] = "TESS_EVAL\nPROPERTY TES_PRIM_MODE 4\nDCL IN[][0], GENERIC[0]\n"
                                   "DCL OUT[0], POSITION\nDCL OUT[1], GENERIC[0]\n"
                                   "  0: MOV OUT[0], IN[0][0]\n  1: MOV OUT[1], IN[1][0]\n  2: END\n";
constexpr char geometry_text[] = "GEOM\nPROPERTY GS_INPUT_PRIMITIVE TRIANGLES\nPROPERTY GS_OUTPUT_PRIMITIVE TRIANGLE_STRIP\n"
                                 "PROPERTY GS_MAX_OUTPUT_VERTICES 3\nPROPERTY GS_INVOCATIONS 1\n"
                                 "DCL IN[][0], POSITION\nDCL IN[][1], GENERIC[0]\n"
                                 "DCL OUT[0], POSITION\nDCL OUT[1], GENERIC[0]\nIMM[0] UINT32 {0, 0, 0, 0}\n"
                                 "  0: MOV OUT[0], IN[0][0]\n  1: MOV OUT[1], IN[0][1]\n"
                                 "  2: EMIT IMM[0].xxxx\n  3: END\n";
constexpr char compute_text[] = "COMP\nPROPERTY CS_FIXED_BLOCK_WIDTH 8\nPROPERTY CS_FIXED_BLOCK_HEIGHT 1\n"
                                "PROPERTY CS_FIXED_BLOCK_DEPTH 1\nIMM[0] UINT32 {0, 1, 2, 3}\n"
                                "DCL TEMP[0]\n  0: MOV TEMP[0], IMM[0]\n  1: END\n";

// What a state tracker might do, on one context.
class Program {
public:
   explicit Program(pipe_screen *screen) : s_(screen), c_(screen->context_create(screen, nullptr, 0))
   {
      if (c_)
         set_up();
   }
   ~Program()
   {
      if (!c_)
         return;
      c_->set_framebuffer_state(c_, &no_framebuffer_);
      for (auto &[destroy, object] : objects_)
         destroy(c_, object);
      for (pipe_resource *&r : resources_)
         pipe_resource_reference(&r, nullptr);
      c_->destroy(c_);
   }
   Program(const Program &) = delete;

   bool works() const { return c_ != nullptr; }
   void run()
   {
      states();
      pictures();
      draws();
      patches_and_geometry();
      compute();
      queries();
      feedback();
      copies();
      share();
      pipe_memory_info info = {};
      if (has(PIPE_CAP_QUERY_MEMORY_INFO))
         s_->query_memory_info(s_, &info);
      pipe_fence_handle *fence = nullptr;
      c_->flush(c_, &fence, PIPE_FLUSH_END_OF_FRAME);
      s_->fence_finish(s_, c_, fence, PIPE_TIMEOUT_INFINITE);
      s_->fence_reference(s_, &fence, nullptr);
   }

private:
   int ask(pipe_cap cap) const { return s_->get_param(s_, cap); }
   bool has(pipe_cap cap) const { return ask(cap) != 0; }
   int ask(pipe_shader_type stage, pipe_shader_cap cap) const
   {
      return s_->get_shader_param(s_, stage, cap);
   }
   bool has_stage(pipe_shader_type stage) const
   {
      return ask(stage, PIPE_SHADER_CAP_MAX_INSTRUCTIONS) > 0;
   }
   bool supports(pipe_format f, unsigned bind, pipe_texture_target target = PIPE_TEXTURE_2D,
                 unsigned samples = 0) const
   {
      return s_->is_format_supported(s_, f, target, samples, samples, bind);
   }
   void later(void (*destroy)(pipe_context *, void *), void *object)
   {
      objects_.emplace_back(destroy, object);
   }
   pipe_resource *keep(pipe_resource *r)
   {
      if (r)
         resources_.push_back(r);
      return r;
   }
   pipe_resource *buffer(unsigned bind, unsigned bytes = 4096)
   {
      pipe_resource t = {};
      t.target = PIPE_BUFFER;
      t.format = PIPE_FORMAT_R8_UNORM;
      t.bind = bind;
      t.width0 = bytes;
      t.height0 = t.depth0 = t.array_size = 1;
      return keep(s_->resource_create(s_, &t));
   }
   pipe_resource *texture(pipe_texture_target target, pipe_format format, unsigned bind,
                          unsigned layers = 1, unsigned samples = 0)
   {
      if (!supports(format, bind, target, samples))
         return nullptr;
      pipe_resource t = {};
      t.target = target;
      t.format = format;
      t.bind = bind;
      t.width0 = 16;
      t.height0 = target == PIPE_TEXTURE_1D || target == PIPE_TEXTURE_1D_ARRAY ? 1 : 16;
      t.depth0 = target == PIPE_TEXTURE_3D ? layers : 1;
      t.array_size = target == PIPE_TEXTURE_3D ? 1 : layers;
      t.nr_samples = t.nr_storage_samples = samples;
      return keep(s_->resource_create(s_, &t));
   }
   void *shader(pipe_shader_type stage, const char *text, bool streams = false)
   {
      Tokens tokens;
      if (!tgsi_text_translate(text, tokens.data(), unsigned(tokens.size()))) {
         ADD_FAILURE() << text;
         return nullptr;
      }
      pipe_shader_state state = {};
      state.type = PIPE_SHADER_IR_TGSI;
      state.tokens = tokens.data();
      if (streams) {
         state.stream_output.num_outputs = 1;
         state.stream_output.stride[0] = 4;
         state.stream_output.output[0].num_components = 4;
      }
      switch (stage) {
      case PIPE_SHADER_VERTEX: return c_->create_vs_state(c_, &state);
      case PIPE_SHADER_FRAGMENT: return c_->create_fs_state(c_, &state);
      case PIPE_SHADER_GEOMETRY: return c_->create_gs_state(c_, &state);
      case PIPE_SHADER_TESS_CTRL: return c_->create_tcs_state(c_, &state);
      case PIPE_SHADER_TESS_EVAL: return c_->create_tes_state(c_, &state);
      default: return nullptr;
      }
   }

   void set_up()
   {
      vertices_ = buffer(PIPE_BIND_VERTEX_BUFFER);
      indices_ = buffer(PIPE_BIND_INDEX_BUFFER);
      arguments_ = buffer(PIPE_BIND_COMMAND_ARGS_BUFFER);
      const std::vector<uint32_t> zeros(1024);
      c_->buffer_subdata(c_, arguments_, PIPE_MAP_WRITE, 0, 4096, zeros.data());
      target_ = texture(PIPE_TEXTURE_2D, PIPE_FORMAT_R8G8B8A8_UNORM,
                        PIPE_BIND_RENDER_TARGET | PIPE_BIND_SAMPLER_VIEW);
      depth_ = texture(PIPE_TEXTURE_2D, PIPE_FORMAT_Z24_UNORM_S8_UINT, PIPE_BIND_DEPTH_STENCIL);

      vs_ = shader(PIPE_SHADER_VERTEX, vertex_text);
      fs_ = shader(PIPE_SHADER_FRAGMENT, fragment_text);
      later(c_->delete_vs_state, vs_);
      later(c_->delete_fs_state, fs_);
      c_->bind_vs_state(c_, vs_);
      c_->bind_fs_state(c_, fs_);
      pipe_vertex_element element = {};
      element.src_format = PIPE_FORMAT_R32G32B32A32_FLOAT;
      element.instance_divisor = has(PIPE_CAP_VERTEX_ELEMENT_INSTANCE_DIVISOR);
      void *elements = c_->create_vertex_elements_state(c_, 1, &element);
      c_->bind_vertex_elements_state(c_, elements);
      later(c_->delete_vertex_elements_state, elements);
      pipe_vertex_buffer vb = {};
      vb.stride = 16;
      vb.buffer.resource = vertices_;
      c_->set_vertex_buffers(c_, 0, 1, 0, false, &vb);
   }

   void states()
   {
      pipe_blend_state blend = {};
      blend.independent_blend_enable = has(PIPE_CAP_INDEP_BLEND_ENABLE);
      blend.max_rt = blend.independent_blend_enable ? 7 : 0;
      blend.dither = blend.alpha_to_coverage = blend.alpha_to_one = 1;
      for (unsigned i = 0; i <= blend.max_rt; i++) {
         blend.rt[i].blend_enable = 1;
         blend.rt[i].rgb_src_factor = blend.rt[i].alpha_src_factor = PIPE_BLENDFACTOR_ONE;
         blend.rt[i].rgb_dst_factor = blend.rt[i].alpha_dst_factor = PIPE_BLENDFACTOR_CONST_COLOR;
         blend.rt[i].colormask = 15;
      }
      void *object = c_->create_blend_state(c_, &blend);
      c_->bind_blend_state(c_, object);
      later(c_->delete_blend_state, object);

      pipe_rasterizer_state r = {};
      r.clip_halfz = has(PIPE_CAP_CLIP_HALFZ);
      r.force_persample_interp = has(PIPE_CAP_FORCE_PERSAMPLE_INTERP);
      r.offset_clamp = has(PIPE_CAP_POLYGON_OFFSET_CLAMP) ? 1.0f : 0.0f;
      r.clamp_vertex_color = has(PIPE_CAP_VERTEX_COLOR_CLAMPED);
      r.clamp_fragment_color = has(PIPE_CAP_FRAGMENT_COLOR_CLAMPED);
      r.depth_clip_near = r.depth_clip_far = !has(PIPE_CAP_DEPTH_CLIP_DISABLE);
      r.poly_stipple_enable = r.multisample = r.scissor = r.light_twoside = r.offset_tri = 1;
      r.clip_plane_enable = 0xff;
      r.line_width = r.point_size = 1.0f;
      object = c_->create_rasterizer_state(c_, &r);
      c_->bind_rasterizer_state(c_, object);
      later(c_->delete_rasterizer_state, object);

      pipe_depth_stencil_alpha_state dsa = {};
      dsa.depth_enabled = dsa.depth_writemask = dsa.alpha_enabled = dsa.stencil[0].enabled = 1;
      object = c_->create_depth_stencil_alpha_state(c_, &dsa);
      c_->bind_depth_stencil_alpha_state(c_, object);
      later(c_->delete_depth_stencil_alpha_state, object);

      std::vector<pipe_viewport_state> viewports(size_t(ask(PIPE_CAP_MAX_VIEWPORTS)));
      c_->set_viewport_states(c_, 0, unsigned(viewports.size()), viewports.data());
      std::vector<pipe_scissor_state> scissors(viewports.size());
      c_->set_scissor_states(c_, 0, unsigned(scissors.size()), scissors.data());
      const pipe_clip_state clip = {};
      c_->set_clip_state(c_, &clip);
      const pipe_poly_stipple stipple = {};
      c_->set_polygon_stipple(c_, &stipple);
      const pipe_blend_color colour = {};
      c_->set_blend_color(c_, &colour);
      c_->set_stencil_ref(c_, pipe_stencil_ref{});
      c_->set_sample_mask(c_, 5);
      if (c_->set_min_samples)
         c_->set_min_samples(c_, has(PIPE_CAP_SAMPLE_SHADING) ? 4 : 1);
      const float levels[4] = {2, 2, 2, 2};
      if (has_stage(PIPE_SHADER_TESS_EVAL))
         c_->set_tess_state(c_, levels, levels);

      for (pipe_shader_type stage : {PIPE_SHADER_VERTEX, PIPE_SHADER_FRAGMENT, PIPE_SHADER_GEOMETRY,
                                     PIPE_SHADER_TESS_CTRL, PIPE_SHADER_TESS_EVAL, PIPE_SHADER_COMPUTE}) {
         if (has_stage(stage))
            bindings(stage);
      }
      if (const int n = ask(PIPE_SHADER_FRAGMENT, PIPE_SHADER_CAP_MAX_HW_ATOMIC_COUNTER_BUFFERS)) {
         pipe_shader_buffer atomics = {};
         atomics.buffer = buffer(PIPE_BIND_CUSTOM);
         atomics.buffer_size = 64;
         c_->set_hw_atomic_buffers(c_, unsigned(n) - 1, 1, &atomics);
      }
   }

   void bindings(pipe_shader_type stage)
   {
      const float user[4] = {};
      pipe_constant_buffer constants = {};
      constants.buffer_size = sizeof user;
      constants.user_buffer = user;
      c_->set_constant_buffer(c_, stage, 0, false, &constants);
      if (ask(stage, PIPE_SHADER_CAP_MAX_CONST_BUFFERS) > 1) {
         constants.user_buffer = nullptr;
         constants.buffer = buffer(PIPE_BIND_CONSTANT_BUFFER);
         constants.buffer_size = 256;
         c_->set_constant_buffer(c_, stage, 1, false, &constants);
      }
      if (const int n = ask(stage, PIPE_SHADER_CAP_MAX_SHADER_BUFFERS); n > 0) {
         pipe_shader_buffer b = {};
         b.buffer = buffer(PIPE_BIND_SHADER_BUFFER);
         b.buffer_size = 256;
         c_->set_shader_buffers(c_, stage, unsigned(n) - 1, 1, &b, 1);
      }
      if (const int n = ask(stage, PIPE_SHADER_CAP_MAX_SHADER_IMAGES); n > 0) {
         pipe_image_view view = {};
         view.resource = texture(PIPE_TEXTURE_2D, PIPE_FORMAT_R32_UINT, PIPE_BIND_SHADER_IMAGE);
         view.format = PIPE_FORMAT_R32_UINT;
         view.access = view.shader_access = PIPE_IMAGE_ACCESS_READ_WRITE;
         if (view.resource)
            c_->set_shader_images(c_, stage, unsigned(n) - 1, 1, 0, &view);
      }
      pipe_sampler_state sampler = {};
      sampler.wrap_s = has(PIPE_CAP_TEXTURE_MIRROR_CLAMP) ? PIPE_TEX_WRAP_MIRROR_CLAMP : PIPE_TEX_WRAP_REPEAT;
      sampler.wrap_t = has(PIPE_CAP_TEXTURE_MIRROR_CLAMP_TO_EDGE) ? PIPE_TEX_WRAP_MIRROR_CLAMP_TO_EDGE
                                                                  : PIPE_TEX_WRAP_CLAMP;
      sampler.wrap_r = PIPE_TEX_WRAP_CLAMP_TO_BORDER;
      sampler.min_img_filter = sampler.mag_img_filter = PIPE_TEX_FILTER_LINEAR;
      void *object = c_->create_sampler_state(c_, &sampler);
      c_->bind_sampler_states(c_, stage, 0, 1, &object);
      later(c_->delete_sampler_state, object);
   }

   void view(pipe_resource *r, pipe_texture_target target)
   {
      if (!r)
         return;
      pipe_sampler_view templ;
      u_sampler_view_default_template(&templ, r, r->format);
      templ.target = target;
      pipe_sampler_view *v = c_->create_sampler_view(c_, r, &templ);
      c_->set_sampler_views(c_, PIPE_SHADER_FRAGMENT, 0, 1, 0, false, &v);
      draw({});
      c_->set_sampler_views(c_, PIPE_SHADER_FRAGMENT, 0, 0, 1, false, nullptr);
      pipe_sampler_view_reference(&v, nullptr);
   }

   void pictures()
   {
      const unsigned sampled = PIPE_BIND_SAMPLER_VIEW;
      const auto rgba = PIPE_FORMAT_R8G8B8A8_UNORM;
      view(texture(PIPE_TEXTURE_1D, rgba, sampled), PIPE_TEXTURE_1D);
      view(texture(PIPE_TEXTURE_3D, rgba, sampled, 4), PIPE_TEXTURE_3D);
      view(texture(PIPE_TEXTURE_CUBE, rgba, sampled, 6), PIPE_TEXTURE_CUBE);
      if (ask(PIPE_CAP_MAX_TEXTURE_ARRAY_LAYERS) > 1) {
         pipe_resource *array = texture(PIPE_TEXTURE_2D_ARRAY, rgba, sampled, 4);
         view(array, PIPE_TEXTURE_2D_ARRAY);
         if (has(PIPE_CAP_SAMPLER_VIEW_TARGET))
            view(array, PIPE_TEXTURE_2D);
      }
      if (has(PIPE_CAP_CUBE_MAP_ARRAY))
         view(texture(PIPE_TEXTURE_CUBE_ARRAY, rgba, sampled, 12), PIPE_TEXTURE_CUBE_ARRAY);
      view(texture(PIPE_TEXTURE_2D, PIPE_FORMAT_X8Z24_UNORM, sampled | PIPE_BIND_DEPTH_STENCIL),
           PIPE_TEXTURE_2D);
      view(texture(PIPE_TEXTURE_2D, PIPE_FORMAT_LATC1_UNORM, sampled), PIPE_TEXTURE_2D);
      if (has(PIPE_CAP_TEXTURE_BUFFER_OBJECTS)) {
         pipe_resource *b = buffer(sampled);
         if (!b)
            return;
         pipe_sampler_view templ = {};
         templ.target = PIPE_BUFFER;
         templ.format = rgba;
         templ.swizzle_g = PIPE_SWIZZLE_Y;
         templ.u.buf.size = 256;
         pipe_sampler_view *v = c_->create_sampler_view(c_, b, &templ);
         c_->set_sampler_views(c_, PIPE_SHADER_FRAGMENT, 0, 1, 0, false, &v);
         draw({});
         c_->set_sampler_views(c_, PIPE_SHADER_FRAGMENT, 0, 0, 1, false, nullptr);
         pipe_sampler_view_reference(&v, nullptr);
      }
   }

   pipe_surface *surface(pipe_resource *r, unsigned samples = 0)
   {
      pipe_surface templ = {};
      templ.format = r->format;
      templ.nr_samples = samples;
      return c_->create_surface(c_, r, &templ);
   }

   // Binds what there is of targets; as many as the host takes.
   void framebuffer(pipe_framebuffer_state &fb)
   {
      fb = {};
      fb.width = fb.height = 16;
      if (target_) {
         fb.nr_cbufs = std::min(ask(PIPE_CAP_MAX_RENDER_TARGETS), 8);
         for (unsigned i = 0; i < fb.nr_cbufs; i++)
            fb.cbufs[i] = surface(target_, has(PIPE_CAP_SURFACE_SAMPLE_COUNT) && i == 0 ? 4 : 0);
      }
      if (depth_)
         fb.zsbuf = surface(depth_);
      c_->set_framebuffer_state(c_, &fb);
   }
   void release(pipe_framebuffer_state &fb)
   {
      c_->set_framebuffer_state(c_, &no_framebuffer_);
      for (unsigned i = 0; i < fb.nr_cbufs; i++)
         pipe_surface_reference(&fb.cbufs[i], nullptr);
      pipe_surface_reference(&fb.zsbuf, nullptr);
   }

   struct Draw {
      enum pipe_prim_type mode = PIPE_PRIM_TRIANGLES;
      bool indexed = false, restart = false;
      unsigned instances = 1, start_instance = 0;
      const pipe_draw_indirect_info *indirect = nullptr;
   };
   void draw(const Draw &d)
   {
      pipe_draw_info info = {};
      info.mode = d.mode;
      info.index_size = d.indexed ? 2 : 0;
      info.index.resource = d.indexed ? indices_ : nullptr;
      info.primitive_restart = d.restart;
      info.restart_index = 0xffff;
      info.instance_count = d.instances;
      info.start_instance = d.start_instance;
      info.max_index = ~0u;
      const pipe_draw_start_count_bias range = {0, 12, 0};
      c_->draw_vbo(c_, &info, 0, d.indirect, &range, 1);
   }

   void draws()
   {
      pipe_framebuffer_state fb;
      framebuffer(fb);
      const pipe_color_union colour = {};
      unsigned buffers = depth_ ? PIPE_CLEAR_DEPTHSTENCIL : 0;
      for (unsigned i = 0; i < fb.nr_cbufs; i++)
         buffers |= PIPE_CLEAR_COLOR0 << i;
      c_->clear(c_, buffers, nullptr, &colour, 0.5, 3);
      const int prims = ask(PIPE_CAP_SUPPORTED_PRIM_MODES);
      for (unsigned mode = 0; mode < PIPE_PRIM_PATCHES; mode++) {
         if (!(prims >> mode & 1))
            continue;
         // Without geometry shaders nobody draws adjacency.
         if (mode >= PIPE_PRIM_LINES_ADJACENCY && ask(PIPE_CAP_GLSL_FEATURE_LEVEL) < 150)
            continue;
         draw({.mode = static_cast<enum pipe_prim_type>(mode)});
         draw({.mode = static_cast<enum pipe_prim_type>(mode), .indexed = true});
      }
      if (has(PIPE_CAP_PRIMITIVE_RESTART))
         draw({.mode = PIPE_PRIM_TRIANGLE_STRIP, .indexed = true, .restart = true});
      if (has(PIPE_CAP_VS_INSTANCEID))
         draw({.instances = 3});
      if (has(PIPE_CAP_START_INSTANCE))
         draw({.start_instance = 2});
      if (has(PIPE_CAP_DRAW_INDIRECT)) {
         pipe_draw_indirect_info indirect = {};
         indirect.buffer = arguments_;
         indirect.draw_count = 1;
         draw({.indirect = &indirect});
         indirect.stride = 16;
         // Where the host takes one only, Gallium's users send them one by one.
         indirect.draw_count = has(PIPE_CAP_MULTI_DRAW_INDIRECT) ? 3 : 1;
         draw({.indirect = &indirect});
         if (has(PIPE_CAP_MULTI_DRAW_INDIRECT_PARAMS)) {
            indirect.indirect_draw_count = arguments_;
            indirect.indirect_draw_count_offset = 256;
            draw({.indirect = &indirect});
         }
      }
      if (has(PIPE_CAP_TEXTURE_BARRIER))
         c_->texture_barrier(c_, PIPE_TEXTURE_BARRIER_SAMPLER);
      c_->memory_barrier(c_, PIPE_BARRIER_ALL);
      release(fb);
      if (has(PIPE_CAP_FRAMEBUFFER_NO_ATTACHMENT)) {
         pipe_framebuffer_state none = {};
         none.width = none.height = 16;
         c_->set_framebuffer_state(c_, &none);
         draw({});
      }
   }

   void patches_and_geometry()
   {
      pipe_framebuffer_state fb;
      framebuffer(fb);
      if (has_stage(PIPE_SHADER_TESS_EVAL)) {
         void *tcs = shader(PIPE_SHADER_TESS_CTRL, control_text);
         void *tes = shader(PIPE_SHADER_TESS_EVAL, evaluation_text);
         c_->bind_tcs_state(c_, tcs);
         c_->bind_tes_state(c_, tes);
         c_->set_patch_vertices(c_, 3);
         draw({.mode = PIPE_PRIM_PATCHES});
         c_->bind_tcs_state(c_, nullptr);
         c_->bind_tes_state(c_, nullptr);
         c_->delete_tcs_state(c_, tcs);
         c_->delete_tes_state(c_, tes);
      }
      if (has_stage(PIPE_SHADER_GEOMETRY) && ask(PIPE_CAP_GLSL_FEATURE_LEVEL) >= 150) {
         void *gs = shader(PIPE_SHADER_GEOMETRY, geometry_text);
         c_->bind_gs_state(c_, gs);
         draw({});
         c_->bind_gs_state(c_, nullptr);
         c_->delete_gs_state(c_, gs);
      }
      release(fb);
   }

   void compute()
   {
      if (!has(PIPE_CAP_COMPUTE))
         return;
      Tokens tokens;
      ASSERT_TRUE(tgsi_text_translate(compute_text, tokens.data(), unsigned(tokens.size())));
      pipe_compute_state state = {};
      state.ir_type = PIPE_SHADER_IR_TGSI;
      state.prog = tokens.data();
      void *cs = c_->create_compute_state(c_, &state);
      c_->bind_compute_state(c_, cs);
      pipe_grid_info grid = {};
      grid.work_dim = 1;
      grid.block[0] = 8;
      grid.block[1] = grid.block[2] = 1;
      grid.grid[0] = grid.grid[1] = grid.grid[2] = 1;
      c_->launch_grid(c_, &grid);
      grid.indirect = arguments_;
      c_->launch_grid(c_, &grid);
      c_->bind_compute_state(c_, nullptr);
      c_->delete_compute_state(c_, cs);
   }

   void queries()
   {
      std::vector<unsigned> types = {PIPE_QUERY_GPU_FINISHED};
      const auto add = [&](pipe_cap cap, std::initializer_list<unsigned> more) {
         if (has(cap))
            types.insert(types.end(), more);
      };
      add(PIPE_CAP_OCCLUSION_QUERY, {PIPE_QUERY_OCCLUSION_COUNTER, PIPE_QUERY_OCCLUSION_PREDICATE,
                                     PIPE_QUERY_OCCLUSION_PREDICATE_CONSERVATIVE});
      add(PIPE_CAP_QUERY_TIMESTAMP, {PIPE_QUERY_TIMESTAMP});
      add(PIPE_CAP_QUERY_TIME_ELAPSED, {PIPE_QUERY_TIME_ELAPSED});
      add(PIPE_CAP_QUERY_SO_OVERFLOW, {PIPE_QUERY_SO_OVERFLOW_PREDICATE, PIPE_QUERY_SO_OVERFLOW_ANY_PREDICATE});
      add(PIPE_CAP_QUERY_PIPELINE_STATISTICS_SINGLE, {PIPE_QUERY_PIPELINE_STATISTICS_SINGLE});
      add(PIPE_CAP_MAX_STREAM_OUTPUT_BUFFERS, {PIPE_QUERY_PRIMITIVES_EMITTED, PIPE_QUERY_PRIMITIVES_GENERATED});
      pipe_resource *results = buffer(PIPE_BIND_QUERY_BUFFER);
      for (unsigned type : types) {
         SCOPED_TRACE(type);
         pipe_query *q = c_->create_query(c_, type, 0);
         if (!q)
            continue;
         if (type != PIPE_QUERY_TIMESTAMP && type != PIPE_QUERY_GPU_FINISHED)
            c_->begin_query(c_, q);
         c_->set_active_query_state(c_, false);
         c_->set_active_query_state(c_, true);
         draw({});
         c_->end_query(c_, q);
         if (has(PIPE_CAP_QUERY_BUFFER_OBJECT) && type != PIPE_QUERY_GPU_FINISHED)
            c_->get_query_result_resource(c_, q, PIPE_QUERY_WAIT, PIPE_QUERY_TYPE_U64, 0, results, 0);
         if (has(PIPE_CAP_CONDITIONAL_RENDER) && type == PIPE_QUERY_OCCLUSION_PREDICATE) {
            for (bool inverted : {false, true}) {
               if (inverted && !has(PIPE_CAP_CONDITIONAL_RENDER_INVERTED))
                  continue;
               c_->render_condition(c_, q, inverted, PIPE_RENDER_COND_WAIT);
               draw({});
               clear_surfaces(true);
               c_->render_condition(c_, nullptr, false, PIPE_RENDER_COND_WAIT);
            }
         }
         pipe_query_result result;
         c_->get_query_result(c_, q, true, &result);
         c_->destroy_query(c_, q);
      }
   }

   void feedback()
   {
      if (!has(PIPE_CAP_MAX_STREAM_OUTPUT_BUFFERS))
         return;
      void *vs = shader(PIPE_SHADER_VERTEX, vertex_text, true);
      c_->bind_vs_state(c_, vs);
      std::vector<pipe_stream_output_target *> targets;
      for (int i = 0; i < ask(PIPE_CAP_MAX_STREAM_OUTPUT_BUFFERS); i++) {
         if (pipe_resource *b = buffer(PIPE_BIND_STREAM_OUTPUT))
            targets.push_back(c_->create_stream_output_target(c_, b, 0, 1024));
      }
      std::vector<unsigned> offsets(targets.size(), 0);
      c_->set_stream_output_targets(c_, unsigned(targets.size()), targets.data(), offsets.data());
      draw({});
      if (has(PIPE_CAP_STREAM_OUTPUT_PAUSE_RESUME)) {
         std::ranges::fill(offsets, ~0u);
         c_->set_stream_output_targets(c_, unsigned(targets.size()), targets.data(), offsets.data());
         draw({});
      }
      c_->set_stream_output_targets(c_, 0, nullptr, nullptr);
      for (pipe_stream_output_target *t : targets)
         pipe_so_target_reference(&t, nullptr);
      c_->bind_vs_state(c_, vs_);
      c_->delete_vs_state(c_, vs);
   }

   void clear_surfaces(bool conditional)
   {
      const pipe_color_union colour = {};
      if (target_) {
         pipe_surface *s = surface(target_);
         c_->clear_render_target(c_, s, &colour, 2, 2, 4, 4, conditional);
         pipe_surface_reference(&s, nullptr);
      }
      if (depth_) {
         pipe_surface *s = surface(depth_);
         for (unsigned flags : {PIPE_CLEAR_DEPTHSTENCIL, PIPE_CLEAR_DEPTH, PIPE_CLEAR_STENCIL})
            c_->clear_depth_stencil(c_, s, flags, 0.5, 7, 2, 2, 4, 4, conditional);
         pipe_surface_reference(&s, nullptr);
      }
   }

   void copies()
   {
      clear_surfaces(false);
      pipe_box box;
      u_box_1d(0, 256, &box);
      pipe_resource *other = buffer(PIPE_BIND_VERTEX_BUFFER);
      if (!other)
         return; // the device is lost, which fails the test
      c_->resource_copy_region(c_, other, 0, 0, 0, 0, vertices_, 0, &box);
      map(other, box, PIPE_MAP_READ);
      map(other, box, PIPE_MAP_WRITE);
      if (!target_)
         return;
      u_box_2d(0, 0, 16, 16, &box);
      const std::vector<uint8_t> texels(16 * 16 * 4);
      c_->texture_subdata(c_, target_, 0, PIPE_MAP_WRITE, &box, texels.data(), 64, 0);
      if (has(PIPE_CAP_CLEAR_TEXTURE))
         c_->clear_texture(c_, target_, 0, &box, texels.data());
      pipe_resource *to = texture(PIPE_TEXTURE_2D, target_->format, PIPE_BIND_RENDER_TARGET);
      if (to) {
         c_->resource_copy_region(c_, to, 0, 0, 0, 0, target_, 0, &box);
         pipe_blit_info blit = {};
         blit.src.resource = target_;
         blit.dst.resource = to;
         blit.src.box = blit.dst.box = box;
         blit.src.format = blit.dst.format = target_->format;
         blit.mask = PIPE_MASK_RGBA;
         c_->blit(c_, &blit);
      }
      map(target_, box, PIPE_MAP_READ);
      map(target_, box, PIPE_MAP_READ | PIPE_MAP_WRITE);
      map(target_, box, PIPE_MAP_WRITE | PIPE_MAP_DISCARD_RANGE);
      if (pipe_resource *ms = texture(PIPE_TEXTURE_2D, target_->format, PIPE_BIND_RENDER_TARGET, 1, 4))
         map(ms, box, PIPE_MAP_READ);
      if (has(PIPE_CAP_STRING_MARKER))
         c_->emit_string_marker(c_, "here", 4);
   }
   void map(pipe_resource *r, const pipe_box &box, unsigned usage)
   {
      pipe_transfer *t = nullptr;
      const bool is_buffer = r->target == PIPE_BUFFER;
      auto *mapping = is_buffer ? c_->buffer_map : c_->texture_map;
      if (mapping(c_, r, 0, usage, &box, &t))
         (is_buffer ? c_->buffer_unmap : c_->texture_unmap)(c_, t);
   }

   void share()
   {
      if (!target_ || !has(PIPE_CAP_DMABUF))
         return;
      pipe_resource *shared = texture(PIPE_TEXTURE_2D, target_->format,
                                      PIPE_BIND_RENDER_TARGET | PIPE_BIND_SAMPLER_VIEW | PIPE_BIND_SHARED);
      winsys_handle h = {};
      h.type = WINSYS_HANDLE_TYPE_FD;
      if (!shared || !s_->resource_get_handle(s_, c_, shared, &h, 0))
         return;
      pipe_resource templ = *shared;
      templ.next = nullptr;
      view(keep(s_->resource_from_handle(s_, &templ, &h, 0)), PIPE_TEXTURE_2D);
      close(int(h.handle));
   }

   pipe_screen *s_;
   pipe_context *c_;
   std::vector<std::pair<void (*)(pipe_context *, void *), void *>> objects_;
   std::vector<pipe_resource *> resources_;
   const pipe_framebuffer_state no_framebuffer_ = {};
   pipe_resource *vertices_ = nullptr, *indices_ = nullptr, *arguments_ = nullptr, *target_ = nullptr,
                 *depth_ = nullptr;
   void *vs_ = nullptr, *fs_ = nullptr;
};

// The commands that were sent, by name, each once.
std::string play(const proto::Caps &caps, uint32_t capsets = 1u << 1 | 1u << 2)
{
   setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
   VirtgpuOptions o = gpu_options(Pace::at_once);
   o.caps = caps;
   o.capsets = capsets;
   FakeVirtgpu gpu(o);
   gpu.keep_streams(true);
   {
      std::unique_ptr<Winsys> ws = drm::connect(gpu.open(), drm_options());
      pipe_screen *s = ws ? screen_create(std::move(ws), nullptr) : nullptr;
      EXPECT_TRUE(s);
      if (!s)
         return {};
      {
         Program program(s);
         EXPECT_TRUE(program.works());
         program.run();
      }
      EXPECT_FALSE(Screen::from(s).ws->lost());
      s->destroy(s);
   }
   std::string names = " ";
   for (const std::vector<uint32_t> &stream : gpu.take_streams()) {
      proto::CommandReader reader(stream);
      proto::Command command;
      while (reader.next(command)) {
         const std::string name = name_of(command.opcode);
         if (names.find(" " + name + " ") == std::string::npos)
            names += name + " ";
      }
   }
   Gpu::expect_nothing_left(gpu);
   return names;
}

// What a host of the first capset is known to have.
proto::Caps first_capset(proto::Caps c)
{
   proto::Caps one;
   one.capset_id = 1;
   one.sampler = c.sampler;
   one.render = c.render;
   one.depthstencil = c.depthstencil;
   one.vertexbuffer = c.vertexbuffer;
   one.bset = c.bset;
   one.glsl_level = c.glsl_level;
   one.max_texture_array_layers = c.max_texture_array_layers;
   one.max_streamout_buffers = c.max_streamout_buffers;
   one.max_dual_source_render_targets = c.max_dual_source_render_targets;
   one.max_render_targets = c.max_render_targets;
   one.max_samples = c.max_samples;
   one.prim_mask = c.prim_mask;
   one.max_tbo_size = c.max_tbo_size;
   one.max_uniform_blocks = c.max_uniform_blocks;
   one.max_viewports = c.max_viewports;
   one.max_texture_gather_components = c.max_texture_gather_components;
   return one;
}

void expect_sent(const std::string &names, std::initializer_list<const char *> commands, bool sent)
{
   for (const char *command : commands)
      EXPECT_EQ(names.find(std::string(" ") + command + " ") != std::string::npos, sent) << command;
}

constexpr std::initializer_list<const char *> of_capabilities = {
   "SET_TESS_STATE", "SET_MIN_SAMPLES", "MEMORY_BARRIER", "LAUNCH_GRID",
   "SET_FRAMEBUFFER_STATE_NO_ATTACH", "TEXTURE_BARRIER", "GET_QUERY_RESULT_QBO", "TRANSFER3D",
   "COPY_TRANSFER3D", "CLEAR_TEXTURE", "GET_MEMORY_INFO", "SEND_STRING_MARKER", "SET_RENDER_CONDITION"};

} // namespace

TEST(Capset, EveryBitOn)
{
   const proto::Caps caps = VirtgpuOptions::able_host();
   expect_sent(play(caps), of_capabilities, true);
   expect_sent(play(caps), {"CLEAR_SURFACE"}, false); // of newer hosts
}

TEST(Capset, EveryBitOnOfANewerHost)
{
   proto::Caps caps = VirtgpuOptions::able_host();
   caps.host_feature_check_version = 25;
   expect_sent(play(caps), {"CLEAR_SURFACE", "CLEAR_TEXTURE", "GET_MEMORY_INFO"}, true);
}

TEST(Capset, EveryBitOff)
{
   proto::Caps caps = VirtgpuOptions::able_host();
   caps.bset = caps.capability_bits = caps.capability_bits_v2 = 0;
   const std::string names = play(caps);
   expect_sent(names, of_capabilities, false);
   expect_sent(names, {"CLEAR_SURFACE"}, false);
   expect_sent(names, {"DRAW_VBO", "CLEAR", "BLIT", "RESOURCE_INLINE_WRITE"}, true);
}

TEST(Capset, NothingAtAll)
{
   expect_sent(play(proto::Caps()), of_capabilities, false);
}

TEST(Capset, TheFirstOnly)
{
   expect_sent(play(first_capset(VirtgpuOptions::able_host()), 1u << 1), {"DRAW_VBO", "BLIT"}, true);
}

TEST(Capset, BitsAtRandom)
{
   std::mt19937 random(7);
   for (unsigned round = 0; round < 150; round++) {
      SCOPED_TRACE(round);
      proto::Caps caps = VirtgpuOptions::able_host();
      // Some hosts have nearly all, some nearly nothing.
      const auto bits = [&] {
         const uint32_t a = uint32_t(random()), b = uint32_t(random());
         return round % 3 == 0 ? a : round % 3 == 1 ? a | b : a & b;
      };
      caps.bset = bits();
      caps.capability_bits = bits() & ~proto::cap::host_is_gles;
      caps.capability_bits_v2 = bits();
      caps.host_feature_check_version = uint32_t(random() % 26);
      caps.glsl_level = std::array{130u, 140u, 150u, 330u, 400u, 430u, 460u}[random() % 7];
      caps.prim_mask = bits();
      for (uint32_t *limit : {&caps.max_render_targets, &caps.max_viewports, &caps.max_streamout_buffers,
                              &caps.max_shader_buffer_frag_compute, &caps.max_shader_buffer_other_stages,
                              &caps.max_shader_image_frag_compute, &caps.max_shader_image_other_stages,
                              &caps.max_uniform_blocks, &caps.max_samples, &caps.max_texture_array_layers,
                              &caps.max_tbo_size})
         *limit = random() % 4 == 0 ? 0 : *limit;
      play(caps);
      if (HasFailure())
         return;
   }
}

TEST(Capset, MemoryIsToldAsTheHostTellsIt)
{
   FakeVirtgpu gpu(gpu_options(Pace::at_once));
   {
      std::unique_ptr<Winsys> ws = drm::connect(gpu.open(), drm_options());
      ASSERT_TRUE(ws);
      pipe_screen *s = screen_create(std::move(ws), nullptr);
      ASSERT_TRUE(s);
      EXPECT_EQ(s->get_param(s, PIPE_CAP_QUERY_MEMORY_INFO), 1);
      pipe_memory_info info = {};
      s->query_memory_info(s, &info);
      EXPECT_EQ(info.total_device_memory, 4000u);
      EXPECT_EQ(info.avail_device_memory, 3000u);
      EXPECT_EQ(info.total_staging_memory, 2000u);
      EXPECT_EQ(info.avail_staging_memory, 1000u);
      EXPECT_EQ(info.nr_device_memory_evictions, 7u);
      s->destroy(s);
   }
   Gpu::expect_nothing_left(gpu);
}
