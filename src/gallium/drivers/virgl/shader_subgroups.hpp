// SPDX-License-Identifier: MIT
// What shaders ask of their group of invocations, for hosts whose dialect has no such questions.
#pragma once

struct nir_shader;

namespace virgl {

// Makes every invocation a group of its own, which ARB_shader_group_vote and ARB_shader_ballot allow:
// votes and ballots become what the invocation itself says. `host_votes`: the host's shaders can
// vote, so a shader that does nothing else with its group keeps its votes.
void lower_subgroups(nir_shader *nir, bool host_votes);

} // namespace virgl
