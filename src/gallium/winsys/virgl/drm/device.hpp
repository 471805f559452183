// SPDX-License-Identifier: MIT
// The seam between the DRM winsys and a kernel: one open file description of a virtio-gpu device.
// The real one is a descriptor (device_fd.cpp); tests put one in memory in its place
// (tests/winsys/fake_virtgpu.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace virgl::drm {

// Thread-safe. Everything answers as the system call of that name does, so that refusals reach the
// winsys as a kernel gives them.
class Device {
public:
   virtual ~Device() = default;

   // One try of ioctl(2): 0, or -1 and errno (EINTR and EAGAIN included: the winsys repeats).
   // Requests: those of abi.hpp, and from drm.h DRM_IOCTL_VERSION, GEM_CLOSE, GEM_FLINK, GEM_OPEN,
   // PRIME_HANDLE_TO_FD and PRIME_FD_TO_HANDLE.
   virtual int ioctl(unsigned long request, void *argument) = 0;

   // mmap(2), shared and read-write, at an offset that VIRTGPU_MAP gave; MAP_FAILED and errno.
   virtual void *map(size_t bytes, uint64_t offset) = 0;
   virtual void unmap(void *memory, size_t bytes) = 0;

   // Whether this sync file stands for work of this driver alone. EXECBUFFER takes such a one without
   // waiting for it, since the device executes in order anyway.
   virtual bool own_fence(int sync_file)
   {
      (void)sync_file;
      return false;
   }
};

// A device on a duplicate of `fd` (borrowed): both are the same file description, so GEM handles are
// the same ones. nullptr when it cannot be duplicated.
std::unique_ptr<Device> device_from_fd(int fd);

} // namespace virgl::drm
