// SPDX-License-Identifier: MIT
// From Gallium's shader (NIR or TGSI) to what the host reads: TGSI as text.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "pipe/p_state.h"

#include "protocol/enums.hpp"

struct nir_shader;
struct nir_shader_compiler_options;
struct tgsi_token;

namespace virgl {

struct Screen;

// The protocol's number of a stage: not Gallium's.
proto::ShaderStage host_stage(pipe_shader_type stage);

// A shader ready to be encoded: complete, host-independent of any context.
struct ShaderText {
   std::string text;        // TGSI text, without a terminating NUL
   uint32_t num_tokens = 0; // what the host sizes its token buffer by
   pipe_stream_output_info stream_output{};
   // Compute: bytes of shared memory the kernel declares.
   uint32_t shared_bytes = 0;
   // A vertex shader that declares a clip distance it does not write: see Dialect::no_clip_planes.
   bool no_clip_planes = false;
};

// The NIR options of all stages, fit for the TGSI translator and for hosts. Shaders keep pointers to
// them, so the screen owns them (Screen::nir_options).
std::shared_ptr<const nir_shader_compiler_options> shader_make_nir_options(const Screen &screen);

// Translates a graphics shader state (IR_NIR: takes ownership of the nir_shader; IR_TGSI: borrows
// the tokens). False when it cannot be translated; one line on stderr says why. Thread-safe.
bool shader_translate(const Screen &screen, pipe_shader_type stage, const pipe_shader_state &state,
                      ShaderText &out);
// The same for a compute shader.
bool shader_translate(const Screen &screen, const pipe_compute_state &state, ShaderText &out);

// Whether shaders are dumped to stderr (VERGLAS_DEBUG=shaders).
void shader_dump(pipe_shader_type stage, const ShaderText &shader);

} // namespace virgl
