// SPDX-License-Identifier: MIT
// The dialect of TGSI that hosts understand, and its spelling.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tgsi/tgsi_parse.h"
#include "util/u_memory.h"

namespace virgl {

struct FreeTokens {
   void operator()(tgsi_token *t) const { FREE(t); }
};
using Tokens = std::unique_ptr<tgsi_token[], FreeTokens>;

// What a host takes beyond the basic dialect.
struct Dialect {
   bool cull_distance = false;
   bool precise = false;
   bool invariant = false;
   // There are no doubles, although they are announced: GLES hosts.
   bool fake_doubles = false;
   // It blends by GL's advanced equations, which shaders have to allow.
   bool advanced_blend = false;
   // To be marked as a shader of a separable program.
   bool separable = false;
   // To a vertex shader without clip distances the host adds eight, reckoned from user clip planes under
   // a condition (virglrenderer, emit_clip_dist_movs): on llvmpipe, which runs both sides of one, that is
   // most of a small shader's time. It does not where one is declared, which costs nothing unwritten.
   bool no_clip_planes = false;
};

// A copy of `tokens` without what the host would refuse or mistranslate; nullptr when out of
// memory.
Tokens to_dialect(const tgsi_token *tokens, const Dialect &dialect);

// The shader as the host's parser reads it; empty when out of memory.
std::string to_text(const tgsi_token *tokens);

// How many tokens the host's parser may make of the text: it sizes its buffer by that.
uint32_t parsed_tokens(const tgsi_token *tokens);

} // namespace virgl
