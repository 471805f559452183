// SPDX-License-Identifier: MIT
//
// What the programs of bin/bench share: a context without a window, and the ways to give up.

#pragma once

#define GL_GLEXT_PROTOTYPES
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GL/gl.h>
#include <GL/glext.h>

#include <chrono>
#include <string_view>

namespace bench {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char *what);

enum class Profile { Core, Compatibility };

// A context without a surface, current as long as it lives; a core one has 3.2.
class Context {
public:
   explicit Context(Profile profile = Profile::Core);
   ~Context();
   Context(const Context &) = delete;
   Context &operator=(const Context &) = delete;

private:
   EGLDisplay display_ = EGL_NO_DISPLAY;
   EGLContext context_ = EGL_NO_CONTEXT;
};

bool has_extension(std::string_view name);
GLuint link(const char *vertex, const char *fragment);

// Time that runs only between start() and stop().
class Stopwatch {
public:
   void start() { begin_ = Clock::now(); }
   void stop() { sum_ += Clock::now() - begin_; }
   double seconds() const { return std::chrono::duration<double>(sum_).count(); }

private:
   Clock::time_point begin_{};
   Clock::duration sum_{};
};

} // namespace bench
