// SPDX-License-Identifier: MIT
// The kernel's side of the fake device, from inside. One lock guards all of it.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fake_virtgpu.hpp"
#include "fake_virtgpu_fences.hpp"
#include "fake_virtgpu_host.hpp"
#include "fake_virtgpu_memory.hpp"
#include "gallium/winsys/virgl/drm/abi.hpp"

namespace virgl::test {

namespace abi = drm::abi;

class VirtgpuKernel;

struct GemObject {
   GemObject(VirtgpuKernel &k, uint32_t r) : kernel(k), resource(r) {}
   ~GemObject(); // tells the host
   GemObject(const GemObject &) = delete;

   VirtgpuKernel &kernel;
   uint32_t resource;
   std::shared_ptr<GuestPages> memory;
   uint32_t blob_memory = 0, blob_flags = 0;
   uint32_t flink = 0;
   // The last use on each timeline.
   std::map<uint64_t, std::shared_ptr<Fence>> uses;

   bool busy() const;
   bool is_host_blob() const { return blob_memory >= 2; }
};
using GemRef = std::shared_ptr<GemObject>;

// What a file descriptor of the device file refers to: struct drm_file.
struct Description {
   uint32_t ctx = 0;
   bool context_created = false;
   uint32_t num_rings = 0;
   uint64_t ring_context = 0; // timeline of ring 0, or 0
   std::map<uint32_t, GemRef> handles;
   uint32_t last_handle = 0;
   // Handles by which dma-bufs went out or came in.
   std::multimap<const GemObject *, uint32_t> prime;
};

class VirtgpuKernel {
public:
   explicit VirtgpuKernel(VirtgpuOptions options);
   ~VirtgpuKernel();

   std::shared_ptr<Description> open();
   void close(Description &d);
   // 0 or a negative errno, as within a kernel.
   int ioctl(Description &d, unsigned long request, void *argument);
   void *map(Description &d, size_t bytes, uint64_t offset);
   void unmap(void *memory, size_t bytes);

   size_t complete(size_t n);
   void set_pace(Pace pace);
   Account account();

   mutable std::mutex mutex;
   const VirtgpuOptions options;
   FakeHost host;
   std::array<uint64_t, num_calls> calls{}, refused{};
   std::vector<uint32_t> last_bo_list;
   struct Rule {
      Refusal refusal;
      uint64_t random;
   };
   std::vector<Rule> rules;
   // Of another driver.
   std::vector<std::shared_ptr<Fence>> foreign;
   SyncFiles foreign_files{false};

private:
   friend struct GemObject;
   struct Work {
      std::function<void()> run;
      std::shared_ptr<Fence> fence;
      std::vector<GemRef> keep;
   };
   struct Mapping {
      GemRef object;
      size_t bytes;
   };
   struct DmaBuf {
      UniqueFd file;
      ino_t inode;
      GemRef object;
   };
   using Lock = std::unique_lock<std::mutex>;

   bool at_least(Linux age) const { return options.kernel >= age; }
   int refusal_of(Call call, bool out_fence = false);
   Call call_of(unsigned long request, size_t &bytes) const;
   int dispatch(Lock &lock, Description &d, Call call, void *argument);

   // fake_virtgpu_kernel.cpp: what every DRM driver has
   int version(void *argument);
   int gem_close(Description &d, uint32_t handle);
   int gem_flink(Description &d, uint32_t handle, uint32_t &name);
   int gem_open(Description &d, uint32_t name, uint32_t &handle, uint64_t &size);
   int prime_export(Description &d, uint32_t handle, uint32_t flags, int &fd);
   int prime_import(Description &d, int fd, uint32_t &handle);
   uint32_t new_handle(Description &d, GemRef object);
   GemRef find(const Description &d, uint32_t handle) const;
   size_t sweep_dma_bufs();

   // fake_virtgpu_ioctls.cpp
   int getparam(abi::GetParam &a);
   int get_caps(const abi::GetCaps &a);
   int context_init(Description &d, const abi::ContextInit &a);
   int resource_create(Description &d, abi::ResourceCreate &a);
   int resource_create_blob(Description &d, abi::ResourceCreateBlob &a);
   int resource_info(Description &d, abi::ResourceInfo &a);
   int map_offset(Description &d, abi::Map &a);
   int transfer(Description &d, const abi::Transfer &a, bool to_host);
   int wait(Lock &lock, Description &d, const abi::Wait &a);
   int execbuffer(Lock &lock, Description &d, abi::Execbuffer &a);
   void need_context(Description &d, uint32_t capset = 0);

   // fake_virtgpu_queue.cpp
   std::shared_ptr<Fence> new_fence(uint64_t context = 0);
   void use(const GemRef &object, const std::shared_ptr<Fence> &fence);
   void push(std::function<void()> run, std::shared_ptr<Fence> fence = {},
             std::vector<GemRef> keep = {});
   // Runs what may run now: `fences` further ones.
   size_t drain(size_t fences);
   void run_thread();

   PageFile pages_;
   SyncFiles sync_files_{true};
   uint64_t main_timeline_ = new_fence_context();
   std::set<Description *> descriptions_;
   std::map<uint32_t, std::weak_ptr<GemObject>> names_;
   std::map<uint64_t, GemObject *> by_offset_;
   std::map<void *, Mapping> mappings_;
   std::vector<DmaBuf> dma_bufs_;
   uint32_t last_ctx_ = 0, last_resource_ = 0, last_name_ = 0;
   size_t objects_ = 0, leaked_handles_ = 0, pending_ = 0;

   std::deque<Work> queue_;
   bool draining_ = false;
   Pace pace_;
   bool quit_ = false;
   // A fence has signalled, or there is work.
   std::condition_variable changed_;
   std::thread thread_;
};

} // namespace virgl::test
