// SPDX-License-Identifier: MIT
// glBlitFramebuffer: scaled, flipped, converting, resolving, of depth and stencil.
#include "scene.hpp"

namespace render {
namespace {

GLuint read_framebuffer(GLuint texture, int level = 0)
{
   GLuint name = 0;
   glGenFramebuffers(1, &name);
   glBindFramebuffer(GL_READ_FRAMEBUFFER, name);
   glFramebufferTexture2D(GL_READ_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, level);
   return name;
}

void scaled(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   const GLuint source = t.pattern(40, 30);
   read_framebuffer(source);
   for (GLenum filter : {GL_NEAREST, GL_LINEAR}) {
      const int y = filter == GL_LINEAR ? 128 : 0;
      glBlitFramebuffer(0, 0, 40, 30, 2, y + 2, 42, y + 32, GL_COLOR_BUFFER_BIT, filter);
      glBlitFramebuffer(0, 0, 40, 30, 50, y + 2, 170, y + 92, GL_COLOR_BUFFER_BIT, filter);
      glBlitFramebuffer(5, 5, 30, 25, 180, y + 2, 190, y + 14, GL_COLOR_BUFFER_BIT, filter);
      glBlitFramebuffer(3, 4, 11, 9, 180, y + 20, 250, y + 120, GL_COLOR_BUFFER_BIT, filter);
      glBlitFramebuffer(0, 0, 40, 30, 2, y + 100, 160, y + 120, GL_COLOR_BUFFER_BIT, filter);
   }
}

void flipped(Test &t)
{
   t.clear({0.1f, 0.1f, 0.3f});
   read_framebuffer(t.pattern(40, 30));
   glBlitFramebuffer(0, 0, 40, 30, 100, 10, 10, 80, GL_COLOR_BUFFER_BIT, GL_NEAREST);
   glBlitFramebuffer(0, 0, 40, 30, 110, 80, 200, 10, GL_COLOR_BUFFER_BIT, GL_NEAREST);
   glBlitFramebuffer(40, 30, 0, 0, 10, 90, 50, 120, GL_COLOR_BUFFER_BIT, GL_LINEAR);
   glBlitFramebuffer(40, 0, 0, 30, 60, 90, 100, 120, GL_COLOR_BUFFER_BIT, GL_NEAREST);
   glEnable(GL_SCISSOR_TEST); // the scissor holds for blits
   glScissor(130, 95, 30, 100);
   glBlitFramebuffer(0, 0, 40, 30, 110, 90, 240, 200, GL_COLOR_BUFFER_BIT, GL_NEAREST);
   glDisable(GL_SCISSOR_TEST);
   // Parts outside of source and target are left out.
   glBlitFramebuffer(-20, -10, 30, 20, 10, 130, 110, 230, GL_COLOR_BUFFER_BIT, GL_NEAREST);
   glBlitFramebuffer(0, 0, 40, 30, 200, 200, 300, 300, GL_COLOR_BUFFER_BIT, GL_NEAREST);
   glColorMask(GL_FALSE, GL_TRUE, GL_FALSE, GL_TRUE); // the colour mask does not
   glBlitFramebuffer(0, 0, 40, 30, 200, 20, 240, 50, GL_COLOR_BUFFER_BIT, GL_NEAREST);
   glColorMask(GL_TRUE, GL_TRUE, GL_TRUE, GL_TRUE);
}

void converting(Test &t)
{
   static constexpr GLenum formats[] = {GL_RGBA16F, GL_RGB10_A2, GL_R8, GL_RG16, GL_RGBA32F,
                                        GL_RGB565, GL_RGBA4, GL_RGB5_A1, GL_R11F_G11F_B10F,
                                        GL_RGBA16, GL_RG8, GL_SRGB8_ALPHA8};
   const GLuint source = t.pattern(32, 32);
   std::vector<GLuint> results;
   for (GLenum format : formats) {
      const GLuint texture = t.texture_2d(format, 32, 32, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
      t.framebuffer(texture);
      read_framebuffer(source);
      glBlitFramebuffer(0, 0, 32, 32, 0, 0, 32, 32, GL_COLOR_BUFFER_BIT, GL_NEAREST);
      results.push_back(texture);
   }
   t.bind_canvas();
   t.clear({0, 0, 0});
   int i = 0;
   for (GLuint texture : results) { // and back to RGBA8
      read_framebuffer(texture);
      const int x = i % 4 * 64, y = i / 4 * 64;
      glBlitFramebuffer(0, 0, 32, 32, x, y, x + 60, y + 60, GL_COLOR_BUFFER_BIT, GL_NEAREST);
      i++;
   }
}

void resolve(Test &t)
{
   t.clear({0.2f, 0.2f, 0.2f});
   int row = 0;
   for (GLenum format : {GL_RGBA8, GL_RGBA16F}) {
      GLuint name = 0, buffer = 0, depth = 0;
      glGenFramebuffers(1, &name);
      glBindFramebuffer(GL_FRAMEBUFFER, name);
      glGenRenderbuffers(1, &buffer);
      glBindRenderbuffer(GL_RENDERBUFFER, buffer);
      glRenderbufferStorageMultisample(GL_RENDERBUFFER, 4, format, 100, 100);
      glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, buffer);
      glGenRenderbuffers(1, &depth);
      glBindRenderbuffer(GL_RENDERBUFFER, depth);
      glRenderbufferStorageMultisample(GL_RENDERBUFFER, 4, GL_DEPTH24_STENCIL8, 100, 100);
      glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_DEPTH_STENCIL_ATTACHMENT, GL_RENDERBUFFER,
                                depth);
      t.check_framebuffer();
      glViewport(0, 0, 100, 100);
      t.clear({0, 0, 0.4f});
      t.program("in vec2 position;\nvoid main() { gl_Position = vec4(position, 0.0, 1.0); }\n",
                "out vec4 result;\nvoid main() { result = vec4(1.0, 0.8, 0.1, 1.0); }\n");
      t.vertex_array();
      t.attribute(0, 2, {-0.9f, -0.8f, 0.85f, -0.3f, -0.4f, 0.95f});
      glDrawArrays(GL_TRIANGLES, 0, 3);
      t.use_flat(colour(2));
      t.rect(-0.33f, -0.37f, 0.21f, 0.13f);
      glBindFramebuffer(GL_DRAW_FRAMEBUFFER, t.canvas());
      glBlitFramebuffer(0, 0, 100, 100, 10, 10 + row, 110, 110 + row, GL_COLOR_BUFFER_BIT,
                        GL_NEAREST);
      glBlitFramebuffer(20, 20, 80, 80, 130, 30 + row, 190, 90 + row, GL_COLOR_BUFFER_BIT,
                        GL_NEAREST);
      row += 124;
   }
   t.bind_canvas();
}

void depth_and_stencil(Test &t)
{
   GLuint name = 0, depth = 0;
   const GLuint unused = t.texture_2d(GL_RGBA8, 256, 256, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   name = t.framebuffer(unused);
   glGenRenderbuffers(1, &depth);
   glBindRenderbuffer(GL_RENDERBUFFER, depth);
   glRenderbufferStorage(GL_RENDERBUFFER, GL_DEPTH24_STENCIL8, 256, 256);
   glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_DEPTH_STENCIL_ATTACHMENT, GL_RENDERBUFFER, depth);
   t.clear({0, 0, 0});
   glEnable(GL_DEPTH_TEST);
   glEnable(GL_STENCIL_TEST);
   glDepthFunc(GL_ALWAYS);
   glStencilOp(GL_REPLACE, GL_REPLACE, GL_REPLACE);
   for (int i = 0; i < 6; i++) {
      glStencilFunc(GL_ALWAYS, i + 1, 0xff);
      t.use_flat(colour(i));
      const float x = -0.9f + 0.3f * static_cast<float>(i);
      t.rect(x, -0.9f, x + 0.25f, 0.9f, -0.8f + 0.3f * static_cast<float>(i));
   }
   glDisable(GL_STENCIL_TEST);
   t.bind_canvas();
   t.clear({0, 0, 0});
   glBindFramebuffer(GL_READ_FRAMEBUFFER, name);
   glBlitFramebuffer(0, 0, 256, 256, 0, 0, 256, 128, GL_DEPTH_BUFFER_BIT, GL_NEAREST);
   glBlitFramebuffer(0, 0, 256, 256, 0, 128, 256, 256, GL_STENCIL_BUFFER_BIT, GL_NEAREST);
   t.bind_canvas();
   glDepthFunc(GL_LESS);
   glDepthMask(GL_FALSE);
   t.use_flat(colour(3));
   t.rect(-1, -1, 1, 0, 0.0f);
   t.use_flat(colour(5));
   t.rect(-1, -1, 1, 0, -0.6f);
   glDisable(GL_DEPTH_TEST);
   glEnable(GL_STENCIL_TEST);
   glStencilOp(GL_KEEP, GL_KEEP, GL_KEEP);
   for (int i = 1; i < 7; i++) {
      glStencilFunc(GL_EQUAL, i, 0xff);
      t.use_flat(colour(i));
      t.rect();
   }
   glDisable(GL_STENCIL_TEST);
}

void levels_layers(Test &t)
{
   const GLuint mipmapped = t.texture(GL_TEXTURE_2D);
   for (int level = 0; level < 4; level++) {
      const int edge = 32 >> level;
      glTexImage2D(GL_TEXTURE_2D, level, GL_RGBA8, edge, edge, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                   pattern_bytes(edge, edge).data());
   }
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAX_LEVEL, 3);
   const GLuint array = t.texture(GL_TEXTURE_2D_ARRAY);
   glTexImage3D(GL_TEXTURE_2D_ARRAY, 0, GL_RGBA8, 32, 32, 3, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                Random(11).bytes(32 * 32 * 3 * 4).data());
   t.bind_canvas();
   t.clear({0, 0, 0});
   for (int level = 0; level < 4; level++) {
      read_framebuffer(mipmapped, level);
      const int edge = 32 >> level;
      glBlitFramebuffer(0, 0, edge, edge, level * 64, 0, level * 64 + 60, 60, GL_COLOR_BUFFER_BIT,
                        GL_NEAREST);
   }
   GLuint name = 0;
   glGenFramebuffers(1, &name);
   for (int layer = 0; layer < 3; layer++) {
      glBindFramebuffer(GL_READ_FRAMEBUFFER, name);
      glFramebufferTextureLayer(GL_READ_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, array, 0, layer);
      glBlitFramebuffer(0, 0, 32, 32, layer * 64, 64, layer * 64 + 60, 124, GL_COLOR_BUFFER_BIT,
                        GL_NEAREST);
   }
   // From layer to layer and into a level, then show what came of it.
   GLuint target = 0;
   glGenFramebuffers(1, &target);
   glBindFramebuffer(GL_DRAW_FRAMEBUFFER, target);
   glFramebufferTexture2D(GL_DRAW_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, mipmapped, 1);
   glBlitFramebuffer(0, 0, 32, 32, 2, 2, 14, 12, GL_COLOR_BUFFER_BIT, GL_LINEAR);
   glFramebufferTextureLayer(GL_DRAW_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, array, 0, 0);
   glBlitFramebuffer(0, 0, 16, 16, 4, 4, 30, 30, GL_COLOR_BUFFER_BIT, GL_NEAREST);
   glBindFramebuffer(GL_DRAW_FRAMEBUFFER, t.canvas());
   read_framebuffer(mipmapped, 1);
   glBlitFramebuffer(0, 0, 16, 16, 0, 128, 100, 228, GL_COLOR_BUFFER_BIT, GL_NEAREST);
   glBindFramebuffer(GL_READ_FRAMEBUFFER, name);
   glFramebufferTextureLayer(GL_READ_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, array, 0, 0);
   glBlitFramebuffer(0, 0, 32, 32, 128, 128, 228, 228, GL_COLOR_BUFFER_BIT, GL_NEAREST);
   t.bind_canvas();
}

void srgb(Test &t)
{
   const GLuint linear = t.pattern(32, 32);
   const GLuint encoded = t.texture_2d(GL_SRGB8_ALPHA8, 32, 32, GL_RGBA, GL_UNSIGNED_BYTE,
                                       pattern_bytes(32, 32).data());
   t.clear({0, 0, 0});
   int i = 0;
   for (bool enabled : {false, true}) {
      (enabled ? glEnable : glDisable)(GL_FRAMEBUFFER_SRGB);
      for (GLuint source : {linear, encoded}) {
         const GLuint target = t.texture_2d(GL_SRGB8_ALPHA8, 64, 64, GL_RGBA, GL_UNSIGNED_BYTE,
                                            nullptr);
         t.framebuffer(target);
         read_framebuffer(source);
         glBlitFramebuffer(0, 0, 32, 32, 0, 0, 64, 64, GL_COLOR_BUFFER_BIT, GL_NEAREST);
         read_framebuffer(target);
         glBindFramebuffer(GL_DRAW_FRAMEBUFFER, t.canvas());
         glBlitFramebuffer(0, 0, 64, 64, i * 64, 0, i * 64 + 60, 120, GL_COLOR_BUFFER_BIT,
                           GL_NEAREST);
         t.bind_canvas();
         t.tile(12 + i++);
         t.show(target);
      }
   }
   glDisable(GL_FRAMEBUFFER_SRGB);
}

constexpr Scene table[] = {
   {"blit-scaled", Api::core, scaled},
   {"blit-flipped", Api::core, flipped},
   {"blit-converting", Api::core, converting},
   {"blit-resolve", Api::core, resolve},
   {"blit-depth-stencil", Api::core, depth_and_stencil},
   {"blit-levels-layers", Api::core, levels_layers},
   {"blit-srgb", Api::core, srgb},
};

} // namespace

std::span<const Scene> blit_scenes()
{
   return table;
}

} // namespace render
