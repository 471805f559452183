// SPDX-License-Identifier: MIT
// The messages of a session. Fixed sizes, as virgl_test_server reads them: it does not believe the
// length in the header, and clients (stock's TRANSFER_PUT2 for one) count there what never comes.
#include "sink_session.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace virgl::sink {

namespace {

namespace wire = proto::vtest;
using wire::Command;

constexpr size_t usual_buffer = 1u << 20;
// Of one message: more than any client has reason to send.
constexpr size_t max_message = 256u << 20;
// virglrenderer's VTEST_MAX_TIMELINE_COUNT, for get_param.
constexpr uint32_t timelines = 64;

// Dwords after the header whatever it says; -1 for what is not served here.
int fixed_dwords(uint32_t command)
{
   switch (Command(command)) {
   case Command::get_caps:
   case Command::get_caps2:
   case Command::ping_protocol_version:
   case Command::submit_cmd:
   case Command::create_renderer:
      return 0;
   case Command::resource_create:
      return wire::ResourceCreate::fixed_dwords;
   case Command::resource_create2:
      return wire::ResourceCreate2::fixed_dwords;
   case Command::resource_unref:
      return wire::ResourceUnref::fixed_dwords;
   case Command::transfer_get:
   case Command::transfer_put:
      return wire::TransferGet::fixed_dwords;
   case Command::transfer_get2:
   case Command::transfer_put2:
      return wire::TransferGet2::fixed_dwords;
   case Command::resource_busy_wait:
      return wire::ResourceBusyWait::fixed_dwords;
   case Command::protocol_version:
      return wire::ProtocolVersion::fixed_dwords;
   case Command::get_param:
      return wire::GetParam::fixed_dwords;
   case Command::get_capset:
      return wire::GetCapset::fixed_dwords;
   case Command::context_init:
      return wire::ContextInit::fixed_dwords;
   default:
      return -1;
   }
}

} // namespace

Session::Session(int fd, Slot &slot, const Face &face, bool validate)
    : fd_(fd), slot_(slot), face_(face), buffer_(usual_buffer)
{
   if (validate)
      validator_.emplace(
         proto::ValidatorOptions{.stateful = true, .resources = true, .caps = &face.caps});
}

Session::~Session()
{
   for (auto &[handle, r] : resources_)
      drop(r);
   close(fd_);
}

void Session::run()
{
   while (serve_one()) {
   }
}

// Sees to it that so many bytes are in the buffer, and takes what else has come with them.
bool Session::fill(size_t bytes)
{
   while (end_ - begin_ < bytes) {
      if (begin_ == end_)
         begin_ = end_ = 0;
      if (buffer_.size() - begin_ < bytes || begin_ % sizeof(uint32_t) != 0) {
         std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
         end_ -= begin_;
         begin_ = 0;
         if (buffer_.size() < bytes)
            buffer_.resize(bytes + usual_buffer);
      }
      const ssize_t n = recv(fd_, buffer_.data() + end_, buffer_.size() - end_, 0);
      if (n < 0 && errno == EINTR)
         continue;
      if (n <= 0)
         return false;
      end_ += size_t(n);
   }
   // Messages of odd lengths (a name, data) move what is behind them off the dwords.
   if (begin_ % sizeof(uint32_t) != 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
   }
   return true;
}

const uint32_t *Session::dwords(size_t count)
{
   if (count > max_message / sizeof(uint32_t) || !fill(count * sizeof(uint32_t)))
      return nullptr;
   const auto *d = reinterpret_cast<const uint32_t *>(buffer_.data() + begin_);
   begin_ += count * sizeof(uint32_t);
   return d;
}

bool Session::serve_one()
{
   const uint32_t *d = dwords(wire::header_dwords);
   if (!d)
      return false;
   const wire::Header header = wire::Header::parse(std::span<const uint32_t, 2>(d, 2));
   return serve(header.command, header.length);
}

bool Session::serve(uint32_t command, uint32_t length)
{
   const int fixed = fixed_dwords(command);
   if (fixed < 0)
      return broken("message", command);
   // A stream is counted when all of it is there; the client goes on meanwhile.
   const bool stream = Command(command) == Command::submit_cmd;
   const uint32_t *d = dwords(stream ? length : uint32_t(fixed));
   if (!d)
      return false;
   {
      Update update(slot_);
      slot_.messages++;
      slot_.message_count[command]++;
      if (stream)
         submit({d, length});
   }

   switch (Command(command)) {
   case Command::create_renderer:
      if (length > 4096 || !fill(length))
         return broken("name of", length);
      begin_ += length;
      return true;
   case Command::ping_protocol_version:
      return send_dwords({0, command});
   case Command::protocol_version:
      // 1 has been withdrawn, and servers take it for 0.
      version_ = std::min(d[0], face_.newest_version);
      version_ = version_ == 1 ? 0 : version_;
      slot_.version = version_;
      return send_dwords({1, command, version_});
   case Command::get_caps:
      return send_caps(1, face_.capset1);
   case Command::get_caps2:
      return send_caps(2, face_.capset2);
   case Command::get_capset:
      return serve_capset(d[0], d[1]);
   case Command::get_param:
      return d[0] == wire::param_max_timeline_count ? send_dwords({2, command, 1, timelines})
                                                    : send_dwords({2, command, 0, 0});
   case Command::context_init:
      return d[0] == 1 || d[0] == 2 || broken("capset", d[0]);
   case Command::resource_create:
   case Command::resource_create2:
      return serve_creation(command, d);
   case Command::resource_unref:
      if (auto it = resources_.find(d[0]); it != resources_.end()) {
         drop(it->second);
         resources_.erase(it);
         if (validator_)
            validator_->remove_resource(proto::ResourceHandle(d[0]));
         Update update(slot_);
         slot_.resources--;
      }
      return true;
   case Command::resource_busy_wait:
      return send_dwords({1, command, 0});
   case Command::transfer_get:
   case Command::transfer_put:
   case Command::transfer_get2:
   case Command::transfer_put2:
      return serve_transfer(command, length, d);
   default:
      return true;
   }
}

bool Session::serve_creation(uint32_t command, const uint32_t *d)
{
   uint32_t handle = d[0];
   if (version_ >= 3) {
      handle = next_handle_++;
      if (!send_dwords({1, command, handle}))
         return false;
   }
   Resource r{.target = d[1], .format = proto::Format(d[2])};
   if (Command(command) == Command::resource_create2 && d[10] != 0 && !send_memory(d[10], r))
      return broken("resource without memory:", handle);
   if (!resources_.emplace(handle, r).second) {
      drop(r);
      return broken("second resource", handle);
   }
   if (validator_)
      validator_->add_resource(proto::ResourceHandle(handle), r.target == 0);
   Update update(slot_);
   slot_.resources++;
   return true;
}

bool Session::serve_transfer(uint32_t command, uint32_t length, const uint32_t *d)
{
   const bool shared = Command(command) == Command::transfer_get2 ||
                       Command(command) == Command::transfer_put2;
   const bool put = Command(command) == Command::transfer_put ||
                    Command(command) == Command::transfer_put2;
   const uint32_t *b = d + (shared ? 2 : 4);
   const proto::Box box{int32_t(b[0]), int32_t(b[1]), int32_t(b[2]),
                        int32_t(b[3]), int32_t(b[4]), int32_t(b[5])};
   const uint32_t resource = d[0];
   if (!shared) {
      const size_t bytes = d[10];
      if (bytes > max_message)
         return broken("transfer of", d[10]);
      if (put) {
         if (!fill(bytes))
            return false;
         begin_ += bytes;
      } else {
         const std::vector<std::byte> nothing(bytes);
         if (!send(nothing.data(), bytes))
            return false;
      }
   }
   Update update(slot_);
   count_transfer(box, resource, put);
   return true;
}

bool Session::serve_capset(uint32_t id, uint32_t version)
{
   const auto &capset = id == 2 ? face_.capset2 : face_.capset1;
   // virglrenderer has capset 1 in version 1, and capset 2 in versions up to 2.
   if (id < 1 || id > 2 || version > id || capset.empty())
      return send_dwords({1, uint32_t(Command::get_capset), 0});
   return send_dwords({uint32_t(1 + capset.size() / 4), uint32_t(Command::get_capset), 1}) &&
          send(capset.data(), capset.size() / 4 * 4);
}

bool Session::send_caps(uint32_t id, const std::vector<std::byte> &capset)
{
   return send_dwords({uint32_t(capset.size() + 1), id}) && send(capset.data(), capset.size());
}

bool Session::send(const void *data, size_t bytes)
{
   const auto *p = static_cast<const std::byte *>(data);
   while (bytes != 0) {
      const ssize_t n = ::send(fd_, p, bytes, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR)
         continue;
      if (n <= 0)
         return false;
      p += n;
      bytes -= size_t(n);
   }
   return true;
}

bool Session::send_dwords(std::initializer_list<uint32_t> d)
{
   return send(d.begin(), d.size() * sizeof(uint32_t));
}

// The resource's guest memory: a descriptor that comes with one byte. Mapped here as well, as the
// real server does: it costs the same, and queries are answered through it.
bool Session::send_memory(size_t bytes, Resource &r)
{
   const int memory = memfd_create("sink-resource", MFD_CLOEXEC | MFD_ALLOW_SEALING);
   if (memory < 0 || ftruncate(memory, off_t(bytes)) != 0) {
      if (memory >= 0)
         close(memory);
      return false;
   }
   void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
   if (p != MAP_FAILED) {
      r.memory = static_cast<std::byte *>(p);
      r.bytes = bytes;
   }
   char byte = 0;
   iovec part{&byte, 1};
   alignas(cmsghdr) char control[CMSG_SPACE(sizeof memory)] = {};
   msghdr message{};
   message.msg_iov = &part;
   message.msg_iovlen = 1;
   message.msg_control = control;
   message.msg_controllen = sizeof control;
   cmsghdr *c = CMSG_FIRSTHDR(&message);
   c->cmsg_level = SOL_SOCKET;
   c->cmsg_type = SCM_RIGHTS;
   c->cmsg_len = CMSG_LEN(sizeof memory);
   std::memcpy(CMSG_DATA(c), &memory, sizeof memory);
   ssize_t n;
   do {
      n = sendmsg(fd_, &message, MSG_NOSIGNAL);
   } while (n < 0 && errno == EINTR);
   close(memory);
   if (n != 1)
      drop(r);
   return n == 1;
}

void Session::drop(Resource &r)
{
   if (r.memory)
      munmap(r.memory, r.bytes);
   r.memory = nullptr;
}

bool Session::broken(const char *what, uint32_t number)
{
   Update update(slot_);
   fault(std::string("the client sent ") + what + " " + std::to_string(number));
   return false;
}

} // namespace virgl::sink
