// SPDX-License-Identifier: MIT
// Frames of video whose planes lie in one buffer, one behind the other, as decoders leave them.
//
// A host knows no plane inside a resource, so this is where a driver has to help itself. The frame
// is written by the CPU into a buffer of bytes, imported by the description that made it and by
// another one, shown, changed, and shown again.

#include "check.hpp"
#include "sharing.hpp"

#include <array>
#include <cmath>
#include <cstring>

#include <libdrm/drm_fourcc.h>

using namespace guest;

namespace {

constexpr int width = 64, height = 48;
constexpr int luma_stride = 96; // rows further apart than need be

struct Colour {
   int y, u, v;
};
// One for each quarter of the frame.
using Frame = std::array<Colour, 4>;
constexpr Frame first = {{{81, 90, 240}, {145, 54, 34}, {41, 240, 110}, {210, 16, 146}}};
constexpr Frame second = {{{41, 240, 110}, {81, 90, 240}, {170, 166, 16}, {106, 202, 222}}};

struct Format {
   const char *name;
   uint32_t fourcc;
   int planes;
};
constexpr Format formats[] = {
   {"NV12", DRM_FORMAT_NV12, 2},
   {"YUV420", DRM_FORMAT_YUV420, 3},
   {"YVU420", DRM_FORMAT_YVU420, 3},
};

int quarter(int x, int y, int w, int h)
{
   return (x >= w / 2 ? 1 : 0) + (y >= h / 2 ? 2 : 0);
}

// BT.601, limited range: what EGL assumes when nobody says otherwise.
Pixel rgb_of(const Colour &c)
{
   const double y = 1.164 * (c.y - 16), u = c.u - 128, v = c.v - 128;
   const auto clamp = [](double d) { return uint8_t(std::lround(std::fmin(std::fmax(d, 0), 255))); };
   return {clamp(y + 1.596 * v), clamp(y - 0.391 * u - 0.813 * v), clamp(y + 2.018 * u), 255};
}

Layout layout_of(const Format &format, uint32_t stride)
{
   Layout l;
   l.fourcc = format.fourcc;
   l.width = width;
   l.height = height;
   l.planes = format.planes;
   l.strides[0] = stride;
   l.offsets[1] = stride * height;
   l.strides[1] = l.strides[2] = format.planes == 2 ? stride : stride / 2;
   l.offsets[2] = l.offsets[1] + l.strides[1] * (height / 2);
   l.modifier = DRM_FORMAT_MOD_LINEAR;
   return l;
}

bool write(gbm_bo *bo, const Layout &l, const Frame &frame)
{
   uint32_t stride = 0;
   void *handle = nullptr;
   auto *bytes = static_cast<uint8_t *>(gbm_bo_map(bo, 0, 0, gbm_bo_get_width(bo),
                                                   gbm_bo_get_height(bo), GBM_BO_TRANSFER_WRITE,
                                                   &stride, &handle));
   if (!bytes || stride != l.strides[0])
      return false;
   for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++)
         bytes[y * l.strides[0] + x] = uint8_t(frame[quarter(x, y, width, height)].y);
   }
   const bool v_first = l.fourcc == DRM_FORMAT_YVU420;
   for (int y = 0; y < height / 2; y++) {
      for (int x = 0; x < width / 2; x++) {
         const Colour &c = frame[quarter(x, y, width / 2, height / 2)];
         uint8_t *row = bytes + l.offsets[1] + y * l.strides[1];
         if (l.planes == 2) {
            row[2 * x] = uint8_t(c.u);
            row[2 * x + 1] = uint8_t(c.v);
         } else {
            row[x] = uint8_t(v_first ? c.v : c.u);
            bytes[l.offsets[2] + y * l.strides[2] + x] = uint8_t(v_first ? c.u : c.v);
         }
      }
   }
   gbm_bo_unmap(bo, handle);
   return true;
}

// "" when the middle of every quarter has its colour. Edges are smoothed with the chroma.
std::string wrong_pixel(const std::vector<Pixel> &pixels, const Frame &frame)
{
   for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
         if (std::abs(x - width / 2) < 3 || std::abs(y - height / 2) < 3)
            continue;
         const Pixel want = rgb_of(frame[quarter(x, y, width, height)]);
         const Pixel &got = pixels[y * width + x];
         for (size_t i = 0; i < 3; i++) {
            if (std::abs(int(got[i]) - int(want[i])) > 4) {
               char text[160];
               snprintf(text, sizeof text, "(%d, %d) is (%d %d %d) instead of (%d %d %d)", x, y,
                        got[0], got[1], got[2], want[0], want[1], want[2]);
               return text;
            }
         }
      }
   }
   return {};
}

std::string show(GLuint texture, const Frame &frame)
{
   Shower shower(GL_TEXTURE_EXTERNAL_OES);
   Framebuffer canvas;
   const GLuint shown = make_texture(GL_RGBA8, width, height);
   canvas.attach_texture(shown);
   glViewport(0, 0, width, height);
   shower.show(texture);
   const std::string wrong = wrong_pixel(read_pixels(width, height), frame);
   glDeleteTextures(1, &shown);
   return wrong;
}

void run(const Format &format, Device &maker, EGLContext maker_context, Device &importer,
         EGLContext importer_context, const char *who)
{
   const bool same = &maker == &importer;
   maker.make_current(maker_context);
   // Bytes, with room for all planes.
   Buffer memory(gbm_bo_create(maker.gbm(), luma_stride, height * 2, GBM_FORMAT_R8,
                               GBM_BO_USE_RENDERING));
   if (!memory) {
      skip(format.name, "GBM makes no buffer of bytes");
      return;
   }
   const Layout layout = layout_of(format, gbm_bo_get_stride(memory.get()));
   for (const Way way : {Way::egl, Way::egl_modifier}) {
      const std::string name =
         std::string(format.name) + " in one buffer, " + who + ", " + name_of(way);
      maker.make_current(maker_context);
      if (!check(write(memory.get(), layout, first), name, "the buffer cannot be written"))
         continue;
      std::vector<Fd> fds;
      for (int i = 0; i < layout.planes; i++)
         fds.emplace_back(gbm_bo_get_fd(memory.get()));
      glFinish();

      importer.make_current(importer_context);
      Import imported = import_dmabuf(importer, layout, fds, way);
      if (!check(bool(imported.image), name + ", imported", "EGL error %#x", eglGetError()))
         continue;
      const GLuint texture = texture_of(imported.image, GL_TEXTURE_EXTERNAL_OES);
      std::string wrong = show(texture, first);
      check(wrong.empty(), name + ", shown", "%s", wrong.c_str());

      if (!same)
         maker.make_current(maker_context);
      if (!write(memory.get(), layout, second))
         continue;
      glFinish();
      if (!same)
         importer.make_current(importer_context);
      wrong = show(texture, second);
      check(wrong.empty(), name + ", changed", "%s", wrong.c_str());
      glDeleteTextures(1, &texture);
      imported = {};
      drain();
   }
}

// Something that does not lie inside the memory must be refused, not read.
void beyond_the_end(Device &device)
{
   Buffer memory(gbm_bo_create(device.gbm(), 64, 64, GBM_FORMAT_R8, GBM_BO_USE_RENDERING));
   if (!memory) {
      skip("beyond the end", "GBM makes no buffer of bytes");
      return;
   }
   Layout layout = layout_of(formats[0], gbm_bo_get_stride(memory.get()));
   layout.height = 4096;
   layout.width = 64;
   std::vector<Fd> fds;
   for (int i = 0; i < layout.planes; i++)
      fds.emplace_back(gbm_bo_get_fd(memory.get()));
   for (const uint32_t offset : {0u, 0xfffff000u}) {
      layout.offsets[1] = offset;
      Import imported = import_dmabuf(device, layout, fds, Way::egl);
      check(!imported.image, "beyond the end, offset " + std::to_string(offset),
            "a plane larger than the memory is taken");
      eglGetError();
   }
}

} // namespace

int main()
{
   Device maker, other;
   EGLContext maker_context = maker.context(), other_context = other.context();
   for (const Format &format : formats) {
      run(format, maker, maker_context, maker, maker_context, "same description");
      run(format, maker, maker_context, other, other_context, "another description");
   }
   maker.make_current(maker_context);
   beyond_the_end(maker);
   return status();
}
