// SPDX-License-Identifier: MIT
#include "gallium/drivers/virgl/shader_subgroups.hpp"

#include "compiler/nir/nir.h"
#include "compiler/nir/nir_builder.h"

namespace virgl {
namespace {

enum class Question {
   none,
   vote,       // any, all: what the invocation itself thinks
   vote_equal, // always: there is nobody to differ from
   ballot,
   read, // of another invocation's value, which can only be this one
   size,
   invocation,
   mask_with_self,
   mask_without_self,
};

Question question_of(nir_intrinsic_op op)
{
   switch (op) {
   case nir_intrinsic_vote_any:
   case nir_intrinsic_vote_all:
      return Question::vote;
   case nir_intrinsic_vote_ieq:
   case nir_intrinsic_vote_feq:
      return Question::vote_equal;
   case nir_intrinsic_ballot:
      return Question::ballot;
   case nir_intrinsic_read_invocation:
   case nir_intrinsic_read_first_invocation:
      return Question::read;
   case nir_intrinsic_load_subgroup_size:
      return Question::size;
   case nir_intrinsic_load_subgroup_invocation:
      return Question::invocation;
   // Bits from the group's size on are 0 in all of them (SPV_KHR_shader_ballot).
   case nir_intrinsic_load_subgroup_eq_mask:
   case nir_intrinsic_load_subgroup_ge_mask:
   case nir_intrinsic_load_subgroup_le_mask:
      return Question::mask_with_self;
   case nir_intrinsic_load_subgroup_gt_mask:
   case nir_intrinsic_load_subgroup_lt_mask:
      return Question::mask_without_self;
   default:
      return Question::none;
   }
}

Question question_of(const nir_instr *instr)
{
   if (instr->type != nir_instr_type_intrinsic)
      return Question::none;
   return question_of(nir_instr_as_intrinsic(const_cast<nir_instr *>(instr))->intrinsic);
}

// Votes are about booleans in GLSL. A SPIR-V module may compare other values, for which TGSI has no
// opcode.
bool is_boolean_vote(const nir_instr *instr)
{
   const Question question = question_of(instr);
   if (question != Question::vote && question != Question::vote_equal)
      return false;
   const auto *intrin = nir_instr_as_intrinsic(const_cast<nir_instr *>(instr));
   return intrin->intrinsic != nir_intrinsic_vote_feq && intrin->src[0].is_ssa &&
          intrin->src[0].ssa->num_components == 1 && intrin->src[0].ssa->bit_size == 1;
}

// Groups of the host's size for votes and of one for the rest would not go together.
bool only_votes(nir_shader *nir)
{
   nir_foreach_function(function, nir)
   {
      if (!function->impl)
         continue;
      nir_foreach_block(block, function->impl)
      {
         nir_foreach_instr(instr, block)
         {
            if (question_of(instr) != Question::none && !is_boolean_vote(instr))
               return false;
         }
      }
   }
   return true;
}

// A mask of the width that the instruction wants, with `first` as its lowest 32 bits.
nir_ssa_def *mask(nir_builder *b, nir_ssa_def *first, const nir_ssa_def &wanted)
{
   nir_ssa_def *zero = nir_imm_int(b, 0);
   if (wanted.bit_size == 64) { // gl_SubGroup*MaskARB
      nir_ssa_def *low = nir_pack_64_2x32_split(b, first, zero);
      return nir_pad_vector_imm_int(b, low, 0, wanted.num_components);
   }
   return nir_pad_vector_imm_int(b, first, 0, wanted.num_components);
}

nir_ssa_def *answer(nir_builder *b, nir_instr *instr, void *)
{
   nir_intrinsic_instr *intrin = nir_instr_as_intrinsic(instr);
   switch (question_of(instr)) {
   case Question::vote:
   case Question::read:
      return intrin->src[0].ssa;
   case Question::vote_equal:
      return nir_imm_true(b);
   case Question::ballot:
      return mask(b, nir_b2i32(b, intrin->src[0].ssa), intrin->dest.ssa);
   case Question::size:
      return nir_imm_int(b, 1);
   case Question::invocation:
      return nir_imm_int(b, 0);
   case Question::mask_with_self:
      return mask(b, nir_imm_int(b, 1), intrin->dest.ssa);
   case Question::mask_without_self:
      return mask(b, nir_imm_int(b, 0), intrin->dest.ssa);
   default:
      return nullptr;
   }
}

} // namespace

void lower_subgroups(nir_shader *nir, bool host_votes)
{
   if (host_votes && only_votes(nir))
      return;
   nir_shader_lower_instructions(
      nir,
      [](const nir_instr *instr, const void *) { return question_of(instr) != Question::none; },
      answer, nullptr);
}

} // namespace virgl
