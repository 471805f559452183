// SPDX-License-Identifier: MIT
#include "x_scene.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace guest {
namespace {

std::string last_error;

int note_error(Display *display, XErrorEvent *event)
{
   char text[120];
   XGetErrorText(display, event->error_code, text, sizeof(text));
   last_error = std::string("X error ") + text + " of request " +
                std::to_string(event->request_code) + "." + std::to_string(event->minor_code);
   return 0;
}

uint32_t premultiplied(uint32_t r, uint32_t g, uint32_t b, uint32_t a)
{
   return a << 24 | r * a / 255 << 16 | g * a / 255 << 8 | b * a / 255;
}

XRenderColor render_colour(double r, double g, double b, double a)
{
   const auto channel = [a](double v) { return static_cast<unsigned short>(v * a * 65535 + 0.5); };
   return {channel(r), channel(g), channel(b), static_cast<unsigned short>(a * 65535 + 0.5)};
}

XRenderPictFormat *format_of(Display *display, int depth)
{
   return XRenderFindStandardFormat(display, depth == 32 ? PictStandardARGB32 : PictStandardRGB24);
}

} // namespace

Scene::Scene(Display *display, int depth) : display_(display), depth_(depth)
{
   XSetErrorHandler(note_error);
   last_error.clear();
   target_ = XCreatePixmap(display_, DefaultRootWindow(display_), size, size,
                           static_cast<unsigned>(depth));
   gc_ = XCreateGC(display_, target_, 0, nullptr);
   XSetGraphicsExposures(display_, gc_, False);
   XSetForeground(display_, gc_, 0);
   XFillRectangle(display_, target_, gc_, 0, 0, size, size);
   picture_ = XRenderCreatePicture(display_, target_, format_of(display_, depth), 0, nullptr);
}

Scene::~Scene()
{
   XRenderFreePicture(display_, picture_);
   XFreeGC(display_, gc_);
   XFreePixmap(display_, target_);
   XSync(display_, False);
}

uint32_t Scene::random()
{
   state_ ^= state_ << 13;
   state_ ^= state_ >> 17;
   state_ ^= state_ << 5;
   return state_;
}

XImage *Scene::image(uint32_t *pixels, int width, int height, int depth) const
{
   return XCreateImage(display_, DefaultVisual(display_, DefaultScreen(display_)),
                       static_cast<unsigned>(depth), ZPixmap, 0, reinterpret_cast<char *>(pixels),
                       static_cast<unsigned>(width), static_cast<unsigned>(height), 32, width * 4);
}

void Scene::noise(int x, int y, int width, int height)
{
   std::vector<uint32_t> pixels(static_cast<size_t>(width * height));
   for (uint32_t &p : pixels)
      p = random() & 0xffffff;
   XImage *from = image(pixels.data(), width, height);
   XPutImage(display_, target_, gc_, from, 0, 0, x, y, static_cast<unsigned>(width),
             static_cast<unsigned>(height));
   from->data = nullptr;
   XDestroyImage(from);
}

Pixmap Scene::noise_pixmap(int width, int height)
{
   const Pixmap out = XCreatePixmap(display_, target_, static_cast<unsigned>(width),
                                    static_cast<unsigned>(height), 24);
   std::vector<uint32_t> pixels(static_cast<size_t>(width * height));
   for (uint32_t &p : pixels)
      p = random() & 0xffffff;
   XImage *from = image(pixels.data(), width, height);
   XPutImage(display_, out, gc_, from, 0, 0, 0, 0, static_cast<unsigned>(width),
             static_cast<unsigned>(height));
   from->data = nullptr;
   XDestroyImage(from);
   return out;
}

void Scene::fill(Picture to, int x, int y, int width, int height, double r, double g, double b,
                 double a, int op)
{
   const XRenderColor c = render_colour(r, g, b, a);
   XRenderFillRectangle(display_, op, to, &c, x, y, static_cast<unsigned>(width),
                        static_cast<unsigned>(height));
}

Picture Scene::solid(double r, double g, double b, double a)
{
   const XRenderColor c = render_colour(r, g, b, a);
   return XRenderCreateSolidFill(display_, &c);
}

Picture Scene::picture_of(std::vector<uint32_t> &pixels, int width, int height)
{
   const Pixmap pixmap = XCreatePixmap(display_, target_, static_cast<unsigned>(width),
                                       static_cast<unsigned>(height), 32);
   const GC gc = XCreateGC(display_, pixmap, 0, nullptr);
   XImage *from = image(pixels.data(), width, height, 32);
   XPutImage(display_, pixmap, gc, from, 0, 0, 0, 0, static_cast<unsigned>(width),
             static_cast<unsigned>(height));
   from->data = nullptr;
   XDestroyImage(from);
   XFreeGC(display_, gc);
   const Picture out = XRenderCreatePicture(display_, pixmap, format_of(display_, 32), 0, nullptr);
   XFreePixmap(display_, pixmap); // the picture keeps it
   return out;
}

Picture Scene::noise_picture(int width, int height, bool blocks)
{
   std::vector<uint32_t> pixels(static_cast<size_t>(width * height));
   for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
         const uint32_t v = random();
         uint32_t &p = pixels[static_cast<size_t>(y * width + x)];
         if (blocks && (x % 4 || y % 4))
            p = pixels[static_cast<size_t>(y / 4 * 4 * width + x / 4 * 4)];
         else
            p = premultiplied(v & 255, v >> 8 & 255, v >> 16 & 255, v >> 24);
      }
   }
   return picture_of(pixels, width, height);
}

Picture Scene::smooth_picture(int width, int height)
{
   std::vector<uint32_t> pixels(static_cast<size_t>(width * height));
   const auto wave = [](double v) { return static_cast<uint32_t>(127.5 + 127.5 * std::sin(v)); };
   for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++)
         pixels[static_cast<size_t>(y * width + x)] =
            premultiplied(wave(x * 0.2), wave(y * 0.25), wave((x + y) * 0.15), 255);
   return picture_of(pixels, width, height);
}

Picture Scene::ramp_mask(int width, int height, bool components)
{
   std::vector<uint32_t> pixels(static_cast<size_t>(width * height));
   for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
         const auto a = static_cast<uint32_t>(x * 255 / (width - 1));
         const auto b = static_cast<uint32_t>(y * 255 / (height - 1));
         pixels[static_cast<size_t>(y * width + x)] =
            components ? std::max(a, b) << 24 | a << 16 | b << 8 | (255 - a) : a << 24;
      }
   }
   const Picture out = picture_of(pixels, width, height);
   XRenderPictureAttributes attributes{};
   attributes.component_alpha = components;
   XRenderChangePicture(display_, out, CPComponentAlpha, &attributes);
   return out;
}

std::string Scene::finish(const std::string &path)
{
   XImage *got = XGetImage(display_, target_, 0, 0, size, size, AllPlanes, ZPixmap);
   XSync(display_, False);
   if (!last_error.empty() || !got)
      return last_error.empty() ? "the picture cannot be got" : last_error;
   FILE *file = fopen(path.c_str(), "wb");
   if (!file)
      return "cannot write " + path;
   fprintf(file, "P7\nWIDTH %d\nHEIGHT %d\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n", size,
           size);
   for (int y = 0; y < size; y++) {
      for (int x = 0; x < size; x++) {
         const auto p = static_cast<uint32_t>(XGetPixel(got, x, y));
         const uint8_t bytes[4] = {static_cast<uint8_t>(p >> 16), static_cast<uint8_t>(p >> 8),
                                   static_cast<uint8_t>(p),
                                   static_cast<uint8_t>(depth_ == 32 ? p >> 24 : 255)};
         fwrite(bytes, 1, 4, file);
      }
   }
   XDestroyImage(got);
   return fclose(file) == 0 ? "" : "cannot write " + path;
}

} // namespace guest
