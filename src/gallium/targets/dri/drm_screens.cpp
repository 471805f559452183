// SPDX-License-Identifier: MIT
#include "drm_screens.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "pipe/p_screen.h"
#include "util/os_file.h"

#include "gallium/drivers/virgl/screen.hpp"
#include "gallium/winsys/virgl/common/unique_fd.hpp"
#include "gallium/winsys/virgl/drm/drm.hpp"

namespace virgl {

namespace {

struct SharedScreen {
   UniqueFd fd; // only to be compared
   pipe_screen *screen = nullptr;
   unsigned users = 0;
   void (*destroy)(pipe_screen *) = nullptr;
};

std::mutex lock;
// Never destroyed: programs end their displays from atexit(), which is after the destructors of a
// library that was loaded later.
std::vector<SharedScreen> &screens = *new std::vector<SharedScreen>;

void drop(pipe_screen *screen)
{
   std::unique_lock hold(lock);
   for (auto it = screens.begin(); it != screens.end(); ++it) {
      if (it->screen != screen)
         continue;
      if (--it->users > 0)
         return;
      // Still locked: whoever opens the same description now must not get new GEM handles that this
      // end would close.
      it->destroy(screen);
      screens.erase(it);
      return;
   }
}

} // namespace

pipe_screen *screen_of_drm_fd(int fd)
{
   std::lock_guard hold(lock);
   for (SharedScreen &s : screens) {
      // A kernel without kcmp() cannot tell, and then it counts as another.
      if (os_same_file_description(s.fd.get(), fd) == 0) {
         s.users++;
         return s.screen;
      }
   }

   std::unique_ptr<drm::Device> device = drm::device_from_fd(fd);
   SharedScreen entry{.fd = UniqueFd(os_dupfd_cloexec(fd)), .users = 1};
   if (!device || !entry.fd) {
      std::fprintf(stderr, "verglas: cannot duplicate the device's file descriptor: %s\n",
                   std::strerror(errno));
      return nullptr;
   }
   std::unique_ptr<Winsys> ws = drm::connect(std::move(device));
   if (!ws)
      return nullptr;
   entry.screen = screen_create(std::move(ws), nullptr, options_from_driconf());
   if (!entry.screen)
      return nullptr;
   entry.destroy = std::exchange(entry.screen->destroy, drop);
   pipe_screen *screen = entry.screen;
   screens.push_back(std::move(entry));
   return screen;
}

} // namespace virgl
