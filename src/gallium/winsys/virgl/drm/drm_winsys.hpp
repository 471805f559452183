// SPDX-License-Identifier: MIT
// The DRM winsys from inside. Outside, drm.hpp is all there is.
//
// Threads. `submit_mutex_` is held around everything that takes a number, so that numbers are in
// the order in which the device executes. `share_mutex_` guards the table of shared resources and
// every system call that may give or close one of their GEM handles. Both may be held while the
// kernel is called, neither while something is waited for that another thread of this process has
// to do. submit_mutex_ is taken before the timeline's and the cache's.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "gallium/winsys/virgl/common/bo_cache.hpp"
#include "gallium/winsys/virgl/drm/drm.hpp"
#include "gallium/winsys/virgl/drm/kernel.hpp"
#include "gallium/winsys/virgl/drm/timeline.hpp"
#include "gallium/winsys/virgl/winsys.hpp"

namespace virgl::drm {

class DrmBo final : public Bo, public BoCache::Entry {
public:
   DrmBo(Winsys &ws, uint32_t resource, GemHandle gem, const ResourceDesc &desc)
      : Bo(ws, proto::ResourceHandle(resource), desc), gem_(std::move(gem))
   {
      map_pending_.store(desc.size != 0, std::memory_order_relaxed);
   }

private:
   friend class DrmWinsys;

   // A further reference unless the last one has been dropped already.
   bool try_reference();

   GemHandle gem_;
   // To be kept for a resource of the same description. Blobs are not: they only look like it.
   bool cacheable_ = false;
   // Imported by the number of a handle that is the caller's to close.
   bool borrowed_ = false;
   // Another name of the same thing that an import had to make: there is one for each way at most.
   // It is closed with the resource and not before, because a kernel detaches a resource from the
   // context as soon as any of its handles is closed (virtio_gpu_gem_object_close), and the host
   // knows no count of them.
   std::array<GemHandle, 2> aliases_;
   uint32_t flink_name_ = 0;
};

// What connect() found out.
struct DeviceFacts {
   proto::Caps caps;
   bool fence_fds = false;
   bool guest_blobs = false;
   bool host_blobs = false;
   // The context has a ring of its own, and the host knows transfers as commands.
   bool own_ring = false;
};

class DrmWinsys final : public Winsys {
public:
   DrmWinsys(std::unique_ptr<Device> device, const DeviceFacts &facts, const Options &options);
   ~DrmWinsys() override;

   // What submissions need from the start.
   bool prepare();

   BoRef create_resource(const ResourceDesc &desc) override;
   BoRef create_blob(const ResourceDesc &desc, BlobKind kind) override;
   BoRef import_resource(const SharedHandle &handle, const ResourceDesc &desc) override;
   bool export_resource(Bo &bo, SharedHandle &handle) override;
   bool transfer_to_host(Bo &bo, uint32_t level, const Box &box,
                         const MemoryLayout &layout) override;
   bool transfer_from_host(Bo &bo, uint32_t level, const Box &box,
                           const MemoryLayout &layout) override;
   uint64_t submit(std::span<const uint32_t> commands, std::span<Bo *const> bos, int in_fence_fd,
                   int *out_fence_fd, Urgency urgency, std::span<const uint32_t> cuts) override;
   bool wait_submission(uint64_t number, uint64_t timeout_ns) override;
   bool wait_idle(Bo &bo, uint64_t timeout_ns) override;
   bool poll_host() override;
   bool is_busy(const Bo &bo) const override;
   // The kernel shows pictures by itself.
   bool present(Bo &, uint32_t, const Box &, DisplayTarget &) override { return false; }
   void declare_lost(const char *reason) override;

private:
   void release(Bo *bo) override;
   void finish_map(Bo &bo) override;

   // -- submissions (submit_mutex_ held) ----------------------------------------------------------
   uint64_t execute(std::span<const uint32_t> commands, std::span<Bo *const> bos, int in_fence_fd,
                    int *out_fence_fd, bool awaited);
   int try_execute(std::span<const uint32_t> commands, std::span<Bo *const> bos, int in_fence_fd,
                   Timeline::Point *point, UniqueFd &out_fence);
   // Sends nothing, to be waited for. 0: that did not work, and the winsys is lost.
   uint64_t execute_marker();
   // Calls `attempt` again while it is refused for lack of memory, after having made room.
   template <typename Attempt>
   int persevere(Attempt &&attempt);
   void make_room(bool wait);
   bool transfer(Bo &bo, uint32_t level, const Box &box, const MemoryLayout &layout, bool to_host);

   // -- waiting -----------------------------------------------------------------------------------
   class Patience;
   bool wait_point(const Timeline::Point &point, uint64_t timeout_ns);
   // Whether the oldest point not known to be complete is.
   bool look_at_oldest();
   bool wait_fd(int fd, uint64_t timeout_ns);
   bool wait_gem(uint32_t gem, uint64_t timeout_ns);
   // False: there is no use in handing it to the kernel.
   bool wait_foreign_fence(int fd);

   // -- resources ---------------------------------------------------------------------------------
   DrmBo *from_cache(const ResourceDesc &desc);
   bool empty_cache();
   void destroy(BoCache::Evicted evicted);
   void destroy(DrmBo *bo);

   // -- sharing (share_mutex_ held) ---------------------------------------------------------------
   BoRef import_gem(uint32_t gem, bool opened, const SharedHandle &handle, const ResourceDesc &desc,
                    int &error);
   BoRef reference_shared(DrmBo &bo);
   void enter(DrmBo &bo);
   void leave(DrmBo &bo);
   bool known_gem(uint32_t gem) const;

   bool lose(const char *what, int error);

   const Options options_;
   const FenceKind fence_kind_;
   const bool own_ring_;
   const std::unique_ptr<Device> device_;
   Kernel kernel_;
   BoCache cache_;
   Timeline timeline_;

   std::mutex submit_mutex_;
   // The last number given.
   std::atomic<uint64_t> issued_{0};
   uint32_t submissions_since_point_ = 0;
   std::vector<uint32_t> gems_; // of the submission being made

   std::mutex map_mutex_;

   std::mutex share_mutex_;
   std::unordered_map<uint32_t, DrmBo *> shared_;      // by resource
   std::unordered_map<uint32_t, DrmBo *> flink_names_; // by name

   std::atomic<uint64_t> next_blob_{1};
};

template <typename Attempt>
int DrmWinsys::persevere(Attempt &&attempt)
{
   constexpr unsigned tries = 8;
   std::chrono::milliseconds nap{1};
   int error = attempt();
   for (unsigned i = 1; i < tries && temporary(error) && !lost(); i++) {
      const bool first = i == 1;
      make_room(!first);
      if (!first) {
         std::this_thread::sleep_for(nap);
         nap *= 2;
      }
      error = attempt();
   }
   return error;
}

} // namespace virgl::drm
