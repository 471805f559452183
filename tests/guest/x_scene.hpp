// SPDX-License-Identifier: MIT
// A pixmap to draw a scene of guest-x-render into, and what scenes are made of.
#pragma once

#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/Xrender.h>

#include <cstdint>
#include <string>
#include <vector>

namespace guest {

class Scene {
public:
   static constexpr int size = 256;

   Scene(Display *display, int depth);
   ~Scene();
   Scene(const Scene &) = delete;
   Scene &operator=(const Scene &) = delete;

   Display *display() const { return display_; }
   Pixmap target() const { return target_; }
   Picture picture() const { return picture_; }
   GC gc() const { return gc_; }

   // The same numbers on every server.
   uint32_t random();
   int random(int below)
   {
      return static_cast<int>((random() >> 4) % static_cast<uint32_t>(below));
   }

   // The core protocol.
   void colour(unsigned rgb) { XSetForeground(display_, gc_, rgb); }
   // Of depth 24, on memory that stays the caller's: set data to nullptr before XDestroyImage.
   XImage *image(uint32_t *pixels, int width, int height, int depth = 24) const;
   void noise(int x, int y, int width, int height);
   Pixmap noise_pixmap(int width, int height);

   // Render. Channels from 0 to 1, not yet multiplied by alpha.
   void fill(Picture to, int x, int y, int width, int height, double r, double g, double b,
             double a, int op = PictOpSrc);
   Picture solid(double r, double g, double b, double a);
   Picture noise_picture(int width, int height, bool blocks); // ARGB32, premultiplied
   Picture smooth_picture(int width, int height);
   // An alpha that grows to the right; with COMPONENTS, one for each channel.
   Picture ramp_mask(int width, int height, bool components);

   // Write what was drawn; "" or what went wrong on the way.
   std::string finish(const std::string &path);

private:
   Picture picture_of(std::vector<uint32_t> &pixels, int width, int height);

   Display *display_;
   int depth_;
   Pixmap target_;
   Picture picture_;
   GC gc_;
   uint32_t state_ = 12345;
};

} // namespace guest
