// SPDX-License-Identifier: MIT
// The kernel's interface to a virtio-gpu device, as far as this winsys uses it. Described here
// because the headers that distributions install (libdrm's copy) are years behind the kernels they
// ship: no blobs, no context_init, no strides. Layouts and numbers: Linux, uapi virtgpu_drm.h;
// tests/winsys/test_drm_abi.cpp holds them against the headers at hand.
//
// Kernels accept structures that are longer or shorter than theirs: what is missing counts as 0,
// what they do not know is ignored.
#pragma once

#include <cstdint>

#include <sys/ioctl.h>

namespace virgl::drm::abi {

// GETPARAM. `value` holds the address of an int that receives the answer.
enum class Param : uint64_t {
   features_3d = 1,
   capset_query_fix = 2, // GET_CAPS finds capset 2
   resource_blob = 3,
   host_visible = 4, // host blobs can be mapped
   cross_device = 5,
   context_init = 6,
   supported_capset_ids = 7, // bit n: capset n
};

struct GetParam {
   Param param{};
   uint64_t value = 0;
};

struct GetCaps {
   uint32_t capset = 0;
   uint32_t version = 0;
   uint64_t address = 0;
   uint32_t size = 0; // bytes at `address`; the kernel writes this many at most
   uint32_t pad = 0;
};

enum class ContextParam : uint64_t {
   capset_id = 1,
   num_rings = 2,
   poll_rings_mask = 3,
};

struct ContextSetParam {
   ContextParam param{};
   uint64_t value = 0;
};

// Once per file description, before anything else makes the context.
struct ContextInit {
   uint32_t num_params = 0;
   uint32_t pad = 0;
   uint64_t params = 0; // address of ContextSetParam[num_params]
};

struct ResourceCreate {
   uint32_t target = 0;
   uint32_t format = 0;
   uint32_t bind = 0;
   uint32_t width = 0;
   uint32_t height = 0;
   uint32_t depth = 0;
   uint32_t array_size = 0;
   uint32_t last_level = 0;
   uint32_t nr_samples = 0;
   uint32_t flags = 0;
   uint32_t bo = 0;       // out: GEM handle
   uint32_t resource = 0; // out: what the host calls it
   uint32_t size = 0;     // bytes of guest memory; 0 counts as one page
   uint32_t stride = 0;
};

enum class BlobMemory : uint32_t {
   guest = 1,
   host3d = 2,
   host3d_guest = 3,
};

namespace blob_flag {
inline constexpr uint32_t mappable = 1;
inline constexpr uint32_t shareable = 2;
inline constexpr uint32_t cross_device = 4;
} // namespace blob_flag

struct ResourceCreateBlob {
   BlobMemory memory{};
   uint32_t flags = 0;    // blob_flag
   uint32_t bo = 0;       // out: GEM handle
   uint32_t resource = 0; // out: what the host calls it
   uint64_t size = 0;     // bytes, whole pages
   uint32_t pad = 0;
   uint32_t command_size = 0; // bytes at `command`, whole dwords; 0 for guest blobs
   uint64_t command = 0;
   uint64_t blob_id = 0; // as the command names it; 0 for guest blobs
};

struct ResourceInfo {
   uint32_t bo = 0;
   uint32_t resource = 0;
   uint32_t size = 0;
   uint32_t blob_memory = 0; // 0: not a blob (older kernels: the stride)
};

struct Map {
   uint64_t offset = 0; // out: for mmap() on the device file
   uint32_t bo = 0;
   uint32_t pad = 0;
};

struct Box {
   uint32_t x = 0, y = 0, z = 0;
   uint32_t width = 0, height = 0, depth = 0;
};

// TRANSFER_TO_HOST and TRANSFER_FROM_HOST. Kernels from 5.11 on refuse strides for anything but
// host blobs (EINVAL): the host then assumes rows and layers without gaps.
struct Transfer {
   uint32_t bo = 0;
   Box box;
   uint32_t level = 0;
   uint32_t offset = 0;
   uint32_t stride = 0;
   uint32_t layer_stride = 0;
};

namespace wait_flag {
inline constexpr uint32_t no_wait = 1;
}

// Waits for all use of `bo`, of other processes too. EBUSY: still busy (without no_wait: after 15
// seconds).
struct Wait {
   uint32_t bo = 0;
   uint32_t flags = 0;
};

namespace exec_flag {
inline constexpr uint32_t fence_fd_in = 1;
inline constexpr uint32_t fence_fd_out = 2;
inline constexpr uint32_t ring_idx = 4;
} // namespace exec_flag

struct Execbuffer {
   uint32_t flags = 0;
   uint32_t size = 0;    // bytes
   uint64_t command = 0; // address
   uint64_t bos = 0;     // address of uint32_t[num_bos], none twice
   uint32_t num_bos = 0;
   int32_t fence_fd = -1; // in: to wait for; out: signalled when the host is done
   uint32_t ring_idx = 0;
   uint32_t pad = 0;
};

template <typename T> constexpr unsigned long request(unsigned number)
{
   constexpr unsigned driver_base = 0x40;
   return _IOC(_IOC_READ | _IOC_WRITE, 'd', driver_base + number, sizeof(T));
}

inline constexpr unsigned long ioctl_map = request<Map>(0x01);
inline constexpr unsigned long ioctl_execbuffer = request<Execbuffer>(0x02);
inline constexpr unsigned long ioctl_getparam = request<GetParam>(0x03);
inline constexpr unsigned long ioctl_resource_create = request<ResourceCreate>(0x04);
inline constexpr unsigned long ioctl_resource_info = request<ResourceInfo>(0x05);
inline constexpr unsigned long ioctl_transfer_from_host = request<Transfer>(0x06);
inline constexpr unsigned long ioctl_transfer_to_host = request<Transfer>(0x07);
inline constexpr unsigned long ioctl_wait = request<Wait>(0x08);
inline constexpr unsigned long ioctl_get_caps = request<GetCaps>(0x09);
inline constexpr unsigned long ioctl_resource_create_blob = request<ResourceCreateBlob>(0x0a);
inline constexpr unsigned long ioctl_context_init = request<ContextInit>(0x0b);

} // namespace virgl::drm::abi
