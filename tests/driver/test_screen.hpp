// SPDX-License-Identifier: MIT
// A screen without a host, for what only asks it questions.
#pragma once

#include <memory>

#include "gallium/drivers/virgl/limits.hpp"
#include "gallium/drivers/virgl/screen.hpp"

namespace virgl {

inline std::unique_ptr<Screen> test_screen(const proto::Caps &caps)
{
   auto screen = std::make_unique<Screen>();
   screen->base = {};
   screen->caps = caps;
   screen_init_caps(*screen);
   screen_init_formats(*screen);
   return screen;
}

// A host that can do everything.
inline proto::Caps able_caps()
{
   proto::Caps c;
   c.capset_id = 2;
   c.prim_mask = ~0u;
   c.bset = ~0u;
   c.glsl_level = 430;
   c.capability_bits = ~(proto::cap::host_is_gles);
   c.capability_bits_v2 = ~0u;
   c.host_feature_check_version = 15;
   c.max_samples = 8;
   c.max_image_samples = 4;
   c.max_render_targets = 8;
   c.max_uniform_blocks = 14;
   c.max_viewports = 16;
   c.max_shader_buffer_frag_compute = 8;
   c.max_shader_buffer_other_stages = 8;
   c.max_shader_image_frag_compute = 8;
   c.max_shader_image_other_stages = 8;
   c.max_tbo_size = 65536;
   return c;
}

} // namespace virgl
