// SPDX-License-Identifier: MIT
#include "gallium/drivers/virgl/shader_atomics.hpp"

#include "compiler/nir/nir.h"
#include "compiler/nir/nir_builder.h"

namespace virgl {
namespace {

bool is_float_atomic(const nir_instr *instr, const void *)
{
   if (instr->type != nir_instr_type_intrinsic)
      return false;
   switch (nir_instr_as_intrinsic(const_cast<nir_instr *>(instr))->intrinsic) {
   case nir_intrinsic_ssbo_atomic_fmin:
   case nir_intrinsic_ssbo_atomic_fmax:
   case nir_intrinsic_ssbo_atomic_fcomp_swap:
   case nir_intrinsic_shared_atomic_fmin:
   case nir_intrinsic_shared_atomic_fmax:
   case nir_intrinsic_shared_atomic_fcomp_swap:
      return true;
   default:
      return false;
   }
}

// The 32 bits that an atomic instruction works on.
class Place {
public:
   Place(nir_builder *b, const nir_intrinsic_instr *atomic)
      : b_(b), atomic_(atomic), shared_(!nir_intrinsic_has_access(atomic))
   {
   }

   // The operands that follow the place.
   nir_ssa_def *operand(unsigned i) const { return atomic_->src[(shared_ ? 1 : 2) + i].ssa; }

   nir_ssa_def *load() const
   {
      if (shared_) {
         _nir_load_shared_indices indices{};
         indices.base = nir_intrinsic_base(atomic_);
         indices.align_mul = 4;
         return _nir_build_load_shared(b_, 1, 32, atomic_->src[0].ssa, indices);
      }
      _nir_load_ssbo_indices indices{};
      indices.access = nir_intrinsic_access(atomic_);
      indices.align_mul = 4;
      return _nir_build_load_ssbo(b_, 1, 32, atomic_->src[0].ssa, atomic_->src[1].ssa, indices);
   }

   // What was there; if it was `expected`, `value` is now.
   nir_ssa_def *swap(nir_ssa_def *expected, nir_ssa_def *value) const
   {
      nir_intrinsic_instr *swap = nir_intrinsic_instr_create(
         b_->shader,
         shared_ ? nir_intrinsic_shared_atomic_comp_swap : nir_intrinsic_ssbo_atomic_comp_swap);
      unsigned n = 0;
      for (; n < (shared_ ? 1u : 2u); n++)
         swap->src[n] = nir_src_for_ssa(atomic_->src[n].ssa);
      swap->src[n++] = nir_src_for_ssa(expected);
      swap->src[n++] = nir_src_for_ssa(value);
      if (shared_)
         nir_intrinsic_set_base(swap, nir_intrinsic_base(atomic_));
      else
         nir_intrinsic_set_access(swap, nir_intrinsic_access(atomic_));
      nir_ssa_dest_init(&swap->instr, &swap->dest, 1, 32, nullptr);
      nir_builder_instr_insert(b_, &swap->instr);
      return &swap->dest.ssa;
   }

private:
   nir_builder *b_;
   const nir_intrinsic_instr *atomic_;
   bool shared_;
};

void break_if(nir_builder *b, nir_ssa_def *condition)
{
   nir_if *branch = nir_push_if(b, condition);
   nir_jump(b, nir_jump_break);
   nir_pop_if(b, branch);
}

nir_ssa_def *loop_of(nir_builder *b, nir_instr *instr, void *)
{
   const nir_intrinsic_instr *atomic = nir_instr_as_intrinsic(instr);
   const Place place(b, atomic);
   nir_variable *seen = nir_local_variable_create(b->impl, glsl_uint_type(), "seen");
   nir_store_var(b, seen, place.load(), 1);
   nir_loop *loop = nir_push_loop(b);
   nir_ssa_def *was = nir_load_var(b, seen);
   nir_ssa_def *wanted = nullptr;
   switch (atomic->intrinsic) {
   case nir_intrinsic_ssbo_atomic_fmin:
   case nir_intrinsic_shared_atomic_fmin:
      wanted = nir_fmin(b, was, place.operand(0));
      break;
   case nir_intrinsic_ssbo_atomic_fmax:
   case nir_intrinsic_shared_atomic_fmax:
      wanted = nir_fmax(b, was, place.operand(0));
      break;
   default: // as floats 0 equals -0, and nothing a NaN
      break_if(b, nir_fneu(b, was, place.operand(0)));
      wanted = place.operand(1);
      break;
   }
   nir_ssa_def *found = place.swap(was, wanted);
   break_if(b, nir_ieq(b, found, was));
   nir_store_var(b, seen, found, 1);
   nir_pop_loop(b, loop);
   return nir_load_var(b, seen);
}

} // namespace

void lower_float_atomics(nir_shader *nir)
{
   if (nir_shader_lower_instructions(nir, is_float_atomic, loop_of, nullptr))
      nir_lower_vars_to_ssa(nir);
}

} // namespace virgl
