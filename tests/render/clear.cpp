// SPDX-License-Identifier: MIT
// Clears: scissored, masked, of depth and stencil, of integer, layered and several targets.
#include "scene.hpp"

namespace render {
namespace {

void scissor_mask(Test &t)
{
   t.clear({0.2f, 0.2f, 0.2f});
   glEnable(GL_SCISSOR_TEST);
   for (int i = 0; i < 16; i++) {
      const Colour c = colour(i);
      glScissor(i % 4 * 64 + i, i / 4 * 64 + 3, 50, 40 + i);
      glColorMask(i & 1, i & 2, i & 4, i & 8);
      glClearColor(c.r, c.g, c.b, 0.5f);
      glClear(GL_COLOR_BUFFER_BIT);
   }
   glColorMask(GL_TRUE, GL_TRUE, GL_TRUE, GL_TRUE);
   glScissor(-10, -10, 30, 30); // partly outside
   glClearColor(1, 1, 1, 1);
   glClear(GL_COLOR_BUFFER_BIT);
   glScissor(250, 250, 100, 100);
   glClear(GL_COLOR_BUFFER_BIT);
   glScissor(100, 100, 0, 0); // empty
   glClear(GL_COLOR_BUFFER_BIT);
   glDisable(GL_SCISSOR_TEST);
}

void depth_stencil(Test &t)
{
   t.clear({0, 0, 0});
   glEnable(GL_SCISSOR_TEST);
   for (int i = 0; i < 4; i++) {
      glScissor(i * 64, 0, 64, 256);
      glClearDepth(0.2 + 0.2 * i);
      glClear(GL_DEPTH_BUFFER_BIT);
      glScissor(0, i * 64, 256, 64);
      glClearStencil(i * 5);
      glStencilMask(i == 2 ? 0x3 : 0xff);
      glClear(GL_STENCIL_BUFFER_BIT);
   }
   glStencilMask(0xff);
   glScissor(100, 100, 50, 50);
   glClearBufferfi(GL_DEPTH_STENCIL, 0, 0.9f, 15); // both at once
   glScissor(10, 200, 40, 40);
   glDepthMask(GL_FALSE);
   glClear(GL_DEPTH_BUFFER_BIT); // masked: has no effect
   glDepthMask(GL_TRUE);
   glDisable(GL_SCISSOR_TEST);
   // Show both: a layer of each depth and one of each stencil value.
   glEnable(GL_DEPTH_TEST);
   glDepthMask(GL_FALSE);
   glDepthFunc(GL_LESS);
   glEnable(GL_BLEND);
   glBlendFunc(GL_ONE, GL_ONE);
   for (float z : {-0.7f, -0.3f, 0.1f, 0.5f, 0.7f}) {
      t.use_flat({0.2f, 0.0f, 0.0f, 0.2f});
      t.rect(-1, -1, 1, 1, z);
   }
   glDisable(GL_DEPTH_TEST);
   glEnable(GL_STENCIL_TEST);
   for (int i = 0; i < 16; i++) {
      glStencilFunc(GL_EQUAL, i, 0xff);
      t.use_flat({0.0f, static_cast<float>(i % 4) / 4, static_cast<float>(i) / 16, 0.1f});
      t.rect();
   }
   glDisable(GL_STENCIL_TEST);
   glDisable(GL_BLEND);
}

void several_targets(Test &t)
{
   GLuint textures[4], name = 0;
   static constexpr GLenum formats[] = {GL_RGBA8, GL_RGBA16F, GL_RGB10_A2, GL_RG8};
   for (int i = 0; i < 4; i++)
      textures[i] = t.texture_2d(formats[i], 32, 32, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   glGenFramebuffers(1, &name);
   glBindFramebuffer(GL_FRAMEBUFFER, name);
   std::vector<GLenum> buffers;
   for (GLuint i = 0; i < 4; i++) {
      glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0 + i, GL_TEXTURE_2D, textures[i],
                             0);
      buffers.push_back(GL_COLOR_ATTACHMENT0 + i);
   }
   t.check_framebuffer();
   glDrawBuffers(4, buffers.data());
   glClearColor(0.1f, 0.2f, 0.3f, 0.4f);
   glClear(GL_COLOR_BUFFER_BIT);
   glEnable(GL_SCISSOR_TEST);
   for (GLint i = 0; i < 4; i++) {
      const Colour c = colour(i);
      const float values[] = {c.r, c.g, c.b, 0.75f};
      glScissor(i * 4, 8, 12, 16);
      glClearBufferfv(GL_COLOR, i, values);
   }
   const GLenum some[] = {GL_NONE, GL_COLOR_ATTACHMENT1, GL_NONE, GL_COLOR_ATTACHMENT3};
   glDrawBuffers(4, some);
   glScissor(20, 20, 12, 12);
   glClearColor(0.9f, 0.9f, 0.5f, 1.0f);
   glClear(GL_COLOR_BUFFER_BIT);
   glDisable(GL_SCISSOR_TEST);
   t.bind_canvas();
   t.clear({0, 0, 0, 0});
   for (int i = 0; i < 4; i++) {
      t.tile(i, 2);
      t.show(textures[i]);
   }
}

void integer_targets(Test &t)
{
   struct Target {
      GLenum internal, format, type;
      bool is_signed;
   };
   static constexpr Target targets[] = {
      {GL_RGBA8UI, GL_RGBA_INTEGER, GL_UNSIGNED_BYTE, false},
      {GL_RGBA8I, GL_RGBA_INTEGER, GL_BYTE, true},
      {GL_RG16UI, GL_RG_INTEGER, GL_UNSIGNED_SHORT, false},
      {GL_R32I, GL_RED_INTEGER, GL_INT, true},
      {GL_RGBA32UI, GL_RGBA_INTEGER, GL_UNSIGNED_INT, false},
      {GL_RGBA16I, GL_RGBA_INTEGER, GL_SHORT, true},
   };
   t.clear({0.1f, 0.1f, 0.1f});
   int i = 0;
   for (const Target &target : targets) {
      const GLuint texture = t.texture_2d(target.internal, 16, 16, target.format, target.type,
                                          nullptr);
      t.framebuffer(texture);
      const GLint negative[] = {-7, 100, -100, 5};
      const GLuint positive[] = {7, 100, 200, 70000};
      const GLint inner_i[] = {i, -i, 3, 120};
      const GLuint inner_u[] = {250, 1, 2, 3000000000u};
      if (target.is_signed)
         glClearBufferiv(GL_COLOR, 0, negative);
      else
         glClearBufferuiv(GL_COLOR, 0, positive);
      glEnable(GL_SCISSOR_TEST);
      glScissor(4, 4, 6, 8);
      if (target.is_signed)
         glClearBufferiv(GL_COLOR, 0, inner_i);
      else
         glClearBufferuiv(GL_COLOR, 0, inner_u);
      glDisable(GL_SCISSOR_TEST);
      t.bind_canvas();
      t.tile(i++, 3);
      const std::string prefix = target.is_signed ? "i" : "u";
      t.quad_program("uniform " + prefix + "sampler2D tex;\nvoid main() { uvec4 v = uvec4(texture("
                     "tex, uv)); result = vec4((v ^ (v >> 5u)) & 31u) / 31.0; result.a = 1.0; }\n");
      glBindTexture(GL_TEXTURE_2D, texture);
      t.rect();
   }
}

void layered(Test &t)
{
   const GLuint texture = t.texture(GL_TEXTURE_2D_ARRAY);
   glTexImage3D(GL_TEXTURE_2D_ARRAY, 0, GL_RGBA8, 16, 16, 4, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                nullptr);
   GLuint name = 0;
   glGenFramebuffers(1, &name);
   glBindFramebuffer(GL_FRAMEBUFFER, name);
   glFramebufferTexture(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, texture, 0);
   t.check_framebuffer();
   glClearColor(0.7f, 0.5f, 0.1f, 1); // all layers
   glClear(GL_COLOR_BUFFER_BIT);
   glFramebufferTextureLayer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, texture, 0, 2);
   glClearColor(0.1f, 0.5f, 0.9f, 1); // one of them
   glClear(GL_COLOR_BUFFER_BIT);
   glFramebufferTexture(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, texture, 0);
   glEnable(GL_SCISSOR_TEST);
   glScissor(3, 5, 6, 7); // a part of all
   glClearColor(0.9f, 0.1f, 0.6f, 1);
   glClear(GL_COLOR_BUFFER_BIT);
   glDisable(GL_SCISSOR_TEST);
   t.bind_canvas();
   t.clear({0, 0, 0});
   const GLuint program = t.quad_program(
      "uniform sampler2DArray tex; uniform float layer;\n"
      "void main() { result = texture(tex, vec3(uv, layer)); }\n");
   for (int i = 0; i < 4; i++) {
      t.tile(i, 2);
      glUniform1f(glGetUniformLocation(program, "layer"), static_cast<float>(i));
      t.rect();
   }
}

void depth_formats(Test &t)
{
   struct Depth {
      GLenum internal, format, type;
   };
   static constexpr Depth formats[] = {
      {GL_DEPTH_COMPONENT16, GL_DEPTH_COMPONENT, GL_UNSIGNED_SHORT},
      {GL_DEPTH_COMPONENT24, GL_DEPTH_COMPONENT, GL_UNSIGNED_INT},
      {GL_DEPTH_COMPONENT32F, GL_DEPTH_COMPONENT, GL_FLOAT},
      {GL_DEPTH24_STENCIL8, GL_DEPTH_STENCIL, GL_UNSIGNED_INT_24_8},
      {GL_DEPTH32F_STENCIL8, GL_DEPTH_STENCIL, GL_FLOAT_32_UNSIGNED_INT_24_8_REV},
   };
   t.clear({0, 0, 0});
   int i = 0;
   for (const Depth &depth : formats) {
      const GLuint texture = t.texture_2d(depth.internal, 32, 32, depth.format, depth.type,
                                          nullptr);
      GLuint name = 0;
      glGenFramebuffers(1, &name);
      glBindFramebuffer(GL_FRAMEBUFFER, name);
      glFramebufferTexture2D(GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT, GL_TEXTURE_2D, texture, 0);
      glDrawBuffer(GL_NONE);
      glReadBuffer(GL_NONE);
      glClearDepth(0.3);
      glClear(GL_DEPTH_BUFFER_BIT);
      glEnable(GL_SCISSOR_TEST);
      glScissor(8, 4, 16, 20);
      glClearDepth(0.8 - 0.1 * i);
      glClear(GL_DEPTH_BUFFER_BIT);
      glDisable(GL_SCISSOR_TEST);
      t.bind_canvas();
      t.tile(i++, 3);
      t.show(texture);
   }
}

constexpr Scene table[] = {
   {"clear-scissor-mask", Api::core, scissor_mask},
   {"clear-depth-stencil", Api::core, depth_stencil},
   {"clear-several-targets", Api::core, several_targets},
   {"clear-integer", Api::core, integer_targets},
   {"clear-layered", Api::core, layered},
   {"clear-depth-formats", Api::core, depth_formats},
};

} // namespace

std::span<const Scene> clear_scenes()
{
   return table;
}

} // namespace render
