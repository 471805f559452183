// SPDX-License-Identifier: MIT
// The ioctls of virtio-gpu itself. Which check comes first follows Linux 6.1.
#include "fake_virtgpu_kernel.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace virgl::test {

namespace {

template <typename T> T *user(uint64_t address)
{
   return reinterpret_cast<T *>(uintptr_t(address));
}

} // namespace

void VirtgpuKernel::need_context(Description &d, uint32_t capset)
{
   if (d.context_created || !options.has_3d)
      return;
   d.context_created = true;
   push([this, ctx = d.ctx, capset] { host.create_context(ctx, capset); });
}

int VirtgpuKernel::getparam(abi::GetParam &a)
{
   int value = 0;
   switch (a.param) {
   case abi::Param::features_3d:
      value = options.has_3d;
      break;
   case abi::Param::capset_query_fix:
      if (!at_least(Linux::v5_4))
         return -EINVAL;
      value = 1;
      break;
   case abi::Param::resource_blob:
   case abi::Param::host_visible:
   case abi::Param::cross_device:
      if (!at_least(Linux::v5_11))
         return -EINVAL;
      value = a.param == abi::Param::resource_blob  ? options.blobs
              : a.param == abi::Param::host_visible ? options.host_visible
                                                    : 0;
      break;
   case abi::Param::context_init:
   case abi::Param::supported_capset_ids:
      if (!at_least(Linux::v6_1))
         return -EINVAL;
      value = a.param == abi::Param::context_init ? int(options.context_init)
                                                  : int(options.capsets);
      break;
   default:
      return -EINVAL;
   }
   if (!a.value)
      return -EFAULT;
   memcpy(user<void>(a.value), &value, sizeof value);
   return 0;
}

int VirtgpuKernel::get_caps(const abi::GetCaps &a)
{
   if (!options.has_3d || !options.capsets)
      return -ENOSYS;
   if (!a.size)
      return -EINVAL;
   const bool offered = a.capset < 32 && (options.capsets >> a.capset & 1);
   // Before the fix a kernel mixed up its list and found the first capset only.
   if (!offered || (a.capset == 2 && !at_least(Linux::v5_4)))
      return -EINVAL;
   if (a.version > (a.capset == 2 ? 2u : 1u))
      return -EINVAL;
   if (!a.address)
      return -EFAULT;
   std::vector<std::byte> bytes(a.capset == 2 ? options.capset2_bytes : options.capset1_bytes,
                                std::byte(0xee));
   const proto::CapsV2 &known = options.caps;
   memcpy(bytes.data(), &known, std::min(bytes.size(), sizeof known));
   if (bytes.size() >= 4)
      memcpy(bytes.data(), &a.capset, 4); // its version
   if (options.edit_capset)
      options.edit_capset(a.capset, bytes);
   memcpy(user<void>(a.address), bytes.data(), std::min<size_t>(a.size, bytes.size()));
   return 0;
}

int VirtgpuKernel::context_init(Description &d, const abi::ContextInit &a)
{
   if (!options.context_init || !options.has_3d || a.num_params > 3)
      return -EINVAL;
   if (a.num_params && !a.params)
      return -EFAULT;
   if (d.context_created)
      return -EEXIST;
   const auto *params = user<const abi::ContextSetParam>(a.params);
   uint32_t capset = 0, num_rings = 0;
   uint64_t poll_mask = 0;
   bool rings = false;
   for (uint32_t i = 0; i < a.num_params; i++) {
      const uint32_t value = uint32_t(params[i].value);
      switch (params[i].param) {
      case abi::ContextParam::capset_id:
         if (value > 63 || !(uint64_t(options.capsets) >> value & 1) || capset)
            return -EINVAL;
         capset = value;
         break;
      case abi::ContextParam::num_rings:
         if (rings || value > 64)
            return -EINVAL;
         rings = true;
         num_rings = value;
         break;
      case abi::ContextParam::poll_rings_mask:
         if (poll_mask)
            return -EINVAL;
         poll_mask = value;
         break;
      default:
         return -EINVAL;
      }
   }
   if (num_rings < 64 && poll_mask >> num_rings)
      return -EINVAL;
   if (rings) {
      d.num_rings = num_rings;
      d.ring_context = new_fence_context();
      for (uint32_t i = 1; i < num_rings; i++)
         new_fence_context();
   }
   need_context(d, capset);
   return 0;
}

int VirtgpuKernel::resource_create(Description &d, abi::ResourceCreate &a)
{
   if (options.has_3d)
      need_context(d);
   else if (a.depth > 1 || a.nr_samples > 1 || a.last_level > 1 || a.target != 2 ||
            a.array_size > 1)
      return -EINVAL;
   auto memory = pages_.allocate(a.size ? a.size : page_bytes);
   if (!memory)
      return -ENOMEM;
   objects_++;
   GemRef object = std::make_shared<GemObject>(*this, ++last_resource_);
   object->memory = memory;
   auto fence = new_fence();
   use(object, fence);
   const HostResource desc{a.target,     a.format,     a.bind,       a.width,
                           a.height,     a.depth,      a.array_size, a.last_level,
                           a.nr_samples, a.flags,      false,        memory->bytes()};
   push([this, id = object->resource, desc, memory] { host.create_resource(id, desc, memory); },
        fence, {object});
   a.resource = object->resource;
   a.bo = new_handle(d, std::move(object));
   return 0;
}

int VirtgpuKernel::resource_create_blob(Description &d, abi::ResourceCreateBlob &a)
{
   const uint32_t known =
      abi::blob_flag::mappable | abi::blob_flag::shareable | abi::blob_flag::cross_device;
   if (!options.blobs || (a.flags & ~known) || (a.flags & abi::blob_flag::cross_device))
      return -EINVAL;
   const bool guest = a.memory == abi::BlobMemory::guest;
   switch (a.memory) {
   case abi::BlobMemory::guest:
      if (a.blob_id || a.command_size)
         return -EINVAL;
      break;
   case abi::BlobMemory::host3d:
   case abi::BlobMemory::host3d_guest:
      if (!options.has_3d || a.command_size % 4)
         return -EINVAL;
      break;
   default:
      return -EINVAL;
   }
   // Older kernels round up by themselves; the device wants pages.
   if (!a.size || a.size % page_bytes)
      return -EINVAL;
   need_context(d);
   if (a.command_size) {
      if (!a.command)
         return -EFAULT;
      const auto *first = user<const uint32_t>(a.command);
      std::vector<uint32_t> stream(first, first + a.command_size / 4);
      push([this, ctx = d.ctx, stream = std::move(stream)] { host.submit(ctx, stream, nullptr); });
   }
   if (!guest && (a.flags & abi::blob_flag::mappable) && !options.host_visible)
      return -EINVAL;
   auto memory = pages_.allocate(a.size);
   if (!memory)
      return -ENOMEM;
   objects_++;
   GemRef object = std::make_shared<GemObject>(*this, ++last_resource_);
   object->memory = memory;
   object->blob_memory = uint32_t(a.memory);
   object->blob_flags = a.flags;
   push([this, id = object->resource, ctx = d.ctx, args = a,
         memory] { host.create_blob(ctx, id, args, memory); },
        {}, {object});
   a.resource = object->resource;
   a.bo = new_handle(d, std::move(object));
   return 0;
}

int VirtgpuKernel::resource_info(Description &d, abi::ResourceInfo &a)
{
   const GemRef object = find(d, a.bo);
   if (!object)
      return -ENOENT;
   a.resource = object->resource;
   a.size = uint32_t(object->memory->bytes());
   if (at_least(Linux::v5_11))
      a.blob_memory = object->blob_memory;
   return 0;
}

int VirtgpuKernel::transfer(Description &d, const abi::Transfer &a, bool to_host)
{
   if (!options.has_3d)
      return -ENOSYS;
   need_context(d);
   const GemRef object = find(d, a.bo);
   if (!object)
      return -ENOENT;
   abi::Transfer args = a;
   if (at_least(Linux::v5_11)) {
      if (object->blob_memory == uint32_t(abi::BlobMemory::guest))
         return -EINVAL;
      if (!object->is_host_blob() && (a.stride || a.layer_stride))
         return -EINVAL;
   } else {
      // Nobody looks at them, and nobody tells the host.
      args.stride = args.layer_stride = 0;
   }
   auto fence = new_fence();
   use(object, fence);
   push([this, ctx = d.ctx, id = object->resource, args,
         to_host] { host.transfer(ctx, id, args, to_host); },
        fence, {object});
   return 0;
}

int VirtgpuKernel::execbuffer(Lock &lock, Description &d, abi::Execbuffer &a)
{
   if (!options.has_3d)
      return -ENOSYS;
   const bool fences = at_least(Linux::v5_4);
   const uint32_t flags = fences ? a.flags : 0;
   uint32_t known = abi::exec_flag::fence_fd_in | abi::exec_flag::fence_fd_out;
   if (at_least(Linux::v6_1))
      known |= abi::exec_flag::ring_idx;
   if (flags & ~known)
      return -EINVAL;
   uint64_t timeline = main_timeline_;
   if (flags & abi::exec_flag::ring_idx) {
      if (a.ring_idx >= d.num_rings || !d.ring_context)
         return -EINVAL;
      timeline = d.ring_context + a.ring_idx;
   }
   const int in_fence = a.fence_fd;
   if (fences)
      a.fence_fd = -1;
   need_context(d);
   if (flags & abi::exec_flag::fence_fd_in) {
      const auto info = sync_file_info(in_fence);
      if (!info)
         return -EINVAL;
      // Fences of the same timeline come first anyway; for others the caller waits.
      if (info->context != timeline) {
         lock.unlock();
         const bool come = wait_sync_file(in_fence);
         lock.lock();
         if (!come)
            return -EINTR;
      }
   }

   std::vector<GemRef> objects;
   std::vector<uint32_t> listed;
   std::set<const GemObject *> locked;
   if (a.num_bos && !a.bos)
      return -EFAULT;
   for (uint32_t i = 0; i < a.num_bos; i++) {
      GemRef object = find(d, user<const uint32_t>(a.bos)[i]);
      if (!object)
         return -ENOENT;
      // Their reservations are locked one after the other.
      if (!locked.insert(object.get()).second)
         return -EALREADY;
      listed.push_back(object->resource);
      objects.push_back(std::move(object));
   }
   if (a.size && !a.command)
      return -EFAULT;
   if (a.size % 4)
      host.complain("a stream of " + std::to_string(a.size) + " bytes");
   const auto *first = user<const uint32_t>(a.command);
   std::vector<uint32_t> stream(first, first + a.size / 4);

   auto fence = new_fence(timeline);
   if (flags & abi::exec_flag::fence_fd_out) {
      a.fence_fd = sync_files_.create(fence);
      if (a.fence_fd < 0) {
         pending_--;
         return -EMFILE;
      }
   }
   for (const GemRef &object : objects)
      use(object, fence);
   last_bo_list = listed;
   push([this, ctx = d.ctx, stream = std::move(stream),
         listed = std::move(listed)] { host.submit(ctx, stream, &listed); },
        fence, std::move(objects));
   return 0;
}

} // namespace virgl::test
