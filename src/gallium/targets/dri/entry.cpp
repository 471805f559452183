// SPDX-License-Identifier: MIT
// Joins a winsys to the driver under the names Mesa's target helpers use.
#include <memory>
#include <unistd.h>

#include "gallium/drivers/virgl/screen.hpp"
#include "gallium/drivers/virgl/virgl_public.h"
#include "gallium/winsys/virgl/drm/virgl_drm_public.h"
#include "gallium/winsys/virgl/vtest/virgl_vtest_public.h"
#include "gallium/winsys/virgl/vtest/vtest.hpp"

#include "drm_screens.hpp"

struct virgl_winsys {
   std::unique_ptr<virgl::Winsys> ws;
   sw_winsys *sws;
};

virgl_winsys *virgl_vtest_winsys_wrap(sw_winsys *sws)
{
   auto ws = virgl::vtest::connect();
   return ws ? new virgl_winsys{std::move(ws), sws} : nullptr;
}

pipe_screen *virgl_create_screen(virgl_winsys *wrapped, const pipe_screen_config *)
{
   if (!wrapped)
      return nullptr;
   const std::unique_ptr<virgl_winsys> owned(wrapped);
   return virgl::screen_create(std::move(owned->ws), owned->sws,
                               virgl::options_from_driconf());
}

pipe_screen *virgl_drm_screen_create(int fd, const pipe_screen_config *)
{
   return virgl::screen_of_drm_fd(fd);
}
