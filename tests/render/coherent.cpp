// SPDX-License-Identifier: MIT
// Buffers that stay mapped while the GPU works with them: written by the CPU, by the GPU and by both.
#include "scene.hpp"

#include <cstring>
#include <thread>

namespace render {
namespace {

constexpr GLbitfield coherent = GL_MAP_PERSISTENT_BIT | GL_MAP_COHERENT_BIT;
constexpr GLbitfield both_ways = GL_MAP_READ_BIT | GL_MAP_WRITE_BIT | coherent;

// A buffer with immutable storage, mapped for good.
struct Mapped {
   GLuint name = 0;
   uint8_t *bytes = nullptr;

   Mapped(Test &t, GLenum target, size_t size, GLbitfield access, const void *data = nullptr,
          GLbitfield more_storage = 0, GLbitfield more_access = 0)
   {
      glGenBuffers(1, &name);
      glBindBuffer(target, name);
      glBufferStorage(target, GLsizeiptr(size), data, access | more_storage);
      bytes = static_cast<uint8_t *>(
         glMapBufferRange(target, 0, GLsizeiptr(size), access | more_access));
      if (!bytes)
         t.fail("a buffer of %zu bytes cannot be mapped (0x%04x)", size, glGetError());
   }
   float *floats(size_t offset = 0) const { return reinterpret_cast<float *>(bytes + offset); }
   uint32_t *words(size_t offset = 0) const { return reinterpret_cast<uint32_t *>(bytes + offset); }
   explicit operator bool() const { return bytes != nullptr; }
};

void wait(Test &t)
{
   GLsync fence = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
   const GLenum status = glClientWaitSync(fence, GL_SYNC_FLUSH_COMMANDS_BIT, 10'000'000'000ull);
   if (status != GL_ALREADY_SIGNALED && status != GL_CONDITION_SATISFIED)
      t.fail("a fence is not reached (0x%04x)", status);
   glDeleteSync(fence);
}

// A triangle in cell i of a 16 × 16 grid: 9 floats.
void put_cell(float *to, int i)
{
   const float x = -1.0f + 0.125f * float(i % 16), y = -1.0f + 0.125f * float(i / 16 % 16);
   const float v[] = {x + 0.01f, y + 0.01f, 0, x + 0.11f, y + 0.01f, 0, x + 0.05f, y + 0.11f, 0};
   std::memcpy(to, v, sizeof(v));
}
constexpr size_t cell_bytes = 36;

void positions_from(GLuint buffer)
{
   glBindBuffer(GL_ARRAY_BUFFER, buffer);
   glVertexAttribPointer(0, 3, GL_FLOAT, GL_FALSE, 0, nullptr);
   glEnableVertexAttribArray(0);
}

// What is in memory as a picture, for scenes that draw nothing themselves: 64 words, each a colour.
void show_words(Test &t, const uint32_t *words)
{
   t.clear({0.1f, 0.1f, 0.1f});
   for (int i = 0; i < 64; i++) {
      const auto part = [&](int shift) { return float(words[i] >> shift & 0xff) / 255.0f; };
      t.use_flat({part(0), part(8), part(16), 1.0f});
      const float x = -1.0f + 0.25f * float(i % 8), y = -1.0f + 0.25f * float(i / 8);
      t.rect(x + 0.02f, y + 0.02f, x + 0.23f, y + 0.23f);
   }
}

GLuint compute_program(Test &t, const char *body)
{
   const std::string text = std::string("#version 430\n") + body;
   const char *source = text.c_str();
   const GLuint program = glCreateShaderProgramv(GL_COMPUTE_SHADER, 1, &source);
   GLint ok = 0;
   glGetProgramiv(program, GL_LINK_STATUS, &ok);
   if (!ok)
      t.fail("no compute program");
   glUseProgram(program);
   return program;
}

// --- written by the CPU --------------------------------------------------------------------------

// Three segments in turn, each free again when its fence is reached; flushes in between or not.
void vertex_ring(Test &t)
{
   if (!t.need("GL_ARB_buffer_storage"))
      return;
   t.clear({0.1f, 0.1f, 0.1f});
   t.flat_program();
   t.vertex_array();
   constexpr size_t segment = 8 * cell_bytes; // several in a page
   const Mapped ring(t, GL_ARRAY_BUFFER, 3 * segment, GL_MAP_WRITE_BIT | coherent);
   if (!ring)
      return;
   positions_from(ring.name);
   GLsync fences[3] = {};
   for (int frame = 0; frame < 30; frame++) {
      GLsync &fence = fences[frame % 3];
      if (fence) {
         glClientWaitSync(fence, GL_SYNC_FLUSH_COMMANDS_BIT, GL_TIMEOUT_IGNORED);
         glDeleteSync(fence);
      }
      for (int i = 0; i < 8; i++) {
         const int slot = frame % 3 * 8 + i;
         put_cell(ring.floats(size_t(slot) * cell_bytes), frame * 8 + i);
         t.use_flat(colour(frame + i));
         glDrawArrays(GL_TRIANGLES, slot * 3, 3);
      }
      fence = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
      if (frame % 4 == 0)
         glFlush();
   }
   for (GLsync fence : fences)
      glDeleteSync(fence);
}

// A large buffer of which draws use scattered places, with indices in it too; instances; a base vertex.
void indexed(Test &t)
{
   if (!t.need("GL_ARB_buffer_storage"))
      return;
   t.clear({0.1f, 0.1f, 0.1f});
   t.flat_program();
   t.vertex_array();
   constexpr size_t size = 4 << 20;
   const Mapped m(t, GL_ARRAY_BUFFER, size, both_ways);
   if (!m)
      return;
   positions_from(m.name);
   glBindBuffer(GL_ELEMENT_ARRAY_BUFFER, m.name);
   for (int i = 0; i < 60; i++) {
      const size_t vertex = size_t(i) * 5003 + 7;
      put_cell(m.floats(vertex * 12), i * 4);
      const uint16_t indices[] = {uint16_t(vertex % 1000), uint16_t(vertex % 1000 + 1), 0xffff,
                                  uint16_t(vertex % 1000 + 2)};
      // The third index is written over the restart index, after an earlier draw has used the page.
      const size_t at = (3 << 20) + size_t(i) * 8;
      std::memcpy(m.bytes + at, indices, 8);
      std::memcpy(m.bytes + at + 4, &indices[3], 2);
      t.use_flat(colour(i));
      glDrawElementsBaseVertex(GL_TRIANGLES, 3, GL_UNSIGNED_SHORT, reinterpret_cast<void *>(at),
                               GLint(vertex - vertex % 1000));
      if (i % 7 == 0)
         wait(t);
   }
}

void uniform_ring(Test &t)
{
   if (!t.need("GL_ARB_buffer_storage"))
      return;
   t.clear({0.1f, 0.1f, 0.1f});
   const GLuint program =
      t.quad_program("layout(std140) uniform Block { vec4 shade; };\nvoid main() { result = shade; }\n");
   glUniformBlockBinding(program, glGetUniformBlockIndex(program, "Block"), 0);
   const Mapped m(t, GL_UNIFORM_BUFFER, 16 * 256, GL_MAP_WRITE_BIT | coherent);
   if (!m)
      return;
   for (int i = 0; i < 64; i++) {
      const size_t at = size_t(i) % 16 * 256;
      if (at == 0)
         wait(t); // all are free again
      const Colour c = colour(i);
      const float shade[] = {c.r, c.g, c.b, 1.0f};
      std::memcpy(m.bytes + at, shade, sizeof(shade));
      if (i % 2)
         glBindBufferRange(GL_UNIFORM_BUFFER, 0, m.name, GLintptr(at), 16);
      else // what is bound reaches further than what is new
         glBindBufferRange(GL_UNIFORM_BUFFER, 0, m.name, GLintptr(at), 256);
      t.tile(i, 8);
      t.rect(-0.9f, -0.9f, 0.9f, 0.9f);
   }
}

// Bound before it is mapped, written after each wait, never bound again.
void bound_before(Test &t)
{
   if (!t.need("GL_ARB_buffer_storage") || !t.need("GL_ARB_texture_buffer_object"))
      return;
   t.clear({0.1f, 0.1f, 0.1f});
   const GLuint program =
      t.quad_program("uniform samplerBuffer tex; layout(std140) uniform Block { vec4 tone; };\n"
                     "void main() { result = texelFetch(tex, int(uv.x * 7.99)) * tone; }\n");
   GLuint names[2];
   glGenBuffers(2, names);
   std::vector<float> start(32, 0.5f);
   glBindBuffer(GL_TEXTURE_BUFFER, names[0]);
   glBufferStorage(GL_TEXTURE_BUFFER, 128, start.data(), both_ways);
   glBindBuffer(GL_UNIFORM_BUFFER, names[1]);
   glBufferStorage(GL_UNIFORM_BUFFER, 16, start.data(), both_ways);
   GLuint texture = 0;
   glGenTextures(1, &texture);
   glBindTexture(GL_TEXTURE_BUFFER, texture);
   glTexBuffer(GL_TEXTURE_BUFFER, GL_RGBA32F, names[0]);
   glUniform1i(glGetUniformLocation(program, "tex"), 0);
   glUniformBlockBinding(program, glGetUniformBlockIndex(program, "Block"), 0);
   glBindBufferBase(GL_UNIFORM_BUFFER, 0, names[1]);
   t.tile(0);
   t.rect();
   auto *texels = static_cast<float *>(glMapBufferRange(GL_TEXTURE_BUFFER, 0, 128, both_ways));
   auto *tone = static_cast<float *>(glMapBufferRange(GL_UNIFORM_BUFFER, 0, 16, both_ways));
   if (!texels || !tone) {
      t.fail("not mapped");
      return;
   }
   for (int i = 1; i < 16; i++) {
      for (int k = 0; k < 8; k++) {
         const Colour c = colour(i + k);
         const float shade[] = {c.r, c.g, c.b, 1.0f};
         std::memcpy(texels + 4 * k, shade, sizeof(shade));
      }
      tone[i % 3] = 0.25f * float(i % 5);
      t.tile(i);
      t.rect();
      wait(t);
   }
}

// Changed by commands while it is mapped: each draw has the contents of its time.
void commands_between(Test &t)
{
   if (!t.need("GL_ARB_buffer_storage"))
      return;
   t.clear({0.1f, 0.1f, 0.1f});
   t.flat_program();
   t.vertex_array();
   const Mapped m(t, GL_ARRAY_BUFFER, 4096, both_ways, nullptr, GL_DYNAMIC_STORAGE_BIT);
   if (!m)
      return;
   const GLuint other = t.buffer(GL_COPY_READ_BUFFER, 64 * cell_bytes, nullptr, GL_STATIC_DRAW);
   std::vector<float> cells(64 * 9);
   for (int i = 0; i < 64; i++)
      put_cell(&cells[size_t(i) * 9], 100 + i);
   glBufferSubData(GL_COPY_READ_BUFFER, 0, 64 * cell_bytes, cells.data());
   positions_from(m.name);
   for (int i = 0; i < 60; i++) {
      t.use_flat(colour(i));
      switch (i % 3) {
      case 0:
         glBufferSubData(GL_ARRAY_BUFFER, 0, cell_bytes, &cells[size_t(i) * 9]);
         glDrawArrays(GL_TRIANGLES, 0, 3);
         break;
      case 1:
         glCopyBufferSubData(GL_COPY_READ_BUFFER, GL_ARRAY_BUFFER, i * GLintptr(cell_bytes), 0,
                             cell_bytes);
         glDrawArrays(GL_TRIANGLES, 0, 3);
         break;
      default: // by the CPU, elsewhere in the page
         put_cell(m.floats(cell_bytes * size_t(1 + i)), i);
         glDrawArrays(GL_TRIANGLES, (1 + i) * 3, 3);
         break;
      }
   }
   wait(t);
   std::vector<uint8_t> seen(m.bytes, m.bytes + cell_bytes);
   t.hash("the last written", seen);
   glBindBuffer(GL_COPY_READ_BUFFER, other);
}

void flushed_ranges(Test &t)
{
   if (!t.need("GL_ARB_buffer_storage"))
      return;
   t.clear({0.1f, 0.1f, 0.1f});
   t.flat_program();
   t.vertex_array();
   const Mapped m(t, GL_ARRAY_BUFFER, 64 * cell_bytes, GL_MAP_WRITE_BIT | GL_MAP_PERSISTENT_BIT,
                  nullptr, 0, GL_MAP_FLUSH_EXPLICIT_BIT);
   if (!m)
      return;
   positions_from(m.name);
   for (int i = 0; i < 64; i++) {
      put_cell(m.floats(size_t(i) * cell_bytes), i * 3);
      glFlushMappedBufferRange(GL_ARRAY_BUFFER, i * GLintptr(cell_bytes), cell_bytes);
      t.use_flat(colour(i));
      glDrawArrays(GL_TRIANGLES, i * 3, 3);
   }
   // Unmapped, written to in the usual way, mapped again.
   glUnmapBuffer(GL_ARRAY_BUFFER);
   if (auto *again = static_cast<uint8_t *>(glMapBufferRange(
          GL_ARRAY_BUFFER, 0, 64 * cell_bytes, GL_MAP_WRITE_BIT | GL_MAP_PERSISTENT_BIT))) {
      put_cell(reinterpret_cast<float *>(again), 255);
      glMemoryBarrier(GL_CLIENT_MAPPED_BUFFER_BARRIER_BIT);
      glDrawArrays(GL_TRIANGLES, 0, 3);
   }
}

void indirect(Test &t)
{
   if (!t.need("GL_ARB_buffer_storage") || !t.need("GL_ARB_multi_draw_indirect"))
      return;
   t.clear({0.1f, 0.1f, 0.1f});
   t.flat_program();
   t.vertex_array();
   const Mapped vertices(t, GL_ARRAY_BUFFER, 128 * cell_bytes, GL_MAP_WRITE_BIT | coherent);
   const Mapped commands(t, GL_DRAW_INDIRECT_BUFFER, 65536, GL_MAP_WRITE_BIT | coherent);
   if (!vertices || !commands)
      return;
   positions_from(vertices.name);
   for (int i = 0; i < 16; i++) {
      for (int k = 0; k < 4; k++) {
         const uint32_t first = uint32_t(i * 4 + k) * 3;
         const uint32_t command[] = {3, 1, first, 0};
         std::memcpy(commands.bytes + 64 * k, command, sizeof(command));
         put_cell(vertices.floats(first * 12), i * 16 + k);
      }
      t.use_flat(colour(i));
      glMultiDrawArraysIndirect(GL_TRIANGLES, nullptr, 4, 64);
      wait(t);
   }
}

// --- written by the GPU --------------------------------------------------------------------------

// A counter the GPU counts up and the CPU sets back, always to the same value; the CPU writes other
// bytes of the page, which the GPU copies, without waiting.
void counter(Test &t)
{
   if (!t.need("GL_ARB_buffer_storage") || !t.need("GL_ARB_compute_shader"))
      return;
   compute_program(t, "layout(local_size_x = 4) in;\n"
                      "layout(std430, binding = 0) buffer B { uint count; uint copied; uint data[]; };\n"
                      "void main() { atomicAdd(count, data[gl_LocalInvocationIndex]);\n"
                      "if (gl_LocalInvocationIndex == 0u) copied = data[8]; }\n");
   const Mapped m(t, GL_SHADER_STORAGE_BUFFER, 8192, both_ways);
   if (!m)
      return;
   std::memset(m.bytes, 0, 8192);
   glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0, m.name);
   long long wrong = 0, sum = 0;
   for (uint32_t i = 0; i < 40; i++) {
      m.words()[0] = 0;
      for (uint32_t k = 0; k < 4; k++)
         m.words()[2 + k] = i + k;
      m.words()[10] = i * 1000;
      glDispatchCompute(1 + i % 3, 1, 1);
      if (i % 2)
         glFlush();
      for (uint32_t k = 0; k < 100; k++) // meanwhile, elsewhere in the page
         m.words()[20 + (i * 100 + k) % 900] = i + k;
      wait(t);
      const uint32_t wanted = (1 + i % 3) * (4 * i + 6);
      wrong += m.words()[0] != wanted || m.words()[1] != i * 1000;
      for (uint32_t k = 0; k < 100; k++)
         wrong += m.words()[20 + (i * 100 + k) % 900] != i + k;
      sum += m.words()[0];
   }
   if (wrong)
      t.fail("%lld words are wrong", wrong);
   t.value("sum", sum);
   show_words(t, m.words());
}

void copied_into(Test &t)
{
   if (!t.need("GL_ARB_buffer_storage"))
      return;
   std::vector<uint8_t> random = Random(3).bytes(100000);
   const GLuint source = t.buffer(GL_COPY_READ_BUFFER, random);
   const Mapped m(t, GL_COPY_WRITE_BUFFER, 100000, GL_MAP_READ_BIT | coherent);
   if (!m)
      return;
   for (int i = 0; i < 20; i++) {
      glCopyBufferSubData(GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, i * 100, i * 4999, 3000 - i);
      if (i % 3 == 0)
         glFlush();
      if (i % 5 != 4)
         continue;
      wait(t);
      for (int k = i - 4; k <= i; k++) {
         if (std::memcmp(m.bytes + k * 4999, &random[size_t(k) * 100], size_t(3000 - k)) != 0)
            t.fail("copy %d does not show", k);
      }
   }
   // Pixels, whose way leads over a map by Mesa itself.
   t.clear({0.2f, 0.4f, 0.6f});
   t.use_flat(colour(3));
   t.rect(-0.5f, -0.5f, 0.5f, 0.5f);
   glBindBuffer(GL_PIXEL_PACK_BUFFER, m.name);
   glReadPixels(60, 60, 128, 128, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   wait(t);
   std::vector<uint8_t> pixels(m.bytes, m.bytes + 128 * 128 * 4);
   t.hash("pixels", pixels);
   glBindBuffer(GL_PIXEL_PACK_BUFFER, 0);
   glBindBuffer(GL_COPY_READ_BUFFER, source);
}

void captured(Test &t)
{
   if (!t.need("GL_ARB_buffer_storage"))
      return;
   t.clear({0.1f, 0.1f, 0.1f});
   static constexpr const char *names[] = {"place"};
   const GLuint program =
      t.program("in vec3 position; uniform float scale; out vec3 place;\n"
                "void main() { place = position * scale; gl_Position = vec4(place, 1.0); }\n",
                "out vec4 result; void main() { result = vec4(0.3, 0.6, 0.9, 1.0); }\n", {}, names);
   const Mapped m(t, GL_TRANSFORM_FEEDBACK_BUFFER, 65536, both_ways);
   if (!m)
      return;
   glBindBufferRange(GL_TRANSFORM_FEEDBACK_BUFFER, 0, m.name, 256, 1024);
   for (int i = 1; i <= 4; i++) {
      glUniform1f(glGetUniformLocation(program, "scale"), 0.25f * float(i));
      m.words()[i] = uint32_t(i); // outside of what is captured
      glBeginTransformFeedback(GL_TRIANGLES);
      t.rect();
      glEndTransformFeedback();
      wait(t);
      for (int k = 0; k < 18; k++)
         t.value("captured", static_cast<long long>(m.floats(256)[k] * 4096.0f));
      t.value("kept", m.words()[i]);
   }
   show_words(t, m.words());
}

// Written by the GPU while nobody has it mapped, with changes by the CPU from before.
void between_maps(Test &t)
{
   if (!t.need("GL_ARB_buffer_storage") || !t.need("GL_ARB_compute_shader"))
      return;
   compute_program(t, "layout(local_size_x = 16) in;\n"
                      "layout(std430, binding = 0) buffer B { uint data[]; };\n"
                      "void main() { data[gl_GlobalInvocationID.x * 3u] += gl_GlobalInvocationID.x; }\n");
   const GLbitfield accesses[] = {both_ways, GL_MAP_READ_BIT, GL_MAP_WRITE_BIT | coherent,
                                  GL_MAP_READ_BIT | GL_MAP_WRITE_BIT,
                                  GL_MAP_WRITE_BIT | coherent | GL_MAP_UNSYNCHRONIZED_BIT};
   Mapped m(t, GL_SHADER_STORAGE_BUFFER, 40000, both_ways);
   if (!m)
      return;
   std::memset(m.bytes, 1, 40000);
   glUnmapBuffer(GL_SHADER_STORAGE_BUFFER);
   glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0, m.name);
   for (int i = 0; i < 15; i++) {
      glDispatchCompute(20, 1, 1);
      if (i % 3 == 0)
         glFlush();
      if (i % 5 == 4)
         glFinish(); // owed by who maps unsynchronised
      const GLbitfield access = accesses[i % 5];
      auto *words = static_cast<uint32_t *>(
         glMapBufferRange(GL_SHADER_STORAGE_BUFFER, 0, 40000, access));
      if (!words) {
         t.fail("map %d fails", i);
         return;
      }
      if (access & GL_MAP_READ_BIT) {
         std::vector<uint8_t> seen(reinterpret_cast<uint8_t *>(words),
                                   reinterpret_cast<uint8_t *>(words) + 4000);
         t.hash("seen", seen);
      }
      if (access & GL_MAP_WRITE_BIT) {
         for (int k = 0; k < 50; k++)
            words[i * 57 + k] = uint32_t(i * 1000 + k);
      }
      glUnmapBuffer(GL_SHADER_STORAGE_BUFFER);
   }
   std::vector<uint8_t> back(40000);
   glGetBufferSubData(GL_SHADER_STORAGE_BUFFER, 0, 40000, back.data());
   t.hash("in the end", back);
   show_words(t, reinterpret_cast<const uint32_t *>(back.data()));
}

// Two contexts in two threads: each has a half of the page, one reads what the other's GPU wrote.
void two_contexts(Test &t)
{
   if (!t.need("GL_ARB_buffer_storage") || !t.need("GL_ARB_compute_shader"))
      return;
   const EGLint attributes[] = {EGL_CONTEXT_MAJOR_VERSION, 4, EGL_CONTEXT_MINOR_VERSION, 3, EGL_NONE};
   EGLContext other = eglCreateContext(t.display(), t.config(), t.context(), attributes);
   if (other == EGL_NO_CONTEXT) {
      t.fail("no second context");
      return;
   }
   const char *body = "layout(local_size_x = 8) in; layout(location = 0) uniform uint at;\n"
                      "layout(std430, binding = 0) buffer B { uint data[]; };\n"
                      "void main() { uint i = at + gl_LocalInvocationIndex;\n"
                      "data[i + 64u] = data[i] * 2u + 1u; }\n";
   const Mapped m(t, GL_SHADER_STORAGE_BUFFER, 4096, both_ways);
   if (!m)
      return;
   long long wrong[2] = {};
   const auto work = [&](uint32_t side) {
      compute_program(t, body);
      glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0, m.name);
      const uint32_t at = side * 512;
      glUniform1ui(0, at);
      for (uint32_t i = 0; i < 50; i++) {
         for (uint32_t k = 0; k < 8; k++)
            m.words()[at + k] = i * 16 + k + side;
         glDispatchCompute(1, 1, 1);
         wait(t);
         for (uint32_t k = 0; k < 8; k++)
            wrong[side] += m.words()[at + 64 + k] != (i * 16 + k + side) * 2 + 1;
      }
   };
   std::thread second([&] {
      eglBindAPI(EGL_OPENGL_API);
      if (!eglMakeCurrent(t.display(), EGL_NO_SURFACE, EGL_NO_SURFACE, other)) {
         wrong[1] = -1;
         return;
      }
      work(1);
      eglMakeCurrent(t.display(), EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
   });
   work(0);
   second.join();
   eglDestroyContext(t.display(), other);
   if (wrong[0] || wrong[1])
      t.fail("%lld and %lld words are wrong", wrong[0], wrong[1]);
   show_words(t, m.words(256));
}

// Immediate mode has buffers of that kind: more vertices than one holds, in draws of all sizes.
void immediate(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   glMatrixMode(GL_PROJECTION);
   glLoadIdentity();
   for (int i = 0; i < 3000; i++) {
      const Colour c = colour(i);
      float v[9];
      put_cell(v, i * 7);
      glColor3f(c.r, c.g, c.b);
      glBegin(GL_TRIANGLES);
      for (int k = 0; k < 1 + i % 40; k++) {
         for (int n = 0; n < 3; n++)
            glVertex3fv(v + 3 * n);
      }
      glEnd();
      if (i % 100 == 0)
         glEnable(i % 200 ? GL_BLEND : GL_DITHER); // ends the batch of primitives
      if (i % 997 == 0)
         glFinish();
   }
}

constexpr Scene table[] = {
   {"coherent-vertex-ring", Api::core, vertex_ring},
   {"coherent-indexed", Api::core, indexed},
   {"coherent-uniform-ring", Api::core, uniform_ring},
   {"coherent-bound-before", Api::core, bound_before},
   {"coherent-commands-between", Api::core, commands_between},
   {"coherent-flushed-ranges", Api::core, flushed_ranges},
   {"coherent-indirect", Api::core, indirect},
   {"coherent-counter", Api::core, counter},
   {"coherent-copied-into", Api::core, copied_into},
   {"coherent-captured", Api::core, captured},
   {"coherent-between-maps", Api::core, between_maps},
   {"coherent-two-contexts", Api::core, two_contexts},
   {"legacy-immediate-much", Api::compat, immediate},
};

} // namespace

std::span<const Scene> coherent_scenes()
{
   return table;
}

} // namespace render
