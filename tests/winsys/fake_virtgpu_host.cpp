// SPDX-License-Identifier: MIT
#include "fake_virtgpu_host.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <string_view>

#include "gallium/winsys/virgl/common/layout.hpp"
#include "protocol/decoder.hpp"

namespace virgl::test {

namespace {

constexpr uint32_t target_3d = 3;

// Calls f(field, value) for every field of type resource.
template <typename F> void each_resource(const proto::Command &command, F &&f)
{
   const proto::PacketDesc *desc = proto::find_packet(command.opcode, command.object);
   if (!desc || !check_shape(*desc, command.payload))
      return;
   auto group = [&](const proto::GroupDesc &g, uint32_t at) {
      for (const proto::FieldDesc &field : g.fields) {
         for (uint32_t i = 0; field.type == proto::FieldType::resource && i < field.count; i++)
            f(field, command.payload[at + field.dword + i]);
      }
   };
   group(desc->fixed, 0);
   const proto::Shape shape = shape_of(*desc, command.payload);
   uint32_t at = desc->fixed.dwords;
   for (uint32_t i = 0; i < shape.parts; i++) {
      group(*desc->parts[i], at);
      at += desc->parts[i]->dwords;
   }
   for (uint32_t i = 0; desc->tail.kind == proto::TailKind::span && i < shape.elements; i++)
      group(*desc->tail.element, shape.tail_at + i * desc->tail.element->dwords);
}

ResourceDesc shape_of_resource(const HostResource &d)
{
   ResourceDesc s;
   s.target = d.target;
   s.format = proto::Format(d.format);
   s.width = d.width;
   s.height = d.height;
   s.depth = d.depth;
   s.array_size = d.array_size;
   s.last_level = d.last_level;
   s.nr_samples = d.nr_samples;
   s.block = block_of(s.format);
   return s;
}

} // namespace

FormatBlock block_of(proto::Format format)
{
   const std::string_view name = proto::name_of(format);
   auto begins = [&](std::string_view with) { return name.substr(0, with.size()) == with; };
   if (begins("DXT1") || begins("RGTC1") || begins("LATC1") || begins("ETC1") ||
       begins("ETC2_RGB8_") || begins("ETC2_SRGB8_") || begins("ETC2_RGB8A1") ||
       begins("ETC2_SRGB8A1") || begins("ETC2_R11"))
      return {4, 4, 8};
   if (begins("DXT") || begins("RGTC2") || begins("LATC2") || begins("BPTC") || begins("ETC2"))
      return {4, 4, 16};
   if (begins("ASTC_")) {
      const size_t x = name.find('x');
      return {uint8_t(atoi(name.data() + 5)), uint8_t(atoi(name.data() + x + 1)), 16};
   }
   if (begins("UYVY") || begins("YUYV") || begins("R8G8_") || begins("G8R8_"))
      return {2, 1, 4};
   // The bits of the channels: letters with numbers, as in Z32_FLOAT_S8X24_UINT.
   unsigned bits = 0;
   for (size_t i = 0; i + 1 < name.size(); i++) {
      if (strchr("RGBAXLIZSE", name[i]) && isdigit(uint8_t(name[i + 1])))
         bits += unsigned(atoi(name.data() + i + 1));
   }
   return {1, 1, uint8_t(std::max(bits / 8, 1u))};
}

size_t FakeHost::Resource::storage_bytes() const
{
   return level_layout(shape, desc.last_level + 1).offset;
}

void FakeHost::complain(std::string text)
{
   complaints_.push_back("host: " + std::move(text));
}

std::vector<std::string> FakeHost::take_complaints()
{
   return std::exchange(complaints_, {});
}

FakeHost::Context *FakeHost::context(uint32_t ctx)
{
   const auto it = contexts_.find(ctx);
   if (it != contexts_.end())
      return it->second.get();
   complain("there is no context " + std::to_string(ctx));
   return nullptr;
}

FakeHost::Resource *FakeHost::resource(const Context &c, uint32_t id)
{
   const auto it = resources_.find(id);
   if (it != resources_.end() && c.attached.contains(id))
      return &it->second;
   complain("resource " + std::to_string(id) +
            (it == resources_.end() ? " does not exist" : " is not attached"));
   return nullptr;
}

void FakeHost::create_context(uint32_t ctx, uint32_t capset)
{
   if (capset > 2)
      complain("a context of capset " + std::to_string(capset));
   contexts_[ctx] = std::make_unique<Context>(caps_);
}

void FakeHost::destroy_context(uint32_t ctx)
{
   contexts_.erase(ctx);
}

void FakeHost::create_resource(uint32_t id, const HostResource &desc,
                               std::shared_ptr<GuestPages> memory)
{
   // vrend_renderer.c: check_resource_valid.
   auto refuse = [&](const char *why) { complain(std::string("resource creation: ") + why); };
   const bool is_array = desc.target == 7 || desc.target == 6 || desc.target == 8;
   if (desc.target > 8)
      return refuse("no such target");
   if (!proto::is_format(desc.format))
      return refuse("no such format");
   if (!desc.width || !desc.height || !desc.depth)
      return refuse("a size of 0");
   if (desc.target == 0 && (desc.last_level || desc.nr_samples > 1 || desc.height > 1))
      return refuse("a buffer with levels, samples or rows");
   if (desc.nr_samples > 1 && desc.last_level)
      return refuse("a multisampled texture with levels");
   if (desc.target == 4 && desc.array_size != 6)
      return refuse("a cube without six faces");
   if (!is_array && desc.target != 4 && desc.array_size > 1)
      return refuse("layers of what is no array");
   if (desc.depth > 1 && desc.target != target_3d)
      return refuse("depth of what is no volume");
   if (desc.last_level > 15)
      return refuse("too many levels");
   const uint32_t known = proto::bind::all_known;
   if (desc.bind & ~known)
      return refuse("an unknown bind flag");
   Resource r;
   r.desc = desc;
   r.shape = shape_of_resource(desc);
   r.memory = std::move(memory);
   if (!resources_.emplace(id, std::move(r)).second)
      refuse("the id is taken");
}

void FakeHost::create_blob(uint32_t ctx, uint32_t id, const drm::abi::ResourceCreateBlob &args,
                           std::shared_ptr<GuestPages> memory)
{
   Resource r;
   if (args.memory == drm::abi::BlobMemory::guest) {
      r.desc.width = uint32_t(args.size);
      r.desc.height = r.desc.depth = r.desc.array_size = 1;
      r.desc.format = uint32_t(proto::Format::R8_UNORM);
   } else if (args.blob_id == 0) {
      r.desc.target = 2; // whatever it is a picture of
      r.desc.width = r.desc.height = r.desc.depth = r.desc.array_size = 1;
      r.desc.format = uint32_t(proto::Format::R8_UNORM);
      r.storage_is_memory = r.foreign = true;
   } else {
      Context *c = context(ctx);
      if (!c)
         return;
      const auto it = c->waiting.find(uint32_t(args.blob_id));
      if (it == c->waiting.end() || args.blob_id >> 32)
         return complain("blob " + std::to_string(args.blob_id) + " was never described");
      r.desc = it->second;
      c->waiting.erase(it);
      r.storage_is_memory = true;
   }
   r.desc.blob = true;
   r.desc.guest_bytes = args.size;
   r.shape = shape_of_resource(r.desc);
   r.memory = std::move(memory);
   if (r.storage_is_memory && r.storage_bytes() > args.size)
      complain("a blob of " + std::to_string(args.size) + " bytes for what needs " +
               std::to_string(r.storage_bytes()));
   if (!resources_.emplace(id, std::move(r)).second)
      complain("blob: the id is taken");
}

void FakeHost::set_type(Context &c, const proto::PipeResourceSetType &p)
{
   const auto id = uint32_t(p.resource);
   Resource *r = resource(c, id);
   if (!r)
      return;
   if (r->desc.blob && !r->storage_is_memory)
      return complain("PIPE_RESOURCE_SET_TYPE: the host has no dma-buf of guest pages");
   if (!c.untyped.erase(id))
      return;
   r->desc.format = uint32_t(p.format);
   r->desc.bind = p.bind;
   r->desc.width = p.width;
   r->desc.height = p.height;
   r->shape = shape_of_resource(r->desc);
   const uint64_t end = p.planes[0].offset +
                        uint64_t(p.planes[0].stride) * (p.height - 1) +
                        row_bytes(r->shape, p.width);
   if (p.planes.size() != 1 || end > r->memory->bytes())
      complain("PIPE_RESOURCE_SET_TYPE: a picture that is not in the memory");
}

void FakeHost::unref(uint32_t id)
{
   for (auto &[number, c] : contexts_) {
      c->untyped.erase(id);
      if (c->attached.erase(id))
         c->validator.remove_resource(proto::ResourceHandle(id));
   }
   if (!resources_.erase(id))
      complain("unref of resource " + std::to_string(id) + ", which does not exist");
}

void FakeHost::attach(uint32_t ctx, uint32_t id)
{
   Context *c = context(ctx);
   const auto it = resources_.find(id);
   if (!c || it == resources_.end())
      return;
   c->attached.insert(id);
   if (it->second.foreign)
      c->untyped.insert(id);
   c->validator.add_resource(proto::ResourceHandle(id), it->second.is_buffer());
}

void FakeHost::detach(uint32_t ctx, uint32_t id)
{
   const auto it = contexts_.find(ctx);
   if (it != contexts_.end() && it->second->attached.erase(id))
      it->second->validator.remove_resource(proto::ResourceHandle(id));
}

void FakeHost::submit(uint32_t ctx, std::span<const uint32_t> stream,
                      const std::vector<uint32_t> *listed)
{
   if (keep_streams)
      streams.emplace_back(stream.begin(), stream.end());
   Context *c = context(ctx);
   if (!c)
      return;
   uint32_t good = uint32_t(stream.size());
   if (const auto fault = c->validator.submit(stream)) {
      complain(to_string(*fault));
      good = 0;
      for (proto::CommandReader r(stream); r.offset() <= fault->offset && good < stream.size();) {
         proto::Command command;
         if (!r.next(command) || r.offset() > fault->offset)
            break;
         good = r.offset();
      }
   }
   proto::CommandReader reader(stream.first(good));
   proto::Command command;
   while (reader.next(command)) {
      if (listed)
         check_list(command, *listed);
      if (!c->untyped.empty() && command.opcode != proto::Ccmd::pipe_resource_set_type) {
         each_resource(command, [&](const proto::FieldDesc &, uint32_t named) {
            if (c->untyped.contains(named))
               complain(std::string(proto::name_of(command.opcode)) + ": resource " +
                        std::to_string(named) + " has no type");
         });
      }
      run(*c, command);
   }
}

void FakeHost::check_list(const proto::Command &command, const std::vector<uint32_t> &listed)
{
   each_resource(command, [&](const proto::FieldDesc &field, uint32_t id) {
      if (id && std::find(listed.begin(), listed.end(), id) == listed.end())
         complain(std::string(proto::name_of(command.opcode)) + ": " + field.name + " " +
                  std::to_string(id) + " is not in the BO list");
   });
}

void FakeHost::transfer(uint32_t ctx, uint32_t id, const drm::abi::Transfer &args, bool to_host)
{
   Context *c = context(ctx);
   Resource *r = c ? resource(*c, id) : nullptr;
   if (!r)
      return;
   Move m{args.level, args.stride, args.layer_stride, {}, args.offset};
   m.box = {args.box.x, args.box.y, args.box.z, args.box.width, args.box.height, args.box.depth};
   move(*r, *r, m, to_host, to_host ? "TRANSFER_TO_HOST" : "TRANSFER_FROM_HOST");
}

HostResource FakeHost::describe(uint32_t id) const
{
   const auto it = resources_.find(id);
   return it == resources_.end() ? HostResource{} : it->second.desc;
}

std::vector<std::byte> FakeHost::storage(uint32_t id)
{
   const auto it = resources_.find(id);
   if (it == resources_.end())
      return {};
   std::vector<std::byte> bytes(it->second.storage_bytes());
   read_storage(it->second, 0, bytes.data(), bytes.size());
   return bytes;
}

void FakeHost::set_storage(uint32_t id, std::span<const std::byte> bytes)
{
   const auto it = resources_.find(id);
   if (it != resources_.end())
      write_storage(it->second, 0, bytes.data(),
                    std::min(bytes.size(), it->second.storage_bytes()));
}

} // namespace virgl::test
