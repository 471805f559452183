// SPDX-License-Identifier: MIT
#include "gallium/winsys/virgl/vtest/stream.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace virgl::vtest {

namespace {

// Drops `n` bytes from the front.
void drop_front(std::span<iovec> &parts, size_t n)
{
   while (!parts.empty() && n >= parts.front().iov_len) {
      n -= parts.front().iov_len;
      parts = parts.subspan(1);
   }
   if (n) {
      parts.front().iov_base = static_cast<char *>(parts.front().iov_base) + n;
      parts.front().iov_len -= n;
   }
}

IoResult failure(int error)
{
   switch (error) {
   case EPIPE:
   case ECONNRESET:
   case ENOTCONN:
      return {IoStatus::closed};
   default:
      return {IoStatus::failed, error};
   }
}

bool is_transient(int error)
{
   return error == EINTR || error == EAGAIN || error == EWOULDBLOCK;
}

int poll_ms(Clock::duration d)
{
   // Rounded up, so that a deadline is not spun upon.
   auto ms = std::chrono::ceil<milliseconds>(d).count();
   return int(std::clamp<int64_t>(ms, 0, INT_MAX));
}

} // namespace

const char *IoResult::text() const
{
   switch (status) {
   case IoStatus::ok:
      return "success";
   case IoStatus::closed:
      return "the server closed the connection";
   case IoStatus::timeout:
      return "the server does not answer";
   case IoStatus::failed:
      break;
   }
   return strerror(error);
}

Stream::Stream(UniqueFd fd, const Timeouts &timeouts) : fd_(std::move(fd))
{
   // Streams are up to 256 KiB each: let the sender run ahead of a busy server by a few. The kernel
   // cuts it down to what an administrator allows.
   int bytes = 2 << 20;
   setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
   set_timeouts(timeouts);
}

milliseconds Stream::slice() const
{
   return std::clamp(std::min(timeouts_.busy, timeouts_.rest), milliseconds(1), milliseconds(1000));
}

void Stream::set_timeouts(const Timeouts &timeouts)
{
   timeouts_ = timeouts;
   // Receiving blocks in the kernel for one slice at a time: a single system call in the usual
   // case, where poll() first would make it two.
   timeval tv{};
   tv.tv_sec = slice().count() / 1000;
   tv.tv_usec = slice().count() % 1000 * 1000;
   setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
}

IoResult Stream::send(std::span<iovec> parts, InputHandler *handler)
{
   drop_front(parts, 0);
   Clock::time_point deadline{};
   bool look_at_input = handler != nullptr;
   while (!parts.empty()) {
      msghdr msg{};
      msg.msg_iov = parts.data();
      msg.msg_iovlen = std::min<size_t>(parts.size(), IOV_MAX);
      ssize_t n = sendmsg(fd_.get(), &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) {
         drop_front(parts, size_t(n));
         deadline = {};
         continue;
      }
      if (n < 0 && errno == EINTR)
         continue;
      if (n < 0 && !is_transient(errno))
         return failure(errno);

      // The peer does not keep up. Its time counts from its last progress.
      Clock::time_point now = Clock::now();
      if (deadline == Clock::time_point{})
         deadline = now + timeouts_.busy;
      if (now >= deadline)
         return {IoStatus::timeout};
      pollfd p{fd_.get(), short(POLLOUT | (look_at_input ? POLLIN : 0)), 0};
      // While another thread reads, its input is of no interest for a moment.
      auto wait = look_at_input || !handler ? slice() : milliseconds(5);
      if (poll(&p, 1, poll_ms(std::min<Clock::duration>(deadline - now, wait))) < 0)
         continue;
      look_at_input = handler != nullptr;
      if (handler && (p.revents & POLLIN)) {
         switch (handler->input_while_sending()) {
         case InputHandler::Result::consumed:
            deadline = {};
            break;
         case InputHandler::Result::elsewhere:
            look_at_input = false;
            break;
         case InputHandler::Result::broken:
            return {IoStatus::closed};
         }
      }
   }
   return {};
}

IoResult Stream::receive_scattered(std::span<iovec> parts, bool begun)
{
   drop_front(parts, 0);
   Clock::time_point deadline = Clock::now() + (begun ? timeouts_.rest : timeouts_.busy);
   while (!parts.empty()) {
      msghdr msg{};
      msg.msg_iov = parts.data();
      msg.msg_iovlen = std::min<size_t>(parts.size(), IOV_MAX);
      ssize_t n = recvmsg(fd_.get(), &msg, MSG_WAITALL);
      if (n > 0) {
         drop_front(parts, size_t(n));
         deadline = Clock::now() + timeouts_.rest;
         continue;
      }
      if (n == 0)
         return {IoStatus::closed};
      if (!is_transient(errno))
         return failure(errno);
      if (Clock::now() >= deadline)
         return {IoStatus::timeout};
   }
   return {};
}

IoResult Stream::receive(void *data, size_t size, bool begun, size_t *got)
{
   iovec part{data, size};
   IoResult r = receive_scattered({&part, 1}, begun);
   if (got)
      *got = r ? size : size - part.iov_len;
   return r;
}

IoResult Stream::receive_fd(UniqueFd &fd, bool begun)
{
   Clock::time_point deadline = Clock::now() + (begun ? timeouts_.rest : timeouts_.busy);
   for (;;) {
      char byte = 0;
      iovec part{&byte, 1};
      // Room for more than the one expected, so that surplus ones are seen and closed.
      alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
      msghdr msg{};
      msg.msg_iov = &part;
      msg.msg_iovlen = 1;
      msg.msg_control = control;
      msg.msg_controllen = sizeof control;
      ssize_t n = recvmsg(fd_.get(), &msg, MSG_CMSG_CLOEXEC);
      if (n == 0)
         return {IoStatus::closed};
      if (n < 0) {
         if (!is_transient(errno))
            return failure(errno);
         if (Clock::now() >= deadline)
            return {IoStatus::timeout};
         continue;
      }

      for (cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
         if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
         size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
         for (size_t i = 0; i < count; i++) {
            int one;
            memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
            UniqueFd received(one);
            if (!fd)
               fd = std::move(received);
         }
      }
      return {};
   }
}

bool Stream::readable_before(Clock::time_point deadline) const
{
   for (;;) {
      Clock::time_point now = Clock::now();
      pollfd p{fd_.get(), POLLIN, 0};
      int n = poll(&p, 1, now >= deadline ? 0 : poll_ms(deadline - now));
      if (n > 0)
         return true;
      if (n < 0 && errno != EINTR)
         return true; // the receive that follows will say what is wrong
      if (Clock::now() >= deadline)
         return false;
   }
}

void Stream::shut_down()
{
   if (fd_)
      shutdown(fd_.get(), SHUT_RDWR);
}

} // namespace virgl::vtest
