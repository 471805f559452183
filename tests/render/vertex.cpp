// SPDX-License-Identifier: MIT
// Vertex fetch: formats, strides, offsets, constant attributes, client arrays.
#include "scene.hpp"

#include <cstring>

namespace render {
namespace {

constexpr char tint4_vs[] = "in vec2 position; in vec4 tint; out vec4 c;\n"
                            "void main() { c = tint; gl_Position = vec4(position, 0.0, 1.0); }\n";
constexpr char tint4_fs[] = "in vec4 c; out vec4 result;\n"
                            "void main() { result = vec4(c.rgb * c.a, 1.0); }\n";

struct Format {
   GLenum type;
   GLint components;
   GLboolean normalized;
   size_t bytes; // of one vertex
};

// Four vertices of random bytes in each format; floats get sane values instead.
void formats(Test &t)
{
   static constexpr Format all[] = {
      {GL_UNSIGNED_BYTE, 4, GL_TRUE, 4},  {GL_BYTE, 4, GL_TRUE, 4},
      {GL_UNSIGNED_SHORT, 2, GL_TRUE, 4}, {GL_UNSIGNED_SHORT, 4, GL_TRUE, 8},
      {GL_SHORT, 4, GL_TRUE, 8},          {GL_UNSIGNED_INT, 3, GL_TRUE, 12},
      {GL_INT, 4, GL_TRUE, 16},           {GL_UNSIGNED_BYTE, 3, GL_TRUE, 4},
      {GL_UNSIGNED_BYTE, GL_BGRA, GL_TRUE, 4},
      {GL_UNSIGNED_INT_2_10_10_10_REV, 4, GL_TRUE, 4},
      {GL_INT_2_10_10_10_REV, 4, GL_TRUE, 4},
      {GL_UNSIGNED_INT_2_10_10_10_REV, GL_BGRA, GL_TRUE, 4},
   };
   t.clear({0, 0, 0});
   t.program(tint4_vs, tint4_fs);
   t.vertex_array();
   t.attribute(0, 2, {-1, -1, 1, -1, -1, 1, 1, 1});
   int i = 0;
   for (const Format &format : all) {
      Random random(static_cast<uint32_t>(100 + i));
      t.buffer(GL_ARRAY_BUFFER, random.bytes(format.bytes * 4));
      glVertexAttribPointer(2, format.components, format.type, format.normalized,
                            static_cast<GLsizei>(format.bytes), nullptr);
      glEnableVertexAttribArray(2);
      t.tile(i++);
      glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
   }
   // Halves, doubles, and numbers that are not normalized.
   std::vector<uint16_t> halves;
   for (int v = 0; v < 16; v++)
      halves.push_back(static_cast<uint16_t>(0x3000 + v * 0x90)); // 0.125 … 1.0
   t.buffer(GL_ARRAY_BUFFER, halves);
   glVertexAttribPointer(2, 4, GL_HALF_FLOAT, GL_FALSE, 8, nullptr);
   t.tile(i++);
   glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
   t.buffer(GL_ARRAY_BUFFER,
            std::vector<double>{0.1, 0.5, 0.9, 0.9, 0.1, 0.5, 0.2, 0.2, 0.8, 0.7, 0.3, 1.0});
   glVertexAttribPointer(2, 3, GL_DOUBLE, GL_FALSE, 24, nullptr);
   t.tile(i++);
   glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
   t.buffer(GL_ARRAY_BUFFER, std::vector<int8_t>{0, 1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1, 1, 0, 1});
   glVertexAttribPointer(2, 4, GL_BYTE, GL_FALSE, 4, nullptr);
   t.tile(i++);
   glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
   glVertexAttribPointer(2, 1, GL_BYTE, GL_FALSE, 4, nullptr); // the rest is 0, 0, 1
   t.tile(i++);
   glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
}

void integers(Test &t)
{
   t.clear({0, 0, 0});
   t.vertex_array();
   t.attribute(0, 2, {-1, -1, 1, -1, -1, 1, 1, 1});
   const std::vector<int32_t> numbers{-3, 250, 70000, -70000, 17, -200, 300, 1,
                                      -128, 127, 255, 65535, 5, 6, 7, 8};
   t.buffer(GL_ARRAY_BUFFER, numbers);
   int i = 0;
   const auto draw_as = [&](const char *type, std::initializer_list<GLenum> formats) {
      t.program(std::string("in vec2 position; in ") + type +
                   " tint; flat out vec4 c;\nvoid main() {\n"
                   "uvec4 u = uvec4(tint); c = vec4((u >> 3u) & 31u) / 31.0;\n"
                   "gl_Position = vec4(position, 0.0, 1.0); }\n",
                "flat in vec4 c; out vec4 result;\nvoid main() { result = c; }\n");
      for (GLenum format : formats) {
         glVertexAttribIPointer(2, 4, format, 16, nullptr);
         glEnableVertexAttribArray(2);
         t.tile(i++);
         glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
      }
   };
   draw_as("ivec4", {GL_BYTE, GL_SHORT, GL_INT});
   draw_as("uvec4", {GL_UNSIGNED_BYTE, GL_UNSIGNED_SHORT, GL_UNSIGNED_INT});
}

void strides_offsets(Test &t)
{
   t.clear({0.05f, 0.05f, 0.05f});
   t.program(tint4_vs, tint4_fs);
   t.vertex_array();
   // Interleaved at odd places: 3 bytes of padding in front of each colour.
   std::vector<uint8_t> bytes(400, 0xee);
   Random random(3);
   static constexpr float corners[] = {-0.9f, -0.9f, 0.9f, -0.7f, -0.7f, 0.9f, 0.8f, 0.8f};
   for (size_t v = 0; v < 4; v++) {
      memcpy(&bytes[16 + v * 36], &corners[v * 2], 8);
      for (size_t c = 0; c < 4; c++)
         bytes[16 + v * 36 + 12 + c] = static_cast<uint8_t>(random.next() >> 8);
   }
   t.buffer(GL_ARRAY_BUFFER, bytes);
   glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 36, reinterpret_cast<const void *>(16));
   glVertexAttribPointer(2, 4, GL_UNSIGNED_BYTE, GL_TRUE, 36, reinterpret_cast<const void *>(28));
   glEnableVertexAttribArray(0);
   glEnableVertexAttribArray(2);
   t.tile(0, 2);
   glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
   t.tile(1, 2); // a constant attribute in place of an array
   glDisableVertexAttribArray(2);
   glVertexAttrib4f(2, 0.9f, 0.6f, 0.1f, 0.9f);
   glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
   t.tile(2, 2);
   glVertexAttrib4Nub(2, 10, 200, 250, 255);
   glDrawArrays(GL_TRIANGLE_STRIP, 1, 3);
   t.tile(3, 2); // stride 0 in GL means tightly packed; positions of another buffer
   t.attribute(0, 2, {-1, -1, 1, -1, 0, 1});
   glEnableVertexAttribArray(2);
   glDrawArrays(GL_TRIANGLES, 0, 3);
}

void many_attributes(Test &t)
{
   t.clear({0, 0, 0});
   std::string vertex = "out vec4 c; in vec2 position;\n", sum = "vec4(0.0)";
   for (int i = 1; i < 16; i++) {
      vertex += "in vec4 extra" + std::to_string(i) + ";\n";
      sum += " + extra" + std::to_string(i);
   }
   vertex += "void main() { gl_Position = vec4(position, 0.0, 1.0); c = " + sum + "; }\n";
   const GLuint program = t.program(vertex, tint4_fs);
   t.vertex_array();
   t.attribute(0, 2, {-1, -1, 1, -1, -1, 1, 1, 1});
   Random random(5);
   for (int i = 1; i < 16; i++) {
      std::vector<float> v(16);
      for (float &f : v)
         f = random.unit() / 12;
      const std::string name = "extra" + std::to_string(i);
      t.attribute(static_cast<GLuint>(glGetAttribLocation(program, name.c_str())), 4, v);
   }
   glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
}

void client_arrays(Test &t)
{
   t.clear({0.1f, 0.1f, 0.2f});
   const float positions[] = {-0.9f, -0.9f, 0.9f, -0.9f, -0.9f, 0.9f, 0.9f, 0.9f, 0, 0};
   const uint8_t tints[] = {255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255,
                            255, 255, 0, 255, 255, 255, 255, 255};
   const uint16_t indices[] = {0, 1, 4, 1, 3, 4, 2, 3, 4};
   glEnableClientState(GL_VERTEX_ARRAY);
   glEnableClientState(GL_COLOR_ARRAY);
   glVertexPointer(2, GL_FLOAT, 0, positions);
   glColorPointer(4, GL_UNSIGNED_BYTE, 0, tints);
   t.tile(0, 2);
   glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
   t.tile(1, 2);
   glDrawElements(GL_TRIANGLES, 9, GL_UNSIGNED_SHORT, indices);
   t.tile(2, 2); // indices from a buffer, vertices from memory
   t.buffer(GL_ELEMENT_ARRAY_BUFFER, sizeof indices, indices);
   glDrawElements(GL_TRIANGLES, 6, GL_UNSIGNED_SHORT, reinterpret_cast<const void *>(6));
   t.tile(3, 2);
   glBindBuffer(GL_ELEMENT_ARRAY_BUFFER, 0);
   for (int i = 0; i < 20; i++) { // memory that changes right after each draw
      float moving[6] = {-0.9f + 0.08f * static_cast<float>(i), -0.5f,
                         -0.8f + 0.08f * static_cast<float>(i), 0.5f,
                         -0.85f + 0.08f * static_cast<float>(i), 0.9f};
      glVertexPointer(2, GL_FLOAT, 0, moving);
      glDrawArrays(GL_TRIANGLES, 0, 3);
   }
   glDisableClientState(GL_VERTEX_ARRAY);
   glDisableClientState(GL_COLOR_ARRAY);
}

// In fixed point, which hosts do not fetch: alone, beside other formats, by every kind of draw, and in
// primitives hosts lack. In between come draws with floats, which must find their state as it was.
void fixed_point(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   t.program(tint4_vs, tint4_fs);
   t.vertex_array();
   constexpr int32_t one = 1 << 16;
   const std::vector<int32_t> corners{-one, -one, one, -one, one, one, -one, one,
                                      -one / 2, -one, one / 2, -one, one, one / 4, 0, one};
   const std::vector<int32_t> tints{one, 0, 0, one, 0, one, 0, one / 2, one / 3, 0, one, one,
                                    one, one, 0, one * 3 / 4, 0, one, one, one, one, 0, one, one / 2,
                                    one / 2, one / 2, one, one, one, one / 5, one / 7, one};
   const GLuint fixed_corners = t.buffer(GL_ARRAY_BUFFER, corners);
   const GLuint fixed_tints = t.buffer(GL_ARRAY_BUFFER, tints);
   std::vector<float> numbers;
   for (int32_t n : corners)
      numbers.push_back(float(n) / float(2 * one));
   const GLuint floats = t.buffer(GL_ARRAY_BUFFER, numbers);
   t.buffer(GL_ELEMENT_ARRAY_BUFFER, std::vector<uint16_t>{0, 1, 2, 0, 2, 3, 1, 2, 3});
   t.buffer(GL_DRAW_INDIRECT_BUFFER, std::vector<uint32_t>{4, 1, 4, 0, /**/ 6, 1, 0, 4, 0});
   glEnableVertexAttribArray(0);
   glEnableVertexAttribArray(2);
   const auto positions = [&](bool fixed) {
      glBindBuffer(GL_ARRAY_BUFFER, fixed ? fixed_corners : floats);
      glVertexAttribPointer(0, 2, fixed ? GL_FIXED : GL_FLOAT, GL_FALSE, 8, nullptr);
   };
   glBindBuffer(GL_ARRAY_BUFFER, fixed_tints);
   glVertexAttribPointer(2, 4, GL_FIXED, GL_FALSE, 16, nullptr);

   int i = 0;
   for (bool fixed : {true, false}) {
      positions(fixed);
      t.tile(i++);
      glDrawArrays(GL_TRIANGLE_FAN, 0, 4);
      t.tile(i++);
      glDrawElements(GL_TRIANGLES, 6, GL_UNSIGNED_SHORT, nullptr);
      t.tile(i++);
      glDrawElementsBaseVertex(GL_TRIANGLES, 3, GL_UNSIGNED_SHORT, reinterpret_cast<void *>(12), 4);
      t.tile(i++);
      glDrawArraysIndirect(GL_TRIANGLE_FAN, nullptr);
      t.tile(i++);
      glDrawElementsIndirect(GL_TRIANGLES, GL_UNSIGNED_SHORT, reinterpret_cast<void *>(16));
      const GLint first[2] = {0, 4};
      const GLsizei count[2] = {3, 4};
      t.tile(i++);
      glMultiDrawArrays(GL_TRIANGLE_FAN, first, count, 2);
   }
   positions(true);
   glVertexAttribDivisor(2, 1);
   t.tile(i++);
   glDrawArraysInstancedBaseInstance(GL_TRIANGLES, 4, 3, 2, 1);
   glVertexAttribDivisor(2, 0);

   glDisableVertexAttribArray(2);
   glVertexAttrib4f(2, 0.2f, 0.9f, 0.4f, 1.0f);
   positions(false);
   t.tile(i++);
   glDrawArrays(GL_TRIANGLE_FAN, 0, 4);
}

// The same buffers set again and again, and changed in the one way that is not looked for.
void same_buffers(Test &t)
{
   t.clear({0, 0, 0});
   t.program(tint4_vs, tint4_fs);
   const GLuint corners = t.buffer(GL_ARRAY_BUFFER, std::vector<float>{-1, -1, 1, -1, -1, 1, 1, 1,
                                                                       0, -1, 1, 0, -1, 0, 0, 1});
   const GLuint bytes = t.buffer(GL_ARRAY_BUFFER, Random(7).bytes(256));
   const GLuint arrays[2] = {t.vertex_array(), t.vertex_array()};
   int i = 0;
   const auto draw = [&](GLuint array, size_t corner_offset, GLsizei stride, size_t tint_offset,
                         GLint components) {
      glBindVertexArray(array);
      glBindBuffer(GL_ARRAY_BUFFER, corners);
      glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 8, reinterpret_cast<void *>(corner_offset));
      glEnableVertexAttribArray(0);
      glBindBuffer(GL_ARRAY_BUFFER, bytes);
      glVertexAttribPointer(2, components, GL_UNSIGNED_BYTE, GL_TRUE, stride,
                            reinterpret_cast<void *>(tint_offset));
      glEnableVertexAttribArray(2);
      t.tile(i++);
      glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
   };
   for (int round = 0; round < 2; round++) {
      draw(arrays[0], 0, 4, 0, 4);
      draw(arrays[0], 0, 4, 0, 3);
      draw(arrays[1], 0, 4, 0, 3);
      draw(arrays[1], 0, 16, 0, 3);
      draw(arrays[1], 0, 16, 4, 3);
      draw(arrays[0], 32, 16, 4, 4);
      // The same buffer with other memory behind it.
      glBindBuffer(GL_ARRAY_BUFFER, bytes);
      glBufferData(GL_ARRAY_BUFFER, 256, Random(uint32_t(8 + round)).bytes(256).data(),
                   GL_STATIC_DRAW);
      draw(arrays[0], 32, 16, 4, 4);
      glDisableVertexAttribArray(2);
      glVertexAttrib4f(2, 0.3f, 0.6f, 0.9f, 1.0f);
      t.tile(i++);
      glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
   }
}

constexpr Scene table[] = {
   {"vertex-formats", Api::core, formats},
   {"vertex-integers", Api::core, integers},
   {"vertex-strides-offsets", Api::core, strides_offsets},
   {"vertex-many-attributes", Api::core, many_attributes},
   {"vertex-client-arrays", Api::compat, client_arrays},
   {"vertex-fixed-point", Api::core, fixed_point},
   {"vertex-same-buffers", Api::core, same_buffers},
};

} // namespace

std::span<const Scene> vertex_scenes()
{
   return table;
}

} // namespace render
