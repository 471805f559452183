// SPDX-License-Identifier: MIT
// Keeps released buffers for the next creation of the same description. Buffer replacement
// (orphaning of vertex and constant buffers) creates and drops thousands of buffers per second;
// from the cache that costs neither a message nor a mapping.
//
// The cache owns what is in it until it hands it back: by take(), or as the chain of evicted
// entries that add() and trim() return, which the caller destroys outside of the cache's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "gallium/winsys/virgl/winsys.hpp"

namespace virgl {

class BoCache {
   struct Bucket;

public:
   // What a winsys's own Bo derives from besides Bo.
   class Entry {
   protected:
      ~Entry() = default;

   private:
      friend class BoCache;
      Bucket *bucket_ = nullptr;
      // Both lists are in order of release: all entries, and those of one description.
      Entry *older_ = nullptr, *newer_ = nullptr;
      Entry *older_alike_ = nullptr, *newer_alike_ = nullptr;
      Entry *next_evicted_ = nullptr;
      uint64_t released_ns_ = 0;
      uint32_t bytes_ = 0;
   };

   // A chain of entries that left the cache.
   class Evicted {
   public:
      Entry *pop()
      {
         Entry *e = first_;
         if (e)
            first_ = e->next_evicted_;
         return e;
      }
      // Also for what was never in the cache and goes the same way.
      void push(Entry *e)
      {
         e->next_evicted_ = first_;
         first_ = e;
      }
      bool empty() const { return !first_; }

   private:
      Entry *first_ = nullptr;
   };

   struct Limits {
      size_t bytes = 64u << 20;
      uint64_t age_ns = 1'000'000'000;
      // How many of the oldest entries of a description are asked whether they are idle. Use ends
      // in about the order of release, so that the first one nearly always decides.
      unsigned probes = 4;
   };

   explicit BoCache(const Limits &limits) : limits_(limits) {}
   BoCache(const BoCache &) = delete;
   BoCache &operator=(const BoCache &) = delete;

   // Whether resources of this description may be kept: buffers that no other process sees and that
   // are not scanned out.
   static bool cacheable(const ResourceDesc &desc);

   // Takes `entry`, a released resource of description `desc`, at time `now_ns`.
   Evicted add(Entry &entry, const ResourceDesc &desc, uint64_t now_ns);

   // An entry of this description for which `idle(entry)` is true; nullptr where there is none.
   // `saw_busy` tells whether there were any at all.
   template <typename Idle> Entry *take(const ResourceDesc &desc, Idle &&idle, bool &saw_busy)
   {
      std::lock_guard lock(mutex_);
      saw_busy = false;
      auto it = buckets_.find(desc);
      if (it == buckets_.end())
         return nullptr;
      Entry *e = it->second.oldest;
      saw_busy = e != nullptr;
      for (unsigned i = 0; e && i < limits_.probes; i++, e = e->newer_alike_) {
         if (idle(*e)) {
            unlink(*e);
            return e;
         }
      }
      return nullptr;
   }

   // Drops what has not been wanted for long.
   Evicted trim(uint64_t now_ns);
   // Drops everything.
   Evicted flush();

   size_t bytes() const
   {
      std::lock_guard lock(mutex_);
      return bytes_;
   }

private:
   struct Bucket {
      Entry *oldest = nullptr, *newest = nullptr;
   };
   struct Hash {
      size_t operator()(const ResourceDesc &d) const;
   };

   void unlink(Entry &e);
   void evict_old(uint64_t now_ns, Evicted &out);

   const Limits limits_;
   mutable std::mutex mutex_;
   // Buckets stay when they run empty: there are few descriptions (size classes times uses), and
   // they come back. trim() clears them when nothing is cached at all.
   std::unordered_map<ResourceDesc, Bucket, Hash> buckets_;
   Entry *oldest_ = nullptr, *newest_ = nullptr;
   size_t bytes_ = 0;
};

} // namespace virgl
