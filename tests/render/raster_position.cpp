// SPDX-License-Identifier: MIT
// glRasterPos, feedback and selection: the vertex shader runs in the guest, with all it can read.
#include "scene.hpp"

#include <cmath>

namespace render {
namespace {

GLuint compile(Test &t, const std::string &vertex)
{
   const std::string text = "#version 430 compatibility\n" + vertex;
   const GLuint shader = glCreateShader(GL_VERTEX_SHADER), program = glCreateProgram();
   const char *source = text.c_str();
   glShaderSource(shader, 1, &source, nullptr);
   glCompileShader(shader);
   glAttachShader(program, shader);
   glLinkProgram(program);
   GLint linked = 0;
   glGetProgramiv(program, GL_LINK_STATUS, &linked);
   if (!linked) {
      char log[512] = {};
      glGetShaderInfoLog(shader, sizeof(log), nullptr, log);
      t.fail("a vertex shader does not link: %s", log);
   }
   glUseProgram(program);
   return program;
}

// So that the picture is not empty.
void draw_something(Test &t)
{
   glUseProgram(0);
   glColor3f(0.2f, 0.8f, 0.4f);
   glRectf(-0.5f, -0.5f, 0.5f, 0.5f);
   t.value("error", glGetError());
}

// llvmpipe reads what is not there, and crashes.
bool is_native()
{
   return std::string(reinterpret_cast<const char *>(glGetString(GL_VENDOR))) != "Verglas";
}

void note_colour(Test &t, const std::string &name)
{
   GLfloat c[4] = {};
   glGetFloatv(GL_CURRENT_RASTER_COLOR, c);
   for (int i = 0; i < 4; i++)
      t.value(name + "-" + std::to_string(i), std::lround(static_cast<double>(c[i]) * 1024.0));
}

// One kind of texture: READ is an expression of `p`, a vec4.
struct Kind {
   const char *name, *sampler, *read;
   GLenum target;
};

constexpr Kind kinds[] = {
   {"1d", "sampler1D", "texture(s, p.x)", GL_TEXTURE_1D},
   {"2d", "sampler2D", "texture(s, p.xy)", GL_TEXTURE_2D},
   {"2d-level", "sampler2D", "textureLod(s, p.xy, 1.0)", GL_TEXTURE_2D},
   {"2d-gradient", "sampler2D", "textureGrad(s, p.xy, vec2(0.26, 0.0), vec2(0.0, 0.26))", GL_TEXTURE_2D},
   {"2d-fetch", "sampler2D", "texelFetch(s, ivec2(p.xy * 8.0), 0)", GL_TEXTURE_2D},
   {"2d-gather", "sampler2D", "textureGather(s, p.xy, 1)", GL_TEXTURE_2D},
   {"2d-size", "sampler2D", "vec4(textureSize(s, 1), textureQueryLevels(s), 8.0) / 16.0",
    GL_TEXTURE_2D},
   // The first layer: natively Mesa's draw module reads no other.
   {"3d", "sampler3D", "texture(s, vec3(p.xy, 0.1))", GL_TEXTURE_3D},
   {"cube", "samplerCube", "texture(s, p.xyz - 0.5)", GL_TEXTURE_CUBE_MAP},
   {"1d-array", "sampler1DArray", "texture(s, vec2(p.x, 2.0))", GL_TEXTURE_1D_ARRAY},
   {"2d-array", "sampler2DArray", "texture(s, vec3(p.xy, 1.0))", GL_TEXTURE_2D_ARRAY},
   {"cube-array", "samplerCubeArray", "texture(s, vec4(p.xyz - 0.5, 1.0))",
    GL_TEXTURE_CUBE_MAP_ARRAY},
   {"rectangle", "sampler2DRect", "texture(s, p.xy * 8.0)", GL_TEXTURE_RECTANGLE},
   {"buffer", "samplerBuffer", "texelFetch(s, int(p.x * 16.0))", GL_TEXTURE_BUFFER},
   {"buffer-size", "samplerBuffer", "vec4(textureSize(s)) / 128.0", GL_TEXTURE_BUFFER},
   {"missing", "sampler2D", "texture(s, p.xy) * 0.0", 0},
   {"missing-fetch", "isampler2D", "vec4(texelFetch(s, ivec2(p.xy), 3)) * 0.0", 0},
};

void image(GLenum target, const uint8_t *texels)
{
   constexpr GLenum rgba = GL_RGBA, ub = GL_UNSIGNED_BYTE;
   switch (target) {
   case GL_TEXTURE_1D:
      glTexImage1D(target, 0, GL_RGBA8, 8, 0, rgba, ub, texels);
      break;
   case GL_TEXTURE_2D:
   case GL_TEXTURE_RECTANGLE:
   case GL_TEXTURE_1D_ARRAY:
      glTexImage2D(target, 0, GL_RGBA8, 8, 8, 0, rgba, ub, texels);
      break;
   case GL_TEXTURE_CUBE_MAP:
      for (unsigned i = 0; i < 6; i++)
         glTexImage2D(GL_TEXTURE_CUBE_MAP_POSITIVE_X + i, 0, GL_RGBA8, 8, 8, 0, rgba, ub,
                      texels + 64 * i);
      break;
   default:
      glTexImage3D(target, 0, GL_RGBA8, 8, 8, target == GL_TEXTURE_CUBE_MAP_ARRAY ? 12 : 4, 0, rgba,
                   ub, texels);
      break;
   }
   if (target != GL_TEXTURE_RECTANGLE)
      glGenerateMipmap(target);
}

void textures(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   const std::vector<uint8_t> texels = pattern_bytes(64, 64);
   glTexCoord4f(0.4f, 0.3f, 0.9f, 1.0f);
   for (const Kind &kind : kinds) {
      GLuint texture = 0;
      glGenTextures(1, &texture);
      if (kind.target == GL_TEXTURE_BUFFER) {
         const GLuint buffer = t.buffer(GL_TEXTURE_BUFFER, texels.size(), texels.data());
         glBindTexture(kind.target, texture);
         glTexBufferRange(kind.target, GL_RGBA8, buffer, 256, 256);
      } else if (kind.target) {
         glBindTexture(kind.target, texture);
         // Nearest: how exact filters are differs.
         glTexParameteri(kind.target, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
         glTexParameteri(kind.target, GL_TEXTURE_MIN_FILTER,
                         kind.target == GL_TEXTURE_RECTANGLE ? GL_NEAREST
                                                             : GL_NEAREST_MIPMAP_NEAREST);
         image(kind.target, texels.data());
      } else {
         glBindTexture(GL_TEXTURE_2D, 0);
      }
      compile(t, std::string("uniform ") + kind.sampler + " s;\nvoid main() {\n"
                 "vec4 p = gl_MultiTexCoord0;\ngl_FrontColor = " + kind.read + ";\n"
                 "gl_Position = gl_Vertex; }\n");
      glRasterPos2f(0.1f, 0.2f);
      note_colour(t, kind.name);
      if (kind.target)
         glBindTexture(kind.target, 0);
   }
   draw_something(t);
}

// Coordinates that no texture has must not bring the program down.
void wild_coordinates(Test &t)
{
   t.clear({0.1f, 0.1f, 0.2f});
   t.pattern(16, 16);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_REPEAT);
   glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_MIRRORED_REPEAT);
   const GLuint program = compile(t, "uniform sampler2D s;\nuniform vec2 p; uniform ivec2 i;\n"
                                     "void main() { vec4 c = textureLod(s, p, p.y)\n"
                                     "+ textureGrad(s, p, p, p) + texelFetch(s, i, i.x);\n"
                                     "gl_FrontColor = c * 0.0 + vec4(0.5);\n"
                                     "gl_Position = gl_Vertex; }\n");
   const float values[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 2e9f, -3e9f};
   for (float x : values) {
      for (float y : values) {
         glUniform2f(glGetUniformLocation(program, "p"), x, y);
         glUniform2i(glGetUniformLocation(program, "i"), std::isnan(x) ? INT32_MIN : x > 0 ? INT32_MAX : -7,
                     y > 0 ? INT32_MAX : INT32_MIN);
         glRasterPos2f(0, 0);
      }
   }
   note_colour(t, "after");
   draw_something(t);
}

// Buffers and images that the shader reads, feedback of what it makes of them.
void buffers_and_images(Test &t)
{
   t.clear({0.2f, 0.1f, 0.1f});
   static constexpr float numbers[] = {0.25f, 0.5f, 0.75f, 1.0f, 0.125f, 0.375f, 0.625f, 0.875f};
   const GLuint storage = t.buffer(GL_SHADER_STORAGE_BUFFER, sizeof(numbers), numbers);
   glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0, storage);
   const GLuint uniforms = t.buffer(GL_UNIFORM_BUFFER, sizeof(numbers), numbers);
   glBindBufferBase(GL_UNIFORM_BUFFER, 0, uniforms);
   const std::vector<uint8_t> texels = pattern_bytes(8, 8 * 3);
   const GLuint array = t.texture(GL_TEXTURE_2D_ARRAY);
   glTexImage3D(GL_TEXTURE_2D_ARRAY, 0, GL_RGBA8, 7, 8, 3, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                texels.data());
   glBindImageTexture(0, array, 0, GL_FALSE, 2, GL_READ_ONLY, GL_RGBA8);
   glBindImageTexture(1, array, 0, GL_TRUE, 0, GL_READ_ONLY, GL_RGBA8);
   GLuint buffer_texture = 0;
   glGenTextures(1, &buffer_texture);
   glBindTexture(GL_TEXTURE_BUFFER, buffer_texture);
   glTexBuffer(GL_TEXTURE_BUFFER, GL_R32F, storage);
   glBindImageTexture(2, buffer_texture, 0, GL_FALSE, 0, GL_READ_ONLY, GL_R32F);
   const std::string none = is_native() ? "" : "+ imageLoad(none, ivec2(0)) * 0.0";
   compile(t, "layout(std430, binding = 0) buffer B { float b[]; };\n"
              "layout(std140, binding = 0) uniform U { vec4 u[2]; };\n"
              "layout(rgba8, binding = 0) uniform image2D one;\n"
              "layout(rgba8, binding = 1) uniform image2DArray all;\n"
              "layout(r32f, binding = 2) uniform imageBuffer numbers;\n"
              "layout(rgba8, binding = 3) uniform image2D none;\n"
              "void main() { int n = int(gl_Vertex.z * 10.0 + 0.5);\n"
              "gl_FrontColor = vec4(b[n], u[1].z, float(b.length()) / 16.0, imageLoad(numbers, n).x);\n"
              "gl_TexCoord[0] = imageLoad(one, ivec2(n, 1)) * 0.5\n"
              "+ imageLoad(all, ivec3(n, 2, 1)) * 0.25 + vec4(imageSize(all), 0.0) / 32.0\n" + none + ";\n"
              "gl_Position = vec4(gl_Vertex.xy, 0.0, 1.0); }\n");
   GLfloat fed[64] = {};
   glFeedbackBuffer(64, GL_4D_COLOR_TEXTURE, fed);
   for (int round = 0; round < (is_native() ? 1 : 2); round++) {
      glRenderMode(GL_FEEDBACK);
      glBegin(GL_TRIANGLES);
      glVertex3f(-0.5f, -0.5f, 0.1f);
      glVertex3f(0.5f, -0.5f, 0.3f);
      glVertex3f(0.0f, 0.5f, 0.5f);
      glEnd();
      const GLint count = glRenderMode(GL_RENDER);
      if (count != (round == 0 ? 38 : 8))
         t.fail("%d values were fed back", count);
      for (int i = 0; round == 0 && i < count && i < 64; i++)
         t.value("fed-" + std::to_string(i), std::lround(static_cast<double>(fed[i]) * 256.0));
      // The next round reads images that are gone. (Blocks without a buffer are Mesa's own to crash on.)
      if (round == 0) {
         for (GLuint unit = 0; unit < 3; unit++)
            glBindImageTexture(unit, 0, 0, GL_FALSE, 0, GL_READ_ONLY, GL_RGBA8);
         glDeleteTextures(1, &array);
         // Values of what is not there are nobody's business.
         glFeedbackBuffer(64, GL_2D, fed);
      }
   }
   draw_something(t);
}

// What the interpreter has no opcodes for, as hosts have not.
void groups(Test &t)
{
   t.clear({0.1f, 0.2f, 0.1f});
   compile(t, "#extension GL_ARB_shader_group_vote : require\n"
              "#extension GL_ARB_shader_ballot : require\n"
              "#extension GL_ARB_gpu_shader_int64 : require\n"
              "void main() { bool yes = gl_Vertex.x < 0.5;\n"
              "gl_FrontColor = vec4(anyInvocationARB(yes) ? 0.25 : 0.0, allInvocationsARB(yes) ? 0.5 : 0.0,\n"
              "ballotARB(yes) != 0ul ? 0.75 : 0.0, readFirstInvocationARB(gl_Vertex.x));\n"
              "gl_Position = gl_Vertex; }\n");
   glRasterPos2f(0.125f, 0.2f);
   note_colour(t, "yes");
   glRasterPos2f(0.625f, 0.2f);
   note_colour(t, "no");
   draw_something(t);
}

// Shaders of one size, each deleted before the next is made, so that one lies where another did.
void one_after_another(Test &t)
{
   t.clear({0.1f, 0.1f, 0.2f});
   for (int i = 0; i < 64; i++) {
      const GLuint program = compile(
         t, "void main() { gl_FrontColor = vec4(gl_Vertex.x * " + std::to_string(10 + i % 50) +
               ".0 / 128.0); gl_Position = gl_Vertex; }\n");
      glRasterPos2f(0.5f, 0.5f);
      note_colour(t, "shader-" + std::to_string(i));
      glUseProgram(0);
      glDeleteProgram(program);
   }
   draw_something(t);
}

constexpr Scene table[] = {
   {"raster-position-one-after-another", Api::compat, one_after_another},
   {"raster-position-groups", Api::compat, groups},
   {"raster-position-textures", Api::compat, textures},
   {"raster-position-wild-coordinates", Api::compat, wild_coordinates},
   {"raster-position-buffers-images", Api::compat, buffers_and_images},
};

} // namespace

std::span<const Scene> raster_position_scenes()
{
   return table;
}

} // namespace render
