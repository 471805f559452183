// SPDX-License-Identifier: MIT
#include "gallium/drivers/virgl/limits.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace virgl {
namespace {

using proto::ShaderStage;

// A field of the capset: `missing` where the host left it 0, else the nearest value in bounds.
constexpr uint32_t bounded(uint32_t value, uint32_t missing, uint32_t lowest, uint32_t highest)
{
   return value == 0 ? missing : std::clamp(value, lowest, highest);
}

// The same for floats, where not-a-number and the infinities count as missing.
float bounded(float value, float missing, float lowest, float highest)
{
   return !std::isfinite(value) || value <= 0 ? missing : std::clamp(value, lowest, highest);
}

// Alignments go to applications, which rely on powers of two. 0 stays 0.
constexpr uint32_t alignment(uint32_t value)
{
   constexpr uint32_t HIGHEST = 65536;
   return value == 0 ? 0 : std::bit_ceil(std::min(value, HIGHEST));
}

constexpr uint32_t levels_of(uint32_t size)
{
   return uint32_t(std::bit_width(size));
}

// The GLSL versions of desktop GL. A GLES host without tessellation announces 310, which says as
// much as 150 does (virglrenderer 0.10, vrend_renderer.c, where the feature level is filled in).
constexpr uint32_t known_glsl_level(uint32_t level)
{
   constexpr std::array<uint32_t, 12> KNOWN = {120, 130, 140, 150, 330, 400,
                                               410, 420, 430, 440, 450, 460};
   uint32_t best = KNOWN[0];
   for (uint32_t k : KNOWN) {
      if (k <= level)
         best = k;
   }
   return best;
}

// Mesa's own ceilings (mesa/main/config.h) and Gallium's (pipe/p_state.h): whatever the host says,
// going over them overruns tables in Mesa. A test compares them with the headers.
constexpr uint32_t MAX_COLOR_BUFFERS = 8;
constexpr uint32_t MAX_VERTEX_ATTRIBS = 32;
constexpr uint32_t MAX_STAGE_OUTPUTS = 64;
constexpr uint32_t MAX_VARYING_SLOTS = 32;
constexpr uint32_t MAX_STAGE_SAMPLERS = 32;
constexpr uint32_t MAX_CONST_BUFFERS = 16;
constexpr uint32_t MAX_STAGE_SHADER_BUFFERS = 16;
// The protocol's slots, which the stages of a program share (see take_slots).
constexpr uint32_t MAX_ALL_SHADER_BUFFERS = 32;
constexpr uint32_t MAX_STAGE_IMAGES = 32;
constexpr uint32_t MAX_STAGE_ATOMIC_BUFFERS = 16;
constexpr uint32_t MAX_ALL_ATOMIC_BUFFERS = 90;
constexpr uint32_t MAX_VIEWPORTS = 16;
constexpr uint32_t MAX_SO_BUFFERS = 4;
constexpr uint32_t MAX_SAMPLES = 32;
// 2D: 16 levels. Cubes and volumes: 15, what the frontend takes.
constexpr uint32_t MAX_2D_SIZE = 32768;
constexpr uint32_t MAX_3D_SIZE = 16384;
constexpr uint32_t MAX_CUBE_SIZE = 16384;
// pipe_resource::array_size has 16 bits; this leaves room for six faces in none of its users' sums.
constexpr uint32_t MAX_ARRAY_LAYERS = 16384;
// Of 16 bytes each, so that sizes in bytes fit into 32 bits.
constexpr uint32_t MAX_TEXEL_BUFFER_ELEMENTS = 1u << 27;
constexpr uint32_t DEFAULT_CONST_BUFFER0_SIZE = 4096 * 16;

// From host_feature_check_version 12 and 13 on the two fields are filled in.
constexpr uint32_t VERSION_CONST_BUFFER_SIZE = 12;
constexpr uint32_t VERSION_UNIFORM_BLOCK_SIZE = 13;
constexpr uint32_t VERSION_MULTISAMPLE_MASK = 9;
constexpr uint32_t VERSION_RENDERER = 5;
constexpr uint32_t VERSION_TESS_OUTPUTS = 19;
// Before 2 a host had four streams without saying so; from then on there is a capability bit.
constexpr uint32_t VERSION_VERTEX_STREAMS = 2;

bool empty(const proto::FormatMask &mask)
{
   return std::ranges::all_of(mask.bitmask, [](uint32_t w) { return w == 0; });
}

void fill_formats(Limits &l, const proto::Caps &c)
{
   l.sampler = c.sampler;
   l.render = c.render;
   l.vertex_buffer = c.vertexbuffer;
   l.readback = c.supported_readback_formats;
   l.scanout = c.scanout;
   // A host that names no format at all does not know the field: it read back, and showed, whatever
   // it could sample.
   if (empty(l.readback))
      l.readback = l.sampler;
   if (empty(l.scanout))
      l.scanout = l.sampler;
   l.multisample = c.supported_multisample_formats;
   l.multisample_known = l.host_version >= VERSION_MULTISAMPLE_MASK;
}

void fill_textures(Limits &l, const proto::Caps &c)
{
   l.texture_2d_size = bounded(c.max_texture_2d_size, 16384, 64, MAX_2D_SIZE);
   l.texture_3d_levels = levels_of(bounded(c.max_texture_3d_size, 256, 16, MAX_3D_SIZE));
   l.texture_cube_levels = levels_of(bounded(c.max_texture_cube_size, 4096, 16, MAX_CUBE_SIZE));
   l.texture_array_layers = std::min(c.max_texture_array_layers, MAX_ARRAY_LAYERS);
   l.texel_buffer_elements = std::min(c.max_tbo_size, MAX_TEXEL_BUFFER_ELEMENTS);
   l.texture_buffer_alignment = alignment(c.texture_buffer_offset_alignment);

   // GL asks for -8…7 at least; the immediates of shaders hold far more than any host has.
   const auto offset_min = [](int32_t v) { return v < -512 || v >= 0 ? -8 : v; };
   const auto offset_max = [](int32_t v) { return v <= 0 || v > 511 ? 7 : v; };
   l.min_texel_offset = offset_min(c.min_texel_offset);
   l.max_texel_offset = offset_max(c.max_texel_offset);
   l.min_gather_offset = offset_min(c.min_texture_gather_offset);
   l.max_gather_offset = offset_max(c.max_texture_gather_offset);
   l.gather_components = std::min(c.max_texture_gather_components, 4u);

   l.samples = std::min(c.max_samples, MAX_SAMPLES);
   if (l.samples)
      l.samples = std::bit_floor(l.samples);
   l.image_samples = std::min(c.max_image_samples, l.samples);
   l.anisotropy = bounded(c.max_anisotropy, 1.0f, 1.0f, 16.0f);
   l.lod_bias = bounded(c.max_texture_lod_bias, 15.0f, 2.0f, 16.0f);
}

void fill_pipeline(Limits &l, const proto::Caps &c)
{
   l.render_targets = bounded(c.max_render_targets, 1, 1, MAX_COLOR_BUFFERS);
   l.dual_source_targets = std::min(c.max_dual_source_render_targets, l.render_targets);
   l.viewports = bounded(c.max_viewports, 1, 1, MAX_VIEWPORTS);
   l.vertex_attribs = bounded(c.max_vertex_attribs, 16, 8, MAX_VERTEX_ATTRIBS);
   // pipe_vertex_buffer::stride has 16 bits; GL asks for 2048.
   l.vertex_attrib_stride = bounded(c.max_vertex_attrib_stride, 2048, 255, 65535);
   l.varyings = l.glsl_level < 150 ? l.vertex_attribs : MAX_VARYING_SLOTS;
   if (c.has_feature(proto::feature::has_tessellation_shaders))
      l.patch_varyings = bounded(c.max_shader_patch_varyings, 30, 1, MAX_VARYING_SLOTS);
   l.geometry_vertices = bounded(c.max_geom_output_vertices, 256, 1, 4096);
   l.geometry_components = bounded(c.max_geom_total_output_components, 1024, 64, 16384);
   l.so_buffers = std::min(c.max_streamout_buffers, MAX_SO_BUFFERS);
   const bool streams =
      l.host_version < VERSION_VERTEX_STREAMS || c.has(proto::cap::transform_feedback3);
   l.vertex_streams = streams ? 4 : 1;

   // A GLES host, which has no smooth lines and points, leaves these empty although it knows them.
   const bool v2 = l.host_version > 0;
   l.line_width = bounded(c.max_aliased_line_width, 10.0f, 1.0f, 8192.0f);
   l.smooth_line_width = bounded(c.max_smooth_line_width, v2 ? 1.0f : 10.0f, 1.0f, 8192.0f);
   l.point_size = bounded(c.max_aliased_point_size, 255.0f, 1.0f, 8192.0f);
   l.smooth_point_size = bounded(c.max_smooth_point_size, v2 ? 1.0f : 190.0f, 1.0f, 8192.0f);
}

void fill_stages(Limits &l, const proto::Caps &c)
{
   const uint32_t outputs = bounded(c.max_vertex_outputs, 32, 8, MAX_STAGE_OUTPUTS);
   // A host that names any counts the buffers of each stage by itself.
   const bool storage_blocks =
      std::ranges::any_of(c.max_shader_storage_blocks, [](uint32_t n) { return n != 0; });
   for (unsigned i = 0; i < NUM_STAGES; i++) {
      const auto stage = ShaderStage(i);
      const bool compute = stage == ShaderStage::compute;
      const bool fragment = stage == ShaderStage::fragment;
      StageLimits &s = l.stages[i];

      switch (stage) {
      case ShaderStage::tess_ctrl:
      case ShaderStage::tess_eval:
         s.present = c.has_feature(proto::feature::has_tessellation_shaders);
         break;
      case ShaderStage::compute:
         s.present = c.has(proto::cap::compute_shader);
         break;
      default:
         s.present = true;
         break;
      }
      if (!s.present)
         continue;

      // Vertex and geometry shaders take attributes' worth of inputs; before GLSL 1.50 all do.
      const bool attribs =
         l.glsl_level < 150 || stage == ShaderStage::vertex || stage == ShaderStage::geometry;
      s.inputs = attribs ? l.vertex_attribs : MAX_VARYING_SLOTS;
      s.outputs = fragment ? l.render_targets : outputs;
      if (l.host_version >= VERSION_TESS_OUTPUTS && stage == ShaderStage::tess_ctrl)
         s.outputs = bounded(c.max_tcs_outputs, outputs, 8, MAX_STAGE_OUTPUTS);
      if (l.host_version >= VERSION_TESS_OUTPUTS && stage == ShaderStage::tess_eval)
         s.outputs = bounded(c.max_tes_outputs, outputs, 8, MAX_STAGE_OUTPUTS);
      s.samplers = bounded(c.max_texture_image_units, 16, 8, MAX_STAGE_SAMPLERS);
      s.const_buffers = bounded(c.max_uniform_blocks, 1, 1, MAX_CONST_BUFFERS);
      s.const_buffer0_size = DEFAULT_CONST_BUFFER0_SIZE;
      if (l.host_version >= VERSION_CONST_BUFFER_SIZE) {
         s.const_buffer0_size =
            bounded(c.max_const_buffer_size[i], DEFAULT_CONST_BUFFER0_SIZE, 4096u, 1u << 17) & ~15u;
      }
      const bool many = compute || fragment;
      s.shader_buffers =
         std::min(many ? c.max_shader_buffer_frag_compute : c.max_shader_buffer_other_stages,
                  MAX_STAGE_SHADER_BUFFERS);
      if (storage_blocks)
         s.shader_buffers = std::min(c.max_shader_storage_blocks[i], MAX_STAGE_SHADER_BUFFERS);
      s.images = std::min(many ? c.max_shader_image_frag_compute : c.max_shader_image_other_stages,
                          MAX_STAGE_IMAGES);
      s.atomic_counters = std::min(c.max_atomic_counters[i], 65536u);
      s.atomic_buffers = std::min(c.max_atomic_counter_buffers[i], MAX_STAGE_ATOMIC_BUFFERS);
      // One without the other would make the frontend divide what is not there.
      if (!s.atomic_counters || !s.atomic_buffers)
         s.atomic_counters = s.atomic_buffers = 0;
   }
}

void fill_buffers(Limits &l, const proto::Caps &c)
{
   l.uniform_buffer_alignment =
      c.uniform_buffer_offset_alignment ? alignment(c.uniform_buffer_offset_alignment) : 256;
   l.shader_buffer_alignment = alignment(c.shader_buffer_offset_alignment);
   l.uniform_block_size = l.stage(ShaderStage::fragment).const_buffer0_size;
   if (l.host_version >= VERSION_UNIFORM_BLOCK_SIZE)
      l.uniform_block_size = bounded(c.max_uniform_block_size, 65536, 16384, 1u << 27);

   // Totals of 0 would make the frontend add the stages up, past its own tables.
   uint32_t most_buffers = 0, most_atomics = 0, most_counters = 0, most_images = 0;
   for (const StageLimits &s : l.stages) {
      most_images = std::max(most_images, s.images);
      most_buffers = std::max(most_buffers, s.shader_buffers);
      most_atomics = std::max(most_atomics, s.atomic_buffers);
      most_counters = std::max(most_counters, s.atomic_counters);
   }
   l.combined_shader_buffers = bounded(c.max_combined_shader_buffers, most_buffers, most_buffers,
                                       MAX_ALL_SHADER_BUFFERS);
   l.combined_atomic_buffers = bounded(c.max_combined_atomic_counter_buffers, most_atomics,
                                       most_atomics, MAX_ALL_ATOMIC_BUFFERS);
   l.combined_atomic_counters =
      bounded(c.max_combined_atomic_counters, most_counters, most_counters, NUM_STAGES * 65536u);
   // No host tells its GL_MAX_IMAGE_UNITS. On desktop GL one too many has no image; in GLES it is in the
   // shader's text (vrend_shader.c, emit_image_decl), which then does not compile.
   l.image_units = l.gles_host ? most_images : MAX_STAGE_IMAGES;
   l.video_memory_mib = std::min(c.max_video_memory, 1u << 24);
}

void fill_compute(Limits &l, const proto::Caps &c)
{
   if (!l.stage(ShaderStage::compute).present)
      return;
   constexpr std::array<uint32_t, 3> LEAST_BLOCK = {1024, 1024, 64};
   for (unsigned i = 0; i < 3; i++) {
      l.compute_grid[i] = bounded(c.max_compute_grid_size[i], 65535, 1, 0x7fffffff);
      l.compute_block[i] = bounded(c.max_compute_block_size[i], LEAST_BLOCK[i], 1, 4096);
   }
   l.compute_invocations = bounded(c.max_compute_work_group_invocations, 1024, 1, 4096);
   l.compute_shared_size = bounded(c.max_compute_shared_memory_size, 32768, 1024, 1u << 24);
}

} // namespace

Limits limits_from_caps(const proto::Caps &c)
{
   Limits l;
   l.host_version = c.host_feature_check_version;
   l.gles_host = c.has(proto::cap::host_is_gles);
   l.glsl_level = known_glsl_level(c.glsl_level);
   fill_formats(l, c);
   fill_textures(l, c);
   fill_pipeline(l, c);
   fill_stages(l, c);
   fill_buffers(l, c);
   fill_compute(l, c);
   return l;
}

std::string renderer_name_from_caps(const proto::Caps &c)
{
   if (c.host_feature_check_version < VERSION_RENDERER || c.renderer[0] == '\0')
      return "virgl";
   std::string name = "virgl (";
   for (char ch : c.renderer) {
      if (ch == '\0')
         break;
      name += ch >= ' ' && ch <= '~' ? ch : '?';
   }
   return name + ")";
}

} // namespace virgl
