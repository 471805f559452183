// SPDX-License-Identifier: MIT
// What the fake host runs of a stream.
#include <algorithm>
#include <cstring>

#include "fake_virtgpu_host.hpp"
#include "gallium/winsys/virgl/common/layout.hpp"
#include "protocol/decoder.hpp"

namespace virgl::test {

namespace {

template <typename Packet> Packet decoded(const proto::Command &command, proto::Arena &arena)
{
   Packet p;
   decode(command, arena, p); // the validator has seen it
   return p;
}

Box box_of(const proto::Box &b)
{
   return {uint32_t(b.x),     uint32_t(b.y),      uint32_t(b.z),
           uint32_t(b.width), uint32_t(b.height), uint32_t(b.depth)};
}

} // namespace

void FakeHost::read_storage(Resource &r, uint64_t at, std::byte *to, size_t n)
{
   if (r.storage_is_memory)
      return r.memory->read(at, to, n);
   if (r.storage.empty())
      r.storage.resize(r.storage_bytes());
   std::copy_n(r.storage.begin() + ptrdiff_t(at), n, to);
}

void FakeHost::write_storage(Resource &r, uint64_t at, const std::byte *from, size_t n)
{
   if (r.storage_is_memory)
      return r.memory->write(at, from, n);
   if (r.storage.empty())
      r.storage.resize(r.storage_bytes());
   std::copy_n(from, n, r.storage.begin() + ptrdiff_t(at));
}

void FakeHost::move(Resource &r, Resource &guest, const Move &m, bool to_host, const char *what)
{
   auto refuse = [&](const char *why) { complain(std::string(what) + ": " + why); };
   if (m.level > r.desc.last_level)
      return refuse("no such level");
   const LevelLayout level = level_layout(r.shape, m.level);
   const uint32_t width = minified(r.desc.width, m.level);
   const uint32_t height = minified(r.desc.height, m.level);
   const auto outside = [](uint32_t at, uint32_t size, uint32_t whole) {
      return at > whole || size > whole - at;
   };
   if (outside(m.box.x, m.box.width, width) || outside(m.box.y, m.box.height, height) ||
       outside(m.box.z, m.box.depth, level.layers))
      return refuse("outside of the level");
   if (r.desc.nr_samples > 1)
      return refuse("a multisampled texture");
   if (!guest.memory || guest.foreign)
      return refuse("no guest memory");
   const uint64_t stride = m.stride ? m.stride : level.stride;
   const uint64_t rows = blocks(m.box.height, r.shape.block.height);
   const uint64_t layer_stride =
      m.layer_stride ? m.layer_stride : stride * blocks(height, r.shape.block.height);
   if (stride < row_bytes(r.shape, m.box.width))
      return refuse("a stride too small");
   if (m.layer_stride && layer_stride < stride * rows)
      return refuse("a layer stride too small");
   const uint64_t needed = region_bytes(r.shape, m.box, stride, layer_stride);
   if (m.offset > guest.memory->bytes() || needed > guest.memory->bytes() - m.offset)
      return refuse("outside of the guest memory");

   std::vector<std::byte> row(row_bytes(r.shape, m.box.width));
   for (uint32_t z = 0; z < m.box.depth; z++) {
      moved_bytes += rows * row.size();
      for (uint64_t y = 0; y < rows; y++) {
         const Box at{m.box.x, m.box.y + uint32_t(y) * r.shape.block.height, m.box.z + z};
         const uint64_t here = box_offset(r.shape, level, at);
         const uint64_t there = m.offset + z * layer_stride + y * stride;
         if (to_host) {
            guest.memory->read(there, row.data(), row.size());
            write_storage(r, here, row.data(), row.size());
         } else {
            read_storage(r, here, row.data(), row.size());
            guest.memory->write(there, row.data(), row.size());
         }
      }
   }
}

void FakeHost::copy_buffer(const Context &c, const proto::ResourceCopyRegion &p)
{
   Resource *to = resource(c, uint32_t(p.dst_resource));
   Resource *from = resource(c, uint32_t(p.src_resource));
   // Pixels of textures are nobody's business here.
   if (!to || !from || !to->is_buffer() || !from->is_buffer())
      return;
   const Box b = box_of(p.src_box);
   if (uint64_t(b.x) + b.width > from->desc.width || uint64_t(p.dst_x) + b.width > to->desc.width)
      return complain("RESOURCE_COPY_REGION: outside of a buffer");
   std::vector<std::byte> bytes(b.width);
   read_storage(*from, b.x, bytes.data(), bytes.size());
   write_storage(*to, p.dst_x, bytes.data(), bytes.size());
}

void FakeHost::write_inline(const Context &c, const proto::ResourceInlineWrite &p)
{
   Resource *r = resource(c, uint32_t(p.resource));
   if (!r || !r->is_buffer())
      return;
   const Box b = box_of(p.box);
   if (uint64_t(b.x) + b.width > r->desc.width || b.width > p.data.size())
      return complain("RESOURCE_INLINE_WRITE: outside of the buffer or its data");
   write_storage(*r, b.x, p.data.data(), b.width);
}

// The host puts the result straight into guest memory.
void FakeHost::answer_query(Context &c, uint32_t handle)
{
   const auto it = c.queries.find({c.sub_ctx, handle});
   Resource *r = it == c.queries.end() ? nullptr : resource(c, it->second.resource);
   if (!r || !r->memory)
      return complain("GET_QUERY_RESULT: nowhere to put it");
   proto::QueryState state;
   state.query_state = uint32_t(proto::QueryStateValue::done);
   state.result_size = 8;
   state.result = 1;
   if (it->second.offset + sizeof state > r->memory->bytes())
      return complain("GET_QUERY_RESULT: outside of the guest memory");
   r->memory->write(it->second.offset, &state, sizeof state);
}

void FakeHost::run(Context &c, const proto::Command &command)
{
   proto::Arena arena;
   switch (command.opcode) {
   case proto::Ccmd::set_sub_ctx:
   case proto::Ccmd::create_sub_ctx:
      c.sub_ctx = command.payload[0];
      break;
   case proto::Ccmd::destroy_sub_ctx:
      if (c.sub_ctx == command.payload[0])
         c.sub_ctx = 0;
      break;
   case proto::Ccmd::create_object:
      if (command.object == proto::ObjectType::query) {
         const auto p = decoded<proto::CreateQuery>(command, arena);
         c.queries[{c.sub_ctx, uint32_t(p.handle)}] = {uint32_t(p.resource), p.offset};
      }
      break;
   case proto::Ccmd::get_query_result:
      answer_query(c, uint32_t(decoded<proto::GetQueryResult>(command, arena).handle));
      break;
   case proto::Ccmd::get_memory_info: {
      const auto p = decoded<proto::GetMemoryInfo>(command, arena);
      const std::array<uint32_t, 6> kilobytes = {4000, 3000, 2000, 1000, 0, 7};
      if (Resource *r = resource(c, uint32_t(p.resource)); r && r->memory)
         r->memory->write(0, kilobytes.data(), sizeof kilobytes);
      break;
   }
   case proto::Ccmd::transfer3d: {
      const auto p = decoded<proto::Transfer3d>(command, arena);
      if (Resource *r = resource(c, uint32_t(p.resource))) {
         move(*r, *r, {p.level, p.stride, p.layer_stride, box_of(p.box), p.data_offset},
              p.direction == proto::TransferDirection::to_host, "TRANSFER3D");
      }
      break;
   }
   case proto::Ccmd::copy_transfer3d: {
      const auto p = decoded<proto::CopyTransfer3d>(command, arena);
      Resource *r = resource(c, uint32_t(p.resource));
      Resource *staging = resource(c, uint32_t(p.staging_resource));
      if (r && staging) {
         move(*r, *staging, {p.level, p.stride, p.layer_stride, box_of(p.box), p.staging_offset},
              !p.read_from_host, "COPY_TRANSFER3D");
      }
      break;
   }
   case proto::Ccmd::resource_copy_region:
      copy_buffer(c, decoded<proto::ResourceCopyRegion>(command, arena));
      break;
   case proto::Ccmd::resource_inline_write:
      write_inline(c, decoded<proto::ResourceInlineWrite>(command, arena));
      break;
   case proto::Ccmd::pipe_resource_create: {
      const auto p = decoded<proto::PipeResourceCreate>(command, arena);
      if (!c.described.insert(p.blob_id).second)
         complain("blob " + std::to_string(p.blob_id) + " is described twice");
      c.waiting[p.blob_id] = {p.target,     uint32_t(p.format), p.bind,       p.width,
                              p.height,     p.depth,            p.array_size, p.last_level,
                              p.nr_samples, p.flags};
      break;
   }
   case proto::Ccmd::pipe_resource_set_type:
      set_type(c, decoded<proto::PipeResourceSetType>(command, arena));
      break;
   default:
      break;
   }
}

} // namespace virgl::test
