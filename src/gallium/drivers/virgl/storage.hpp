// SPDX-License-Identifier: MIT
// Storage: what a resource's contents live in, apart from the resource, because threaded_context
// replaces the storage of a buffer while both its old and its new name are in use.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "gallium/winsys/virgl/winsys.hpp"

#include "coherent_map.hpp"

namespace virgl {

struct Context;

struct FreeMemory {
   void operator()(std::byte *memory) const { std::free(memory); }
};

// Thread-safe as far as its atomics go; `bo` and `cpu` never change after creation, but for the `bo` of a
// floating buffer, see there.
struct Storage {
   BoRef bo;
   // Instead of a Bo: memory that only the guest reads (the constant uploader's buffers, whose
   // contents travel inside SET_CONSTANT_BUFFER; what floats).
   using Memory = std::unique_ptr<std::byte[], FreeMemory>;
   Memory cpu;
   static constexpr size_t cpu_alignment = 64; // PIPE_CAP_MIN_MAP_BUFFER_ALIGNMENT
   bool allocate_cpu(size_t size)
   {
      size = (size + cpu_alignment - 1) & ~(cpu_alignment - 1);
      cpu.reset(static_cast<std::byte *>(std::aligned_alloc(cpu_alignment, size)));
      return cpu != nullptr;
   }

   // See floating.hpp. `cpu` is the guest memory, also when the buffer has settled.
   struct {
      bool floats = false;              // made so
      std::atomic<bool> settled{false}; // `bo` is there, and stays
      std::atomic<bool> changed{true};  // the slab has not what memory has
      // Whose place in a slab it is; its driver's thread alone touches what follows.
      std::atomic<const Context *> user{nullptr};
      BoRef slab;
      uint32_t offset = 0;
      uint32_t written = 0;  // bytes, since it was put there
      uint32_t bound_as = 0; // placed_for_*
   } floating;
   bool afloat() const
   {
      return floating.floats && !floating.settled.load(std::memory_order_acquire);
   }
   // Of the constant uploader's.
   bool is_constants() const { return cpu && !floating.floats; }

   // `bo` is a blob: its memory is the host's own copy. No transfers then, but the GPU has to be waited for.
   bool host_memory = false;

   // Recorded commands, not submitted yet, that read or write the guest memory, and the last
   // submission that does. Draws do not count: they work on the host's copy.
   std::atomic<uint32_t> recorded_uses{0};
   std::atomic<uint64_t> memory_use{0};

   // The host's copy has what the guest memory lacks (rendering, copies, shader writes). While this
   // is false the guest memory of a buffer mirrors the host's copy and can be read without asking.
   std::atomic<bool> host_newer{false};
   // Where, in bytes of a buffer: outside of it guest memory is right all the same. Only grows.
   std::atomic<uint32_t> host_first{~0u}, host_end{0};

   // Maps of the application's thread for writing whose data has not been sent yet: guest memory that
   // a read-back must not overwrite.
   std::atomic<uint32_t> unsent_writes{0};

   // Was bound to a shader as storage, image, atomic counters or texels. Never unset.
   std::atomic<bool> shaders_used{false};

   void host_writes(uint32_t offset, uint32_t size)
   {
      uint32_t seen = host_first.load(std::memory_order_relaxed);
      while (offset < seen && !host_first.compare_exchange_weak(seen, offset))
         ;
      seen = host_end.load(std::memory_order_relaxed);
      while (offset + size > seen && !host_end.compare_exchange_weak(seen, offset + size))
         ;
      host_newer.store(true, std::memory_order_release);
   }
   bool host_newer_in(uint32_t offset, uint32_t size) const
   {
      return host_newer.load(std::memory_order_acquire) && offset < host_end.load() &&
             offset + size > host_first.load();
   }

   // Since it was first mapped persistently; see coherent.hpp. Set once, under a lock.
   std::unique_ptr<CoherentMap> coherent_owner;
   std::atomic<CoherentMap *> coherent{nullptr};
   CoherentMap *tracked() const { return coherent.load(std::memory_order_acquire); }

   std::byte *memory() const { return cpu ? cpu.get() : bo ? bo->map() : nullptr; }
   bool memory_busy(const Winsys &ws) const
   {
      return recorded_uses.load(std::memory_order_acquire) != 0 ||
             !ws.known_executed(memory_use.load(std::memory_order_acquire));
   }
};

} // namespace virgl
