// SPDX-License-Identifier: MIT
// Presentation through the software loader: the host's picture is read back into the loader's
// surface, which the loader shows.
#include <cstdint>

#include "frontend/sw_winsys.h"
#include "util/u_threaded_context.h"

#include "context.hpp"

namespace virgl {

namespace {

class SoftwareTarget final : public DisplayTarget {
public:
   SoftwareTarget(sw_winsys &sws, Resource &res) : sws_(sws), res_(res) {}

   std::byte *map(uint32_t &stride) override
   {
      stride = res_.dt_stride;
      return static_cast<std::byte *>(sws_.displaytarget_map(&sws_, res_.dt, PIPE_MAP_WRITE));
   }
   void unmap() override { sws_.displaytarget_unmap(&sws_, res_.dt); }

private:
   sw_winsys &sws_;
   Resource &res_;
};

void flush_frontbuffer(pipe_screen *pscreen, pipe_context *pipe, pipe_resource *resource,
                       unsigned level, unsigned layer, void *drawable, pipe_box *sub_box)
{
   Screen &screen = Screen::from(pscreen);
   Resource &res = *Resource::from(resource);
   if (!screen.sws || !res.dt)
      return;
   if (pipe) {
      Context::from(threaded_context_unwrap_sync(pipe)).submit();
   }
   Box box{.z = layer, .width = resource->width0, .height = resource->height0};
   if (sub_box) {
      const int width = int(resource->width0), height = int(resource->height0);
      const int x0 = std::clamp(int(sub_box->x), 0, width);
      const int x1 = std::clamp(int(sub_box->x) + int(sub_box->width), x0, width);
      const int y0 = std::clamp(int(sub_box->y), 0, height);
      const int y1 = std::clamp(int(sub_box->y) + int(sub_box->height), y0, height);
      box.x = uint32_t(x0);
      box.y = uint32_t(y0);
      box.width = uint32_t(x1 - x0);
      box.height = uint32_t(y1 - y0);
   }
   SoftwareTarget target(*screen.sws, res);
   if (screen.ws->present(res.bo(), level, box, target))
      screen.sws->displaytarget_display(screen.sws, res.dt, drawable, sub_box);
}

} // namespace

void screen_init_present(Screen &screen)
{
   screen.base.flush_frontbuffer = flush_frontbuffer;
}

} // namespace virgl
