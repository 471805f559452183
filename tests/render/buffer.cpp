// SPDX-License-Identifier: MIT
// Buffers: updates between draws, mapping with every combination of flags, orphaning.
#include "scene.hpp"

#include <algorithm>
#include <cstring>

namespace render {
namespace {

// Three vertices of a triangle in cell i of a 16 × 16 grid.
std::vector<float> cell(int i)
{
   const float x = -1.0f + 0.125f * static_cast<float>(i % 16);
   const float y = -1.0f + 0.125f * static_cast<float>(i / 16 % 16);
   return {x + 0.01f, y + 0.01f, 0, x + 0.11f, y + 0.01f, 0, x + 0.05f, y + 0.11f, 0};
}

constexpr GLsizeiptr cell_bytes = 36;

void start(Test &t, GLuint buffer)
{
   t.flat_program();
   t.vertex_array();
   glBindBuffer(GL_ARRAY_BUFFER, buffer);
   glVertexAttribPointer(0, 3, GL_FLOAT, GL_FALSE, 0, nullptr);
   glEnableVertexAttribArray(0);
}

void sub_data(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   start(t, t.buffer(GL_ARRAY_BUFFER, 3 * cell_bytes, nullptr, GL_DYNAMIC_DRAW));
   for (int i = 0; i < 200; i++) { // the same place again and again, each drawn in between
      t.use_flat(colour(i));
      glBufferSubData(GL_ARRAY_BUFFER, i % 3 * cell_bytes, cell_bytes, cell(i).data());
      glDrawArrays(GL_TRIANGLES, i % 3 * 3, 3);
   }
   // Small pieces that touch and overlap.
   std::vector<float> v = cell(230);
   for (size_t k = 0; k < 9; k++)
      glBufferSubData(GL_ARRAY_BUFFER, static_cast<GLintptr>(k * 4), 4, &v[k]);
   v = cell(231);
   glBufferSubData(GL_ARRAY_BUFFER, 36, 20, v.data());
   glBufferSubData(GL_ARRAY_BUFFER, 48, 24, v.data() + 3);
   glDrawArrays(GL_TRIANGLES, 0, 6);
   std::vector<uint8_t> back(108);
   glGetBufferSubData(GL_ARRAY_BUFFER, 0, 108, back.data());
   t.hash("contents", back);
}

void map_flags(Test &t)
{
   static constexpr GLbitfield extras[] = {
      GL_MAP_INVALIDATE_RANGE_BIT, GL_MAP_INVALIDATE_BUFFER_BIT, GL_MAP_UNSYNCHRONIZED_BIT,
      GL_MAP_FLUSH_EXPLICIT_BIT};
   t.clear({0.1f, 0.1f, 0.1f});
   int drawn = 0;
   for (unsigned bits = 0; bits < 16; bits++) {
      GLbitfield flags = GL_MAP_WRITE_BIT;
      for (unsigned k = 0; k < 4; k++)
         flags |= bits >> k & 1 ? extras[k] : 0;
      for (bool read : {false, true}) {
         if (read && (flags & (GL_MAP_INVALIDATE_RANGE_BIT | GL_MAP_INVALIDATE_BUFFER_BIT |
                               GL_MAP_UNSYNCHRONIZED_BIT)))
            continue; // GL forbids these together
         std::vector<float> old = cell(drawn);
         const std::vector<float> second = cell(drawn + 1);
         old.insert(old.end(), second.begin(), second.end());
         start(t, t.buffer(GL_ARRAY_BUFFER, old, GL_DYNAMIC_DRAW));
         t.use_flat(colour(static_cast<int>(bits)));
         glDrawArrays(GL_TRIANGLES, 0, 6); // the buffer is in use when it is mapped
         if (flags & GL_MAP_UNSYNCHRONIZED_BIT)
            glFinish(); // else what is drawn would be undefined
         const GLbitfield all = flags | (read ? GL_MAP_READ_BIT : 0);
         void *map = glMapBufferRange(GL_ARRAY_BUFFER, cell_bytes, cell_bytes, all);
         if (!map) {
            t.fail("map with flags 0x%x gives nothing", all);
            continue;
         }
         if (read && memcmp(map, second.data(), cell_bytes) != 0)
            t.fail("map with flags 0x%x shows wrong contents", all);
         memcpy(map, cell(drawn + 2).data(), cell_bytes);
         if (flags & GL_MAP_FLUSH_EXPLICIT_BIT) {
            glFlushMappedBufferRange(GL_ARRAY_BUFFER, 0, 12);
            glFlushMappedBufferRange(GL_ARRAY_BUFFER, 12, 24);
         }
         if (!glUnmapBuffer(GL_ARRAY_BUFFER))
            t.fail("unmap with flags 0x%x says that the contents are lost", all);
         glDrawArrays(GL_TRIANGLES, 3, 3);
         // Without invalidation of the whole buffer, the first half is as it was.
         if (!(flags & GL_MAP_INVALIDATE_BUFFER_BIT))
            glDrawArrays(GL_TRIANGLES, 0, 3);
         drawn += 4;
      }
   }
   t.value("maps", drawn / 4);
}

void orphaning(Test &t)
{
   t.clear({0.1f, 0.1f, 0.2f});
   start(t, t.buffer(GL_ARRAY_BUFFER, cell_bytes, nullptr, GL_STREAM_DRAW));
   for (int i = 0; i < 250; i++) {
      t.use_flat(colour(i));
      switch (i % 4) {
      case 0: // a new store with its data
         glBufferData(GL_ARRAY_BUFFER, cell_bytes, cell(i).data(), GL_STREAM_DRAW);
         break;
      case 1: // an empty new store, then filled
         glBufferData(GL_ARRAY_BUFFER, cell_bytes, nullptr, GL_STREAM_DRAW);
         glBufferSubData(GL_ARRAY_BUFFER, 0, cell_bytes, cell(i).data());
         break;
      case 2: // mapped with the old contents thrown away
         if (void *map = glMapBufferRange(GL_ARRAY_BUFFER, 0, cell_bytes,
                                          GL_MAP_WRITE_BIT | GL_MAP_INVALIDATE_BUFFER_BIT)) {
            memcpy(map, cell(i).data(), cell_bytes);
            glUnmapBuffer(GL_ARRAY_BUFFER);
         }
         break;
      default: // of another size
         glBufferData(GL_ARRAY_BUFFER, cell_bytes * (1 + i % 7), nullptr, GL_DYNAMIC_DRAW);
         if (void *map = glMapBuffer(GL_ARRAY_BUFFER, GL_WRITE_ONLY)) {
            memcpy(map, cell(i).data(), cell_bytes);
            glUnmapBuffer(GL_ARRAY_BUFFER);
         }
         break;
      }
      glDrawArrays(GL_TRIANGLES, 0, 3);
   }
}

// The way of streaming that games use: append without waiting, orphan at the end.
void streaming(Test &t)
{
   t.clear({0.2f, 0.1f, 0.1f});
   constexpr int room = 16;
   start(t, t.buffer(GL_ARRAY_BUFFER, room * cell_bytes, nullptr, GL_STREAM_DRAW));
   for (int i = 0; i < 250; i++) {
      const GLintptr at = i % room * cell_bytes;
      const GLbitfield how = i % room == 0 ? GL_MAP_INVALIDATE_BUFFER_BIT
                                           : GL_MAP_UNSYNCHRONIZED_BIT | GL_MAP_INVALIDATE_RANGE_BIT;
      void *map = glMapBufferRange(GL_ARRAY_BUFFER, at, cell_bytes, GL_MAP_WRITE_BIT | how);
      if (!map) {
         t.fail("no map at %d", i);
         return;
      }
      memcpy(map, cell(i).data(), cell_bytes);
      glUnmapBuffer(GL_ARRAY_BUFFER);
      t.use_flat(colour(i + 2));
      glDrawArrays(GL_TRIANGLES, i % room * 3, 3);
      if (i % 60 == 59)
         glFlush();
   }
}

void read_while_used(Test &t)
{
   t.clear({0.1f, 0.2f, 0.1f});
   std::vector<float> all;
   for (int i = 0; i < 256; i++) {
      const std::vector<float> v = cell(i);
      all.insert(all.end(), v.begin(), v.end());
   }
   start(t, t.buffer(GL_ARRAY_BUFFER, all));
   for (int i = 0; i < 256; i += 16) {
      t.use_flat(colour(i / 16));
      glDrawArrays(GL_TRIANGLES, i * 3, 24);
      const auto *map = static_cast<const float *>(
         glMapBufferRange(GL_ARRAY_BUFFER, i * cell_bytes, cell_bytes, GL_MAP_READ_BIT));
      if (!map || memcmp(map, cell(i).data(), cell_bytes) != 0)
         t.fail("cell %d does not read back", i);
      glUnmapBuffer(GL_ARRAY_BUFFER);
   }
}

// Many buffers, made and deleted while draws from them are not yet executed.
void churn(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   t.flat_program();
   t.vertex_array();
   glEnableVertexAttribArray(0);
   for (int i = 0; i < 256; i++) {
      const GLuint name = t.buffer(GL_ARRAY_BUFFER, cell(i));
      glVertexAttribPointer(0, 3, GL_FLOAT, GL_FALSE, 0, nullptr);
      t.use_flat(colour(i * 5));
      glDrawArrays(GL_TRIANGLES, 0, 3);
      glDeleteBuffers(1, &name);
   }
}

// Large enough that the upload does not fit into one submission.
void large(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   std::vector<float> data(4 << 20); // 16 MiB
   for (int i = 0; i < 256; i++) {
      const std::vector<float> v = cell(i);
      memcpy(&data[static_cast<size_t>(i) * 16000 + 7 * 9], v.data(), cell_bytes);
   }
   start(t, t.buffer(GL_ARRAY_BUFFER, data));
   for (int i = 0; i < 256; i++) {
      t.use_flat(colour(i * 3 + 1));
      glVertexAttribPointer(0, 3, GL_FLOAT, GL_FALSE, 0,
                            reinterpret_cast<const void *>(static_cast<uintptr_t>(i) * 64000 + 252));
      glDrawArrays(GL_TRIANGLES, 0, 3);
   }
   std::vector<uint8_t> back(8 << 20);
   glGetBufferSubData(GL_ARRAY_BUFFER, 4 << 20, 8 << 20, back.data());
   t.hash("half", back);
}

// A buffer written piece by piece where pieces touch, overlap and leave gaps, seen by draws between.
void touching_pieces(Test &t)
{
   t.clear({0, 0, 0});
   constexpr int size = 4096;
   std::vector<uint8_t> wanted(size, 0);
   const GLuint buffer = t.buffer(GL_ARRAY_BUFFER, wanted);
   Random random(21);
   int at = 0;
   for (int i = 0; i < 200; i++) {
      // Mostly where the last piece ended.
      if (i % 5 == 4)
         at = int(random.next() % size);
      const int length = std::min(int(4 + random.next() % 64), size - at);
      if (length <= 0) {
         at = 0;
         continue;
      }
      const std::vector<uint8_t> piece = random.bytes(size_t(length));
      if (i % 3 == 0) {
         glBufferSubData(GL_ARRAY_BUFFER, at, length, piece.data());
      } else if (void *map = glMapBufferRange(GL_ARRAY_BUFFER, at, length,
                                              GL_MAP_WRITE_BIT | GL_MAP_UNSYNCHRONIZED_BIT |
                                                 GL_MAP_INVALIDATE_RANGE_BIT)) {
         std::memcpy(map, piece.data(), piece.size());
         glUnmapBuffer(GL_ARRAY_BUFFER);
      } else {
         t.fail("no mapping of %d bytes", length);
      }
      std::copy(piece.begin(), piece.end(), wanted.begin() + at);
      at += length;
   }
   // As the host has it: a copy there, then read back.
   const GLuint copy = t.buffer(GL_COPY_WRITE_BUFFER, size, nullptr);
   glBindBuffer(GL_COPY_READ_BUFFER, buffer);
   glBindBuffer(GL_COPY_WRITE_BUFFER, copy);
   glCopyBufferSubData(GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, 0, 0, size);
   std::vector<uint8_t> got(size);
   glGetBufferSubData(GL_COPY_WRITE_BUFFER, 0, size, got.data());
   if (got != wanted)
      t.fail("the host's buffer is not what was written piece by piece");
   const GLuint texture = t.texture_2d(GL_RGBA8, 32, 32, GL_RGBA, GL_UNSIGNED_BYTE, got.data());
   t.show(texture);
}

// What the host wrote into storage that glBufferData gave a busy buffer, then partly mapped.
void written_then_mapped(Test &t)
{
   t.clear({0, 0, 0});
   const std::vector<uint8_t> first = Random(31).bytes(4096), second = Random(32).bytes(4096);
   const GLuint source = t.buffer(GL_COPY_READ_BUFFER, second);
   const GLuint buffer = t.buffer(GL_COPY_WRITE_BUFFER, first);
   for (int i = 0; i < 10; i++) {
      glBindBuffer(GL_COPY_READ_BUFFER, source);
      glBindBuffer(GL_COPY_WRITE_BUFFER, buffer);
      glBufferData(GL_COPY_WRITE_BUFFER, 4096, nullptr, GL_DYNAMIC_COPY);
      glCopyBufferSubData(GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, 0, 0, 4096);
      auto *map = static_cast<uint8_t *>(
         glMapBufferRange(GL_COPY_WRITE_BUFFER, 64, 256, GL_MAP_WRITE_BIT));
      if (!map) {
         t.fail("no mapping");
         return;
      }
      std::memset(map, 0xab, 4);
      glUnmapBuffer(GL_COPY_WRITE_BUFFER);
      std::vector<uint8_t> wanted = second, got(4096);
      std::memset(wanted.data() + 64, 0xab, 4);
      glGetBufferSubData(GL_COPY_WRITE_BUFFER, 0, 4096, got.data());
      if (got != wanted)
         t.fail("a partly written mapping changes what the host wrote (round %d)", i);
   }
   const GLuint texture = t.texture_2d(GL_RGBA8, 32, 32, GL_RGBA, GL_UNSIGNED_BYTE, second.data());
   t.show(texture);
}

// A buffer that fragment shaders read, written anew between draws: each shows what it held then. The picture is
// large, so that shaders still run when the next write comes.
void written_between_reads(Test &t)
{
   static constexpr struct {
      const char *extension, *declaration, *value;
      GLenum target;
   } ways[] = {
      {"GL_ARB_shader_storage_buffer_object", "buffer Block { uint n[]; };", "n[0]",
       GL_SHADER_STORAGE_BUFFER},
      {"GL_ARB_shader_atomic_counters", "layout(binding = 0) uniform atomic_uint n;",
       "atomicCounter(n)", GL_ATOMIC_COUNTER_BUFFER},
      {"GL_ARB_shader_image_load_store", "layout(r32ui) readonly uniform uimageBuffer n;",
       "imageLoad(n, 0).x", GL_TEXTURE_BUFFER},
      {"GL_ARB_texture_buffer_object", "uniform usamplerBuffer n;", "texelFetch(n, 0).x",
       GL_TEXTURE_BUFFER},
   };
   const GLuint wide = t.texture(GL_TEXTURE_2D);
   glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, 1024, 1024);
   t.framebuffer(wide);
   glViewport(0, 0, 1024, 1024);
   t.clear({0, 0, 0});
   for (int i = 0; i < 4; i++) {
      const auto &way = ways[i];
      if (!t.need(way.extension))
         return;
      const std::string program =
         (i < 3 ? "#extension " + std::string(way.extension) + " : require\n"
                  "#extension GL_ARB_shading_language_420pack : require\n" : std::string()) +
         "out vec4 result;\n" + way.declaration + "\nvoid main() { uint v = " + way.value +
         "; result = vec4(v & 3u, v >> 2u & 3u, v >> 4u, 3u) / 3.0; }";
      glUseProgram(t.program("in vec3 position; void main() { gl_Position = vec4(position, 1.0); }",
                             program));
      const GLuint buffer = t.buffer(way.target, 64, nullptr, GL_DYNAMIC_DRAW);
      if (way.target == GL_TEXTURE_BUFFER) {
         GLuint texture; // Test's have parameters, which these lack
         glGenTextures(1, &texture);
         glBindTexture(GL_TEXTURE_BUFFER, texture);
         glTexBuffer(GL_TEXTURE_BUFFER, GL_R32UI, buffer);
         if (i == 2)
            glBindImageTexture(0, texture, 0, GL_FALSE, 0, GL_READ_ONLY, GL_R32UI);
      } else {
         glBindBufferBase(way.target, 0, buffer);
      }
      for (uint32_t n = 0; n < 16; n++) {
         const uint32_t value = 63 - n - 16 * uint32_t(i);
         if (n & 1)
            glBufferSubData(way.target, 0, 4, &value);
         else
            glBufferData(way.target, 4, &value, GL_DYNAMIC_DRAW); // the whole
         const float x = -1.0f + 0.125f * float(n), y = -1.0f + 0.5f * float(i);
         t.rect(x, y, x + 0.125f, y + 0.5f);
      }
   }
   t.bind_canvas();
   t.show(wide);
}

constexpr Scene table[] = {
   {"buffer-written-between-reads", Api::core, written_between_reads},
   {"buffer-touching-pieces", Api::core, touching_pieces},
   {"buffer-written-then-mapped", Api::core, written_then_mapped},
   {"buffer-sub-data", Api::core, sub_data},   {"buffer-map-flags", Api::core, map_flags},
   {"buffer-orphaning", Api::core, orphaning}, {"buffer-streaming", Api::core, streaming},
   {"buffer-read-in-use", Api::core, read_while_used}, {"buffer-churn", Api::core, churn},
   {"buffer-large", Api::core, large},
};

} // namespace

std::span<const Scene> buffer_scenes()
{
   return table;
}

} // namespace render
