// SPDX-License-Identifier: MIT
// Atomics of floats in buffers and shared memory, for which hosts have no opcodes.
#pragma once

struct nir_shader;

namespace virgl {

// Makes atomic minima, maxima and compare-and-swaps of floats (INTEL_shader_atomic_float_minmax)
// loops around the compare-and-swap of integers.
void lower_float_atomics(nir_shader *nir);

} // namespace virgl
