// SPDX-License-Identifier: MIT
//
// What many resources cost: to make, use and delete them, to draw with many in a frame, to have.
//
// usage: resources [--seconds S] [--unchecked] churn-buffers|churn-textures|distinct-N|
//                  texdistinct-N|memory-N...
//
//    churn-buffers 123456 buffers/s        create, fill, draw with, delete; ten thousand in a pass
//    distinct-1000 123456 draws/s          each draw with another of N buffers (or textures)
//    memory-10000 123456 KiB of RSS, 123400 KiB of PSS, 130000 KiB at most
//
// Each draw adds what it has read to a sum that is checked; --unchecked is for hosts that do not
// render.

#include "gl.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace bench;

struct Options {
   double seconds = 1.0;
   bool checked = true;
   std::vector<std::string> names;
};

struct Failure {
   const char *why = nullptr;
};

// One pixel of floats to which each draw adds the number of the resource that it has read.
class Sum {
public:
   explicit Sum(bool checked) : checked_(checked)
   {
      glGenTextures(1, &texture_);
      glBindTexture(GL_TEXTURE_2D, texture_);
      glTexImage2D(GL_TEXTURE_2D, 0, GL_R32F, 1, 1, 0, GL_RED, GL_FLOAT, nullptr);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
      glGenFramebuffers(1, &framebuffer_);
      glBindFramebuffer(GL_FRAMEBUFFER, framebuffer_);
      glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture_, 0);
      glViewport(0, 0, 1, 1);
      glEnable(GL_BLEND);
      glBlendFunc(GL_ONE, GL_ONE);
      start();
   }

   void start()
   {
      glClearColor(0, 0, 0, 0);
      glClear(GL_COLOR_BUFFER_BIT);
      expected_ = 0;
   }

   void draw(uint8_t number)
   {
      glDrawArrays(GL_POINTS, 0, 1);
      expected_ += number;
   }

   // Waits for everything.
   bool right() const
   {
      float got = 0;
      glReadPixels(0, 0, 1, 1, GL_RED, GL_FLOAT, &got);
      return !checked_ || got == float(expected_);
   }

private:
   bool checked_;
   GLuint texture_ = 0;
   GLuint framebuffer_ = 0;
   double expected_ = 0;
};

uint8_t number_of(std::size_t index)
{
   return uint8_t(1 + index % 7);
}

constexpr const char *fragment = "#version 150\nflat in float seen;\nout vec4 colour;\n"
                                 "void main() { colour = vec4(seen); }\n";

// Makes, binds and fills resources of one type.
struct Buffers {
   static constexpr std::size_t size = 1024;
   static constexpr const char *vertex =
      "#version 150\nin uvec4 data;\nflat out float seen;\n"
      "void main() { seen = float(data.x); gl_Position = vec4(0, 0, 0, 1); }\n";

   Buffers()
   {
      glGenVertexArrays(1, &array_);
      glBindVertexArray(array_);
      program_ = link(vertex, fragment);
      glUseProgram(program_);
      glEnableVertexAttribArray(0);
      glBindAttribLocation(program_, 0, "data");
   }

   GLuint make(std::size_t index)
   {
      GLuint name = 0;
      glGenBuffers(1, &name);
      glBindBuffer(GL_ARRAY_BUFFER, name);
      std::memset(bytes_.data(), number_of(index), 4);
      glBufferData(GL_ARRAY_BUFFER, size, bytes_.data(), GL_STATIC_DRAW);
      return name;
   }
   void use(GLuint name)
   {
      glBindBuffer(GL_ARRAY_BUFFER, name);
      glVertexAttribIPointer(0, 4, GL_UNSIGNED_BYTE, 4, nullptr);
   }
   void remove(GLuint name) { glDeleteBuffers(1, &name); }

private:
   GLuint array_ = 0;
   GLuint program_ = 0;
   std::array<uint8_t, size> bytes_{};
};

struct Textures {
   static constexpr int side = 16;
   static constexpr const char *vertex =
      "#version 150\nuniform sampler2D data;\nflat out float seen;\n"
      "void main() {\n"
      "   seen = floor(texelFetch(data, ivec2(0), 0).x * 255.0 + 0.5);\n"
      "   gl_Position = vec4(0, 0, 0, 1);\n"
      "}\n";

   Textures()
   {
      glGenVertexArrays(1, &array_);
      glBindVertexArray(array_);
      glUseProgram(link(vertex, fragment));
   }

   GLuint make(std::size_t index)
   {
      GLuint name = 0;
      glGenTextures(1, &name);
      glBindTexture(GL_TEXTURE_2D, name);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAX_LEVEL, 0);
      std::memset(texels_.data(), number_of(index), 4);
      glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, side, side, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                   texels_.data());
      return name;
   }
   void use(GLuint name) { glBindTexture(GL_TEXTURE_2D, name); }
   void remove(GLuint name) { glDeleteTextures(1, &name); }

private:
   GLuint array_ = 0;
   std::array<uint8_t, side * side * 4> texels_{};
};

// Passes of `operations` until the time is over, the first one aside; operations per second.
template <typename Pass> double passes(const Options &options, std::size_t operations, Pass &&pass)
{
   if (!pass())
      return 0;
   Stopwatch watch;
   std::size_t done = 0;
   do {
      watch.start();
      if (!pass())
         return 0;
      watch.stop();
      done += operations;
   } while (watch.seconds() < options.seconds);
   return double(done) / watch.seconds();
}

template <typename Type> double churn(const Options &options)
{
   constexpr std::size_t count = 10000;
   Sum sum(options.checked);
   Type type;
   return passes(options, count, [&] {
      sum.start();
      for (std::size_t i = 0; i < count; i++) {
         const GLuint name = type.make(i);
         type.use(name);
         sum.draw(number_of(i));
         type.remove(name);
      }
      return sum.right();
   });
}

// However few the resources are, a pass has as many draws, so that its end costs as much.
template <typename Type> double distinct(const Options &options, std::size_t count)
{
   constexpr std::size_t draws = 100000;
   Sum sum(options.checked);
   Type type;
   std::vector<GLuint> names;
   for (std::size_t i = 0; i < count; i++)
      names.push_back(type.make(i));
   const double rate = passes(options, draws, [&] {
      sum.start();
      for (std::size_t i = 0; i < draws; i++) {
         type.use(names[i % count]);
         sum.draw(number_of(i % count));
      }
      return sum.right();
   });
   for (const GLuint name : names)
      type.remove(name);
   return rate;
}

long kilobytes(const char *file, const std::string &key)
{
   std::ifstream lines(file);
   for (std::string word; lines >> word;) {
      if (word == key) {
         long value = 0;
         lines >> value;
         return value;
      }
   }
   return 0;
}

// Half of them buffers, half textures; all of them have been drawn with and are alive.
bool memory(const Options &options, std::size_t count, const std::string &name)
{
   Sum sum(options.checked);
   std::vector<GLuint> kept;
   bool right = true;
   const auto make = [&](auto &&type) {
      for (std::size_t i = 0; i < count / 2; i++) {
         kept.push_back(type.make(i));
         type.use(kept.back());
         sum.draw(number_of(i));
      }
      right &= sum.right();
      sum.start();
   };
   make(Buffers());
   make(Textures());
   if (right)
      std::printf("%s %ld KiB of RSS, %ld KiB of PSS, %ld KiB at most\n", name.c_str(),
                  kilobytes("/proc/self/smaps_rollup", "Rss:"),
                  kilobytes("/proc/self/smaps_rollup", "Pss:"),
                  kilobytes("/proc/self/status", "VmHWM:"));
   return right;
}

bool run(const Options &options, const std::string &name)
{
   const auto number = [&] { return std::strtoul(name.c_str() + name.find('-') + 1, nullptr, 10); };
   const char *unit = "draws/s";
   double rate = 0;
   if (name == "churn-buffers")
      rate = churn<Buffers>(options), unit = "buffers/s";
   else if (name == "churn-textures")
      rate = churn<Textures>(options), unit = "textures/s";
   else if (name.starts_with("distinct-") && number() > 0)
      rate = distinct<Buffers>(options, number());
   else if (name.starts_with("texdistinct-") && number() > 0)
      rate = distinct<Textures>(options, number());
   else if (name.starts_with("memory-") && number() > 0) {
      if (memory(options, number(), name))
         return true;
   } else
      fail("usage: resources [--seconds S] [--unchecked] churn-buffers|churn-textures|distinct-N|"
           "texdistinct-N|memory-N...");
   if (const GLenum error = glGetError(); error != GL_NO_ERROR)
      std::printf("%s FAILED GL error 0x%04x\n", name.c_str(), error);
   else if (rate > 0)
      std::printf("%s %.1f %s\n", name.c_str(), rate, unit);
   else
      std::printf("%s FAILED draws did not read what was sent\n", name.c_str());
   std::fflush(stdout);
   return rate > 0;
}

} // namespace

int main(int argc, char **argv)
{
   Options options;
   for (int i = 1; i < argc; i++) {
      const std::string word = argv[i];
      if (word == "--seconds" && i + 1 < argc)
         options.seconds = std::atof(argv[++i]);
      else if (word == "--unchecked")
         options.checked = false;
      else
         options.names.push_back(word);
   }
   bool right = true;
   for (const std::string &name : options.names) {
      const Context context; // what one leaves behind is not the next one's
      right &= run(options, name);
   }
   return right ? 0 : 1;
}
