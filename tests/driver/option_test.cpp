// SPDX-License-Identifier: MIT
// driconf's options: read from files, told to hosts on GLES, and what they make of formats.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "pipe/p_context.h"
#include "pipe/p_defines.h"
#include "pipe/p_screen.h"
#include "util/xmlconfig.h"

#include "gallium/drivers/virgl/context.hpp"
#include "gallium/drivers/virgl/options.hpp"
#include "gallium/drivers/virgl/resource.hpp"
#include "gallium/drivers/virgl/screen.hpp"
#include "protocol/stream.hpp"

#include "drm_test.hpp"

using namespace virgl;
using namespace virgl::test;

namespace {

// A folder of drirc files, and none of the user's.
struct Driconf : testing::Test {
   Driconf()
   {
      char name[] = "/tmp/verglas-drirc-XXXXXX";
      folder = mkdtemp(name);
      if (const char *h = std::getenv("HOME"))
         home = h;
      setenv("HOME", folder.c_str(), 1);
   }
   ~Driconf() override
   {
      setenv("HOME", home.c_str(), 1);
      std::filesystem::remove_all(folder);
   }
   Options with(const std::string &option, const std::string &application = "")
   {
      std::ofstream(folder / "50-test.conf")
         << "<driconf><device driver=\"virtio_gpu\"><application name=\"it\"" << application << ">"
         << option << "</application></device></driconf>";
      driInjectDataDir(folder.c_str());
      return options_from_driconf();
   }

   std::filesystem::path folder;
   std::string home;
};

constexpr Options defaults{.gles_emulate_bgra = true,
                           .gles_apply_bgra_dest_swizzle = true,
                           .gles_samples_passed_value = 1024};

constexpr pipe_format bgra_srgb = PIPE_FORMAT_B8G8R8A8_SRGB;

void drop(proto::FormatMask &mask, proto::Format f)
{
   mask.bitmask[uint32_t(f) / 32] &= ~(1u << uint32_t(f) % 32);
}

// A host on GLES that has no sRGB of blue first.
proto::Caps old_gles_host()
{
   proto::Caps caps = VirtgpuOptions::able_host();
   caps.capability_bits |= proto::cap::host_is_gles | proto::cap::app_tweak_support;
   for (proto::FormatMask *mask : {&caps.sampler, &caps.render, &caps.scanout}) {
      for (proto::Format f : {proto::Format::B8G8R8A8_SRGB, proto::Format::B8G8R8X8_SRGB})
         drop(*mask, f);
      for (proto::Format f : {proto::Format::R8G8B8A8_SRGB, proto::Format::R8G8B8X8_SRGB})
         mask->set(uint32_t(f));
   }
   return caps;
}

struct Host {
   Host(const proto::Caps &caps, const Options &options) : gpu(device(caps))
   {
      setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
      gpu.keep_streams(true);
      s = screen_create(drm::connect(gpu.open(), drm_options()), nullptr, options);
   }
   ~Host()
   {
      s->destroy(s);
      Gpu::expect_nothing_left(gpu);
   }
   static VirtgpuOptions device(const proto::Caps &caps)
   {
      VirtgpuOptions o = gpu_options(Pace::at_once);
      o.caps = caps;
      return o;
   }
   bool supports(pipe_format format, unsigned bind)
   {
      return s->is_format_supported(s, format, PIPE_TEXTURE_2D, 0, 0, bind);
   }
   // What the host keeps a texture for.
   uint32_t bind_of(pipe_format format)
   {
      pipe_resource t = {};
      t.target = PIPE_TEXTURE_2D;
      t.format = format;
      t.width0 = t.height0 = 16;
      t.depth0 = t.array_size = 1;
      t.bind = PIPE_BIND_RENDER_TARGET | PIPE_BIND_SAMPLER_VIEW;
      pipe_resource *r = s->resource_create(s, &t);
      const uint32_t bind = gpu.host_resource(uint32_t(Resource::from(r)->handle())).bind;
      pipe_resource_reference(&r, nullptr);
      return bind;
   }
   // "id=value" of each tweak, behind the sub-context it was set for.
   std::string tweaks(int contexts)
   {
      for (int i = 0; i < contexts; i++) {
         pipe_context *c = s->context_create(s, nullptr, 0);
         for (int batches = 0; batches < 2; batches++) { // told once
            c->texture_barrier(c, 0);
            c->flush(c, nullptr, 0);
         }
         c->destroy(c);
      }
      std::string text;
      uint32_t sub_ctx = 0, first = 0;
      for (const std::vector<uint32_t> &stream : gpu.take_streams()) {
         proto::CommandReader reader(stream);
         for (proto::Command command; reader.next(command);) {
            if (command.opcode == proto::Ccmd::set_sub_ctx) {
               sub_ctx = command.payload[0];
               first = first ? first : sub_ctx;
            }
            if (command.opcode == proto::Ccmd::set_tweaks)
               text += std::to_string(sub_ctx - first) + ": " + std::to_string(command.payload[0]) +
                       "=" + std::to_string(command.payload[1]) + " ";
         }
      }
      return text;
   }

   FakeVirtgpu gpu;
   pipe_screen *s = nullptr;
};

} // namespace

TEST_F(Driconf, FilesSetTheOptions)
{
   EXPECT_EQ(with(""), defaults);
   Options o = defaults;
   o.gles_emulate_bgra = false;
   EXPECT_EQ(with("<option name=\"gles_emulate_bgra\" value=\"false\"/>"), o);
   o = defaults;
   o.gles_apply_bgra_dest_swizzle = false;
   EXPECT_EQ(with("<option name=\"gles_apply_bgra_dest_swizzle\" value=\"false\"/>"), o);
   o = defaults;
   o.gles_samples_passed_value = 77;
   EXPECT_EQ(with("<option name=\"gles_samples_passed_value\" value=\"77\"/>"), o);
   o = defaults;
   o.format_l8_srgb_enable_readback = true;
   const char *readback = "<option name=\"format_l8_srgb_enable_readback\" value=\"true\"/>";
   EXPECT_EQ(with(readback), o);
   // A profile of another program's.
   EXPECT_EQ(with(readback, " executable=\"no-such-program\""), defaults);
   // Out of range, or no number: as the host likes.
   o = defaults;
   o.gles_samples_passed_value = 0;
   EXPECT_EQ(with("<option name=\"gles_samples_passed_value\" value=\"-5\"/>"), o);
   EXPECT_EQ(with("<option name=\"gles_samples_passed_value\" value=\"many\"/>"), o);
}

TEST_F(Driconf, TheEnvironmentComesBeforeTheDefaults)
{
   setenv("gles_samples_passed_value", "5", 1);
   EXPECT_EQ(with("").gles_samples_passed_value, 5u);
   unsetenv("gles_samples_passed_value");
}

TEST(Tweaks, GoToEachSubContextOfAGlesHost)
{
   Options o = defaults;
   o.gles_samples_passed_value = 77;
   EXPECT_EQ(Host(old_gles_host(), o).tweaks(2), "0: 0=1 0: 1=1 0: 2=77 1: 0=1 1: 1=1 1: 2=77 ");
   EXPECT_EQ(Host(old_gles_host(), {}).tweaks(1), "");
   // A host that has the format need not emulate it.
   proto::Caps newer = old_gles_host();
   newer.render.set(uint32_t(proto::Format::B8G8R8A8_SRGB));
   EXPECT_EQ(Host(newer, o).tweaks(1), "0: 1=1 0: 2=77 ");
   // Who does not know the command, or has no use for it.
   proto::Caps older = old_gles_host();
   older.capability_bits &= ~proto::cap::app_tweak_support;
   EXPECT_EQ(Host(older, o).tweaks(1), "");
   proto::Caps gl = old_gles_host();
   gl.capability_bits &= ~proto::cap::host_is_gles;
   EXPECT_EQ(Host(gl, o).tweaks(1), "");
}

TEST(Tweaks, BlueFirstIsEmulatedWhereTheHostIsAskedTo)
{
   constexpr uint32_t emulated = proto::bind::prefer_emulated_bgra;
   constexpr unsigned both = PIPE_BIND_RENDER_TARGET | PIPE_BIND_SAMPLER_VIEW;
   {
      Host host(old_gles_host(), defaults);
      EXPECT_TRUE(host.supports(bgra_srgb, both));
      EXPECT_TRUE(host.supports(PIPE_FORMAT_B8G8R8X8_SRGB, both));
      EXPECT_FALSE(host.supports(bgra_srgb, PIPE_BIND_SCANOUT)); // shown as it is kept
      EXPECT_EQ(host.bind_of(bgra_srgb) & emulated, emulated);
      EXPECT_EQ(host.bind_of(PIPE_FORMAT_B8G8R8A8_UNORM) & emulated, emulated);
      EXPECT_EQ(host.bind_of(PIPE_FORMAT_R8G8B8A8_UNORM) & emulated, 0u);
   }
   {
      Host host(old_gles_host(), {});
      EXPECT_FALSE(host.supports(bgra_srgb, both));
      EXPECT_EQ(host.bind_of(PIPE_FORMAT_B8G8R8A8_UNORM) & emulated, 0u);
   }
   {
      proto::Caps gl = old_gles_host();
      gl.capability_bits &= ~proto::cap::host_is_gles;
      EXPECT_FALSE(Host(gl, defaults).supports(bgra_srgb, both));
   }
   {
      proto::Caps no_srgb = old_gles_host();
      drop(no_srgb.render, proto::Format::R8G8B8A8_SRGB);
      Host host(no_srgb, defaults);
      EXPECT_FALSE(host.supports(bgra_srgb, PIPE_BIND_RENDER_TARGET));
      EXPECT_TRUE(host.supports(bgra_srgb, PIPE_BIND_SAMPLER_VIEW));
   }
}

TEST(Tweaks, LuminanceIsReadBackIfTheUserSaysSo)
{
   proto::Caps caps = VirtgpuOptions::able_host();
   caps.supported_readback_formats.set(uint32_t(proto::Format::R8G8B8A8_UNORM)); // a list at all
   drop(caps.supported_readback_formats, proto::Format::L8_SRGB);
   drop(caps.supported_readback_formats, proto::Format::R8_SRGB);
   const auto readable = [&](const Options &o, pipe_format format) {
      Host host(caps, o);
      return format_readable(Screen::from(host.s), format);
   };
   EXPECT_FALSE(readable({}, PIPE_FORMAT_L8_SRGB));
   EXPECT_TRUE(readable({.format_l8_srgb_enable_readback = true}, PIPE_FORMAT_L8_SRGB));
   EXPECT_FALSE(readable({.format_l8_srgb_enable_readback = true}, PIPE_FORMAT_R8_SRGB));
}
