// SPDX-License-Identifier: MIT
// Keeps Mesa's u_vbuf out of the way of draws that do not need it.
//
// A screen that lacks one vertex format gets it in front of every draw, and no host has GL_FIXED. The
// driver sees to these draws by itself (vertex_fallback.cpp) and to primitives the host lacks. The
// screen may not claim either: display lists are made of what it claims, and what is in the program's
// own memory still passes through u_vbuf, which then translates it on the way. Hence the question of
// u_vbuf alone is answered otherwise, by a wrapper that the linker puts around it.
#include "pipe/p_screen.h"
#include "util/format/u_format.h"
extern "C" {
#include "util/u_vbuf.h" // without its own
}

#include "gallium/drivers/virgl/screen.hpp"

extern "C" {
void __real_u_vbuf_get_caps(pipe_screen *screen, u_vbuf_caps *caps, bool needs64b);
void __wrap_u_vbuf_get_caps(pipe_screen *screen, u_vbuf_caps *caps, bool needs64b);
}

namespace {

bool only_fixed_point_lacks(const u_vbuf_caps &caps)
{
   for (unsigned i = 0; i < PIPE_FORMAT_COUNT; i++) {
      if (caps.format_translation[i] == i)
         continue;
      const auto *format = util_format_description(static_cast<pipe_format>(i));
      if (!format || format->channel[0].type != UTIL_FORMAT_TYPE_FIXED)
         return false;
   }
   return true;
}

} // namespace

void __wrap_u_vbuf_get_caps(pipe_screen *screen, u_vbuf_caps *caps, bool needs64b)
{
   __real_u_vbuf_get_caps(screen, caps, needs64b);
   const bool reads_all = caps->buffer_offset_unaligned && caps->buffer_stride_unaligned &&
                          caps->velem_src_offset_unaligned && caps->attrib_component_unaligned &&
                          caps->max_vertex_buffers >= 16 && !caps->rewrite_ubyte_ibs &&
                          !caps->rewrite_restart_index;
   if (!virgl::is_own_screen(screen) || !reads_all || !only_fixed_point_lacks(*caps))
      return;
   caps->fallback_always = false;
   caps->fallback_only_for_user_vbuffers = !caps->user_vertex_buffers;
}
