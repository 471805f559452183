// SPDX-License-Identifier: MIT
// Preloaded into a program that draws by the clock, so that its n-th frame is the same picture on each driver:
// for the program, not for the libraries it uses, time goes on only at a swap, by FRAMES_STEP milliseconds.
// Each frame is read before the swap that shows it, and written to FRAMES_FOLDER/00001.pam and so on; with
// FRAMES_COUNT the program ends there.
#include <EGL/egl.h>
#include <GL/gl.h>
#include <GL/glx.h>

#include <dlfcn.h>
#include <link.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Symbol = void *(*)(void *, const char *);

// dlsym is replaced, too, because glmark2 finds the functions of GL by it.
Symbol real_dlsym()
{
   static Symbol real = [] {
      for (const char *version : {"GLIBC_2.34", "GLIBC_2.17", "GLIBC_2.2.5"}) {
         if (void *s = dlvsym(RTLD_NEXT, "dlsym", version))
            return reinterpret_cast<Symbol>(s);
      }
      std::fputs("frames: there is no dlsym\n", stderr);
      _exit(99);
   }();
   return real;
}

// From the libraries of libglvnd, which are there once the program has drawn anything.
template <typename F> F of_library(const char *library, const char *name)
{
   void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
   void *symbol = handle ? real_dlsym()(handle, name) : nullptr;
   if (!symbol) {
      std::fprintf(stderr, "frames: %s has no %s\n", library, name);
      _exit(99);
   }
   return reinterpret_cast<F>(symbol);
}

long number(const char *variable, long otherwise)
{
   const char *text = std::getenv(variable);
   return text ? std::strtol(text, nullptr, 10) : otherwise;
}

long frame = 0; // finished ones

int64_t program_microseconds()
{
   static const long step = number("FRAMES_STEP", 100);
   return 1'000'000'000'000'000 + int64_t(frame) * step * 1000;
}

// Whether an address lies in the program itself. Waits in libraries go by the true clock.
bool of_program(const void *address)
{
   struct Range {
      uintptr_t first = UINTPTR_MAX, end = 0;
   };
   static const Range range = [] {
      Range r;
      dl_iterate_phdr(
         [](dl_phdr_info *info, size_t, void *data) {
            auto &r = *static_cast<Range *>(data);
            for (int i = 0; i < info->dlpi_phnum; i++) {
               const auto &p = info->dlpi_phdr[i];
               if (p.p_type != PT_LOAD)
                  continue;
               r.first = std::min<uintptr_t>(r.first, info->dlpi_addr + p.p_vaddr);
               r.end = std::max<uintptr_t>(r.end, info->dlpi_addr + p.p_vaddr + p.p_memsz);
            }
            return 1; // the first is the program
         },
         &r);
      return r;
   }();
   const auto a = reinterpret_cast<uintptr_t>(address);
   return a >= range.first && a < range.end;
}

struct Gl {
   void (*get_integer)(unsigned, int *);
   void (*read_pixels)(int, int, int, int, unsigned, unsigned, void *);
   void (*bind_framebuffer)(unsigned, unsigned);
   void (*bind_buffer)(unsigned, unsigned);
   void (*pixel_store)(unsigned, int);
   const unsigned char *(*get_string)(unsigned);
};

template <typename Find> Gl functions(Find find)
{
   Gl gl;
   const auto get = [&](auto &f, const char *name) {
      f = reinterpret_cast<std::remove_reference_t<decltype(f)>>(
         find(reinterpret_cast<const GLubyte *>(name)));
   };
   get(gl.get_integer, "glGetIntegerv");
   get(gl.read_pixels, "glReadPixels");
   get(gl.bind_framebuffer, "glBindFramebuffer");
   get(gl.bind_buffer, "glBindBuffer");
   get(gl.pixel_store, "glPixelStorei");
   get(gl.get_string, "glGetString");
   return gl;
}

void write_picture(const Gl &gl, int width, int height)
{
   constexpr unsigned framebuffer = 0x8d40, framebuffer_binding = 0x8ca6;
   constexpr unsigned pack_buffer = 0x88eb, pack_buffer_binding = 0x88ed;
   const auto *version = reinterpret_cast<const char *>(gl.get_string(GL_VERSION));
   // GL 2.0 and ES 2.0 have these by extensions only, and the programs that use them are of GL 3.
   const bool pack_buffers = version && (version[0] >= '3' || std::strstr(version, "ES 3"));
   int bound = 0, alignment = 4, buffer = 0;
   gl.get_integer(framebuffer_binding, &bound);
   gl.get_integer(GL_PACK_ALIGNMENT, &alignment);
   if (pack_buffers)
      gl.get_integer(pack_buffer_binding, &buffer);
   if (bound)
      gl.bind_framebuffer(framebuffer, 0);
   if (buffer)
      gl.bind_buffer(pack_buffer, 0);
   gl.pixel_store(GL_PACK_ALIGNMENT, 4);
   const size_t stride = size_t(width) * 4;
   std::vector<uint8_t> texels(stride * size_t(height));
   gl.read_pixels(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE, texels.data());
   gl.pixel_store(GL_PACK_ALIGNMENT, alignment);
   if (buffer)
      gl.bind_buffer(pack_buffer, unsigned(buffer));
   if (bound)
      gl.bind_framebuffer(framebuffer, unsigned(bound));

   const char *folder = std::getenv("FRAMES_FOLDER");
   char name[32];
   std::snprintf(name, sizeof(name), "/%05ld.pam", frame + 1);
   FILE *f = std::fopen((std::string(folder ? folder : ".") + name).c_str(), "wb");
   bool good = f && std::fprintf(f, "P7\nWIDTH %d\nHEIGHT %d\nDEPTH 4\nMAXVAL 255\n"
                                    "TUPLTYPE RGB_ALPHA\nENDHDR\n", width, height) > 0;
   for (int y = height - 1; good && y >= 0; y--)
      good = std::fwrite(texels.data() + size_t(y) * stride, stride, 1, f) == 1;
   if (!f || std::fclose(f) != 0 || !good) {
      std::fprintf(stderr, "frames: cannot write a picture to %s\n", folder ? folder : ".");
      _exit(99);
   }
}

void frame_ends()
{
   static const long count = number("FRAMES_COUNT", 0);
   if (++frame == count) {
      std::fflush(nullptr);
      _exit(0);
   }
}

} // namespace

extern "C" {

__attribute__((visibility("default"))) void glXSwapBuffers(Display *display, GLXDrawable drawable)
{
   constexpr const char *library = "libGL.so.1";
   static const Gl gl = functions(of_library<decltype(&glXGetProcAddressARB)>(library,
                                                                             "glXGetProcAddressARB"));
   unsigned width = 0, height = 0;
   const auto query = of_library<decltype(&glXQueryDrawable)>(library, "glXQueryDrawable");
   query(display, drawable, GLX_WIDTH, &width);
   query(display, drawable, GLX_HEIGHT, &height);
   write_picture(gl, int(width), int(height));
   of_library<decltype(&glXSwapBuffers)>(library, "glXSwapBuffers")(display, drawable);
   frame_ends();
}

__attribute__((visibility("default"))) EGLBoolean eglSwapBuffers(EGLDisplay display, EGLSurface surface)
{
   constexpr const char *library = "libEGL.so.1";
   static const auto find = of_library<decltype(&eglGetProcAddress)>(library, "eglGetProcAddress");
   static const Gl gl = functions([](const GLubyte *name) {
      return find(reinterpret_cast<const char *>(name));
   });
   int width = 0, height = 0;
   const auto query = of_library<decltype(&eglQuerySurface)>(library, "eglQuerySurface");
   query(display, surface, EGL_WIDTH, &width);
   query(display, surface, EGL_HEIGHT, &height);
   write_picture(gl, width, height);
   const EGLBoolean good =
      of_library<decltype(&eglSwapBuffers)>(library, "eglSwapBuffers")(display, surface);
   frame_ends();
   return good;
}

__attribute__((visibility("default"))) void *dlsym(void *handle, const char *name) noexcept
{
   if (std::strcmp(name, "glXSwapBuffers") == 0)
      return reinterpret_cast<void *>(glXSwapBuffers);
   if (std::strcmp(name, "eglSwapBuffers") == 0)
      return reinterpret_cast<void *>(eglSwapBuffers);
   return real_dlsym()(handle, name);
}

__attribute__((visibility("default"))) int gettimeofday(timeval *tv, void *zone) noexcept
{
   if (!of_program(__builtin_return_address(0))) {
      static const auto real = reinterpret_cast<int (*)(timeval *, void *)>(
         real_dlsym()(RTLD_NEXT, "gettimeofday"));
      return real(tv, zone);
   }
   const int64_t now = program_microseconds();
   tv->tv_sec = now / 1'000'000;
   tv->tv_usec = now % 1'000'000;
   return 0;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, timespec *ts) noexcept
{
   if (!of_program(__builtin_return_address(0))) {
      static const auto real = reinterpret_cast<int (*)(clockid_t, timespec *)>(
         real_dlsym()(RTLD_NEXT, "clock_gettime"));
      return real(clock, ts);
   }
   const int64_t now = program_microseconds();
   ts->tv_sec = now / 1'000'000;
   ts->tv_nsec = now % 1'000'000 * 1000;
   return 0;
}

__attribute__((visibility("default"))) time_t time(time_t *out) noexcept
{
   timespec ts;
   if (of_program(__builtin_return_address(0))) {
      ts.tv_sec = program_microseconds() / 1'000'000; // glmark2 seeds its generator with it
   } else {
      static const auto real = reinterpret_cast<int (*)(clockid_t, timespec *)>(
         real_dlsym()(RTLD_NEXT, "clock_gettime"));
      real(CLOCK_REALTIME, &ts);
   }
   if (out)
      *out = ts.tv_sec;
   return ts.tv_sec;
}

} // extern "C"
