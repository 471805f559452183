// SPDX-License-Identifier: MIT
// Resources that others use as well: names, dma-bufs, GEM handles of the same description.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <thread>

#include "drm_test.hpp"

using namespace virgl;
using namespace virgl::test;

namespace {

// Two processes on one device.
struct Two : testing::Test {
   explicit Two(VirtgpuOptions o = gpu_options(Pace::at_once)) : gpu(std::move(o))
   {
      a = drm::connect(gpu.open(), drm_options());
      b = drm::connect(gpu.open(), drm_options());
      gpu.clear_calls();
   }
   ~Two() override
   {
      a.reset();
      b.reset();
      Gpu::expect_nothing_left(gpu);
   }

   static SharedHandle exported(Winsys &ws, Bo &bo, ShareKind kind)
   {
      SharedHandle h;
      h.kind = kind;
      EXPECT_TRUE(ws.export_resource(bo, h)) << strerror(errno);
      EXPECT_EQ(h.kind, kind);
      return h;
   }
   // A submission that uses it: the host must know it in this context.
   static void use(Winsys &ws, Bo &bo)
   {
      proto::Transfer3d p;
      p.resource = bo.handle();
      p.box = {0, 0, 0, 1, 1, 1};
      EXPECT_NE(ws.submit(Stream().add(p), std::array{&bo}, -1, nullptr), 0u);
      EXPECT_TRUE(ws.wait_idle(bo, UINT64_MAX));
   }

   const ResourceDesc desc = texture_desc(64, 64);
   FakeVirtgpu gpu;
   std::unique_ptr<Winsys> a, b;
};

// Where a thread is interrupted in the middle of an import.
struct TwoSlow : Two {
   static VirtgpuOptions slow()
   {
      auto o = gpu_options(Pace::at_once);
      o.before_call = [](Call call) {
         if (call == Call::resource_info || call == Call::prime_import)
            std::this_thread::sleep_for(std::chrono::microseconds(20));
      };
      return o;
   }
   TwoSlow() : Two(slow()) {}
};

struct TwoRenderers : Two {
   static VirtgpuOptions render_node()
   {
      auto o = gpu_options(Pace::at_once);
      o.render_node = true;
      return o;
   }
   TwoRenderers() : Two(render_node()) {}
};

} // namespace

TEST_F(Two, BetweenProcesses)
{
   for (ShareKind kind : {ShareKind::flink, ShareKind::dma_buf}) {
      auto mine = a->create_resource(desc);
      SharedHandle h = exported(*a, *mine, kind);
      auto theirs = b->import_resource(h, desc);
      ASSERT_TRUE(theirs);
      EXPECT_EQ(theirs->handle(), mine->handle());
      EXPECT_EQ(theirs->size(), 64u * 64 * 4);
      if (kind == ShareKind::dma_buf) {
         // Import borrows it.
         EXPECT_TRUE(fcntl(h.fd, F_GETFD) & FD_CLOEXEC);
         close(h.fd);
      }
      ASSERT_TRUE(mine->map() && theirs->map());
      mine->map()[100] = std::byte(42);
      EXPECT_EQ(theirs->map()[100], std::byte(42));
      use(*a, *mine);
      use(*b, *theirs);
      // Outlives its maker.
      mine.reset();
      use(*b, *theirs);
      EXPECT_EQ(theirs->map()[100], std::byte(42));
   }
   EXPECT_EQ(gpu.account().objects, gpu.account().handles);
}

TEST_F(Two, SizesAreTheKernels)
{
   auto mine = a->create_resource(buffer_desc(100));
   SharedHandle h = exported(*a, *mine, ShareKind::dma_buf);
   ResourceDesc seen = buffer_desc(60);
   auto theirs = b->import_resource(h, seen);
   close(h.fd);
   ASSERT_TRUE(theirs);
   EXPECT_EQ(theirs->size(), 4096u);
   EXPECT_EQ(theirs->desc().width, 60u);
   // The maker's keeps its own.
   EXPECT_EQ(mine->size(), 100u);
}

TEST_F(Two, ImportedTwiceIsOne)
{
   auto mine = a->create_resource(desc);
   SharedHandle fd = exported(*a, *mine, ShareKind::dma_buf);
   SharedHandle name = exported(*a, *mine, ShareKind::flink);
   EXPECT_EQ(exported(*a, *mine, ShareKind::flink).name, name.name);
   for (auto order : {std::array{&fd, &name}, std::array{&name, &fd}}) {
      const size_t handles = gpu.account().handles;
      auto first = b->import_resource(*order[0], desc);
      auto second = b->import_resource(*order[1], desc);
      auto third = b->import_resource(*order[0], desc);
      auto fourth = b->import_resource(*order[1], desc);
      ASSERT_TRUE(first);
      EXPECT_EQ(first.get(), second.get());
      EXPECT_EQ(first.get(), third.get());
      EXPECT_EQ(first.get(), fourth.get());
      first.reset();
      third.reset();
      use(*b, *second);
      second.reset();
      // The last one: the host must still know it.
      use(*b, *fourth);
      fourth.reset();
      EXPECT_EQ(gpu.account().handles, handles);
   }
   close(fd.fd);
   use(*a, *mine);
}

TEST_F(Two, ImportedWhereItWasMade)
{
   auto mine = a->create_resource(desc);
   SharedHandle fd = exported(*a, *mine, ShareKind::dma_buf);
   SharedHandle name = exported(*a, *mine, ShareKind::flink);
   SharedHandle kms = exported(*a, *mine, ShareKind::kms);
   for (const SharedHandle *h : {&fd, &name, &kms}) {
      auto again = a->import_resource(*h, desc);
      EXPECT_EQ(again.get(), mine.get());
   }
   close(fd.fd);
   use(*a, *mine);
}

// The kernel gives a second handle to a dma-buf that somebody else made of our resource.
TEST_F(Two, ComingBackFromAnother)
{
   auto mine = a->create_resource(desc);
   auto theirs = b->import_resource(exported(*a, *mine, ShareKind::flink), desc);
   SharedHandle back = exported(*b, *theirs, ShareKind::dma_buf);
   for (int i = 0; i < 5; i++) {
      auto again = a->import_resource(back, desc);
      EXPECT_EQ(again.get(), mine.get());
   }
   use(*a, *mine);
   close(back.fd);
   mine.reset();
   use(*b, *theirs);
}

TEST_F(Two, GemHandlesStayWithTheirMaker)
{
   // As the X server does with buffers that it made by other means.
   auto mine = a->create_resource(desc);
   const SharedHandle kms = exported(*a, *mine, ShareKind::kms);
   EXPECT_NE(kms.name, 0u);
   EXPECT_EQ(exported(*a, *mine, ShareKind::kms).name, kms.name);
   const size_t handles = gpu.account().handles;
   {
      auto again = a->import_resource(kms, desc);
      EXPECT_TRUE(again);
   }
   EXPECT_EQ(gpu.account().handles, handles);
   use(*a, *mine);
}

TEST_F(Two, GemHandlesOfASecondScreen)
{
   // Two winsyses on one description: what the one calls a handle the other knows as well.
   auto device = gpu.open();
   auto same = drm::connect(gpu.duplicate(*device), drm_options());
   auto first = drm::connect(std::move(device), drm_options());
   auto mine = first->create_resource(desc);
   const SharedHandle kms = exported(*first, *mine, ShareKind::kms);
   auto theirs = same->import_resource(kms, desc);
   ASSERT_TRUE(theirs);
   EXPECT_EQ(theirs->handle(), mine->handle());
   EXPECT_EQ(theirs.get(), same->import_resource(kms, desc).get());
   use(*same, *theirs);
   // Its end is not the handle's: that is the maker's to close.
   theirs.reset();
   use(*first, *mine);
}

TEST_F(Two, SharedOnesAreNeverReused)
{
   auto mine = a->create_resource(buffer_desc(4096));
   const auto handle = mine->handle();
   SharedHandle fd = exported(*a, *mine, ShareKind::dma_buf);
   mine.reset();
   mine = a->create_resource(buffer_desc(4096));
   EXPECT_NE(mine->handle(), handle);
   // And an imported one is none of a kind that could be kept.
   b->import_resource(fd, buffer_desc(4096)).reset();
   auto other = b->create_resource(buffer_desc(4096));
   EXPECT_NE(other->handle(), handle);
   close(fd.fd);
}

TEST_F(Two, SharedOnesAreBusyUntilTheKernelWasAsked)
{
   gpu.set_pace(Pace::by_hand);
   auto mine = a->create_resource(buffer_desc(64));
   SharedHandle fd = exported(*a, *mine, ShareKind::dma_buf);
   auto theirs = b->import_resource(fd, buffer_desc(64));
   close(fd.fd);
   gpu.complete();
   // What the one does, the other waits for.
   b->submit(Stream().move(*theirs, 0, 64), std::array{theirs.get()}, -1, nullptr);
   EXPECT_TRUE(a->is_busy(*mine));
   EXPECT_FALSE(a->wait_idle(*mine, 0));
   EXPECT_FALSE(a->wait_idle(*mine, 10'000'000));
   gpu.complete();
   EXPECT_TRUE(a->wait_idle(*mine, 0));
}

TEST_F(Two, WhatCannotBeImported)
{
   FakeVirtgpu elsewhere;
   auto c = drm::connect(elsewhere.open(), drm_options());
   auto strange = c->create_resource(desc);
   SharedHandle fd = exported(*c, *strange, ShareKind::dma_buf);
   errno = 0;
   EXPECT_FALSE(a->import_resource(fd, desc));
   EXPECT_EQ(errno, ENODEV);
   close(fd.fd);
   errno = 0;
   EXPECT_FALSE(a->import_resource(fd, desc));
   EXPECT_EQ(errno, EBADF);
   fd.fd = open("/dev/null", O_RDWR);
   errno = 0;
   EXPECT_FALSE(a->import_resource(fd, desc));
   EXPECT_EQ(errno, EINVAL);
   close(fd.fd);
   fd.fd = -1;
   EXPECT_FALSE(a->import_resource(fd, desc));
   for (ShareKind kind : {ShareKind::flink, ShareKind::kms}) {
      errno = 0;
      EXPECT_FALSE(a->import_resource({.kind = kind, .name = 4711}, desc));
      EXPECT_EQ(errno, ENOENT);
      EXPECT_FALSE(a->import_resource({.kind = kind, .name = 0}, desc));
   }
   EXPECT_FALSE(a->lost());
   strange.reset();
   c.reset();
   Gpu::expect_nothing_left(elsewhere);
}

TEST_F(TwoRenderers, NoNamesOnRenderNodes)
{
   auto mine = a->create_resource(desc);
   SharedHandle h{.kind = ShareKind::flink};
   errno = 0;
   EXPECT_FALSE(a->export_resource(*mine, h));
   EXPECT_EQ(errno, EACCES);
   h.name = 1;
   EXPECT_FALSE(b->import_resource(h, desc));
   EXPECT_FALSE(a->lost());
   h = exported(*a, *mine, ShareKind::dma_buf);
   EXPECT_TRUE(b->import_resource(h, desc));
   close(h.fd);
}

TEST_F(Two, RefusedOnTheWay)
{
   auto mine = a->create_resource(desc);
   SharedHandle fd = exported(*a, *mine, ShareKind::dma_buf);
   SharedHandle name = exported(*a, *mine, ShareKind::flink);
   const Account before = gpu.account();
   for (Call call : {Call::prime_import, Call::gem_open, Call::resource_info}) {
      for (int error : {ENOMEM, EINVAL, ENOSPC}) {
         for (const SharedHandle *h : {&fd, &name}) {
            gpu.refuse({.call = call, .error = error, .times = UINT64_MAX});
            errno = 0;
            auto theirs = b->import_resource(*h, desc);
            EXPECT_TRUE(theirs || errno == error) << strerror(errno);
            gpu.clear_refusals();
            theirs.reset();
            EXPECT_EQ(gpu.account().handles, before.handles);
            EXPECT_EQ(gpu.account().mappings, before.mappings);
            theirs = b->import_resource(*h, desc);
            ASSERT_TRUE(theirs);
            use(*b, *theirs);
         }
      }
   }
   for (Call call : {Call::prime_export, Call::gem_flink}) {
      gpu.refuse({.call = call, .error = EMFILE, .times = UINT64_MAX});
      auto other = a->create_resource(desc);
      SharedHandle h{.kind = call == Call::gem_flink ? ShareKind::flink : ShareKind::dma_buf};
      errno = 0;
      EXPECT_FALSE(a->export_resource(*other, h));
      EXPECT_EQ(errno, EMFILE);
      gpu.clear_refusals();
   }
   EXPECT_FALSE(a->lost());
   EXPECT_FALSE(b->lost());
   close(fd.fd);
}

TEST_F(Two, InterruptedOnTheWay)
{
   gpu.refuse({.error = EINTR, .times = UINT64_MAX, .one_in = 2, .seed = 9});
   for (int i = 0; i < 50; i++) {
      auto mine = a->create_resource(desc);
      ASSERT_TRUE(mine);
      SharedHandle fd = exported(*a, *mine, ShareKind::dma_buf);
      SharedHandle name = exported(*a, *mine, ShareKind::flink);
      auto first = b->import_resource(fd, desc);
      auto second = b->import_resource(name, desc);
      ASSERT_TRUE(first);
      EXPECT_EQ(first.get(), second.get());
      close(fd.fd);
   }
   gpu.clear_refusals();
}

// The last reference goes while another thread imports the same thing.
TEST_F(TwoSlow, ReleaseRacesImport)
{
   auto mine = a->create_resource(desc);
   SharedHandle fd = exported(*a, *mine, ShareKind::dma_buf);
   SharedHandle name = exported(*a, *mine, ShareKind::flink);
   std::vector<std::thread> threads;
   for (int t = 0; t < 3; t++) {
      threads.emplace_back([&, t] {
         for (int i = 0; i < 1500; i++) {
            auto bo = b->import_resource((i + t) % 2 ? fd : name, desc);
            ASSERT_TRUE(bo);
            ASSERT_EQ(bo->handle(), mine->handle());
            if (i % 16 == 0) {
               ASSERT_NE(bo->map(), nullptr);
            }
            if (i % 8 == 0) {
               proto::Transfer3d p;
               p.resource = bo->handle();
               p.box = {0, 0, 0, 1, 1, 1};
               ASSERT_NE(b->submit(Stream().add(p), std::array{bo.get()}, -1, nullptr), 0u);
            }
         }
      });
   }
   for (auto &t : threads)
      t.join();
   EXPECT_EQ(gpu.account().handles, 1u);
   close(fd.fd);
}

// Made, exported, imported and dropped at once, from both sides.
TEST_F(Two, EverythingAtOnce)
{
   std::vector<std::thread> threads;
   for (int t = 0; t < 3; t++) {
      threads.emplace_back([&, t] {
         for (int i = 0; i < 500; i++) {
            auto mine = a->create_resource(desc);
            const ShareKind kind = (i + t) % 2 ? ShareKind::flink : ShareKind::dma_buf;
            SharedHandle h = exported(*a, *mine, kind);
            auto theirs = b->import_resource(h, desc);
            ASSERT_TRUE(theirs);
            auto again = a->import_resource(h, desc);
            ASSERT_EQ(again.get(), mine.get());
            if (h.fd >= 0)
               close(h.fd);
            use(*b, *theirs);
         }
      });
   }
   for (auto &t : threads)
      t.join();
}
