// SPDX-License-Identifier: MIT
#include "protocol/caps.hpp"

#include <algorithm>
#include <cstring>

namespace virgl::proto {

Caps Caps::parse(uint32_t capset_id, std::span<const std::byte> data)
{
   Caps caps;
   caps.capset_id = capset_id;

   // Any other capset (Venus, gfxstream, ...) is laid out differently: nothing of it can be used.
   if (capset_id != 1 && capset_id != 2)
      return caps;

   const size_t known = capset_id == 1 ? sizeof(CapsV1) : sizeof(CapsV2);
   const size_t size = std::min(known, data.size());
   if (size != 0)
      std::memcpy(static_cast<CapsV2 *>(&caps), data.data(), size);
   caps.received = uint32_t(size);

   // A name that fills its field has no terminator.
   caps.renderer[sizeof(caps.renderer) - 1] = '\0';
   return caps;
}

} // namespace virgl::proto
