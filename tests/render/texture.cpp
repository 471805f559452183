// SPDX-License-Identifier: MIT
// Textures of every dimension, mipmaps, swizzles, views, ways of fetching.
#include "scene.hpp"

#include <algorithm>

namespace render {
namespace {

// Sets a float uniform of the program in use.
void set(const char *name, float value)
{
   GLint program = 0;
   glGetIntegerv(GL_CURRENT_PROGRAM, &program);
   glUniform1f(glGetUniformLocation(static_cast<GLuint>(program), name), value);
}

void one_dimension(Test &t)
{
   t.clear({0, 0, 0});
   const GLuint line = t.texture(GL_TEXTURE_1D);
   glTexImage1D(GL_TEXTURE_1D, 0, GL_RGBA8, 50, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                Random(1).bytes(200).data());
   glTexSubImage1D(GL_TEXTURE_1D, 0, 10, 20, GL_RGBA, GL_UNSIGNED_BYTE, Random(2).bytes(80).data());
   t.tile(0, 2);
   t.quad_program("uniform sampler1D tex;\nvoid main() { result = texture(tex, uv.x); }\n");
   t.rect();
   t.texture(GL_TEXTURE_1D_ARRAY);
   glTexImage2D(GL_TEXTURE_1D_ARRAY, 0, GL_RGBA8, 40, 6, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                Random(3).bytes(40 * 6 * 4).data());
   glTexSubImage2D(GL_TEXTURE_1D_ARRAY, 0, 5, 2, 30, 2, GL_RGBA, GL_UNSIGNED_BYTE,
                   Random(4).bytes(30 * 2 * 4).data());
   t.tile(1, 2);
   t.quad_program("uniform sampler1DArray tex;\n"
                  "void main() { result = texture(tex, vec2(uv.x, floor(uv.y * 6.0))); }\n");
   t.rect();
   t.tile(2, 2);
   t.quad_program("uniform sampler1DArray tex;\n"
                  "void main() { result = texelFetch(tex, ivec2(uv * vec2(40.0, 6.0)), 0); }\n");
   t.rect();
   glBindTexture(GL_TEXTURE_1D, line);
   t.tile(3, 2);
   t.quad_program("uniform sampler1D tex;\nvoid main() { result = vec4(float(textureSize(tex, 0))\n"
                  "/ 100.0, texelFetch(tex, int(uv.y * 50.0), 0).gb, 1.0); }\n");
   t.rect();
}

void three_dimensions(Test &t)
{
   t.clear({0, 0, 0});
   t.texture(GL_TEXTURE_3D);
   glTexImage3D(GL_TEXTURE_3D, 0, GL_RGBA8, 20, 18, 10, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                Random(5).bytes(20 * 18 * 10 * 4).data());
   glTexSubImage3D(GL_TEXTURE_3D, 0, 3, 4, 2, 10, 9, 5, GL_RGBA, GL_UNSIGNED_BYTE,
                   Random(6).bytes(10 * 9 * 5 * 4).data());
   t.quad_program("uniform sampler3D tex; uniform float z;\n"
                  "void main() { result = texture(tex, vec3(uv, z)); }\n");
   for (int i = 0; i < 12; i++) {
      t.tile(i);
      if (i == 6) {
         glTexParameteri(GL_TEXTURE_3D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
         glTexParameteri(GL_TEXTURE_3D, GL_TEXTURE_WRAP_R, GL_REPEAT);
      }
      set("z", 0.05f + 0.13f * static_cast<float>(i));
      t.rect();
   }
}

void cube(Test &t)
{
   t.clear({0, 0, 0});
   t.texture(GL_TEXTURE_CUBE_MAP);
   for (GLuint face = 0; face < 6; face++) {
      const Colour c = colour(static_cast<int>(face));
      std::vector<uint8_t> bytes = pattern_bytes(16, 16);
      for (size_t i = 0; i < bytes.size(); i += 4) {
         bytes[i] = static_cast<uint8_t>(bytes[i] / 3 + 170.0f * c.r);
         bytes[i + 2] = static_cast<uint8_t>(bytes[i + 2] / 3 + 170.0f * c.b);
      }
      glTexImage2D(GL_TEXTURE_CUBE_MAP_POSITIVE_X + face, 0, GL_RGBA8, 16, 16, 0, GL_RGBA,
                   GL_UNSIGNED_BYTE, bytes.data());
   }
   for (int i = 0; i < 4; i++) {
      t.tile(i, 2);
      if (i == 2)
         glTexParameteri(GL_TEXTURE_CUBE_MAP, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
      (i == 3 ? glEnable : glDisable)(GL_TEXTURE_CUBE_MAP_SEAMLESS);
      t.quad_program("uniform samplerCube tex;\nvoid main() {\n"
                     "float a = uv.x * 6.2832, b = (uv.y - 0.5) * 3.1416;\n"
                     "result = texture(tex, vec3(cos(a) * cos(b), sin(b), sin(a) * cos(b))); }\n");
      t.rect();
   }
   glDisable(GL_TEXTURE_CUBE_MAP_SEAMLESS);
}

void cube_array(Test &t)
{
   if (!t.need("GL_ARB_texture_cube_map_array"))
      return;
   t.clear({0, 0, 0});
   t.texture(GL_TEXTURE_CUBE_MAP_ARRAY);
   glTexImage3D(GL_TEXTURE_CUBE_MAP_ARRAY, 0, GL_RGBA8, 8, 8, 18, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                Random(12).bytes(8 * 8 * 18 * 4).data());
   glTexSubImage3D(GL_TEXTURE_CUBE_MAP_ARRAY, 0, 2, 2, 6, 4, 4, 6, GL_RGBA, GL_UNSIGNED_BYTE,
                   std::vector<uint8_t>(4 * 4 * 6 * 4, 255).data());
   t.quad_program("#extension GL_ARB_texture_cube_map_array : require\n"
                  "uniform samplerCubeArray tex; uniform float z;\nvoid main() {\n"
                  "float a = uv.x * 6.2832, b = (uv.y - 0.5) * 3.1416;\n"
                  "result = texture(tex, vec4(cos(a) * cos(b), sin(b), sin(a) * cos(b), z)); }\n");
   for (int i = 0; i < 3; i++) {
      t.tile(i, 2);
      set("z", static_cast<float>(i));
      t.rect();
   }
}

void array(Test &t)
{
   t.clear({0, 0, 0});
   t.texture(GL_TEXTURE_2D_ARRAY);
   glTexImage3D(GL_TEXTURE_2D_ARRAY, 0, GL_RGBA8, 24, 20, 9, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                Random(15).bytes(24 * 20 * 9 * 4).data());
   glTexSubImage3D(GL_TEXTURE_2D_ARRAY, 0, 4, 3, 2, 10, 11, 3, GL_RGBA, GL_UNSIGNED_BYTE,
                   std::vector<uint8_t>(10 * 11 * 3 * 4, 200).data());
   t.quad_program("uniform sampler2DArray tex; uniform float z;\n"
                  "void main() { result = texture(tex, vec3(uv, z)); }\n");
   for (int i = 0; i < 12; i++) { // also outside of the array, and between layers
      t.tile(i);
      set("z", -1.0f + static_cast<float>(i) * 0.95f);
      t.rect();
   }
}

void rectangle_and_buffer(Test &t)
{
   t.clear({0, 0, 0});
   t.texture(GL_TEXTURE_RECTANGLE);
   glTexImage2D(GL_TEXTURE_RECTANGLE, 0, GL_RGBA8, 37, 21, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                pattern_bytes(37, 21).data());
   t.tile(0, 2);
   t.quad_program("uniform sampler2DRect tex;\n"
                  "void main() { result = texture(tex, uv * vec2(37.0, 21.0)); }\n");
   t.rect();
   int i = 1;
   for (GLenum format : {GL_RGBA8, GL_RGBA32F, GL_R8}) {
      std::vector<float> floats(1024);
      Random random(33);
      for (float &f : floats)
         f = random.unit();
      if (format == GL_RGBA32F)
         t.buffer(GL_TEXTURE_BUFFER, floats);
      else
         t.buffer(GL_TEXTURE_BUFFER, random.bytes(1024));
      GLint name = 0;
      glGetIntegerv(GL_TEXTURE_BUFFER, &name);
      GLuint texture = 0;
      glGenTextures(1, &texture);
      glBindTexture(GL_TEXTURE_BUFFER, texture);
      glTexBuffer(GL_TEXTURE_BUFFER, format, static_cast<GLuint>(name));
      t.tile(i++, 2);
      t.quad_program("uniform samplerBuffer tex;\nvoid main() { int at = int(uv.y * 16.0) * 16 +\n"
                     "int(uv.x * 16.0); result = texelFetch(tex, at);\n"
                     "result.b += float(textureSize(tex)) / 4096.0; }\n");
      t.rect();
      glBufferSubData(GL_TEXTURE_BUFFER, 100, 200, std::vector<uint8_t>(200, 60).data());
      t.rect(-0.5f, -0.5f, 0.9f, 0.5f);
   }
}

void mipmaps_by_hand(Test &t)
{
   t.clear({0, 0, 0});
   t.texture(GL_TEXTURE_2D);
   for (int level = 0; level < 6; level++) { // an odd size: 45 22 11 5 2 1 by 33 16 8 4 2 1
      const int w = std::max(45 >> level, 1), h = std::max(33 >> level, 1);
      std::vector<uint8_t> bytes = pattern_bytes(w, h);
      const Colour c = colour(level);
      for (size_t i = 2; i < bytes.size(); i += 4)
         bytes[i] = static_cast<uint8_t>(c.b * 255);
      glTexImage2D(GL_TEXTURE_2D, level, GL_RGBA8, w, h, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                   bytes.data());
   }
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST_MIPMAP_NEAREST);
   t.quad_program("uniform sampler2D tex; uniform float scale;\n"
                  "void main() { result = texture(tex, uv * scale); }\n");
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_REPEAT);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_REPEAT);
   for (int i = 0; i < 9; i++) {
      t.tile(i, 3);
      if (i == 6)
         glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR_MIPMAP_LINEAR);
      set("scale", 0.7f * static_cast<float>(1 << i % 6));
      t.rect();
   }
}

void generate_mipmap(Test &t)
{
   t.clear({0, 0, 0});
   int i = 0;
   for (GLenum format : {GL_RGBA8, GL_SRGB8_ALPHA8, GL_RGBA16F, GL_R8}) {
      t.texture_2d(format, 64, 40, GL_RGBA, GL_UNSIGNED_BYTE, pattern_bytes(64, 40).data());
      glGenerateMipmap(GL_TEXTURE_2D);
      for (float level : {1.0f, 2.0f, 4.0f}) {
         t.tile(i++);
         t.quad_program("uniform sampler2D tex; uniform float level;\n"
                        "void main() { result = textureLod(tex, uv, level); }\n");
         glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST_MIPMAP_NEAREST);
         set("level", level);
         t.rect();
      }
   }
   t.texture(GL_TEXTURE_2D_ARRAY);
   glTexImage3D(GL_TEXTURE_2D_ARRAY, 0, GL_RGBA8, 32, 32, 3, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                Random(18).bytes(32 * 32 * 12).data());
   glGenerateMipmap(GL_TEXTURE_2D_ARRAY);
   glTexParameteri(GL_TEXTURE_2D_ARRAY, GL_TEXTURE_MIN_FILTER, GL_NEAREST_MIPMAP_NEAREST);
   t.quad_program("uniform sampler2DArray tex;\n"
                  "void main() { result = textureLod(tex, vec3(uv, 2.0), uv.x * 4.0); }\n");
   t.tile(i++);
   t.rect();
   t.texture(GL_TEXTURE_CUBE_MAP);
   for (GLuint face = 0; face < 6; face++) {
      glTexImage2D(GL_TEXTURE_CUBE_MAP_POSITIVE_X + face, 0, GL_RGBA8, 16, 16, 0, GL_RGBA,
                   GL_UNSIGNED_BYTE, Random(40 + face).bytes(1024).data());
   }
   glGenerateMipmap(GL_TEXTURE_CUBE_MAP);
   glTexParameteri(GL_TEXTURE_CUBE_MAP, GL_TEXTURE_MIN_FILTER, GL_NEAREST_MIPMAP_NEAREST);
   t.quad_program("uniform samplerCube tex;\nvoid main() { float a = uv.x * 6.28;\n"
                  "result = textureLod(tex, vec3(sin(a), uv.y - 0.5, cos(a)), 2.0); }\n");
   t.tile(i++);
   t.rect();
   // Of a texture that was just drawn to.
   const GLuint drawn = t.texture_2d(GL_RGBA8, 64, 64, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   t.framebuffer(drawn);
   glViewport(0, 0, 64, 64);
   glClearColor(0, 0, 0.5f, 1);
   glClear(GL_COLOR_BUFFER_BIT);
   t.use_flat({1, 0.6f, 0});
   t.rect(-0.7f, -0.6f, 0.3f, 0.9f);
   t.bind_canvas();
   glBindTexture(GL_TEXTURE_2D, drawn);
   glGenerateMipmap(GL_TEXTURE_2D);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST_MIPMAP_NEAREST);
   t.quad_program("uniform sampler2D tex;\nvoid main() { result = textureLod(tex, uv, 3.0); }\n");
   t.tile(i++);
   t.rect();
}

void swizzle(Test &t)
{
   static constexpr GLint swizzles[][4] = {
      {GL_RED, GL_GREEN, GL_BLUE, GL_ALPHA}, {GL_BLUE, GL_RED, GL_GREEN, GL_ONE},
      {GL_ALPHA, GL_ALPHA, GL_ZERO, GL_ONE}, {GL_ONE, GL_RED, GL_RED, GL_RED},
      {GL_GREEN, GL_ZERO, GL_ONE, GL_BLUE},  {GL_RED, GL_RED, GL_RED, GL_GREEN},
   };
   t.clear({0, 0, 0});
   int i = 0;
   for (GLenum format : {GL_RGBA8, GL_RG8}) {
      const GLuint texture = t.texture_2d(format, 16, 16, GL_RGBA, GL_UNSIGNED_BYTE,
                                          pattern_bytes(16, 16).data());
      for (const auto &four : swizzles) {
         t.tile(i++);
         glBindTexture(GL_TEXTURE_2D, texture);
         glTexParameteriv(GL_TEXTURE_2D, GL_TEXTURE_SWIZZLE_RGBA, four);
         t.show(texture);
      }
   }
}

void views(Test &t)
{
   if (!t.need("GL_ARB_texture_view") || !t.need("GL_ARB_texture_storage"))
      return;
   t.clear({0, 0, 0});
   const GLuint array = t.texture(GL_TEXTURE_2D_ARRAY);
   glTexStorage3D(GL_TEXTURE_2D_ARRAY, 3, GL_RGBA8, 32, 32, 6);
   for (int level = 0; level < 3; level++) {
      const int edge = 32 >> level;
      glTexSubImage3D(GL_TEXTURE_2D_ARRAY, level, 0, 0, 0, edge, edge, 6, GL_RGBA,
                      GL_UNSIGNED_BYTE,
                      Random(static_cast<uint32_t>(level + 60))
                         .bytes(static_cast<size_t>(edge * edge * 24)).data());
   }
   // Views that need one on the host too begin at level 0: virglrenderer 0.10 sets such a view's
   // base level as if it were the texture's, and the view is then incomplete.
   const auto view = [&](GLenum target, GLenum format, GLuint level, GLuint layer, GLuint layers) {
      GLuint name = 0;
      glGenTextures(1, &name);
      glTextureView(name, target, array, format, level, 1, layer, layers);
      glBindTexture(target, name);
      glTexParameteri(target, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
      glTexParameteri(target, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
      return name;
   };
   t.tile(0, 2);
   t.show(view(GL_TEXTURE_2D, GL_RGBA8, 0, 4, 1)); // a layer
   t.tile(1, 2);
   t.show(view(GL_TEXTURE_2D, GL_SRGB8_ALPHA8, 0, 2, 1));
   t.tile(2, 2);
   view(GL_TEXTURE_2D, GL_R32UI, 0, 3, 1);
   t.quad_program("uniform usampler2D tex;\nvoid main() { uint v = texture(tex, uv).r;\n"
                  "result = vec4(float(v & 255u), float((v >> 10u) & 255u), float(v >> 24u),\n"
                  "255.0) / 255.0; }\n");
   t.rect();
   t.tile(3, 2);
   view(GL_TEXTURE_CUBE_MAP, GL_RGBA8, 0, 0, 6);
   t.quad_program("uniform samplerCube tex;\nvoid main() { float a = uv.x * 6.28;\n"
                  "result = texture(tex, vec3(sin(a), uv.y * 2.0 - 1.0, cos(a))); }\n");
   t.rect();
}

void ways_of_fetching(Test &t)
{
   static constexpr const char *fetches[] = {
      "textureLod(tex, uv, uv.y * 5.0)",
      "texture(tex, uv, 2.0)",
      "texelFetch(tex, ivec2(uv * 16.0), 2)",
      "textureProj(tex, vec3(uv, 1.0 + uv.x))",
      "textureGrad(tex, uv, vec2(0.1, 0.0), vec2(0.0, 0.02))",
      "textureOffset(tex, uv, ivec2(3, -2))",
      "texelFetchOffset(tex, ivec2(uv * 40.0), 0, ivec2(5, 4))",
      "vec4(vec2(textureSize(tex, 1)) / 64.0, 0.5, 1.0) * texture(tex, uv)",
      "textureProjLod(tex, vec3(uv, 0.7), 1.0)",
      "textureLodOffset(tex, uv, 1.0, ivec2(-4, 2))",
      "textureGradOffset(tex, uv, vec2(0.05), vec2(0.05), ivec2(2))",
      "vec4(textureQueryLod(tex, uv * 3.0) / 5.0, 0.2, 1.0)",
   };
   if (!t.need("GL_ARB_texture_query_lod"))
      return;
   t.clear({0, 0, 0});
   t.pattern(64, 64);
   glGenerateMipmap(GL_TEXTURE_2D);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST_MIPMAP_NEAREST);
   int i = 0;
   for (const char *fetch : fetches) {
      t.tile(i++);
      t.quad_program(std::string("#extension GL_ARB_texture_query_lod : require\n"
                                 "#define textureQueryLod textureQueryLOD\n"
                                 "uniform sampler2D tex;\nvoid main() { result = ") +
                     fetch + "; }\n");
      t.rect();
   }
}

void gather(Test &t)
{
   if (!t.need("GL_ARB_texture_gather"))
      return;
   t.clear({0, 0, 0});
   t.pattern(16, 16);
   int i = 0;
   for (const char *fetch : {"textureGather(tex, uv)", "textureGatherOffset(tex, uv, ivec2(2, 1))"}) {
      t.tile(i++, 2);
      t.quad_program(std::string("#extension GL_ARB_texture_gather : require\n"
                                 "uniform sampler2D tex;\nvoid main() { result = vec4(") +
                     fetch + ".xyz, 1.0); }\n");
      t.rect();
   }
}

void multisample(Test &t)
{
   t.clear({0, 0, 0});
   const GLuint texture = t.texture(GL_TEXTURE_2D_MULTISAMPLE);
   glTexImage2DMultisample(GL_TEXTURE_2D_MULTISAMPLE, 4, GL_RGBA8, 64, 64, GL_TRUE);
   GLuint name = 0;
   glGenFramebuffers(1, &name);
   glBindFramebuffer(GL_FRAMEBUFFER, name);
   glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D_MULTISAMPLE, texture,
                          0);
   t.check_framebuffer();
   glViewport(0, 0, 64, 64);
   glClearColor(0, 0, 0.3f, 1);
   glClear(GL_COLOR_BUFFER_BIT);
   t.program("in vec2 position;\nvoid main() { gl_Position = vec4(position, 0.0, 1.0); }\n",
             "out vec4 result;\nvoid main() { result = vec4(1.0, 0.7, 0.2, 1.0); }\n");
   t.vertex_array();
   t.attribute(0, 2, {-0.9f, -0.8f, 0.8f, -0.5f, -0.1f, 0.9f});
   glDrawArrays(GL_TRIANGLES, 0, 3);
   t.bind_canvas();
   t.quad_program(
      "uniform sampler2DMS tex; uniform float which;\n"
      "void main() { result = texelFetch(tex, ivec2(uv * 64.0), int(which)); }\n");
   for (int i = 0; i < 4; i++) {
      t.tile(i, 2);
      set("which", static_cast<float>(i));
      t.rect();
   }
}

constexpr Scene table[] = {
   {"texture-1d", Api::core, one_dimension},
   {"texture-3d", Api::core, three_dimensions},
   {"texture-cube", Api::core, cube},
   {"texture-cube-array", Api::core, cube_array},
   {"texture-2d-array", Api::core, array},
   {"texture-rect-buffer", Api::core, rectangle_and_buffer},
   {"texture-mipmaps", Api::core, mipmaps_by_hand},
   {"texture-generate-mipmap", Api::core, generate_mipmap},
   {"texture-swizzle", Api::core, swizzle},
   {"texture-views", Api::core, views},
   {"texture-fetches", Api::core, ways_of_fetching},
   {"texture-gather", Api::core, gather},
   {"texture-multisample", Api::core, multisample},
};

} // namespace

std::span<const Scene> texture_scenes()
{
   return table;
}

} // namespace render
