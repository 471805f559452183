// SPDX-License-Identifier: MIT
// The kernel's interface as abi.hpp describes it, against the header VIRTGPU_HEADER: the one that
// comes with libdrm, which may be old, or (ALL_OF_IT) that of the Mesa kit.
#include <cstddef>
#include <gtest/gtest.h>
#include <type_traits>

#include VIRTGPU_HEADER

#include "gallium/winsys/virgl/drm/abi.hpp"

#ifndef ALL_OF_IT
#define ALL_OF_IT 0
#endif

namespace virgl::drm::abi {

namespace {

unsigned compared;

// A field of both structures: the same place, the same size. One that the header lacks is passed
// over unless the header is to have all.
#define SAME_FIELD(Ours, our, Theirs, their)                                                       \
   [](auto *t) {                                                                                   \
      using T = std::remove_pointer_t<decltype(t)>;                                                \
      if constexpr (requires(T x) { x.their; }) {                                                  \
         EXPECT_EQ(offsetof(Ours, our), offsetof(T, their)) << #Ours "::" #our;                    \
         EXPECT_EQ(sizeof(Ours::our), sizeof(T::their)) << #Ours "::" #our;                        \
         compared++;                                                                               \
      } else {                                                                                     \
         EXPECT_FALSE(ALL_OF_IT) << #Theirs " has no " #their;                                     \
      }                                                                                            \
   }(static_cast<struct Theirs *>(nullptr))

template <typename Ours, typename Theirs>
void same_request(unsigned long ours, unsigned long theirs)
{
   // The size in the number is that of the structure, which older headers have shorter.
   EXPECT_EQ(_IOC_TYPE(ours), _IOC_TYPE(theirs));
   EXPECT_EQ(_IOC_NR(ours), _IOC_NR(theirs));
   EXPECT_EQ(_IOC_DIR(ours), _IOC_DIR(theirs));
   EXPECT_EQ(_IOC_SIZE(ours), sizeof(Ours));
   if (ALL_OF_IT) {
      EXPECT_EQ(ours, theirs);
      EXPECT_EQ(sizeof(Ours), sizeof(Theirs));
   }
   EXPECT_GE(sizeof(Ours), sizeof(Theirs));
}

} // namespace

TEST(Abi, Structures)
{
   SAME_FIELD(GetParam, param, drm_virtgpu_getparam, param);
   SAME_FIELD(GetParam, value, drm_virtgpu_getparam, value);

   SAME_FIELD(GetCaps, capset, drm_virtgpu_get_caps, cap_set_id);
   SAME_FIELD(GetCaps, version, drm_virtgpu_get_caps, cap_set_ver);
   SAME_FIELD(GetCaps, address, drm_virtgpu_get_caps, addr);
   SAME_FIELD(GetCaps, size, drm_virtgpu_get_caps, size);

   SAME_FIELD(ResourceCreate, target, drm_virtgpu_resource_create, target);
   SAME_FIELD(ResourceCreate, format, drm_virtgpu_resource_create, format);
   SAME_FIELD(ResourceCreate, bind, drm_virtgpu_resource_create, bind);
   SAME_FIELD(ResourceCreate, width, drm_virtgpu_resource_create, width);
   SAME_FIELD(ResourceCreate, height, drm_virtgpu_resource_create, height);
   SAME_FIELD(ResourceCreate, depth, drm_virtgpu_resource_create, depth);
   SAME_FIELD(ResourceCreate, array_size, drm_virtgpu_resource_create, array_size);
   SAME_FIELD(ResourceCreate, last_level, drm_virtgpu_resource_create, last_level);
   SAME_FIELD(ResourceCreate, nr_samples, drm_virtgpu_resource_create, nr_samples);
   SAME_FIELD(ResourceCreate, flags, drm_virtgpu_resource_create, flags);
   SAME_FIELD(ResourceCreate, bo, drm_virtgpu_resource_create, bo_handle);
   SAME_FIELD(ResourceCreate, resource, drm_virtgpu_resource_create, res_handle);
   SAME_FIELD(ResourceCreate, size, drm_virtgpu_resource_create, size);
   SAME_FIELD(ResourceCreate, stride, drm_virtgpu_resource_create, stride);

   SAME_FIELD(ResourceInfo, bo, drm_virtgpu_resource_info, bo_handle);
   SAME_FIELD(ResourceInfo, resource, drm_virtgpu_resource_info, res_handle);
   SAME_FIELD(ResourceInfo, size, drm_virtgpu_resource_info, size);
   SAME_FIELD(ResourceInfo, blob_memory, drm_virtgpu_resource_info, blob_mem);

   SAME_FIELD(Map, offset, drm_virtgpu_map, offset);
   SAME_FIELD(Map, bo, drm_virtgpu_map, handle);

   SAME_FIELD(Box, x, drm_virtgpu_3d_box, x);
   SAME_FIELD(Box, y, drm_virtgpu_3d_box, y);
   SAME_FIELD(Box, z, drm_virtgpu_3d_box, z);
   SAME_FIELD(Box, width, drm_virtgpu_3d_box, w);
   SAME_FIELD(Box, height, drm_virtgpu_3d_box, h);
   SAME_FIELD(Box, depth, drm_virtgpu_3d_box, d);

   SAME_FIELD(Transfer, bo, drm_virtgpu_3d_transfer_to_host, bo_handle);
   SAME_FIELD(Transfer, box, drm_virtgpu_3d_transfer_to_host, box);
   SAME_FIELD(Transfer, level, drm_virtgpu_3d_transfer_to_host, level);
   SAME_FIELD(Transfer, offset, drm_virtgpu_3d_transfer_to_host, offset);
   SAME_FIELD(Transfer, stride, drm_virtgpu_3d_transfer_to_host, stride);
   SAME_FIELD(Transfer, layer_stride, drm_virtgpu_3d_transfer_to_host, layer_stride);
   SAME_FIELD(Transfer, bo, drm_virtgpu_3d_transfer_from_host, bo_handle);
   SAME_FIELD(Transfer, box, drm_virtgpu_3d_transfer_from_host, box);
   SAME_FIELD(Transfer, level, drm_virtgpu_3d_transfer_from_host, level);
   SAME_FIELD(Transfer, offset, drm_virtgpu_3d_transfer_from_host, offset);
   SAME_FIELD(Transfer, stride, drm_virtgpu_3d_transfer_from_host, stride);
   SAME_FIELD(Transfer, layer_stride, drm_virtgpu_3d_transfer_from_host, layer_stride);

   SAME_FIELD(Wait, bo, drm_virtgpu_3d_wait, handle);
   SAME_FIELD(Wait, flags, drm_virtgpu_3d_wait, flags);

   SAME_FIELD(Execbuffer, flags, drm_virtgpu_execbuffer, flags);
   SAME_FIELD(Execbuffer, size, drm_virtgpu_execbuffer, size);
   SAME_FIELD(Execbuffer, command, drm_virtgpu_execbuffer, command);
   SAME_FIELD(Execbuffer, bos, drm_virtgpu_execbuffer, bo_handles);
   SAME_FIELD(Execbuffer, num_bos, drm_virtgpu_execbuffer, num_bo_handles);
   SAME_FIELD(Execbuffer, fence_fd, drm_virtgpu_execbuffer, fence_fd);
   SAME_FIELD(Execbuffer, ring_idx, drm_virtgpu_execbuffer, ring_idx);
   EXPECT_GE(compared, 45u);
}

TEST(Abi, Requests)
{
   same_request<Map, drm_virtgpu_map>(ioctl_map, DRM_IOCTL_VIRTGPU_MAP);
   same_request<Execbuffer, drm_virtgpu_execbuffer>(ioctl_execbuffer,
                                                    DRM_IOCTL_VIRTGPU_EXECBUFFER);
   same_request<GetParam, drm_virtgpu_getparam>(ioctl_getparam, DRM_IOCTL_VIRTGPU_GETPARAM);
   same_request<ResourceCreate, drm_virtgpu_resource_create>(ioctl_resource_create,
                                                             DRM_IOCTL_VIRTGPU_RESOURCE_CREATE);
   same_request<ResourceInfo, drm_virtgpu_resource_info>(ioctl_resource_info,
                                                         DRM_IOCTL_VIRTGPU_RESOURCE_INFO);
   same_request<Transfer, drm_virtgpu_3d_transfer_from_host>(
      ioctl_transfer_from_host, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST);
   same_request<Transfer, drm_virtgpu_3d_transfer_to_host>(ioctl_transfer_to_host,
                                                           DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST);
   same_request<Wait, drm_virtgpu_3d_wait>(ioctl_wait, DRM_IOCTL_VIRTGPU_WAIT);
   same_request<GetCaps, drm_virtgpu_get_caps>(ioctl_get_caps, DRM_IOCTL_VIRTGPU_GET_CAPS);
}

TEST(Abi, Numbers)
{
   EXPECT_EQ(uint64_t(Param::features_3d), VIRTGPU_PARAM_3D_FEATURES);
   EXPECT_EQ(wait_flag::no_wait, uint32_t(VIRTGPU_WAIT_NOWAIT));
#ifdef VIRTGPU_PARAM_CAPSET_QUERY_FIX
   EXPECT_EQ(uint64_t(Param::capset_query_fix), VIRTGPU_PARAM_CAPSET_QUERY_FIX);
#endif
#ifdef VIRTGPU_EXECBUF_FENCE_FD_IN
   EXPECT_EQ(exec_flag::fence_fd_in, uint32_t(VIRTGPU_EXECBUF_FENCE_FD_IN));
   EXPECT_EQ(exec_flag::fence_fd_out, uint32_t(VIRTGPU_EXECBUF_FENCE_FD_OUT));
#endif
}

#if ALL_OF_IT
TEST(Abi, WhatOldHeadersLack)
{
   EXPECT_EQ(uint64_t(Param::resource_blob), VIRTGPU_PARAM_RESOURCE_BLOB);
   EXPECT_EQ(uint64_t(Param::host_visible), VIRTGPU_PARAM_HOST_VISIBLE);
   EXPECT_EQ(uint64_t(Param::cross_device), VIRTGPU_PARAM_CROSS_DEVICE);
   EXPECT_EQ(uint64_t(Param::context_init), VIRTGPU_PARAM_CONTEXT_INIT);
   EXPECT_EQ(uint64_t(Param::supported_capset_ids), VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs);
   EXPECT_EQ(exec_flag::ring_idx, uint32_t(VIRTGPU_EXECBUF_RING_IDX));
   EXPECT_EQ(uint32_t(BlobMemory::guest), uint32_t(VIRTGPU_BLOB_MEM_GUEST));
   EXPECT_EQ(uint32_t(BlobMemory::host3d), uint32_t(VIRTGPU_BLOB_MEM_HOST3D));
   EXPECT_EQ(uint32_t(BlobMemory::host3d_guest), uint32_t(VIRTGPU_BLOB_MEM_HOST3D_GUEST));
   EXPECT_EQ(blob_flag::mappable, uint32_t(VIRTGPU_BLOB_FLAG_USE_MAPPABLE));
   EXPECT_EQ(blob_flag::shareable, uint32_t(VIRTGPU_BLOB_FLAG_USE_SHAREABLE));
   EXPECT_EQ(blob_flag::cross_device, uint32_t(VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE));
   EXPECT_EQ(uint64_t(ContextParam::capset_id), uint64_t(VIRTGPU_CONTEXT_PARAM_CAPSET_ID));
   EXPECT_EQ(uint64_t(ContextParam::num_rings), uint64_t(VIRTGPU_CONTEXT_PARAM_NUM_RINGS));
   EXPECT_EQ(uint64_t(ContextParam::poll_rings_mask),
             uint64_t(VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK));

   SAME_FIELD(ContextSetParam, param, drm_virtgpu_context_set_param, param);
   SAME_FIELD(ContextSetParam, value, drm_virtgpu_context_set_param, value);
   SAME_FIELD(ContextInit, num_params, drm_virtgpu_context_init, num_params);
   SAME_FIELD(ContextInit, params, drm_virtgpu_context_init, ctx_set_params);
   SAME_FIELD(ResourceCreateBlob, memory, drm_virtgpu_resource_create_blob, blob_mem);
   SAME_FIELD(ResourceCreateBlob, flags, drm_virtgpu_resource_create_blob, blob_flags);
   SAME_FIELD(ResourceCreateBlob, bo, drm_virtgpu_resource_create_blob, bo_handle);
   SAME_FIELD(ResourceCreateBlob, resource, drm_virtgpu_resource_create_blob, res_handle);
   SAME_FIELD(ResourceCreateBlob, size, drm_virtgpu_resource_create_blob, size);
   SAME_FIELD(ResourceCreateBlob, pad, drm_virtgpu_resource_create_blob, pad);
   SAME_FIELD(ResourceCreateBlob, command_size, drm_virtgpu_resource_create_blob, cmd_size);
   SAME_FIELD(ResourceCreateBlob, command, drm_virtgpu_resource_create_blob, cmd);
   SAME_FIELD(ResourceCreateBlob, blob_id, drm_virtgpu_resource_create_blob, blob_id);
   same_request<ContextInit, drm_virtgpu_context_init>(ioctl_context_init,
                                                       DRM_IOCTL_VIRTGPU_CONTEXT_INIT);
   same_request<ResourceCreateBlob, drm_virtgpu_resource_create_blob>(
      ioctl_resource_create_blob, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB);
}
#endif

} // namespace virgl::drm::abi
