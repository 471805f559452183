// SPDX-License-Identifier: MIT
// Sampler state: wrapping, filters, comparison, border colours, levels of detail.
#include "scene.hpp"

namespace render {
namespace {

void show_scaled(Test &t, float from, float to)
{
   const GLuint p = t.quad_program(
      "uniform sampler2D tex; uniform vec2 range;\n"
      "void main() { result = texture(tex, mix(vec2(range.x), vec2(range.y), uv)); }\n");
   glUniform2f(glGetUniformLocation(p, "range"), from, to);
   t.rect();
   glDeleteProgram(p);
}

void wrap(Test &t)
{
   static constexpr GLint modes[] = {GL_REPEAT, GL_MIRRORED_REPEAT, GL_CLAMP_TO_EDGE,
                                     GL_CLAMP_TO_BORDER};
   t.clear({0, 0, 0});
   t.pattern(10, 10);
   const float border[] = {0.9f, 0.3f, 0.6f, 1};
   glTexParameterfv(GL_TEXTURE_2D, GL_TEXTURE_BORDER_COLOR, border);
   int i = 0;
   for (GLint s : modes) {
      for (GLint u : modes) {
         t.tile(i++);
         glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, s);
         glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, u);
         show_scaled(t, -1.3f, 2.4f);
      }
   }
}

void filters(Test &t)
{
   t.clear({0, 0, 0});
   t.pattern(32, 32);
   glGenerateMipmap(GL_TEXTURE_2D);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_REPEAT);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_REPEAT);
   int i = 0;
   for (GLint min : {GL_NEAREST, GL_LINEAR, GL_NEAREST_MIPMAP_NEAREST, GL_LINEAR_MIPMAP_NEAREST,
                     GL_NEAREST_MIPMAP_LINEAR, GL_LINEAR_MIPMAP_LINEAR}) {
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, min);
      for (float scale : {5.0f, 14.0f}) {
         t.tile(i++);
         show_scaled(t, 0.0f, scale);
      }
   }
   for (GLint mag : {GL_NEAREST, GL_LINEAR}) {
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, mag);
      t.tile(i++);
      show_scaled(t, 0.4f, 0.6f);
   }
}

// Comparison does not depend on the function alone but on the reference's place in the range.
void compare(Test &t)
{
   static constexpr GLint functions[] = {GL_LEQUAL, GL_GEQUAL, GL_LESS, GL_GREATER,
                                         GL_EQUAL, GL_NOTEQUAL, GL_ALWAYS, GL_NEVER};
   t.clear({0, 0, 0});
   std::vector<float> depths(256);
   for (size_t i = 0; i < 256; i++)
      depths[i] = static_cast<float>(i % 16) / 15.0f;
   for (size_t i = 0; i < 256; i += 7)
      depths[i] = 0.5f;
   t.texture_2d(GL_DEPTH_COMPONENT32F, 16, 16, GL_DEPTH_COMPONENT, GL_FLOAT, depths.data());
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_COMPARE_MODE, GL_COMPARE_REF_TO_TEXTURE);
   int i = 0;
   for (GLint function : functions) {
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_COMPARE_FUNC, function);
      t.quad_program("uniform sampler2DShadow tex;\nvoid main() { float s =\n"
                     "texture(tex, vec3(uv, uv.y > 0.5 ? 0.5 : uv.y * 2.0));\n"
                     "result = vec4(s, s * 0.5 + 0.2, 0.3, 1.0); }\n");
      t.tile(i++);
      t.rect();
   }
   t.texture(GL_TEXTURE_2D_ARRAY);
   std::vector<float> layers(512);
   for (size_t k = 0; k < 512; k++)
      layers[k] = static_cast<float>((k * 37) % 101) / 100.0f;
   glTexImage3D(GL_TEXTURE_2D_ARRAY, 0, GL_DEPTH_COMPONENT24, 16, 16, 2, 0, GL_DEPTH_COMPONENT,
                GL_FLOAT, layers.data());
   glTexParameteri(GL_TEXTURE_2D_ARRAY, GL_TEXTURE_COMPARE_MODE, GL_COMPARE_REF_TO_TEXTURE);
   t.quad_program("uniform sampler2DArrayShadow tex;\nvoid main() { float s =\n"
                  "texture(tex, vec4(uv, 1.0, 0.455)); result = vec4(s, 0.4, 1.0 - s, 1.0); }\n");
   t.tile(i++);
   t.rect();
   t.texture(GL_TEXTURE_CUBE_MAP);
   for (GLuint face = 0; face < 6; face++) {
      glTexImage2D(GL_TEXTURE_CUBE_MAP_POSITIVE_X + face, 0, GL_DEPTH_COMPONENT24, 16, 16, 0,
                   GL_DEPTH_COMPONENT, GL_FLOAT, &layers[face * 30]);
   }
   glTexParameteri(GL_TEXTURE_CUBE_MAP, GL_TEXTURE_COMPARE_MODE, GL_COMPARE_REF_TO_TEXTURE);
   t.quad_program("uniform samplerCubeShadow tex;\nvoid main() { float a = uv.x * 6.28, s =\n"
                  "texture(tex, vec4(sin(a), uv.y - 0.5, cos(a), 0.555));\n"
                  "result = vec4(s, s, 0.6, 1.0); }\n");
   t.tile(i++);
   t.rect();
}

void border(Test &t)
{
   t.clear({0, 0, 0});
   static constexpr GLenum formats[] = {GL_RGBA8, GL_RGB8, GL_RG8, GL_R8, GL_RGBA16F,
                                        GL_RGB10_A2, GL_SRGB8_ALPHA8, GL_RGBA8_SNORM};
   int i = 0;
   for (GLenum format : formats) {
      t.texture_2d(format, 8, 8, GL_RGBA, GL_UNSIGNED_BYTE, pattern_bytes(8, 8).data());
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_BORDER);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_BORDER);
      const float tone[] = {0.2f + 0.1f * static_cast<float>(i), 0.8f, 0.5f, 0.7f};
      glTexParameterfv(GL_TEXTURE_2D, GL_TEXTURE_BORDER_COLOR, tone);
      t.tile(i++);
      show_scaled(t, -0.5f, 1.4f);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
      t.tile(i + 7);
      show_scaled(t, -0.3f, 0.9f);
   }
}

void levels(Test &t)
{
   t.clear({0, 0, 0});
   t.texture(GL_TEXTURE_2D);
   for (int level = 0; level < 6; level++) {
      const int edge = 32 >> level;
      const Colour c = colour(level);
      std::vector<float> texels;
      for (int k = 0; k < edge * edge; k++)
         texels.insert(texels.end(), {c.r, c.g, c.b * static_cast<float>(k % 2), 1});
      glTexImage2D(GL_TEXTURE_2D, level, GL_RGBA8, edge, edge, 0, GL_RGBA, GL_FLOAT, texels.data());
   }
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST_MIPMAP_NEAREST);
   struct Setting {
      float min, max, bias;
      int base, last;
   };
   static constexpr Setting settings[] = {
      {-1000, 1000, 0, 0, 1000}, {2, 1000, 0, 0, 1000}, {-1000, 1, 0, 0, 1000},
      {-1000, 1000, 1.6f, 0, 1000}, {-1000, 1000, -1.5f, 0, 1000}, {-1000, 1000, 0, 2, 1000},
      {-1000, 1000, 0, 0, 2}, {-1000, 1000, 0, 1, 1}, {0.6f, 2.4f, 0.5f, 1, 4},
   };
   int i = 0;
   for (const Setting &s : settings) {
      glTexParameterf(GL_TEXTURE_2D, GL_TEXTURE_MIN_LOD, s.min);
      glTexParameterf(GL_TEXTURE_2D, GL_TEXTURE_MAX_LOD, s.max);
      glTexParameterf(GL_TEXTURE_2D, GL_TEXTURE_LOD_BIAS, s.bias);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_BASE_LEVEL, s.base);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAX_LEVEL, s.last);
      t.tile(i++, 3);
      t.quad_program("uniform sampler2D tex;\n"
                     "void main() { result = texture(tex, uv * uv.y * uv.y * 40.0); }\n");
      t.rect();
   }
}

void objects(Test &t)
{
   t.clear({0, 0, 0});
   const GLuint first = t.pattern(12, 12);
   GLuint samplers[4];
   glGenSamplers(4, samplers);
   for (GLuint i = 0; i < 4; i++) {
      glSamplerParameteri(samplers[i], GL_TEXTURE_MIN_FILTER, GL_NEAREST);
      glSamplerParameteri(samplers[i], GL_TEXTURE_MAG_FILTER, i & 1 ? GL_LINEAR : GL_NEAREST);
      glSamplerParameteri(samplers[i], GL_TEXTURE_WRAP_S, i & 2 ? GL_REPEAT : GL_CLAMP_TO_EDGE);
      glSamplerParameteri(samplers[i], GL_TEXTURE_WRAP_T, GL_MIRRORED_REPEAT);
   }
   for (GLuint i = 0; i < 4; i++) {
      t.tile(static_cast<int>(i), 2);
      glBindSampler(0, samplers[i]);
      glBindTexture(GL_TEXTURE_2D, first);
      show_scaled(t, -0.4f, 1.7f);
   }
   glBindSampler(0, 0);
   // One texture through two samplers in one draw.
   glBindSampler(1, samplers[3]);
   glActiveTexture(GL_TEXTURE1);
   glBindTexture(GL_TEXTURE_2D, first);
   glActiveTexture(GL_TEXTURE0);
   const GLuint both = t.quad_program(
      "uniform sampler2D a; uniform sampler2D b;\n"
      "void main() { vec4 x = texture(a, uv), y = texture(b, uv * 1.5); \n"
      "result = uv.x < 0.5 ? x : y; }\n");
   glUniform1i(glGetUniformLocation(both, "b"), 1);
   glViewport(80, 80, 96, 96);
   t.rect();
   glBindSampler(1, 0);
   glDeleteSamplers(4, samplers);
}

constexpr Scene table[] = {
   {"sampler-wrap", Api::core, wrap},         {"sampler-filters", Api::core, filters},
   {"sampler-compare", Api::core, compare},   {"sampler-border", Api::core, border},
   {"sampler-levels", Api::core, levels},     {"sampler-objects", Api::core, objects},
};

} // namespace

std::span<const Scene> sampler_scenes()
{
   return table;
}

} // namespace render
