// SPDX-License-Identifier: MIT
// Resources that others use as well: flink names, GEM handles of the same file description,
// dma-bufs.
//
// The kernel gives one resource several handles: each opening of a flink name makes a new one,
// while a dma-buf has one per file description, which every import of it returns without counting.
// So a resource is known by its number on the host, and what was imported twice is one object whose
// handles are closed once, at its end.
#include <drm.h>
#include <fcntl.h>
#include <new>

#include "gallium/winsys/virgl/drm/drm_winsys.hpp"

namespace virgl::drm {

bool DrmBo::try_reference()
{
   // Who sees that it is over must see all that was done before.
   uint32_t refs = refs_.load(std::memory_order_acquire);
   while (refs != 0) {
      if (refs_.compare_exchange_weak(refs, refs + 1, std::memory_order_acq_rel,
                                      std::memory_order_acquire))
         return true;
   }
   return false;
}

// -- the table ------------------------------------------------------------------------------------

void DrmWinsys::enter(DrmBo &bo)
{
   shared_[uint32_t(bo.handle())] = &bo;
   if (bo.flink_name_)
      flink_names_[bo.flink_name_] = &bo;
   bo.external_.store(true, std::memory_order_release);
}

void DrmWinsys::leave(DrmBo &bo)
{
   // An import that came between the last reference and this has put another in its place.
   if (auto it = shared_.find(uint32_t(bo.handle())); it != shared_.end() && it->second == &bo)
      shared_.erase(it);
   if (auto it = flink_names_.find(bo.flink_name_); it != flink_names_.end() && it->second == &bo)
      flink_names_.erase(it);
}

bool DrmWinsys::known_gem(uint32_t gem) const
{
   for (auto &[resource, bo] : shared_) {
      if (bo->gem_.get() == gem || bo->aliases_[0].get() == gem || bo->aliases_[1].get() == gem)
         return true;
   }
   return false;
}

BoRef DrmWinsys::reference_shared(DrmBo &bo)
{
   if (bo.try_reference())
      return BoRef::adopt(&bo);

   // Its last reference is gone, and the thread that dropped it is on its way to release(), where
   // it waits for share_mutex_. What it finds there is an object that has nothing to close: the
   // handles live on in a new one, the mapping ends with the old.
   auto *heir =
      new (std::nothrow) DrmBo(*this, uint32_t(bo.handle()), std::move(bo.gem_), bo.desc());
   if (!heir)
      return {};
   heir->borrowed_ = bo.borrowed_;
   heir->imported_ = bo.imported_;
   heir->untyped_ = bo.untyped_;
   heir->host_memory_ = bo.host_memory_;
   heir->picture = bo.picture;
   heir->aliases_ = std::move(bo.aliases_);
   heir->flink_name_ = bo.flink_name_;
   set_last_use(*heir, bo.last_use());
   enter(*heir);
   return BoRef::adopt(heir);
}

// -- import ---------------------------------------------------------------------------------------

// `opened`: the kernel may have made the handle for us, so that it is ours to close.
BoRef DrmWinsys::import_gem(uint32_t gem, bool opened, const SharedHandle &handle,
                            const ResourceDesc &desc, int &error)
{
   // Ours to close unless it turns out to be known already.
   GemHandle own(kernel_, opened && !known_gem(gem) ? gem : 0);

   abi::ResourceInfo info{.bo = gem};
   error = kernel_.call(abi::ioctl_resource_info, info);
   if (error != 0)
      return {};

   const uint32_t name = handle.kind == ShareKind::flink ? handle.name : 0;
   if (auto it = shared_.find(info.resource); it != shared_.end()) {
      BoRef known = reference_shared(*it->second);
      if (!known) {
         error = -ENOMEM;
         return {};
      }
      auto &bo = static_cast<DrmBo &>(*known);
      if (own) {
         for (GemHandle &alias : bo.aliases_) {
            if (!alias) {
               alias = std::move(own);
               break;
            }
         }
      }
      if (name) {
         bo.flink_name_ = name;
         flink_names_[name] = &bo;
      }
      return known;
   }

   ResourceDesc described = desc;
   described.size = info.size;
   const bool borrowed = !opened;
   if (borrowed)
      own = GemHandle(kernel_, gem);
   auto *bo = new (std::nothrow) DrmBo(*this, info.resource, std::move(own), described);
   if (!bo) {
      if (borrowed)
         own.release();
      error = -ENOMEM;
      return {};
   }
   bo->borrowed_ = borrowed;
   bo->imported_ = true;
   // Before there were blobs the field had another meaning, and nothing was written to it.
   bo->untyped_ = info.blob_memory != 0;
   bo->host_memory_ = info.blob_memory == uint32_t(abi::BlobMemory::host3d) ||
                      info.blob_memory == uint32_t(abi::BlobMemory::host3d_guest);
   bo->flink_name_ = name;
   enter(*bo);
   return BoRef::adopt(bo);
}

BoRef DrmWinsys::import_resource(const SharedHandle &handle, const ResourceDesc &desc)
{
   int error = -ENODEV;
   BoRef result;
   if (!lost()) {
      std::lock_guard lock(share_mutex_);
      error = 0;
      switch (handle.kind) {
      case ShareKind::flink: {
         if (auto it = flink_names_.find(handle.name); it != flink_names_.end()) {
            result = reference_shared(*it->second);
            error = result ? 0 : -ENOMEM;
            break;
         }
         drm_gem_open request{};
         request.name = handle.name;
         error = kernel_.call(DRM_IOCTL_GEM_OPEN, request);
         if (error == 0)
            result = import_gem(request.handle, true, handle, desc, error);
         break;
      }
      case ShareKind::dma_buf: {
         drm_prime_handle request{};
         request.fd = handle.fd;
         error = kernel_.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, request);
         if (error == 0)
            result = import_gem(request.handle, true, handle, desc, error);
         break;
      }
      case ShareKind::kms:
         // The handle belongs to whoever made it, in this very file description: we use it as long
         // as he keeps it, and he closes it.
         result = import_gem(handle.name, false, handle, desc, error);
         break;
      }
   }
   if (error != 0)
      errno = -error;
   return result;
}

// -- export ---------------------------------------------------------------------------------------

bool DrmWinsys::export_resource(Bo &any, SharedHandle &handle)
{
   auto &bo = static_cast<DrmBo &>(any);
   int error = -ENODEV;
   if (!lost()) {
      std::lock_guard lock(share_mutex_);
      error = 0;
      switch (handle.kind) {
      case ShareKind::flink:
         if (!bo.flink_name_) {
            drm_gem_flink request{};
            request.handle = bo.gem_.get();
            error = kernel_.call(DRM_IOCTL_GEM_FLINK, request);
            if (error == 0)
               bo.flink_name_ = request.name;
         }
         handle.name = bo.flink_name_;
         break;
      case ShareKind::kms:
         handle.name = bo.gem_.get();
         break;
      case ShareKind::dma_buf: {
         drm_prime_handle request{};
         request.handle = bo.gem_.get();
         request.flags = DRM_CLOEXEC | DRM_RDWR;
         request.fd = -1;
         error = kernel_.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, request);
         handle.fd = error == 0 ? request.fd : -1;
         break;
      }
      }
      if (error == 0)
         enter(bo);
   }
   if (error != 0)
      errno = -error;
   return error == 0;
}

} // namespace virgl::drm
