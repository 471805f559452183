// SPDX-License-Identifier: MIT
#include "references.hpp"

#include <utility>

#include "pipe/p_context.h"
#include "util/u_atomic.h"
#include "util/u_inlines.h"

namespace virgl {

void References::begin(Lot &lot, void *object, bool is_view)
{
   const Lot old = std::exchange(lot, {object, is_view, 0});
   if (old.object)
      give_back(old);
   else
      used_[num_used_++] = uint8_t(&lot - lots_.data());
}

void References::stock_up(Lot &lot, pipe_resource *resource)
{
   constexpr unsigned most_objects = 32;
   constexpr int at_once = 256;
   if (lot.object != resource) {
      if (num_used_ >= most_objects)
         settle();
      begin(lot, resource, false);
   }
   p_atomic_add(&resource->reference.count, at_once);
   lot.count += at_once;
}

void References::give_back(const Lot &lot)
{
   if (lot.is_view) {
      auto *view = static_cast<pipe_sampler_view *>(lot.object);
      if (p_atomic_add_return(&view->reference.count, -lot.count) == 0)
         view->context->sampler_view_destroy(view->context, view);
   } else {
      auto *resource = static_cast<pipe_resource *>(lot.object);
      pipe_drop_resource_references(resource, lot.count);
   }
}

void References::settle_slow()
{
   // What is destroyed may drop others.
   while (num_used_ > 0) {
      Lot &lot = lots_[used_[--num_used_]];
      give_back(std::exchange(lot, {}));
   }
}

} // namespace virgl
