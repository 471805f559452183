// SPDX-License-Identifier: MIT
// One screen per file description of a device.
//
// GEM handles belong to the file description, and importing what is known gives the handle it has.
// A program that uses one description through EGL, GBM and GLX at once must therefore get one screen
// for all of them, or one would close what another uses.
#pragma once

struct pipe_screen;

namespace virgl {

// The screen on the description that `fd` (borrowed) is one of; made where there is none yet. Each
// call is undone by one screen->destroy(). Thread-safe. nullptr after one line on stderr.
pipe_screen *screen_of_drm_fd(int fd);

} // namespace virgl
