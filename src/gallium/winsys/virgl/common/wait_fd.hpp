// SPDX-License-Identifier: MIT
// Waiting for descriptors such as sync files, which can be read when what they stand for is over.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>

#include <poll.h>

namespace virgl {

// Whether `fd` (borrowed) can be read, or is closed at its other end, before `timeout_ns` nanoseconds
// have passed; UINT64_MAX: for ever. Signals make no difference. What is no descriptor counts as over.
inline bool wait_fd(int fd, uint64_t timeout_ns)
{
   using Clock = std::chrono::steady_clock;
   // Anything beyond a day is for ever; adding it to now must not overflow.
   constexpr uint64_t day_ns = 86'400'000'000'000u;
   const bool for_ever = timeout_ns > day_ns;
   const auto deadline = Clock::now() + std::chrono::nanoseconds(for_ever ? 0 : timeout_ns);
   for (;;) {
      pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
      timespec limit{};
      if (!for_ever) {
         const auto left = std::max<int64_t>(
            std::chrono::nanoseconds(deadline - Clock::now()).count(), 0);
         limit = {.tv_sec = time_t(left / 1'000'000'000), .tv_nsec = long(left % 1'000'000'000)};
      }
      const int r = ppoll(&p, 1, for_ever ? nullptr : &limit, nullptr);
      if (r > 0)
         return true;
      if (r == 0 || (errno != EINTR && errno != EAGAIN))
         return false;
   }
}

} // namespace virgl
