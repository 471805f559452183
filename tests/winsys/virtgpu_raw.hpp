// SPDX-License-Identifier: MIT
// The fake device by raw ioctls.
#pragma once

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include <drm.h>

#include "fake_virtgpu.hpp"
#include "gallium/winsys/virgl/drm/abi.hpp"
#include "protocol/packets.hpp"

namespace virgl::test {

namespace abi = drm::abi;

struct Raw {
   explicit Raw(VirtgpuOptions options = {}) : gpu(std::move(options)), device(gpu.open()) {}
   ~Raw()
   {
      device.reset();
      for (const std::string &c : gpu.take_complaints())
         ADD_FAILURE() << c;
   }

   static int call(drm::Device &d, unsigned long request, void *argument)
   {
      return d.ioctl(request, argument) == 0 ? 0 : errno;
   }
   int call(unsigned long request, void *argument) { return call(*device, request, argument); }

   abi::ResourceCreate buffer(uint32_t bytes, drm::Device *d = nullptr)
   {
      abi::ResourceCreate a;
      a.format = uint32_t(proto::Format::R8_UNORM);
      a.bind = proto::bind::vertex_buffer;
      a.width = a.size = bytes;
      a.height = a.depth = a.array_size = 1;
      EXPECT_EQ(call(d ? *d : *device, abi::ioctl_resource_create, &a), 0);
      return a;
   }
   std::byte *map(uint32_t bo, size_t bytes)
   {
      abi::Map m{.bo = bo};
      EXPECT_EQ(call(abi::ioctl_map, &m), 0);
      void *p = device->map(bytes, m.offset);
      EXPECT_NE(p, MAP_FAILED);
      return static_cast<std::byte *>(p);
   }
   int close_handle(uint32_t bo, drm::Device *d = nullptr)
   {
      drm_gem_close a{bo, 0};
      return call(d ? *d : *device, DRM_IOCTL_GEM_CLOSE, &a);
   }
   int wait(uint32_t bo, uint32_t flags = abi::wait_flag::no_wait, drm::Device *d = nullptr)
   {
      abi::Wait a{bo, flags};
      return call(d ? *d : *device, abi::ioctl_wait, &a);
   }
   int submit(std::span<const uint32_t> stream, std::vector<uint32_t> bos, uint32_t flags = 0,
              int fd = -1, int *out = nullptr, uint32_t ring = 0)
   {
      abi::Execbuffer a;
      a.flags = flags;
      a.size = uint32_t(stream.size_bytes());
      a.command = uintptr_t(stream.data());
      a.bos = uintptr_t(bos.data());
      a.num_bos = uint32_t(bos.size());
      a.fence_fd = fd;
      a.ring_idx = ring;
      const int error = call(abi::ioctl_execbuffer, &a);
      if (out)
         *out = a.fence_fd;
      return error;
   }

   FakeVirtgpu gpu;
   std::unique_ptr<drm::Device> device;
};

template <typename Packet> std::vector<uint32_t> stream_of(const Packet &p)
{
   std::vector<uint32_t> s(1 + p.payload_dwords());
   p.write(s.data());
   return s;
}

} // namespace virgl::test
