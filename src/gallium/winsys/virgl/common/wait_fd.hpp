// SPDX-License-Identifier: MIT
// Time-outs, and waiting for descriptors such as sync files, which can be read when what they stand
// for is over.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <poll.h>

namespace virgl {

// Anything beyond a day is for ever; adding it to now must not overflow.
inline constexpr uint64_t for_ever_ns = 86'400'000'000'000u;

// time_point::max(): never.
inline std::chrono::steady_clock::time_point deadline_after(uint64_t timeout_ns)
{
   using Clock = std::chrono::steady_clock;
   return timeout_ns > for_ever_ns ? Clock::time_point::max()
                                   : Clock::now() + std::chrono::nanoseconds(timeout_ns);
}

// One look that lasts `time` at most, less when interrupted: 1 `fd` (borrowed) can be read or is closed
// at its other end, 0 not yet, -1 it is no descriptor.
inline int poll_fd(int fd, std::chrono::nanoseconds time)
{
   pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
   const timespec limit{.tv_sec = time_t(time.count() / 1'000'000'000),
                        .tv_nsec = long(time.count() % 1'000'000'000)};
   const int r = ppoll(&p, 1, &limit, nullptr);
   if (r > 0)
      return p.revents & POLLNVAL ? -1 : 1;
   return 0;
}

// Looks until the time is up. What is no descriptor counts as over.
inline bool wait_fd(int fd, uint64_t timeout_ns)
{
   using std::chrono::nanoseconds;
   const auto deadline = deadline_after(timeout_ns);
   for (;;) {
      const nanoseconds left = deadline - std::chrono::steady_clock::now();
      const nanoseconds one_look = std::clamp(left, nanoseconds{0}, nanoseconds(for_ever_ns));
      if (poll_fd(fd, one_look) != 0)
         return true;
      if (left <= nanoseconds{0})
         return false;
   }
}

} // namespace virgl
