// SPDX-License-Identifier: MIT
// Presentation through the software loader: the host's picture is read back into the loader's
// surface, which the loader shows.
#include <cstdint>

#include "frontend/sw_winsys.h"
#include "util/format/u_format.h"
#include "util/u_threaded_context.h"

#include "context.hpp"
#include "red_blue.hpp"

namespace virgl {

namespace {

class SoftwareTarget final : public DisplayTarget {
public:
   SoftwareTarget(sw_winsys &sws, Resource &res) : sws_(sws), res_(res) {}

   std::byte *map(uint32_t &stride) override
   {
      stride = res_.dt_stride;
      return static_cast<std::byte *>(sws_.displaytarget_map(&sws_, res_.dt, PIPE_MAP_WRITE));
   }
   void unmap() override { sws_.displaytarget_unmap(&sws_, res_.dt); }
   void copy(std::byte *to, const std::byte *from, size_t bytes) const override
   {
      if (res_.red_first)
         swap_red_blue(to, from, bytes);
      else
         DisplayTarget::copy(to, from, bytes);
   }

private:
   sw_winsys &sws_;
   Resource &res_;
};

// The part of the picture to show, inside the picture.
Box visible_box(const pipe_resource &t, unsigned layer, const pipe_box *sub_box)
{
   Box box{.z = layer, .width = t.width0, .height = t.height0};
   if (!sub_box)
      return box;
   const int width = int(t.width0), height = int(t.height0);
   const int x0 = std::clamp(int(sub_box->x), 0, width);
   const int x1 = std::clamp(int(sub_box->x) + int(sub_box->width), x0, width);
   const int y0 = std::clamp(int(sub_box->y), 0, height);
   const int y1 = std::clamp(int(sub_box->y) + int(sub_box->height), y0, height);
   box.x = uint32_t(x0);
   box.y = uint32_t(y0);
   box.width = uint32_t(x1 - x0);
   box.height = uint32_t(y1 - y0);
   return box;
}

// Shows what submit_for_present() has brought into guest memory.
bool show_fetched(Winsys &ws, Resource &res, const Box &box, DisplayTarget &target)
{
   const std::byte *memory = res.bo().map();
   if (!memory || !ws.wait_idle(res.bo(), UINT64_MAX) || ws.lost())
      return false;
   uint32_t stride = 0;
   std::byte *to = target.map(stride);
   if (!to)
      return false;
   const size_t from_stride = res.layout.stride[0];
   const size_t texel = util_format_get_blocksize(res.base.b.format); // no display shows blocks
   if (box.width == res.base.b.width0 && stride == from_stride) {
      target.copy(to + box.y * stride, memory + box.y * from_stride, box.height * from_stride);
   } else {
      for (uint32_t y = box.y; y < box.y + box.height; y++)
         target.copy(to + y * stride + box.x * texel, memory + y * from_stride + box.x * texel,
                     box.width * texel);
   }
   target.unmap();
   return true;
}

void flush_frontbuffer(pipe_screen *pscreen, pipe_context *pipe, pipe_resource *resource,
                       unsigned level, unsigned layer, void *drawable, pipe_box *sub_box)
{
   Screen &screen = Screen::from(pscreen);
   Resource &res = *Resource::from(resource);
   if (!screen.sws || !res.dt)
      return;
   bool unchanged = false; // since its last flush
   if (pipe) {
      Context &ctx = Context::from(threaded_context_unwrap_sync(pipe));
      unchanged = ctx.batch.empty() && res.flushed_at != 0 &&
                  res.flushed_at == ctx.batch.last_submission();
      ctx.flushes_to_show = std::exchange(ctx.flushes_since_show, 0) == 1 && unchanged;
      ctx.submit();
   }
   const bool fetched = std::exchange(res.fetched, false) && unchanged && level == 0 && layer == 0;
   res.shown_after_flush = unchanged;

   const Box box = visible_box(*resource, layer, sub_box);
   SoftwareTarget target(*screen.sws, res);
   if (fetched ? show_fetched(*screen.ws, res, box, target)
               : screen.ws->present(res.bo(), level, box, target))
      screen.sws->displaytarget_display(screen.sws, res.dt, drawable, sub_box);
}

} // namespace

void submit_for_present(Context &ctx)
{
   const pipe_surface *surface = ctx.framebuffer.nr_cbufs ? ctx.framebuffer.cbufs[0] : nullptr;
   Resource *res = surface ? Resource::from(surface->texture) : nullptr;
   if (!res || !res->dt || res->base.b.nr_samples > 1 || res->base.b.target == PIPE_TEXTURE_3D ||
       !ctx.screen.ws->features().encoded_transfers) {
      ctx.submit();
      return;
   }
   // Fetched in vain: the program flushes more often than it shows.
   if (std::exchange(res->fetched, false))
      res->shown_after_flush = false;
   const bool fetch = res->shown_after_flush;
   const uint64_t before = ctx.batch.last_submission();
   ctx.batch.fetch_after(fetch ? &res->bo() : nullptr);
   ctx.submit();
   ctx.batch.fetch_after(nullptr);
   res->flushed_at = ctx.batch.last_submission();
   res->fetched = fetch && res->flushed_at != before;
}

void screen_init_present(Screen &screen)
{
   screen.base.flush_frontbuffer = flush_frontbuffer;
}

} // namespace virgl
