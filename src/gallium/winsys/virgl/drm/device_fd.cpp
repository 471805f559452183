// SPDX-License-Identifier: MIT
// The device that a file descriptor stands for.
#include <algorithm>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <linux/sync_file.h>
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
   bool own_fence(int sync_file) override
   {
      // A file may stand for several; one of more than these counts as foreign.
      std::array<sync_fence_info, 8> fences{};
      sync_file_info info{};
      info.num_fences = fences.size();
      info.sync_fence_info = uint64_t(reinterpret_cast<uintptr_t>(fences.data()));
      if (::ioctl(sync_file, SYNC_IOC_FILE_INFO, &info) != 0 || info.num_fences == 0 ||
          info.num_fences > fences.size())
         return false;
      return std::all_of(fences.begin(), fences.begin() + info.num_fences, [](auto &fence) {
         return strncmp(fence.driver_name, "virtio_gpu", sizeof fence.driver_name) == 0;
      });
   }

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
