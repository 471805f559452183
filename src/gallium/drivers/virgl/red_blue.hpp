// SPDX-License-Identifier: MIT
// Textures that are blue first here and red first on the host.
//
// Desktop GL keeps both orders as GL_RGBA8, so that a host which is asked for blue first exchanges the
// channels at each read-back, texel by texel (Mesa's glReadPixels); a GLES host goes through memory of
// its own besides (virglrenderer, vrend_transfer_send_readpixels). What a window shows is blue first
// and read back in each frame, and then copied once more in any case: exchanging them there is free.
#pragma once

#include <cstddef>

#include "resource.hpp"

namespace virgl {

struct Screen;

// The same with red first; NONE for what is not 8 bits of blue, green, red and something.
pipe_format red_first_twin(pipe_format format);

// Whether a texture of this description, read back often, had better be red first on the host.
bool wants_red_first(const Screen &screen, const pipe_resource &templ);

// What the host is told where it is told how to look at the resource.
proto::Format host_format(const Resource &res, pipe_format format);

// Exchanges first and third byte of each four. In place, or from one place to another.
void swap_red_blue(std::byte *to, const std::byte *from, size_t bytes);

// The same for a box of texels in memory, in place.
void swap_red_blue(std::byte *texels, const pipe_box &box, size_t stride, size_t layer_stride);

} // namespace virgl
