// SPDX-License-Identifier: MIT
//
// Stores and loads that the generated code is made of. The wire is little-endian, and so are the
// machines this driver runs on; texts and blobs are copied as they are.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace virgl::proto {

static_assert(std::endian::native == std::endian::little);

constexpr uint32_t dwords_of(size_t bytes)
{
   return uint32_t((bytes + 3) / 4);
}

[[gnu::always_inline]] constexpr void put64(uint32_t *dst, uint64_t value)
{
   dst[0] = uint32_t(value);
   dst[1] = uint32_t(value >> 32);
}

[[gnu::always_inline]] constexpr void put64(uint32_t *dst, double value)
{
   put64(dst, std::bit_cast<uint64_t>(value));
}

constexpr uint64_t get64(const uint32_t *src)
{
   return src[0] | uint64_t(src[1]) << 32;
}

constexpr uint32_t bits(uint32_t dword, uint32_t shift, uint32_t width)
{
   return width == 32 ? dword : dword >> shift & ((1u << width) - 1);
}

[[gnu::always_inline]] constexpr uint32_t *put_dwords(uint32_t *dst, std::span<const uint32_t> data)
{
   if (std::is_constant_evaluated()) {
      for (const uint32_t d : data)
         *dst++ = d;
      return dst;
   }
   if (!data.empty())
      std::memcpy(dst, data.data(), data.size_bytes());
   return dst + data.size();
}

/// Bytes are padded with zeros up to a dword.
template <typename Byte>
[[gnu::always_inline]] constexpr uint32_t *put_bytes(uint32_t *dst, const Byte *data, size_t size)
{
   const uint32_t dwords = dwords_of(size);
   if (std::is_constant_evaluated()) {
      for (uint32_t i = 0; i < dwords; i++)
         dst[i] = 0;
      for (size_t i = 0; i < size; i++)
         dst[i / 4] |= uint32_t(uint8_t(data[i])) << (8 * (i % 4));
   } else if (size != 0) {
      dst[dwords - 1] = 0;
      std::memcpy(dst, data, size);
   }
   return dst + dwords;
}

} // namespace virgl::proto
