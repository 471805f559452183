// SPDX-License-Identifier: MIT
// The fake device itself, by raw ioctls: a test of the winsys is worth what the fake is worth.
#include <poll.h>
#include <thread>

#include "virtgpu_raw.hpp"

// Not with "using": the compiler's own header has a namespace abi, too.
namespace virgl::test {

namespace {

int param(Raw &r, abi::Param p, int *value = nullptr)
{
   int v = -1;
   abi::GetParam a{p, uintptr_t(&v)};
   const int error = r.call(abi::ioctl_getparam, &a);
   if (value)
      *value = v;
   return error;
}

bool readable(int fd)
{
   pollfd p{fd, POLLIN, 0};
   return poll(&p, 1, 0) == 1 && p.revents == POLLIN;
}

VirtgpuOptions with_pace(Pace pace)
{
   VirtgpuOptions o;
   o.pace = pace;
   return o;
}

} // namespace

TEST(FakeVirtgpu, ParametersByAge)
{
   const struct {
      Linux kernel;
      unsigned known;
   } ages[] = {{Linux::v4_9, 1}, {Linux::v5_4, 2}, {Linux::v5_11, 5}, {Linux::v6_1, 7}};
   for (auto age : ages) {
      VirtgpuOptions o;
      o.kernel = age.kernel;
      Raw r(o);
      for (unsigned p = 0; p < 12; p++)
         EXPECT_EQ(param(r, abi::Param(p)), p >= 1 && p <= age.known ? 0 : EINVAL) << p;
      abi::ContextInit init;
      EXPECT_EQ(r.call(abi::ioctl_context_init, &init), age.kernel == Linux::v6_1 ? 0 : EINVAL);
      drm_version v{};
      char name[32] = {};
      v.name = name;
      v.name_len = sizeof name;
      ASSERT_EQ(r.call(DRM_IOCTL_VERSION, &v), 0);
      EXPECT_STREQ(name, "virtio_gpu");
      EXPECT_EQ(v.version_minor, age.kernel == Linux::v4_9 ? 0 : 1);
   }
   Raw r;
   abi::Map unknown;
   EXPECT_EQ(r.call(_IOWR('d', 0x60, abi::Map), &unknown), EINVAL);
   EXPECT_EQ(r.call(_IOWR('x', 0x41, abi::Map), &unknown), ENOTTY);
}

TEST(FakeVirtgpu, Capsets)
{
   Raw r;
   std::vector<std::byte> bytes(2000, std::byte(7));
   abi::GetCaps a{2, 1, uintptr_t(bytes.data()), 1000};
   EXPECT_EQ(r.call(abi::ioctl_get_caps, &a), 0);
   EXPECT_EQ(bytes[1000], std::byte(7));
   EXPECT_EQ(proto::Caps::parse(2, std::span(bytes).first(1000)).glsl_level, 430u);
   a.size = 0;
   EXPECT_EQ(r.call(abi::ioctl_get_caps, &a), EINVAL);
   a.size = 4;
   for (uint32_t capset : {0u, 3u, 40u}) {
      a.capset = capset;
      EXPECT_EQ(r.call(abi::ioctl_get_caps, &a), EINVAL);
   }
}

TEST(FakeVirtgpu, ContextInit)
{
   using P = abi::ContextParam;
   auto init = [](Raw &r, std::vector<abi::ContextSetParam> p) {
      abi::ContextInit a{uint32_t(p.size()), 0, uintptr_t(p.data())};
      return r.call(abi::ioctl_context_init, &a);
   };
   Raw bad;
   EXPECT_EQ(init(bad, {{P::capset_id, 3}}), EINVAL);
   EXPECT_EQ(init(bad, {{P::capset_id, 2}, {P::capset_id, 2}}), EINVAL);
   EXPECT_EQ(init(bad, {{P::num_rings, 65}}), EINVAL);
   EXPECT_EQ(init(bad, {{P::num_rings, 1}, {P::poll_rings_mask, 2}}), EINVAL);
   EXPECT_EQ(init(bad, {{P(9), 1}}), EINVAL);
   EXPECT_EQ(init(bad, {{P::capset_id, 2}, {P::num_rings, 2}}), 0);
   EXPECT_EQ(init(bad, {{P::capset_id, 2}}), EEXIST);
   EXPECT_EQ(bad.submit({}, {}, abi::exec_flag::ring_idx, -1, nullptr, 1), 0);
   EXPECT_EQ(bad.submit({}, {}, abi::exec_flag::ring_idx, -1, nullptr, 2), EINVAL);
   // Any other use makes the context first.
   Raw late;
   late.buffer(64);
   EXPECT_EQ(init(late, {{P::capset_id, 2}}), EEXIST);
}

TEST(FakeVirtgpu, MemoryAndTransfers)
{
   Raw r;
   auto a = r.buffer(5000);
   std::byte *p = r.map(a.bo, 5000), *again = r.map(a.bo, 8192);
   EXPECT_NE(p, again);
   memset(p, 3, 5000);
   EXPECT_EQ(again[4999], std::byte(3));
   abi::Transfer t{.bo = a.bo, .box = {10, 0, 0, 20, 1, 1}, .offset = 10};
   EXPECT_EQ(r.call(abi::ioctl_transfer_to_host, &t), 0);
   const auto storage = r.gpu.storage(a.resource);
   ASSERT_EQ(storage.size(), 5000u);
   EXPECT_EQ(storage[9], std::byte(0));
   EXPECT_EQ(storage[10], std::byte(3));
   EXPECT_EQ(storage[30], std::byte(0));
   memset(p, 9, 5000);
   t.offset = 4000;
   EXPECT_EQ(r.call(abi::ioctl_transfer_from_host, &t), 0);
   EXPECT_EQ(again[4000], std::byte(3));
   EXPECT_EQ(again[4020], std::byte(9));
   t.stride = 64;
   EXPECT_EQ(r.call(abi::ioctl_transfer_to_host, &t), EINVAL);
   t = {.bo = 99};
   EXPECT_EQ(r.call(abi::ioctl_transfer_to_host, &t), ENOENT);

   abi::Map m{.bo = a.bo};
   ASSERT_EQ(r.call(abi::ioctl_map, &m), 0);
   EXPECT_EQ(r.device->map(8193, m.offset), MAP_FAILED);
   EXPECT_EQ(r.device->map(64, m.offset + 4096), MAP_FAILED);
   EXPECT_EQ(r.gpu.account().mappings, 2u);
   r.device->unmap(again, 8192);
   r.device->unmap(p, 5000);
   EXPECT_EQ(r.close_handle(a.bo), 0);
   EXPECT_EQ(r.close_handle(a.bo), EINVAL);
   EXPECT_EQ(r.device->map(64, m.offset), MAP_FAILED);
   EXPECT_EQ(r.gpu.account(), (Account{.descriptions = 1}));
}

TEST(FakeVirtgpu, Complaints)
{
   Raw r;
   auto a = r.buffer(100);
   abi::Transfer t{.bo = a.bo, .box = {90, 0, 0, 20, 1, 1}};
   EXPECT_EQ(r.call(abi::ioctl_transfer_to_host, &t), 0);
   t = {.bo = a.bo, .box = {0, 0, 0, 100, 1, 1}, .offset = 4000};
   EXPECT_EQ(r.call(abi::ioctl_transfer_to_host, &t), 0);
   EXPECT_EQ(r.gpu.take_complaints().size(), 2u);

   // Not in the list; not attached; not a command.
   proto::Transfer3d p{.resource = proto::ResourceHandle(a.resource)};
   p.box.width = p.box.height = p.box.depth = 1;
   EXPECT_EQ(r.submit(stream_of(p), {}), 0);
   p.resource = proto::ResourceHandle(77);
   EXPECT_EQ(r.submit(stream_of(p), {a.bo}), 0);
   EXPECT_EQ(r.submit(std::vector<uint32_t>{0xff}, {}), 0);
   EXPECT_EQ(r.gpu.take_complaints().size(), 3u);

   // Two handles of one object: the end of one detaches.
   drm_gem_flink flink{a.bo, 0};
   ASSERT_EQ(r.call(DRM_IOCTL_GEM_FLINK, &flink), 0);
   drm_gem_open open{flink.name, 0, 0};
   ASSERT_EQ(r.call(DRM_IOCTL_GEM_OPEN, &open), 0);
   EXPECT_NE(open.handle, a.bo);
   p.resource = proto::ResourceHandle(a.resource);
   EXPECT_EQ(r.submit(stream_of(p), {a.bo}), 0);
   EXPECT_EQ(r.gpu.take_complaints().size(), 0u);
   EXPECT_EQ(r.submit(stream_of(p), {a.bo, open.handle}), EALREADY);
   EXPECT_EQ(r.close_handle(open.handle), 0);
   EXPECT_EQ(r.submit(stream_of(p), {a.bo}), 0);
   EXPECT_EQ(r.gpu.take_complaints().size(), 1u);

   std::byte *m = r.map(a.bo, 100);
   m[100] = std::byte(1);
   r.device->unmap(m, 100);
   EXPECT_EQ(r.close_handle(a.bo), 0);
   EXPECT_EQ(r.gpu.take_complaints().size(), 1u);
}

TEST(FakeVirtgpuDeathTest, MappingsEndAtTheirPages)
{
   GTEST_FLAG_SET(death_test_style, "threadsafe");
   Raw r;
   auto a = r.buffer(100);
   std::byte *p = r.map(a.bo, 100);
   EXPECT_DEATH(static_cast<volatile std::byte *>(p)[4096] = std::byte(1), "");
   r.device->unmap(p, 100);
   EXPECT_DEATH(static_cast<volatile std::byte *>(p)[0] = std::byte(1), "");
}

TEST(FakeVirtgpu, WorkIsDoneInOrderWhenTheTestSaysSo)
{
   Raw r(with_pace(Pace::by_hand));
   auto a = r.buffer(64), b = r.buffer(64);
   EXPECT_EQ(r.wait(a.bo), EBUSY);
   EXPECT_EQ(r.gpu.complete(1), 1u);
   EXPECT_EQ(r.wait(a.bo), 0);
   EXPECT_EQ(r.wait(b.bo), EBUSY);
   r.gpu.complete();

   proto::Transfer3d t{.resource = proto::ResourceHandle(a.resource)};
   t.box = {0, 0, 0, 64, 1, 1};
   std::byte *p = r.map(a.bo, 64);
   memset(p, 1, 64);
   EXPECT_EQ(r.submit(stream_of(t), {a.bo}), 0);
   EXPECT_EQ(r.submit({}, {b.bo}), 0);
   // What is in the memory when the host gets there counts.
   memset(p, 2, 64);
   EXPECT_EQ(r.gpu.complete(1), 1u);
   EXPECT_EQ(r.gpu.storage(a.resource)[0], std::byte(2));
   EXPECT_EQ(r.wait(a.bo), 0);
   EXPECT_EQ(r.wait(b.bo), EBUSY);
   // The object lives as long as it is used.
   EXPECT_EQ(r.close_handle(b.bo), 0);
   EXPECT_EQ(r.gpu.account().host_resources, 2u);
   r.gpu.complete();
   EXPECT_EQ(r.gpu.account().host_resources, 1u);
   r.device->unmap(p, 64);
}

TEST(FakeVirtgpu, WaitingEnds)
{
   auto o = with_pace(Pace::by_hand);
   o.wait_limit = std::chrono::milliseconds(20);
   Raw r(o);
   auto a = r.buffer(64);
   EXPECT_EQ(r.wait(a.bo, 0), EBUSY);
   EXPECT_EQ(r.wait(1234, 0), ENOENT);
   std::thread host([&] { r.gpu.complete(); });
   while (r.wait(a.bo, 0) == EBUSY)
      ;
   host.join();
   EXPECT_EQ(r.wait(a.bo), 0);
   r.gpu.set_pace(Pace::delayed);
   EXPECT_EQ(r.submit({}, {a.bo}), 0);
   while (r.wait(a.bo, 0) == EBUSY)
      ;
}

TEST(FakeVirtgpu, SyncFiles)
{
   Raw r(with_pace(Pace::by_hand));
   int first = -1, second = -1;
   ASSERT_EQ(r.submit({}, {}, abi::exec_flag::fence_fd_out, -1, &first), 0);
   ASSERT_EQ(r.submit({}, {}, abi::exec_flag::fence_fd_out, -1, &second), 0);
   ASSERT_GE(first, 0);
   EXPECT_TRUE(fcntl(first, F_GETFD) & FD_CLOEXEC);
   EXPECT_EQ(r.gpu.account().sync_files, 2u);
   EXPECT_FALSE(readable(first));
   r.gpu.complete(1);
   EXPECT_TRUE(readable(first));
   EXPECT_FALSE(readable(second));
   int copy = dup(second);
   close(second);
   EXPECT_EQ(r.gpu.account().sync_files, 2u);
   EXPECT_EQ(r.submit({}, {}, abi::exec_flag::fence_fd_in, copy), 0);
   EXPECT_EQ(r.submit({}, {}, abi::exec_flag::fence_fd_in, -1), EINVAL);
   int pipe_ends[2];
   ASSERT_EQ(pipe(pipe_ends), 0);
   EXPECT_EQ(r.submit({}, {}, abi::exec_flag::fence_fd_in, pipe_ends[0]), EINVAL);
   EXPECT_EQ(r.submit({}, {}, 8), EINVAL);
   for (int fd : {first, copy, pipe_ends[0], pipe_ends[1]})
      close(fd);
   EXPECT_EQ(r.gpu.account().sync_files, 0u);
   r.gpu.complete();
}

TEST(FakeVirtgpu, AForeignFenceIsWaitedFor)
{
   Raw r;
   int fd = r.gpu.foreign_sync_file();
   std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      r.gpu.signal_foreign();
   });
   EXPECT_EQ(r.submit({}, {}, abi::exec_flag::fence_fd_in, fd), 0);
   EXPECT_TRUE(readable(fd));
   other.join();
   close(fd);
}

TEST(FakeVirtgpu, OldKernelsIgnoreFlags)
{
   VirtgpuOptions o;
   o.kernel = Linux::v4_9;
   Raw r(o);
   int fd = -1;
   EXPECT_EQ(r.submit({}, {}, 0xffff, 77, &fd), 0);
   EXPECT_EQ(fd, 77);
}

TEST(FakeVirtgpu, Refusals)
{
   Raw r;
   r.gpu.refuse({.call = Call::wait, .error = EINTR, .after = 1, .times = 2});
   auto a = r.buffer(64);
   EXPECT_EQ(r.wait(a.bo), 0);
   EXPECT_EQ(r.wait(a.bo), EINTR);
   EXPECT_EQ(r.wait(a.bo), EINTR);
   EXPECT_EQ(r.wait(a.bo), 0);
   EXPECT_EQ(r.gpu.refused(Call::wait), 2u);
   EXPECT_EQ(r.gpu.calls(Call::wait), 4u);
   r.gpu.refuse({.error = ENOMEM, .times = UINT64_MAX, .one_in = 4, .seed = 3});
   unsigned refused = 0;
   for (int i = 0; i < 4000; i++)
      refused += r.wait(a.bo) == ENOMEM;
   EXPECT_GT(refused, 800u);
   EXPECT_LT(refused, 1200u);
   r.gpu.clear_refusals();
   r.gpu.refuse({.call = Call::execbuffer, .error = EINTR});
   int fd = 55;
   EXPECT_EQ(r.submit({}, {}, abi::exec_flag::fence_fd_in, 55, &fd), EINTR);
   EXPECT_EQ(fd, -1);
   r.gpu.refuse({.call = Call::mmap, .error = ENOMEM});
   abi::Map m{.bo = a.bo};
   ASSERT_EQ(r.call(abi::ioctl_map, &m), 0);
   EXPECT_EQ(r.device->map(64, m.offset), MAP_FAILED);
   EXPECT_EQ(errno, ENOMEM);
}

TEST(FakeVirtgpu, BlocksOfFormats)
{
   struct {
      proto::Format format;
      FormatBlock block;
   } known[] = {
      {proto::Format::R8_UNORM, {1, 1, 1}},
      {proto::Format::B5G6R5_UNORM, {1, 1, 2}},
      {proto::Format::B8G8R8A8_UNORM, {1, 1, 4}},
      {proto::Format::R11G11B10_FLOAT, {1, 1, 4}},
      {proto::Format::R9G9B9E5_FLOAT, {1, 1, 4}},
      {proto::Format::Z24_UNORM_S8_UINT, {1, 1, 4}},
      {proto::Format::Z32_FLOAT_S8X24_UINT, {1, 1, 8}},
      {proto::Format::R16G16B16A16_FLOAT, {1, 1, 8}},
      {proto::Format::R32G32B32_FLOAT, {1, 1, 12}},
      {proto::Format::DXT1_RGBA, {4, 4, 8}},
      {proto::Format::DXT5_RGBA, {4, 4, 16}},
   };
   for (const auto &k : known)
      EXPECT_EQ(block_of(k.format), k.block) << proto::name_of(k.format);
}

} // namespace virgl::test
