// SPDX-License-Identifier: MIT
#include "gallium/winsys/virgl/drm/kernel.hpp"

#include <drm.h>
#include <sys/mman.h>
#include <thread>

namespace virgl::drm {

bool Kernel::once_more(Repetition &repetition) const
{
   // Signals that arrive all the time (profilers) cost a few repetitions. Whatever goes on for
   // longer is a fault, which must neither hang a thread nor eat a processor.
   constexpr unsigned eager_tries = 128;
   const unsigned tries = ++repetition.tries;
   if (tries == 1)
      repetition.deadline = Clock::now() + patience_;
   if (tries <= eager_tries) {
      if (tries % 16 == 0)
         std::this_thread::yield();
      return true;
   }
   if (hurried_.load(std::memory_order_relaxed) || Clock::now() >= repetition.deadline)
      return false;
   std::this_thread::sleep_for(std::chrono::microseconds(100));
   return true;
}

std::byte *Kernel::map(uint32_t gem, size_t bytes)
{
   abi::Map request{.bo = gem};
   if (call(abi::ioctl_map, request) != 0)
      return nullptr;
   void *memory = device_.map(bytes, request.offset);
   return memory == MAP_FAILED ? nullptr : static_cast<std::byte *>(memory);
}

void Kernel::close(uint32_t gem)
{
   // No kernel refuses to close a handle that exists. One that has none of it says EINVAL, and then
   // the number may be another handle's the next moment: never try that again.
   constexpr unsigned tries = 8;
   for (unsigned i = 0; i < tries; i++) {
      drm_gem_close request{};
      request.handle = gem;
      const int r = call(DRM_IOCTL_GEM_CLOSE, request);
      if (r == 0 || r == -EINVAL)
         return;
   }
}

} // namespace virgl::drm
