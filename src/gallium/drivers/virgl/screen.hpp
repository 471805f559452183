// SPDX-License-Identifier: MIT
// The screen: one per connection to a host. Everything here is read-only after creation or guarded,
// because screen functions are called from any thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "pipe/p_screen.h"
#include "util/disk_cache.h"
#include "util/slab.h"
#include "util/u_idalloc.h"

#include "gallium/winsys/virgl/winsys.hpp"
#include "coherent.hpp"
#include "debug.hpp"
#include "options.hpp"
#include "protocol/caps.hpp"
#include "storage.hpp"

struct sw_winsys;
struct nir_shader_compiler_options;

namespace virgl {

// Limits derived once from the capset, inside the bounds that Gallium and the protocol allow: what a
// host says is believed only within reason (see limits.cpp).
struct Limits;

// Memory of the constant uploaders' buffers that are gone: a new one from the system costs a fault for
// each page, which is dearer than the constants in it.
class ConstantBlocks {
public:
   static constexpr size_t bytes = 256 * 1024; // what uploaders ask for, unless they need more
   Storage::Memory take()
   {
      std::lock_guard hold(lock_);
      if (free_.empty())
         return {};
      Storage::Memory last = std::move(free_.back());
      free_.pop_back();
      return last;
   }
   void give(Storage::Memory memory)
   {
      std::lock_guard hold(lock_);
      if (free_.size() < most)
         free_.push_back(std::move(memory));
   }

private:
   static constexpr size_t most = 16; // about what threaded_context has in its queue at a time
   std::mutex lock_;
   std::vector<Storage::Memory> free_;
};

struct Screen {
   pipe_screen base; // first: Gallium's handle is the address of this member
   std::unique_ptr<Winsys> ws;
   // The software loader's window system, which owns display targets; nullptr on DRM. Not owned.
   sw_winsys *sws = nullptr;
   CoherentState coherent;
   proto::Caps caps;
   std::unique_ptr<Limits> limits;
   std::string renderer_name;
   bool short_batches = false; // the host draws faster with some: see prepare_draw
   Options options;
   // The host keeps pictures of blue first as red first if asked to, and must where they are sRGB.
   bool emulate_bgra = false;
   // Bit n: the host draws PIPE_PRIM n itself.
   uint32_t primitives = 0;
   // What lies behind the end of a shorter SET_CONSTANT_BUFFER stays as it was.
   bool keeps_constants = false;
   // The host draws from many arguments in a buffer.
   bool gathers_draws = false;
   // For the frontend's compiler; shaders point to it.
   std::shared_ptr<const nir_shader_compiler_options> nir_options;
   std::unique_ptr<StreamObserver> observer; // only where VERGLAS_DEBUG asks for it

   struct disk_cache *shader_cache = nullptr;
   slab_parent_pool transfer_pool; // threaded_context's
   slab_parent_pool map_pool;      // ours
   ConstantBlocks constant_blocks;
   util_idalloc_mt buffer_ids;
   std::mutex ids_lock;
   std::mutex pictures_lock; // Bo::picture
   // Of the whole process: where the kernel cannot tell that two descriptors are one file description,
   // two screens share what is one context to the host.
   static inline std::atomic<uint32_t> next_sub_ctx{1};
   std::atomic<uint32_t> next_object{1};
   // Floating buffers: who settles one has the lock; the epoch grows when a place that another context
   // may have bound is out of date.
   std::mutex floating_lock;
   std::atomic<uint32_t> floating_epoch{1};
   std::atomic<bool> green_borders{false}; // there was a view of alpha_in_green()
   std::atomic<bool> atomics_bound{false}; // some context had a buffer of atomic counters

   static Screen &from(pipe_screen *s) { return *reinterpret_cast<Screen *>(s); }

   bool has(uint32_t bit) const { return caps.has(bit); }
   bool has2(uint32_t bit) const { return caps.has2(bit); }

   // Whether uploads can go through memory that the host copies from in the order of the stream.
   bool copies_from_staging() const
   {
      return ws->features().encoded_transfers && has(proto::cap::copy_transfer);
   }

   // Handles of objects are unique per screen, so that objects created on the application's thread
   // need no lock of a context.
   proto::ObjectHandle new_object()
   {
      return proto::ObjectHandle(next_object.fetch_add(1, std::memory_order_relaxed));
   }
};

// screen_caps.cpp: get_param and its kin, from Limits.
void screen_init_caps(Screen &screen);
// screen_formats.cpp: is_format_supported and the like.
void screen_init_formats(Screen &screen);
// resource.cpp, fence.cpp, present.cpp, disk_cache.cpp, screen_memory.cpp, context.cpp
void screen_init_resources(Screen &screen);
void screen_init_fences(Screen &screen);
void screen_init_present(Screen &screen);
void screen_init_disk_cache(Screen &screen);
void screen_init_memory_info(Screen &screen);
pipe_context *context_create(pipe_screen *screen, void *priv, unsigned flags);

// Creates the screen on a connected winsys; nullptr (after one line on stderr) when the host's
// capset is unusable. Owns the winsys from the call on.
// Whether it is one of this driver, and not what a tool for tracing has put around one.
bool is_own_screen(const pipe_screen *screen);
pipe_screen *screen_create(std::unique_ptr<Winsys> ws, sw_winsys *sws, const Options &options = {});

// Whether the host can use `format` for all of `bind` (PIPE_BIND_*) at `samples`.
bool format_supported(const Screen &screen, pipe_format format, pipe_texture_target target,
                      unsigned samples, unsigned storage_samples, unsigned bind);
// Whether the host can read a texture of this format back to guest memory as it is.
bool format_readable(const Screen &screen, pipe_format format);
// Whether contexts tell the host of the options: all of them are about hosts on GLES.
inline bool sends_tweaks(const Screen &screen)
{
   return screen.has(proto::cap::app_tweak_support) && screen.has(proto::cap::host_is_gles);
}
// Whether the host is to be asked to keep this format as another (Screen::emulate_bgra).
bool format_emulated(const Screen &screen, pipe_format format);

} // namespace virgl
