// SPDX-License-Identifier: MIT
#include "red_blue.hpp"

#include <cstdint>
#include <cstring>

#include "formats.hpp"
#include "limits.hpp"
#include "screen.hpp"

namespace virgl {

namespace {

// Several texels at a time in plain arithmetic, so that compilers make of it what the CPU has.
template <unsigned Texels> [[gnu::always_inline]] inline void
swap_all(std::byte *to, const std::byte *from, size_t bytes)
{
   using Vector [[gnu::vector_size(Texels * 4)]] = uint32_t;
   size_t at = 0;
   for (; at + sizeof(Vector) <= bytes; at += sizeof(Vector)) {
      Vector v;
      std::memcpy(&v, from + at, sizeof v);
      v = (v & 0xff00ff00u) | (v << 16 & 0x00ff0000u) | (v >> 16 & 0x000000ffu);
      std::memcpy(to + at, &v, sizeof v);
   }
   for (; at + 4 <= bytes; at += 4) {
      uint32_t v;
      std::memcpy(&v, from + at, sizeof v);
      v = (v & 0xff00ff00u) | (v << 16 & 0x00ff0000u) | (v >> 16 & 0x000000ffu);
      std::memcpy(to + at, &v, sizeof v);
   }
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] void swap_avx2(std::byte *to, const std::byte *from, size_t bytes)
{
   swap_all<8>(to, from, bytes);
}
#endif

} // namespace

pipe_format red_first_twin(pipe_format format)
{
   switch (format) {
   case PIPE_FORMAT_B8G8R8A8_UNORM:
      return PIPE_FORMAT_R8G8B8A8_UNORM;
   case PIPE_FORMAT_B8G8R8X8_UNORM:
      return PIPE_FORMAT_R8G8B8X8_UNORM;
   case PIPE_FORMAT_B8G8R8A8_SRGB:
      return PIPE_FORMAT_R8G8B8A8_SRGB;
   case PIPE_FORMAT_B8G8R8X8_SRGB:
      return PIPE_FORMAT_R8G8B8X8_SRGB;
   default:
      return PIPE_FORMAT_NONE;
   }
}

bool wants_red_first(const Screen &screen, const pipe_resource &t)
{
   const pipe_format twin = red_first_twin(t.format);
   if (twin == PIPE_FORMAT_NONE || t.nr_samples > 1 || !screen.ws->features().encoded_transfers)
      return false;
   // Whatever the one is good for the other has to be.
   const Limits &l = *screen.limits;
   for (const proto::FormatMask *mask : {&l.sampler, &l.render, &l.readback}) {
      if (proto::supports(*mask, format_to_host(t.format)) &&
          !proto::supports(*mask, format_to_host(twin)))
         return false;
   }
   return true;
}

proto::Format host_format(const Resource &res, pipe_format format)
{
   if (res.red_first) {
      if (const pipe_format twin = red_first_twin(format); twin != PIPE_FORMAT_NONE)
         return format_to_host(twin);
   }
   return format_to_host(format);
}

void swap_red_blue(std::byte *to, const std::byte *from, size_t bytes)
{
#if defined(__x86_64__)
   if (__builtin_cpu_supports("avx2"))
      return swap_avx2(to, from, bytes);
#endif
   swap_all<4>(to, from, bytes);
}

void swap_red_blue(std::byte *texels, const pipe_box &box, size_t stride, size_t layer_stride)
{
   for (int z = 0; z < box.depth; z++) {
      for (int y = 0; y < box.height; y++) {
         std::byte *row = texels + z * layer_stride + y * stride;
         swap_red_blue(row, row, size_t(box.width) * 4);
      }
   }
}

} // namespace virgl
