// SPDX-License-Identifier: MIT
// Creation, reuse and destruction of resources on a vtest host.
#include <cstdlib>
#include <new>
#include <sys/mman.h>

#include "gallium/winsys/virgl/vtest/vtest_winsys.hpp"

namespace virgl::vtest {

namespace {

// The fields that resource_create and resource_create2 have in common.
template <typename Request> Request creation(const Bo &bo)
{
   const ResourceDesc &d = bo.desc();
   Request r;
   r.resource = bo.handle();
   r.target = d.target;
   r.format = d.format;
   r.bind = d.bind;
   r.width = d.width;
   r.height = d.height;
   r.depth = d.depth;
   r.array_size = d.array_size;
   r.last_level = d.last_level;
   r.nr_samples = d.nr_samples;
   return r;
}

} // namespace

VtestBo::~VtestBo()
{
   switch (memory_.load(std::memory_order_acquire)) {
   case Memory::shared:
      munmap(map_, desc_.size);
      break;
   case Memory::heap:
      free(map_);
      break;
   case Memory::none:
   case Memory::pending:
   case Memory::orphaned:
      break;
   }
}

template <typename Request> bool VtestWinsys::send_request(const Request &request)
{
   std::array<uint32_t, wire::header_dwords + Request::fixed_dwords> raw;
   request.write(raw.data());
   iovec part{raw.data(), sizeof raw};
   return send({&part, 1});
}

VtestBo *VtestWinsys::from_cache(const ResourceDesc &desc)
{
   auto idle = [this](const BoCache::Entry &e) {
      return !is_busy(static_cast<const VtestBo &>(e));
   };
   bool saw_busy = false;
   BoCache::Entry *e = cache_.take(desc, idle, saw_busy);
   if (!e && saw_busy) {
      // All may look busy only because the answer that says otherwise has not been read yet.
      receive_arrived();
      e = cache_.take(desc, idle, saw_busy);
      if (!e && saw_busy)
         curious_.store(true, std::memory_order_relaxed);
   }
   return static_cast<VtestBo *>(e);
}

BoRef VtestWinsys::create_resource(const ResourceDesc &desc)
{
   if (lost())
      return {};
   if (BoCache::cacheable(desc)) {
      if (VtestBo *bo = from_cache(desc)) {
         revive(*bo);
         return BoRef::adopt(bo);
      }
   }

   auto *bo = new (std::nothrow) VtestBo(*this, proto::ResourceHandle::none, desc);
   if (!bo)
      return {};
   if (!create_on_host(*bo)) {
      // The queue may still name it; the host is lost then, and the queue ends with the winsys.
      discard(*bo);
      return {};
   }
   return BoRef::adopt(bo);
}

bool VtestWinsys::create_on_host(VtestBo &bo)
{
   const uint32_t size = bo.size();
   if (size && !has_shared_memory()) {
      // Whole cache lines: neither 0 bytes nor a neighbour's line.
      constexpr size_t line = 64;
      bo.map_ = static_cast<std::byte *>(aligned_alloc(line, (size_t(size) + line - 1) & -line));
      if (!bo.map_)
         return false;
      bo.memory_.store(VtestBo::Memory::heap, std::memory_order_relaxed);
   }

   Ticket needed = 0;
   {
      std::lock_guard lock(send_mutex_);
      if (version_ < 3) {
         // The client names its resources. A name is never used twice: whoever compares handles to
         // see whether something is bound already must not meet an old one again.
         if (next_handle_ == 0)
            return false;
         bo.handle_ = proto::ResourceHandle(next_handle_++);
      }

      if (!has_shared_memory())
         return send_request(creation<wire::ResourceCreate>(bo));

      if (version_ >= 3) {
         needed = expect({.answer = Answer::handle, .bo = &bo});
         if (!needed)
            return false;
      }
      if (size) {
         bo.map_pending_.store(true, std::memory_order_relaxed);
         bo.memory_.store(VtestBo::Memory::pending, std::memory_order_relaxed);
         if (!expect({.answer = Answer::memory, .bo = &bo})) {
            bo.memory_.store(VtestBo::Memory::none, std::memory_order_relaxed);
            return false;
         }
      }
      auto request = creation<wire::ResourceCreate2>(bo);
      request.data_size = size;
      if (!send_request(request))
         return false;
   }
   return needed ? await(needed) : true;
}

void VtestWinsys::discard(VtestBo &bo)
{
   // Where the answer to its creation is still owed, who reads that finds it orphaned.
   auto state = VtestBo::Memory::pending;
   if (!bo.memory_.compare_exchange_strong(state, VtestBo::Memory::orphaned,
                                           std::memory_order_acq_rel))
      delete &bo;
}

void VtestWinsys::release(Bo *bo)
{
   auto *own = static_cast<VtestBo *>(bo);
   BoCache::Evicted gone;
   if (!lost() && BoCache::cacheable(own->desc())) {
      gone = cache_.add(*own, own->desc(), now_ns());
   } else {
      gone.push(own);
   }
   if (!gone.empty())
      destroy(std::move(gone));
}

void VtestWinsys::destroy(BoCache::Evicted evicted)
{
   // Old entries leave the cache in groups: one system call for many.
   constexpr size_t group = 32;
   using Request = wire::ResourceUnref;
   constexpr size_t dwords = wire::header_dwords + Request::fixed_dwords;
   std::array<uint32_t, group * dwords> raw;

   for (;;) {
      uint32_t *end = raw.data();
      while (end < raw.data() + raw.size()) {
         auto *bo = static_cast<VtestBo *>(evicted.pop());
         if (!bo)
            break;
         end = Request{.resource = bo->handle()}.write(end);
         discard(*bo);
      }
      if (end == raw.data())
         return;
      if (!lost()) {
         iovec part{raw.data(), size_t(end - raw.data()) * sizeof(uint32_t)};
         std::lock_guard lock(send_mutex_);
         send({&part, 1});
      }
   }
}

} // namespace virgl::vtest
