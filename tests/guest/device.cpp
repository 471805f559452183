// SPDX-License-Identifier: MIT
#include "device.hpp"

#include "check.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libdrm/virtgpu_drm.h>
#include <xf86drm.h>

namespace guest {

Fd::~Fd()
{
   if (fd_ >= 0)
      close(fd_);
}

Device::Device(const char *path) : fd_(::open(path, O_RDWR | O_CLOEXEC))
{
   if (!fd_)
      give_up("cannot open %s: %s", path, strerror(errno));
   open();
}

Device::Device(Fd fd) : fd_(std::move(fd))
{
   open();
}

void Device::open()
{
   gbm_ = gbm_create_device(fd_.get());
   if (!gbm_)
      give_up("no GBM device");
   const auto get = reinterpret_cast<PFNEGLGETPLATFORMDISPLAYEXTPROC>(
      eglGetProcAddress("eglGetPlatformDisplayEXT"));
   display_ = get ? get(EGL_PLATFORM_GBM_KHR, gbm_, nullptr) : EGL_NO_DISPLAY;
   if (display_ == EGL_NO_DISPLAY || !eglInitialize(display_, nullptr, nullptr))
      give_up("no EGL display on GBM (0x%04x)", eglGetError());
}

Device::~Device()
{
   eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
   eglTerminate(display_);
   gbm_device_destroy(gbm_);
}

bool Device::has(const char *extension) const
{
   return epoxy_has_egl_extension(display_, extension);
}

EGLConfig Device::config(EGLint surface_type, uint32_t fourcc) const
{
   const EGLint attributes[] = {EGL_SURFACE_TYPE, surface_type, EGL_RENDERABLE_TYPE,
                                EGL_OPENGL_ES3_BIT, EGL_NONE};
   EGLConfig configs[256];
   EGLint count = 0;
   if (!eglChooseConfig(display_, attributes, configs, 256, &count))
      return nullptr;
   for (EGLint i = 0; i < count; i++) {
      EGLint visual = 0, samples = 0;
      eglGetConfigAttrib(display_, configs[i], EGL_NATIVE_VISUAL_ID, &visual);
      eglGetConfigAttrib(display_, configs[i], EGL_SAMPLES, &samples);
      if (static_cast<uint32_t>(visual) == fourcc && samples == 0)
         return configs[i];
   }
   return nullptr;
}

EGLContext Device::context(EGLContext share, EGLConfig config) const
{
   eglBindAPI(EGL_OPENGL_ES_API);
   const EGLint attributes[] = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_NONE};
   const EGLContext context = eglCreateContext(display_, config, share, attributes);
   if (context == EGL_NO_CONTEXT)
      give_up("no OpenGL ES 3 context (0x%04x)", eglGetError());
   return context;
}

void Device::make_current(EGLContext context, EGLSurface surface) const
{
   eglBindAPI(EGL_OPENGL_ES_API);
   if (!eglMakeCurrent(display_, surface, surface, context))
      give_up("a context cannot be made current (0x%04x)", eglGetError());
}

std::string Holdings::text() const
{
   return std::to_string(fds) + " descriptors, " + std::to_string(mappings) + " mappings, " +
          std::to_string(handles) + " GEM handles";
}

Holdings Holdings::max(const Holdings &other) const
{
   return {std::max(fds, other.fds), std::max(mappings, other.mappings),
           std::max(handles, other.handles)};
}

bool Holdings::fits(const Holdings &limit, int spare) const
{
   return fds <= limit.fds + spare && mappings <= limit.mappings + spare &&
          handles <= limit.handles + spare;
}

namespace {

// The kernel gives a description's handles from 1 up, the lowest free one first: so a long stretch
// of closed ones is the end of them.
template <typename Visit> void each_handle(int drm_fd, Visit visit)
{
   for (uint32_t handle = 1, closed = 0; closed < 1024; handle++) {
      if (const uint32_t resource = resource_of(drm_fd, handle)) {
         visit(resource);
         closed = 0;
      } else {
         closed++;
      }
   }
}

} // namespace

int handles_of(int drm_fd, uint32_t resource)
{
   int count = 0;
   each_handle(drm_fd, [&](uint32_t other) { count += other == resource; });
   return count;
}

Holdings holdings(int drm_fd)
{
   Holdings held;
   if (DIR *folder = opendir("/proc/self/fd")) {
      while (readdir(folder))
         held.fds++;
      closedir(folder);
      held.fds -= 3; // ".", ".." and the folder itself
   }
   if (FILE *maps = fopen("/proc/self/maps", "r")) {
      for (int c; (c = fgetc(maps)) != EOF;)
         held.mappings += c == '\n';
      fclose(maps);
   }
   each_handle(drm_fd, [&](uint32_t) { held.handles++; });
   return held;
}

uint32_t resource_of(int drm_fd, uint32_t handle)
{
   drm_virtgpu_resource_info info{};
   info.bo_handle = handle;
   return drmIoctl(drm_fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info) == 0 ? info.res_handle : 0;
}

bool send_message(int socket, const void *data, size_t size, const std::vector<int> &fds)
{
   iovec piece{const_cast<void *>(data), size};
   alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = {};
   msghdr message{};
   message.msg_iov = &piece;
   message.msg_iovlen = 1;
   if (!fds.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
      cmsghdr *head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      memcpy(CMSG_DATA(head), fds.data(), fds.size() * sizeof(int));
   }
   return sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(size);
}

bool receive_message(int socket, void *data, size_t size, std::vector<Fd> *fds)
{
   iovec piece{data, size};
   alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = {};
   msghdr message{};
   message.msg_iov = &piece;
   message.msg_iovlen = 1;
   message.msg_control = control;
   message.msg_controllen = sizeof(control);
   ssize_t got;
   do
      got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
   while (got < 0 && errno == EINTR);
   std::vector<Fd> came;
   for (cmsghdr *head = CMSG_FIRSTHDR(&message); got > 0 && head;
        head = CMSG_NXTHDR(&message, head)) {
      if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
         continue;
      for (size_t i = 0; i < (head->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
         int fd;
         memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
         came.emplace_back(fd);
      }
   }
   if (fds)
      *fds = std::move(came);
   return got == static_cast<ssize_t>(size);
}

} // namespace guest
