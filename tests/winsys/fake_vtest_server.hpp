// SPDX-License-Identifier: MIT
// A vtest server in a thread, for tests: it keeps the bytes of resources, runs no commands, records
// what it is told, and misbehaves on demand.
//
// It reads messages by the numbers of vtest_protocol.h, on purpose without src/protocol: what the
// winsys writes with the generated code is held against a second reading here.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace virgl::test {

enum Vcmd : uint32_t {
   get_caps = 1,
   resource_create,
   resource_unref,
   transfer_get,
   transfer_put,
   submit_cmd,
   resource_busy_wait,
   create_renderer,
   get_caps2,
   ping_protocol_version,
   protocol_version,
   resource_create2,
   transfer_get2,
   transfer_put2,
   get_param,
   get_capset,
   context_init,
};

struct Message {
   uint32_t command = 0;
   // As the header says; its unit depends on the command.
   uint32_t length = 0;
   std::vector<uint32_t> dwords;
   // transfer_put's data, create_renderer's name.
   std::vector<std::byte> bytes;
   // Recorded when it comes, served a little later.
   bool served = false;
};

struct FakeOptions {
   uint32_t newest_version = 2;
   bool knows_versions = true;
   bool knows_caps2 = true;
   // Like --multi-clients: hangs up on whoever does not speak this.
   uint32_t oldest_version = 0;
   // Bytes of the capsets; what they hold beyond the known ones is 0xee.
   size_t caps1_bytes = 308;
   size_t caps2_bytes = 1376;
   // Hangs up after so many bytes in either direction.
   size_t die_after_sent = SIZE_MAX;
   size_t die_after_received = SIZE_MAX;
   // The shared memory of a resource is so many bytes shorter than asked for.
   size_t short_memory = 0;
   bool without_fd = false;
   unsigned fds_per_resource = 1;
   // Called before a message is served; true: it has been, by the callee (which may use send()).
   std::function<bool(const Message &)> instead;
};

class FakeVtestServer {
public:
   explicit FakeVtestServer(FakeOptions options = {});
   ~FakeVtestServer();
   FakeVtestServer(const FakeVtestServer &) = delete;

   // The client's end of a connection; the server begins to serve it. Once.
   int connect();
   // Serves those who connect to a socket at `path`, one after the other.
   void listen(const std::string &path);

   // Stops before the next message, and goes on.
   void hold();
   void resume();
   // The next so many questions without waiting are answered "busy".
   void set_busy_answers(unsigned n) { busy_answers_ = n; }
   // Hangs up now.
   void die();

   std::vector<Message> messages() const;
   size_t count(uint32_t command) const;
   size_t total() const;
   // Forgets what was recorded.
   void clear();
   // Waits until so many messages of a kind have been served since the last clear().
   bool wait_for(uint32_t command, size_t n) const;
   size_t live_resources() const;
   uint64_t bytes_sent() const { return sent_; }
   uint64_t bytes_received() const { return received_; }
   bool saw_protocol_error() const { return protocol_error_; }

   // The host's storage of a resource.
   std::vector<std::byte> storage(uint32_t handle) const;
   void set_storage(uint32_t handle, const std::vector<std::byte> &bytes);

   // For FakeOptions::instead.
   bool send(const void *data, size_t size);
   bool send_dwords(std::initializer_list<uint32_t> dwords);

private:
   struct Resource {
      uint32_t target, format, bind, width, height, depth, array_size, last_level;
      std::byte *memory = nullptr;
      size_t memory_bytes = 0;
      std::vector<std::byte> storage;
   };
   struct Region {
      uint32_t handle, level, stride, layer_stride, x, y, z, width, height, depth;
   };

   void run(int fd);
   void run_listener(int fd);
   bool receive(void *data, size_t size);
   bool receive_message(Message &m);
   bool serve(const Message &m);
   bool create(const Message &m, bool with_memory);
   bool send_fds(uint32_t bytes, Resource &r);
   // Between the storage and `memory`, in the way the host does it.
   bool copy(const Region &region, std::byte *memory, size_t bytes, bool to_storage);
   void drop_all();

   FakeOptions options_;
   std::thread thread_;
   int client_fd_ = -1;
   std::atomic<int> fd_{-1};
   int listen_fd_ = -1;
   std::string path_;
   std::atomic<uint64_t> sent_{0}, received_{0};
   std::atomic<unsigned> busy_answers_{0};
   std::atomic<bool> protocol_error_{false};
   std::atomic<bool> quit_{false};

   mutable std::mutex mutex_;
   mutable std::condition_variable changed_;
   std::vector<Message> messages_;
   std::map<uint32_t, Resource> resources_;
   bool held_ = false;
   uint32_t version_ = 0;
   uint32_t next_id_ = 1;
};

// Bytes of a block of the formats the tests use, by the host's number.
struct FakeBlock {
   uint32_t width, height, bytes;
};
FakeBlock fake_block(uint32_t format);

} // namespace virgl::test
