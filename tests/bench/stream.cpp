// SPDX-License-Identifier: MIT
//
// A player: each frame a new picture goes into a texture, which is drawn into a window.
//
// usage: stream [--seconds S]
//
// It prints its frame rate every five seconds, as glxgears does, and goes on for ever, or for S
// seconds. In the end it looks at a pixel of the last frame.

#include "gl.hpp"

#include <X11/Xlib.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

using namespace bench;

constexpr int side = 256;

class Player {
public:
   Player()
   {
      if (!display_)
         fail("stream: there is no display");
      egl_ = eglGetPlatformDisplay(EGL_PLATFORM_X11_KHR, display_, nullptr);
      if (egl_ == EGL_NO_DISPLAY || !eglInitialize(egl_, nullptr, nullptr) ||
          !eglBindAPI(EGL_OPENGL_API))
         fail("stream: EGL does not start");
      constexpr std::array<EGLint, 9> wanted = {
         EGL_SURFACE_TYPE, EGL_WINDOW_BIT, EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT,
         EGL_RED_SIZE,     8,              EGL_BLUE_SIZE,       8,
         EGL_NONE,
      };
      EGLConfig config = nullptr;
      EGLint count = 0;
      if (!eglChooseConfig(egl_, wanted.data(), &config, 1, &count) || count == 0)
         fail("stream: there is no config for windows");
      EGLint visual = 0;
      eglGetConfigAttrib(egl_, config, EGL_NATIVE_VISUAL_ID, &visual);

      // The default visual is what each screen here has; another would need a colormap.
      const Window window = XCreateSimpleWindow(display_, DefaultRootWindow(display_), 0, 0,
                                                  side, side, 0, 0, 0);
      XMapWindow(display_, window);
      XSync(display_, False);
      constexpr std::array<EGLint, 5> version = {EGL_CONTEXT_MAJOR_VERSION, 3,
                                                 EGL_CONTEXT_MINOR_VERSION, 1, EGL_NONE};
      const EGLContext context = eglCreateContext(egl_, config, EGL_NO_CONTEXT, version.data());
      surface_ = eglCreateWindowSurface(egl_, config, window, nullptr);
      if (!eglMakeCurrent(egl_, surface_, surface_, context))
         fail("stream: no context for the window");
      eglSwapInterval(egl_, 0);
   }

   void swap() { eglSwapBuffers(egl_, surface_); }

private:
   Display *display_ = XOpenDisplay(nullptr);
   EGLDisplay egl_ = EGL_NO_DISPLAY;
   EGLSurface surface_ = EGL_NO_SURFACE;
};

uint8_t level(unsigned frame)
{
   return uint8_t(1 + frame * 5 % 250);
}

} // namespace

int main(int argc, char **argv)
{
   double limit = 0;
   if (argc == 3 && std::strcmp(argv[1], "--seconds") == 0)
      limit = std::atof(argv[2]);
   else if (argc != 1)
      fail("usage: stream [--seconds S]");

   Player player;
   GLuint texture = 0;
   glGenTextures(1, &texture);
   glBindTexture(GL_TEXTURE_2D, texture);
   glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, side, side, 0, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
   GLuint array = 0;
   glGenVertexArrays(1, &array);
   glBindVertexArray(array);
   glUseProgram(link("#version 140\nout vec2 at;\n"
                     "void main() {\n"
                     "   at = vec2(gl_VertexID % 2, gl_VertexID / 2) * 2.0;\n"
                     "   gl_Position = vec4(at * 2.0 - 1.0, 0.0, 1.0);\n"
                     "}\n",
                     "#version 140\nuniform sampler2D tex;\nin vec2 at;\nout vec4 colour;\n"
                     "void main() { colour = texture(tex, at); }\n"));

   std::vector<uint8_t> picture(std::size_t(side) * side * 4);
   const auto start = Clock::now();
   auto report = start;
   unsigned frames = 0;
   for (unsigned frame = 0;; frame++) {
      std::memset(picture.data(), level(frame), picture.size());
      glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, side, side, GL_RGBA, GL_UNSIGNED_BYTE,
                      picture.data());
      glDrawArrays(GL_TRIANGLES, 0, 3);
      const auto now = Clock::now();
      if (limit > 0 && std::chrono::duration<double>(now - start).count() >= limit) {
         std::array<uint8_t, 4> pixel{};
         glReadPixels(side / 2, side / 2, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel.data());
         if (pixel[0] != level(frame) || glGetError() != GL_NO_ERROR)
            fail("stream: the picture is not what was sent");
         return 0;
      }
      player.swap();
      frames++;
      const double passed = std::chrono::duration<double>(now - report).count();
      if (passed >= 5.0) {
         std::printf("%u frames in %.1f seconds = %.3f FPS\n", frames, passed, frames / passed);
         std::fflush(stdout);
         frames = 0;
         report = now;
      }
   }
}
