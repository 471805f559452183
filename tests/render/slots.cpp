// SPDX-License-Identifier: MIT
// Buffers and images that several stages of a program have, and layers of images: the host knows one
// row of slots for all stages, and images of whole textures only.
#include "scene.hpp"

namespace render {
namespace {

constexpr const char *storage = "#extension GL_ARB_shader_storage_buffer_object : require\n"
                                "#extension GL_ARB_shading_language_420pack : require\n";
constexpr const char *image = "#extension GL_ARB_shader_image_load_store : require\n"
                              "#extension GL_ARB_shader_image_size : require\n"
                              "#extension GL_ARB_shading_language_420pack : require\n";

GLuint tones(Test &t, GLuint binding, int first)
{
   std::vector<float> data;
   for (int i = 0; i < 8; i++) {
      const Colour c = colour(first + i);
      data.insert(data.end(), {c.r, c.g, c.b, 1});
   }
   const GLuint name = t.buffer(GL_SHADER_STORAGE_BUFFER, data);
   glBindBufferBase(GL_SHADER_STORAGE_BUFFER, binding, name);
   return name;
}

// Blocks of which each says where its stage reads from.
std::string block(const char *name, int binding)
{
   return "layout(std430, binding = " + std::to_string(binding) + ") buffer B" + name + " { vec4 " +
          name + "[]; };\n";
}

std::string vertex_source(int binding)
{
   return std::string(storage) + block("scales", binding) + block("tints", binding + 1) +
          "in vec3 position; in vec2 texcoord; out vec2 at; out vec4 tint;\n"
          "void main() { at = texcoord; tint = tints[3] * 0.5;\n"
          "gl_Position = vec4(position.xy * (0.5 + 0.5 * scales[1].xy), 0.0, 1.0); }\n";
}

std::string fragment_source(int binding)
{
   return std::string(storage) + block("tones", binding) + block("others", binding + 1) +
          "in vec2 at; in vec4 tint; out vec4 result;\n"
          "void main() { int i = int(at.x * 4.0);\n"
          "result = vec4((at.y < 0.5 ? tones[i] : others[i + 2]).rgb * 0.7 + tint.rgb * 0.6, 1.0);\n"
          "}\n";
}

void buffers(Test &t)
{
   t.clear({0, 0, 0});
   if (!t.need("GL_ARB_shader_storage_buffer_object"))
      return;
   for (GLuint binding = 0; binding < 7; binding++)
      tones(t, binding, static_cast<int>(binding) * 5 + 1);
   int i = 0;
   const GLuint both = t.program(vertex_source(0), fragment_source(2));
   t.tile(i++);
   t.rect();
   // The same buffers in other places, with the same program.
   tones(t, 2, 40);
   tones(t, 1, 44);
   t.tile(i++);
   t.rect();
   // One stage alone: its slots begin where they did not before.
   const GLuint alone = t.program("in vec3 position; in vec2 texcoord; out vec2 at; out vec4 tint;\n"
                                  "void main() { at = texcoord; tint = vec4(0.2);\n"
                                  "gl_Position = vec4(position, 1.0); }\n",
                                  fragment_source(4));
   t.tile(i++);
   t.rect();
   glUseProgram(both);
   t.tile(i++);
   t.rect();
   // Three stages, and both bind what another has.
   const std::string geometry = std::string(storage) +
      "layout(triangles) in; layout(triangle_strip, max_vertices = 3) out;\n"
      "in vec2 at[]; in vec4 tint[]; out vec2 over; out vec4 mixed;\n" + block("turned", 6) +
      "void main() { for (int i = 0; i < 3; i++) { over = at[i];\n"
      "mixed = tint[i] * 0.5 + turned[2] * 0.5; gl_Position = gl_in[i].gl_Position;\n"
      "EmitVertex(); } EndPrimitive(); }\n";
   const std::string last = std::string(storage) + block("tones", 0) +
      "in vec2 over; in vec4 mixed; out vec4 result;\n"
      "void main() { result = vec4(tones[int(over.x * 5.0)].rgb * 0.6 + mixed.rgb * 0.4, 1.0); }\n";
   t.program(vertex_source(1), last, geometry);
   t.tile(i++);
   t.rect();
   // What is written in one stage is not what another reads.
   const GLuint target = t.buffer(GL_SHADER_STORAGE_BUFFER, std::vector<uint32_t>(16));
   glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 7, target);
   t.program(vertex_source(3),
             std::string(storage) + "layout(std430, binding = 7) buffer Out { uint count[]; };\n"
             "in vec2 at; in vec4 tint; out vec4 result;\n"
             "void main() { atomicAdd(count[int(at.x * 8.0)], 1u);\n"
             "result = vec4(tint.rgb, 1.0); }\n");
   t.tile(i++);
   t.rect();
   glMemoryBarrier(GL_ALL_BARRIER_BITS);
   uint32_t counts[8] = {};
   glBindBuffer(GL_SHADER_STORAGE_BUFFER, target);
   glGetBufferSubData(GL_SHADER_STORAGE_BUFFER, 0, sizeof counts, counts);
   for (uint32_t count : counts)
      t.value("counted", count);
   glDeleteProgram(both);
   glUseProgram(alone);
   t.tile(i++);
   t.rect();
}

// Programs put together of separate ones, in which each stage begins with its own slot 0.
void separate(Test &t)
{
   t.clear({0, 0, 0});
   if (!t.need("GL_ARB_shader_storage_buffer_object") || !t.need("GL_ARB_separate_shader_objects"))
      return;
   for (GLuint binding = 0; binding < 8; binding++)
      tones(t, binding, static_cast<int>(binding) * 3);
   const auto make = [&](GLenum stage, const std::string &body) {
      const std::string text = "#version 430\n" + body;
      const char *source = text.c_str();
      const GLuint p = glCreateShaderProgramv(stage, 1, &source);
      GLint ok = 0;
      glGetProgramiv(p, GL_LINK_STATUS, &ok);
      if (!ok)
         t.fail("a separable program does not link");
      return p;
   };
   GLuint vertex[2], fragment[2], pipeline = 0;
   for (int k = 0; k < 2; k++) {
      vertex[k] = make(GL_VERTEX_SHADER,
                       "layout(location = 0) in vec3 position; layout(location = 1) in vec2 uv;\n"
                       "layout(location = 0) out vec4 tint; layout(location = 1) out vec2 at;\n"
                       "out gl_PerVertex { vec4 gl_Position; };\n" + block("tints", k) +
                       (k ? block("more", 2) : "const vec4 more[2] = vec4[](vec4(0.1), vec4(0.5));\n") +
                       "void main() { tint = tints[2] * 0.5 + more[1] * 0.3; at = uv;\n"
                       "gl_Position = vec4(position, 1.0); }\n");
      fragment[k] = make(GL_FRAGMENT_SHADER,
                         "layout(location = 0) in vec4 tint; layout(location = 1) in vec2 at;\n"
                         "layout(location = 0) out vec4 result;\n" + block("tones", 4 + 2 * k) +
                         "void main() { result = vec4(tint.rgb * 0.5\n"
                         "+ tones[int(at.x * 6.0)].rgb * 0.5, 1.0); }\n");
   }
   glGenProgramPipelines(1, &pipeline);
   glUseProgram(0);
   glBindProgramPipeline(pipeline);
   for (int k = 0; k < 8; k++) {
      glUseProgramStages(pipeline, GL_VERTEX_SHADER_BIT, vertex[k & 1]);
      glUseProgramStages(pipeline, GL_FRAGMENT_SHADER_BIT, fragment[k >> 1 & 1]);
      t.tile(k);
      t.rect();
   }
   glBindProgramPipeline(0);
   glDeleteProgramPipelines(1, &pipeline);
}

void tessellated(Test &t)
{
   t.clear({0, 0, 0});
   if (!t.need("GL_ARB_shader_storage_buffer_object") || !t.need("GL_ARB_tessellation_shader"))
      return;
   for (GLuint binding = 0; binding < 4; binding++)
      tones(t, binding, static_cast<int>(binding) * 7 + 2);
   const std::string vertex = "layout(location = 0) in vec3 position;\n"
                              "void main() { gl_Position = vec4(position, 1.0); }\n";
   const std::string control = "layout(vertices = 4) out;\n" + block("levels", 0) +
      "patch out vec4 whole;\nvoid main() {\n"
      "gl_out[gl_InvocationID].gl_Position = gl_in[gl_InvocationID].gl_Position;\n"
      // The compiler makes writes of the whole of this.
      "for (int i = 0; i < 4; i++) gl_TessLevelOuter[i] = 3.0;\n"
      "gl_TessLevelInner[0] = gl_TessLevelInner[1] = 4.0; whole = levels[1]; }\n";
   const std::string evaluation = "layout(quads) in; patch in vec4 whole; out vec4 tint;\n" +
      block("tints", 1) +
      "void main() { vec2 c = gl_TessCoord.xy; tint = whole * 0.5 + tints[int(c.x * 4.0)] * 0.5;\n"
      "gl_Position = mix(mix(gl_in[0].gl_Position, gl_in[1].gl_Position, c.x),\n"
      "mix(gl_in[2].gl_Position, gl_in[3].gl_Position, c.x), c.y); }\n";
   const std::string fragment = "in vec4 tint; out vec4 result;\n" + block("tones", 2) +
      "void main() { result = vec4(tint.rgb * 0.6 + tones[4].rgb * 0.4, 1.0); }\n";
   const GLuint p = glCreateProgram();
   const auto attach = [&](GLenum stage, const std::string &body) {
      const std::string text = "#version 430\n" + body;
      const char *source = text.c_str();
      const GLuint shader = glCreateShader(stage);
      glShaderSource(shader, 1, &source, nullptr);
      glCompileShader(shader);
      glAttachShader(p, shader);
   };
   attach(GL_VERTEX_SHADER, vertex);
   attach(GL_TESS_CONTROL_SHADER, control);
   attach(GL_TESS_EVALUATION_SHADER, evaluation);
   attach(GL_FRAGMENT_SHADER, fragment);
   glLinkProgram(p);
   GLint ok = 0;
   glGetProgramiv(p, GL_LINK_STATUS, &ok);
   if (!ok)
      t.fail("the program does not link");
   glUseProgram(p);
   t.vertex_array();
   t.attribute(0, 3, {-0.9f, -0.9f, 0, 0.9f, -0.9f, 0, -0.9f, 0.9f, 0, 0.9f, 0.9f, 0});
   glPatchParameteri(GL_PATCH_VERTICES, 4);
   glDrawArrays(GL_PATCHES, 0, 4);
}

void images(Test &t)
{
   t.clear({0, 0, 0});
   if (!t.need("GL_ARB_shader_image_load_store"))
      return;
   for (GLuint unit = 0; unit < 4; unit++) {
      const GLuint from = t.texture_2d(GL_RGBA8, 8, 8, GL_RGBA, GL_UNSIGNED_BYTE,
                                       Random(unit + 3).bytes(256).data());
      glBindImageTexture(unit, from, 0, GL_FALSE, 0, GL_READ_ONLY, GL_RGBA8);
   }
   const GLuint both = t.program(std::string(image) +
                                    "layout(rgba8, binding = 0) readonly uniform image2D here;\n"
                                    "in vec3 position; in vec2 texcoord; out vec2 at; out vec4 tint;\n"
                                    "void main() { at = texcoord;\n"
                                    "tint = imageLoad(here, ivec2(texcoord * 7.0));\n"
                                    "gl_Position = vec4(position, 1.0); }\n",
                                 std::string(image) +
                                    "layout(rgba8, binding = 1) readonly uniform image2D there;\n"
                                    "layout(rgba8, binding = 2) readonly uniform image2D also;\n"
                                    "in vec2 at; in vec4 tint; out vec4 result;\n"
                                    "void main() { ivec2 c = ivec2(at * 8.0);\n"
                                    "result = vec4(tint.rgb * 0.4 + imageLoad(there, c).rgb * 0.3\n"
                                    "+ imageLoad(also, c.yx).rgb * 0.3, 1.0); }\n");
   t.tile(0, 2);
   t.rect();
   const GLuint other = t.texture_2d(GL_RGBA8, 8, 8, GL_RGBA, GL_UNSIGNED_BYTE,
                                     Random(9).bytes(256).data());
   glBindImageTexture(1, other, 0, GL_FALSE, 0, GL_READ_ONLY, GL_RGBA8);
   t.tile(1, 2);
   t.rect();
   t.quad_program(std::string(image) +
                  "layout(rgba8, binding = 3) readonly uniform image2D there;\n"
                  "void main() { result = vec4(imageLoad(there, ivec2(uv * 8.0)).rgb, 1.0); }\n");
   t.tile(2, 2);
   t.rect();
   glUseProgram(both);
   t.tile(3, 2);
   t.rect();
}

// Views of some layers as images: written to, read from, measured.
void layers(Test &t)
{
   t.clear({0, 0, 0});
   if (!t.need("GL_ARB_shader_image_load_store") || !t.need("GL_ARB_texture_view"))
      return;
   const GLuint array = t.texture(GL_TEXTURE_2D_ARRAY);
   glTexStorage3D(GL_TEXTURE_2D_ARRAY, 1, GL_RGBA8, 8, 8, 8);
   glTexSubImage3D(GL_TEXTURE_2D_ARRAY, 0, 0, 0, 0, 8, 8, 8, GL_RGBA, GL_UNSIGNED_BYTE,
                   pattern_bytes(8, 64).data());
   const auto view = [](GLuint of, GLenum target, GLuint first, GLuint count) {
      GLuint name = 0;
      glGenTextures(1, &name);
      glTextureView(name, target, of, GL_RGBA8, 0, 1, first, count);
      return name;
   };
   const GLuint part = view(array, GL_TEXTURE_2D_ARRAY, 3, 3);
   const std::string declaration = std::string(image) +
                                   "layout(rgba8, binding = 0) uniform image2DArray some;\n";
   const GLuint read = t.quad_program(
      declaration + "void main() { ivec3 size = imageSize(some);\n"
                    "result = vec4(imageLoad(some, ivec3(uv * vec2(size.xy), int(uv.x * 3.0))).rgb,\n"
                    "1.0); if (size.z != 3) result = vec4(0.0); }\n");
   glBindImageTexture(0, part, 0, GL_TRUE, 0, GL_READ_WRITE, GL_RGBA8);
   t.tile(0);
   t.rect();
   // Now the first layers, whose shader differs in the size alone, then all of them.
   glBindImageTexture(0, view(array, GL_TEXTURE_2D_ARRAY, 0, 3), 0, GL_TRUE, 0, GL_READ_WRITE,
                      GL_RGBA8);
   t.tile(1);
   t.rect();
   glBindImageTexture(0, array, 0, GL_TRUE, 0, GL_READ_WRITE, GL_RGBA8);
   t.tile(2);
   t.rect(); // black: the size is another
   t.quad_program(declaration +
                  "uniform int layer; uniform vec4 tone;\n"
                  "void main() { imageStore(some, ivec3(uv * 8.0, layer), tone); discard; }\n");
   GLint writer = 0;
   glGetIntegerv(GL_CURRENT_PROGRAM, &writer);
   glBindImageTexture(0, part, 0, GL_TRUE, 0, GL_READ_WRITE, GL_RGBA8);
   for (int layer = 0; layer < 3; layer += 2) {
      const Colour c = colour(layer + 5);
      glUniform1i(glGetUniformLocation(static_cast<GLuint>(writer), "layer"), layer);
      glUniform4f(glGetUniformLocation(static_cast<GLuint>(writer), "tone"), c.r, c.g, c.b, 1);
      glViewport(0, 0, 64, 64);
      t.rect();
   }
   glMemoryBarrier(GL_ALL_BARRIER_BITS);
   t.tile(3);
   glUseProgram(read);
   t.rect();
   glBindTexture(GL_TEXTURE_2D_ARRAY, array);
   t.quad_program("uniform sampler2DArray tex;\n"
                  "void main() { result = texture(tex, vec3(uv, floor(uv.x * 8.0))); }\n");
   t.tile(4);
   t.rect();
   // Lines.
   const GLuint lines = t.texture(GL_TEXTURE_1D_ARRAY);
   glTexStorage2D(GL_TEXTURE_1D_ARRAY, 1, GL_RGBA8, 16, 6);
   glTexSubImage2D(GL_TEXTURE_1D_ARRAY, 0, 0, 0, 16, 6, GL_RGBA, GL_UNSIGNED_BYTE,
                   pattern_bytes(16, 6).data());
   glBindImageTexture(0, view(lines, GL_TEXTURE_1D_ARRAY, 2, 3), 0, GL_TRUE, 0, GL_READ_WRITE,
                      GL_RGBA8);
   t.quad_program(std::string(image) +
                  "layout(rgba8, binding = 0) uniform image1DArray some;\n"
                  "void main() { result = vec4(imageLoad(some, ivec2(uv * vec2(16.0, 3.0))).rgb,\n"
                  "imageSize(some).y == 3 ? 1.0 : 0.0); }\n");
   t.tile(5);
   t.rect();
   // The second cube of three.
   const GLuint cubes = t.texture(GL_TEXTURE_CUBE_MAP_ARRAY);
   glTexStorage3D(GL_TEXTURE_CUBE_MAP_ARRAY, 1, GL_RGBA8, 4, 4, 18);
   glTexSubImage3D(GL_TEXTURE_CUBE_MAP_ARRAY, 0, 0, 0, 0, 4, 4, 18, GL_RGBA, GL_UNSIGNED_BYTE,
                   pattern_bytes(4, 72).data());
   glBindImageTexture(0, view(cubes, GL_TEXTURE_CUBE_MAP_ARRAY, 6, 6), 0, GL_TRUE, 0, GL_READ_WRITE,
                      GL_RGBA8);
   t.quad_program(std::string(image) + "#extension GL_ARB_texture_cube_map_array : require\n"
                  "layout(rgba8, binding = 0) uniform imageCubeArray some;\n"
                  "void main() { result = vec4(imageLoad(some, ivec3(uv.x * 4.0, fract(uv.y * 6.0) * 4.0,\n"
                  "int(uv.y * 6.0))).rgb, imageSize(some).z == 1 ? 1.0 : 0.0); }\n");
   t.tile(6);
   t.rect();
}

constexpr Scene table[] = {
   {"slots-buffers", Api::core, buffers},         {"slots-separate", Api::core, separate},
   {"slots-tessellated", Api::core, tessellated}, {"slots-images", Api::core, images},
   {"slots-layers", Api::core, layers},
};

} // namespace

std::span<const Scene> slot_scenes()
{
   return table;
}

} // namespace render
