// SPDX-License-Identifier: MIT
// GL in X windows, as DRI3 and Present carry it: swaps, resizing, intervals, the whole screen, the
// age of buffers, and pixmaps as textures. What the server has is compared with what GL drew.

#include "check.hpp"

#include <epoxy/gl.h>
#include <epoxy/glx.h>

#include <X11/Xutil.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <time.h>
#include <vector>

using namespace guest;

namespace {

class Window {
public:
   Window(Display *display, GLXFBConfig config, int width, int height)
      : display_(display), width_(width), height_(height)
   {
      XVisualInfo *visual = glXGetVisualFromFBConfig(display, config);
      XSetWindowAttributes attributes{};
      attributes.override_redirect = True;
      attributes.colormap =
         XCreateColormap(display, DefaultRootWindow(display), visual->visual, AllocNone);
      window_ = XCreateWindow(display, DefaultRootWindow(display), 0, 0,
                              static_cast<unsigned>(width), static_cast<unsigned>(height), 0,
                              visual->depth, InputOutput, visual->visual,
                              CWOverrideRedirect | CWColormap | CWBorderPixel, &attributes);
      XFree(visual);
      XMapRaised(display, window_);
      XSync(display, False);
      drawable_ = glXCreateWindow(display, config, window_, nullptr);
   }
   ~Window()
   {
      glXMakeContextCurrent(display_, None, None, nullptr);
      glXDestroyWindow(display_, drawable_);
      XDestroyWindow(display_, window_);
      XSync(display_, False);
   }
   Window(const Window &) = delete;
   Window &operator=(const Window &) = delete;

   GLXWindow drawable() const { return drawable_; }
   int width() const { return width_; }
   int height() const { return height_; }
   void resize(int width, int height)
   {
      XResizeWindow(display_, window_, static_cast<unsigned>(width), static_cast<unsigned>(height));
      XSync(display_, False);
      width_ = width;
      height_ = height;
   }
   // A pixel of the window as the server has it.
   unsigned pixel(int x, int y) const
   {
      XImage *image = XGetImage(display_, window_, x, y, 1, 1, AllPlanes, ZPixmap);
      if (!image)
         return ~0u;
      const auto out = static_cast<unsigned>(XGetPixel(image, 0, 0) & 0xffffff);
      XDestroyImage(image);
      return out;
   }

private:
   Display *display_;
   ::Window window_;
   GLXWindow drawable_;
   int width_, height_;
};

void fill(int x, int y, int width, int height, unsigned rgb)
{
   glEnable(GL_SCISSOR_TEST);
   glScissor(x, y, width, height);
   glClearColor(static_cast<float>(rgb >> 16 & 255) / 255.0f,
                static_cast<float>(rgb >> 8 & 255) / 255.0f, static_cast<float>(rgb & 255) / 255.0f,
                1.0f);
   glClear(GL_COLOR_BUFFER_BIT);
   glDisable(GL_SCISSOR_TEST);
}

// A texture, the whole of it in the whole viewport.
void textured_quad()
{
   glBegin(GL_QUADS);
   for (int i = 0; i < 4; i++) {
      const float x = i == 1 || i == 2, y = i >= 2;
      glTexCoord2f(x, y);
      glVertex2f(2 * x - 1, 2 * y - 1);
   }
   glEnd();
}

// Four quarters whose colours are a number's; GL counts rows from below.
unsigned quarter(unsigned number, unsigned index)
{
   return (number * 0x3b5d71 + index * 0x4f1d29) & 0xffffff;
}

void draw(const Window &window, unsigned number)
{
   const int w = window.width() / 2, h = window.height() / 2;
   glViewport(0, 0, window.width(), window.height());
   fill(0, window.height() - h, w, h, quarter(number, 0));
   fill(w, window.height() - h, window.width() - w, h, quarter(number, 1));
   fill(0, 0, w, window.height() - h, quarter(number, 2));
   fill(w, 0, window.width() - w, window.height() - h, quarter(number, 3));
}

std::string shows(const Window &window, unsigned number)
{
   const int xs[] = {2, window.width() - 3}, ys[] = {2, window.height() - 3};
   for (unsigned i = 0; i < 4; i++) {
      const unsigned got = window.pixel(xs[i % 2], ys[i / 2]), wanted = quarter(number, i);
      if (got != wanted) {
         char text[100];
         snprintf(text, sizeof(text), "quarter %u of picture %u is %06x instead of %06x", i, number,
                  got, wanted);
         return text;
      }
   }
   return {};
}

class Program {
public:
   explicit Program(Display *display) : display_(display)
   {
      const int attributes[] = {GLX_DOUBLEBUFFER, True, GLX_RED_SIZE, 8, GLX_GREEN_SIZE, 8,
                                GLX_BLUE_SIZE, 8, GLX_ALPHA_SIZE, 0, GLX_X_RENDERABLE, True, None};
      int count = 0;
      GLXFBConfig *configs =
         glXChooseFBConfig(display, DefaultScreen(display), attributes, &count);
      if (!configs || count < 1)
         give_up("there is no framebuffer configuration");
      config_ = configs[0];
      XFree(configs);
      context_ = glXCreateNewContext(display, config_, GLX_RGBA_TYPE, nullptr, True);
      if (!context_ || !glXIsDirect(display, context_))
         give_up("there is no direct context");
   }
   ~Program() { glXDestroyContext(display_, context_); }
   Program(const Program &) = delete;
   Program &operator=(const Program &) = delete;

   void swaps();
   void resizing();
   void intervals();
   void whole_screen();
   void ages();
   void pixmaps();
   void two_windows();
   void front_reads(bool uploads);

private:
   void use(const Window &window) const
   {
      if (!glXMakeContextCurrent(display_, window.drawable(), window.drawable(), context_))
         give_up("the context cannot be made current");
   }
   void swap(const Window &window) const { glXSwapBuffers(display_, window.drawable()); }
   // Present shows a picture when the work on it is done: ask until it is there.
   std::string settles(const Window &window, unsigned number) const
   {
      std::string wrong;
      for (const double until = now() + 10; now() < until;) {
         wrong = shows(window, number);
         if (wrong.empty())
            break;
         timespec pause{0, 20000000};
         nanosleep(&pause, nullptr);
      }
      return wrong;
   }

   Display *display_;
   GLXFBConfig config_;
   GLXContext context_;
};

void Program::swaps()
{
   const Window window(display_, config_, 301, 203);
   use(window);
   std::string wrong;
   for (unsigned i = 0; i < 40 && wrong.empty(); i++) {
      draw(window, i);
      swap(window);
      if (i % 8 == 7)
         wrong = settles(window, i);
   }
   check(wrong.empty(), "swaps", "%s", wrong.c_str());
   // The front buffer as GL reads it.
   glReadBuffer(GL_FRONT);
   uint8_t pixel[4] = {};
   glReadPixels(2, 200, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel);
   const unsigned got = static_cast<unsigned>(pixel[0] << 16 | pixel[1] << 8 | pixel[2]);
   check(got == quarter(39, 0), "front buffer read", "it has %06x instead of %06x", got,
         quarter(39, 0));
   glReadBuffer(GL_BACK);
}

void Program::resizing()
{
   Window window(display_, config_, 100, 100);
   use(window);
   static constexpr int sizes[][2] = {{100, 100}, {333, 77}, {64, 400}, {401, 401}, {17, 13},
                                      {640, 480}, {100, 100}};
   std::string wrong;
   unsigned number = 50;
   for (const auto &size : sizes) {
      window.resize(size[0], size[1]);
      // The frame under way may still have the old size; the one after it has the new one.
      for (int i = 0; i < 3; i++) {
         draw(window, ++number);
         swap(window);
      }
      wrong = settles(window, number);
      if (!wrong.empty()) {
         wrong = "at " + std::to_string(size[0]) + "x" + std::to_string(size[1]) + ", " + wrong;
         break;
      }
   }
   check(wrong.empty(), "resizing", "%s", wrong.c_str());
}

void Program::intervals()
{
   if (!epoxy_has_glx_extension(display_, DefaultScreen(display_), "GLX_MESA_swap_control")) {
      skip("swap intervals", "there is no GLX_MESA_swap_control");
      return;
   }
   const Window window(display_, config_, 200, 150);
   use(window);
   for (unsigned interval = 0; interval < 3; interval++) {
      const std::string name = "swap interval " + std::to_string(interval);
      if (glXSwapIntervalMESA(interval) != 0 ||
          glXGetSwapIntervalMESA() != static_cast<int>(interval)) {
         fail(name, "it is not taken");
         continue;
      }
      const double began = now();
      for (unsigned i = 0; i < 30; i++) {
         draw(window, interval * 100 + i);
         swap(window);
      }
      const std::string wrong = settles(window, interval * 100 + 29);
      check(wrong.empty(), name, "%s", wrong.c_str());
      printf("note %s: 30 frames in %.2f s\n", name.c_str(), now() - began);
   }
   glXSwapIntervalMESA(0);
}

void Program::whole_screen()
{
   const int screen = DefaultScreen(display_);
   const Window window(display_, config_, DisplayWidth(display_, screen),
                       DisplayHeight(display_, screen));
   use(window);
   for (unsigned i = 0; i < 30; i++) {
      draw(window, 200 + i);
      swap(window);
   }
   const std::string wrong = settles(window, 229);
   check(wrong.empty(), "whole screen", "%s", wrong.c_str());
}

void Program::ages()
{
   if (!epoxy_has_glx_extension(display_, DefaultScreen(display_), "GLX_EXT_buffer_age")) {
      fail("buffer age", "there is no GLX_EXT_buffer_age");
      return;
   }
   const Window window(display_, config_, 160, 120);
   use(window);
   std::string seen;
   unsigned first = 0, last = 0;
   std::string wrong;
   constexpr unsigned frames = 24;
   for (unsigned i = 0; i < frames; i++) {
      unsigned age = 0;
      glXQueryDrawable(display_, window.drawable(), GLX_BACK_BUFFER_AGE_EXT, &age);
      seen += std::to_string(age) + ' ';
      if (i == 0)
         first = age;
      // What is promised must be there: the picture of that many frames ago.
      if (age > 0 && wrong.empty()) {
         uint8_t pixel[4] = {};
         glReadPixels(2, 2, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel);
         const unsigned got = static_cast<unsigned>(pixel[0] << 16 | pixel[1] << 8 | pixel[2]);
         if (got != quarter(300 + i - age, 2))
            wrong = "a buffer of age " + std::to_string(age) + " has another picture";
      }
      last = age;
      draw(window, 300 + i);
      swap(window);
   }
   check(first == 0 && last > 0 && last <= 5, "buffer age", "ages %s", seen.c_str());
   check(wrong.empty(), "buffer age, contents", "%s", wrong.c_str());
}

void Program::pixmaps()
{
   const int screen = DefaultScreen(display_);
   if (!epoxy_has_glx_extension(display_, screen, "GLX_EXT_texture_from_pixmap")) {
      fail("pixmap as a texture", "there is no GLX_EXT_texture_from_pixmap");
      return;
   }
   const int attributes[] = {GLX_DRAWABLE_TYPE, GLX_PIXMAP_BIT, GLX_BIND_TO_TEXTURE_RGB_EXT, True,
                             GLX_BIND_TO_TEXTURE_TARGETS_EXT, GLX_TEXTURE_2D_BIT_EXT,
                             GLX_DOUBLEBUFFER, False, GLX_RED_SIZE, 8, GLX_GREEN_SIZE, 8,
                             GLX_BLUE_SIZE, 8, GLX_BUFFER_SIZE, 24, None};
   int count = 0;
   GLXFBConfig *configs = glXChooseFBConfig(display_, screen, attributes, &count);
   GLXFBConfig config = nullptr;
   for (int i = 0; i < count && !config; i++) {
      XVisualInfo *visual = glXGetVisualFromFBConfig(display_, configs[i]);
      if (visual && visual->depth == 24)
         config = configs[i];
      XFree(visual);
   }
   XFree(configs);
   if (!config) {
      fail("pixmap as a texture", "there is no configuration for it");
      return;
   }
   const Window window(display_, config_, 128, 128);
   use(window);
   const Pixmap pixmap = XCreatePixmap(display_, DefaultRootWindow(display_), 128, 128, 24);
   const GC gc = XCreateGC(display_, pixmap, 0, nullptr);
   const int pixmap_attributes[] = {GLX_TEXTURE_TARGET_EXT, GLX_TEXTURE_2D_EXT,
                                    GLX_TEXTURE_FORMAT_EXT, GLX_TEXTURE_FORMAT_RGB_EXT, None};
   const GLXPixmap drawable = glXCreatePixmap(display_, config, pixmap, pixmap_attributes);
   int inverted = 0; // or True, or "does not matter"
   glXGetFBConfigAttrib(display_, config, GLX_Y_INVERTED_EXT, &inverted);
   GLuint texture = 0;
   glGenTextures(1, &texture);
   glBindTexture(GL_TEXTURE_2D, texture);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
   std::string wrong;
   for (unsigned round = 0; round < 6 && wrong.empty(); round++) {
      // Cells that X draws, the whole of them and then only one more.
      for (int cell = 0; cell < 16; cell++) {
         if (round % 2 && cell != static_cast<int>(round))
            continue;
         XSetForeground(display_, gc, quarter(400 + round, static_cast<unsigned>(cell)));
         XFillRectangle(display_, pixmap, gc, cell % 4 * 32, cell / 4 * 32, 32, 32);
      }
      XSync(display_, False);
      glXBindTexImageEXT(display_, drawable, GLX_FRONT_LEFT_EXT, nullptr);
      glViewport(0, 0, 128, 128);
      glEnable(GL_TEXTURE_2D);
      textured_quad();
      glDisable(GL_TEXTURE_2D);
      glXReleaseTexImageEXT(display_, drawable, GLX_FRONT_LEFT_EXT);
      std::vector<uint8_t> pixels(128 * 128 * 4);
      glReadPixels(0, 0, 128, 128, GL_RGBA, GL_UNSIGNED_BYTE, pixels.data());
      for (int y = 0; y < 128 && wrong.empty(); y++) {
         for (int x = 0; x < 128; x++) {
            // Texture rows are the pixmap's, from above, when it is "inverted".
            const int row = inverted ? y : 127 - y;
            const auto cell = static_cast<unsigned>(x / 32 + row / 32 * 4);
            const unsigned changed = round % 2 && cell != round ? round - 1 : round;
            const uint8_t *p = &pixels[static_cast<size_t>((y * 128 + x) * 4)];
            const unsigned got = static_cast<unsigned>(p[0] << 16 | p[1] << 8 | p[2]);
            if (got != quarter(400 + changed, cell)) {
               char text[100];
               snprintf(text, sizeof(text), "round %u, pixel %d,%d is %06x instead of %06x", round,
                        x, row, got, quarter(400 + changed, cell));
               wrong = text;
               break;
            }
         }
      }
   }
   check(wrong.empty(), "pixmap as a texture", "%s", wrong.c_str());
   glDeleteTextures(1, &texture);
   glXDestroyPixmap(display_, drawable);
   XFreeGC(display_, gc);
   XFreePixmap(display_, pixmap);
}

void Program::two_windows()
{
   const Window first(display_, config_, 120, 90);
   std::string wrong;
   {
      const Window second(display_, config_, 60, 70);
      for (unsigned i = 0; i < 20; i++) {
         use(first);
         draw(first, 500 + i);
         swap(first);
         use(second);
         draw(second, 600 + i);
         swap(second);
      }
      wrong = settles(second, 619); // it lies above the other
   }
   use(first);
   draw(first, 700);
   swap(first);
   if (wrong.empty())
      wrong = settles(first, 700);
   check(wrong.empty(), "two windows", "%s", wrong.c_str());
}

// What GL reads from the front is the picture that was just swapped there, not the one that the same
// buffer had when its turn was before; also while another context gives textures new contents.
void Program::front_reads(bool uploads)
{
   constexpr unsigned frames = 300, texture_size = 512, texture_count = 5;
   const Window window(display_, config_, 50, 50);
   const Window hidden(display_, config_, 16, 16);
   const GLXContext other = glXCreateNewContext(display_, config_, GLX_RGBA_TYPE, context_, True);
   use(window);
   GLuint textures[texture_count];
   glGenTextures(texture_count, textures);
   glFinish();
   std::atomic<unsigned> drawn = 0, loaded = 0;
   std::atomic<bool> stop = false;
   // A texture is rewritten for frame i when the frame that showed it before is through.
   std::thread loader([&] {
      if (!uploads)
         return;
      glXMakeContextCurrent(display_, hidden.drawable(), hidden.drawable(), other);
      std::vector<uint32_t> texels(texture_size * texture_size);
      for (unsigned i = 0; i < frames; i++) {
         while (i >= drawn + texture_count - 1 && !stop)
            std::this_thread::yield();
         std::fill(texels.begin(), texels.end(), 0xff000000u | quarter(800 + i, 0));
         glBindTexture(GL_TEXTURE_2D, textures[i % texture_count]);
         glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
         glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
         glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, texture_size, texture_size, 0, GL_RGBA,
                      GL_UNSIGNED_BYTE, texels.data());
         glFlush();
         loaded = i + 1;
      }
      glXMakeContextCurrent(display_, None, None, nullptr);
   });
   std::string wrong;
   const auto colour_of = [&](unsigned frame) {
      const unsigned c = quarter(800 + frame, 0);
      return uploads ? (c & 255) << 16 | (c & 0xff00) | c >> 16 : c; // its bytes are R, G, B
   };
   const auto read_pixel = [] {
      uint8_t pixels[50 * 50 * 4] = {};
      glReadPixels(0, 0, 50, 50, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
      return static_cast<unsigned>(pixels[0] << 16 | pixels[1] << 8 | pixels[2]);
   };
   glReadBuffer(GL_FRONT);
   for (unsigned i = 0; i < frames && wrong.empty(); i++) {
      const unsigned wanted = colour_of(i);
      if (uploads) {
         while (loaded <= i)
            std::this_thread::yield();
         glViewport(0, 0, 50, 50);
         glEnable(GL_TEXTURE_2D);
         glBindTexture(GL_TEXTURE_2D, textures[i % texture_count]);
         textured_quad();
         glDisable(GL_TEXTURE_2D);
      } else {
         fill(0, 0, 50, 50, wanted);
      }
      swap(window);
      const unsigned got = read_pixel();
      if (got != wanted) {
         // Is it the reading that came too early, or is the picture wrong?
         const unsigned again = read_pixel();
         if (uploads) {
            glEnable(GL_TEXTURE_2D);
            textured_quad();
            glDisable(GL_TEXTURE_2D);
         }
         glReadBuffer(GL_BACK);
         const unsigned drawn_again = uploads ? read_pixel() : got;
         glReadBuffer(GL_FRONT);
         const auto frame_of = [&](unsigned shown) {
            for (unsigned k = 0; k < frames; k++)
               if (shown == colour_of(k))
                  return std::to_string(k);
            return std::string("none");
         };
         wrong = "frame " + std::to_string(i) + " is read as " + frame_of(got) + ", then as " +
                 frame_of(again) + ", drawn again as " + frame_of(drawn_again);
      }
      drawn = i + 1;
   }
   stop = true;
   loader.join();
   glReadBuffer(GL_BACK);
   check(wrong.empty(), uploads ? "front buffer read, textures changed by another thread"
                                : "front buffer read in each frame",
         "%s", wrong.c_str());
   glDeleteTextures(texture_count, textures);
   use(window);
   glXDestroyContext(display_, other);
}

} // namespace

int main()
{
   XInitThreads();
   Display *display = XOpenDisplay(nullptr);
   if (!display)
      give_up("there is no X server");
   {
      Program program(display);
      program.swaps();
      program.resizing();
      program.intervals();
      program.whole_screen();
      program.ages();
      program.pixmaps();
      program.two_windows();
      program.front_reads(false);
      program.front_reads(true);
   }
   XCloseDisplay(display);
   return status();
}
