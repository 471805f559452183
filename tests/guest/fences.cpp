// SPDX-License-Identifier: MIT
// Fences: what they say of work in progress, how long one waits for them, and that work ordered
// by them is. The suite runs this with both kinds of fences the kernel has (VERGLAS_DRM_FENCE).
//
//   guest-fences [--many N]      N fences for the check that nothing piles up (default 10,000)

#include "check.hpp"
#include "sharing.hpp"

#include <atomic>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace guest;

namespace {

constexpr int width = 64, height = 48;
constexpr Area whole{0, 0, width, height};
constexpr uint64_t ms = 1000000;

class Sync {
public:
   Sync(EGLDisplay display, EGLenum type, const EGLint *attributes = nullptr)
      : display_(display), sync_(eglCreateSyncKHR(display, type, attributes))
   {
   }
   ~Sync()
   {
      if (sync_ != EGL_NO_SYNC_KHR)
         eglDestroySyncKHR(display_, sync_);
   }
   Sync(const Sync &) = delete;
   Sync &operator=(const Sync &) = delete;
   explicit operator bool() const { return sync_ != EGL_NO_SYNC_KHR; }
   EGLSyncKHR get() const { return sync_; }
   EGLint wait(uint64_t timeout, bool flush = true) const
   {
      return eglClientWaitSyncKHR(display_, sync_, flush ? EGL_SYNC_FLUSH_COMMANDS_BIT_KHR : 0,
                                  timeout);
   }
   bool signaled() const
   {
      EGLint value = 0;
      eglGetSyncAttribKHR(display_, sync_, EGL_SYNC_STATUS_KHR, &value);
      return value == EGL_SIGNALED_KHR;
   }

private:
   EGLDisplay display_;
   EGLSyncKHR sync_;
};

// Checks what holds only while work is under way. This process may be kept waiting for longer than
// the work takes, on a machine that has other things to do: then it is tried again.
template <typename Holds>
void while_working(const Labour &labour, const std::string &name, Holds holds)
{
   for (int i = 0; i < 10; i++) {
      const double began = now();
      labour.begin();
      const bool good = holds();
      const double took = now() - began;
      glFinish();
      if (good) {
         ok(name);
         return;
      }
      if (took < labour.seconds() / 2) {
         fail(name, "work of %.2f s counts as done after %.3f s", labour.seconds(), took);
         return;
      }
   }
   skip(name, "this machine is too busy to look while work is under way");
}

// EGL's fences on work that takes LABOUR's time.
void client_waits(const Device &device, const Labour &labour)
{
   while_working(labour, "EGL fence, zero timeout", [&] {
      const Sync sync(device.display(), EGL_SYNC_FENCE_KHR);
      glFlush();
      return sync && sync.wait(0) == EGL_TIMEOUT_EXPIRED_KHR && !sync.signaled();
   });
   double waited = 1;
   while_working(labour, "EGL fence, a timeout that is too short", [&] {
      const Sync sync(device.display(), EGL_SYNC_FENCE_KHR);
      glFlush();
      const double began = now();
      const EGLint got = sync.wait(20 * ms);
      waited = now() - began;
      return got == EGL_TIMEOUT_EXPIRED_KHR;
   });
   check(waited > 0.015, "EGL fence, the timeout is waited for", "0.020 s took %.3f s", waited);

   labour.begin();
   const Sync sync(device.display(), EGL_SYNC_FENCE_KHR);
   if (!check(bool(sync), "EGL fence", "none can be made (0x%04x)", eglGetError()))
      return;
   EGLint got = sync.wait(EGL_FOREVER_KHR);
   check(got == EGL_CONDITION_SATISFIED_KHR, "EGL fence, for ever", "0x%04x", got);
   check(sync.signaled() && sync.wait(0) == EGL_CONDITION_SATISFIED_KHR,
         "EGL fence, signalled stays signalled", "it is not");

   labour.begin();
   const Sync finite(device.display(), EGL_SYNC_FENCE_KHR);
   got = finite.wait(60000 * ms);
   check(got == EGL_CONDITION_SATISFIED_KHR, "EGL fence, a timeout that is long enough", "0x%04x",
         got);

   // A fence on nothing, and one that nobody waits for.
   Sync idle(device.display(), EGL_SYNC_FENCE_KHR);
   check(idle.wait(EGL_FOREVER_KHR) == EGL_CONDITION_SATISFIED_KHR, "EGL fence on nothing",
         "it does not signal");
   labour.begin();
   {
      Sync dropped(device.display(), EGL_SYNC_FENCE_KHR);
   }
   glFinish();
   ok("EGL fence dropped");
}

void gl_fences(const Labour &labour)
{
   while_working(labour, "GL fence, zero timeout", [&] {
      const GLsync early = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
      const GLenum at_once = glClientWaitSync(early, GL_SYNC_FLUSH_COMMANDS_BIT, 0);
      glDeleteSync(early);
      return at_once == GL_TIMEOUT_EXPIRED;
   });
   labour.begin();
   GLsync sync = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
   glFlush();
   const GLenum later = glClientWaitSync(sync, 0, 60000 * ms);
   check(later == GL_CONDITION_SATISFIED || later == GL_ALREADY_SIGNALED, "GL fence, waited for",
         "0x%04x", later);
   GLint value = 0;
   glGetSynciv(sync, GL_SYNC_STATUS, 1, nullptr, &value);
   check(value == GL_SIGNALED, "GL fence, signalled", "0x%04x", static_cast<unsigned>(value));
   glDeleteSync(sync);
   // Polled, as programs do which have something else to do meanwhile.
   labour.begin();
   sync = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
   glFlush();
   int polls = 0;
   for (const double until = now() + 60; now() < until; polls++) {
      glGetSynciv(sync, GL_SYNC_STATUS, 1, nullptr, &value);
      if (value == GL_SIGNALED)
         break;
      usleep(5000);
   }
   check(value == GL_SIGNALED, "GL fence, polled", "0x%04x after %d polls",
         static_cast<unsigned>(value), polls);
   glDeleteSync(sync);
}

// A texture handed to another context in another thread, ordered by nothing but a fence.
void server_waits(const Device &device, EGLContext context)
{
   constexpr int rounds = 8;
   const GLuint texture = make_texture(GL_RGBA8, width, height);
   const EGLContext other = device.context(context);
   std::atomic<EGLSyncKHR> drawn = nullptr, seen = nullptr;
   std::string wrong;
   std::thread reader([&] {
      device.make_current(other);
      for (int i = 0; i < rounds && wrong.empty(); i++) {
         EGLSyncKHR sync;
         while (!(sync = drawn.exchange(nullptr)))
            usleep(200);
         if (!eglWaitSyncKHR(device.display(), sync, 0))
            wrong = "eglWaitSync fails";
         eglDestroySyncKHR(device.display(), sync);
         Framebuffer target;
         target.attach_texture(texture);
         const std::string here = compare(read_pixels(width, height), width, whole,
                                          Pattern(static_cast<uint32_t>(i)));
         if (!here.empty())
            wrong = "round " + std::to_string(i) + ", " + here;
         const EGLSyncKHR done = eglCreateSyncKHR(device.display(), EGL_SYNC_FENCE_KHR, nullptr);
         glFlush();
         seen = done;
      }
      device.make_current(EGL_NO_CONTEXT);
   });
   for (int i = 0; i < rounds; i++) {
      {
         Framebuffer target;
         target.attach_texture(texture);
         paint(Pattern(static_cast<uint32_t>(i)), whole);
      }
      drawn = eglCreateSyncKHR(device.display(), EGL_SYNC_FENCE_KHR, nullptr);
      glFlush();
      EGLSyncKHR sync;
      while (!(sync = seen.exchange(nullptr)))
         usleep(200);
      eglWaitSyncKHR(device.display(), sync, 0);
      eglDestroySyncKHR(device.display(), sync);
      if (!wrong.empty())
         break;
   }
   reader.join();
   check(wrong.empty(), "server wait between threads", "%s", wrong.c_str());
   eglDestroyContext(device.display(), other);
   glDeleteTextures(1, &texture);
}

bool signalled_fd(int fd, int timeout_ms)
{
   pollfd entry{fd, POLLIN, 0};
   return poll(&entry, 1, timeout_ms) == 1 && (entry.revents & POLLIN);
}

// The other process of native_fences(): waits on the host for the fence that comes, then looks.
[[noreturn]] void serve(int socket)
{
   int result = 1;
   Layout layout;
   std::vector<Fd> fds;
   if (receive_message(socket, &layout, sizeof(layout), &fds) && fds.size() == 2) {
      Device device;
      device.make_current(device.context());
      const EGLint attributes[] = {EGL_SYNC_NATIVE_FENCE_FD_ANDROID, dup(fds[1].get()), EGL_NONE};
      Sync sync(device.display(), EGL_SYNC_NATIVE_FENCE_ANDROID, attributes);
      std::vector<Fd> planes;
      planes.push_back(std::move(fds[0]));
      Import imported = import_dmabuf(device, layout, planes, Way::egl);
      if (sync && imported.image && eglWaitSyncKHR(device.display(), sync.get(), 0)) {
         const GLuint texture = texture_of(imported.image);
         Framebuffer target;
         target.attach_texture(texture);
         const std::string wrong = compare(read_pixels(width, height), width, whole, Pattern(42));
         result = wrong.empty() && signalled_fd(attributes[1], 0) ? 0 : 2;
      }
      send_message(socket, &result, sizeof(result));
   }
   _exit(result);
}

void native_fences(const Device &device, const Labour &labour, int socket)
{
   if (!device.has("EGL_ANDROID_native_fence_sync")) {
      skip("native fences", "EGL has no EGL_ANDROID_native_fence_sync");
      return;
   }
   while_working(labour, "native fence, unsignalled", [&] {
      const Sync early(device.display(), EGL_SYNC_NATIVE_FENCE_ANDROID);
      glFlush();
      const Fd descriptor(eglDupNativeFenceFDANDROID(device.display(), early.get()));
      return descriptor && !signalled_fd(descriptor.get(), 0) &&
             early.wait(0) == EGL_TIMEOUT_EXPIRED_KHR;
   });
   labour.begin();
   Sync sync(device.display(), EGL_SYNC_NATIVE_FENCE_ANDROID);
   check(bool(sync), "native fence", "none can be made (0x%04x)", eglGetError());
   glFlush();
   const Fd fd(eglDupNativeFenceFDANDROID(device.display(), sync.get()));
   if (!check(bool(fd), "native fence, descriptor", "there is none (0x%04x)", eglGetError()))
      return;
   check(signalled_fd(fd.get(), 60000), "native fence, signalled", "not within a minute");
   check(sync.wait(EGL_FOREVER_KHR) == EGL_CONDITION_SATISFIED_KHR, "native fence, waited for",
         "it fails");

   // Imported: EGL takes the descriptor.
   const auto from_fd = [&](int given) {
      const EGLint attributes[] = {EGL_SYNC_NATIVE_FENCE_FD_ANDROID, given, EGL_NONE};
      return eglCreateSyncKHR(device.display(), EGL_SYNC_NATIVE_FENCE_ANDROID, attributes);
   };
   while_working(labour, "native fence, imported and unsignalled", [&] {
      const Sync early(device.display(), EGL_SYNC_NATIVE_FENCE_ANDROID);
      glFlush();
      const EGLSyncKHR other =
         from_fd(eglDupNativeFenceFDANDROID(device.display(), early.get()));
      const EGLint got = eglClientWaitSyncKHR(device.display(), other, 0, 0);
      eglDestroySyncKHR(device.display(), other);
      return got == EGL_TIMEOUT_EXPIRED_KHR;
   });
   labour.begin();
   Sync second(device.display(), EGL_SYNC_NATIVE_FENCE_ANDROID);
   glFlush();
   const EGLSyncKHR imported =
      from_fd(eglDupNativeFenceFDANDROID(device.display(), second.get()));
   check(imported != EGL_NO_SYNC_KHR, "native fence, imported", "it is refused (0x%04x)",
         eglGetError());
   check(eglWaitSyncKHR(device.display(), imported, 0), "native fence, server wait", "0x%04x",
         eglGetError());
   glClear(GL_COLOR_BUFFER_BIT);
   glFinish(); // comes after the wait, so after the work
   check(second.signaled(), "native fence, server wait orders the work",
         "the work is not done when what waits for it is");
   check(eglClientWaitSyncKHR(device.display(), imported, 0, EGL_FOREVER_KHR) ==
            EGL_CONDITION_SATISFIED_KHR,
         "native fence, imported and signalled", "it is not");
   eglDestroySyncKHR(device.display(), imported);

   // Given to another process, with the buffer that it is about.
   Buffer buffer(gbm_bo_create(device.gbm(), width, height, GBM_FORMAT_ARGB8888,
                               GBM_BO_USE_RENDERING));
   Layout layout;
   std::vector<Fd> planes;
   if (!buffer || !describe(buffer.get(), layout, planes)) {
      fail("native fence in another process", "there is no buffer to share");
      return;
   }
   const Image image = image_of_buffer(device, buffer.get());
   const GLuint texture = texture_of(image);
   labour.begin(); // what follows comes after it
   {
      Framebuffer target;
      target.attach_texture(texture);
      paint(Pattern(42), whole);
   }
   Sync third(device.display(), EGL_SYNC_NATIVE_FENCE_ANDROID);
   glFlush();
   const Fd passed(eglDupNativeFenceFDANDROID(device.display(), third.get()));
   int result = -1;
   const bool answered =
      send_message(socket, &layout, sizeof(layout), {planes[0].get(), passed.get()}) &&
      receive_message(socket, &result, sizeof(result));
   check(answered && result == 0, "native fence in another process", "%s",
         !answered   ? "the other process is gone"
         : result == 1 ? "it is refused there"
                       : "the picture there is not the one that was drawn before the fence");
   glDeleteTextures(1, &texture);
}

// Fences come from a pool or the kernel; either way they must not pile up.
void many(const Device &device, int count)
{
   const GLuint texture = make_texture(GL_RGBA8, 16, 16);
   Framebuffer target;
   target.attach_texture(texture);
   const auto round = [&](int fences, bool native) {
      EGLSyncKHR held[16] = {}; // sixteen at a time, waited for long after they were made
      bool good = true;
      for (int i = 0; i < fences; i++) {
         EGLSyncKHR &slot = held[i % 16];
         if (slot) {
            good = good && eglClientWaitSyncKHR(device.display(), slot, 0, EGL_FOREVER_KHR) ==
                              EGL_CONDITION_SATISFIED_KHR;
            eglDestroySyncKHR(device.display(), slot);
         }
         glClearColor(static_cast<float>(i & 255) / 255.0f, 0, 0, 1);
         glClear(GL_COLOR_BUFFER_BIT);
         slot = eglCreateSyncKHR(device.display(),
                                 native ? EGL_SYNC_NATIVE_FENCE_ANDROID : EGL_SYNC_FENCE_KHR,
                                 nullptr);
         good = good && slot;
         if (native) {
            glFlush();
            close(eglDupNativeFenceFDANDROID(device.display(), slot));
         }
      }
      for (const EGLSyncKHR slot : held)
         if (slot)
            eglDestroySyncKHR(device.display(), slot);
      glFinish();
      return good;
   };
   const bool native = device.has("EGL_ANDROID_native_fence_sync");
   round(count / 10, false);
   if (native)
      round(count / 20, true);
   const double began = now();
   bool good = true;
   const auto stretch = [&](int) {
      good = round(count / 3, false) && good;
      if (native)
         good = round(count / 30, true) && good;
   };
   // Sixteen are waited for at a time, and as many may be under way.
   const std::string left = piles_up(device.fd(), stretch, 32);
   check(good, "many fences", "one of them fails");
   check(left.empty(), "many fences leave nothing", "%s", left.c_str());
   printf("note %d fences in %.1f s\n", count, now() - began);
   glDeleteTextures(1, &texture);
}

} // namespace

int main(int argc, char **argv)
{
   const int count = argc > 2 && !strcmp(argv[1], "--many") ? atoi(argv[2]) : 10000;
   int sockets[2];
   if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
      give_up("no sockets");
   const pid_t child = fork();
   if (child == 0) {
      close(sockets[0]);
      serve(sockets[1]);
   }
   close(sockets[1]);
   {
      Device device;
      const EGLContext context = device.context();
      device.make_current(context);
      {
         const Labour labour;
         printf("note work of %.2f s\n", labour.seconds());
         client_waits(device, labour);
         gl_fences(labour);
         server_waits(device, context);
         native_fences(device, labour, sockets[0]);
      }
      many(device, count);
   }
   close(sockets[0]);
   waitpid(child, nullptr, 0);
   return status();
}
