// SPDX-License-Identifier: MIT
// The one interface between the driver and what carries its commands to a host.
//
// An implementation (vtest, DRM; capture later) turns these calls into messages or ioctls.
// The driver includes this header and nothing of an implementation.
//
// Thread-safety: every member function of Winsys and Bo may be called from any thread at any time.
// Errors: once the host is gone or has answered nonsense the winsys is *lost*: it prints one line
// on stderr, `lost()` answers true for ever, every wait returns at once as if done, and every other
// call fails harmlessly. No call blocks for ever on a host that died.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "protocol/caps.hpp"
#include "protocol/enums.hpp"

namespace virgl {

class Winsys;

// The block of a format: its size in texels and in bytes (1x1x1 for buffers).
struct FormatBlock {
   uint8_t width = 1;
   uint8_t height = 1;
   uint8_t bytes = 1;

   bool operator==(const FormatBlock &) const = default;
};

// What the host is told of a resource; sizes in texels (bytes for buffers). `target`, `bind` and
// `flags` carry the protocol's own numbers (proto::bind, virgl_hw.h), which Gallium's are mapped to
// by the driver.
struct ResourceDesc {
   uint32_t target = 0;
   proto::Format format{};
   uint32_t bind = 0;
   uint32_t width = 1;
   uint32_t height = 1;
   uint32_t depth = 1;
   uint32_t array_size = 1;
   uint32_t last_level = 0;
   uint32_t nr_samples = 0;
   uint32_t flags = 0;
   // Bytes of guest memory behind the resource; 0 = none (multisampled textures).
   uint32_t size = 0;
   // Not told to the host: what a winsys needs to know to count the bytes of a region.
   FormatBlock block{};

   bool operator==(const ResourceDesc &) const = default;
};

// A region of one level in texels (bytes for buffers: x and width).
struct Box {
   uint32_t x = 0, y = 0, z = 0;
   uint32_t width = 1, height = 1, depth = 1;
};

// Where a region lies in the guest memory of a resource: bytes.
struct MemoryLayout {
   uint32_t offset = 0;
   uint32_t stride = 0;
   uint32_t layer_stride = 0;
};

// A host resource with its guest memory. Counted: BoRef owns one reference; the last one hands the
// object back to its winsys, which may keep it in its cache.
class Bo {
public:
   Bo(const Bo &) = delete;
   Bo &operator=(const Bo &) = delete;

   proto::ResourceHandle handle() const { return handle_; }
   const ResourceDesc &desc() const { return desc_; }
   uint32_t size() const { return desc_.size; }

   // The guest memory, mapped for the lifetime of the object; nullptr where there is none or it
   // could not be mapped. The first call on a new resource may have to wait until the host has come
   // to its creation (a winsys may create without waiting), so do not map what is not accessed.
   inline std::byte *map() const;

   // Whether anybody but the one who asks holds a reference.
   bool shared() const { return refs_.load(std::memory_order_acquire) > 1; }

   // The submission or transfer (Winsys's numbers) that last used it; 0 = none.
   uint64_t last_use() const { return last_use_.load(std::memory_order_acquire); }

   // Made by another process: desc() is what its first importer here took it for.
   bool imported() const { return imported_; }

   // An imported blob: the host has memory for it, but may not know what it is a picture of.
   bool untyped() const { return untyped_; }
   // Of such: memory of the host's, of which it can be told. Of guest pages it makes no picture.
   bool host_memory() const { return host_memory_; }

   // As what an untyped one was made known to the host's context of this winsys: kept by the driver,
   // which has a lock for it.
   struct Picture {
      proto::Format format = proto::Format::NONE;
      uint32_t width = 0, height = 0, stride = 0, offset = 0;
      uint64_t modifier = 0;
      bool operator==(const Picture &) const = default;
   };
   std::optional<Picture> picture;

   // Batches being recorded that name it: while this is not 0 the resource is busy whatever
   // last_use says. Kept by the driver's batch.
   std::atomic<uint32_t> recording_batches{0};

   // Whose batch uses it, or that several do: only compared, kept by the driver's batch. And whether
   // another process may be using it.
   std::atomic<const void *> last_user{nullptr};
   bool external() const { return external_.load(std::memory_order_acquire); }

   // Where the batch that last looked put it (a hint, to be verified): makes adding it O(1).
   std::atomic<uint32_t> batch_hint{0};

protected:
   Bo(Winsys &ws, proto::ResourceHandle handle, const ResourceDesc &desc)
       : ws_(ws), handle_(handle), desc_(desc)
   {
   }
   ~Bo() = default;

   Winsys &ws_;
   proto::ResourceHandle handle_;
   ResourceDesc desc_;
   // Written before map_pending_ becomes false, constant from then on.
   std::byte *map_ = nullptr;
   bool imported_ = false; // these three: set before anybody else sees the object
   bool untyped_ = false;
   bool host_memory_ = false;
   std::atomic<bool> map_pending_{false};
   std::atomic<uint64_t> last_use_{0};
   std::atomic<uint32_t> refs_{1};
   std::atomic<bool> external_{false};

   friend class BoRef;
   friend class Winsys;
};

// Owns one reference to a Bo.
class BoRef {
public:
   BoRef() = default;
   // A further reference to an object that somebody else keeps alive meanwhile.
   static BoRef share(Bo &bo)
   {
      bo.refs_.fetch_add(1, std::memory_order_relaxed);
      return adopt(&bo);
   }
   // Takes over the reference the caller holds.
   static BoRef adopt(Bo *bo)
   {
      BoRef r;
      r.bo_ = bo;
      return r;
   }
   BoRef(const BoRef &o) : bo_(o.bo_)
   {
      if (bo_)
         bo_->refs_.fetch_add(1, std::memory_order_relaxed);
   }
   BoRef(BoRef &&o) noexcept : bo_(std::exchange(o.bo_, nullptr)) {}
   BoRef &operator=(BoRef o) noexcept
   {
      std::swap(bo_, o.bo_);
      return *this;
   }
   ~BoRef() { reset(); }
   inline void reset();

   Bo *get() const { return bo_; }
   Bo *operator->() const { return bo_; }
   Bo &operator*() const { return *bo_; }
   explicit operator bool() const { return bo_ != nullptr; }

private:
   Bo *bo_ = nullptr;
};

// Where a finished picture goes: implemented by the target for the loader in use (the software
// loader's display target on vtest). All calls come from the thread that presents.
class DisplayTarget {
public:
   virtual ~DisplayTarget() = default;
   // Memory of the visible surface, `stride` bytes per row; nullptr if it cannot be mapped.
   virtual std::byte *map(uint32_t &stride) = 0;
   virtual void unmap() = 0;
   // How bytes get there from the guest memory of the picture: a part of a row, or whole rows.
   virtual void copy(std::byte *to, const std::byte *from, size_t bytes) const
   {
      std::memcpy(to, from, bytes);
   }
};

// What this winsys and its host can do beyond the basic set.
struct WinsysFeatures {
   // Guest memory is shared with the host, so TRANSFER3D and COPY_TRANSFER3D may stand in the
   // stream (vtest from protocol version 2 on, every virtio-gpu kernel).
   bool encoded_transfers = false;
   // Submissions take and give sync-file descriptors.
   bool fence_fds = false;
   // Resources can be exported to and imported from other processes.
   bool sharing = false;
   // create_blob() works for memory of the guest's, or of the host's that the guest can map.
   bool guest_blobs = false;
   bool host_blobs = false;
};

// Whose memory a blob resource is.
enum class BlobKind : uint8_t {
   guest,       // pages of the guest; the host has no storage of its own
   host_mapped, // the host's own storage, mapped into the guest: no transfers, coherent
};

// How soon a submission should be with the host.
enum class Urgency : uint8_t {
   usual,
   awaited, // somebody is going to wait for this very submission (a fence): that should be cheap
};

// How another process, or another part of this one, names a resource.
enum class ShareKind : uint8_t {
   flink,   // a global GEM name of the device
   kms,     // the GEM handle in the file description of this winsys; the name stays the winsys'
   dma_buf, // a descriptor
};

struct SharedHandle {
   ShareKind kind = ShareKind::dma_buf;
   uint32_t name = 0; // flink, kms
   int fd = -1;       // dma_buf. Import: borrowed. Export: the caller owns it
};

class Winsys {
public:
   virtual ~Winsys() = default;

   const proto::Caps &caps() const { return caps_; }
   const WinsysFeatures &features() const { return features_; }
   bool lost() const { return lost_.load(std::memory_order_acquire); }

   // A new resource, or one of the same description from the cache (contents undefined). An empty
   // reference when the host or the guest refuses (out of memory, lost).
   virtual BoRef create_resource(const ResourceDesc &desc) = 0;

   // A blob resource of this description, never from the cache; desc.size bytes are rounded up to
   // pages. Empty when the kind is not offered (features) or refused.
   virtual BoRef create_blob(const ResourceDesc &, BlobKind) { return {}; }

   // The resource that `handle` names. The same resource imported twice, or imported where it was
   // made, is the same Bo. `desc` is how the importer sees it; a Bo that exists keeps its own.
   // The result's size() is what the kernel says. Empty, with errno set, when refused (no such
   // resource, another device's memory, `sharing` not offered).
   virtual BoRef import_resource(const SharedHandle &handle, const ResourceDesc &desc);
   // Fills in `handle` according to handle.kind. From here on others may use the resource: it is
   // never reused for another one, and counts as busy until the host was asked.
   virtual bool export_resource(Bo &bo, SharedHandle &handle);

   // Moves a region between guest memory and host storage, in order with earlier submissions. The
   // guest memory may be reused (to_host) or read (from_host) only after wait_idle() on the
   // resource. A transfer takes a number of the same row as submissions. False: refused or lost.
   virtual bool transfer_to_host(Bo &bo, uint32_t level, const Box &box,
                                 const MemoryLayout &layout) = 0;
   virtual bool transfer_from_host(Bo &bo, uint32_t level, const Box &box,
                                   const MemoryLayout &layout) = 0;

   // Sends a finished stream of whole commands. `bos` are the resources it names, each once.
   // `in_fence_fd` is a sync file to wait for (-1: none), borrowed. `out_fence_fd`, where not null,
   // receives a sync file the caller owns (-1 where fence_fds is not offered).
   // `cuts` are dwords at which commands begin, ascending: a winsys that says joins_parts() has the host
   // execute what stands between them as submissions of their own, one right after the other. Others
   // ignore them, and so is what is more than most_parts.
   // Returns the submission's number, which grows from call to call (transfers take numbers too);
   // 0 when it failed (the winsys is then lost).
   virtual uint64_t submit(std::span<const uint32_t> commands, std::span<Bo *const> bos,
                           int in_fence_fd, int *out_fence_fd, Urgency urgency = Urgency::usual,
                           std::span<const uint32_t> cuts = {}) = 0;
   static constexpr size_t most_parts = 16;

   // The same, followed by a read-back of the picture `fetched`, level 0 of a single layer. Somebody is
   // going to wait for both at once, so an implementation makes that cheap. 0 also when only the
   // read-back is refused.
   virtual uint64_t submit_and_fetch(std::span<const uint32_t> commands, std::span<Bo *const> bos,
                                     int in_fence_fd, int *out_fence_fd, Bo &fetched,
                                     std::span<const uint32_t> cuts = {})
   {
      const uint64_t number =
         submit(commands, bos, in_fence_fd, out_fence_fd, Urgency::awaited, cuts);
      const Box all{.width = fetched.desc().width, .height = fetched.desc().height};
      return number && transfer_from_host(fetched, 0, all, {}) ? number : 0;
   }

   // Whether what is recorded had better become a part of the next submission than be sent: parts travel
   // together here, and the host, as far as is known without asking it, has work to do.
   virtual bool joins_parts() { return false; }

   // The next submission is going to be waited for at once, by wait_idle(): what that takes had better
   // go with it.
   virtual void expect_wait() {}

   // Whether submission `number` and all before it are known to be complete: no system call.
   bool known_complete(uint64_t number) const
   {
      return number <= completed_.load(std::memory_order_acquire) || lost();
   }

   // Whether the host is known to have executed everything up to `number`, so that it is done with
   // the guest memory the commands and transfers name (query results excepted), while its GPU may
   // still be working. True earlier than known_complete(); no system call.
   bool known_executed(uint64_t number) const
   {
      return number <= executed_.load(std::memory_order_acquire) || known_complete(number);
   }

   // Waits until submission `number` is complete, `timeout_ns` nanoseconds at most (0: ask only,
   // UINT64_MAX: for ever). False when the time is up. A lost winsys counts as complete.
   virtual bool wait_submission(uint64_t number, uint64_t timeout_ns) = 0;

   // Waits until no submission or transfer uses the resource's *guest memory*. That can be earlier
   // than the end of the submission: a host that has executed a transfer of its stream is done with
   // the memory even while its GPU works on. Guest memory which the host writes when its GPU gets
   // there (query results: resources with the bind flag `custom` or `query_buffer`) is idle only
   // when the submission is complete.
   virtual bool wait_idle(Bo &bo, uint64_t timeout_ns) = 0;
   // One round trip that lets the host attend to what it does only between messages (collecting
   // query results). False when lost.
   virtual bool poll_host() { return !lost(); }
   // Whether a submission or transfer may still use it: no system call, may err towards busy.
   virtual bool is_busy(const Bo &bo) const = 0;

   // Reads the region of level `level`, layer `box.z` back and writes it to the same place of
   // `target`, waiting for it. False: refused or lost.
   virtual bool present(Bo &bo, uint32_t level, const Box &box, DisplayTarget &target) = 0;

   // Makes the winsys lost from outside (the driver found the host broken): prints `reason` once.
   virtual void declare_lost(const char *reason) = 0;

protected:
   friend class BoRef;
   friend class Bo;
   // Called with the last reference dropped.
   virtual void release(Bo *bo) = 0;
   // Called by Bo::map() while the mapping is pending; clears map_pending_ (also when it failed).
   virtual void finish_map(Bo &bo) = 0;

   static void set_last_use(Bo &bo, uint64_t number)
   {
      bo.last_use_.store(number, std::memory_order_release);
   }
   static void revive(Bo &bo)
   {
      bo.last_user.store(nullptr, std::memory_order_relaxed);
      bo.refs_.store(1, std::memory_order_relaxed);
   }
   void note_complete(uint64_t number) { raise(completed_, number); }
   void note_executed(uint64_t number) { raise(executed_, number); }

   proto::Caps caps_{};
   WinsysFeatures features_{};
   std::atomic<bool> lost_{false};
   std::atomic<uint64_t> completed_{0};
   std::atomic<uint64_t> executed_{0};

private:
   static void raise(std::atomic<uint64_t> &to, uint64_t number)
   {
      uint64_t seen = to.load(std::memory_order_relaxed);
      while (seen < number && !to.compare_exchange_weak(seen, number, std::memory_order_release))
         ;
   }
};

inline std::byte *Bo::map() const
{
   if (map_pending_.load(std::memory_order_acquire)) [[unlikely]]
      ws_.finish_map(const_cast<Bo &>(*this));
   return map_;
}

inline BoRef Winsys::import_resource(const SharedHandle &, const ResourceDesc &)
{
   errno = ENOTSUP;
   return {};
}

inline bool Winsys::export_resource(Bo &, SharedHandle &)
{
   errno = ENOTSUP;
   return false;
}

inline void BoRef::reset()
{
   if (Bo *bo = std::exchange(bo_, nullptr)) {
      if (bo->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1)
         bo->ws_.release(bo);
   }
}

} // namespace virgl
