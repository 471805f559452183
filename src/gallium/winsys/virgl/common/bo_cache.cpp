// SPDX-License-Identifier: MIT
#include "gallium/winsys/virgl/common/bo_cache.hpp"

#include <algorithm>

namespace virgl {

namespace {

// PIPE_BUFFER, which the protocol took over.
constexpr uint32_t target_buffer = 0;

constexpr uint32_t cacheable_bind =
   proto::bind::vertex_buffer | proto::bind::index_buffer | proto::bind::constant_buffer |
   proto::bind::command_args | proto::bind::stream_output | proto::bind::shader_buffer |
   proto::bind::query_buffer | proto::bind::sampler_view | proto::bind::custom |
   proto::bind::staging;

} // namespace

bool BoCache::cacheable(const ResourceDesc &desc)
{
   return desc.target == target_buffer && (desc.bind & ~cacheable_bind) == 0;
}

size_t BoCache::Hash::operator()(const ResourceDesc &d) const
{
   // Only what differs between buffers; equality decides about the rest.
   uint64_t h = (uint64_t(d.width) << 32 | d.bind) * 0x9e3779b97f4a7c15u;
   h ^= (uint64_t(d.size) << 32 | uint32_t(d.format)) * 0xc2b2ae3d27d4eb4fu;
   return size_t(h ^ (h >> 29));
}

void BoCache::unlink(Entry &e)
{
   (e.older_ ? e.older_->newer_ : oldest_) = e.newer_;
   (e.newer_ ? e.newer_->older_ : newest_) = e.older_;
   (e.older_alike_ ? e.older_alike_->newer_alike_ : e.bucket_->oldest) = e.newer_alike_;
   (e.newer_alike_ ? e.newer_alike_->older_alike_ : e.bucket_->newest) = e.older_alike_;
   e.older_ = e.newer_ = e.older_alike_ = e.newer_alike_ = nullptr;
   e.bucket_ = nullptr;
   bytes_ -= e.bytes_;
}

void BoCache::evict_old(uint64_t now_ns, Evicted &out)
{
   while (oldest_ && (bytes_ > limits_.bytes || now_ns - oldest_->released_ns_ > limits_.age_ns)) {
      Entry *e = oldest_;
      unlink(*e);
      out.push(e);
   }
}

BoCache::Evicted BoCache::add(Entry &entry, const ResourceDesc &desc, uint64_t now_ns)
{
   Evicted out;
   // One giant must not push out all the small ones that are wanted again and again.
   if (desc.size > limits_.bytes / 4) {
      out.push(&entry);
      return out;
   }

   std::lock_guard lock(mutex_);
   Bucket &bucket = buckets_[desc];
   // Callers read the clock before they get the lock; the list stays in order all the same.
   entry.released_ns_ = newest_ ? std::max(now_ns, newest_->released_ns_) : now_ns;
   entry.bytes_ = desc.size;
   entry.bucket_ = &bucket;
   entry.older_ = newest_;
   (newest_ ? newest_->newer_ : oldest_) = &entry;
   newest_ = &entry;
   entry.older_alike_ = bucket.newest;
   (bucket.newest ? bucket.newest->newer_alike_ : bucket.oldest) = &entry;
   bucket.newest = &entry;
   bytes_ += entry.bytes_;

   evict_old(entry.released_ns_, out);
   return out;
}

BoCache::Evicted BoCache::trim(uint64_t now_ns)
{
   Evicted out;
   std::lock_guard lock(mutex_);
   if (oldest_ && now_ns > oldest_->released_ns_)
      evict_old(now_ns, out);
   if (!oldest_)
      buckets_.clear();
   return out;
}

BoCache::Evicted BoCache::flush()
{
   Evicted out;
   std::lock_guard lock(mutex_);
   while (Entry *e = oldest_) {
      unlink(*e);
      out.push(e);
   }
   buckets_.clear();
   return out;
}

} // namespace virgl
