// SPDX-License-Identifier: MIT
// A connected stream socket whose every call comes to an end: in success, when the peer hangs up,
// or when its time is up. Not thread-safe in itself: one sender and one receiver at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/uio.h>

#include "gallium/winsys/virgl/common/unique_fd.hpp"

namespace virgl::vtest {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

enum class IoStatus : uint8_t { ok, closed, timeout, failed };

struct IoResult {
   IoStatus status = IoStatus::ok;
   // errno where the status is `failed`.
   int error = 0;

   explicit operator bool() const { return status == IoStatus::ok; }
   // What to tell a person.
   const char *text() const;
};

// Told that the peer has sent something while it does not take what is sent to it: a peer that
// blocks on its answers until they are read would otherwise wait for us as we wait for it.
class InputHandler {
public:
   enum class Result : uint8_t { consumed, elsewhere, broken };
   // `elsewhere`: another thread is reading.
   virtual Result input_while_sending() = 0;

protected:
   ~InputHandler() = default;
};

struct Timeouts {
   // For the first byte of an answer, and for a peer to go on reading: generous, because a host
   // with a software renderer may be busy for long before it comes to the request.
   milliseconds busy{60'000};
   // For the rest of an answer that has begun.
   milliseconds rest{5'000};
};

class Stream {
public:
   Stream() = default;
   Stream(UniqueFd fd, const Timeouts &timeouts);

   explicit operator bool() const { return bool(fd_); }
   const Timeouts &timeouts() const { return timeouts_; }
   void set_timeouts(const Timeouts &timeouts);

   // Sends all of `parts` (used up on return).
   IoResult send(std::span<iovec> parts, InputHandler *handler = nullptr);
   // Receives exactly `size` bytes. `got`, where not null, tells how many came in case of failure.
   // `begun`: the answer has begun already, so that only the shorter limit holds.
   IoResult receive(void *data, size_t size, bool begun = false, size_t *got = nullptr);
   // The same for scattered memory (used up on return).
   IoResult receive_scattered(std::span<iovec> parts, bool begun = false);
   // Receives a single byte with a descriptor; `fd` stays empty where none came with it.
   IoResult receive_fd(UniqueFd &fd, bool begun = false);

   // Waits until something can be received (or the peer has hung up). False: not before `deadline`.
   bool readable_before(Clock::time_point deadline) const;

   // Wakes up whoever is in one of these calls and lets all of them fail from now on.
   void shut_down();

private:
   // The longest a single blocking system call takes.
   milliseconds slice() const;

   UniqueFd fd_;
   Timeouts timeouts_;
};

} // namespace virgl::vtest
