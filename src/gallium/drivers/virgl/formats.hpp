// SPDX-License-Identifier: MIT
// Gallium's formats in the protocol's numbers.
#pragma once

#include "util/format/u_format.h"

#include "gallium/winsys/virgl/winsys.hpp"
#include "protocol/pipe_formats.hpp"

namespace virgl {

inline proto::Format format_to_host(pipe_format format)
{
   return proto::from_pipe(format);
}

inline FormatBlock format_block(pipe_format format)
{
   return {.width = uint8_t(util_format_get_blockwidth(format)),
           .height = uint8_t(util_format_get_blockheight(format)),
           .bytes = uint8_t(util_format_get_blocksize(format))};
}

} // namespace virgl
