// SPDX-License-Identifier: MIT
// The host behind the fake device: contexts, resources with storage, a validator for each context,
// and of the commands those that move memory or have an answer.
//
// What it objects to follows virglrenderer (vrend_renderer.c: check_transfer_bounds,
// check_iov_bounds; vrend_decode.c) and what only the test of a driver can know. Not thread-safe;
// the kernel's lock guards it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "fake_virtgpu.hpp"
#include "fake_virtgpu_memory.hpp"
#include "gallium/winsys/virgl/drm/abi.hpp"
#include "protocol/packets.hpp"
#include "protocol/validator.hpp"

namespace virgl::test {

class FakeHost {
public:
   explicit FakeHost(const proto::Caps &caps) : caps_(caps) {}

   void create_context(uint32_t ctx, uint32_t capset);
   void destroy_context(uint32_t ctx);
   void create_resource(uint32_t id, const HostResource &desc, std::shared_ptr<GuestPages> memory);
   // `memory` is the guest's, or what the guest sees of the host's.
   void create_blob(uint32_t ctx, uint32_t id, const drm::abi::ResourceCreateBlob &args,
                    std::shared_ptr<GuestPages> memory);
   void unref(uint32_t id);
   void attach(uint32_t ctx, uint32_t id);
   void detach(uint32_t ctx, uint32_t id);
   // `listed`: the resources of the BO list, nothing where the stream came without one.
   void submit(uint32_t ctx, std::span<const uint32_t> stream,
               const std::vector<uint32_t> *listed);
   void transfer(uint32_t ctx, uint32_t id, const drm::abi::Transfer &args, bool to_host);

   void complain(std::string text);
   std::vector<std::string> take_complaints();

   size_t num_resources() const { return resources_.size(); }
   HostResource describe(uint32_t id) const;
   std::vector<std::byte> storage(uint32_t id);
   void set_storage(uint32_t id, std::span<const std::byte> bytes);

   uint64_t moved_bytes = 0; // by transfers of either direction
   bool keep_streams = false;
   std::vector<std::vector<uint32_t>> streams;

private:
   struct Resource {
      HostResource desc;
      ResourceDesc shape; // the same, as layout.hpp wants it
      std::shared_ptr<GuestPages> memory;
      // Made when first used.
      std::vector<std::byte> storage;
      // A host blob: the guest sees the storage itself, which then is `memory`.
      bool storage_is_memory = false;
      // A blob of another API's: contexts must be told what it is a picture of, and no transfer has
      // guest pages to go to.
      bool foreign = false;

      bool is_buffer() const { return desc.target == 0; }
      size_t storage_bytes() const;
   };
   struct Query {
      uint32_t resource = 0;
      uint32_t offset = 0;
   };
   struct Context {
      explicit Context(const proto::Caps &caps)
         : validator({.resources = true, .caps = &caps})
      {
      }
      proto::Validator validator;
      std::set<uint32_t> attached;
      std::set<uint32_t> untyped; // of those
      // PIPE_RESOURCE_CREATE's, waiting for the blob that names them.
      std::map<uint32_t, HostResource> waiting;
      // Two calls of different threads may come to the host as command, command, blob, blob: so no
      // number may be used twice, though a host does not mind while the order is good.
      std::set<uint32_t> described;
      uint32_t sub_ctx = 0;
      std::map<std::pair<uint32_t, uint32_t>, Query> queries; // sub-context, handle
   };
   struct Move {
      uint32_t level = 0, stride = 0, layer_stride = 0;
      Box box;
      uint64_t offset = 0;
   };

   Context *context(uint32_t ctx);
   Resource *resource(const Context &c, uint32_t id);
   void run(Context &c, const proto::Command &command);
   void check_list(const proto::Command &command, const std::vector<uint32_t> &listed);
   // Between the storage of `r` and the guest memory of `guest`.
   void move(Resource &r, Resource &guest, const Move &m, bool to_host, const char *what);
   void copy_buffer(const Context &c, const proto::ResourceCopyRegion &p);
   void set_type(Context &c, const proto::PipeResourceSetType &p);
   void write_inline(const Context &c, const proto::ResourceInlineWrite &p);
   void answer_query(Context &c, uint32_t handle);
   void write_storage(Resource &r, uint64_t at, const std::byte *from, size_t n);
   void read_storage(Resource &r, uint64_t at, std::byte *to, size_t n);

   proto::Caps caps_;
   std::unordered_map<uint32_t, Resource> resources_;
   std::map<uint32_t, std::unique_ptr<Context>> contexts_;
   std::vector<std::string> complaints_;
};


} // namespace virgl::test
