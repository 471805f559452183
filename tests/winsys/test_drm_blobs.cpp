// SPDX-License-Identifier: MIT
// Blob resources: memory of the guest's, and of the host's that the guest sees.
#include <cstring>

#include "drm_test.hpp"

using namespace virgl;
using namespace virgl::test;

namespace {

VirtgpuOptions with_blobs(bool host_visible = true)
{
   auto o = gpu_options(Pace::at_once);
   o.blobs = true;
   o.host_visible = host_visible;
   return o;
}

ResourceDesc persistent(uint32_t bytes)
{
   auto d = buffer_desc(bytes);
   d.flags = proto::resource_flag::map_persistent | proto::resource_flag::map_coherent;
   return d;
}

} // namespace

TEST(Blobs, TheHostsMemory)
{
   Gpu g(with_blobs());
   ASSERT_TRUE(g.ws->features().host_blobs);
   auto bo = g.ws->create_blob(persistent(5000), BlobKind::host_mapped);
   ASSERT_TRUE(bo);
   EXPECT_EQ(g.gpu.calls_text(), "resource_create_blob 1");
   EXPECT_EQ(bo->size(), 8192u);
   const HostResource h = g.gpu.host_resource(uint32_t(bo->handle()));
   EXPECT_TRUE(h.blob);
   EXPECT_EQ(h.width, 5000u);
   EXPECT_EQ(h.flags, persistent(1).flags);
   // Coherent: no transfer in between.
   ASSERT_NE(bo->map(), nullptr);
   memset(bo->map(), 6, 5000);
   EXPECT_EQ(g.gpu.storage(uint32_t(bo->handle()))[4999], std::byte(6));
   g.gpu.set_storage(uint32_t(bo->handle()), bytes_of(5000, 7));
   EXPECT_EQ(bo->map()[0], std::byte(7));
   // It stands in streams like any other.
   proto::SetVertexBuffers v;
   const proto::VertexBuffer one{16, 0, bo->handle()};
   v.buffers = {&one, 1};
   EXPECT_NE(g.ws->submit(Stream().add(v), std::array{bo.get()}, -1, nullptr), 0u);
}

TEST(Blobs, TheGuestsMemory)
{
   Gpu g(with_blobs(false));
   EXPECT_TRUE(g.ws->features().guest_blobs);
   EXPECT_FALSE(g.ws->features().host_blobs);
   auto bo = g.ws->create_blob(buffer_desc(100), BlobKind::guest);
   ASSERT_TRUE(bo);
   EXPECT_EQ(bo->size(), 4096u);
   ASSERT_NE(bo->map(), nullptr);
   memset(bo->map(), 1, 4096);
   EXPECT_FALSE(g.ws->create_blob(buffer_desc(100), BlobKind::host_mapped));
}

TEST(Blobs, EachHasANumberOfItsOwn)
{
   Gpu g(with_blobs());
   std::vector<BoRef> all;
   for (int i = 0; i < 100; i++) {
      all.push_back(g.ws->create_blob(persistent(4096), BlobKind::host_mapped));
      ASSERT_TRUE(all.back());
   }
   // The host would complain of a number used twice or unknown: see the end of Gpu.
   EXPECT_EQ(g.gpu.account().host_resources, g.gpu.account().handles);
}

TEST(Blobs, NeverFromTheCacheNorInto)
{
   Gpu g(with_blobs());
   for (BlobKind kind : {BlobKind::host_mapped, BlobKind::guest}) {
      auto plain = g.ws->create_resource(buffer_desc(4096));
      const auto handle = plain->handle();
      plain.reset();
      auto blob = g.ws->create_blob(buffer_desc(4096), kind);
      ASSERT_TRUE(blob);
      EXPECT_NE(blob->handle(), handle);
      const auto blob_handle = blob->handle();
      blob.reset();
      EXPECT_EQ(g.gpu.host_resource(uint32_t(blob_handle)).width, 0u);
      plain = g.ws->create_resource(buffer_desc(4096));
      EXPECT_EQ(plain->handle(), handle);
   }
}

TEST(Blobs, Shared)
{
   FakeVirtgpu gpu(with_blobs());
   {
      auto a = drm::connect(gpu.open(), drm_options()), b = drm::connect(gpu.open(), drm_options());
      auto mine = a->create_blob(buffer_desc(4096), BlobKind::guest);
      SharedHandle h{.kind = ShareKind::dma_buf};
      ASSERT_TRUE(a->export_resource(*mine, h));
      auto theirs = b->import_resource(h, buffer_desc(4096));
      ASSERT_TRUE(theirs);
      close(h.fd);
      mine->map()[5] = std::byte(5);
      EXPECT_EQ(theirs->map()[5], std::byte(5));
   }
   Gpu::expect_nothing_left(gpu);
}

TEST(Blobs, WhereThereAreNone)
{
   for (Linux kernel : {Linux::v4_9, Linux::v5_4, Linux::v5_11, Linux::v6_1}) {
      Gpu g(gpu_options(Pace::at_once, kernel));
      EXPECT_FALSE(g.ws->create_blob(buffer_desc(64), BlobKind::guest));
      EXPECT_FALSE(g.ws->create_blob(buffer_desc(64), BlobKind::host_mapped));
      EXPECT_EQ(g.gpu.calls(), 0u);
      EXPECT_FALSE(g.ws->lost());
   }
}

TEST(Blobs, NoSizeAndTooLargeASize)
{
   Gpu g(with_blobs());
   auto d = buffer_desc(1);
   d.size = 0;
   EXPECT_FALSE(g.ws->create_blob(d, BlobKind::guest));
   d.size = UINT32_MAX;
   EXPECT_FALSE(g.ws->create_blob(d, BlobKind::guest));
   EXPECT_FALSE(g.ws->lost());
}

TEST(Blobs, Refused)
{
   for (int error : {ENOMEM, EINVAL, ENOSPC, EBUSY}) {
      Gpu g(with_blobs());
      for (BlobKind kind : {BlobKind::host_mapped, BlobKind::guest}) {
         g.gpu.refuse({.call = Call::resource_create_blob, .error = error, .times = UINT64_MAX});
         EXPECT_FALSE(g.ws->create_blob(persistent(4096), kind));
         g.gpu.clear_refusals();
         EXPECT_TRUE(g.ws->create_blob(persistent(4096), kind));
      }
      EXPECT_FALSE(g.ws->lost());
   }
}

TEST(Blobs, Interrupted)
{
   Gpu g(with_blobs());
   g.gpu.refuse({.error = EINTR, .times = UINT64_MAX, .one_in = 2});
   for (int i = 0; i < 50; i++) {
      EXPECT_TRUE(g.ws->create_blob(persistent(4096), BlobKind::host_mapped));
      EXPECT_TRUE(g.ws->create_blob(persistent(4096), BlobKind::guest));
   }
   g.gpu.clear_refusals();
}
