// SPDX-License-Identifier: MIT
// The graphics device as a program sees it: DRM node, GBM device, EGL display and contexts.
#pragma once

#include <epoxy/egl.h>
#include <epoxy/gl.h>
#include <gbm.h>

#include <string>
#include <utility>
#include <vector>

namespace guest {

inline constexpr const char *render_node = "/dev/dri/renderD128";
inline constexpr const char *primary_node = "/dev/dri/card0";

class Fd {
public:
   Fd() = default;
   explicit Fd(int fd) : fd_(fd) {}
   Fd(Fd &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
   Fd &operator=(Fd &&other) noexcept
   {
      std::swap(fd_, other.fd_);
      return *this;
   }
   ~Fd();
   int get() const { return fd_; }
   explicit operator bool() const { return fd_ >= 0; }

private:
   int fd_ = -1;
};

// An open node with GBM and EGL on it. Each one is a file description of its own unless it is made
// from a descriptor that somebody gives.
class Device {
public:
   explicit Device(const char *path = render_node); // gives up when it cannot be had
   explicit Device(Fd fd);
   ~Device();
   Device(const Device &) = delete;
   Device &operator=(const Device &) = delete;

   int fd() const { return fd_.get(); }
   gbm_device *gbm() const { return gbm_; }
   EGLDisplay display() const { return display_; }
   bool has(const char *extension) const;
   EGLConfig config(EGLint surface_type, uint32_t fourcc) const; // nullptr where there is none
   // An OpenGL ES 3 context without a surface of its own.
   EGLContext context(EGLContext share = EGL_NO_CONTEXT, EGLConfig config = nullptr) const;
   void make_current(EGLContext context, EGLSurface surface = EGL_NO_SURFACE) const;

private:
   void open();

   Fd fd_;
   gbm_device *gbm_ = nullptr;
   EGLDisplay display_ = EGL_NO_DISPLAY;
};

// What a process holds. These must not grow.
struct Holdings {
   int fds = 0;
   int mappings = 0;
   int handles = 0; // GEM handles of a file description
   std::string text() const;
   Holdings max(const Holdings &other) const;
   bool fits(const Holdings &limit, int spare) const;
};
Holdings holdings(int drm_fd);

// Drivers let go of some things late, when they next look at what the device has done; so a few
// more may be held at one time than at another, but no more with each stretch of the same work.
// WORK(i) does one of three stretches. "" when the third leaves no more than there was after the
// first two, or only so few more as may wait at any time.
template <typename Work> std::string piles_up(int drm_fd, Work work, int spare = 3)
{
   Holdings most, last;
   for (int i = 0; i < 3; i++) {
      work(i);
      last = holdings(drm_fd);
      if (i < 2)
         most = most.max(last);
   }
   return last.fits(most, spare) ? "" : most.text() + " at first, " + last.text() + " later";
}

// The host's number of the resource behind a GEM handle; 0 when the handle is closed.
uint32_t resource_of(int drm_fd, uint32_t handle);

// How many handles of a description stand for a resource.
int handles_of(int drm_fd, uint32_t resource);

// Messages with descriptors over a socket of the kind SOCK_SEQPACKET.
bool send_message(int socket, const void *data, size_t size, const std::vector<int> &fds = {});
// False when the other side is gone. FDS gets what came along.
bool receive_message(int socket, void *data, size_t size, std::vector<Fd> *fds = nullptr);

} // namespace guest
