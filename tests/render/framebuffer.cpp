// SPDX-License-Identifier: MIT
// Framebuffers: several targets, levels and layers, depth textures, samples, feedback.
#include "scene.hpp"

namespace render {
namespace {

constexpr char two_outputs[] = "in vec2 uv; layout(location = 0) out vec4 first;\n"
                               "layout(location = 1) out vec4 second;\n"
                               "layout(location = 2) out vec4 third;\n"
                               "layout(location = 3) out vec4 fourth;\n"
                               "void main() { first = vec4(uv, 0.0, 0.8);\n"
                               "second = vec4(0.2, uv.yx, 0.5); third = vec4(1.0 - uv, 1.0, 0.3);\n"
                               "fourth = vec4(uv.x * uv.y, 0.6, uv.x, 1.0); }\n";
constexpr char quad_vs[] = "in vec3 position; in vec2 texcoord; out vec2 uv;\n"
                           "void main() { uv = texcoord; gl_Position = vec4(position, 1.0); }\n";

void several_targets(Test &t)
{
   static constexpr GLenum formats[] = {GL_RGBA8, GL_RGBA16F, GL_RGB10_A2, GL_RG8};
   GLuint textures[4], name = 0;
   std::vector<GLenum> all;
   for (int i = 0; i < 4; i++)
      textures[i] = t.texture_2d(formats[i], 64, 64, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   glGenFramebuffers(1, &name);
   glBindFramebuffer(GL_FRAMEBUFFER, name);
   for (GLuint i = 0; i < 4; i++) {
      glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0 + i, GL_TEXTURE_2D, textures[i],
                             0);
      all.push_back(GL_COLOR_ATTACHMENT0 + i);
   }
   glDrawBuffers(4, all.data());
   t.check_framebuffer();
   glViewport(0, 0, 64, 64);
   glClearColor(0.3f, 0.3f, 0.3f, 1);
   glClear(GL_COLOR_BUFFER_BIT);
   t.program(quad_vs, two_outputs);
   t.rect(-0.9f, -0.9f, 0.5f, 0.5f);
   // Blending and masks of each target on its own.
   glEnablei(GL_BLEND, 1);
   glEnablei(GL_BLEND, 3);
   glBlendFunc(GL_ONE, GL_ONE);
   glColorMaski(0, GL_TRUE, GL_FALSE, GL_TRUE, GL_TRUE);
   glColorMaski(2, GL_FALSE, GL_TRUE, GL_FALSE, GL_TRUE);
   t.rect(-0.2f, -0.2f, 0.9f, 0.9f);
   glDisablei(GL_BLEND, 1);
   glDisablei(GL_BLEND, 3);
   glColorMask(GL_TRUE, GL_TRUE, GL_TRUE, GL_TRUE);
   const GLenum swapped[] = {GL_COLOR_ATTACHMENT0, GL_NONE, GL_COLOR_ATTACHMENT2, GL_NONE};
   glDrawBuffers(4, swapped);
   t.rect(-0.9f, 0.6f, 0.9f, 0.95f);
   t.bind_canvas();
   t.clear({0, 0, 0});
   for (int i = 0; i < 4; i++) {
      t.tile(i, 2);
      t.show(textures[i]);
   }
}

void blend_per_target(Test &t)
{
   if (!t.need("GL_ARB_draw_buffers_blend"))
      return;
   GLuint textures[2], name = 0;
   for (GLuint &texture : textures)
      texture = t.texture_2d(GL_RGBA8, 64, 64, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   glGenFramebuffers(1, &name);
   glBindFramebuffer(GL_FRAMEBUFFER, name);
   const GLenum all[] = {GL_COLOR_ATTACHMENT0, GL_COLOR_ATTACHMENT1};
   for (GLuint i = 0; i < 2; i++)
      glFramebufferTexture2D(GL_FRAMEBUFFER, all[i], GL_TEXTURE_2D, textures[i], 0);
   glDrawBuffers(2, all);
   glViewport(0, 0, 64, 64);
   glClearColor(0.5f, 0.4f, 0.3f, 0.6f);
   glClear(GL_COLOR_BUFFER_BIT);
   glEnable(GL_BLEND);
   glBlendFunciARB(0, GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
   glBlendEquationSeparateiARB(1, GL_FUNC_REVERSE_SUBTRACT, GL_MAX);
   glBlendFuncSeparateiARB(1, GL_DST_COLOR, GL_ONE, GL_ONE, GL_ONE);
   t.program(quad_vs, two_outputs);
   t.rect(-0.8f, -0.8f, 0.8f, 0.8f);
   glDisable(GL_BLEND);
   t.bind_canvas();
   t.clear({0, 0, 0});
   for (int i = 0; i < 2; i++) {
      t.tile(i, 2);
      t.show(textures[i]);
   }
}

void levels_faces_slices(Test &t)
{
   const GLuint mipmapped = t.texture(GL_TEXTURE_2D);
   for (int level = 0; level < 5; level++)
      glTexImage2D(GL_TEXTURE_2D, level, GL_RGBA8, 64 >> level, 64 >> level, 0, GL_RGBA,
                   GL_UNSIGNED_BYTE, nullptr);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAX_LEVEL, 4);
   const GLuint cube = t.texture(GL_TEXTURE_CUBE_MAP);
   for (GLuint face = 0; face < 6; face++)
      glTexImage2D(GL_TEXTURE_CUBE_MAP_POSITIVE_X + face, 0, GL_RGBA8, 16, 16, 0, GL_RGBA,
                   GL_UNSIGNED_BYTE, nullptr);
   const GLuint volume = t.texture(GL_TEXTURE_3D);
   glTexImage3D(GL_TEXTURE_3D, 0, GL_RGBA8, 16, 16, 5, 0, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   GLuint name = 0;
   glGenFramebuffers(1, &name);
   glBindFramebuffer(GL_FRAMEBUFFER, name);
   const auto paint = [&](int edge, int i) {
      glViewport(0, 0, edge, edge);
      const Colour c = colour(i);
      glClearColor(c.r * 0.3f, c.g * 0.3f, c.b * 0.3f, 1);
      glClear(GL_COLOR_BUFFER_BIT);
      t.use_flat(c);
      t.rect(-0.7f, -0.7f, 0.1f * static_cast<float>(i), 0.5f);
   };
   for (int level = 0; level < 5; level++) {
      glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, mipmapped, level);
      paint(64 >> level, level);
   }
   for (GLuint face = 0; face < 6; face++) {
      glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0,
                             GL_TEXTURE_CUBE_MAP_POSITIVE_X + face, cube, 0);
      paint(16, static_cast<int>(face) + 1);
   }
   for (int slice = 0; slice < 5; slice++) {
      glFramebufferTexture3D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_3D, volume, 0, slice);
      paint(16, slice + 3);
   }
   t.check_framebuffer();
   t.bind_canvas();
   t.clear({0, 0, 0});
   glBindTexture(GL_TEXTURE_2D, mipmapped);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST_MIPMAP_NEAREST);
   t.quad_program("uniform sampler2D tex;\nvoid main() { result =\n"
                  "textureLod(tex, fract(uv * vec2(5.0, 1.0)), floor(uv.x * 5.0)); }\n");
   t.tile(0, 2);
   t.rect();
   glBindTexture(GL_TEXTURE_CUBE_MAP, cube);
   t.quad_program("uniform samplerCube tex;\nvoid main() { float a = uv.x * 6.28;\n"
                  "result = texture(tex, vec3(sin(a), uv.y * 3.0 - 1.5, cos(a))); }\n");
   t.tile(1, 2);
   t.rect();
   glBindTexture(GL_TEXTURE_3D, volume);
   t.quad_program("uniform sampler3D tex;\nvoid main() { result = texture(tex, vec3(fract(uv.x *\n"
                  "5.0), uv.y, (floor(uv.x * 5.0) + 0.5) / 5.0)); }\n");
   t.tile(2, 2);
   t.rect();
}

void depth_texture(Test &t)
{
   const GLuint tone = t.texture_2d(GL_RGBA8, 64, 64, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   const GLuint depth = t.texture_2d(GL_DEPTH_COMPONENT24, 64, 64, GL_DEPTH_COMPONENT,
                                     GL_UNSIGNED_INT, nullptr);
   t.framebuffer(tone);
   glFramebufferTexture2D(GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT, GL_TEXTURE_2D, depth, 0);
   t.check_framebuffer();
   glViewport(0, 0, 64, 64);
   t.clear({0.2f, 0.2f, 0.2f});
   glEnable(GL_DEPTH_TEST);
   for (int i = 0; i < 5; i++) {
      t.use_flat(colour(i));
      const float at = -0.8f + 0.3f * static_cast<float>(i);
      t.rect(at, -at - 0.4f, at + 0.6f, -at + 0.2f, 0.8f - at);
   }
   glDisable(GL_DEPTH_TEST);
   t.bind_canvas();
   t.clear({0, 0, 0});
   t.tile(0, 2);
   t.show(tone);
   t.tile(1, 2);
   t.show(depth);
   // Only depth, no colour at all.
   GLuint name = 0;
   glGenFramebuffers(1, &name);
   glBindFramebuffer(GL_FRAMEBUFFER, name);
   glFramebufferTexture2D(GL_FRAMEBUFFER, GL_DEPTH_ATTACHMENT, GL_TEXTURE_2D, depth, 0);
   glDrawBuffer(GL_NONE);
   glViewport(0, 0, 64, 64);
   glEnable(GL_DEPTH_TEST);
   glDepthFunc(GL_ALWAYS);
   t.rect(-0.9f, -0.9f, 0, 0, -0.5f);
   glDepthFunc(GL_LESS);
   glDisable(GL_DEPTH_TEST);
   t.bind_canvas();
   t.tile(2, 2);
   t.show(depth);
}

void samples(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   GLuint name = 0, buffer = 0;
   glGenFramebuffers(1, &name);
   glBindFramebuffer(GL_FRAMEBUFFER, name);
   glGenRenderbuffers(1, &buffer);
   glBindRenderbuffer(GL_RENDERBUFFER, buffer);
   glRenderbufferStorageMultisample(GL_RENDERBUFFER, 4, GL_RGBA8, 120, 120);
   glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, buffer);
   t.check_framebuffer();
   GLint count = 0;
   glGetIntegerv(GL_SAMPLES, &count);
   t.value("samples", count);
   for (int i = 0; i < 4; i++) {
      glBindFramebuffer(GL_FRAMEBUFFER, name);
      glViewport(0, 0, 120, 120);
      glClearColor(0, 0.1f, 0.3f, 1);
      glClear(GL_COLOR_BUFFER_BIT);
      if (i == 1) {
         glEnable(GL_SAMPLE_MASK);
         glSampleMaski(0, 0x5);
      } else if (i == 2) {
         glEnable(GL_SAMPLE_COVERAGE);
         glSampleCoverage(0.5f, GL_FALSE);
      } else if (i == 3) {
         glEnable(GL_SAMPLE_ALPHA_TO_COVERAGE);
      }
      t.quad_program("void main() { result = vec4(1.0, uv.y, 0.2, uv.x); }\n");
      t.rect(-0.83f, -0.71f, 0.77f, 0.69f);
      for (GLenum cap : {GL_SAMPLE_MASK, GL_SAMPLE_COVERAGE, GL_SAMPLE_ALPHA_TO_COVERAGE})
         glDisable(cap);
      glBindFramebuffer(GL_DRAW_FRAMEBUFFER, t.canvas());
      const int x = i % 2 * 128, y = i / 2 * 128;
      glBlitFramebuffer(0, 0, 120, 120, x, y, x + 120, y + 120, GL_COLOR_BUFFER_BIT, GL_NEAREST);
   }
   t.bind_canvas();
}

// Each pass reads what the pass before drew: the order of commands is seen.
void ping_pong(Test &t)
{
   GLuint textures[2] = {t.pattern(64, 64), t.pattern(64, 64)}, names[2];
   for (int i = 0; i < 2; i++)
      names[i] = t.framebuffer(textures[i]);
   t.quad_program("uniform sampler2D tex;\nvoid main() { vec2 p = uv - 0.5;\n"
                  "p = mat2(0.96, 0.2, -0.2, 0.96) * p * 1.01 + 0.5;\n"
                  "result = texture(tex, p).gbra * 0.97 + 0.01; }\n");
   glViewport(0, 0, 64, 64);
   for (int pass = 0; pass < 25; pass++) {
      glBindFramebuffer(GL_FRAMEBUFFER, names[pass % 2]);
      glBindTexture(GL_TEXTURE_2D, textures[1 - pass % 2]);
      t.rect();
   }
   t.bind_canvas();
   t.show(textures[0]);
}

// A texture that is drawn to again and again while earlier draws have sampled it.
void draw_then_change(Test &t)
{
   t.clear({0, 0, 0});
   const GLuint texture = t.texture_2d(GL_RGBA8, 32, 32, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   const GLuint name = t.framebuffer(texture);
   for (int i = 0; i < 16; i++) {
      glBindFramebuffer(GL_FRAMEBUFFER, name);
      glViewport(0, 0, 32, 32);
      if (i % 3 == 0) {
         glClearColor(0.1f * static_cast<float>(i % 10), 0.2f, 0.5f, 1);
         glClear(GL_COLOR_BUFFER_BIT);
      }
      t.use_flat(colour(i));
      t.rect(-0.8f, -0.8f, 0.1f * static_cast<float>(i % 8), 0.6f);
      if (i % 4 == 1) {
         glBindTexture(GL_TEXTURE_2D, texture);
         glTexSubImage2D(GL_TEXTURE_2D, 0, 20, 20, 8, 8, GL_RGBA, GL_UNSIGNED_BYTE,
                         pattern_bytes(8, 8).data());
      }
      t.bind_canvas();
      t.tile(i);
      t.show(texture);
   }
}

void srgb_drawn(Test &t)
{
   t.clear({0, 0, 0});
   int i = 0;
   for (bool enabled : {false, true}) {
      const GLuint texture = t.texture_2d(GL_SRGB8_ALPHA8, 64, 64, GL_RGBA, GL_UNSIGNED_BYTE,
                                          nullptr);
      t.framebuffer(texture);
      glViewport(0, 0, 64, 64);
      (enabled ? glEnable : glDisable)(GL_FRAMEBUFFER_SRGB);
      glClearColor(0.5f, 0.2f, 0.1f, 1);
      glClear(GL_COLOR_BUFFER_BIT);
      t.quad_program("void main() { result = vec4(uv, 0.5, 0.6); }\n");
      t.rect(-0.8f, -0.8f, 0.8f, 0.8f);
      glEnable(GL_BLEND);
      glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
      t.rect(-0.2f, -0.9f, 0.3f, 0.9f);
      glDisable(GL_BLEND);
      glDisable(GL_FRAMEBUFFER_SRGB);
      t.bind_canvas();
      t.tile(i++, 2);
      t.show(texture);
   }
}

constexpr Scene table[] = {
   {"fbo-several-targets", Api::core, several_targets},
   {"fbo-blend-per-target", Api::core, blend_per_target},
   {"fbo-levels-faces-slices", Api::core, levels_faces_slices},
   {"fbo-depth-texture", Api::core, depth_texture},
   {"fbo-samples", Api::core, samples},
   {"fbo-ping-pong", Api::core, ping_pong},
   {"fbo-draw-then-change", Api::core, draw_then_change},
   {"fbo-srgb", Api::core, srgb_drawn},
};

} // namespace

std::span<const Scene> framebuffer_scenes()
{
   return table;
}

} // namespace render
