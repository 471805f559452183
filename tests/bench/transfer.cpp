// SPDX-License-Identifier: MIT
//
// How fast pixels and bytes go to the GPU and come back.
//
// usage: transfer [--seconds S] [--list] [PATTERN...]
//
// Measures each combination whose name matches a pattern (all of them without one), a line each:
//    buffersubdata-4k-busy 123456 ops/s 505.7 MB/s
// or "NAME FAILED why", or "NAME SKIP why". All that was sent is compared at the end, and in busy
// runs what each draw has read: a rate of wrong contents is a failure, not a result.

#include "transfer.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace bench {

Data::Data(std::size_t size) : size_(size)
{
   for (int set = 0; set < 2; set++) {
      bytes_[set].resize(size);
      for (std::size_t i = 0; i < size; i++)
         bytes_[set][i] = uint8_t(i * 7 + i / 251 + 101 * std::size_t(set));
   }
}

const uint8_t *Data::round(int round)
{
   std::vector<uint8_t> &bytes = bytes_[round % 2];
   std::memset(bytes.data(), value_of(round), 4);
   std::memset(bytes.data() + size_ - 4, value_of(round), 4);
   return bytes.data();
}

bool Data::matches(const uint8_t *got, int round)
{
   return std::memcmp(got, this->round(round), size_) == 0;
}

GLuint witness_program(const char *reads, const char *index)
{
   const std::string vertex = std::string("#version 150\nuniform int slots;\nflat out vec4 seen;\n") +
                              reads +
                              "void main() {\n"
                              "   int slot = " +
                              index +
                              ";\n"
                              "   seen = look(slot);\n"
                              "   gl_Position = vec4((float(slot) + 0.5) / float(slots) * 2.0 - 1.0,"
                              " 0.0, 0.0, 1.0);\n"
                              "}\n";
   return link(vertex.c_str(), "#version 150\nflat in vec4 seen;\nout vec4 colour;\n"
                               "void main() { colour = seen; }\n");
}

Witness::Witness(GLuint program, int slots) : program_(program), expected_(std::size_t(slots))
{
   glGenTextures(1, &texture_);
   glBindTexture(GL_TEXTURE_2D, texture_);
   glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA32F, slots, 1, 0, GL_RGBA, GL_FLOAT, nullptr);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
   glGenFramebuffers(1, &framebuffer_);
   glUseProgram(program_);
   glUniform1i(glGetUniformLocation(program_, "slots"), slots);
   bind();
   glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture_, 0);
   if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
      fail("a framebuffer of floats is not complete");
   glViewport(0, 0, slots, 1);
   glEnable(GL_BLEND);
   glBlendFunc(GL_ONE, GL_ONE);
   glClearColor(0, 0, 0, 0);
   glClear(GL_COLOR_BUFFER_BIT);
}

Witness::~Witness()
{
   glDisable(GL_BLEND);
   glBindFramebuffer(GL_FRAMEBUFFER, 0);
   glDeleteFramebuffers(1, &framebuffer_);
   glDeleteTextures(1, &texture_);
   glDeleteProgram(program_);
}

void Witness::bind() const
{
   glUseProgram(program_);
   glBindFramebuffer(GL_FRAMEBUFFER, framebuffer_);
}

bool Witness::right() const
{
   std::vector<float> got(expected_.size() * 4);
   glBindFramebuffer(GL_READ_FRAMEBUFFER, framebuffer_);
   glReadPixels(0, 0, GLsizei(expected_.size()), 1, GL_RGBA, GL_FLOAT, got.data());
   for (std::size_t i = 0; i < got.size(); i++) {
      if (got[i] != float(expected_[i / 4]))
         return false;
   }
   return true;
}

} // namespace bench

namespace {

using namespace bench;

struct Size {
   const char *name;
   std::size_t bytes;
};

constexpr std::array<Size, 6> sizes = {{
   {"64", 64},
   {"1k", 1 << 10},
   {"4k", 4 << 10},
   {"64k", 64 << 10},
   {"1m", 1 << 20},
   {"16m", 16 << 20},
}};

struct Options {
   double seconds = 0.25;
   bool list = false;
   std::vector<const char *> patterns;
};

Options parse(std::span<char *> arguments)
{
   Options options;
   for (std::size_t i = 0; i < arguments.size(); i++) {
      const std::string_view word = arguments[i];
      if (word == "--seconds" && i + 1 < arguments.size())
         options.seconds = std::atof(arguments[++i]);
      else if (word == "--list")
         options.list = true;
      else if (word.starts_with('-'))
         fail("usage: transfer [--seconds S] [--list] [PATTERN...]");
      else
         options.patterns.push_back(arguments[i]);
   }
   if (!(options.seconds > 0))
      fail("transfer: --seconds must be above 0");
   return options;
}

bool wanted(const Options &options, const std::string &name)
{
   return options.patterns.empty() ||
          std::ranges::any_of(options.patterns, [&](const char *pattern) {
             return fnmatch(pattern, name.c_str(), 0) == 0;
          });
}

// True unless it failed.
bool run_one(const Kind &kind, const std::string &name, const Run &run)
{
   Outcome outcome = kind.measure(run);
   if (const GLenum error = glGetError(); error != GL_NO_ERROR && !outcome.wrong)
      outcome.wrong = "a GL error was raised";
   if (outcome.skipped)
      std::printf("%s SKIP %s\n", name.c_str(), outcome.skipped);
   else if (outcome.wrong)
      std::printf("%s FAILED %s\n", name.c_str(), outcome.wrong);
   else
      std::printf("%s %.1f ops/s %.2f MB/s\n", name.c_str(), outcome.operations,
                  outcome.operations * double(run.size) / 1e6);
   std::fflush(stdout);
   return !outcome.wrong;
}

} // namespace

int main(int argc, char **argv)
{
   const Options options = parse(std::span(argv + 1, argv + argc));
   std::vector<Kind> kinds(buffer_kinds().begin(), buffer_kinds().end());
   kinds.insert(kinds.end(), texture_kinds().begin(), texture_kinds().end());

   bool right = true;
   int matched = 0;
   const auto each = [&](auto &&visit) {
      for (const Kind &kind : kinds) {
         for (const Size &size : sizes) {
            for (const bool busy : {false, true}) {
               const std::string name =
                  std::string(kind.name) + "-" + size.name + (busy ? "-busy" : "-idle");
               if ((busy || !kind.busy_only) && wanted(options, name)) {
                  matched++;
                  visit(kind, name, Run{size.bytes, busy, options.seconds});
               }
            }
         }
      }
   };
   if (options.list) {
      each([](const Kind &, const std::string &name, const Run &) { std::puts(name.c_str()); });
      return 0;
   }
   const Context context;
   each([&](const Kind &kind, const std::string &name, const Run &run) {
      right &= run_one(kind, name, run);
   });
   if (!matched)
      fail("transfer: nothing matches");
   return right ? 0 : 1;
}
