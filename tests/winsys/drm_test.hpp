// SPDX-License-Identifier: MIT
// What the tests of the DRM winsys have in common.
#pragma once

#include <optional>
#include <ostream>
#include <poll.h>
#include <vector>

#include "fake_virtgpu.hpp"
#include "gallium/winsys/virgl/drm/drm.hpp"
#include "protocol/packets.hpp"
#include "winsys_test.hpp"

namespace virgl::test {

// For gtest.
inline void PrintTo(const Account &a, std::ostream *out)
{
   *out << a.descriptions << " descriptions, " << a.handles << " handles, " << a.objects
        << " objects, " << a.host_resources << " host resources, " << a.mappings << " mappings of "
        << a.mapped_bytes << " bytes, " << a.sync_files << " sync files, " << a.dma_bufs
        << " dma-bufs, " << a.pending << " pending, " << a.leaked_handles << " leaked";
}

inline drm::Options drm_options(std::optional<drm::FenceKind> fences = {})
{
   drm::Options o;
   o.fences = fences;
   o.name = "fake";
   // Long for a busy machine, short for a person.
   o.timeout = 10s;
   return o;
}

inline VirtgpuOptions gpu_options(Pace pace, Linux kernel = Linux::v6_1)
{
   VirtgpuOptions o;
   o.pace = pace;
   o.kernel = kernel;
   // As short as it must be for a thread to notice that the device is lost.
   o.wait_limit = 100ms;
   return o;
}

// One winsys on one fake device. At the end nothing may be left, and nothing may have gone wrong.
struct Gpu {
   explicit Gpu(VirtgpuOptions fake = {}, const drm::Options &options = drm_options())
      : gpu(std::move(fake))
   {
      ws = drm::connect(gpu.open(), options);
      gpu.clear_calls();
   }
   ~Gpu() { end(); }

   void end()
   {
      ws.reset();
      expect_nothing_left(gpu);
   }

   static void expect_nothing_left(FakeVirtgpu &gpu)
   {
      gpu.complete();
      const Account a = gpu.account();
      EXPECT_EQ(a.descriptions, 0u);
      EXPECT_EQ(a.handles, 0u);
      EXPECT_EQ(a.leaked_handles, 0u);
      EXPECT_EQ(a.objects, 0u);
      EXPECT_EQ(a.host_resources, 0u);
      EXPECT_EQ(a.mappings, 0u);
      EXPECT_EQ(a.sync_files, 0u);
      EXPECT_EQ(a.dma_bufs, 0u);
      for (const std::string &c : gpu.take_complaints())
         ADD_FAILURE() << c;
   }

   // The same where calls were refused: a handle that the kernel does not close for good stays open
   // until the end.
   static void expect_nothing_lost(FakeVirtgpu &gpu)
   {
      const uint64_t not_closed = gpu.refused(Call::gem_close);
      gpu.complete();
      for (const std::string &c : gpu.take_complaints())
         ADD_FAILURE() << c;
      Account a = gpu.account();
      EXPECT_LE(a.leaked_handles, not_closed);
      a.leaked_handles = 0;
      EXPECT_EQ(a, Account{});
   }

   FakeVirtgpu gpu;
   std::unique_ptr<Winsys> ws;
};

// Commands put together.
class Stream {
public:
   template <typename Packet> Stream &add(const Packet &p)
   {
      const size_t at = dwords_.size();
      dwords_.resize(at + 1 + p.payload_dwords());
      p.write(dwords_.data() + at);
      return *this;
   }
   // A region of a buffer between guest memory and host.
   Stream &move(const Bo &bo, uint32_t at, uint32_t bytes, bool to_host = true)
   {
      proto::Transfer3d t;
      t.resource = bo.handle();
      t.box = {int32_t(at), 0, 0, int32_t(bytes), 1, 1};
      t.data_offset = at;
      t.direction = to_host ? proto::TransferDirection::to_host
                            : proto::TransferDirection::from_host;
      return add(t);
   }
   operator std::span<const uint32_t>() const { return dwords_; }

private:
   std::vector<uint32_t> dwords_;
};

inline Urgency urgency(bool awaited)
{
   return awaited ? Urgency::awaited : Urgency::usual;
}

inline bool readable(int fd)
{
   pollfd p{fd, POLLIN, 0};
   return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

inline std::vector<std::byte> bytes_of(size_t n, uint8_t value)
{
   return std::vector<std::byte>(n, std::byte(value));
}

} // namespace virgl::test
