// SPDX-License-Identifier: MIT
// References that a context's driver thread gives back in lots.
//
// With threaded_context each binding brings a reference of its own, taken from a stock that the frontend
// keeps without touching the object's counter. To give each back at once would write to the counter, and
// with it take from the application's thread the memory that it reads the object's description from: tens of
// nanoseconds on both sides, for each binding. So they are counted here, and given back when a submission
// ends, or when another object needs the place.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "pipe/p_state.h"
#include "util/u_atomic.h"

namespace virgl {

class References {
public:
   ~References() { settle(); }

   // A reference to what somebody else keeps alive meanwhile: one that was dropped, if there is one.
   pipe_resource *take(pipe_resource *resource)
   {
      Lot &lot = lots_[lot_of(resource)];
      if (lot.object == resource && lot.count > 0)
         lot.count--;
      else if (resource)
         p_atomic_inc(&resource->reference.count);
      return resource;
   }
   // A reference to what is alive, one of many that are taken at once. The others keep it alive until they are
   // settled, which happens when there are too many of such objects.
   pipe_resource *take_ahead(pipe_resource *resource)
   {
      Lot &lot = lots_[lot_of(resource)];
      if (lot.object != resource || lot.count == 0) [[unlikely]]
         stock_up(lot, resource);
      lot.count--;
      return resource;
   }
   // Takes over one reference, of the caller's; null has none.
   void drop(pipe_resource *resource)
   {
      if (resource)
         add(resource);
   }
   void drop(pipe_sampler_view *view)
   {
      if (view)
         add(view);
   }
   // Gives all back, which may destroy objects.
   void settle()
   {
      if (num_used_ > 0)
         settle_slow();
   }

private:
   struct Lot {
      void *object = nullptr;
      bool is_view = false;
      int32_t count = 0;
   };
   static constexpr unsigned num_lots = 256;

   static unsigned lot_of(const void *object)
   {
      return unsigned(uint64_t(uintptr_t(object)) * 0x9e3779b97f4a7c15u >> 56);
   }
   template <class T> void add(T *object)
   {
      Lot &lot = lots_[lot_of(object)];
      if (lot.object != object) [[unlikely]]
         begin(lot, object, std::is_same_v<T, pipe_sampler_view>);
      lot.count++;
   }
   void begin(Lot &lot, void *object, bool is_view);
   void stock_up(Lot &lot, pipe_resource *resource);
   static void give_back(const Lot &lot);
   void settle_slow();

   std::array<Lot, num_lots> lots_;
   std::array<uint8_t, num_lots> used_; // the first num_used_: lots that have an object
   unsigned num_used_ = 0;
};

} // namespace virgl
