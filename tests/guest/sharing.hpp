// SPDX-License-Identifier: MIT
// Buffers that are shared through dma-bufs: how they are described, made and imported.
#pragma once

#include "device.hpp"
#include "painter.hpp"

#include <optional>

namespace guest {

// What one side tells the other about a buffer; the descriptors travel with it.
struct Layout {
   uint32_t fourcc = 0;
   int width = 0, height = 0;
   int planes = 0;
   uint32_t strides[4] = {}, offsets[4] = {};
   uint64_t modifier = 0;
};

enum class Way : int { egl, egl_modifier, gbm, gbm_modifier };
const char *name_of(Way way);

// A buffer of GBM's.
class Buffer {
public:
   Buffer() = default;
   explicit Buffer(gbm_bo *bo) : bo_(bo) {}
   Buffer(Buffer &&other) noexcept : bo_(std::exchange(other.bo_, nullptr)) {}
   Buffer &operator=(Buffer &&other) noexcept
   {
      std::swap(bo_, other.bo_);
      return *this;
   }
   ~Buffer();
   void reset() { *this = Buffer(); }
   gbm_bo *get() const { return bo_; }
   explicit operator bool() const { return bo_; }
   uint32_t handle() const { return gbm_bo_get_handle(bo_).u32; }

private:
   gbm_bo *bo_ = nullptr;
};

class Image {
public:
   Image() = default;
   Image(EGLDisplay display, EGLImageKHR image) : display_(display), image_(image) {}
   Image(Image &&other) noexcept
      : display_(other.display_), image_(std::exchange(other.image_, EGL_NO_IMAGE_KHR))
   {
   }
   Image &operator=(Image &&other) noexcept
   {
      std::swap(display_, other.display_);
      std::swap(image_, other.image_);
      return *this;
   }
   ~Image();
   void reset() { *this = Image(); }
   EGLImageKHR get() const { return image_; }
   explicit operator bool() const { return image_ != EGL_NO_IMAGE_KHR; }

private:
   EGLDisplay display_ = EGL_NO_DISPLAY;
   EGLImageKHR image_ = EGL_NO_IMAGE_KHR;
};

Image image_of_buffer(const Device &device, gbm_bo *bo);
Image image_of_texture(const Device &device, EGLContext context, GLuint texture);

// Describe a buffer and open its descriptors. False when the driver refuses.
bool describe(gbm_bo *bo, Layout &layout, std::vector<Fd> &fds);
bool describe(const Device &device, const Image &image, Layout &layout, std::vector<Fd> &fds);

// Does the driver list a modifier for the format? Then importing with one can be asked of it.
std::optional<uint64_t> some_modifier(const Device &device, uint32_t fourcc);

// An import; BUFFER stays empty when it was EGL's.
struct Import {
   Buffer buffer;
   Image image;
};
Import import_dmabuf(const Device &device, const Layout &layout,
                     const std::vector<Fd> &fds, Way way);

GLuint texture_of(const Image &image, GLenum target = GL_TEXTURE_2D);
GLuint renderbuffer_of(const Image &image);

// Make sure that what was deleted is gone: drivers may keep it until a later submission.
void drain();

} // namespace guest
