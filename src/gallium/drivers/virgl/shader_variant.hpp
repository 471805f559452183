// SPDX-License-Identifier: MIT
// Shaders that depend on what is bound beside them. A variant is made of the text of the shader as it
// was translated, so a shader that never needs one costs nothing for it, neither time nor memory.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "gallium/drivers/virgl/shader.hpp"

namespace virgl {

// What a variant has of its own; all zero is the shader itself.
struct ShaderKey {
   // By axis (s, t, r), the samplers whose coordinates stay within the texture: GL_CLAMP, of which
   // hosts with a core profile make something else (see create_sampler).
   std::array<uint32_t, 3> clamped{};
   // Those of them that choose a filter or a level by the coordinates' derivatives, which have to be
   // those from before.
   uint32_t graded = 0;

   // The host binds slot n of every stage to GL's binding n (virglrenderer, vrend_draw_bind_ssbo_shader
   // and vrend_draw_bind_images_shader), so the stages of a program get slots one after the other: what
   // this stage's begin with.
   uint8_t buffer_base = 0;
   uint8_t image_base = 0;

   // Of a vertex shader made to go without user clip planes (ShaderText::no_clip_planes): as it was before,
   // because there are some or because another stage comes after it.
   bool clip_planes = false;
   uint8_t padding = 0; // without it, equality could not look at bytes

   // By slot, images of which the view has some of the layers: the host binds all of them.
   struct Layers {
      uint16_t first = 0;
      uint16_t count = 0; // 0: the view is of all layers
   };
   std::array<Layers, 32> layers{};

   bool operator==(const ShaderKey &other) const
   {
      return memcmp(this, &other, sizeof other) == 0;
   }
};
static_assert(std::has_unique_object_representations_v<ShaderKey>);

// False when out of memory or when the text cannot be read back, after one line on stderr.
bool shader_variant(const ShaderText &base, pipe_shader_type stage, const ShaderKey &key,
                    ShaderText &out);

} // namespace virgl
