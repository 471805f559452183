// SPDX-License-Identifier: MIT
#include "window.hpp"

#include <X11/Xlib.h>
#include <X11/Xutil.h>

namespace render {

namespace {
Window *only_window = nullptr;
}

Window *Window::current()
{
   return only_window;
}

Window::~Window()
{
   if (only_window == this)
      only_window = nullptr;
   if (window_)
      XDestroyWindow(display_, window_);
   if (display_)
      XCloseDisplay(display_);
}

bool Window::open(int width, int height)
{
   display_ = XOpenDisplay(nullptr);
   if (!display_)
      return false;
   XSetWindowAttributes attributes{};
   attributes.override_redirect = True; // no window manager may move or frame it
   window_ = XCreateWindow(display_, DefaultRootWindow(display_), 0, 0,
                           static_cast<unsigned>(width), static_cast<unsigned>(height), 0,
                           CopyFromParent, InputOutput, nullptr, CWOverrideRedirect, &attributes);
   XMapRaised(display_, window_);
   XSync(display_, False);
   width_ = width;
   height_ = height;
   only_window = this;
   return true;
}

void Window::resize(int width, int height)
{
   XResizeWindow(display_, window_, static_cast<unsigned>(width), static_cast<unsigned>(height));
   XSync(display_, False);
   width_ = width;
   height_ = height;
}

std::vector<uint8_t> Window::pixels() const
{
   std::vector<uint8_t> out;
   XSync(display_, False);
   XImage *image = XGetImage(display_, window_, 0, 0, static_cast<unsigned>(width_),
                             static_cast<unsigned>(height_), AllPlanes, ZPixmap);
   if (!image)
      return out;
   for (int y = height_ - 1; y >= 0; y--) {
      for (int x = 0; x < width_; x++) {
         const unsigned long p = XGetPixel(image, x, y);
         for (int shift : {16, 8, 0})
            out.push_back(static_cast<uint8_t>(p >> shift));
         out.push_back(255);
      }
   }
   XDestroyImage(image);
   return out;
}

} // namespace render
