// SPDX-License-Identifier: MIT
// The fake device itself: what several descriptions share, and blobs.
#include "virtgpu_raw.hpp"

namespace virgl::test {

TEST(FakeVirtgpu, SharingBetweenDescriptions)
{
   Raw r;
   auto other = r.gpu.open(), same = r.gpu.duplicate(*r.device);
   auto a = r.buffer(64);
   drm_prime_handle p{a.bo, DRM_CLOEXEC | DRM_RDWR, -1};
   ASSERT_EQ(r.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &p), 0);
   drm_prime_handle again = p;
   again.fd = -1;
   ASSERT_EQ(r.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &again), 0);
   EXPECT_NE(p.fd, again.fd);
   EXPECT_EQ(r.gpu.account().dma_bufs, 1u);
   close(again.fd);
   EXPECT_EQ(r.gpu.account().dma_bufs, 1u);

   drm_prime_handle in{0, 0, p.fd};
   ASSERT_EQ(Raw::call(*same, DRM_IOCTL_PRIME_FD_TO_HANDLE, &in), 0);
   EXPECT_EQ(in.handle, a.bo);
   ASSERT_EQ(Raw::call(*other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &in), 0);
   const uint32_t theirs = in.handle;
   ASSERT_EQ(Raw::call(*other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &in), 0);
   EXPECT_EQ(in.handle, theirs);
   abi::ResourceInfo info{.bo = theirs};
   ASSERT_EQ(Raw::call(*other, abi::ioctl_resource_info, &info), 0);
   EXPECT_EQ(info.resource, a.resource);
   EXPECT_EQ(info.size, 4096u);
   EXPECT_EQ(r.gpu.account().objects, 1u);

   // The dma-buf alone keeps it.
   EXPECT_EQ(r.close_handle(theirs, other.get()), 0);
   EXPECT_EQ(r.close_handle(a.bo), 0);
   EXPECT_EQ(r.gpu.account().objects, 1u);
   ASSERT_EQ(Raw::call(*other, DRM_IOCTL_PRIME_FD_TO_HANDLE, &in), 0);
   EXPECT_NE(in.handle, theirs);
   close(p.fd);
   EXPECT_EQ(r.gpu.account().dma_bufs, 0u);
   EXPECT_EQ(r.close_handle(in.handle, other.get()), 0);
   EXPECT_EQ(r.gpu.account().objects, 0u);

   FakeVirtgpu stranger;
   auto strange = stranger.open();
   auto b = r.buffer(64);
   p = {b.bo, DRM_CLOEXEC, -1};
   ASSERT_EQ(r.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &p), 0);
   in = {0, 0, p.fd};
   EXPECT_EQ(Raw::call(*strange, DRM_IOCTL_PRIME_FD_TO_HANDLE, &in), ENODEV);
   close(p.fd);
   EXPECT_EQ(Raw::call(*strange, DRM_IOCTL_PRIME_FD_TO_HANDLE, &in), EBADF);
   int null = open("/dev/null", O_RDWR);
   in.fd = null;
   EXPECT_EQ(Raw::call(*strange, DRM_IOCTL_PRIME_FD_TO_HANDLE, &in), EINVAL);
   close(null);
   EXPECT_EQ(r.close_handle(b.bo), 0);
}

// Exported by somebody else and taken back: a second handle.
TEST(FakeVirtgpu, ADmaBufOfAnotherIsANewHandle)
{
   Raw r;
   auto other = r.gpu.open();
   auto a = r.buffer(64);
   drm_gem_flink flink{a.bo, 0};
   ASSERT_EQ(r.call(DRM_IOCTL_GEM_FLINK, &flink), 0);
   drm_gem_open open{flink.name, 0, 0};
   ASSERT_EQ(Raw::call(*other, DRM_IOCTL_GEM_OPEN, &open), 0);
   EXPECT_EQ(open.size, 4096u);
   drm_prime_handle p{open.handle, DRM_CLOEXEC, -1};
   ASSERT_EQ(Raw::call(*other, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p), 0);
   drm_prime_handle in{0, 0, p.fd};
   ASSERT_EQ(r.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &in), 0);
   EXPECT_NE(in.handle, a.bo);
   close(p.fd);
   other.reset();
   EXPECT_EQ(r.gpu.account().leaked_handles, 1u);
}

TEST(FakeVirtgpu, Blobs)
{
   VirtgpuOptions o;
   o.blobs = o.host_visible = true;
   Raw r(o);
   abi::ResourceCreateBlob guest{.memory = abi::BlobMemory::guest,
                                 .flags = abi::blob_flag::mappable,
                                 .size = 8192};
   ASSERT_EQ(r.call(abi::ioctl_resource_create_blob, &guest), 0);
   auto refused = guest;
   refused.size = 5000;
   EXPECT_EQ(r.call(abi::ioctl_resource_create_blob, &refused), EINVAL);
   refused = guest;
   refused.blob_id = 1;
   EXPECT_EQ(r.call(abi::ioctl_resource_create_blob, &refused), EINVAL);

   proto::PipeResourceCreate pipe{.format = proto::Format::R8_UNORM,
                                  .bind = proto::bind::vertex_buffer,
                                  .width = 4096,
                                  .height = 1,
                                  .depth = 1,
                                  .array_size = 1};
   pipe.blob_id = 5;
   auto stream = stream_of(pipe);
   abi::ResourceCreateBlob host{.memory = abi::BlobMemory::host3d,
                                .flags = abi::blob_flag::mappable,
                                .size = 4096,
                                .command_size = uint32_t(stream.size() * 4),
                                .command = uintptr_t(stream.data()),
                                .blob_id = 5};
   ASSERT_EQ(r.call(abi::ioctl_resource_create_blob, &host), 0);
   std::byte *p = r.map(host.bo, 4096);
   p[17] = std::byte(5);
   EXPECT_EQ(r.gpu.storage(host.resource)[17], std::byte(5));
   r.device->unmap(p, 4096);

   // Described again, and asked for by another number.
   host.blob_id = 6;
   ASSERT_EQ(r.call(abi::ioctl_resource_create_blob, &host), 0);
   EXPECT_EQ(r.gpu.take_complaints().size(), 2u);
   abi::ResourceInfo info{.bo = guest.bo};
   ASSERT_EQ(r.call(abi::ioctl_resource_info, &info), 0);
   EXPECT_EQ(info.blob_memory, 1u);
   r.gpu.take_complaints();
   abi::Transfer t{.bo = guest.bo, .box = {0, 0, 0, 1, 1, 1}};
   EXPECT_EQ(r.call(abi::ioctl_transfer_to_host, &t), EINVAL);
   // What the host never made, it cannot end either.
   EXPECT_EQ(r.close_handle(host.bo), 0);
   EXPECT_EQ(r.gpu.take_complaints().size(), 1u);
}

} // namespace virgl::test
