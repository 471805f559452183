// SPDX-License-Identifier: MIT
// Shaders that depend on what is bound beside them. A variant is made of the text of the shader as it
// was translated, so a shader that never needs one costs nothing for it, neither time nor memory.
#pragma once

#include <array>
#include <cstdint>

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

   bool operator==(const ShaderKey &) const = default;
};

// False when out of memory or when the text cannot be read back, after one line on stderr.
bool shader_variant(const ShaderText &base, pipe_shader_type stage, const ShaderKey &key,
                    ShaderText &out);

} // namespace virgl
