// SPDX-License-Identifier: MIT
// What the driver leaves out of the stream, or says in fewer commands: textures that stay in their units,
// the end of uniforms that did not change, images bound already, runs of draws.
#include <array>

#include "scene.hpp"

namespace render {
namespace {

constexpr int columns = 16; // of tiles
constexpr int tiles = columns * columns;

// A texture of one texel, of the n-th colour.
GLuint texel(Test &t, int n, GLenum target = GL_TEXTURE_2D)
{
   const Colour c = colour(n);
   const std::array<float, 4> data = {c.r, c.g, c.b, 1};
   const GLuint name = t.texture(target);
   if (target == GL_TEXTURE_2D)
      glTexImage2D(target, 0, GL_RGBA8, 1, 1, 0, GL_RGBA, GL_FLOAT, data.data());
   else
      glTexImage3D(target, 0, GL_RGBA8, 1, 1, 1, 0, GL_RGBA, GL_FLOAT, data.data());
   return name;
}

GLuint stripes(Test &t, std::span<const int> units, int vertex_unit)
{
   std::string vertex = "in vec3 position; in vec2 texcoord; out vec2 at; out vec4 tint;\n";
   std::string tint = "vec4(0.0)";
   if (vertex_unit >= 0) {
      vertex += "uniform sampler2D v;\n";
      tint = "texture(v, vec2(0.5))";
   }
   vertex += "void main() { at = texcoord; tint = " + tint + " * 0.3; gl_Position = vec4(position, 1.0); }\n";
   std::string fragment = "in vec2 at; in vec4 tint; out vec4 result;\n";
   std::string choice = "vec4(0.0)";
   for (size_t i = 0; i < units.size(); i++) {
      const std::string name = "s" + std::to_string(i);
      fragment += "uniform sampler2D " + name + ";\n";
      choice = "(n == " + std::to_string(i) + " ? texture(" + name + ", vec2(0.5)) : " + choice + ")";
   }
   fragment += "void main() { int n = int(at.x * " + std::to_string(units.size()) +
               ".0); result = vec4(" + choice + ".rgb * 0.7 + tint.rgb, 1.0); }\n";
   const GLuint program = t.program(vertex, fragment);
   for (size_t i = 0; i < units.size(); i++)
      glUniform1i(glGetUniformLocation(program, ("s" + std::to_string(i)).c_str()), units[i]);
   if (vertex_unit >= 0)
      glUniform1i(glGetUniformLocation(program, "v"), vertex_unit);
   return program;
}

// Draws with few of the textures changed between them, and whatever else binds textures on the host.
void units(Test &t)
{
   t.clear({0, 0, 0});
   std::vector<GLuint> textures;
   for (int i = 0; i < 12; i++)
      textures.push_back(texel(t, i));
   const std::array<GLuint, 4> programs = {
      stripes(t, std::array{0, 1, 2, 3, 4, 5}, 6), stripes(t, std::array{0, 1, 2, 3, 4, 5}, -1),
      stripes(t, std::array{5, 3, 1}, 2), stripes(t, std::array{6}, 0)};
   GLuint copy = texel(t, 13);
   Random random(7);
   for (int unit = 0; unit < 7; unit++) {
      glActiveTexture(GL_TEXTURE0 + unit);
      glBindTexture(GL_TEXTURE_2D, textures[unit]);
   }
   glUseProgram(programs[0]);
   for (int i = 0; i < tiles; i++) {
      const uint32_t what = random.next() >> 8;
      for (uint32_t n = 0; n < (what & 3); n++) {
         glActiveTexture(GL_TEXTURE0 + (random.next() >> 8) % 8); // 7 is nobody's
         glBindTexture(GL_TEXTURE_2D, textures[(random.next() >> 8) % textures.size()]);
      }
      if ((what >> 4) % 8 == 0)
         glUseProgram(programs[(what >> 8) % programs.size()]);
      if ((what >> 12) % 16 == 0) { // an upload to one that is bound, perhaps
         const Colour c = colour(i + 20);
         const std::array<float, 4> data = {c.r, c.g, c.b, 1};
         glActiveTexture(GL_TEXTURE7);
         glBindTexture(GL_TEXTURE_2D, textures[(what >> 16) % 3]);
         glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, 1, 1, GL_RGBA, GL_FLOAT, data.data());
      }
      if ((what >> 20) % 32 == 0) { // a new view
         glActiveTexture(GL_TEXTURE0 + 3);
         copy = texel(t, i + 40);
         glBindTexture(GL_TEXTURE_2D, copy);
      }
      if ((what >> 18) % 16 == 1)
         glFlush();
      t.tile(i, columns);
      if ((what >> 14) % 16 == 0)
         continue; // set, and not drawn with
      t.rect();
   }
}

// The host's numbers for stages are not those of Gallium: three stages that sample.
void stages(Test &t)
{
   t.clear({0, 0, 0});
   const char *const vertex =
      "in vec3 position; in vec2 texcoord; out vec2 at; out vec4 one; uniform sampler2D a;\n"
      "void main() { at = texcoord; one = texture(a, vec2(0.5)); gl_Position = vec4(position, 1.0); }\n";
   const char *const geometry =
      "layout(triangles) in; layout(triangle_strip, max_vertices = 3) out; uniform sampler2D d;\n"
      "in vec2 at[]; in vec4 one[]; out vec2 over; out vec4 two;\n"
      "void main() { for (int i = 0; i < 3; i++) { over = at[i];\n"
      "two = at[i].x < 0.5 ? one[i] : texture(d, vec2(0.5)); gl_Position = gl_in[i].gl_Position;\n"
      "EmitVertex(); } EndPrimitive(); }\n";
   const std::array<GLuint, 4> programs = {
      t.program(vertex,
                "in vec2 over; in vec4 two; out vec4 result; uniform sampler2D b, c;\n"
                "void main() { result = over.y < 0.5 ? two : over.x < 0.5 ? texture(b, vec2(0.5))\n"
                ": texture(c, vec2(0.5)); }\n",
                geometry),
      t.program(vertex,
                "in vec2 over; in vec4 two; out vec4 result; uniform sampler2D b;\n"
                "void main() { result = over.y < 0.5 ? two : 1.0 - texture(b, vec2(0.5)); }\n",
                geometry),
      // More units, and none for a geometry shader.
      t.program(vertex,
                "in vec2 at; in vec4 one; out vec4 result; uniform sampler2D b, c, d;\n"
                "void main() { result = at.y < 0.5 ? one : at.x < 0.3 ? texture(b, vec2(0.5))\n"
                ": at.x < 0.6 ? texture(c, vec2(0.5)) : texture(d, vec2(0.5)); }\n"),
      t.program(vertex, "in vec2 at; in vec4 one; out vec4 result;\n"
                        "void main() { result = one * at.x; }\n")};
   std::vector<GLuint> textures;
   for (int i = 0; i < 9; i++)
      textures.push_back(texel(t, i));
   for (const GLuint program : programs) {
      glUseProgram(program);
      for (int i = 0; i < 4; i++) {
         const char name[] = {static_cast<char>('a' + i), 0};
         glUniform1i(glGetUniformLocation(program, name), i);
      }
   }
   Random random(9);
   for (int i = 0; i < tiles; i++) {
      const uint32_t what = random.next() >> 8;
      glActiveTexture(GL_TEXTURE0 + what % 4);
      glBindTexture(GL_TEXTURE_2D, textures[(what >> 4) % textures.size()]);
      if ((what >> 8) % 3 == 0)
         glUseProgram(programs[(what >> 12) % programs.size()]);
      if ((what >> 16) % 24 == 0) // links, and is not used
         t.program(vertex, "in vec2 at; in vec4 one; out vec4 result; uniform sampler2D b;\n"
                           "void main() { result = one + texture(b, at) * " +
                              std::to_string(i) + ".0; }\n");
      t.tile(i, columns);
      t.rect();
   }
}

void uniforms(Test &t)
{
   t.clear({0, 0, 0});
   const auto shows = [&](int count) {
      return t.quad_program("uniform vec4 u[" + std::to_string(count) + "];\n"
                            "void main() { result = vec4(u[int(uv.x * " + std::to_string(count) +
                            ".0)].rgb, 1.0); }\n");
   };
   const std::array<GLuint, 3> programs = {shows(64), shows(3), shows(17)};
   const std::array<int, 3> counts = {64, 3, 17};
   Random random(3);
   const auto set = [&](int which, int slot) {
      const Colour c = colour(static_cast<int>(random.next() >> 8) % 50);
      const std::string name = "u[" + std::to_string(slot) + "]";
      glUniform4f(glGetUniformLocation(programs[which], name.c_str()), c.r, c.g, c.b, 1);
   };
   for (int which = 0; which < 3; which++) {
      glUseProgram(programs[which]);
      for (int slot = 0; slot < counts[which]; slot++)
         set(which, slot);
   }
   for (int i = 0; i < 64; i++) {
      const int which = static_cast<int>(random.next() >> 8) % 3;
      glUseProgram(programs[which]);
      for (uint32_t n = (random.next() >> 8) % 3; n > 0; n--)
         set(which, static_cast<int>(random.next() >> 8) % counts[which]);
      t.tile(i, 8);
      t.rect();
   }
}

void images(Test &t)
{
   t.clear({0, 0, 0});
   if (!t.need("GL_ARB_shader_image_load_store"))
      return;
   std::string source = "#extension GL_ARB_shader_image_load_store : require\n"
                        "#extension GL_ARB_shading_language_420pack : require\n";
   for (int i = 0; i < 6; i++)
      source += "layout(binding = " + std::to_string(i) + ", rgba8) readonly uniform image2D i" +
                std::to_string(i) + ";\n";
   source += "in vec2 uv; out vec4 result;\nvoid main() { int n = int(uv.x * 6.0); result = ";
   for (int i = 0; i < 5; i++)
      source += "n == " + std::to_string(i) + " ? imageLoad(i" + std::to_string(i) + ", ivec2(0)) : ";
   t.program("in vec3 position; in vec2 texcoord; out vec2 uv;\n"
             "void main() { uv = texcoord; gl_Position = vec4(position, 1.0); }\n",
             source + "imageLoad(i5, ivec2(0)); }\n");
   std::vector<GLuint> textures;
   for (int i = 0; i < 9; i++)
      textures.push_back(texel(t, i));
   for (GLuint i = 0; i < 6; i++)
      glBindImageTexture(i, textures[i], 0, GL_FALSE, 0, GL_READ_ONLY, GL_RGBA8);
   Random random(5);
   for (int i = 0; i < 64; i++) {
      for (uint32_t n = (random.next() >> 8) % 3; n > 0; n--)
         glBindImageTexture((random.next() >> 8) % 6, textures[(random.next() >> 8) % textures.size()],
                            0, GL_FALSE, 0, GL_READ_ONLY, GL_RGBA8);
      t.tile(i, 8);
      t.rect();
   }
}

// Runs of draws that differ in their ranges only, long and short, with empty ones between.
void draws(Test &t)
{
   t.clear({0, 0, 0});
   t.vertex_array();
   t.program("in vec3 position; out vec4 tone; \n"
             "void main() { int n = gl_VertexID / 3 + gl_InstanceID * 7;\n"
             "tone = vec4(float(n % 5) / 4.0, float(n % 7) / 6.0, float(n % 3) / 2.0, 1.0);\n"
             "gl_Position = vec4(position.xy + vec2(0.02, 0.03) * float(gl_InstanceID), 0.0, 1.0); }\n",
             "in vec4 tone; out vec4 result; void main() { result = tone; }\n");
   std::vector<float> corners;
   for (int i = 0; i < 256; i++) {
      const float x = static_cast<float>(i % 16) / 8 - 1, y = static_cast<float>(i / 16) / 8 - 1;
      for (const auto &[dx, dy] : {std::pair(0.01f, 0.01f), {0.11f, 0.01f}, {0.06f, 0.11f}})
         corners.insert(corners.end(), {x + dx, y + dy, 0});
   }
   t.attribute(0, 3, corners);
   Random random(11);
   std::vector<GLint> firsts, starts, biases;
   std::vector<GLsizei> counts;
   std::vector<const void *> offsets;
   for (int i = 0; i < 100; i++) {
      const auto one = static_cast<GLint>((random.next() >> 8) % 240);
      firsts.push_back(one * 3);
      counts.push_back(i % 9 == 4 ? 0 : i % 5 == 2 ? 6 : 3);
      biases.push_back(static_cast<GLint>(i % 4) * 3);
      offsets.push_back(reinterpret_cast<const void *>(static_cast<intptr_t>(one) * 3 * 2));
   }
   std::vector<uint16_t> indices(768);
   for (size_t i = 0; i < indices.size(); i++)
      indices[i] = static_cast<uint16_t>(i);
   t.buffer(GL_ELEMENT_ARRAY_BUFFER, indices);
   int i = 0;
   for (GLsizei n : {100, 9, 8, 7, 1}) {
      t.tile(i++);
      glMultiDrawArrays(GL_TRIANGLES, firsts.data(), counts.data(), n);
   }
   for (GLsizei n : {100, 8, 3}) {
      t.tile(i++);
      glMultiDrawElements(GL_TRIANGLES, counts.data(), GL_UNSIGNED_SHORT, offsets.data(), n);
   }
   for (GLsizei n : {100, 12, 5}) {
      t.tile(i++);
      glMultiDrawElementsBaseVertex(GL_TRIANGLES, counts.data(), GL_UNSIGNED_SHORT, offsets.data(), n,
                                    biases.data());
   }
   // Single draws in a row, which somebody on the way may put together.
   t.tile(i++);
   for (int k = 0; k < 60; k++)
      glDrawArrays(GL_TRIANGLES, firsts[k], 3);
   t.tile(i++);
   for (int k = 0; k < 60; k++)
      glDrawElementsInstanced(GL_TRIANGLES, 3, GL_UNSIGNED_SHORT, offsets[k], 3);
   // Between state that changes.
   t.tile(i++);
   for (int k = 0; k < 60; k++) {
      if (k % 20 == 19)
         glEnable(GL_CULL_FACE), glFrontFace(k % 40 == 19 ? GL_CW : GL_CCW);
      glDrawArrays(GL_TRIANGLES, firsts[k], 3);
   }
   glDisable(GL_CULL_FACE);
   glFrontFace(GL_CCW);
}

constexpr Scene scenes[] = {
   {"traffic-units", Api::core, units},
   {"traffic-stages", Api::core, stages},
   {"traffic-uniforms", Api::core, uniforms},
   {"traffic-images", Api::core, images},
   {"traffic-draws", Api::core, draws},
};

} // namespace

std::span<const Scene> traffic_scenes()
{
   return scenes;
}

} // namespace render
