// SPDX-License-Identifier: MIT
// What goes into shaders: uniforms, uniform blocks, many samplers.
#include "scene.hpp"

#include <cstring>

namespace render {
namespace {

void uniforms(Test &t)
{
   t.clear({0, 0, 0});
   const GLuint p = t.quad_program(
      "uniform float f; uniform vec2 v2; uniform vec3 v3; uniform vec4 v4[3]; uniform int i;\n"
      "uniform ivec3 i3; uniform uint u; uniform uvec2 u2; uniform bool b; uniform mat2 m2;\n"
      "uniform mat3 m3; uniform mat4 m4; uniform mat2x3 m23; uniform int which;\n"
      "struct Light { vec3 tone; float power; }; uniform Light lights[2];\n"
      "void main() { vec3 c = vec3(0.0); switch (which) {\n"
      "case 0: c = vec3(f, v2); break; case 1: c = v3; break; case 2: c = v4[2].xyz; break;\n"
      "case 3: c = v4[int(uv.x * 2.99)].rgb; break; case 4: c = vec3(i3) / float(i); break;\n"
      "case 5: c = vec3(u2, u) / 200.0; break; case 6: c = b ? vec3(uv, 1.0) : vec3(0.0); break;\n"
      "case 7: c.xy = m2 * uv; break; case 8: c = m3 * vec3(uv, 1.0); break;\n"
      "case 9: c = (m4 * vec4(uv, 0.5, 1.0)).xyz; break; case 10: c = m23 * uv; break;\n"
      "default: c = lights[int(uv.y * 1.99)].tone * lights[1].power; }\n"
      "result = vec4(c, 1.0); }\n");
   const auto at = [&](const char *name) { return glGetUniformLocation(p, name); };
   const float v4[] = {1, 0, 0, 1, 0, 1, 0.2f, 1, 0.1f, 0.3f, 0.9f, 1};
   const float m2[] = {0.5f, 0.2f, 0.1f, 0.7f};
   const float m3[] = {0.5f, 0.1f, 0, 0, 0.4f, 0.3f, 0.2f, 0.1f, 0.4f};
   const float m4[] = {0.6f, 0, 0.2f, 0, 0.1f, 0.5f, 0, 0, 0, 0.1f, 0.4f, 0, 0.1f, 0.1f, 0.2f, 1};
   const float m23[] = {0.8f, 0.1f, 0.3f, 0.1f, 0.7f, 0.4f};
   glUniform1f(at("f"), 0.7f);
   glUniform2f(at("v2"), 0.2f, 0.9f);
   glUniform3f(at("v3"), 0.9f, 0.4f, 0.1f);
   glUniform4fv(at("v4"), 3, v4);
   glUniform1i(at("i"), 10);
   glUniform3i(at("i3"), 3, 6, 9);
   glUniform1ui(at("u"), 50);
   glUniform2ui(at("u2"), 180, 90);
   glUniform1i(at("b"), 1);
   glUniformMatrix2fv(at("m2"), 1, GL_FALSE, m2);
   glUniformMatrix3fv(at("m3"), 1, GL_TRUE, m3);
   glUniformMatrix4fv(at("m4"), 1, GL_FALSE, m4);
   glUniformMatrix2x3fv(at("m23"), 1, GL_FALSE, m23);
   glUniform3f(at("lights[0].tone"), 0.2f, 0.9f, 0.5f);
   glUniform3f(at("lights[1].tone"), 0.9f, 0.2f, 0.8f);
   glUniform1f(at("lights[1].power"), 0.8f);
   for (int i = 0; i < 12; i++) {
      t.tile(i);
      glUniform1i(at("which"), i);
      t.rect();
   }
}

// More constants than change at once: a large array of which parts are updated between draws.
void large_array(Test &t)
{
   t.clear({0, 0, 0});
   const GLuint p = t.quad_program(
      "uniform vec4 values[200];\nvoid main() { ivec2 at = ivec2(uv * vec2(20.0, 10.0));\n"
      "result = values[at.y * 20 + at.x]; }\n");
   const GLint location = glGetUniformLocation(p, "values");
   Random random(9);
   std::vector<float> v(800);
   for (float &f : v)
      f = random.unit();
   glUniform4fv(location, 200, v.data());
   t.tile(0, 2);
   t.rect();
   for (int i = 1; i < 4; i++) {
      for (float &f : v)
         f = 1.0f - f * 0.8f;
      glUniform4fv(location + 40 * i, 30, v.data() + i * 40);
      t.tile(i, 2);
      t.rect();
   }
}

constexpr char block_fs[] =
   "layout(std140) uniform First { vec4 tone; float scale; vec2 shift; mat3 m; };\n"
   "layout(std140) uniform Second { vec4 rows[4]; int row; } second;\n"
   "void main() { vec3 c = m * vec3(uv * scale + shift, 0.3) + tone.rgb;\n"
   "result = vec4(mix(c, second.rows[second.row].rgb, 0.5), 1.0); }\n";

std::vector<float> first_block(int i)
{
   const float k = static_cast<float>(i) * 0.1f;
   return {0.1f + k, 0.2f, 0.3f - k, 1, 0.8f, 0, 0.1f, k, 0.6f, 0.1f, 0, 0,
           0, 0.7f, 0.2f, 0, 0.2f, 0, 0.5f, 0};
}

std::vector<float> second_block(int i)
{
   std::vector<float> v;
   for (int row = 0; row < 4; row++) {
      const Colour c = colour(row + i);
      v.insert(v.end(), {c.r, c.g, c.b, 1});
   }
   const int32_t row = i % 4;
   float as_float = 0;
   memcpy(&as_float, &row, sizeof row);
   v.insert(v.end(), {as_float, 0, 0, 0});
   return v;
}

void blocks(Test &t)
{
   t.clear({0, 0, 0});
   const GLuint p = t.quad_program(block_fs);
   glUniformBlockBinding(p, glGetUniformBlockIndex(p, "First"), 3);
   glUniformBlockBinding(p, glGetUniformBlockIndex(p, "Second"), 1);
   GLint align = 256;
   glGetIntegerv(GL_UNIFORM_BUFFER_OFFSET_ALIGNMENT, &align);
   const auto step = static_cast<size_t>((256 + align - 1) / align * align);
   std::vector<uint8_t> all(step * 16);
   for (int i = 0; i < 8; i++) {
      const std::vector<float> a = first_block(i), b = second_block(i);
      memcpy(&all[step * static_cast<size_t>(i)], a.data(), a.size() * 4);
      memcpy(&all[step * static_cast<size_t>(i + 8)], b.data(), b.size() * 4);
   }
   const GLuint buffer = t.buffer(GL_UNIFORM_BUFFER, all);
   for (int i = 0; i < 8; i++) { // ranges of one buffer
      const auto at = static_cast<GLintptr>(step * static_cast<size_t>(i));
      glBindBufferRange(GL_UNIFORM_BUFFER, 3, buffer, at, 80);
      glBindBufferRange(GL_UNIFORM_BUFFER, 1, buffer, at + static_cast<GLintptr>(8 * step), 80);
      t.tile(i);
      t.rect();
   }
   const GLuint own = t.buffer(GL_UNIFORM_BUFFER, second_block(0), GL_DYNAMIC_DRAW);
   glBindBufferBase(GL_UNIFORM_BUFFER, 1, own);
   for (int i = 0; i < 4; i++) { // contents that change between draws
      glBufferSubData(GL_UNIFORM_BUFFER, 0, 80, second_block(i + 5).data());
      t.tile(8 + i);
      t.rect();
   }
   for (int i = 0; i < 4; i++) { // a new store at each draw
      glBufferData(GL_UNIFORM_BUFFER, 80, second_block(i + 2).data(), GL_STREAM_DRAW);
      t.tile(12 + i);
      t.rect();
   }
}

void many_blocks(Test &t)
{
   t.clear({0, 0, 0});
   std::string source, sum = "vec4(0.0)";
   for (int i = 0; i < 10; i++) {
      const std::string n = std::to_string(i);
      source += "layout(std140) uniform Block" + n + " { vec4 pad" + n + "; vec4 v" + n + "; };\n";
      sum += " + v" + n;
   }
   const GLuint p = t.quad_program(source + "void main() { result = " + sum + "; }\n");
   Random random(21);
   std::vector<GLuint> buffers;
   for (GLuint i = 0; i < 10; i++) {
      std::vector<float> v(8);
      for (float &f : v)
         f = random.unit() * 0.2f;
      buffers.push_back(t.buffer(GL_UNIFORM_BUFFER, v));
      glUniformBlockBinding(p, glGetUniformBlockIndex(p, ("Block" + std::to_string(i)).c_str()), i);
      glBindBufferBase(GL_UNIFORM_BUFFER, i, buffers.back());
   }
   for (int i = 0; i < 4; i++) {
      t.tile(i, 2);
      t.rect();
      for (GLuint k = 0; k < 10; k++) // another order each time
         glBindBufferBase(GL_UNIFORM_BUFFER, k, buffers[(k * 3 + static_cast<GLuint>(i)) % 7]);
   }
}

void vertex_and_fragment_blocks(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   const GLuint p = t.program(
      "in vec3 position; in vec2 texcoord; out vec2 uv;\n"
      "layout(std140) uniform Place { mat4 m; vec4 shifts[5]; };\n"
      "void main() { uv = texcoord;\n"
      "gl_Position = m * vec4(position, 1.0) + shifts[gl_VertexID]; }\n",
      "in vec2 uv; out vec4 result;\nlayout(std140) uniform Tone { vec4 tone[2]; };\n"
      "void main() { result = mix(tone[0], tone[1], uv.x); }\n");
   t.buffer(GL_UNIFORM_BUFFER,
            std::vector<float>{0.8f, 0.1f, 0, 0, -0.1f, 0.8f, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1,
                               0, 0, 0, 0, 0.1f, 0.1f, 0, 0, -0.1f, 0, 0, 0, 0.1f, 0, 0, 0});
   GLint buffer = 0;
   glGetIntegerv(GL_UNIFORM_BUFFER_BINDING, &buffer);
   glBindBufferBase(GL_UNIFORM_BUFFER, 0, static_cast<GLuint>(buffer));
   glUniformBlockBinding(p, glGetUniformBlockIndex(p, "Place"), 0);
   t.buffer(GL_UNIFORM_BUFFER, std::vector<float>{1, 0.5f, 0, 1, 0, 0.5f, 1, 1});
   glGetIntegerv(GL_UNIFORM_BUFFER_BINDING, &buffer);
   glBindBufferBase(GL_UNIFORM_BUFFER, 2, static_cast<GLuint>(buffer));
   glUniformBlockBinding(p, glGetUniformBlockIndex(p, "Tone"), 2);
   t.rect();
}

void many_samplers(Test &t)
{
   t.clear({0, 0, 0});
   std::string source, sum = "vec4(0.0)";
   for (int i = 0; i < 16; i++) {
      const std::string n = std::to_string(i);
      source += "uniform sampler2D tex" + n + ";\n";
      sum += " + texture(tex" + n + ", uv * " + std::to_string(1 + i % 3) + ".0) / 16.0";
   }
   const GLuint p = t.quad_program(source + "void main() { result = " + sum + "; }\n");
   std::vector<GLuint> textures;
   for (GLuint i = 0; i < 16; i++) {
      glActiveTexture(GL_TEXTURE0 + i);
      textures.push_back(t.texture_2d(GL_RGBA8, 8, 8, GL_RGBA, GL_UNSIGNED_BYTE,
                                      Random(i).bytes(256).data()));
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_REPEAT);
      glUniform1i(glGetUniformLocation(p, ("tex" + std::to_string(i)).c_str()),
                  static_cast<GLint>(i));
   }
   for (int i = 0; i < 4; i++) {
      t.tile(i, 2);
      t.rect();
      glActiveTexture(GL_TEXTURE0 + static_cast<GLenum>(i * 3));
      glBindTexture(GL_TEXTURE_2D, textures[static_cast<size_t>(15 - i)]);
   }
   glActiveTexture(GL_TEXTURE0);
}

void vertex_texture(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   const GLuint heights = t.texture_2d(GL_R32F, 16, 16, GL_RED, GL_UNSIGNED_BYTE,
                                       Random(77).bytes(256).data());
   t.program("uniform sampler2D tex; out vec3 c;\nvoid main() {\n"
             "ivec2 at = ivec2(gl_VertexID % 16, gl_VertexID / 16);\n"
             "float h = texelFetch(tex, at, 0).r; c = vec3(h, 1.0 - h, 0.5);\n"
             "gl_PointSize = 4.0 + 8.0 * h;\n"
             "gl_Position = vec4((vec2(at) + 0.5) / 8.0 - 1.0, 0.0, 1.0); }\n",
             "in vec3 c; out vec4 result;\nvoid main() { result = vec4(c, 1.0); }\n");
   glBindTexture(GL_TEXTURE_2D, heights);
   glEnable(GL_PROGRAM_POINT_SIZE);
   t.vertex_array(); // no attribute at all
   glDrawArrays(GL_POINTS, 0, 256);
}

constexpr Scene table[] = {
   {"input-uniforms", Api::core, uniforms},
   {"input-large-array", Api::core, large_array},
   {"input-blocks", Api::core, blocks},
   {"input-many-blocks", Api::core, many_blocks},
   {"input-stage-blocks", Api::core, vertex_and_fragment_blocks},
   {"input-many-samplers", Api::core, many_samplers},
   {"input-vertex-texture", Api::core, vertex_texture},
};

} // namespace

std::span<const Scene> shader_input_scenes()
{
   return table;
}

} // namespace render
