// SPDX-License-Identifier: MIT
// Vertex attributes in fixed point (GL_FIXED), which no host fetches.
//
// Mesa's u_vbuf translates them, and where a screen does not have them the state tracker puts it in
// front of every context, on the program's thread: for a format of GLES 1 each vertex buffer and each
// draw of every program passes through it. So it is told that nothing is missing
// (targets/dri/vertex_caps.cpp), and is called from this thread for the draws that need it.
#include "cso_cache/cso_cache.h"
#include "util/u_helpers.h"
#include "util/u_inlines.h"
extern "C" {
#include "util/u_vbuf.h" // without its own
}

#include "context.hpp"

namespace virgl {

namespace {

u_vbuf *translator(Context &ctx)
{
   if (!ctx.vertex_translator) {
      u_vbuf_caps caps;
      u_vbuf_get_caps(&ctx.screen.base, &caps, false);
      // What the host lacks besides comes back to draw_vbo().
      caps.supported_prim_modes = caps.supported_restart_modes = uint16_t(~0u);
      ctx.vertex_translator = u_vbuf_create(&ctx.base, &caps);
   }
   return ctx.vertex_translator;
}

} // namespace

void draw_fixed_point(Context &ctx, const pipe_draw_info &info, unsigned drawid,
                      const pipe_draw_indirect_info *indirect,
                      const pipe_draw_start_count_bias *draws, unsigned num_draws)
{
   u_vbuf *translate = translator(ctx);
   if (!translate)
      return;
   pipe_context &pipe = ctx.base;
   VertexElements *elements = ctx.vertex_elements;
   const uint32_t count = ctx.num_vertex_buffers;
   std::array<pipe_vertex_buffer, PIPE_MAX_ATTRIBS> buffers{};
   for (uint32_t i = 0; i < count; i++)
      pipe_vertex_buffer_reference(&buffers[i], &ctx.vertex_buffers[i]);

   cso_velems_state state{};
   state.count = elements->count;
   for (uint32_t i = 0; i < elements->count; i++) {
      state.velems[i].src_offset = uint16_t(elements->elements[i].src_offset);
      state.velems[i].vertex_buffer_index = elements->binding_map[i];
      state.velems[i].instance_divisor = elements->elements[i].instance_divisor;
      state.velems[i].src_format = uint16_t(elements->formats[i]);
   }
   pipe_draw_info kept = info;
   kept.take_index_buffer_ownership = false; // the caller has it
   if (!kept.index_bounds_valid) {
      // It clamps by them even so, and threaded_context keeps other things there.
      kept.min_index = 0;
      kept.max_index = ~0u;
   }
   u_vbuf_set_vertex_elements(translate, &state);
   u_vbuf_set_vertex_buffers(translate, 0, count, 0, false, buffers.data());
   u_vbuf_draw_vbo(translate, &kept, drawid, indirect, draws, num_draws);
   // It must keep no buffer alive, and what it has bound is not what was bound.
   u_vbuf_set_vertex_buffers(translate, 0, 0, PIPE_MAX_ATTRIBS, false, nullptr);
   u_vbuf_unset_vertex_elements(translate);
   pipe.bind_vertex_elements_state(&pipe, elements);
   pipe.set_vertex_buffers(&pipe, 0, count, 0, true, buffers.data());
}

void destroy_vertex_translator(Context &ctx)
{
   if (ctx.vertex_translator)
      u_vbuf_destroy(ctx.vertex_translator);
   ctx.vertex_translator = nullptr;
}

} // namespace virgl
