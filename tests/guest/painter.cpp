// SPDX-License-Identifier: MIT
#include "painter.hpp"

#include "check.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace guest {

namespace {
constexpr int cell = 8;

constexpr char corner_vertex[] = R"(#version 300 es
out vec2 uv;
void main()
{
   uv = vec2(gl_VertexID & 1, gl_VertexID >> 1);
   gl_Position = vec4(uv * 2.0 - 1.0, 0.0, 1.0);
}
)";
} // namespace

Pixel Pattern::at(int x, int y) const
{
   uint32_t v = (seed_ * 0x9e3779b9u) ^ (static_cast<uint32_t>(x / cell) * 0x85ebca6bu) ^
                (static_cast<uint32_t>(y / cell) * 0xc2b2ae35u);
   v ^= v >> 15;
   v *= 0x2c1b3c6du;
   v ^= v >> 13;
   const auto levels = static_cast<uint32_t>(levels_);
   Pixel out;
   for (size_t i = 0; i < 4; i++)
      out[i] = static_cast<uint8_t>(((v >> (8 * i)) & 0xff) % levels * 255 / (levels - 1));
   return out;
}

Pixel Channels::seen(Pixel p) const
{
   for (int i = count; i < 4; i++)
      p[static_cast<size_t>(i)] = i == 3 ? 255 : 0;
   return p;
}

void paint(const Pattern &pattern, Area area)
{
   glEnable(GL_SCISSOR_TEST);
   for (int y = area.y; y < area.y + area.height; y = (y / cell + 1) * cell) {
      for (int x = area.x; x < area.x + area.width; x = (x / cell + 1) * cell) {
         const Pixel p = pattern.at(x, y);
         const int right = std::min((x / cell + 1) * cell, area.x + area.width);
         const int top = std::min((y / cell + 1) * cell, area.y + area.height);
         glScissor(x, y, right - x, top - y);
         glClearColor(p[0] / 255.0f, p[1] / 255.0f, p[2] / 255.0f, p[3] / 255.0f);
         glClear(GL_COLOR_BUFFER_BIT);
      }
   }
   glDisable(GL_SCISSOR_TEST);
}

std::vector<Pixel> read_pixels(int width, int height)
{
   std::vector<Pixel> out(static_cast<size_t>(width) * static_cast<size_t>(height));
   glPixelStorei(GL_PACK_ALIGNMENT, 1);
   glReadPixels(0, 0, width, height, GL_RGBA, GL_UNSIGNED_BYTE, out.data());
   return out;
}

std::string compare(const std::vector<Pixel> &pixels, int width, Area area, const Pattern &pattern,
                    Channels channels, int tolerance)
{
   for (int y = area.y; y < area.y + area.height; y++) {
      for (int x = area.x; x < area.x + area.width; x++) {
         const Pixel got = pixels[static_cast<size_t>(y * width + x)];
         const Pixel wanted = channels.seen(pattern.at(x, y));
         bool same = true;
         for (size_t i = 0; i < 4; i++)
            same = same && abs(got[i] - wanted[i]) <= tolerance;
         if (!same) {
            char text[160];
            snprintf(text, sizeof(text), "pixel %d,%d is (%d %d %d %d) instead of (%d %d %d %d)", x,
                     y, got[0], got[1], got[2], got[3], wanted[0], wanted[1], wanted[2], wanted[3]);
            return text;
         }
      }
   }
   return {};
}

Framebuffer::Framebuffer()
{
   glGenFramebuffers(1, &name_);
   glBindFramebuffer(GL_FRAMEBUFFER, name_);
}

Framebuffer::~Framebuffer()
{
   glBindFramebuffer(GL_FRAMEBUFFER, 0);
   glDeleteFramebuffers(1, &name_);
}

bool Framebuffer::attach_texture(GLuint texture)
{
   glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
   return glCheckFramebufferStatus(GL_FRAMEBUFFER) == GL_FRAMEBUFFER_COMPLETE;
}

bool Framebuffer::attach_renderbuffer(GLuint renderbuffer)
{
   glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, renderbuffer);
   return glCheckFramebufferStatus(GL_FRAMEBUFFER) == GL_FRAMEBUFFER_COMPLETE;
}

GLuint make_texture(GLenum internal, int width, int height)
{
   GLuint name = 0;
   glGenTextures(1, &name);
   glBindTexture(GL_TEXTURE_2D, name);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
   glTexStorage2D(GL_TEXTURE_2D, 1, internal, width, height);
   return name;
}

GLuint make_program(const char *vertex, const char *fragment)
{
   const GLuint program = glCreateProgram();
   for (const auto &[stage, source] : {std::pair{GL_VERTEX_SHADER, vertex},
                                       std::pair{GL_FRAGMENT_SHADER, fragment}}) {
      const GLuint shader = glCreateShader(static_cast<GLenum>(stage));
      glShaderSource(shader, 1, &source, nullptr);
      glCompileShader(shader);
      glAttachShader(program, shader);
      glDeleteShader(shader);
   }
   glLinkProgram(program);
   GLint linked = 0;
   glGetProgramiv(program, GL_LINK_STATUS, &linked);
   if (!linked) {
      char log[300] = "";
      glGetProgramInfoLog(program, sizeof(log), nullptr, log);
      give_up("a shader does not link: %s", log);
   }
   return program;
}

Shower::Shower(GLenum target) : target_(target)
{
   const bool external = target == GL_TEXTURE_EXTERNAL_OES;
   const std::string fragment =
      std::string("#version 300 es\n") +
      (external ? "#extension GL_OES_EGL_image_external_essl3 : require\n" : "") +
      "precision highp float;\nin vec2 uv;\nout vec4 result;\nuniform " +
      (external ? "samplerExternalOES" : "sampler2D") +
      " tex;\nvoid main() { result = texture(tex, uv); }\n";
   program_ = make_program(corner_vertex, fragment.c_str());
}

Shower::~Shower()
{
   glDeleteProgram(program_);
}

void Shower::show(GLuint texture) const
{
   glUseProgram(program_);
   glActiveTexture(GL_TEXTURE0);
   glBindTexture(target_, texture);
   glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
   glUseProgram(0);
}

Labour::Labour()
{
   // Each round depends on the one before, so that no compiler can shorten the loop.
   program_ = make_program(corner_vertex, R"(#version 300 es
precision highp float;
in vec2 uv;
out vec4 result;
uniform int rounds;
void main()
{
   vec4 v = vec4(uv, 0.3, 0.7);
   for (int i = 0; i < rounds; i++)
      v = fract(v.yzwx * 1.37 + sin(v));
   result = v;
}
)");
   glGenFramebuffers(1, &framebuffer_);
   glBindFramebuffer(GL_FRAMEBUFFER, framebuffer_);
   texture_ = make_texture(GL_RGBA8, 256, 256);
   glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture_, 0);
   begin();
   glFinish(); // compiled, now
   for (;; rounds_ *= 2) {
      // The shortest of three: on a busy machine a single one proves nothing.
      seconds_ = 1e9;
      for (int i = 0; i < 3 && seconds_ > 0.3; i++) {
         const double began = now();
         begin();
         glFinish();
         seconds_ = std::min(seconds_, now() - began);
      }
      if (seconds_ > 0.3 || rounds_ > (1 << 20))
         break;
   }
}

Labour::~Labour()
{
   glDeleteProgram(program_);
   glDeleteFramebuffers(1, &framebuffer_);
   glDeleteTextures(1, &texture_);
}

void Labour::begin() const
{
   glBindFramebuffer(GL_FRAMEBUFFER, framebuffer_);
   glViewport(0, 0, 256, 256);
   glUseProgram(program_);
   glUniform1i(glGetUniformLocation(program_, "rounds"), rounds_);
   glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
   glUseProgram(0);
   glBindFramebuffer(GL_FRAMEBUFFER, 0);
}

} // namespace guest
