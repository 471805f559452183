// SPDX-License-Identifier: MIT
// What formats the host has, for what uses.
#include "gallium/drivers/virgl/formats.hpp"
#include "gallium/drivers/virgl/limits.hpp"
#include "gallium/drivers/virgl/screen.hpp"

#include <algorithm>
#include <bit>

#include "pipe/p_defines.h"
#include "protocol/pipe_formats.hpp"
#include "util/format/u_format.h"

namespace virgl {
namespace {

using FormatDescription = struct util_format_description; // a function has the name, too

bool has(const proto::FormatMask &mask, pipe_format format)
{
   return proto::supports(mask, format_to_host(format));
}

// The masks of `caps` do not show formats that the host has if asked to (prefer_emulated_bgra).
bool has_or_emulates(const Screen &screen, const proto::FormatMask &mask, pipe_format format)
{
   if (has(mask, format))
      return true;
   switch (screen.emulate_bgra ? format : PIPE_FORMAT_NONE) {
   case PIPE_FORMAT_B8G8R8A8_SRGB:
      return has(mask, PIPE_FORMAT_R8G8B8A8_SRGB);
   case PIPE_FORMAT_B8G8R8X8_SRGB:
      return has(mask, PIPE_FORMAT_R8G8B8X8_SRGB);
   default:
      return false;
   }
}

// Hosts decide by a format's first channel how to fetch it, and take these packed ones besides
// (virglrenderer's vrend_create_vertex_elements_state). They announce R11G11B10 only, which not all
// of them had.
bool vertex_format_supported(const Limits &limits, pipe_format format)
{
   switch (format) {
   case PIPE_FORMAT_R11G11B10_FLOAT:
      return has(limits.vertex_buffer, format);
   case PIPE_FORMAT_R10G10B10A2_UNORM:
   case PIPE_FORMAT_R10G10B10A2_SNORM:
   case PIPE_FORMAT_R10G10B10A2_USCALED:
   case PIPE_FORMAT_R10G10B10A2_SSCALED:
   case PIPE_FORMAT_B10G10R10A2_UNORM:
   case PIPE_FORMAT_B10G10R10A2_SNORM:
      return true;
   case PIPE_FORMAT_B10G10R10A2_USCALED:
   case PIPE_FORMAT_B10G10R10A2_SSCALED:
      // No host has these, but neither has GL: blue-first attributes are always normalised. The
      // frontend asks for the eight of them together or gives up all.
      return true;
   default:
      break;
   }

   const FormatDescription *desc = util_format_description(format);
   if (proto::from_pipe(format) == proto::Format::NONE || !desc ||
       desc->layout != UTIL_FORMAT_LAYOUT_PLAIN || !desc->is_array)
      return false;
   const util_format_channel_description &channel = desc->channel[0];
   switch (channel.type) {
   case UTIL_FORMAT_TYPE_FLOAT:
      return channel.size == 16 || channel.size == 32 || channel.size == 64;
   case UTIL_FORMAT_TYPE_UNSIGNED:
   case UTIL_FORMAT_TYPE_SIGNED:
      return channel.size == 8 || channel.size == 16 || channel.size == 32;
   default:
      return false;
   }
}

// Where a host's GL has no two samples it makes four of them, of which only the capset tells: its
// positions of two are then the first two of four, which no pattern of a GPU begins with.
bool two_samples_are_four(const Screen &screen)
{
   const uint32_t two = screen.caps.sample_locations[0] & 0xffff;
   return two != 0 && screen.limits->samples >= 4 &&
          two == (screen.caps.sample_locations[1] & 0xffff);
}

bool samples_supported(const Screen &screen, pipe_format format, unsigned samples,
                       unsigned storage_samples, unsigned bind)
{
   const Limits &l = *screen.limits;
   if (std::max(samples, 1u) != std::max(storage_samples, 1u) || std::popcount(samples) > 1)
      return false;
   if (samples <= 1)
      return true;
   if (!screen.caps.has_feature(proto::feature::texture_multisample) || samples > l.samples)
      return false;
   if (samples == 2 && two_samples_are_four(screen))
      return false;
   if ((bind & PIPE_BIND_SHADER_IMAGE) && samples > l.image_samples)
      return false;
   // The mask has a bit for "no format", too: framebuffers without attachments.
   return !l.multisample_known || l.multisample.test(uint32_t(format_to_host(format)));
}

// Layouts that GL does not allow, or no host has, in this kind of texture.
bool target_supported(pipe_format format, const FormatDescription &desc, pipe_texture_target target)
{
   if (target == PIPE_BUFFER)
      return !util_format_is_compressed(format);
   switch (format) {
   case PIPE_FORMAT_R32G32B32_FLOAT:
   case PIPE_FORMAT_R32G32B32_SINT:
   case PIPE_FORMAT_R32G32B32_UINT:
      return false; // three words to a texel: only in buffers (ARB_texture_buffer_object_rgb32)
   default:
      break;
   }
   if (target == PIPE_TEXTURE_RECT)
      return !util_format_is_compressed(format); // GL refuses, and the texture stays empty
   if (target != PIPE_TEXTURE_3D)
      return true;
   // Four channels to the host, with a swizzle: copies to slices of such a volume get lost.
   if (desc.layout == UTIL_FORMAT_LAYOUT_PLAIN && desc.nr_channels == 4 && desc.is_array &&
       desc.channel[0].size == 16 && desc.channel[3].type == UTIL_FORMAT_TYPE_VOID)
      return false;
   return desc.layout != UTIL_FORMAT_LAYOUT_RGTC && desc.layout != UTIL_FORMAT_LAYOUT_ETC &&
          desc.layout != UTIL_FORMAT_LAYOUT_S3TC;
}

// Formats that hosts announce and GL has nothing of the kind for.
bool emulated_badly(pipe_format format, const FormatDescription &desc)
{
   if (util_format_is_intensity(format))
      return true;
   // Hosts of a core profile keep alpha in the red channel, and move clears, blends and border colours
   // over for the normalised ones only (virglrenderer, vrend_format_is_emulated_alpha).
   if (util_format_is_alpha(format) && desc.layout == UTIL_FORMAT_LAYOUT_PLAIN &&
       (desc.channel[0].type == UTIL_FORMAT_TYPE_FLOAT || desc.channel[0].pure_integer))
      return true;
   // Two nibbles, as in L4A4.
   return desc.layout == UTIL_FORMAT_LAYOUT_PLAIN && desc.nr_channels < 4 &&
          desc.channel[0].size == 4;
}

bool render_format_supported(const Screen &screen, pipe_format format,
                             const FormatDescription &desc)
{
   // Compressed and subsampled formats may be announced, but nobody draws to them.
   return desc.colorspace != UTIL_FORMAT_COLORSPACE_ZS && desc.block.width == 1 &&
          desc.block.height == 1 && has_or_emulates(screen, screen.limits->render, format);
}

bool is_format_supported(pipe_screen *screen, pipe_format format, pipe_texture_target target,
                         unsigned samples, unsigned storage_samples, unsigned bind)
{
   return format_supported(Screen::from(screen), format, target, samples, storage_samples, bind);
}

} // namespace

bool format_supported(const Screen &screen, pipe_format format, pipe_texture_target target,
                      unsigned samples, unsigned storage_samples, unsigned bind)
{
   const Limits &l = *screen.limits;
   if (!samples_supported(screen, format, samples, storage_samples, bind))
      return false;
   if (format == PIPE_FORMAT_NONE)
      return (bind & PIPE_BIND_RENDER_TARGET) != 0; // a framebuffer without attachments
   const FormatDescription *desc = util_format_description(format);
   if (!desc)
      return false;
   // Asked for alone: no format is both of a vertex and of a texture in one resource.
   if (bind & PIPE_BIND_VERTEX_BUFFER)
      return vertex_format_supported(l, format);

   if (!target_supported(format, *desc, target) || emulated_badly(format, *desc))
      return false;
   if (target == PIPE_TEXTURE_3D && desc->layout == UTIL_FORMAT_LAYOUT_ASTC &&
       !screen.has(proto::cap::astc_3d))
      return false;
   // X8Z24 is the better one; see host_twin.
   if (format == PIPE_FORMAT_Z24X8_UNORM && has(l.sampler, PIPE_FORMAT_X8Z24_UNORM))
      return false;
   if ((bind & PIPE_BIND_RENDER_TARGET) && !render_format_supported(screen, format, *desc))
      return false;
   if ((bind & PIPE_BIND_DEPTH_STENCIL) && desc->colorspace != UTIL_FORMAT_COLORSPACE_ZS)
      return false;
   if ((bind & PIPE_BIND_SCANOUT) && !has(l.scanout, format))
      return false;
   // Whatever else it is for, a texture of the format must exist: hosts announce that as sampling.
   return has_or_emulates(screen, l.sampler, format);
}

bool format_readable(const Screen &screen, pipe_format format)
{
   return has(screen.limits->readback, format) ||
          (format == PIPE_FORMAT_L8_SRGB && screen.options.format_l8_srgb_enable_readback);
}

bool format_emulated(const Screen &screen, pipe_format format)
{
   switch (format) {
   case PIPE_FORMAT_B8G8R8A8_UNORM:
   case PIPE_FORMAT_B8G8R8X8_UNORM:
   case PIPE_FORMAT_B8G8R8A8_SRGB:
   case PIPE_FORMAT_B8G8R8X8_SRGB:
      return screen.emulate_bgra;
   default:
      return false;
   }
}

void screen_init_formats(Screen &screen)
{
   screen.base.is_format_supported = is_format_supported;
   // Of old hosts only: newer ones always have these formats and announce them (virglrenderer's table
   // of formats for GLES), and do not look at the flag.
   screen.emulate_bgra = screen.options.gles_emulate_bgra && sends_tweaks(screen) &&
                         !has(screen.limits->render, PIPE_FORMAT_B8G8R8A8_SRGB);
}

} // namespace virgl
