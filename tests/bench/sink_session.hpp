// SPDX-License-Identifier: MIT
// One client of the sink host: it is answered as virgl_test_server would, and nothing is rendered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/caps.hpp"
#include "protocol/stream.hpp"
#include "protocol/validator.hpp"
#include "protocol/vtest.hpp"
#include "sink_counters.hpp"

namespace virgl::sink {

// What clients are told: taken from a real server, or from a file.
struct Face {
   std::vector<std::byte> capset1, capset2;
   uint32_t newest_version = 2;
   proto::Caps caps; // of capset2
};

class Session {
public:
   // Takes over the socket.
   Session(int fd, Slot &slot, const Face &face, bool validate);
   ~Session();
   Session(const Session &) = delete;

   // Until the client hangs up or sends nonsense.
   void run();

private:
   struct Resource {
      uint32_t target = 0;
      proto::Format format = proto::Format::NONE;
      std::byte *memory = nullptr;
      size_t bytes = 0;
   };
   struct Query {
      uint32_t resource, offset;
      proto::QueryType type;
   };

   // -- messages ----------------------------------------------------------------------------------
   bool fill(size_t bytes);
   const uint32_t *dwords(size_t count);
   bool serve_one();
   bool serve(uint32_t command, uint32_t length);
   bool serve_creation(uint32_t command, const uint32_t *d);
   bool serve_transfer(uint32_t command, uint32_t length, const uint32_t *d);
   bool serve_capset(uint32_t id, uint32_t version);
   bool send(const void *data, size_t bytes);
   bool send_dwords(std::initializer_list<uint32_t> d);
   bool send_caps(uint32_t id, const std::vector<std::byte> &capset);
   bool send_memory(size_t bytes, Resource &r);
   void drop(Resource &r);
   bool broken(const char *what, uint32_t number);

   // -- streams -----------------------------------------------------------------------------------
   void submit(std::span<const uint32_t> stream);
   void look_at(const proto::Command &command);
   void count_transfer(const proto::Box &box, uint32_t resource, bool put);
   void answer_query(uint32_t handle);
   void fault(const std::string &text);
   uint64_t query_key(uint32_t handle) const { return uint64_t(sub_context_) << 32 | handle; }

   int fd_;
   Slot &slot_;
   const Face &face_;
   // Received and not yet looked at: [begin_, end_) of buffer_, whose begin is aligned.
   std::vector<std::byte> buffer_;
   size_t begin_ = 0, end_ = 0;

   uint32_t version_ = 0;
   uint32_t next_handle_ = 1; // since version 3 the server names resources
   std::unordered_map<uint32_t, Resource> resources_;
   uint32_t sub_context_ = 0;
   std::unordered_map<uint64_t, Query> queries_;
   proto::Arena arena_;
   std::optional<proto::Validator> validator_;
};

// Bytes of a region of a texture, or of a buffer if the format's blocks are bytes.
uint64_t region_bytes(proto::Format format, const proto::Box &box);

} // namespace virgl::sink
