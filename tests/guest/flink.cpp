// SPDX-License-Identifier: MIT
// Buffers by their global names (flink), as DRI2 and old programs pass them on. Names need the
// primary node and its master, so nothing else may drive the screen meanwhile.

#include "check.hpp"
#include "sharing.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>

#include <xf86drm.h>

using namespace guest;

namespace {

constexpr int width = 64, height = 48;
constexpr Area whole{0, 0, width, height};

std::vector<EGLint> image_attributes(EGLint stride)
{
   std::vector<EGLint> list = {EGL_WIDTH, width, EGL_HEIGHT, height,
                               EGL_DRM_BUFFER_FORMAT_MESA, EGL_DRM_BUFFER_FORMAT_ARGB32_MESA};
   if (stride)
      list.insert(list.end(), {EGL_DRM_BUFFER_STRIDE_MESA, stride});
   else
      list.insert(list.end(), {EGL_DRM_BUFFER_USE_MESA, EGL_DRM_BUFFER_USE_SHARE_MESA});
   list.push_back(EGL_NONE);
   return list;
}

std::string contents(const Image &image, const Pattern &pattern)
{
   const GLuint texture = texture_of(image);
   std::string wrong;
   {
      Framebuffer target;
      wrong = target.attach_texture(texture)
                 ? compare(read_pixels(width, height), width, whole, pattern)
                 : "it cannot be drawn to";
   }
   glDeleteTextures(1, &texture);
   return wrong;
}

void draw(const Image &image, const Pattern &pattern)
{
   const GLuint texture = texture_of(image);
   {
      Framebuffer target;
      target.attach_texture(texture);
      paint(pattern, whole);
   }
   glDeleteTextures(1, &texture);
   glFinish();
}

// One that is let in by the master can open names.
bool let_in(const Device &master, const Fd &other)
{
   drm_magic_t magic = 0;
   return drmGetMagic(other.get(), &magic) == 0 && drmAuthMagic(master.fd(), magic) == 0;
}

void by_image(const Device &maker, EGLContext maker_context, const Device &user,
              EGLContext user_context)
{
   maker.make_current(maker_context);
   const auto wanted = image_attributes(0);
   Image image(maker.display(), eglCreateDRMImageMESA(maker.display(), wanted.data()));
   EGLint name = 0, handle = 0, stride = 0;
   if (!check(bool(image), "image", "eglCreateDRMImageMESA fails (0x%04x)", eglGetError()) ||
       !check(eglExportDRMImageMESA(maker.display(), image.get(), &name, &handle, &stride) &&
                 name > 0,
              "image, name", "eglExportDRMImageMESA gives no name (0x%04x)", eglGetError()))
      return;
   EGLint again = 0;
   eglExportDRMImageMESA(maker.display(), image.get(), &again, nullptr, nullptr);
   check(again == name, "image, the same name again", "the names are %d and %d", name, again);
   draw(image, Pattern(1));

   user.make_current(user_context);
   const auto given = image_attributes(stride / 4);
   const auto open = [&] {
      return Image(user.display(),
                   eglCreateImageKHR(user.display(), EGL_NO_CONTEXT, EGL_DRM_BUFFER_MESA,
                                     reinterpret_cast<EGLClientBuffer>(
                                        static_cast<uintptr_t>(name)),
                                     given.data()));
   };
   const uint32_t resource = resource_of(maker.fd(), static_cast<uint32_t>(handle));
   Image seen = open();
   if (!check(bool(seen), "name opened", "no EGLImage of name %d (0x%04x)", name, eglGetError()))
      return;
   std::string wrong = contents(seen, Pattern(1));
   check(wrong.empty(), "name opened, seen", "%s", wrong.c_str());
   draw(seen, Pattern(2));
   // The kernel makes a new handle each time a name is opened, and the host counts them as one.
   Image twice = open();
   seen.reset();
   drain();
   wrong = twice ? contents(twice, Pattern(2)) : "no second EGLImage";
   check(wrong.empty(), "name opened twice, one destroyed", "%s", wrong.c_str());
   twice.reset();
   drain();
   const int left = handles_of(user.fd(), resource);
   check(resource && left == 0, "name opened, closed",
         "%d handles of resource %u are open after both images are destroyed", left, resource);

   maker.make_current(maker_context);
   wrong = contents(image, Pattern(2));
   check(wrong.empty(), "name, drawn to by another", "%s", wrong.c_str());
}

// The same resource by name and by dma-buf is one buffer where it was made.
void name_and_dmabuf(const Device &device, EGLContext context)
{
   device.make_current(context);
   Buffer buffer(gbm_bo_create(device.gbm(), width, height, GBM_FORMAT_ARGB8888,
                               GBM_BO_USE_RENDERING));
   drm_gem_flink flink{};
   flink.handle = buffer ? buffer.handle() : 0;
   if (!buffer || drmIoctl(device.fd(), DRM_IOCTL_GEM_FLINK, &flink)) {
      fail("name and dma-buf", "the kernel gives no name (%s)", strerror(errno));
      return;
   }
   const Image own = image_of_buffer(device, buffer.get());
   draw(own, Pattern(3));
   const auto given = image_attributes(static_cast<EGLint>(gbm_bo_get_stride(buffer.get()) / 4));
   Image by_name(device.display(),
                 eglCreateImageKHR(device.display(), EGL_NO_CONTEXT, EGL_DRM_BUFFER_MESA,
                                   reinterpret_cast<EGLClientBuffer>(
                                      static_cast<uintptr_t>(flink.name)),
                                   given.data()));
   Layout layout;
   std::vector<Fd> fds;
   describe(buffer.get(), layout, fds);
   Import imported = import_dmabuf(device, layout, fds, Way::egl);
   if (!by_name || !imported.image) {
      fail("name and dma-buf", "one of them cannot be imported where it was made");
      return;
   }
   std::string wrong = contents(by_name, Pattern(3));
   check(wrong.empty(), "name where it was made", "%s", wrong.c_str());
   draw(by_name, Pattern(4));
   by_name.reset();
   drain();
   wrong = contents(imported.image, Pattern(4));
   check(wrong.empty(), "name and dma-buf, name destroyed", "%s", wrong.c_str());
   check(resource_of(device.fd(), buffer.handle()) != 0, "name and dma-buf, still open",
         "the buffer's handle is closed");
   draw(imported.image, Pattern(5));
   wrong = contents(own, Pattern(5));
   check(wrong.empty(), "name and dma-buf, one buffer", "%s", wrong.c_str());
}

} // namespace

int main()
{
   Device maker(primary_node);
   if (!drmIsMaster(maker.fd()))
      give_up("this program is not the master of %s", primary_node);
   if (!maker.has("EGL_MESA_drm_image")) {
      skip("flink", "EGL has no EGL_MESA_drm_image");
      return 0;
   }
   Fd other(open(primary_node, O_RDWR | O_CLOEXEC));
   if (!other || !let_in(maker, other))
      give_up("the second description is not let in: %s", strerror(errno));
   Device user(std::move(other));
   const EGLContext maker_context = maker.context(), user_context = user.context();
   by_image(maker, maker_context, user, user_context);
   name_and_dmabuf(maker, maker_context);
   return status();
}
