// SPDX-License-Identifier: MIT
#include "options.hpp"

#include <algorithm>

#include "driinfo.h"

namespace virgl {

// Not the cache that loaders pass along: the software loader, which leads to vtest, has none for us.
Options options_from_driconf()
{
   driOptionCache defaults = {}, values = {};
   driParseOptionInfo(&defaults, verglas_driinfo, verglas_driinfo_count);
   driParseConfigFiles(&values, &defaults, 0, "virtio_gpu", nullptr, nullptr, nullptr, 0, nullptr, 0);
   const Options options{
      .gles_emulate_bgra = driQueryOptionb(&values, "gles_emulate_bgra") != 0,
      .gles_apply_bgra_dest_swizzle = driQueryOptionb(&values, "gles_apply_bgra_dest_swizzle") != 0,
      .gles_samples_passed_value =
         uint32_t(std::max(driQueryOptioni(&values, "gles_samples_passed_value"), 0)),
      .format_l8_srgb_enable_readback =
         driQueryOptionb(&values, "format_l8_srgb_enable_readback") != 0,
   };
   driDestroyOptionCache(&values);
   driDestroyOptionInfo(&defaults);
   return options;
}

} // namespace virgl
