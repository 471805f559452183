// SPDX-License-Identifier: MIT
#include "screen.hpp"

#include "util/u_debug.h"
#include <cstdint>
#include <cstring>

#include "frontend/sw_winsys.h"
#include "util/u_threaded_context.h"

#include "limits.hpp"
#include "transfer.hpp"

namespace virgl {

namespace {

void screen_destroy(pipe_screen *pscreen)
{
   Screen *screen = &Screen::from(pscreen);
   sw_winsys *sws = screen->sws;
   if (screen->shader_cache)
      disk_cache_destroy(screen->shader_cache);
   slab_destroy_parent(&screen->transfer_pool);
   slab_destroy_parent(&screen->map_pool);
   util_idalloc_mt_fini(&screen->buffer_ids);
   delete screen;
   if (sws && sws->destroy)
      sws->destroy(sws);
}

} // namespace

bool is_own_screen(const pipe_screen *screen)
{
   return screen->destroy == screen_destroy;
}

pipe_screen *screen_create(std::unique_ptr<Winsys> ws, sw_winsys *sws, const Options &options)
{
   auto *screen = new Screen{};
   screen->ws = std::move(ws);
   screen->sws = sws;
   screen->options = options;
   screen->caps = screen->ws->caps();
   screen->limits = std::make_unique<Limits>(limits_from_caps(screen->caps));
   screen->observer = create_stream_observer(screen->caps);
   screen->renderer_name = renderer_name_from_caps(screen->caps);
   screen->short_batches = strcasestr(screen->renderer_name.c_str(), "llvmpipe") != nullptr;
   // Points, lines and triangles in all forms are what every GL has; the rest converts to them.
   constexpr uint32_t every_gl = 1u << PIPE_PRIM_POINTS | 1u << PIPE_PRIM_LINES |
                                 1u << PIPE_PRIM_LINE_LOOP | 1u << PIPE_PRIM_LINE_STRIP |
                                 1u << PIPE_PRIM_TRIANGLES | 1u << PIPE_PRIM_TRIANGLE_STRIP |
                                 1u << PIPE_PRIM_TRIANGLE_FAN;
   screen->primitives = screen->caps.prim_mask | every_gl;
   // The host's array of constants only grows, and shaders read as much of it as they declare
   // (virglrenderer, vrend_set_constants; before the first numbered version it was made anew each time).
   screen->keeps_constants = screen->caps.host_feature_check_version >= 1;
   screen->gathers_draws = screen->has(proto::cap::multi_draw_indirect) &&
                           screen->caps.has_feature(proto::feature::has_indirect_draw);
   slab_create_parent(&screen->transfer_pool, sizeof(struct threaded_transfer), 64);
   slab_create_parent(&screen->map_pool, sizeof(Transfer), 64);
   util_idalloc_mt_init_tc(&screen->buffer_ids);

   screen->base.destroy = screen_destroy;
   screen->base.context_create = context_create;
   screen_init_caps(*screen);
   screen_init_formats(*screen);
   screen_init_resources(*screen);
   screen_init_fences(*screen);
   screen_init_present(*screen);
   screen_init_disk_cache(*screen);
   screen_init_memory_info(*screen);
   return &screen->base;
}

} // namespace virgl
