// SPDX-License-Identifier: MIT
#include "sharing.hpp"

#include <algorithm>
#include <iterator>

#include <libdrm/drm_fourcc.h>

namespace guest {

const char *name_of(Way way)
{
   switch (way) {
   case Way::egl: return "EGL";
   case Way::egl_modifier: return "EGL with modifier";
   case Way::gbm: return "GBM";
   case Way::gbm_modifier: return "GBM with modifier";
   }
   return "?";
}

Buffer::~Buffer()
{
   if (bo_)
      gbm_bo_destroy(bo_);
}

Image::~Image()
{
   if (image_ != EGL_NO_IMAGE_KHR)
      eglDestroyImageKHR(display_, image_);
}

Image image_of_buffer(const Device &device, gbm_bo *bo)
{
   return {device.display(), eglCreateImageKHR(device.display(), EGL_NO_CONTEXT,
                                               EGL_NATIVE_PIXMAP_KHR,
                                               reinterpret_cast<EGLClientBuffer>(bo), nullptr)};
}

Image image_of_texture(const Device &device, EGLContext context, GLuint texture)
{
   const EGLint attributes[] = {EGL_GL_TEXTURE_LEVEL_KHR, 0, EGL_NONE};
   return {device.display(),
           eglCreateImageKHR(device.display(), context, EGL_GL_TEXTURE_2D_KHR,
                             reinterpret_cast<EGLClientBuffer>(static_cast<uintptr_t>(texture)),
                             attributes)};
}

bool describe(gbm_bo *bo, Layout &layout, std::vector<Fd> &fds)
{
   layout.fourcc = gbm_bo_get_format(bo);
   layout.width = static_cast<int>(gbm_bo_get_width(bo));
   layout.height = static_cast<int>(gbm_bo_get_height(bo));
   layout.planes = gbm_bo_get_plane_count(bo);
   layout.modifier = gbm_bo_get_modifier(bo);
   fds.clear();
   for (int i = 0; i < layout.planes && i < 4; i++) {
      layout.strides[i] = gbm_bo_get_stride_for_plane(bo, i);
      layout.offsets[i] = gbm_bo_get_offset(bo, i);
      fds.emplace_back(gbm_bo_get_fd_for_plane(bo, i));
   }
   return layout.planes >= 1 &&
          std::all_of(fds.begin(), fds.end(), [](const Fd &fd) { return bool(fd); });
}

bool describe(const Device &device, const Image &image, Layout &layout, std::vector<Fd> &fds)
{
   int fourcc = 0, planes = 0, descriptors[4] = {-1, -1, -1, -1};
   EGLint strides[4] = {}, offsets[4] = {};
   EGLuint64KHR modifiers[4] = {};
   if (!eglExportDMABUFImageQueryMESA(device.display(), image.get(), &fourcc, &planes, modifiers) ||
       planes < 1 || planes > 4 ||
       !eglExportDMABUFImageMESA(device.display(), image.get(), descriptors, strides, offsets))
      return false;
   layout.fourcc = static_cast<uint32_t>(fourcc);
   layout.planes = planes;
   layout.modifier = modifiers[0];
   fds.clear();
   for (int i = 0; i < planes; i++) {
      layout.strides[i] = static_cast<uint32_t>(strides[i]);
      layout.offsets[i] = static_cast<uint32_t>(offsets[i]);
      // All planes may be in one descriptor; then the others come as -1.
      fds.emplace_back(descriptors[i]);
      if (!fds.back())
         return false;
   }
   return true;
}

std::optional<uint64_t> some_modifier(const Device &device, uint32_t fourcc)
{
   EGLuint64KHR modifiers[16] = {};
   EGLint count = 0;
   if (!device.has("EGL_EXT_image_dma_buf_import_modifiers") ||
       !eglQueryDmaBufModifiersEXT(device.display(), static_cast<EGLint>(fourcc), 16, modifiers,
                                   nullptr, &count) ||
       count < 1)
      return std::nullopt;
   return modifiers[0];
}

namespace {

Image import_by_egl(const Device &device, const Layout &layout, const std::vector<Fd> &fds,
                    bool with_modifier)
{
   static constexpr EGLint names[4][5] = {
      {EGL_DMA_BUF_PLANE0_FD_EXT, EGL_DMA_BUF_PLANE0_OFFSET_EXT, EGL_DMA_BUF_PLANE0_PITCH_EXT,
       EGL_DMA_BUF_PLANE0_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE0_MODIFIER_HI_EXT},
      {EGL_DMA_BUF_PLANE1_FD_EXT, EGL_DMA_BUF_PLANE1_OFFSET_EXT, EGL_DMA_BUF_PLANE1_PITCH_EXT,
       EGL_DMA_BUF_PLANE1_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE1_MODIFIER_HI_EXT},
      {EGL_DMA_BUF_PLANE2_FD_EXT, EGL_DMA_BUF_PLANE2_OFFSET_EXT, EGL_DMA_BUF_PLANE2_PITCH_EXT,
       EGL_DMA_BUF_PLANE2_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE2_MODIFIER_HI_EXT},
      {EGL_DMA_BUF_PLANE3_FD_EXT, EGL_DMA_BUF_PLANE3_OFFSET_EXT, EGL_DMA_BUF_PLANE3_PITCH_EXT,
       EGL_DMA_BUF_PLANE3_MODIFIER_LO_EXT, EGL_DMA_BUF_PLANE3_MODIFIER_HI_EXT},
   };
   std::vector<EGLint> list = {EGL_WIDTH, layout.width, EGL_HEIGHT, layout.height,
                               EGL_LINUX_DRM_FOURCC_EXT, static_cast<EGLint>(layout.fourcc)};
   for (size_t i = 0; i < static_cast<size_t>(layout.planes); i++) {
      list.insert(list.end(), {names[i][0], fds[i].get()});
      list.insert(list.end(), {names[i][1], static_cast<EGLint>(layout.offsets[i])});
      list.insert(list.end(), {names[i][2], static_cast<EGLint>(layout.strides[i])});
      if (with_modifier) {
         list.insert(list.end(), {names[i][3], static_cast<EGLint>(layout.modifier)});
         list.insert(list.end(), {names[i][4], static_cast<EGLint>(layout.modifier >> 32)});
      }
   }
   list.push_back(EGL_NONE);
   return {device.display(), eglCreateImageKHR(device.display(), EGL_NO_CONTEXT,
                                               EGL_LINUX_DMA_BUF_EXT, nullptr, list.data())};
}

Buffer import_by_gbm(const Device &device, const Layout &layout, const std::vector<Fd> &fds,
                     bool with_modifier)
{
   if (with_modifier) {
      gbm_import_fd_modifier_data data{};
      data.width = static_cast<uint32_t>(layout.width);
      data.height = static_cast<uint32_t>(layout.height);
      data.format = layout.fourcc;
      data.num_fds = static_cast<uint32_t>(layout.planes);
      data.modifier = layout.modifier;
      for (size_t i = 0; i < data.num_fds; i++) {
         data.fds[i] = fds[i].get();
         data.strides[i] = static_cast<int>(layout.strides[i]);
         data.offsets[i] = static_cast<int>(layout.offsets[i]);
      }
      return Buffer(gbm_bo_import(device.gbm(), GBM_BO_IMPORT_FD_MODIFIER, &data,
                                  GBM_BO_USE_RENDERING));
   }
   gbm_import_fd_data data{};
   data.fd = fds[0].get();
   data.width = static_cast<uint32_t>(layout.width);
   data.height = static_cast<uint32_t>(layout.height);
   data.stride = layout.strides[0];
   data.format = layout.fourcc;
   return Buffer(gbm_bo_import(device.gbm(), GBM_BO_IMPORT_FD, &data, GBM_BO_USE_RENDERING));
}

} // namespace

Import import_dmabuf(const Device &device, const Layout &layout,
                     const std::vector<Fd> &fds, Way way)
{
   Import out;
   if (way == Way::egl || way == Way::egl_modifier) {
      out.image = import_by_egl(device, layout, fds, way == Way::egl_modifier);
   } else {
      out.buffer = import_by_gbm(device, layout, fds, way == Way::gbm_modifier);
      if (out.buffer)
         out.image = image_of_buffer(device, out.buffer.get());
   }
   return out;
}

GLuint texture_of(const Image &image, GLenum target)
{
   GLuint name = 0;
   glGenTextures(1, &name);
   glBindTexture(target, name);
   glTexParameteri(target, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
   glTexParameteri(target, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
   glEGLImageTargetTexture2DOES(target, image.get());
   return name;
}

GLuint renderbuffer_of(const Image &image)
{
   GLuint name = 0;
   glGenRenderbuffers(1, &name);
   glBindRenderbuffer(GL_RENDERBUFFER, name);
   glEGLImageTargetRenderbufferStorageOES(GL_RENDERBUFFER, image.get());
   return name;
}

void drain()
{
   Framebuffer scratch;
   const GLuint texture = make_texture(GL_RGBA8, 8, 8);
   scratch.attach_texture(texture);
   for (int i = 0; i < 3; i++) {
      glClear(GL_COLOR_BUFFER_BIT);
      glFinish();
   }
   glDeleteTextures(1, &texture);
}

} // namespace guest
