// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

struct _XDisplay;

namespace render {

// A plain X11 window. X's headers stay in window.cpp: they define names such as None.
class Window {
public:
   Window() = default;
   Window(const Window &) = delete;
   Window &operator=(const Window &) = delete;
   ~Window();

   bool open(int width, int height);
   void resize(int width, int height);
   void *connection() const { return display_; }
   unsigned long handle() const { return window_; }
   // What the X server has in the window, as RGBA rows from below (alpha is 255).
   std::vector<uint8_t> pixels() const;

   static Window *current(); // the one open window of this program

private:
   _XDisplay *display_ = nullptr;
   unsigned long window_ = 0;
   int width_ = 0;
   int height_ = 0;
};

} // namespace render
