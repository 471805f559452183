// SPDX-License-Identifier: MIT
// Draw calls: primitive types, indices, instancing, restart, base vertices, many draws.
#include "scene.hpp"

#include <cmath>

namespace render {
namespace {

constexpr char tinted_vs[] = "in vec2 position; in vec3 tint; out vec3 c;\n"
                             "void main() { c = tint; gl_PointSize = 5.0;\n"
                             "gl_Position = vec4(position, 0.0, 1.0); }\n";
constexpr char tinted_fs[] = "in vec3 c; out vec4 result;\n"
                             "void main() { result = vec4(c, 1.0); }\n";

// Vertices on a circle, each with its own colour: position xy, tint rgb.
std::vector<float> circle(int count, float radius = 0.85f)
{
   std::vector<float> v;
   for (int i = 0; i < count; i++) {
      const double angle = 6.283185307 * i / count + 0.1;
      const Colour c = colour(i);
      v.insert(v.end(), {static_cast<float>(cos(angle)) * radius,
                         static_cast<float>(sin(angle)) * radius, c.r, c.g, c.b});
   }
   return v;
}

void tinted_array(Test &t, const std::vector<float> &vertices)
{
   t.vertex_array();
   t.buffer(GL_ARRAY_BUFFER, vertices);
   glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 20, nullptr);
   glVertexAttribPointer(2, 3, GL_FLOAT, GL_FALSE, 20, reinterpret_cast<const void *>(8));
   glEnableVertexAttribArray(0);
   glEnableVertexAttribArray(2);
}

void arrays_primitives(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   t.program(tinted_vs, tinted_fs);
   glEnable(GL_PROGRAM_POINT_SIZE);
   tinted_array(t, circle(12));
   static constexpr GLenum modes[] = {
      GL_POINTS, GL_LINES, GL_LINE_STRIP, GL_LINE_LOOP, GL_TRIANGLES, GL_TRIANGLE_STRIP,
      GL_TRIANGLE_FAN, GL_LINES_ADJACENCY, GL_LINE_STRIP_ADJACENCY, GL_TRIANGLES_ADJACENCY,
      GL_TRIANGLE_STRIP_ADJACENCY};
   int i = 0;
   for (GLenum mode : modes) {
      t.tile(i++);
      glDrawArrays(mode, 0, 12);
   }
   t.tile(i++);
   glDrawArrays(GL_TRIANGLE_FAN, 3, 5); // first vertex other than 0
   t.tile(i++);
   glDrawArrays(GL_TRIANGLES, 0, 11); // an incomplete last triangle
   t.tile(i++);
   glDrawArrays(GL_TRIANGLES, 0, 2); // nothing at all
   glDrawArrays(GL_LINES, 0, 1);
}

template <typename Index>
void draw_indexed(Test &t, GLenum type, int tile)
{
   std::vector<Index> indices{0, 0, 0}; // to be skipped by the offset
   for (int i = 0; i < 10; i++) {
      indices.push_back(static_cast<Index>(0));
      indices.push_back(static_cast<Index>(1 + i));
      indices.push_back(static_cast<Index>(1 + (i + 1) % 10));
   }
   t.buffer(GL_ELEMENT_ARRAY_BUFFER, indices);
   t.tile(tile, 3);
   glDrawElements(GL_TRIANGLES, 30, type, reinterpret_cast<const void *>(3 * sizeof(Index)));
   t.tile(tile + 3, 3);
   glDrawRangeElements(GL_LINE_STRIP, 0, 10, 30, type,
                       reinterpret_cast<const void *>(3 * sizeof(Index)));
   t.tile(tile + 6, 3);
   glDrawElements(GL_TRIANGLE_STRIP, 16, type, reinterpret_cast<const void *>(sizeof(Index)));
}

void elements_types(Test &t)
{
   t.clear({0.0f, 0.1f, 0.2f});
   t.program(tinted_vs, tinted_fs);
   std::vector<float> v{0, 0, 1, 1, 1};
   const std::vector<float> ring = circle(10);
   v.insert(v.end(), ring.begin(), ring.end());
   tinted_array(t, v);
   draw_indexed<uint8_t>(t, GL_UNSIGNED_BYTE, 0);
   draw_indexed<uint16_t>(t, GL_UNSIGNED_SHORT, 1);
   draw_indexed<uint32_t>(t, GL_UNSIGNED_INT, 2);
}

void instanced(Test &t)
{
   t.clear({0, 0, 0});
   t.program("in vec2 position; in vec2 texcoord; in vec3 tint; out vec3 c;\n"
             "void main() { c = tint * (0.4 + 0.05 * float(gl_InstanceID));\n"
             "gl_Position = vec4(position * 0.2 + texcoord, 0.0, 1.0); }\n",
             tinted_fs);
   t.vertex_array();
   t.attribute(0, 2, {-1, -1, 1, -1, -0.6f, 1, 0.6f, 1});
   std::vector<float> offsets, tints;
   for (int i = 0; i < 16; i++) {
      offsets.push_back(static_cast<float>(i % 4) * 0.5f - 0.75f);
      offsets.push_back(static_cast<float>(i / 4) * 0.5f - 0.75f);
      const Colour c = colour(i);
      tints.insert(tints.end(), {c.r, c.g, c.b});
   }
   t.attribute(1, 2, offsets, 1);
   t.attribute(2, 3, tints, 3); // a new tint at each third instance
   t.tile(0, 2);
   glDrawArraysInstanced(GL_TRIANGLE_STRIP, 0, 4, 16);
   t.buffer(GL_ELEMENT_ARRAY_BUFFER, std::vector<uint16_t>{0, 1, 2, 2, 1, 3, 0, 3});
   t.tile(1, 2);
   glDrawElementsInstanced(GL_TRIANGLES, 6, GL_UNSIGNED_SHORT, nullptr, 9);
   t.tile(2, 2);
   glDrawElementsInstanced(GL_LINES, 8, GL_UNSIGNED_SHORT, nullptr, 14);
   t.tile(3, 2);
   glDrawArraysInstanced(GL_TRIANGLES, 0, 3, 1);
   glDrawArraysInstanced(GL_TRIANGLES, 0, 3, 0); // no instance: nothing
}

void base_instance(Test &t)
{
   if (!t.need("GL_ARB_base_instance"))
      return;
   t.clear({0.1f, 0, 0.1f});
   t.program("in vec2 position; in vec2 texcoord; out vec3 c;\n"
             "void main() { c = vec3(0.2 + 0.1 * float(gl_InstanceID), texcoord * 0.5 + 0.5);\n"
             "gl_Position = vec4(position * 0.15 + texcoord, 0.0, 1.0); }\n",
             tinted_fs);
   t.vertex_array();
   t.attribute(0, 2, {-1, -1, 1, -1, 0, 1});
   std::vector<float> offsets;
   for (int i = 0; i < 20; i++)
      offsets.insert(offsets.end(), {-0.8f + 0.08f * static_cast<float>(i),
                                     0.8f - 0.17f * static_cast<float>(i % 10)});
   t.attribute(1, 2, offsets, 1);
   t.tile(0, 2);
   glDrawArraysInstancedBaseInstance(GL_TRIANGLES, 0, 3, 6, 4);
   t.tile(1, 2);
   t.buffer(GL_ELEMENT_ARRAY_BUFFER, std::vector<uint8_t>{0, 1, 2});
   glDrawElementsInstancedBaseInstance(GL_TRIANGLES, 3, GL_UNSIGNED_BYTE, nullptr, 5, 12);
   t.tile(2, 2);
   glDrawElementsInstancedBaseVertexBaseInstance(GL_TRIANGLES, 3, GL_UNSIGNED_BYTE, nullptr, 8, 0,
                                                 1);
}

void primitive_restart(Test &t)
{
   t.clear({0.1f, 0.2f, 0.1f});
   t.program(tinted_vs, tinted_fs);
   tinted_array(t, circle(12));
   glEnable(GL_PRIMITIVE_RESTART);
   glPrimitiveRestartIndex(0xff);
   t.buffer(GL_ELEMENT_ARRAY_BUFFER,
            std::vector<uint8_t>{0, 1, 2, 3, 0xff, 5, 6, 7, 0xff, 0xff, 8, 9, 10, 11, 0xff});
   static constexpr GLenum modes[] = {GL_TRIANGLE_STRIP, GL_LINE_STRIP, GL_LINE_LOOP,
                                      GL_TRIANGLE_FAN, GL_TRIANGLES, GL_LINES};
   int i = 0;
   for (GLenum mode : modes) {
      t.tile(i++);
      glDrawElements(mode, 15, GL_UNSIGNED_BYTE, nullptr);
   }
   t.buffer(GL_ELEMENT_ARRAY_BUFFER,
            std::vector<uint16_t>{0, 2, 4, 6, 7, 8, 10, 1, 7, 3, 5, 9});
   glPrimitiveRestartIndex(7); // an index that other draws use as a vertex
   t.tile(i++);
   glDrawElements(GL_TRIANGLE_STRIP, 12, GL_UNSIGNED_SHORT, nullptr);
   glDisable(GL_PRIMITIVE_RESTART);
   t.tile(i++);
   glDrawElements(GL_TRIANGLE_STRIP, 12, GL_UNSIGNED_SHORT, nullptr);
   t.buffer(GL_ELEMENT_ARRAY_BUFFER,
            std::vector<uint32_t>{0, 1, 2, 0xffffffff, 4, 5, 6, 7, 0xffffffff, 8, 9, 10});
   glEnable(GL_PRIMITIVE_RESTART);
   glPrimitiveRestartIndex(0xffffffff);
   t.tile(i++);
   glDrawElements(GL_TRIANGLE_STRIP, 12, GL_UNSIGNED_INT, nullptr);
   t.tile(i++);
   glDrawElementsInstanced(GL_LINE_LOOP, 12, GL_UNSIGNED_INT, nullptr, 2);
}

void base_vertex(Test &t)
{
   t.clear({0.2f, 0.1f, 0.1f});
   t.program(tinted_vs, tinted_fs);
   std::vector<float> v = circle(5, 0.9f);
   for (float radius : {0.6f, 0.3f}) {
      const std::vector<float> ring = circle(5, radius);
      v.insert(v.end(), ring.begin(), ring.end());
   }
   tinted_array(t, v);
   t.buffer(GL_ELEMENT_ARRAY_BUFFER, std::vector<uint16_t>{0, 1, 2, 3, 4, 0, 5, 6, 7, 8, 9});
   for (int i = 0; i < 3; i++) {
      t.tile(i, 3);
      glDrawElementsBaseVertex(GL_TRIANGLE_FAN, 5, GL_UNSIGNED_SHORT, nullptr, 5 * i);
   }
   t.tile(3, 3);
   glDrawElementsBaseVertex(GL_TRIANGLE_FAN, 5, GL_UNSIGNED_SHORT,
                            reinterpret_cast<const void *>(12), -5);
   t.tile(4, 3);
   glDrawRangeElementsBaseVertex(GL_LINE_STRIP, 0, 4, 6, GL_UNSIGNED_SHORT, nullptr, 10);
   t.tile(5, 3);
   glDrawElementsInstancedBaseVertex(GL_TRIANGLE_STRIP, 5, GL_UNSIGNED_SHORT, nullptr, 2, 3);
}

void multi_draw(Test &t)
{
   t.clear({0.1f, 0.1f, 0.3f});
   t.program(tinted_vs, tinted_fs);
   tinted_array(t, circle(12));
   const GLint first[] = {0, 5, 9, 2};
   const GLsizei count[] = {4, 3, 3, 0};
   t.tile(0, 2);
   glMultiDrawArrays(GL_TRIANGLE_STRIP, first, count, 4);
   t.buffer(GL_ELEMENT_ARRAY_BUFFER, std::vector<uint16_t>{0, 3, 6, 1, 4, 7, 9, 10, 11, 2});
   const void *offsets[] = {nullptr, reinterpret_cast<const void *>(6),
                            reinterpret_cast<const void *>(12)};
   const GLsizei counts[] = {3, 3, 4};
   t.tile(1, 2);
   glMultiDrawElements(GL_TRIANGLE_STRIP, counts, GL_UNSIGNED_SHORT, offsets, 3);
   const GLint bases[] = {0, 1, -1};
   t.tile(2, 2);
   glMultiDrawElementsBaseVertex(GL_LINE_LOOP, counts, GL_UNSIGNED_SHORT, offsets, 3, bases);
}

// So many draws that the command stream must be submitted in several pieces.
void many_draws(Test &t)
{
   t.clear({0, 0, 0});
   const GLuint program = t.program("in vec2 position; uniform vec4 place;\n"
                                    "void main() { gl_Position =\n"
                                    "vec4(position * place.z + place.xy, 0.0, 1.0); }\n",
                                    "uniform vec4 tone; out vec4 result;\n"
                                    "void main() { result = tone; }\n");
   const GLint place = glGetUniformLocation(program, "place");
   const GLint tone = glGetUniformLocation(program, "tone");
   t.vertex_array();
   t.attribute(0, 2, {-1, -1, 1, -1, 0, 1});
   Random random(7);
   for (int i = 0; i < 4000; i++) {
      glUniform4f(place, random.unit() * 2 - 1, random.unit() * 2 - 1, 0.04f, 0);
      glUniform4f(tone, random.unit(), random.unit(), random.unit(), 1);
      if (i % 100 == 0)
         glEnable(i % 200 ? GL_DITHER : GL_BLEND);
      glDrawArrays(GL_TRIANGLES, 0, 3);
   }
}

void provoking_vertex(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   t.program("in vec2 position; in vec3 tint; flat out vec3 c;\n"
             "void main() { c = tint; gl_Position = vec4(position, 0.0, 1.0); }\n",
             "flat in vec3 c; out vec4 result;\nvoid main() { result = vec4(c, 1.0); }\n");
   tinted_array(t, circle(12));
   int i = 0;
   for (GLenum mode : {GL_FIRST_VERTEX_CONVENTION, GL_LAST_VERTEX_CONVENTION}) {
      glProvokingVertex(mode);
      for (GLenum primitive : {GL_TRIANGLES, GL_TRIANGLE_STRIP, GL_TRIANGLE_FAN, GL_LINE_STRIP}) {
         t.tile(i++);
         glDrawArrays(primitive, 0, 12);
      }
   }
}

constexpr Scene table[] = {
   {"draw-arrays-primitives", Api::core, arrays_primitives},
   {"draw-elements-types", Api::core, elements_types},
   {"draw-instanced", Api::core, instanced},
   {"draw-base-instance", Api::core, base_instance},
   {"draw-primitive-restart", Api::core, primitive_restart},
   {"draw-base-vertex", Api::core, base_vertex},
   {"draw-multi", Api::core, multi_draw},
   {"draw-many", Api::core, many_draws},
   {"draw-provoking-vertex", Api::core, provoking_vertex},
};

} // namespace

std::span<const Scene> draw_scenes()
{
   return table;
}

} // namespace render
