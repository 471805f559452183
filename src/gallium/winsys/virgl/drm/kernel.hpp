// SPDX-License-Identifier: MIT
// System calls on the device that come to an end in success or in a refusal.
//
// What refusals mean is decided by who calls; here is only what is the same for all: a call that
// was interrupted is made again, and a handle is closed whatever happens.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <utility>

#include "gallium/winsys/virgl/drm/abi.hpp"
#include "gallium/winsys/virgl/drm/device.hpp"

namespace virgl::drm {

using Clock = std::chrono::steady_clock;

// Refusals that may be over in a moment: memory or room is short, or somebody is just using it.
inline bool temporary(int error)
{
   return error == -ENOMEM || error == -ENOSPC || error == -EBUSY;
}

// The process or the system has no descriptor to give.
inline bool out_of_descriptors(int error)
{
   return error == -EMFILE || error == -ENFILE;
}

class Kernel {
public:
   Kernel(Device &device, Clock::duration patience) : device_(device), patience_(patience) {}

   // 0 or -errno. Repeated while the answer is EINTR or EAGAIN, each time with the argument as it
   // was: kernels write back even what failed, and up to Linux 6.2 an interrupted EXECBUFFER comes
   // back without its fence.
   template <typename T>
   int call(unsigned long request, T &argument)
   {
      const T original = argument;
      Repetition repetition;
      for (;;) {
         if (device_.ioctl(request, &argument) == 0) [[likely]]
            return 0;
         const int error = errno;
         if ((error != EINTR && error != EAGAIN) || !once_more(repetition))
            return -error;
         argument = original;
      }
   }

   // The memory of a GEM handle; nullptr where it cannot be had.
   std::byte *map(uint32_t gem, size_t bytes);
   void unmap(std::byte *memory, size_t bytes) { device_.unmap(memory, bytes); }

   void close(uint32_t gem);

   // From now on nothing is repeated for long: nobody hopes for an answer any more.
   void hurry() { hurried_.store(true, std::memory_order_relaxed); }

private:
   struct Repetition {
      unsigned tries = 0;
      Clock::time_point deadline{};
   };
   bool once_more(Repetition &repetition) const;

   Device &device_;
   const Clock::duration patience_;
   std::atomic<bool> hurried_{false};
};

// A GEM handle that is closed with its owner.
class GemHandle {
public:
   GemHandle() = default;
   GemHandle(Kernel &kernel, uint32_t gem) : kernel_(&kernel), gem_(gem) {}
   GemHandle(GemHandle &&o) noexcept : kernel_(o.kernel_), gem_(o.release()) {}
   GemHandle &operator=(GemHandle &&o) noexcept
   {
      std::swap(kernel_, o.kernel_);
      std::swap(gem_, o.gem_);
      return *this;
   }
   ~GemHandle()
   {
      if (gem_)
         kernel_->close(gem_);
   }

   uint32_t get() const { return gem_; }
   uint32_t release() { return std::exchange(gem_, 0); }
   explicit operator bool() const { return gem_ != 0; }

private:
   Kernel *kernel_ = nullptr;
   uint32_t gem_ = 0;
};

} // namespace virgl::drm
