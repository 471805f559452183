// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "protocol/packets.hpp"

namespace virgl::test {

/// A stream put together packet by packet.
struct StreamBuilder {
   std::vector<uint32_t> words;

   template <typename Packet>
   StreamBuilder &operator<<(const Packet &packet)
   {
      const size_t at = words.size();
      words.resize(at + 1 + packet.payload_dwords());
      packet.write(words.data() + at);
      return *this;
   }
   StreamBuilder &raw(std::initializer_list<uint32_t> more)
   {
      words.insert(words.end(), more);
      return *this;
   }
   operator std::span<const uint32_t>() const { return words; }
   uint32_t size() const { return uint32_t(words.size()); }
};

} // namespace virgl::test
