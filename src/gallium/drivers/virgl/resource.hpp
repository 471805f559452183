// SPDX-License-Identifier: MIT
// Resources: buffers and textures, their guest layout and their storage.
#pragma once

#include <array>
#include <atomic>
#include <memory>

#include "pipe/p_state.h"
#include "util/u_inlines.h"
#include "util/u_range.h"
#include "util/u_threaded_context.h"

#include "storage.hpp"

struct sw_displaytarget;

namespace virgl {

struct Context;
struct Screen;

// Set in pipe_resource::flags of the driver's own uploaders' buffers.
constexpr unsigned resource_flag_constants = PIPE_RESOURCE_FLAG_DRV_PRIV << 0;
constexpr unsigned resource_flag_stream = PIPE_RESOURCE_FLAG_DRV_PRIV << 1;

// Where each level of a texture lies in guest memory: bytes, levels one after the other, layers
// inside a level, rows without padding. The host assumes this layout for TRANSFER3D with strides 0.
struct TextureLayout {
   static constexpr unsigned max_levels = 16;
   std::array<uint32_t, max_levels> level_offset{};
   std::array<uint32_t, max_levels> stride{};
   std::array<uint32_t, max_levels> layer_stride{};
   uint64_t total = 0;
};

// A picture inside the memory of another resource (one plane of a video frame, say): the host has no
// such view, so the picture gets a texture of its own, filled anew in every batch that reads it.
struct PlaneOf {
   BoRef memory;
   uint32_t offset = 0, stride = 0; // bytes
   // The host's picture begins like ours: copy that, not the memory.
   bool of_picture = false;
   // We wrote to ours, which the memory never learns of: leave it alone.
   bool written = false;
   // Last filled by this context, in its batch of this generation.
   const Context *filled_by = nullptr;
   uint32_t filled_in = 0;
};

struct Resource {
   struct threaded_resource base; // first: Gallium's handle is the address of this member
   std::shared_ptr<Storage> storage;
   TextureLayout layout;
   // Made for, or shared under, an explicit modifier (linear is the only one); otherwise others are
   // told none.
   bool explicit_modifier = false;
   // The host's texture may have the swizzle of a view; see unswizzle() in blit.cpp.
   std::atomic<bool> swizzled{false};
   std::unique_ptr<PlaneOf> plane;
   // An imported blob: no guest memory that the host could transfer to or from.
   bool host_only = false;
   // Software presentation: the loader's surface this texture is shown on.
   sw_displaytarget *dt = nullptr;
   unsigned dt_stride = 0;
   // The host's texture and the guest memory are red first, Gallium's format is blue first.
   bool red_first = false;
   // See submit_for_present(). The submission that ended with a flush while this was drawn to; whether
   // the loader showed it right after; and the picture fetched ahead that nobody has shown yet.
   uint64_t flushed_at = 0;
   bool shown_after_flush = false;
   bool fetched = false;
   // Constant uploader buffers that were bound as another kind of buffer: what the host has of them.
   BoRef host_copy;
   // Stream uploader buffers: ranges the guest wrote that no command has needed yet.
   util_range unsent;

   pipe_resource &pipe() { return base.b; }
   const pipe_resource &pipe() const { return base.b; }
   bool is_buffer() const { return base.b.target == PIPE_BUFFER; }
   Bo &bo() const { return *storage->bo; }
   proto::ResourceHandle handle() const
   {
      return storage->bo ? storage->bo->handle() : proto::ResourceHandle::none;
   }

   static Resource *from(pipe_resource *r) { return reinterpret_cast<Resource *>(r); }
   static const Resource *from(const pipe_resource *r)
   {
      return reinterpret_cast<const Resource *>(r);
   }
};

// The protocol's bind flags for Gallium's. The host takes exactly one flag for a buffer
// (virglrenderer, check_resource_valid).
uint32_t host_bind(const Screen &screen, const pipe_resource &templ);

// A buffer's description for the winsys.
ResourceDesc describe_buffer(const Screen &screen, const pipe_resource &templ);

// Byte offset of a texel block from the start of the guest memory.
uint32_t texture_offset(const Resource &res, unsigned level, const pipe_box &box);

// The host wrote to it, or will when the stream gets there.
inline void mark_host_written(Resource &res, unsigned offset, unsigned size)
{
   res.storage->host_writes(offset, size);
}
inline void mark_host_written(Resource &res)
{
   if (res.plane)
      res.plane->written = true;
   mark_host_written(res, 0, res.base.b.width0);
}
inline void mark_buffer_written(Resource &res, unsigned offset, unsigned size)
{
   mark_host_written(res, offset, size);
   util_range_add(&res.base.b, &res.base.valid_buffer_range, offset, offset + size);
}

// The parts that a resource is made of, for who makes it another way than resource_create().
bool texture_fits_host(const Screen &screen, const pipe_resource &templ);
TextureLayout texture_layout(const pipe_resource &templ); // of one that fits
ResourceDesc describe_texture(const Screen &screen, const pipe_resource &templ,
                              const TextureLayout &layout);
// A resource without storage; and its end when it never gets any.
Resource *resource_allocate(Screen &screen, const pipe_resource *templ);
void resource_discard(Resource *res);

void context_init_transfers(Context &ctx);
// share.cpp: import and export, modifiers.
void screen_init_sharing(Screen &screen);
// Fills what is a plane of another resource with what that has now, once per batch.
void refill_plane(Context &ctx, Resource &res);
inline void fill_plane(Context &ctx, Resource &res)
{
   if (res.plane) [[unlikely]]
      refill_plane(ctx, res);
}

} // namespace virgl
