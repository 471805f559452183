// SPDX-License-Identifier: MIT
// The device that a file descriptor stands for.
#include <fcntl.h>
#include <new>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "gallium/winsys/virgl/common/unique_fd.hpp"
#include "gallium/winsys/virgl/drm/device.hpp"

namespace virgl::drm {

namespace {

class FdDevice final : public Device {
public:
   explicit FdDevice(UniqueFd fd) : fd_(std::move(fd)) {}

   int ioctl(unsigned long request, void *argument) override
   {
      return ::ioctl(fd_.get(), request, argument);
   }
   void *map(size_t bytes, uint64_t offset) override
   {
      return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), off_t(offset));
   }
   void unmap(void *memory, size_t bytes) override { munmap(memory, bytes); }

private:
   UniqueFd fd_;
};

} // namespace

std::unique_ptr<Device> device_from_fd(int fd)
{
   // Not 0, 1 or 2, which programs close and reopen as they please.
   constexpr int lowest = 3;
   UniqueFd own(fcntl(fd, F_DUPFD_CLOEXEC, lowest));
   if (!own)
      return nullptr;
   return std::unique_ptr<Device>(new (std::nothrow) FdDevice(std::move(own)));
}

} // namespace virgl::drm
