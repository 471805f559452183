// SPDX-License-Identifier: MIT
#include "scene.hpp"

#include <cstdarg>
#include <cstdio>

namespace render {

namespace {

const char *version_line(Api api)
{
   switch (api) {
   case Api::core:
      return "#version 330 core\n";
   case Api::compat:
      return "#version 130\n";
   case Api::es2:
      return "#version 100\nprecision highp float;\n";
   case Api::es3:
      return "#version 300 es\nprecision highp float;\nprecision highp int;\n"
             "precision highp sampler2D;\nprecision highp usampler2D;\n";
   }
   return "";
}

} // namespace

Colour colour(int n)
{
   static constexpr std::array<Colour, 12> table{{{0.9f, 0.2f, 0.2f, 1.0f},
                                                  {0.2f, 0.8f, 0.3f, 1.0f},
                                                  {0.2f, 0.4f, 0.9f, 1.0f},
                                                  {0.9f, 0.8f, 0.1f, 1.0f},
                                                  {0.7f, 0.3f, 0.8f, 1.0f},
                                                  {0.1f, 0.8f, 0.8f, 1.0f},
                                                  {0.9f, 0.5f, 0.1f, 1.0f},
                                                  {0.6f, 0.6f, 0.6f, 1.0f},
                                                  {0.5f, 0.3f, 0.1f, 1.0f},
                                                  {0.9f, 0.6f, 0.7f, 1.0f},
                                                  {0.1f, 0.3f, 0.2f, 1.0f},
                                                  {1.0f, 1.0f, 1.0f, 1.0f}}};
   return table[static_cast<size_t>(n) % table.size()];
}

uint32_t Random::next()
{
   state_ ^= state_ << 13;
   state_ ^= state_ >> 17;
   state_ ^= state_ << 5;
   return state_;
}

std::vector<uint8_t> Random::bytes(size_t count)
{
   std::vector<uint8_t> out(count);
   for (uint8_t &b : out)
      b = static_cast<uint8_t>(next() >> 11);
   return out;
}

std::vector<uint8_t> pattern_bytes(int width, int height)
{
   std::vector<uint8_t> out;
   out.reserve(static_cast<size_t>(width) * height * 4);
   for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
         const bool odd = (x ^ y) & 1;
         out.push_back(static_cast<uint8_t>(x * 255 / (width > 1 ? width - 1 : 1)));
         out.push_back(static_cast<uint8_t>(y * 255 / (height > 1 ? height - 1 : 1)));
         out.push_back(odd ? 200 : 60);
         out.push_back(static_cast<uint8_t>(128 + (x * 7 + y * 13) % 128));
      }
   }
   return out;
}

Test::Test(Api api, Surface surface, EGLDisplay display, EGLConfig config, EGLContext context,
           EGLSurface egl_surface)
   : api_(api), surface_(surface), display_(display), config_(config), context_(context),
     egl_surface_(egl_surface)
{
   if (surface_ == Surface::none)
      make_canvas();
   bind_canvas();
}

void Test::fail(const char *format, ...)
{
   char text[4096];
   va_list args;
   va_start(args, format);
   vsnprintf(text, sizeof text, format, args);
   va_end(args);
   failures_.emplace_back(text);
}

void Test::value(std::string_view name, long long number)
{
   values_.push_back(std::string(name) + " " + std::to_string(number));
}

void Test::hash(std::string_view name, std::span<const uint8_t> bytes)
{
   uint64_t h = 1469598103934665603ull; // FNV-1a
   for (uint8_t b : bytes)
      h = (h ^ b) * 1099511628211ull;
   value(name, static_cast<long long>(h));
}

bool Test::need(const char *extension)
{
   if (epoxy_has_gl_extension(extension))
      return true;
   fail("the driver lacks %s", extension);
   return false;
}

void Test::make_canvas()
{
   const bool es2 = api_ == Api::es2;
   const GLuint colour = texture_2d(es2 ? GL_RGBA : GL_RGBA8, size, size, GL_RGBA,
                                    GL_UNSIGNED_BYTE, nullptr);
   glGenFramebuffers(1, &canvas_);
   glBindFramebuffer(GL_FRAMEBUFFER, canvas_);
   glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, colour, 0);
   GLuint depth = 0;
   glGenRenderbuffers(1, &depth);
   glBindRenderbuffer(GL_RENDERBUFFER, depth);
   glRenderbufferStorage(GL_RENDERBUFFER, GL_DEPTH24_STENCIL8, size, size);
   glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT, GL_RENDERBUFFER, depth);
   glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_STENCIL_ATTACHMENT, GL_RENDERBUFFER, depth);
   glBindTexture(GL_TEXTURE_2D, 0);
   check_framebuffer();
}

void Test::bind_canvas()
{
   glBindFramebuffer(GL_FRAMEBUFFER, canvas_);
   glViewport(0, 0, size, size);
}

void Test::clear(Colour c)
{
   glClearColor(c.r, c.g, c.b, c.a);
   glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT | GL_STENCIL_BUFFER_BIT);
}

void Test::tile(int index, int columns)
{
   const int cell = size / columns;
   // A gap of one pixel on each side keeps what leaks out of a tile from being hidden.
   glViewport(index % columns * cell + 1, index / columns * cell + 1, cell - 2, cell - 2);
}

std::vector<uint8_t> Test::read_canvas()
{
   std::vector<uint8_t> pixels(size_t{size} * size * 4);
   if (api_ != Api::es2)
      glBindBuffer(GL_PIXEL_PACK_BUFFER, 0);
   glBindFramebuffer(GL_FRAMEBUFFER, canvas_);
   glPixelStorei(GL_PACK_ALIGNMENT, 4);
   glReadPixels(0, 0, size, size, GL_RGBA, GL_UNSIGNED_BYTE, pixels.data());
   return pixels;
}

GLuint Test::compile(GLenum stage, std::string_view source)
{
   // Helpers put declarations in front of a scene's source, and #extension must come before them.
   std::string text = version_line(api_), body(source);
   constexpr std::string_view extension = "#extension";
   for (size_t at; (at = body.find(extension)) != std::string::npos;) {
      const size_t end = body.find('\n', at) + 1;
      text += body.substr(at, end - at);
      body.erase(at, end - at);
   }
   text += body;
   const char *p = text.c_str();
   const GLuint shader = glCreateShader(stage);
   glShaderSource(shader, 1, &p, nullptr);
   glCompileShader(shader);
   GLint ok = 0;
   glGetShaderiv(shader, GL_COMPILE_STATUS, &ok);
   if (!ok) {
      char log[1024] = "";
      glGetShaderInfoLog(shader, sizeof log, nullptr, log);
      fail("shader does not compile: %s", log);
   }
   return shader;
}

GLuint Test::program(std::string_view vertex, std::string_view fragment, std::string_view geometry,
                     std::span<const char *const> feedback, GLenum feedback_mode)
{
   const GLuint name = glCreateProgram();
   const auto attach = [&](GLenum stage, std::string_view source) {
      if (source.empty())
         return;
      const GLuint shader = compile(stage, source);
      glAttachShader(name, shader);
      glDeleteShader(shader);
   };
   attach(GL_VERTEX_SHADER, vertex);
   attach(GL_FRAGMENT_SHADER, fragment);
   attach(GL_GEOMETRY_SHADER, geometry);
   glBindAttribLocation(name, 0, "position");
   glBindAttribLocation(name, 1, "texcoord");
   glBindAttribLocation(name, 2, "tint");
   if (!feedback.empty()) {
      glTransformFeedbackVaryings(name, static_cast<GLsizei>(feedback.size()), feedback.data(),
                                  feedback_mode);
   }
   glLinkProgram(name);
   GLint ok = 0;
   glGetProgramiv(name, GL_LINK_STATUS, &ok);
   if (!ok) {
      char log[1024] = "";
      glGetProgramInfoLog(name, sizeof log, nullptr, log);
      fail("program does not link: %s", log);
      return 0;
   }
   glUseProgram(name);
   return name;
}

GLuint Test::quad_program(std::string_view fragment)
{
   if (api_ == Api::es2) {
      return program("attribute vec3 position; attribute vec2 texcoord; varying vec2 uv;\n"
                     "void main() { uv = texcoord; gl_Position = vec4(position, 1.0); }\n",
                     "varying vec2 uv;\n#define result gl_FragColor\n" + std::string(fragment));
   }
   return program("in vec3 position; in vec2 texcoord; out vec2 uv;\n"
                  "void main() { uv = texcoord; gl_Position = vec4(position, 1.0); }\n",
                  "in vec2 uv;\nout vec4 result;\n" + std::string(fragment));
}

GLuint Test::flat_program()
{
   if (!flat_)
      flat_ = quad_program("uniform vec4 colour;\nvoid main() { result = colour; }\n");
   glUseProgram(flat_);
   return flat_;
}

void Test::use_flat(Colour c)
{
   glUniform4f(glGetUniformLocation(flat_program(), "colour"), c.r, c.g, c.b, c.a);
}

GLuint Test::vertex_array()
{
   GLuint name = 0;
   if (api_ != Api::es2) {
      glGenVertexArrays(1, &name);
      glBindVertexArray(name);
   }
   return name;
}

GLuint Test::buffer(GLenum target, size_t bytes, const void *data, GLenum usage)
{
   GLuint name = 0;
   glGenBuffers(1, &name);
   glBindBuffer(target, name);
   glBufferData(target, static_cast<GLsizeiptr>(bytes), data, usage);
   return name;
}

GLuint Test::attribute(GLuint index, int components, const std::vector<float> &data, GLuint divisor)
{
   const GLuint name = buffer(GL_ARRAY_BUFFER, data);
   glVertexAttribPointer(index, components, GL_FLOAT, GL_FALSE, 0, nullptr);
   glEnableVertexAttribArray(index);
   if (divisor)
      glVertexAttribDivisor(index, divisor);
   return name;
}

void Test::rect(float x0, float y0, float x1, float y1, float z)
{
   const float v[] = {x0, y0, z, 0, 0, x1, y0, z, 1, 0, x0, y1, z, 0, 1, x1, y1, z, 1, 1};
   GLint before = 0;
   if (api_ != Api::es2)
      glGetIntegerv(GL_VERTEX_ARRAY_BINDING, &before);
   if (!rect_buffer_) {
      rect_array_ = vertex_array();
      glGenBuffers(1, &rect_buffer_);
   }
   if (api_ != Api::es2)
      glBindVertexArray(rect_array_);
   glBindBuffer(GL_ARRAY_BUFFER, rect_buffer_);
   glBufferData(GL_ARRAY_BUFFER, sizeof v, v, GL_STREAM_DRAW);
   for (GLuint i = 0; i < 2; i++) {
      glVertexAttribPointer(i, i ? 2 : 3, GL_FLOAT, GL_FALSE, 20,
                            reinterpret_cast<const void *>(uintptr_t{i * 12}));
      glEnableVertexAttribArray(i);
   }
   glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
   if (api_ != Api::es2)
      glBindVertexArray(static_cast<GLuint>(before));
}

GLuint Test::texture(GLenum target)
{
   GLuint name = 0;
   glGenTextures(1, &name);
   glBindTexture(target, name);
   if (target == GL_TEXTURE_BUFFER || target == GL_TEXTURE_2D_MULTISAMPLE)
      return name;
   glTexParameteri(target, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
   glTexParameteri(target, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
   glTexParameteri(target, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
   glTexParameteri(target, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
   if (api_ != Api::es2)
      glTexParameteri(target, GL_TEXTURE_WRAP_R, GL_CLAMP_TO_EDGE);
   return name;
}

GLuint Test::texture_2d(GLenum internal, int width, int height, GLenum format, GLenum type,
                        const void *data)
{
   const GLuint name = texture(GL_TEXTURE_2D);
   glTexImage2D(GL_TEXTURE_2D, 0, static_cast<GLint>(internal), width, height, 0, format, type,
                data);
   return name;
}

GLuint Test::pattern(int width, int height)
{
   return texture_2d(api_ == Api::es2 ? GL_RGBA : GL_RGBA8, width, height, GL_RGBA,
                     GL_UNSIGNED_BYTE, pattern_bytes(width, height).data());
}

GLuint Test::framebuffer(GLuint texture, int level)
{
   GLuint name = 0;
   glGenFramebuffers(1, &name);
   glBindFramebuffer(GL_FRAMEBUFFER, name);
   glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, level);
   return name;
}

void Test::check_framebuffer()
{
   const GLenum status = glCheckFramebufferStatus(GL_FRAMEBUFFER);
   if (status != GL_FRAMEBUFFER_COMPLETE)
      fail("framebuffer is incomplete: 0x%04x", status);
}

void Test::show(GLuint texture)
{
   if (!show_) {
      const bool es2 = api_ == Api::es2;
      show_ = quad_program(es2 ? "uniform sampler2D tex;\n"
                                 "void main() { result = texture2D(tex, uv); }\n"
                               : "uniform sampler2D tex;\n"
                                 "void main() { result = texture(tex, uv); }\n");
   }
   glUseProgram(show_);
   glActiveTexture(GL_TEXTURE0);
   glBindTexture(GL_TEXTURE_2D, texture);
   rect();
}

} // namespace render
