// SPDX-License-Identifier: MIT
// Surfaces: what a program draws to a window or pbuffer must arrive, the right way up.
#include <algorithm>
#include <iterator>

#include "scene.hpp"
#include "window.hpp"

namespace render {
namespace {

void frame(Test &t, int i)
{
   t.clear({0.1f, 0.1f * static_cast<float>(i % 7), 0.3f});
   t.use_flat(colour(i));
   t.rect(-0.9f, -0.9f, -0.2f, 0.1f); // low and left
   t.use_flat(colour(i + 1));
   t.rect(0.1f * static_cast<float>(i % 5), 0.3f, 0.9f, 0.8f, 0.2f);
}

void window_swaps(Test &t)
{
   for (int i = 0; i < 12; i++) {
      frame(t, i);
      if (!eglSwapBuffers(t.display(), t.egl_surface()))
         t.fail("eglSwapBuffers fails: 0x%04x", eglGetError());
   }
}

void window_resized(Test &t)
{
   Window *window = Window::current();
   frame(t, 1);
   eglSwapBuffers(t.display(), t.egl_surface());
   for (int edge : {100, 333, 64, Test::size}) {
      window->resize(edge, edge);
      for (int i = 0; i < 3; i++) { // the new size arrives with one of the next frames
         glViewport(0, 0, edge, edge);
         frame(t, i + edge);
         eglSwapBuffers(t.display(), t.egl_surface());
      }
   }
}

void window_depth(Test &t)
{
   // A frame that needs depth and stencil of the window's own, read back and copied before it is
   // shown.
   t.clear({0.2f, 0.1f, 0.1f});
   glEnable(GL_DEPTH_TEST);
   t.use_flat(colour(1));
   t.rect(-0.8f, -0.8f, 0.4f, 0.4f, -0.2f);
   t.use_flat(colour(2));
   t.rect(-0.3f, -0.3f, 0.9f, 0.9f, 0.3f);
   glDisable(GL_DEPTH_TEST);
   uint8_t pixel[4] = {};
   glReadPixels(60, 60, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel);
   t.value("read", pixel[0] << 16 | pixel[1] << 8 | pixel[2]);
   const GLuint copy = t.texture(GL_TEXTURE_2D);
   glCopyTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, 0, 0, 128, 128, 0);
   glViewport(128, 0, 128, 128);
   t.show(copy);
   glViewport(0, 0, Test::size, Test::size);
   t.framebuffer(t.pattern(64, 64)); // a blit into the window
   glBindFramebuffer(GL_DRAW_FRAMEBUFFER, 0);
   glBlitFramebuffer(0, 0, 64, 64, 10, 180, 74, 244, GL_COLOR_BUFFER_BIT, GL_NEAREST);
   t.bind_canvas();
   eglSwapBuffers(t.display(), t.egl_surface());
}

// All ways in and out of what a window shows, which the host may have in another order of channels.
void window_pixels(Test &t)
{
   constexpr GLsizei w = 37, h = 20; // no multiple of anything
   Random random(7);
   const std::vector<uint8_t> noise = random.bytes(w * h * 4);
   t.clear({0.2f, 0.4f, 0.9f});
   glWindowPos2i(5, 5);
   glDrawPixels(w, h, GL_RGBA, GL_UNSIGNED_BYTE, noise.data());
   glWindowPos2i(50, 5);
   glDrawPixels(w, h, GL_BGRA, GL_UNSIGNED_BYTE, noise.data());
   glWindowPos2i(95, 5);
   glDrawPixels(3, 2, GL_BGRA, GL_UNSIGNED_INT_8_8_8_8_REV, noise.data());
   glWindowPos2i(5, 40);
   glCopyPixels(5, 5, 80, 20, GL_COLOR);

   uint8_t read[4 * 60 * 30];
   for (GLenum format : {GL_RGBA, GL_BGRA, GL_RGB}) {
      std::fill(std::begin(read), std::end(read), uint8_t(0));
      glReadPixels(3, 3, 60, 30, format, GL_UNSIGNED_BYTE, read);
      t.hash("read", read);
   }
   // In the middle of a frame that has been flushed, and is then shown as it was.
   glFlush();
   glReadPixels(0, 0, 8, 8, GL_RGB, GL_UNSIGNED_BYTE, read);

   const GLuint copy = t.texture(GL_TEXTURE_2D);
   for (GLenum first : {GL_RGBA, GL_BGRA}) { // textures of either order
      glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, 64, 64, 0, first, GL_UNSIGNED_BYTE, nullptr);
      glCopyTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, 0, 0, 64, 64);
      glEnable(GL_TEXTURE_2D);
      const float x = first == GL_RGBA ? 0.0f : 0.4f;
      glTexEnvi(GL_TEXTURE_ENV, GL_TEXTURE_ENV_MODE, GL_REPLACE);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
      glBegin(GL_QUADS);
      for (int i = 0; i < 4; i++) {
         const float u = i == 1 || i == 2 ? 1.0f : 0.0f, v = i >= 2 ? 1.0f : 0.0f;
         glTexCoord2f(u, v);
         glVertex2f(x + u * 0.25f, v * 0.25f);
      }
      glEnd();
      glDisable(GL_TEXTURE_2D);

      t.framebuffer(copy); // blits to and fro
      glBindFramebuffer(GL_READ_FRAMEBUFFER, 0);
      glBlitFramebuffer(0, 0, 64, 64, 0, 0, 64, 64, GL_COLOR_BUFFER_BIT, GL_NEAREST);
      glReadPixels(0, 0, 60, 30, GL_RGBA, GL_UNSIGNED_BYTE, read);
      t.hash("blitted", read);
      t.bind_canvas();
      t.framebuffer(copy);
      glBindFramebuffer(GL_DRAW_FRAMEBUFFER, 0);
      const int at = first == GL_RGBA ? 10 : 90;
      glBlitFramebuffer(0, 0, 64, 64, at, 180, at + 70, 244, GL_COLOR_BUFFER_BIT, GL_LINEAR);
      t.bind_canvas();
   }
   glEnable(GL_SCISSOR_TEST);
   glScissor(200, 20, 40, 70);
   glClearColor(0.9f, 0.5f, 0.1f, 1);
   glClear(GL_COLOR_BUFFER_BIT);
   glDisable(GL_SCISSOR_TEST);
   eglSwapBuffers(t.display(), t.egl_surface());
}

void pbuffer(Test &t)
{
   frame(t, 3);
   glEnable(GL_STENCIL_TEST);
   glStencilFunc(GL_ALWAYS, 3, 0xff);
   glStencilOp(GL_KEEP, GL_KEEP, GL_REPLACE);
   t.rect(-0.5f, -0.5f, 0.5f, 0.5f);
   glStencilFunc(GL_EQUAL, 3, 0xff);
   t.use_flat(colour(9));
   t.rect(0, 0, 1, 1);
   glDisable(GL_STENCIL_TEST);
   const GLuint copy = t.texture(GL_TEXTURE_2D);
   glCopyTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, 100, 100, 100, 100, 0);
   glViewport(10, 150, 90, 90);
   t.show(copy);
   glViewport(0, 0, Test::size, Test::size);
   glEnable(GL_SCISSOR_TEST);
   glScissor(200, 20, 40, 70);
   glClearColor(0.8f, 0.8f, 0.1f, 1);
   glClear(GL_COLOR_BUFFER_BIT);
   glDisable(GL_SCISSOR_TEST);
}

void pbuffer_gears(Test &t)
{
   t.clear({0, 0, 0});
   glEnable(GL_LIGHTING);
   glEnable(GL_LIGHT0);
   glEnable(GL_DEPTH_TEST);
   glMatrixMode(GL_PROJECTION);
   glFrustum(-1, 1, -1, 1, 3, 40);
   glMatrixMode(GL_MODELVIEW);
   glTranslatef(0, 0, -12);
   for (int i = 0; i < 3; i++) {
      const Colour c = colour(i);
      const float tone[] = {c.r, c.g, c.b, 1};
      glMaterialfv(GL_FRONT_AND_BACK, GL_AMBIENT_AND_DIFFUSE, tone);
      glPushMatrix();
      glTranslatef(-2.0f + 2.0f * static_cast<float>(i), 0.7f * static_cast<float>(i % 2), 0);
      glRotatef(30.0f * static_cast<float>(i + 1), 1, 0.4f, 0.1f);
      glBegin(GL_TRIANGLE_STRIP);
      for (int k = 0; k < 14; k++) {
         const float z = k % 2 ? 0.6f : -0.6f, x = -1.4f + 0.2f * static_cast<float>(k);
         glNormal3f(0.3f * x, 0.5f, 0.8f);
         glVertex3f(x, x * x * 0.5f, z);
      }
      glEnd();
      glPopMatrix();
   }
}

constexpr Scene table[] = {
   {"present-window-swaps", Api::core, window_swaps, Surface::window},
   {"present-window-resized", Api::core, window_resized, Surface::window},
   {"present-window-depth", Api::core, window_depth, Surface::window},
   {"present-window-es", Api::es3, window_swaps, Surface::window},
   {"present-window-pixels", Api::compat, window_pixels, Surface::window},
   {"present-pbuffer-pixels", Api::compat, window_pixels, Surface::pbuffer},
   {"present-pbuffer", Api::core, pbuffer, Surface::pbuffer},
   {"present-pbuffer-legacy", Api::compat, pbuffer_gears, Surface::pbuffer},
};

} // namespace

std::span<const Scene> present_scenes()
{
   return table;
}

} // namespace render
