// SPDX-License-Identifier: MIT
// Creation, reuse, mapping and destruction of resources.
#include <new>
#include <unistd.h>

#include "gallium/winsys/virgl/drm/drm_winsys.hpp"
#include "protocol/packets.hpp"

namespace virgl::drm {

namespace {

uint64_t now_ns()
{
   return uint64_t(std::chrono::nanoseconds(Clock::now().time_since_epoch()).count());
}

bool out_of_memory(int error)
{
   return error == -ENOMEM || error == -ENOSPC;
}

// Bytes of whole pages; 0 where that is more than the interface can say.
uint32_t whole_pages(uint32_t bytes)
{
   const uint64_t page = uint64_t(sysconf(_SC_PAGESIZE));
   const uint64_t rounded = (bytes + page - 1) / page * page;
   return rounded > UINT32_MAX ? 0 : uint32_t(rounded);
}

} // namespace

// -- the cache ------------------------------------------------------------------------------------

DrmBo *DrmWinsys::from_cache(const ResourceDesc &desc)
{
   bool saw_busy = false;
   BoCache::Entry *e = cache_.take(
      desc, [&](const BoCache::Entry &e) { return !is_busy(static_cast<const DrmBo &>(e)); },
      saw_busy);
   if (e || !saw_busy)
      return static_cast<DrmBo *>(e);

   // They may only look busy because nobody has waited for anything lately. To ask about the first
   // one costs far less than to create another, and the answer holds for all used before it.
   bool asked = false;
   e = cache_.take(
      desc,
      [&](const BoCache::Entry &e) {
         auto &bo = static_cast<const DrmBo &>(e);
         if (!std::exchange(asked, true)) {
            const uint64_t number = bo.last_use();
            abi::Wait request{.bo = bo.gem_.get(), .flags = abi::wait_flag::no_wait};
            if (kernel_.call(abi::ioctl_wait, request) == 0)
               note_complete(number);
         }
         return !is_busy(bo);
      },
      saw_busy);
   return static_cast<DrmBo *>(e);
}

bool DrmWinsys::empty_cache()
{
   BoCache::Evicted gone = cache_.flush();
   const bool any = !gone.empty();
   destroy(gone);
   return any;
}

void DrmWinsys::destroy(BoCache::Evicted evicted)
{
   while (BoCache::Entry *e = evicted.pop())
      destroy(static_cast<DrmBo *>(e));
}

void DrmWinsys::destroy(DrmBo *bo)
{
   if (bo->map_)
      kernel_.unmap(bo->map_, bo->size());
   if (bo->borrowed_)
      bo->gem_.release();
   delete bo;
}

// -- creation -------------------------------------------------------------------------------------

BoRef DrmWinsys::create_resource(const ResourceDesc &desc)
{
   if (lost())
      return {};
   if (BoCache::cacheable(desc)) {
      if (DrmBo *bo = from_cache(desc)) {
         revive(*bo);
         return BoRef::adopt(bo);
      }
   }

   abi::ResourceCreate request;
   request.target = desc.target;
   request.format = uint32_t(desc.format);
   request.bind = desc.bind;
   request.width = desc.width;
   request.height = desc.height;
   request.depth = desc.depth;
   request.array_size = desc.array_size;
   request.last_level = desc.last_level;
   request.nr_samples = desc.nr_samples;
   request.flags = desc.flags;
   request.size = desc.size;
   int error = kernel_.call(abi::ioctl_resource_create, request);
   if (out_of_memory(error) && empty_cache())
      error = kernel_.call(abi::ioctl_resource_create, request);
   if (error != 0)
      return {};
   // Owned by the object or, where there is none, closed again.
   GemHandle gem(kernel_, request.bo);
   auto *bo = new (std::nothrow) DrmBo(*this, request.resource, std::move(gem), desc);
   if (bo)
      bo->cacheable_ = BoCache::cacheable(desc);
   return BoRef::adopt(bo);
}

BoRef DrmWinsys::create_blob(const ResourceDesc &desc, BlobKind kind)
{
   const bool on_host = kind == BlobKind::host_mapped;
   ResourceDesc rounded = desc;
   rounded.size = whole_pages(desc.size);
   if (lost() || rounded.size == 0 || !(on_host ? features_.host_blobs : features_.guest_blobs))
      return {};

   abi::ResourceCreateBlob request;
   request.size = rounded.size;
   std::array<uint32_t, 1 + proto::PipeResourceCreate::fixed_dwords> command;
   if (on_host) {
      // The kernel has the host execute the command and then take what came of it under this
      // number, so that each number can be used once.
      const uint64_t blob = next_blob_.fetch_add(1, std::memory_order_relaxed);
      if (blob > UINT32_MAX)
         return {};
      proto::PipeResourceCreate{.target = desc.target,
                                .format = desc.format,
                                .bind = desc.bind,
                                .width = desc.width,
                                .height = desc.height,
                                .depth = desc.depth,
                                .array_size = desc.array_size,
                                .last_level = desc.last_level,
                                .nr_samples = desc.nr_samples,
                                .flags = desc.flags,
                                .blob_id = uint32_t(blob)}
         .write(command.data());
      request.memory = abi::BlobMemory::host3d;
      request.flags = abi::blob_flag::mappable;
      request.command_size = sizeof command;
      request.command = uint64_t(reinterpret_cast<uintptr_t>(command.data()));
      request.blob_id = blob;
   } else {
      request.memory = abi::BlobMemory::guest;
      request.flags = abi::blob_flag::mappable | abi::blob_flag::shareable;
   }
   int error = kernel_.call(abi::ioctl_resource_create_blob, request);
   // The command may have been executed: not a second time with the same number.
   if (out_of_memory(error) && !on_host && empty_cache())
      error = kernel_.call(abi::ioctl_resource_create_blob, request);
   if (error != 0)
      return {};
   GemHandle gem(kernel_, request.bo);
   return BoRef::adopt(new (std::nothrow) DrmBo(*this, request.resource, std::move(gem), rounded));
}

// -- memory ---------------------------------------------------------------------------------------

void DrmWinsys::finish_map(Bo &any)
{
   auto &bo = static_cast<DrmBo &>(any);
   std::lock_guard lock(map_mutex_);
   if (!bo.map_pending_.load(std::memory_order_acquire))
      return;
   if (!lost()) {
      bo.map_ = kernel_.map(bo.gem_.get(), bo.size());
      // A process may have only so many mappings, and the cache holds some.
      if (!bo.map_ && empty_cache())
         bo.map_ = kernel_.map(bo.gem_.get(), bo.size());
   }
   bo.map_pending_.store(false, std::memory_order_release);
}

void DrmWinsys::release(Bo *any)
{
   auto *bo = static_cast<DrmBo *>(any);
   if (bo->external_.load(std::memory_order_acquire)) {
      // An import of the same resource either finds it in the table or a handle that is closed.
      std::lock_guard lock(share_mutex_);
      leave(*bo);
      destroy(bo);
      return;
   }
   const bool unmappable =
      bo->size() && !bo->map_ && !bo->map_pending_.load(std::memory_order_acquire);
   if (!lost() && !unmappable && bo->cacheable_) {
      BoCache::Evicted gone = cache_.add(*bo, bo->desc(), now_ns());
      if (!gone.empty())
         destroy(gone);
   } else {
      destroy(bo);
   }
}

} // namespace virgl::drm
