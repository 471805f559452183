// SPDX-License-Identifier: MIT
// A virtio-gpu device in memory, for tests: the kernel's side of the ioctls with what it refuses,
// and a host behind it that keeps the bytes of resources, checks every stream and runs the
// commands that move memory.
//
// One FakeVirtgpu is one device. open() gives file descriptions of it (as processes have them),
// each with GEM handles and a context of its own; duplicate() a further Device on the same one.
// Nothing here asserts: what a kernel would not notice but a test should (a stream the host
// refuses, memory written beyond its end) is collected in complaints().
//
// Facts: Linux 6.1, drivers/gpu/drm/virtio and drm_gem.c, drm_prime.c; virglrenderer.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gallium/winsys/virgl/drm/device.hpp"
#include "gallium/winsys/virgl/winsys.hpp"
#include "protocol/caps.hpp"

namespace virgl::test {

// Kernels that differ for user space.
enum class Linux : uint8_t {
   v4_9,  // driver version 0.0: EXECBUFFER ignores its flags; no way to capset 2
   v5_4,  // driver version 0.1: fence fds
   v5_11, // blobs; strides of transfers are looked at, and refused
   v6_1,  // CONTEXT_INIT
};

// What a device can be asked for, to count and to refuse.
enum class Call : uint8_t {
   version,
   getparam,
   get_caps,
   context_init,
   resource_create,
   resource_create_blob,
   resource_info,
   map,
   transfer_to_host,
   transfer_from_host,
   wait,
   execbuffer,
   gem_close,
   gem_flink,
   gem_open,
   prime_export,
   prime_import,
   mmap,
   unknown,
   count,
};
const char *name_of(Call call);
inline constexpr size_t num_calls = size_t(Call::count);

// When the host comes to what it is told.
enum class Pace : uint8_t {
   at_once, // before the ioctl returns
   by_hand, // when the test says so: complete()
   delayed, // in a thread, `delay` after the one before
};

struct VirtgpuOptions {
   Linux kernel = Linux::v6_1;
   std::string driver = "virtio_gpu";
   bool has_3d = true;
   // A device file for all: GEM_FLINK and GEM_OPEN are refused.
   bool render_node = false;
   // Of the device, where the kernel is new enough.
   bool blobs = false;
   bool host_visible = false;
   bool context_init = true;
   // What the host offers; bit n: capset n.
   uint32_t capsets = 1u << 1 | 1u << 2;
   size_t capset1_bytes = 308;
   size_t capset2_bytes = sizeof(proto::CapsV2);
   proto::Caps caps = able_host();
   // Lets the host lie.
   std::function<void(uint32_t capset, std::span<std::byte> bytes)> edit_capset;
   Pace pace = Pace::at_once;
   std::chrono::microseconds delay{200};
   // Called before anything else, without a lock: to let other threads come in between.
   std::function<void(Call)> before_call;
   // How long a waiting WAIT waits until it answers EBUSY (the kernel: 15 seconds).
   std::chrono::milliseconds wait_limit{15'000};
   // Pages of guest memory for all resources together; more is ENOMEM.
   uint64_t memory_pages = UINT64_MAX;

   // A host that can do everything.
   static proto::Caps able_host();
};

// A refusal. Rules are looked at in the order of their addition; the first that fits decides.
struct Refusal {
   Call call = Call::count; // count: any
   int error = 0;
   // The first so many calls are let through, then `times` are refused.
   uint64_t after = 0;
   uint64_t times = 1;
   // Where not 0: of the calls that would be refused, one in so many, at random.
   uint32_t one_in = 0;
   uint64_t seed = 1;
   // Only EXECBUFFERs that want a fence fd: when descriptors have run out.
   bool with_out_fence = false;
};

// What is there now.
struct Account {
   size_t descriptions = 0;
   size_t handles = 0; // GEM handles of all descriptions
   size_t objects = 0; // GEM objects, also those that only work under way or a dma-buf keeps
   size_t host_resources = 0;
   size_t mappings = 0;
   size_t mapped_bytes = 0;
   size_t sync_files = 0; // handed out and not closed, duplicates counting as one
   size_t dma_bufs = 0;   // likewise
   size_t pending = 0;    // fences that have not signalled
   // GEM handles that were still open when their description was closed.
   size_t leaked_handles = 0;

   bool operator==(const Account &) const = default;
};

// What the host knows of a resource.
struct HostResource {
   uint32_t target = 0, format = 0, bind = 0, width = 0, height = 0, depth = 0, array_size = 0,
            last_level = 0, nr_samples = 0, flags = 0;
   bool blob = false;
   // Bytes of guest memory behind it.
   uint64_t guest_bytes = 0;
};

class VirtgpuKernel;

class FakeVirtgpu {
public:
   explicit FakeVirtgpu(VirtgpuOptions options = {});
   ~FakeVirtgpu();
   FakeVirtgpu(const FakeVirtgpu &) = delete;

   // A new file description. Devices may outlive the FakeVirtgpu.
   std::unique_ptr<drm::Device> open();
   // Another one of the same description.
   std::unique_ptr<drm::Device> duplicate(const drm::Device &device);

   // Pace::by_hand: lets the host come to the next `n` fences (and all that is before them), and
   // gives how many there were.
   size_t complete(size_t n = SIZE_MAX);
   void set_pace(Pace pace);

   void refuse(const Refusal &refusal);
   void clear_refusals();
   // How many calls were refused by such rules.
   uint64_t refused(Call call) const;
   uint64_t refused() const;

   uint64_t calls(Call call) const;
   // All of them.
   uint64_t calls() const;
   // Every kind that was called, for people: "execbuffer 3, wait 1".
   std::string calls_text() const;
   void clear_calls();

   Account account() const;
   // What went wrong without an errno: see above. Empties the list.
   std::vector<std::string> take_complaints();

   // -- the host ----------------------------------------------------------------------------------
   // The storage of a resource: levels, layers and rows without gaps.
   std::vector<std::byte> storage(uint32_t resource) const;
   void set_storage(uint32_t resource, std::span<const std::byte> bytes);
   // Empty sizes where there is no such resource.
   HostResource host_resource(uint32_t resource) const;
   // The streams of the submissions so far, as the host got them, when asked to keep them.
   void keep_streams(bool keep);
   std::vector<std::vector<uint32_t>> take_streams();
   // Bytes that transfers have moved between guest and host since it was last asked.
   uint64_t take_moved_bytes();
   // Resource ids of the BO list of the last EXECBUFFER.
   std::vector<uint32_t> last_bo_list() const;

   // A sync file of another driver, which signals when signal_foreign() is called.
   int foreign_sync_file();
   void signal_foreign();
   // A dma-buf of another driver.
   static int foreign_dma_buf();

private:
   std::shared_ptr<VirtgpuKernel> kernel_;
};

// Texels and bytes of a block, worked out of the format's name.
FormatBlock block_of(proto::Format format);

} // namespace virgl::test
