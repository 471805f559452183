// SPDX-License-Identifier: MIT
// The screen's answers to what Gallium asks about the device. Answers never change, so they are put
// into a table once, from the limits and capability bits of the host.
#include "gallium/drivers/virgl/limits.hpp"
#include "gallium/drivers/virgl/screen.hpp"
#include "gallium/drivers/virgl/shader.hpp"

#include <algorithm>
#include <climits>
#include <cstring>

#include "pipe/p_defines.h"
#include "util/u_screen.h"

namespace virgl {

thread_local bool force_persistent_maps = false;

namespace {

namespace cap = proto::cap;
namespace cap2 = proto::cap2;
namespace feature = proto::feature;

// GL_ARB_map_buffer_alignment's least value, which wined3d and others rely on.
constexpr int MAP_ALIGNMENT = 64;
// Of the virtio GPU on PCI.
constexpr int VENDOR_ID = 0x1af4;
constexpr int DEVICE_ID = 0x1010;

// The defaults that Mesa declares unreachable: a driver has to set these itself.
constexpr bool without_default(pipe_cap param)
{
   constexpr pipe_cap OURS[] = {
      PIPE_CAP_MAX_TEXTURE_2D_SIZE,
      PIPE_CAP_MAX_TEXTURE_3D_LEVELS,
      PIPE_CAP_MAX_TEXTURE_CUBE_LEVELS,
      PIPE_CAP_VIDEO_MEMORY,
      PIPE_CAP_ACCELERATED,
      PIPE_CAP_UMA,
      PIPE_CAP_PCI_DEVICE,
      PIPE_CAP_PCI_BUS,
      PIPE_CAP_PCI_GROUP,
      PIPE_CAP_PCI_FUNCTION,
   };
   return std::ranges::find(OURS, param) != std::end(OURS);
}

class CapTable {
public:
   explicit CapTable(Screen &screen) : screen_(screen), params_(screen.limits->params)
   {
      params_.assign(PIPE_CAP_LAST, 0);
      for (unsigned p = 0; p < PIPE_CAP_LAST; p++) {
         if (!without_default(pipe_cap(p)))
            params_[p] = u_pipe_screen_get_param_defaults(&screen.base, pipe_cap(p));
      }
   }

   void fill()
   {
      fill_device();
      fill_textures();
      fill_vertices();
      fill_shaders();
      fill_fragments();
      fill_buffers();
      fill_queries();
      fill_driver();
   }

private:
   void set(pipe_cap param, int64_t value) { params_[param] = int(value); }
   void on(std::initializer_list<pipe_cap> params, bool value = true)
   {
      for (pipe_cap p : params)
         set(p, value);
   }
   bool can(uint32_t bit) const { return screen_.caps.has_feature(bit); }
   bool has(uint32_t bit) const { return screen_.has(bit); }
   bool has2(uint32_t bit) const { return screen_.has2(bit); }
   // Hosts older than `version` had a thing without announcing it; from then on there is a bit.
   bool has_since(uint32_t version, uint32_t bit) const
   {
      return lim().host_version < version || has(bit);
   }
   const Limits &lim() const { return *screen_.limits; }

   void fill_device()
   {
      set(PIPE_CAP_VENDOR_ID, VENDOR_ID);
      set(PIPE_CAP_DEVICE_ID, DEVICE_ID);
      set(PIPE_CAP_ACCELERATED, -1); // the host may be software
      if (has2(cap2::video_memory))
         set(PIPE_CAP_VIDEO_MEMORY, lim().video_memory_mib);
      on({PIPE_CAP_DMABUF}, screen_.ws && screen_.ws->features().sharing);
      on({PIPE_CAP_NATIVE_FENCE_FD}, screen_.ws && screen_.ws->features().fence_fds);
      set(PIPE_CAP_GLSL_FEATURE_LEVEL, lim().glsl_level);
      // Hosts before version 6 mistranslate compatibility shaders of later GLSL.
      set(PIPE_CAP_GLSL_FEATURE_LEVEL_COMPATIBILITY,
          lim().host_version < 6 ? std::min(lim().glsl_level, 140u) : lim().glsl_level);
      // Asks for ctx->get_device_reset_status: a host that dies is a reset.
      on({PIPE_CAP_DEVICE_RESET_STATUS_QUERY});
   }

   void fill_textures()
   {
      set(PIPE_CAP_MAX_TEXTURE_2D_SIZE, lim().texture_2d_size);
      set(PIPE_CAP_MAX_TEXTURE_3D_LEVELS, lim().texture_3d_levels);
      set(PIPE_CAP_MAX_TEXTURE_CUBE_LEVELS, lim().texture_cube_levels);
      set(PIPE_CAP_MAX_TEXTURE_ARRAY_LAYERS, lim().texture_array_layers);
      on({PIPE_CAP_NPOT_TEXTURES, PIPE_CAP_TEXTURE_SWIZZLE, PIPE_CAP_TEXTURE_FLOAT_LINEAR,
          PIPE_CAP_TEXTURE_HALF_FLOAT_LINEAR});
      on({PIPE_CAP_ANISOTROPIC_FILTER}, lim().anisotropy > 1.0f);
      // One bit for both, of which GLES hosts mean the second; later ones of their own.
      on({PIPE_CAP_TEXTURE_MIRROR_CLAMP_TO_EDGE},
         can(feature::mirror_clamp) &&
            (lim().host_version < 20 || has2(cap2::mirror_clamp_to_edge)));
      on({PIPE_CAP_TEXTURE_MIRROR_CLAMP},
         can(feature::mirror_clamp) &&
            (lim().host_version < 22 ? !lim().gles_host : has2(cap2::mirror_clamp)));
      on({PIPE_CAP_SEAMLESS_CUBE_MAP}, can(feature::seamless_cube_map));
      on({PIPE_CAP_SEAMLESS_CUBE_MAP_PER_TEXTURE}, can(feature::seamless_cube_map_per_texture));
      on({PIPE_CAP_CUBE_MAP_ARRAY}, can(feature::cube_map_array));
      on({PIPE_CAP_TEXTURE_MULTISAMPLE}, can(feature::texture_multisample));
      // A host of one sample (softpipe) would hold GL back: pretend, and draw single-sampled.
      on({PIPE_CAP_FAKE_SW_MSAA}, lim().samples == 1);
      on({PIPE_CAP_SURFACE_SAMPLE_COUNT}, has2(cap2::implicit_msaa));
      on({PIPE_CAP_TEXTURE_BUFFER_OBJECTS}, lim().texel_buffer_elements > 0);
      set(PIPE_CAP_MAX_TEXEL_BUFFER_ELEMENTS_UINT, lim().texel_buffer_elements);
      set(PIPE_CAP_TEXTURE_BUFFER_OFFSET_ALIGNMENT, lim().texture_buffer_alignment);
      set(PIPE_CAP_MIN_TEXEL_OFFSET, lim().min_texel_offset);
      set(PIPE_CAP_MAX_TEXEL_OFFSET, lim().max_texel_offset);
      set(PIPE_CAP_MIN_TEXTURE_GATHER_OFFSET, lim().min_gather_offset);
      set(PIPE_CAP_MAX_TEXTURE_GATHER_OFFSET, lim().max_gather_offset);
      set(PIPE_CAP_MAX_TEXTURE_GATHER_COMPONENTS, lim().gather_components);
      on({PIPE_CAP_TEXTURE_QUERY_LOD}, can(feature::texture_query_lod));
      on({PIPE_CAP_TEXTURE_QUERY_SAMPLES}, has(cap::txqs));
      on({PIPE_CAP_TEXTURE_SHADOW_LOD}, has2(cap2::texture_shadow_lod));
      on({PIPE_CAP_SAMPLER_VIEW_TARGET}, has(cap::texture_view));
      on({PIPE_CAP_COPY_BETWEEN_COMPRESSED_AND_PLAIN_FORMATS}, has(cap::copy_image));
      on({PIPE_CAP_CLEAR_TEXTURE}, has(cap::clear_texture));
      on({PIPE_CAP_TEXTURE_BARRIER}, has(cap::texture_barrier));
      // Uploads go by transfers: a blit through a staging texture would only double the commands.
      set(PIPE_CAP_TEXTURE_TRANSFER_MODES, 0);
   }

   void fill_vertices()
   {
      // Quads are not in the host's core profile; Mesa makes them triangles. What goes with geometry and
      // tessellation shaders has no substitute.
      constexpr uint32_t convertible = (1u << PIPE_PRIM_LINES_ADJACENCY) - 1;
      set(PIPE_CAP_SUPPORTED_PRIM_MODES,
          ((1u << PIPE_PRIM_MAX) - 1) & (convertible | screen_.caps.prim_mask) &
             ~(1u << PIPE_PRIM_QUADS | 1u << PIPE_PRIM_QUAD_STRIP));
      on({PIPE_CAP_PRIMITIVE_RESTART, PIPE_CAP_PRIMITIVE_RESTART_FIXED_INDEX},
         can(feature::primitive_restart));
      // The bit of divisors was never set by a host; they came with instances.
      on({PIPE_CAP_VS_INSTANCEID, PIPE_CAP_VERTEX_ELEMENT_INSTANCE_DIVISOR},
         can(feature::instanceid));
      on({PIPE_CAP_QUADS_FOLLOW_PROVOKING_VERTEX_CONVENTION, PIPE_CAP_VERTEX_COLOR_UNCLAMPED});
      on({PIPE_CAP_START_INSTANCE}, can(feature::start_instance));
      on({PIPE_CAP_DRAW_INDIRECT}, can(feature::has_indirect_draw));
      on({PIPE_CAP_MULTI_DRAW_INDIRECT}, has(cap::multi_draw_indirect));
      on({PIPE_CAP_MULTI_DRAW_INDIRECT_PARAMS}, has(cap::indirect_params));
      set(PIPE_CAP_MAX_VERTEX_ATTRIB_STRIDE, lim().vertex_attrib_stride);
      set(PIPE_CAP_MAX_STREAM_OUTPUT_BUFFERS, lim().so_buffers);
      set(PIPE_CAP_MAX_STREAM_OUTPUT_SEPARATE_COMPONENTS, 64);
      set(PIPE_CAP_MAX_STREAM_OUTPUT_INTERLEAVED_COMPONENTS, 64);
      on({PIPE_CAP_STREAM_OUTPUT_PAUSE_RESUME, PIPE_CAP_STREAM_OUTPUT_INTERLEAVE_BUFFERS},
         can(feature::streamout_pause_resume));
      set(PIPE_CAP_MAX_VERTEX_STREAMS, lim().vertex_streams);
      set(PIPE_CAP_MAX_GEOMETRY_OUTPUT_VERTICES, lim().geometry_vertices);
      set(PIPE_CAP_MAX_GEOMETRY_TOTAL_OUTPUT_COMPONENTS, lim().geometry_components);
      set(PIPE_CAP_MAX_GS_INVOCATIONS, 32);
      set(PIPE_CAP_MAX_VIEWPORTS, lim().viewports);
      on({PIPE_CAP_CLIP_HALFZ}, has(cap::clip_halfz));
      on({PIPE_CAP_DEPTH_CLIP_DISABLE}, can(feature::depth_clip_disable));
      on({PIPE_CAP_CULL_DISTANCE}, can(feature::has_cull));
      // Both at once to Gallium; without viewports to choose from the layer will do. The bits tell of
      // vertex shaders only, so nothing of those of tessellation.
      on({PIPE_CAP_VS_LAYER_VIEWPORT},
         has2(cap2::vs_vertex_layer) && (has2(cap2::vs_viewport_index) || lim().viewports == 1));
      on({PIPE_CAP_DRAW_PARAMETERS}, has2(cap2::draw_parameters));
      on({PIPE_CAP_POLYGON_OFFSET_CLAMP}, can(feature::polygon_offset_clamp));
   }

   void fill_shaders()
   {
      on({PIPE_CAP_FRAGMENT_SHADER_TEXTURE_LOD, PIPE_CAP_FRAGMENT_SHADER_DERIVATIVES,
          PIPE_CAP_FS_COORD_ORIGIN_UPPER_LEFT, PIPE_CAP_FS_COORD_PIXEL_CENTER_HALF_INTEGER,
          PIPE_CAP_FS_COORD_PIXEL_CENTER_INTEGER, PIPE_CAP_IMAGE_STORE_FORMATTED});
      on({PIPE_CAP_FS_COORD_ORIGIN_LOWER_LEFT}, can(feature::fragment_coord_conventions));
      on({PIPE_CAP_FS_FINE_DERIVATIVE}, can(feature::derivative_control));
      // GLES hosts announce doubles they do not have: GL 4 needs the name, shaders the arithmetic
      // rarely. Such instructions are dropped (shader_tgsi.cpp).
      on({PIPE_CAP_DOUBLES}, can(feature::has_fp64) || lim().gles_host);
      // NIR makes 32-bit integers of them (shader_make_nir_options), in divisions too: Mesa's other
      // way, calls of functions in GLSL IR, ends in a crash. ARB_gpu_shader_int64 wants GLSL 4.00.
      on({PIPE_CAP_INT64, PIPE_CAP_INT64_DIVMOD}, lim().glsl_level >= 400);
      // Groups of one invocation do (shader_subgroups.cpp). Ballots are 64-bit integers.
      on({PIPE_CAP_SHADER_GROUP_VOTE}, lim().glsl_level >= 130);
      on({PIPE_CAP_SHADER_BALLOT}, lim().glsl_level >= 400);
      // By loops (shader_atomics.cpp).
      on({PIPE_CAP_ATOMIC_FLOAT_MINMAX},
         lim().stage(proto::ShaderStage::fragment).shader_buffers > 0);
      on({PIPE_CAP_GL_SPIRV}, lim().glsl_level >= 330); // Mesa makes NIR of it
      on({PIPE_CAP_COMPUTE}, lim().stage(proto::ShaderStage::compute).present);
      on({PIPE_CAP_SHADER_CLOCK}, has(cap::shader_clock));
      on({PIPE_CAP_SHADER_ARRAY_COMPONENTS}, has(cap::tgsi_components));
      on({PIPE_CAP_ROBUST_BUFFER_ACCESS_BEHAVIOR}, has(cap::robust_buffer_access));
      // From version 10 on the host takes TEXCOORD and PCOORD semantics.
      on({PIPE_CAP_TGSI_TEXCOORD}, lim().host_version >= 10);
      set(PIPE_CAP_MAX_VARYINGS, lim().varyings);
      set(PIPE_CAP_MAX_SHADER_PATCH_VARYINGS, lim().patch_varyings);
      set(PIPE_CAP_NIR_IMAGES_AS_DEREF, 0); // the translator wants image numbers
   }

   void fill_fragments()
   {
      set(PIPE_CAP_MAX_RENDER_TARGETS, lim().render_targets);
      set(PIPE_CAP_MAX_DUAL_SOURCE_RENDER_TARGETS, lim().dual_source_targets);
      on({PIPE_CAP_BLEND_EQUATION_SEPARATE, PIPE_CAP_MIXED_FRAMEBUFFER_SIZES,
          PIPE_CAP_MIXED_COLOR_DEPTH_BITS});
      on({PIPE_CAP_INDEP_BLEND_ENABLE}, can(feature::indep_blend_enable));
      // RGB formats are often RGBA on the host: Mesa then blends them without their alpha.
      on({PIPE_CAP_INDEP_BLEND_FUNC, PIPE_CAP_RGB_OVERRIDE_DST_ALPHA_BLEND},
         can(feature::indep_blend_func));
      on({PIPE_CAP_MIXED_COLORBUFFER_FORMATS}, has_since(1, cap::fbo_mixed_color_formats));
      on({PIPE_CAP_DEST_SURFACE_SRGB_CONTROL}, has_since(1, cap::srgb_write_control));
      on({PIPE_CAP_SHADER_STENCIL_EXPORT}, can(feature::shader_stencil_export));
      on({PIPE_CAP_FRAGMENT_COLOR_CLAMPED, PIPE_CAP_VERTEX_COLOR_CLAMPED},
         can(feature::color_clamping));
      on({PIPE_CAP_SAMPLE_SHADING, PIPE_CAP_FORCE_PERSAMPLE_INTERP},
         can(feature::has_sample_shading));
      on({PIPE_CAP_FRAMEBUFFER_NO_ATTACHMENT}, has(cap::fb_no_attach));
      // The host's shaders read the framebuffer by EXT_shader_framebuffer_fetch (vrend_shader.c,
      // SHADER_REQ_FBFETCH), so all its buffers, and in the order of primitives.
      set(PIPE_CAP_FBFETCH, has(cap::tgsi_fbfetch) ? lim().render_targets : 0);
      on({PIPE_CAP_FBFETCH_COHERENT}, has(cap::tgsi_fbfetch));
      on({PIPE_CAP_BLEND_EQUATION_ADVANCED}, has2(cap2::blend_equation));
      on({PIPE_CAP_CONDITIONAL_RENDER}, can(feature::conditional_render));
      on({PIPE_CAP_CONDITIONAL_RENDER_INVERTED}, can(feature::conditional_render_inverted));
   }

   void fill_buffers()
   {
      set(PIPE_CAP_MIN_MAP_BUFFER_ALIGNMENT, MAP_ALIGNMENT);
      set(PIPE_CAP_CONSTANT_BUFFER_OFFSET_ALIGNMENT, lim().uniform_buffer_alignment);
      set(PIPE_CAP_MAX_CONSTANT_BUFFER_SIZE_UINT, lim().uniform_block_size);
      set(PIPE_CAP_SHADER_BUFFER_OFFSET_ALIGNMENT, lim().shader_buffer_alignment);
      set(PIPE_CAP_MAX_SHADER_BUFFER_SIZE_UINT, 1 << 27);
      set(PIPE_CAP_MAX_COMBINED_SHADER_BUFFERS, lim().combined_shader_buffers);
      set(PIPE_CAP_MAX_COMBINED_HW_ATOMIC_COUNTERS, lim().combined_atomic_counters);
      set(PIPE_CAP_MAX_COMBINED_HW_ATOMIC_COUNTER_BUFFERS, lim().combined_atomic_buffers);
      // Kept coherent by transfers in the stream (coherent.hpp).
      set(PIPE_CAP_BUFFER_MAP_PERSISTENT_COHERENT,
          screen_.ws && screen_.copies_from_staging());
      // Mapping would be, but unmapping records an upload in the context.
      set(PIPE_CAP_MAP_UNSYNCHRONIZED_THREAD_SAFE, 0);
      set(PIPE_CAP_CAN_BIND_CONST_BUFFER_AS_VERTEX, 0);
      // Loose uniforms travel inside the command stream: less than a buffer and its transfer cost.
      set(PIPE_CAP_PREFER_REAL_BUFFER_IN_CONSTBUF0, 0);
      // GL's error for drawing from a mapped buffer, as applications know it.
      set(PIPE_CAP_ALLOW_MAPPED_BUFFERS_DURING_EXECUTION, 0);
   }

   void fill_queries()
   {
      on({PIPE_CAP_OCCLUSION_QUERY}, can(feature::occlusion_query));
      on({PIPE_CAP_QUERY_TIMESTAMP, PIPE_CAP_QUERY_TIME_ELAPSED}, can(feature::timer_query));
      on({PIPE_CAP_QUERY_SO_OVERFLOW}, can(feature::transform_feedback_overflow_query));
      on({PIPE_CAP_QUERY_PIPELINE_STATISTICS_SINGLE}, has2(cap2::pipeline_statistics_query));
      on({PIPE_CAP_QUERY_BUFFER_OBJECT}, has(cap::qbo));
      on({PIPE_CAP_STRING_MARKER}, has2(cap2::string_marker));
      on({PIPE_CAP_QUERY_MEMORY_INFO}, has2(cap2::meminfo));
   }

   void fill_driver()
   {
      on({PIPE_CAP_THROTTLE});
      on({PIPE_CAP_INVALIDATE_BUFFER});
      // A host's shaders belong to one of its contexts, so a shader of ours to one of the driver's.
      set(PIPE_CAP_SHAREABLE_SHADERS, 0);
   }

   Screen &screen_;
   std::vector<int> &params_;
};

const Limits &limits_of(pipe_screen *screen)
{
   return *Screen::from(screen).limits;
}

const char *get_name(pipe_screen *screen)
{
   return Screen::from(screen).renderer_name.c_str();
}

const char *get_vendor(pipe_screen *)
{
   return "Verglas";
}

const char *get_device_vendor(pipe_screen *)
{
   return "Virtio";
}

int get_param(pipe_screen *screen, pipe_cap param)
{
   if (param == PIPE_CAP_BUFFER_MAP_PERSISTENT_COHERENT && force_persistent_maps)
      return 1;
   if (param == PIPE_CAP_QUERY_MEMORY_INFO && !screen->query_memory_info)
      return 0;
   const auto &params = limits_of(screen).params;
   return unsigned(param) < params.size() ? params[param] : 0;
}

float get_paramf(pipe_screen *screen, pipe_capf param)
{
   const Limits &l = limits_of(screen);
   switch (param) {
   case PIPE_CAPF_MAX_TEXTURE_LOD_BIAS:
      return l.lod_bias;
   case PIPE_CAPF_MAX_TEXTURE_ANISOTROPY:
      return l.anisotropy;
   case PIPE_CAPF_MIN_POINT_SIZE:
   case PIPE_CAPF_MIN_LINE_WIDTH:
   case PIPE_CAPF_MIN_POINT_SIZE_AA:
   case PIPE_CAPF_MIN_LINE_WIDTH_AA:
      return 1.0f;
   case PIPE_CAPF_MAX_POINT_SIZE:
      return l.point_size;
   case PIPE_CAPF_MAX_LINE_WIDTH:
      return l.line_width;
   case PIPE_CAPF_MAX_POINT_SIZE_AA:
      return l.smooth_point_size;
   case PIPE_CAPF_MAX_LINE_WIDTH_AA:
      return l.smooth_line_width;
   case PIPE_CAPF_LINE_WIDTH_GRANULARITY:
   case PIPE_CAPF_POINT_SIZE_GRANULARITY:
      return 0.1f;
   default: // conservative rasterisation, which the protocol lacks
      return 0.0f;
   }
}

int get_shader_param(pipe_screen *screen, pipe_shader_type type, pipe_shader_cap param)
{
   const Screen &vs = Screen::from(screen);
   if (type >= PIPE_SHADER_TYPES)
      return 0;
   const StageLimits &s = vs.limits->stage(host_stage(type));
   if (!s.present)
      return 0;

   switch (param) {
   case PIPE_SHADER_CAP_MAX_TEX_INDIRECTIONS:
   case PIPE_SHADER_CAP_MAX_TEX_INSTRUCTIONS:
   case PIPE_SHADER_CAP_MAX_ALU_INSTRUCTIONS:
   case PIPE_SHADER_CAP_MAX_INSTRUCTIONS:
      return INT_MAX;
   case PIPE_SHADER_CAP_MAX_CONTROL_FLOW_DEPTH:
      return 32;
   case PIPE_SHADER_CAP_MAX_TEMPS:
      return 256;
   case PIPE_SHADER_CAP_MAX_INPUTS:
      return int(s.inputs);
   case PIPE_SHADER_CAP_MAX_OUTPUTS:
      return int(s.outputs);
   case PIPE_SHADER_CAP_MAX_CONST_BUFFERS:
      return int(s.const_buffers);
   case PIPE_SHADER_CAP_MAX_CONST_BUFFER0_SIZE:
      return int(s.const_buffer0_size);
   case PIPE_SHADER_CAP_MAX_TEXTURE_SAMPLERS:
   case PIPE_SHADER_CAP_MAX_SAMPLER_VIEWS:
      return int(s.samplers);
   case PIPE_SHADER_CAP_MAX_SHADER_BUFFERS:
      return int(s.shader_buffers);
   case PIPE_SHADER_CAP_MAX_SHADER_IMAGES:
      return int(s.images);
   case PIPE_SHADER_CAP_MAX_HW_ATOMIC_COUNTERS:
      return int(s.atomic_counters);
   case PIPE_SHADER_CAP_MAX_HW_ATOMIC_COUNTER_BUFFERS:
      return int(s.atomic_buffers);
   case PIPE_SHADER_CAP_SUBROUTINES:
   case PIPE_SHADER_CAP_INDIRECT_CONST_ADDR:
   case PIPE_SHADER_CAP_INDIRECT_TEMP_ADDR:
   case PIPE_SHADER_CAP_INDIRECT_OUTPUT_ADDR:
      return 1;
   case PIPE_SHADER_CAP_INDIRECT_INPUT_ADDR:
   case PIPE_SHADER_CAP_TGSI_ANY_INOUT_DECL_RANGE:
      return vs.has(cap::indirect_input_addr);
   case PIPE_SHADER_CAP_INTEGERS:
      return vs.limits->glsl_level >= 130;
   case PIPE_SHADER_CAP_PREFERRED_IR:
      return PIPE_SHADER_IR_NIR;
   case PIPE_SHADER_CAP_SUPPORTED_IRS:
      return 1 << PIPE_SHADER_IR_NIR | 1 << PIPE_SHADER_IR_TGSI;
   default: // 16-bit types, ldexp, rounding of doubles, CONT: not in what the host translates
      return 0;
   }
}

int get_compute_param(pipe_screen *screen, pipe_shader_ir, pipe_compute_cap param, void *ret)
{
   const Limits &l = limits_of(screen);
   if (!l.stage(proto::ShaderStage::compute).present)
      return 0;

   // All answers are 64-bit numbers; a null pointer asks for their size only.
   std::array<uint64_t, 3> values{};
   unsigned count = 1;
   switch (param) {
   case PIPE_COMPUTE_CAP_MAX_GRID_SIZE:
      count = 3;
      std::copy(l.compute_grid.begin(), l.compute_grid.end(), values.begin());
      break;
   case PIPE_COMPUTE_CAP_MAX_BLOCK_SIZE:
      count = 3;
      std::copy(l.compute_block.begin(), l.compute_block.end(), values.begin());
      break;
   case PIPE_COMPUTE_CAP_MAX_THREADS_PER_BLOCK:
      values[0] = l.compute_invocations;
      break;
   case PIPE_COMPUTE_CAP_MAX_LOCAL_SIZE:
      values[0] = l.compute_shared_size;
      break;
   default:
      return 0;
   }
   const int bytes = int(count * sizeof(uint64_t));
   if (ret)
      memcpy(ret, values.data(), size_t(bytes));
   return bytes;
}

const void *get_compiler_options(pipe_screen *screen, pipe_shader_ir ir, pipe_shader_type)
{
   return ir == PIPE_SHADER_IR_NIR ? Screen::from(screen).nir_options.get() : nullptr;
}

} // namespace

proto::ShaderStage host_stage(pipe_shader_type type)
{
   switch (type) {
   case PIPE_SHADER_VERTEX:
      return proto::ShaderStage::vertex;
   case PIPE_SHADER_TESS_CTRL:
      return proto::ShaderStage::tess_ctrl;
   case PIPE_SHADER_TESS_EVAL:
      return proto::ShaderStage::tess_eval;
   case PIPE_SHADER_GEOMETRY:
      return proto::ShaderStage::geometry;
   case PIPE_SHADER_FRAGMENT:
      return proto::ShaderStage::fragment;
   default:
      return proto::ShaderStage::compute;
   }
}

void screen_init_caps(Screen &screen)
{
   if (!screen.limits)
      screen.limits = std::make_unique<Limits>(limits_from_caps(screen.caps));
   if (screen.renderer_name.empty())
      screen.renderer_name = renderer_name_from_caps(screen.caps);
   screen.nir_options = shader_make_nir_options(screen);

   pipe_screen &p = screen.base;
   p.get_name = get_name;
   p.get_vendor = get_vendor;
   p.get_device_vendor = get_device_vendor;
   p.get_param = get_param;
   p.get_paramf = get_paramf;
   p.get_shader_param = get_shader_param;
   p.get_compute_param = get_compute_param;
   p.get_compiler_options = get_compiler_options;
   // No finalize_nir: the translator lowers everything anyhow, once the variant is known.
   // No get_timestamp: contexts have it.

   // Last: Mesa's defaults ask the functions above.
   CapTable(screen).fill();
}

} // namespace virgl
