// SPDX-License-Identifier: MIT
// How long something has not moved, for those who give up on it in the end.
//
// The clock alone is no witness: after the machine below was suspended it jumps by hours, and whoever
// happened to wait then would find everything dead. So each look counts for a bite at most.
#pragma once

#include <algorithm>
#include <chrono>

namespace virgl {

class StallTimer {
public:
   using Clock = std::chrono::steady_clock;

   // `bite`: the longest that two looks may lie apart in the ordinary way.
   explicit StallTimer(Clock::duration bite) : bite_(bite) {}

   void restart()
   {
      waited_ = {};
      last_ = Clock::now();
   }

   // Looks: whether `limit` has passed since the last restart.
   bool over(Clock::duration limit)
   {
      const Clock::time_point now = Clock::now();
      waited_ += std::min(now - last_, bite_);
      last_ = now;
      return waited_ >= limit;
   }

private:
   const Clock::duration bite_;
   Clock::duration waited_{};
   Clock::time_point last_ = Clock::now();
};

} // namespace virgl
