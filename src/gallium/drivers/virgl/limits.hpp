// SPDX-License-Identifier: MIT
// What the driver may rely on, derived once from the capset. A capset comes from the host and is
// believed only within bounds: a field that is missing (an older host) becomes what a host of that
// age could do, and one that is absurd becomes the nearest value that Gallium, Mesa's frontends and
// the protocol can hold. No type of Mesa appears here, so that this can be tested on its own.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/caps.hpp"
#include "protocol/enums.hpp"

namespace virgl {

inline constexpr unsigned NUM_STAGES = 6;

struct StageLimits {
   bool present = false;
   uint32_t inputs = 0;             // vec4 slots
   uint32_t outputs = 0;            // vec4 slots
   uint32_t samplers = 0;           // and as many views
   uint32_t const_buffers = 0;      // buffer 0, for loose uniforms, counted
   uint32_t const_buffer0_size = 0; // bytes
   uint32_t shader_buffers = 0;
   uint32_t images = 0;
   uint32_t atomic_counters = 0;
   uint32_t atomic_buffers = 0;
};

struct Limits {
   // host_feature_check_version: which fields a host knew of when it filled the capset.
   uint32_t host_version = 0;
   bool gles_host = false;
   uint32_t glsl_level = 0;

   // In the protocol's order, which is not Gallium's.
   std::array<StageLimits, NUM_STAGES> stages;
   const StageLimits &stage(proto::ShaderStage s) const { return stages[unsigned(s)]; }

   uint32_t texture_2d_size = 0;
   uint32_t texture_3d_levels = 0;
   uint32_t texture_cube_levels = 0;
   uint32_t texture_array_layers = 0;  // 0: no array textures
   uint32_t texel_buffer_elements = 0; // 0: no buffer textures
   int32_t min_texel_offset = 0;
   int32_t max_texel_offset = 0;
   int32_t min_gather_offset = 0;
   int32_t max_gather_offset = 0;
   uint32_t gather_components = 0;

   uint32_t render_targets = 0;
   uint32_t dual_source_targets = 0;
   uint32_t viewports = 0;
   uint32_t samples = 0; // 0 and 1: no multisampling
   uint32_t image_samples = 0;

   uint32_t vertex_attribs = 0;
   uint32_t vertex_attrib_stride = 0;
   uint32_t varyings = 0;
   uint32_t patch_varyings = 0;
   uint32_t geometry_vertices = 0;
   uint32_t geometry_components = 0;
   uint32_t so_buffers = 0;
   uint32_t vertex_streams = 0;

   uint32_t uniform_block_size = 0; // bytes
   // Powers of two; 0: the feature is absent (never so for uniform buffers).
   uint32_t uniform_buffer_alignment = 0;
   uint32_t texture_buffer_alignment = 0;
   uint32_t shader_buffer_alignment = 0;
   uint32_t combined_shader_buffers = 0;
   uint32_t image_units = 0; // for the stages of a program together
   uint32_t combined_atomic_counters = 0;
   uint32_t combined_atomic_buffers = 0;

   std::array<uint32_t, 3> compute_grid{};
   std::array<uint32_t, 3> compute_block{};
   uint32_t compute_invocations = 0;
   uint32_t compute_shared_size = 0; // bytes

   uint32_t video_memory_mib = 0; // 0: unknown

   float line_width = 0;
   float smooth_line_width = 0;
   float point_size = 0;
   float smooth_point_size = 0;
   float anisotropy = 0; // 1 or less: no anisotropic filtering
   float lod_bias = 0;

   // The capset's masks, with those that an older host did not know filled in. No host has ever
   // filled in the one for depth and stencil: such formats are in that for sampling.
   proto::FormatMask sampler{};
   proto::FormatMask render{};
   proto::FormatMask vertex_buffer{};
   proto::FormatMask readback{};
   proto::FormatMask scanout{};
   // Only where multisample_known: otherwise every renderable format counts as multisampled.
   proto::FormatMask multisample{};
   bool multisample_known = false;

   // Answers to PIPE_CAP_* questions by number, filled in by screen_init_caps.
   std::vector<int> params;
};

Limits limits_from_caps(const proto::Caps &caps);

// What the user sees as GL_RENDERER: the host's own renderer in brackets, where it says so.
// Printable ASCII whatever the capset holds.
std::string renderer_name_from_caps(const proto::Caps &caps);

// While set, the screen claims persistent, coherent maps to the calling thread: Mesa's uploader
// asks when it is created, and the driver's own uses of it are coherent by construction.
extern thread_local bool force_persistent_maps;

} // namespace virgl
