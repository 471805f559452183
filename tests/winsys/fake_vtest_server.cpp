// SPDX-License-Identifier: MIT
#include "fake_vtest_server.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace virgl::test {

namespace {

// Dwords after the header, by vtest_protocol.h; what is not listed ends the connection.
int payload_dwords(uint32_t command)
{
   switch (command) {
   case get_caps:
   case get_caps2:
   case ping_protocol_version:
      return 0;
   case resource_unref:
   case protocol_version:
   case get_param:
   case context_init:
      return 1;
   case resource_busy_wait:
   case get_capset:
      return 2;
   case resource_create:
   case transfer_get2:
   case transfer_put2:
      return 10;
   case resource_create2:
   case transfer_get:
   case transfer_put:
      return 11;
   default:
      return -1;
   }
}

uint32_t minify(uint32_t size, uint32_t level)
{
   return std::max(size >> level, 1u);
}

uint32_t div_up(uint32_t a, uint32_t b)
{
   return (a + b - 1) / b;
}

} // namespace

FakeBlock fake_block(uint32_t format)
{
   switch (format) {
   case 64: // R8_UNORM
      return {1, 1, 1};
   case 106: // DXT1_RGBA
      return {4, 4, 8};
   default:
      return {1, 1, 4};
   }
}

FakeVtestServer::FakeVtestServer(FakeOptions options) : options_(std::move(options)) {}

FakeVtestServer::~FakeVtestServer()
{
   quit_ = true;
   resume();
   die();
   if (listen_fd_ >= 0)
      shutdown(listen_fd_, SHUT_RDWR);
   if (thread_.joinable())
      thread_.join();
   if (listen_fd_ >= 0) {
      close(listen_fd_);
      unlink(path_.c_str());
   }
}

int FakeVtestServer::connect()
{
   int fds[2];
   if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
      abort();
   fd_ = fds[1];
   thread_ = std::thread([this, fd = fds[1]] { run(fd); });
   return fds[0];
}

void FakeVtestServer::listen(const std::string &path)
{
   path_ = path;
   sockaddr_un address{};
   address.sun_family = AF_UNIX;
   memcpy(address.sun_path, path.c_str(), path.size() + 1);
   listen_fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
   if (bind(listen_fd_, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 ||
       ::listen(listen_fd_, 4) != 0)
      abort();
   thread_ = std::thread([this] {
      while (!quit_) {
         int fd = accept(listen_fd_, nullptr, nullptr);
         if (fd < 0)
            return;
         fd_ = fd;
         run(fd);
      }
   });
}

void FakeVtestServer::hold()
{
   std::lock_guard lock(mutex_);
   held_ = true;
}

void FakeVtestServer::resume()
{
   std::lock_guard lock(mutex_);
   held_ = false;
   changed_.notify_all();
}

void FakeVtestServer::die()
{
   // The descriptor itself is closed by the thread that uses it.
   std::lock_guard lock(mutex_);
   if (int fd = fd_; fd >= 0)
      shutdown(fd, SHUT_RDWR);
}

std::vector<Message> FakeVtestServer::messages() const
{
   std::lock_guard lock(mutex_);
   return messages_;
}

size_t FakeVtestServer::count(uint32_t command) const
{
   std::lock_guard lock(mutex_);
   return size_t(std::count_if(messages_.begin(), messages_.end(),
                               [&](const Message &m) { return m.command == command; }));
}

size_t FakeVtestServer::total() const
{
   std::lock_guard lock(mutex_);
   return messages_.size();
}

void FakeVtestServer::clear()
{
   std::lock_guard lock(mutex_);
   messages_.clear();
}

bool FakeVtestServer::wait_for(uint32_t command, size_t n) const
{
   std::unique_lock lock(mutex_);
   return changed_.wait_for(lock, std::chrono::seconds(5), [&] {
      return std::count_if(messages_.begin(), messages_.end(), [&](const Message &m) {
                return m.command == command && m.served;
             }) >= std::ptrdiff_t(n);
   });
}

size_t FakeVtestServer::live_resources() const
{
   std::lock_guard lock(mutex_);
   return resources_.size();
}

std::vector<std::byte> FakeVtestServer::storage(uint32_t handle) const
{
   std::lock_guard lock(mutex_);
   auto it = resources_.find(handle);
   return it == resources_.end() ? std::vector<std::byte>{} : it->second.storage;
}

void FakeVtestServer::set_storage(uint32_t handle, const std::vector<std::byte> &bytes)
{
   std::lock_guard lock(mutex_);
   auto &to = resources_.at(handle).storage;
   std::copy_n(bytes.begin(), std::min(bytes.size(), to.size()), to.begin());
}

bool FakeVtestServer::send(const void *data, size_t size)
{
   auto *p = static_cast<const char *>(data);
   size_t allowed = std::min(size, options_.die_after_sent - size_t(sent_));
   for (size_t done = 0; done < allowed;) {
      ssize_t n = ::send(fd_, p + done, allowed - done, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR)
         continue;
      if (n <= 0)
         return false;
      done += size_t(n);
      sent_ += uint64_t(n);
   }
   return sent_ < options_.die_after_sent;
}

bool FakeVtestServer::send_dwords(std::initializer_list<uint32_t> dwords)
{
   return send(dwords.begin(), dwords.size() * sizeof(uint32_t));
}

bool FakeVtestServer::receive(void *data, size_t size)
{
   auto *p = static_cast<char *>(data);
   size_t allowed = std::min(size, options_.die_after_received - size_t(received_));
   for (size_t done = 0; done < allowed;) {
      ssize_t n = recv(fd_, p + done, allowed - done, 0);
      if (n < 0 && errno == EINTR)
         continue;
      if (n <= 0)
         return false;
      done += size_t(n);
      received_ += uint64_t(n);
   }
   return received_ < options_.die_after_received;
}

bool FakeVtestServer::receive_message(Message &m)
{
   uint32_t header[2];
   if (!receive(header, sizeof header))
      return false;
   m.length = header[0];
   m.command = header[1];
   if (m.command == create_renderer) {
      m.bytes.resize(m.length);
      return receive(m.bytes.data(), m.bytes.size());
   }
   size_t dwords = 0;
   if (m.command == submit_cmd) {
      dwords = m.length;
   } else {
      int fixed = payload_dwords(m.command);
      if (fixed < 0) {
         protocol_error_ = true;
         return false;
      }
      dwords = size_t(fixed);
   }
   m.dwords.resize(dwords);
   if (dwords && !receive(m.dwords.data(), dwords * sizeof(uint32_t)))
      return false;
   size_t counted = dwords;
   if (m.command == transfer_put) {
      m.bytes.resize(m.dwords[10]);
      counted += (m.bytes.size() + 3) / 4;
      if (!receive(m.bytes.data(), m.bytes.size()))
         return false;
   }
   if (m.length != counted)
      protocol_error_ = true;
   return true;
}

void FakeVtestServer::run(int fd)
{
   bool first = true;
   for (;;) {
      Message m;
      if (!receive_message(m))
         break;
      {
         std::unique_lock lock(mutex_);
         changed_.wait(lock, [&] { return !held_; });
      }
      if (first != (m.command == create_renderer)) {
         protocol_error_ = true;
         break;
      }
      first = false;
      {
         std::lock_guard lock(mutex_);
         messages_.push_back(m);
      }
      bool ok = (options_.instead && options_.instead(m)) || serve(m);
      {
         std::lock_guard lock(mutex_);
         // Unless clear() was faster.
         if (!messages_.empty())
            messages_.back().served = true;
         changed_.notify_all();
      }
      if (!ok)
         break;
   }
   drop_all();
   std::lock_guard lock(mutex_);
   fd_ = -1;
   close(fd);
}

void FakeVtestServer::drop_all()
{
   std::lock_guard lock(mutex_);
   for (auto &[handle, r] : resources_) {
      if (r.memory)
         munmap(r.memory, r.memory_bytes);
   }
   resources_.clear();
   version_ = 0;
}

bool FakeVtestServer::serve(const Message &m)
{
   auto answer_caps = [&](uint32_t id, size_t bytes) {
      std::vector<std::byte> caps(bytes, std::byte{0xee});
      std::fill_n(caps.begin(), std::min<size_t>(bytes, id == 1 ? 308 : 1376), std::byte{0});
      if (bytes)
         caps[0] = std::byte(id);
      return send_dwords({uint32_t(bytes + 1), id}) && send(caps.data(), caps.size());
   };
   const auto &d = m.dwords;
   switch (m.command) {
   case create_renderer:
      return true;
   case ping_protocol_version:
      return !options_.knows_versions || send_dwords({0, ping_protocol_version});
   case protocol_version: {
      uint32_t version = std::min(d[0], options_.newest_version);
      if (version < options_.oldest_version)
         return false;
      version_ = version;
      return send_dwords({1, protocol_version, version});
   }
   case get_caps:
      return answer_caps(1, options_.caps1_bytes);
   case get_caps2:
      return !options_.knows_caps2 || answer_caps(2, options_.caps2_bytes);
   case get_capset: {
      size_t bytes = d[0] == 2 ? options_.caps2_bytes : options_.caps1_bytes;
      if ((d[0] == 2 && !options_.knows_caps2) || d[0] > 2)
         return send_dwords({1, get_capset, 0});
      std::vector<std::byte> caps(bytes);
      caps[0] = std::byte(d[0]);
      return send_dwords({uint32_t(1 + bytes / 4), get_capset, 1}) &&
             send(caps.data(), caps.size());
   }
   case context_init:
      return d[0] == 1 || d[0] == 2;
   case resource_create:
      return create(m, false);
   case resource_create2:
      return create(m, true);
   case resource_unref: {
      std::lock_guard lock(mutex_);
      auto it = resources_.find(d[0]);
      if (it == resources_.end()) {
         protocol_error_ = true;
         return true;
      }
      if (it->second.memory)
         munmap(it->second.memory, it->second.memory_bytes);
      resources_.erase(it);
      return true;
   }
   case submit_cmd:
      return true;
   case resource_busy_wait: {
      bool busy = false;
      if (!(d[1] & 1) && busy_answers_ > 0) {
         busy_answers_--;
         busy = true;
      }
      return send_dwords({1, resource_busy_wait, busy});
   }
   case transfer_get: {
      std::vector<std::byte> data(d[10]);
      Region r{d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9]};
      copy(r, data.data(), data.size(), false);
      return send(data.data(), data.size());
   }
   case transfer_put: {
      Region r{d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9]};
      copy(r, const_cast<std::byte *>(m.bytes.data()), m.bytes.size(), true);
      return true;
   }
   case transfer_get2:
   case transfer_put2: {
      std::byte *memory = nullptr;
      size_t bytes = 0;
      {
         std::lock_guard lock(mutex_);
         auto it = resources_.find(d[0]);
         if (it == resources_.end() || d[9] >= it->second.memory_bytes) {
            protocol_error_ = true;
            return false;
         }
         memory = it->second.memory + d[9];
         bytes = it->second.memory_bytes - d[9];
      }
      Region r{d[0], d[1], 0, 0, d[2], d[3], d[4], d[5], d[6], d[7]};
      copy(r, memory, bytes, m.command == transfer_put2);
      return true;
   }
   default:
      return false;
   }
}

bool FakeVtestServer::create(const Message &m, bool with_memory)
{
   const auto &d = m.dwords;
   uint32_t handle = d[0];
   if (version_ >= 3 ? handle != 0 : handle == 0) {
      protocol_error_ = true;
      return false;
   }
   if (version_ >= 3) {
      handle = next_id_++ * 16;
      if (!send_dwords({1, m.command, handle}))
         return false;
   }
   Resource r{d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8]};
   FakeBlock b = fake_block(r.format);
   size_t size = 0;
   for (uint32_t l = 0; l <= r.last_level; l++) {
      size += size_t(div_up(minify(r.width, l), b.width)) * div_up(minify(r.height, l), b.height) *
              b.bytes * std::max({r.array_size, minify(r.depth, l), 1u});
   }
   r.storage.resize(size);
   if (with_memory && d[10] && !send_fds(d[10], r))
      return false;

   std::lock_guard lock(mutex_);
   if (!resources_.emplace(handle, std::move(r)).second) {
      protocol_error_ = true;
      return false;
   }
   return true;
}

bool FakeVtestServer::send_fds(uint32_t bytes, Resource &r)
{
   int fd = memfd_create("fake-vtest", MFD_CLOEXEC);
   size_t size = bytes > options_.short_memory ? bytes - options_.short_memory : 0;
   if (fd < 0 || ftruncate(fd, off_t(size)) != 0)
      abort();
   if (size) {
      void *p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (p == MAP_FAILED)
         abort();
      r.memory = static_cast<std::byte *>(p);
      r.memory_bytes = size;
   }

   char byte = 0;
   iovec part{&byte, 1};
   alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {};
   msghdr msg{};
   msg.msg_iov = &part;
   msg.msg_iovlen = 1;
   unsigned n = options_.without_fd ? 0 : options_.fds_per_resource;
   if (n) {
      msg.msg_control = control;
      msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
      cmsghdr *c = CMSG_FIRSTHDR(&msg);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(n * sizeof(int));
      for (unsigned i = 0; i < n; i++)
         memcpy(CMSG_DATA(c) + i * sizeof fd, &fd, sizeof fd);
   }
   bool ok = sent_ < options_.die_after_sent && sendmsg(fd_, &msg, MSG_NOSIGNAL) == 1;
   sent_ += ok;
   close(fd);
   if (!ok && r.memory)
      munmap(r.memory, r.memory_bytes);
   return ok;
}

bool FakeVtestServer::copy(const Region &g, std::byte *memory, size_t bytes, bool to_storage)
{
   std::lock_guard lock(mutex_);
   auto it = resources_.find(g.handle);
   if (it == resources_.end()) {
      protocol_error_ = true;
      return false;
   }
   Resource &r = it->second;
   FakeBlock b = fake_block(r.format);
   size_t offset = 0, row = 0, layer = 0;
   for (uint32_t l = 0; l <= g.level; l++) {
      offset += layer * std::max({r.array_size, minify(r.depth, l ? l - 1 : 0), 1u});
      row = size_t(div_up(minify(r.width, l), b.width)) * b.bytes;
      layer = row * div_up(minify(r.height, l), b.height);
   }
   size_t stride = g.stride ? g.stride : row;
   size_t layer_stride = g.layer_stride ? g.layer_stride : layer;
   size_t length = size_t(div_up(g.width, b.width)) * b.bytes;
   uint32_t rows = div_up(g.height, b.height);
   // Read-backs give the first layer only.
   uint32_t layers = to_storage ? g.depth : 1;
   for (uint32_t z = 0; z < layers; z++) {
      for (uint32_t y = 0; y < rows; y++) {
         size_t here = offset + (g.z + z) * layer + (g.y / b.height + y) * row +
                       size_t(g.x / b.width) * b.bytes;
         size_t there = z * layer_stride + y * stride;
         if (here + length > r.storage.size() || there + length > bytes) {
            protocol_error_ = true;
            return false;
         }
         if (to_storage)
            memcpy(r.storage.data() + here, memory + there, length);
         else
            memcpy(memory + there, r.storage.data() + here, length);
      }
   }
   return true;
}

} // namespace virgl::test
