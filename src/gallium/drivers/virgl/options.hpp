// SPDX-License-Identifier: MIT
// Options of Mesa's driconf: drirc files, profiles of applications, environment variables of the
// options' names.
#pragma once

#include <cstdint>

namespace virgl {

struct Options {
   // Of hosts on GLES that cannot draw to sRGB pictures of blue first: keep such as red first.
   bool gles_emulate_bgra = false;
   // And swap the channels of what is blitted into one.
   bool gles_apply_bgra_dest_swizzle = false;
   // What GL_SAMPLES_PASSED answers where GLES says no more than that some did; 0: as the host likes.
   uint32_t gles_samples_passed_value = 0;
   // Read textures of L8_SRGB although the host does not announce that it can.
   bool format_l8_srgb_enable_readback = false;

   bool operator==(const Options &) const = default;
};

// Those of this program.
Options options_from_driconf();

} // namespace virgl
