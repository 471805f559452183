// SPDX-License-Identifier: MIT
//
// How fast pixels and bytes go to the GPU and come back, in MB/s.
//
// usage: transfer upload|buffer|readback [--seconds S] [--size N]
//
// Each round moves new data, and something on the GPU depends on it (a blit out of the texture, a
// copy out of the buffer, a clear before the read-back), so no driver can skip or merge the work
// away. The last round is checked: a rate of wrong pixels is an error, not a result.

#define GL_GLEXT_PROTOTYPES
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GL/gl.h>
#include <GL/glext.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
   std::string_view mode;
   double seconds = 1.0;
   int size = 1024;
};

[[noreturn]] void fail(const char *what)
{
   std::fprintf(stderr, "transfer: %s\n", what);
   std::exit(1);
}

class Context {
public:
   Context()
   {
      display_ = eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr);
      if (display_ == EGL_NO_DISPLAY || !eglInitialize(display_, nullptr, nullptr))
         fail("EGL does not start");
      if (!eglBindAPI(EGL_OPENGL_API))
         fail("EGL does not offer OpenGL");
      constexpr std::array<EGLint, 5> attributes = {
         EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 1, EGL_NONE,
      };
      context_ = eglCreateContext(display_, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attributes.data());
      if (context_ == EGL_NO_CONTEXT ||
          !eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, context_))
         fail("no OpenGL 3.1 context");
   }

   ~Context()
   {
      eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
      eglDestroyContext(display_, context_);
      eglTerminate(display_);
   }

   Context(const Context &) = delete;
   Context &operator=(const Context &) = delete;

private:
   EGLDisplay display_ = EGL_NO_DISPLAY;
   EGLContext context_ = EGL_NO_CONTEXT;
};

// A texture and a framebuffer around it.
struct Target {
   explicit Target(int size)
   {
      glGenTextures(1, &texture);
      glBindTexture(GL_TEXTURE_2D, texture);
      glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, size, size, 0, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
      glGenFramebuffers(1, &framebuffer);
      glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
      glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
      if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
         fail("the framebuffer is not complete");
   }

   GLuint texture = 0;
   GLuint framebuffer = 0;
};

std::array<uint8_t, 4> read_pixel(int x, int y)
{
   std::array<uint8_t, 4> pixel{};
   glReadPixels(x, y, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel.data());
   return pixel;
}

// The value that every byte of round i has; neighbouring rounds differ.
uint8_t round_value(int round)
{
   return static_cast<uint8_t>(1 + round % 251);
}

// Runs rounds until the time is over and the GPU has finished, and prints the rate.
template <typename Round>
int measure(const Options &options, std::size_t bytes_per_round, Round &&round)
{
   int rounds = 0;
   for (; rounds < 4; rounds++) // shaders, caches and storage come into being here
      round(rounds);
   glFinish();

   const int first = rounds;
   const auto start = Clock::now();
   const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
   do {
      // The queue is bounded, so that what a driver has put off is not left to the last glFinish.
      for (int i = 0; i < 8; i++)
         round(rounds++);
      glFinish();
   } while (elapsed() < options.seconds);

   const double rate = static_cast<double>(rounds - first) * bytes_per_round / elapsed() / 1e6;
   std::printf("%.*s %.1f MB/s\n", static_cast<int>(options.mode.size()), options.mode.data(),
               rate);
   return rounds - 1;
}

bool upload(const Options &options)
{
   const int size = options.size;
   const std::size_t bytes = std::size_t(size) * size * 4;
   std::array<std::vector<uint8_t>, 2> pixels = {std::vector<uint8_t>(bytes),
                                                 std::vector<uint8_t>(bytes)};
   Target source(size);
   Target sink(1);
   glBindTexture(GL_TEXTURE_2D, source.texture);
   glBindFramebuffer(GL_READ_FRAMEBUFFER, source.framebuffer);
   glBindFramebuffer(GL_DRAW_FRAMEBUFFER, sink.framebuffer);

   // Only the last pixel carries the round's number: filling megabytes would be measured too.
   const int last = measure(options, bytes, [&](int round) {
      std::vector<uint8_t> &data = pixels[round % 2];
      std::fill(data.end() - 4, data.end(), round_value(round));
      glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, size, size, GL_RGBA, GL_UNSIGNED_BYTE, data.data());
      glBlitFramebuffer(size - 1, size - 1, size, size, 0, 0, 1, 1, GL_COLOR_BUFFER_BIT,
                        GL_NEAREST);
   });
   glBindFramebuffer(GL_READ_FRAMEBUFFER, sink.framebuffer);
   const uint8_t want = round_value(last);
   return std::ranges::all_of(read_pixel(0, 0), [&](uint8_t got) { return got == want; });
}

bool buffer(const Options &options)
{
   const std::size_t bytes = std::size_t(options.size) * options.size;
   std::vector<uint8_t> data(bytes);
   std::array<GLuint, 2> buffers{};
   glGenBuffers(buffers.size(), buffers.data());
   glBindBuffer(GL_COPY_READ_BUFFER, buffers[0]);
   glBufferData(GL_COPY_READ_BUFFER, bytes, nullptr, GL_STREAM_DRAW);
   glBindBuffer(GL_COPY_WRITE_BUFFER, buffers[1]);
   glBufferData(GL_COPY_WRITE_BUFFER, 16, nullptr, GL_STATIC_READ);

   const int last = measure(options, bytes, [&](int round) {
      std::fill(data.end() - 16, data.end(), round_value(round));
      glBufferSubData(GL_COPY_READ_BUFFER, 0, bytes, data.data());
      glCopyBufferSubData(GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, bytes - 16, 0, 16);
   });
   std::array<uint8_t, 16> got{};
   glGetBufferSubData(GL_COPY_WRITE_BUFFER, 0, got.size(), got.data());
   return std::ranges::all_of(got, [&](uint8_t byte) { return byte == round_value(last); });
}

bool readback(const Options &options)
{
   const int size = options.size;
   const std::size_t bytes = std::size_t(size) * size * 4;
   std::vector<uint8_t> pixels(bytes);
   Target source(size);
   glEnable(GL_SCISSOR_TEST);

   bool right = true;
   measure(options, bytes, [&](int round) {
      const uint8_t value = round_value(round);
      const float channel = value / 255.0f;
      glScissor(size - 1, size - 1, 1, 1);
      glClearColor(channel, channel, channel, channel);
      glClear(GL_COLOR_BUFFER_BIT);
      glReadPixels(0, 0, size, size, GL_RGBA, GL_UNSIGNED_BYTE, pixels.data());
      right &=
         std::ranges::all_of(std::span(pixels).last(4), [&](uint8_t got) { return got == value; });
   });
   return right;
}

Options parse(std::span<char *> arguments)
{
   Options options;
   for (std::size_t i = 0; i < arguments.size(); i++) {
      const std::string_view word = arguments[i];
      if (word == "--seconds" && i + 1 < arguments.size())
         options.seconds = std::atof(arguments[++i]);
      else if (word == "--size" && i + 1 < arguments.size())
         options.size = std::atoi(arguments[++i]);
      else if (options.mode.empty())
         options.mode = word;
      else
         fail("usage: transfer upload|buffer|readback [--seconds S] [--size N]");
   }
   if (options.size < 16 || options.size > 8192 || !(options.seconds > 0))
      fail("--size must be 16 to 8192, --seconds above 0");
   return options;
}

} // namespace

int main(int argc, char **argv)
{
   const Options options = parse(std::span(argv + 1, argv + argc));
   const Context context;
   bool right = false;
   if (options.mode == "upload")
      right = upload(options);
   else if (options.mode == "buffer")
      right = buffer(options);
   else if (options.mode == "readback")
      right = readback(options);
   else
      fail("the mode is upload, buffer or readback");
   if (const GLenum error = glGetError(); error != GL_NO_ERROR) {
      std::fprintf(stderr, "transfer: GL error 0x%04x\n", error);
      return 1;
   }
   if (!right)
      fail("the pixels are not what was sent");
   return 0;
}
