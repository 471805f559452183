// SPDX-License-Identifier: MIT
// EGLImages within one process: between contexts that share nothing else, and between two devices
// on descriptors of one file description, which must be one screen to the driver.

#include "check.hpp"
#include "sharing.hpp"

#include <fcntl.h>
#include <unistd.h>

using namespace guest;

namespace {

constexpr int width = 64, height = 48;
constexpr Area whole{0, 0, width, height};

std::string contents(GLuint texture, const Pattern &pattern)
{
   Framebuffer target;
   if (!target.attach_texture(texture))
      return "it cannot be drawn to";
   return compare(read_pixels(width, height), width, whole, pattern);
}

// A texture of one context seen and changed in another one, while the first looks on.
void textures(const Device &device, EGLContext first, EGLContext second)
{
   device.make_current(first);
   const GLuint texture = make_texture(GL_RGBA8, width, height);
   {
      Framebuffer target;
      target.attach_texture(texture);
      paint(Pattern(1), whole);
   }
   Image image = image_of_texture(device, first, texture);
   if (!check(bool(image), "texture, image", "no EGLImage (0x%04x)", eglGetError()))
      return;
   glFinish();

   device.make_current(second);
   const GLuint other = texture_of(image);
   std::string wrong = contents(other, Pattern(1));
   check(wrong.empty(), "texture, seen in another context", "%s", wrong.c_str());
   // An upload this time, not a draw: it goes through the storage that both have.
   std::vector<Pixel> texels;
   for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++)
         texels.push_back(Pattern(2).at(x, y));
   glBindTexture(GL_TEXTURE_2D, other);
   glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE, texels.data());
   glFinish();

   device.make_current(first);
   wrong = contents(texture, Pattern(2));
   check(wrong.empty(), "texture, changed in another context", "%s", wrong.c_str());
   // The one that made it goes first: the other one's must live on.
   glDeleteTextures(1, &texture);
   image.reset();
   glFinish();
   device.make_current(second);
   wrong = contents(other, Pattern(2));
   check(wrong.empty(), "texture, outlives the one it came from", "%s", wrong.c_str());
   glDeleteTextures(1, &other);
}

void renderbuffers(const Device &device, EGLContext first, EGLContext second)
{
   device.make_current(first);
   GLuint renderbuffer = 0;
   glGenRenderbuffers(1, &renderbuffer);
   glBindRenderbuffer(GL_RENDERBUFFER, renderbuffer);
   glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, width, height);
   {
      Framebuffer target;
      target.attach_renderbuffer(renderbuffer);
      paint(Pattern(3), whole);
   }
   const Image image(device.display(),
                     eglCreateImageKHR(device.display(), first, EGL_GL_RENDERBUFFER_KHR,
                                       reinterpret_cast<EGLClientBuffer>(
                                          static_cast<uintptr_t>(renderbuffer)),
                                       nullptr));
   if (!check(bool(image), "renderbuffer, image", "no EGLImage (0x%04x)", eglGetError()))
      return;
   glFinish();
   device.make_current(second);
   const GLuint other = texture_of(image);
   std::string wrong = contents(other, Pattern(3));
   check(wrong.empty(), "renderbuffer, seen as a texture", "%s", wrong.c_str());
   glDeleteTextures(1, &other);
   device.make_current(first);
   glDeleteRenderbuffers(1, &renderbuffer);
}

// What one device imports, the other one made, and both have the same GEM handles: the end of the
// one may not close what the other still uses.
void descriptors_of_one_description()
{
   Device device;
   const EGLContext context = device.context();
   device.make_current(context);
   Buffer buffer(gbm_bo_create(device.gbm(), width, height, GBM_FORMAT_ABGR8888,
                               GBM_BO_USE_RENDERING));
   Layout layout;
   std::vector<Fd> fds;
   if (!buffer || !describe(buffer.get(), layout, fds)) {
      fail("one description", "there is no buffer to export");
      return;
   }
   const Image image = image_of_buffer(device, buffer.get());
   const GLuint texture = texture_of(image);
   {
      Framebuffer target;
      target.attach_texture(texture);
      paint(Pattern(4), whole);
   }
   glFinish();
   {
      Device second{Fd(dup(device.fd()))};
      second.make_current(second.context());
      Import imported = import_dmabuf(second, layout, fds, Way::gbm);
      if (!imported.image) {
         fail("one description, import", "it cannot be imported");
         return;
      }
      check(imported.buffer.handle() == buffer.handle(), "one description, one handle",
            "the handles are %u and %u", imported.buffer.handle(), buffer.handle());
      const GLuint other = texture_of(imported.image);
      std::string wrong = contents(other, Pattern(4));
      check(wrong.empty(), "one description, seen by the second device", "%s", wrong.c_str());
      {
         Framebuffer target;
         target.attach_texture(other);
         paint(Pattern(5), whole);
      }
      glDeleteTextures(1, &other);
      glFinish();
   }
   device.make_current(context);
   check(resource_of(device.fd(), buffer.handle()) != 0,
         "one description, buffer outlives the second device", "its handle is closed");
   std::string wrong = contents(texture, Pattern(5));
   check(wrong.empty(), "one description, seen by the first device", "%s", wrong.c_str());
   glDeleteTextures(1, &texture);
}

// Devices that come and go: contexts, handles and descriptors must go with them.
void come_and_go()
{
   Device keep;
   Holdings before;
   for (int i = 0; i < 12; i++) {
      if (i == 2)
         before = holdings(keep.fd());
      Device device(i % 2 ? Fd(dup(keep.fd())) : Fd(open(render_node, O_RDWR | O_CLOEXEC)));
      device.make_current(device.context());
      drain();
   }
   const Holdings after = holdings(keep.fd());
   check(after.fds == before.fds && after.handles == before.handles, "devices come and go",
         "%s at first, %s then", before.text().c_str(), after.text().c_str());
}

} // namespace

int main()
{
   {
      Device device;
      const EGLContext first = device.context(), second = device.context();
      textures(device, first, second);
      renderbuffers(device, first, second);
   }
   descriptors_of_one_description();
   come_and_go();
   return status();
}
