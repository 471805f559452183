// SPDX-License-Identifier: MIT
// Gallium's formats in the protocol's numbers.
#pragma once

#include <algorithm>

#include "util/format/u_format.h"

#include "gallium/winsys/virgl/winsys.hpp"
#include "protocol/pipe_formats.hpp"

namespace virgl {

// What the host keeps it as, where that is not the format of the same name.
inline pipe_format host_twin(pipe_format format)
{
   switch (format) {
   // Depth of 24 bits lies where it does beside a stencil. The host's own formats of depth alone lose
   // its lower bits on the way to guest memory and back (virglrenderer, vrend_scale_depth).
   case PIPE_FORMAT_X8Z24_UNORM:
      return PIPE_FORMAT_S8_UINT_Z24_UNORM;
   // The same blocks, of which views take red for luminance (see view_swizzle).
   case PIPE_FORMAT_LATC1_UNORM:
      return PIPE_FORMAT_RGTC1_UNORM;
   case PIPE_FORMAT_LATC1_SNORM:
      return PIPE_FORMAT_RGTC1_SNORM;
   case PIPE_FORMAT_LATC2_UNORM:
      return PIPE_FORMAT_RGTC2_UNORM;
   case PIPE_FORMAT_LATC2_SNORM:
      return PIPE_FORMAT_RGTC2_SNORM;
   default:
      return format;
   }
}

inline proto::Format format_to_host(pipe_format format)
{
   return proto::from_pipe(host_twin(format));
}

// Formats whose alpha the host has as green, for which a border has to be arranged alike.
inline bool alpha_in_green(pipe_format format)
{
   return format == PIPE_FORMAT_LATC2_UNORM || format == PIPE_FORMAT_LATC2_SNORM;
}

// The swizzle of a view whose format the host knows under another name; otherwise the host's own
// swizzles of the format come first.
inline void view_swizzle(pipe_format format, const unsigned char view[4], unsigned char out[4])
{
   const struct util_format_description *desc = util_format_description(format);
   if (desc->layout == UTIL_FORMAT_LAYOUT_RGTC && host_twin(format) != format)
      util_format_compose_swizzles(desc->swizzle, view, out);
   else
      std::copy_n(view, 4, out);
}

inline FormatBlock format_block(pipe_format format)
{
   return {.width = uint8_t(util_format_get_blockwidth(format)),
           .height = uint8_t(util_format_get_blockheight(format)),
           .bytes = uint8_t(util_format_get_blocksize(format))};
}

} // namespace virgl
