// SPDX-License-Identifier: MIT
// The screen driven without a display server: scanout buffers of GBM's, drawn with GL, shown by
// mode setting, page flips and dirty rectangles, with a cursor on top.
//
//   guest-kms [--hold]     after the checks shows a picture, prints "ready", waits for a line
//
// The picture for the screenshot: quarters in red, green, blue and yellow (in reading order), a
// white cursor with a black centre in the middle of the red one.

#include "check.hpp"
#include "sharing.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <poll.h>

#include <libdrm/drm_fourcc.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

using namespace guest;

namespace {

struct Screen {
   uint32_t connector = 0, crtc = 0;
   drmModeModeInfo mode{};
   int width() const { return mode.hdisplay; }
   int height() const { return mode.vdisplay; }
};

Screen find_screen(int fd)
{
   Screen screen;
   drmModeRes *resources = drmModeGetResources(fd);
   if (!resources)
      give_up("%s shows nothing: %s", primary_node, strerror(errno));
   for (int i = 0; i < resources->count_connectors && !screen.connector; i++) {
      drmModeConnector *connector = drmModeGetConnector(fd, resources->connectors[i]);
      if (connector && connector->connection == DRM_MODE_CONNECTED && connector->count_modes > 0) {
         screen.connector = connector->connector_id;
         screen.mode = connector->modes[0];
      }
      drmModeFreeConnector(connector);
   }
   if (resources->count_crtcs > 0)
      screen.crtc = resources->crtcs[0];
   drmModeFreeResources(resources);
   if (!screen.connector || !screen.crtc)
      give_up("there is no connected screen");
   return screen;
}

// A scanout buffer, the framebuffer object made of it, and GL's way to draw to it.
class Frame {
public:
   Frame(const Device &device, int width, int height) : fd_(device.fd())
   {
      buffer_ = Buffer(gbm_bo_create(device.gbm(), static_cast<uint32_t>(width),
                                     static_cast<uint32_t>(height), GBM_FORMAT_XRGB8888,
                                     GBM_BO_USE_SCANOUT | GBM_BO_USE_RENDERING));
      if (!buffer_)
         give_up("GBM makes no scanout buffer");
      const uint32_t handles[4] = {buffer_.handle()};
      const uint32_t strides[4] = {gbm_bo_get_stride(buffer_.get())};
      const uint32_t offsets[4] = {};
      if (drmModeAddFB2(fd_, static_cast<uint32_t>(width), static_cast<uint32_t>(height),
                        DRM_FORMAT_XRGB8888, handles, strides, offsets, &id_, 0))
         give_up("drmModeAddFB2 fails: %s", strerror(errno));
      image_ = image_of_buffer(device, buffer_.get());
      renderbuffer_ = renderbuffer_of(image_);
   }
   ~Frame()
   {
      glDeleteRenderbuffers(1, &renderbuffer_);
      drmModeRmFB(fd_, id_);
   }
   Frame(const Frame &) = delete;
   Frame &operator=(const Frame &) = delete;
   uint32_t id() const { return id_; }
   bool bind(Framebuffer &target) const { return target.attach_renderbuffer(renderbuffer_); }

private:
   int fd_;
   Buffer buffer_;
   Image image_;
   GLuint renderbuffer_ = 0;
   uint32_t id_ = 0;
};

void fill(Area area, float r, float g, float b, float a = 1.0f)
{
   glEnable(GL_SCISSOR_TEST);
   glScissor(area.x, area.y, area.width, area.height);
   glClearColor(r, g, b, a);
   glClear(GL_COLOR_BUFFER_BIT);
   glDisable(GL_SCISSOR_TEST);
}

// In GL's framebuffer objects of shared buffers the first row is the uppermost.
void draw_quarters(const Frame &frame, const Screen &screen)
{
   Framebuffer target;
   if (!frame.bind(target))
      fail("scanout buffer", "it cannot be drawn to");
   const int w = screen.width() / 2, h = screen.height() / 2;
   fill({0, 0, w, h}, 1, 0, 0);
   fill({w, 0, w, h}, 0, 1, 0);
   fill({0, h, w, h}, 0, 0, 1);
   fill({w, h, w, h}, 1, 1, 0);
   glFinish();
}

struct Flips {
   int done = 0;
   bool pending = false;
};

void flip_done(int, unsigned, unsigned, unsigned, void *data)
{
   auto *flips = static_cast<Flips *>(data);
   flips->done++;
   flips->pending = false;
}

void page_flips(const Device &device, const Screen &screen, const Frame &front, const Frame &back)
{
   constexpr int count = 60;
   Flips flips;
   drmEventContext events{};
   events.version = 2;
   events.page_flip_handler = flip_done;
   std::string wrong;
   const double began = now();
   const auto flip_all = [&](int) {
      for (int i = 0; i < count && wrong.empty(); i++) {
         const Frame &next = i % 2 ? front : back;
         {
            Framebuffer target;
            next.bind(target);
            fill({0, 0, screen.width(), screen.height()}, static_cast<float>(i % 8) / 8.0f, 0.5f,
                 0.5f);
            fill({i * 4, 0, 64, 64}, 1, 1, 1);
            glFlush(); // the device keeps the order: the flip comes after it
         }
         flips.pending = true;
         if (drmModePageFlip(device.fd(), screen.crtc, next.id(), DRM_MODE_PAGE_FLIP_EVENT, &flips))
            wrong = std::string("drmModePageFlip: ") + strerror(errno);
         while (flips.pending && wrong.empty()) {
            pollfd entry{device.fd(), POLLIN, 0};
            if (poll(&entry, 1, 10000) != 1)
               wrong = "flip " + std::to_string(i) + " does not end";
            else
               drmHandleEvent(device.fd(), &events);
         }
      }
   };
   const std::string left = piles_up(device.fd(), flip_all);
   if (wrong.empty() && flips.done != 3 * count)
      wrong = std::to_string(flips.done) + " events for " + std::to_string(3 * count) + " flips";
   check(wrong.empty(), "page flips", "%s", wrong.c_str());
   check(left.empty(), "page flips leave nothing", "%s", left.c_str());
   printf("note %d flips in %.1f s\n", 3 * count, now() - began);
}

void dirty_rectangles(const Device &device, const Screen &screen, const Frame &frame)
{
   std::string wrong;
   {
      Framebuffer target;
      frame.bind(target);
      for (int i = 0; i < 20 && wrong.empty(); i++) {
         const int x = i * 16, y = i * 8;
         fill({x, y, 100, 60}, 0.1f * static_cast<float>(i % 10), 0, 1);
         glFlush();
         drmModeClip clip{static_cast<uint16_t>(x), static_cast<uint16_t>(y),
                          static_cast<uint16_t>(x + 100), static_cast<uint16_t>(y + 60)};
         if (drmModeDirtyFB(device.fd(), frame.id(), &clip, 1))
            wrong = std::string("drmModeDirtyFB: ") + strerror(errno);
      }
      // What the screen is fed from is still what GL draws to.
      uint8_t pixel[4];
      glReadPixels(19 * 16 + 50, 19 * 8 + 30, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel);
      if (wrong.empty() && (abs(pixel[0] - 230) > 1 || pixel[1] != 0 || pixel[2] != 255))
         wrong = "the buffer does not hold what was drawn";
   }
   check(wrong.empty(), "dirty rectangles", "%s", wrong.c_str());
}

// 64 × 64, as all drivers have it. One kind the kernel makes and gbm_bo_write() fills; the other is
// a resource of the driver's, mapped.
Buffer cursor(const Device &device, const Screen &screen, bool mapped)
{
   const std::string name = mapped ? "mapped cursor" : "cursor";
   Buffer buffer(gbm_bo_create(device.gbm(), 64, 64, GBM_FORMAT_ARGB8888,
                               mapped ? GBM_BO_USE_CURSOR : GBM_BO_USE_CURSOR | GBM_BO_USE_WRITE));
   if (!check(bool(buffer), name, "GBM makes no cursor buffer"))
      return buffer;
   uint32_t pixels[64 * 64];
   for (int y = 0; y < 64; y++)
      for (int x = 0; x < 64; x++)
         pixels[y * 64 + x] = x >= 24 && x < 40 && y >= 24 && y < 40 ? 0xff000000u : 0xffffffffu;
   if (mapped) {
      void *data = nullptr, *again = nullptr;
      uint32_t stride = 0;
      auto *to = static_cast<uint8_t *>(
         gbm_bo_map(buffer.get(), 0, 0, 64, 64, GBM_BO_TRANSFER_WRITE, &stride, &data));
      if (check(to, name + ", written", "gbm_bo_map fails: %s", strerror(errno))) {
         for (int y = 0; y < 64; y++)
            memcpy(to + static_cast<size_t>(y) * stride, pixels + y * 64, 64 * 4);
         gbm_bo_unmap(buffer.get(), data);
      }
      // Read back through another mapping: what the device will show.
      to = static_cast<uint8_t *>(
         gbm_bo_map(buffer.get(), 0, 0, 64, 64, GBM_BO_TRANSFER_READ, &stride, &again));
      std::string wrong = to ? "" : "gbm_bo_map fails";
      for (int i = 0; i < 64 * 64 && wrong.empty(); i++) {
         uint32_t got;
         memcpy(&got, to + static_cast<size_t>(i / 64) * stride + i % 64 * 4, 4);
         if (got != pixels[i])
            wrong = "pixel " + std::to_string(i % 64) + ',' + std::to_string(i / 64) + " is " +
                    std::to_string(got) + " instead of " + std::to_string(pixels[i]);
      }
      check(wrong.empty(), name + ", read", "%s", wrong.c_str());
      if (to)
         gbm_bo_unmap(buffer.get(), again);
   } else {
      check(gbm_bo_write(buffer.get(), pixels, sizeof(pixels)) == 0, name + ", written", "%s",
            strerror(errno));
   }
   check(drmModeSetCursor(device.fd(), screen.crtc, buffer.handle(), 64, 64) == 0, name + ", set",
         "%s", strerror(errno));
   bool moved = true;
   for (int i = 0; i <= 10; i++)
      moved = moved &&
              drmModeMoveCursor(device.fd(), screen.crtc, (screen.width() / 4 - 32) * i / 10,
                                (screen.height() / 4 - 32) * i / 10) == 0;
   check(moved, name + ", moved", "%s", strerror(errno));
   return buffer;
}

} // namespace

int main(int argc, char **argv)
{
   const bool hold = argc > 1 && !strcmp(argv[1], "--hold");
   Device device(primary_node);
   if (!drmIsMaster(device.fd()))
      give_up("this program is not the master of %s", primary_node);
   const Screen screen = find_screen(device.fd());
   device.make_current(device.context());
   {
      const Frame front(device, screen.width(), screen.height());
      const Frame back(device, screen.width(), screen.height());
      draw_quarters(front, screen);
      uint32_t connector = screen.connector;
      drmModeModeInfo mode = screen.mode;
      if (drmModeSetCrtc(device.fd(), screen.crtc, front.id(), 0, 0, &connector, 1, &mode))
         give_up("drmModeSetCrtc fails: %s", strerror(errno));
      ok("mode set");
      page_flips(device, screen, front, back);
      dirty_rectangles(device, screen, front); // the sixtieth flip showed it
      const Buffer first = cursor(device, screen, false), second = cursor(device, screen, true);
      draw_quarters(front, screen);
      drmModeDirtyFB(device.fd(), front.id(), nullptr, 0);
      if (hold) {
         printf("ready\n");
         fflush(stdout);
         getchar();
      }
      drmModeSetCursor(device.fd(), screen.crtc, 0, 0, 0);
   }
   return status();
}
