// SPDX-License-Identifier: MIT
// From NIR to TGSI, by Mesa's own translator, with what hosts need done before and after it.
#include "gallium/drivers/virgl/limits.hpp"
#include "gallium/drivers/virgl/screen.hpp"
#include "gallium/drivers/virgl/shader.hpp"
#include "gallium/drivers/virgl/shader_atomics.hpp"
#include "gallium/drivers/virgl/shader_subgroups.hpp"
#include "gallium/drivers/virgl/shader_tgsi.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>

#include "compiler/nir/nir.h"
#include "util/u_debug.h"
extern "C" {
#include "nir/nir_to_tgsi.h"
}

namespace virgl {
namespace {

namespace cap = proto::cap;
namespace cap2 = proto::cap2;

const char *stage_name(pipe_shader_type stage)
{
   return _mesa_shader_stage_to_string(stage);
}

Dialect dialect_of(const Screen &screen)
{
   Dialect d;
   d.cull_distance = screen.caps.has_feature(proto::feature::has_cull);
   d.precise = screen.has(cap::tgsi_precise);
   d.invariant = screen.has(cap::tgsi_invariant);
   d.fake_doubles = screen.limits->gles_host;
   d.advanced_blend = screen.has2(cap2::blend_equation) && !screen.has(cap::tgsi_fbfetch);
   return d;
}

// textureOffset and its kin on arrays of shadow maps are not in GLES, save with explicit gradients.
bool offset_on_shadow_array(const nir_instr *instr, const void *)
{
   if (instr->type != nir_instr_type_tex)
      return false;
   const nir_tex_instr *tex = nir_instr_as_tex(const_cast<nir_instr *>(instr));
   if (!tex->is_shadow || !tex->is_array || nir_tex_instr_src_index(tex, nir_tex_src_offset) < 0)
      return false;
   const bool gradients = nir_tex_instr_src_index(tex, nir_tex_src_ddx) >= 0;
   const bool projected = nir_tex_instr_src_index(tex, nir_tex_src_projector) >= 0;
   return !gradients || projected;
}

void lower_for_host(const Screen &screen, nir_shader *nir)
{
   lower_subgroups(nir, screen.has2(cap2::group_vote));
   lower_float_atomics(nir);
   if (screen.limits->gles_host && !screen.has2(cap2::texture_shadow_lod)) {
      nir_lower_tex_options options{};
      options.lower_offset_filter = offset_on_shadow_array;
      nir_lower_tex(nir, &options);
   }
}

// Whether the shader's interface should be matched by location on the host, as separable programs
// ask. The host has 32 locations, which generic varyings and patches use up: a shader with fixed-
// function varyings is better matched by name. Mesa's own shaders are marked without need.
bool is_separable(const Screen &screen, const nir_shader *nir)
{
   constexpr uint64_t FIXED_FUNCTION = VARYING_BITS_COLOR | VARYING_BIT_FOGC | VARYING_BITS_TEX_ANY;
   const shader_info &info = nir->info;
   if (!screen.has2(cap2::sso) || !info.separate_shader || info.internal)
      return false;
   uint64_t interface = 0;
   if (info.stage != MESA_SHADER_VERTEX)
      interface |= info.inputs_read;
   if (info.stage != MESA_SHADER_FRAGMENT)
      interface |= info.outputs_written;
   return (interface & FIXED_FUNCTION) == 0;
}

// Whether the host can be kept from clipping with user clip planes in the shader.
bool may_go_without_clip_planes(const Screen &screen, const nir_shader *nir,
                                const pipe_stream_output_info &captured)
{
   constexpr uint64_t CLIPPING = VARYING_BIT_CLIP_VERTEX | VARYING_BIT_CLIP_DIST0 |
                                 VARYING_BIT_CLIP_DIST1 | VARYING_BIT_CULL_DIST0 |
                                 VARYING_BIT_CULL_DIST1;
   // With more outputs the host does without by itself.
   constexpr int most_outputs = 30;
   const uint64_t written = nir->info.outputs_written;
   // What captures cannot become another variant in the middle of it: see emit_shader.
   return nir->info.stage == MESA_SHADER_VERTEX && !(written & CLIPPING) &&
          captured.num_outputs == 0 && std::popcount(written) <= most_outputs &&
          !screen.limits->gles_host && screen.caps.has_feature(proto::feature::has_cull);
}

// Takes ownership of the shader.
Tokens translate_nir(const Screen &screen, nir_shader *nir)
{
   // The host allocates registers itself; absolute values as modifiers confuse older ones.
   struct nir_to_tgsi_options options {}; // a function has the name too
   options.unoptimized_ra = true;
   options.lower_fabs = true;
   // The translator only asks the screen questions.
   auto *pscreen = const_cast<pipe_screen *>(&screen.base);
   const void *tokens = nir_to_tgsi_options(nir, pscreen, &options);
   return Tokens(static_cast<tgsi_token *>(const_cast<void *>(tokens)));
}

bool finish(const tgsi_token *tokens, const Dialect &dialect, pipe_shader_type stage,
            ShaderText &out)
{
   const Tokens clean = tokens ? to_dialect(tokens, dialect) : nullptr;
   if (clean) {
      out.text = to_text(clean.get());
      out.num_tokens = parsed_tokens(clean.get());
   }
   if (!clean || out.text.empty()) {
      fprintf(stderr, "verglas: a %s shader cannot be translated\n", stage_name(stage));
      return false;
   }
   if (debug_enabled(Debug::shaders))
      shader_dump(stage, out);
   return true;
}

} // namespace

std::shared_ptr<const nir_shader_compiler_options> shader_make_nir_options(const Screen &screen)
{
   // What the translator wants, the same for all stages. Doubles need no options here: what hosts
   // lack of them is made up for in the dialect (shader_tgsi.cpp), which costs the single-precision
   // arithmetic nothing.
   auto *pscreen = const_cast<pipe_screen *>(&screen.base);
   auto options = std::make_shared<nir_shader_compiler_options>(
      *static_cast<const nir_shader_compiler_options *>(nir_to_tgsi_get_compiler_options(
         pscreen, PIPE_SHADER_IR_NIR, PIPE_SHADER_FRAGMENT)));
   // TGSI has 64-bit integers, the hosts' translator has not.
   options->lower_int64_options = nir_lower_int64_options(~0u);
   return options;
}

bool shader_translate(const Screen &screen, pipe_shader_type stage, const pipe_shader_state &state,
                      ShaderText &out)
{
   Dialect dialect = dialect_of(screen);
   Tokens translated;
   const tgsi_token *tokens = state.tokens;
   if (state.type == PIPE_SHADER_IR_NIR) {
      auto *nir = static_cast<nir_shader *>(state.ir.nir);
      dialect.separable = is_separable(screen, nir);
      dialect.no_clip_planes = may_go_without_clip_planes(screen, nir, state.stream_output);
      lower_for_host(screen, nir);
      translated = translate_nir(screen, nir);
      tokens = translated.get();
   }
   out.stream_output = state.stream_output;
   out.no_clip_planes = dialect.no_clip_planes;
   return finish(tokens, dialect, stage, out);
}

bool shader_translate(const Screen &screen, const pipe_compute_state &state, ShaderText &out)
{
   Tokens translated;
   const auto *tokens = static_cast<const tgsi_token *>(state.prog);
   out.shared_bytes = state.req_local_mem;
   if (state.ir_type == PIPE_SHADER_IR_NIR) {
      auto *nir = static_cast<nir_shader *>(const_cast<void *>(state.prog));
      out.shared_bytes = std::max<uint32_t>(out.shared_bytes, nir->info.shared_size);
      lower_for_host(screen, nir);
      translated = translate_nir(screen, nir);
      tokens = translated.get();
   }
   return finish(tokens, dialect_of(screen), PIPE_SHADER_COMPUTE, out);
}

void shader_dump(pipe_shader_type stage, const ShaderText &shader)
{
   fprintf(stderr, "verglas: %s shader, %u tokens, %zu bytes\n%s", stage_name(stage),
           shader.num_tokens, shader.text.size(), shader.text.c_str());
}

} // namespace virgl
