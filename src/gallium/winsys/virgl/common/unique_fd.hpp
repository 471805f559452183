// SPDX-License-Identifier: MIT
// A file descriptor that is closed with its owner.
#pragma once

#include <unistd.h>
#include <utility>

namespace virgl {

class UniqueFd {
public:
   UniqueFd() = default;
   explicit UniqueFd(int fd) : fd_(fd) {}
   UniqueFd(UniqueFd &&o) noexcept : fd_(o.release()) {}
   UniqueFd &operator=(UniqueFd &&o) noexcept
   {
      reset(o.release());
      return *this;
   }
   ~UniqueFd() { reset(); }

   int get() const { return fd_; }
   int release() { return std::exchange(fd_, -1); }
   void reset(int fd = -1)
   {
      if (int old = std::exchange(fd_, fd); old >= 0)
         close(old);
   }
   explicit operator bool() const { return fd_ >= 0; }

private:
   int fd_ = -1;
};

} // namespace virgl
