// SPDX-License-Identifier: MIT

#include "gl.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace bench {

namespace {

GLuint compile(GLenum kind, const char *source)
{
   const GLuint shader = glCreateShader(kind);
   glShaderSource(shader, 1, &source, nullptr);
   glCompileShader(shader);
   return shader;
}

} // namespace

void fail(const char *what)
{
   std::fprintf(stderr, "%s\n", what);
   std::exit(1);
}

Context::Context(Profile profile)
{
   display_ = eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr);
   if (display_ == EGL_NO_DISPLAY || !eglInitialize(display_, nullptr, nullptr))
      fail("EGL does not start");
   if (!eglBindAPI(EGL_OPENGL_API))
      fail("EGL does not offer OpenGL");
   constexpr std::array<EGLint, 7> attributes = {
      EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 2, EGL_CONTEXT_OPENGL_PROFILE_MASK,
      EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT, EGL_NONE,
   };
   constexpr EGLint none = EGL_NONE; // and so the oldest kind of context, with all there ever was
   context_ = eglCreateContext(display_, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT,
                               profile == Profile::Core ? attributes.data() : &none);
   if (context_ == EGL_NO_CONTEXT ||
       !eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, context_))
      fail("no OpenGL context of the kind that is needed");
}

Context::~Context()
{
   eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
   eglDestroyContext(display_, context_);
   eglTerminate(display_);
}

bool has_extension(std::string_view name)
{
   GLint count = 0;
   glGetIntegerv(GL_NUM_EXTENSIONS, &count);
   for (GLint i = 0; i < count; i++) {
      if (name == reinterpret_cast<const char *>(glGetStringi(GL_EXTENSIONS, GLuint(i))))
         return true;
   }
   return false;
}

GLuint link(const char *vertex, const char *fragment)
{
   const GLuint program = glCreateProgram();
   for (const GLuint shader :
        {compile(GL_VERTEX_SHADER, vertex), compile(GL_FRAGMENT_SHADER, fragment)}) {
      glAttachShader(program, shader);
      glDeleteShader(shader);
   }
   glLinkProgram(program);
   GLint linked = GL_FALSE;
   glGetProgramiv(program, GL_LINK_STATUS, &linked);
   if (!linked) {
      std::array<char, 512> log{};
      glGetProgramInfoLog(program, log.size(), nullptr, log.data());
      fail(log[0] ? log.data() : "a program does not link");
   }
   return program;
}

} // namespace bench
