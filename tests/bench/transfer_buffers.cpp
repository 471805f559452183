// SPDX-License-Identifier: MIT
//
// Ways into a buffer, which is used as vertices, and out of one that the GPU has copied to.

#include "transfer.hpp"

#include <array>
#include <cstring>

namespace bench {

namespace {

class Buffer {
public:
   explicit Buffer(std::size_t size, GLenum usage = GL_STREAM_DRAW) : Buffer()
   {
      glBufferData(GL_COPY_READ_BUFFER, GLsizeiptr(size), nullptr, usage);
   }
   Buffer()
   {
      glGenBuffers(1, &name);
      glBindBuffer(GL_COPY_READ_BUFFER, name);
   }
   ~Buffer() { glDeleteBuffers(1, &name); }
   Buffer(const Buffer &) = delete;
   Buffer &operator=(const Buffer &) = delete;

   GLuint name = 0;
};

// Runs write(offset, bytes) over the slots of a buffer, and looks at what came of it.
template <typename Write>
Outcome upload(const Run &run, const Buffer &buffer, int slots, Write &&write)
{
   const int operations = slots_for(run.size);
   Witness witness(witness_program("in uvec4 data;\nuniform int each;\n"
                                   "vec4 look(int slot) { return vec4(data); }\n",
                                   "gl_VertexID / each"),
                   slots);
   GLint program = 0;
   glGetIntegerv(GL_CURRENT_PROGRAM, &program);
   const GLint each = GLint(run.size / 4);
   glUniform1i(glGetUniformLocation(GLuint(program), "each"), each);

   GLuint array = 0;
   glGenVertexArrays(1, &array);
   glBindVertexArray(array);
   const GLint location = glGetAttribLocation(GLuint(program), "data");
   glBindBuffer(GL_ARRAY_BUFFER, buffer.name);
   glVertexAttribIPointer(GLuint(location), 4, GL_UNSIGNED_BYTE, 4, nullptr);
   glEnableVertexAttribArray(GLuint(location));

   Data data(run.size);
   const auto draw = [&](int slot, int round) {
      witness.draw((slot + 1) * each - 1, slot, value_of(round));
   };
   int rounds = 0;
   Outcome outcome;
   outcome.operations = measure(
      run, operations, rounds, [](int) {},
      [&](int i, int round) {
         const int slot = i % slots;
         write(std::size_t(slot) * run.size, data.round(round));
         if (run.busy)
            draw(slot, round);
      },
      [&] {
         if (!run.busy)
            draw(slots - 1, rounds - 1);
         glFinish();
      });

   if (!witness.right())
      outcome.wrong = "draws did not read what was sent";
   std::vector<uint8_t> got(run.size);
   for (int slot = 0; slot < slots && !outcome.wrong; slot++) {
      glGetBufferSubData(GL_ARRAY_BUFFER, GLintptr(slot * run.size), GLsizeiptr(run.size),
                         got.data());
      if (!data.matches(got.data(), rounds - slots + slot))
         outcome.wrong = "the buffer does not have what was sent";
   }
   glBindVertexArray(0);
   glDeleteVertexArrays(1, &array);
   return outcome;
}

Outcome sub_data(const Run &run)
{
   const int slots = slots_for(run.size);
   const Buffer buffer(run.size * std::size_t(slots));
   return upload(run, buffer, slots, [&](std::size_t offset, const uint8_t *bytes) {
      glBufferSubData(GL_ARRAY_BUFFER, GLintptr(offset), GLsizeiptr(run.size), bytes);
   });
}

Outcome mapped(const Run &run, GLbitfield how, int slots)
{
   const Buffer buffer(run.size * std::size_t(slots));
   bool never_null = true;
   Outcome outcome =
      upload(run, buffer, slots, [&](std::size_t offset, const uint8_t *bytes) {
         void *to = glMapBufferRange(GL_ARRAY_BUFFER, GLintptr(offset), GLsizeiptr(run.size),
                                     GL_MAP_WRITE_BIT | how);
         if (to)
            std::memcpy(to, bytes, run.size);
         else
            never_null = false;
         glUnmapBuffer(GL_ARRAY_BUFFER);
      });
   if (!never_null)
      outcome.wrong = "a buffer could not be mapped";
   return outcome;
}

Outcome map_range(const Run &run)
{
   return mapped(run, GL_MAP_INVALIDATE_RANGE_BIT, slots_for(run.size));
}

// All of the buffer is replaced each time, so it has one slot.
Outcome map_orphan(const Run &run)
{
   return mapped(run, GL_MAP_INVALIDATE_BUFFER_BIT, 1);
}

// The program keeps off what is in use: a slot is written again only after the pass's glFinish.
Outcome map_unsynchronised(const Run &run)
{
   return mapped(run, GL_MAP_UNSYNCHRONIZED_BIT | GL_MAP_INVALIDATE_RANGE_BIT,
                 slots_for(run.size));
}

Outcome persistent(const Run &run)
{
   if (!has_extension("GL_ARB_buffer_storage"))
      return {.skipped = "no GL_ARB_buffer_storage"};
   const int slots = slots_for(run.size);
   const Buffer buffer;
   const GLsizeiptr whole = GLsizeiptr(run.size) * slots;
   constexpr GLbitfield how = GL_MAP_WRITE_BIT | GL_MAP_PERSISTENT_BIT | GL_MAP_COHERENT_BIT;
   glBufferStorage(GL_COPY_READ_BUFFER, whole, nullptr, how);
   auto *map = static_cast<uint8_t *>(glMapBufferRange(GL_COPY_READ_BUFFER, 0, whole, how));
   if (!map)
      return {.wrong = "the buffer could not be mapped"};
   return upload(run, buffer, slots, [&](std::size_t offset, const uint8_t *bytes) {
      std::memcpy(map + offset, bytes, run.size);
   });
}

Outcome get_sub_data(const Run &run)
{
   const int slots = slots_for(run.size);
   std::array<uint8_t, 32> numbers{};
   for (std::size_t i = 0; i < numbers.size(); i++)
      numbers[i] = uint8_t(i / 4);
   const Buffer values(numbers.size(), GL_STATIC_COPY);
   glBufferSubData(GL_COPY_READ_BUFFER, 0, numbers.size(), numbers.data());
   const Buffer buffer(run.size * std::size_t(slots), GL_STREAM_READ);
   glBindBuffer(GL_COPY_READ_BUFFER, values.name);
   glBindBuffer(GL_COPY_WRITE_BUFFER, buffer.name);

   Data data(run.size);
   for (int slot = 0; slot < slots; slot++)
      glBufferSubData(GL_COPY_WRITE_BUFFER, GLintptr(slot * run.size), GLsizeiptr(run.size),
                      data.round(slot));
   std::vector<uint8_t> got(run.size);
   bool right = true;
   const auto number = [&](int slot, int round) {
      glCopyBufferSubData(GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, 4 * value_of(round),
                          GLintptr((slot + 1) * run.size - 4), 4);
   };
   int rounds = 0;
   Outcome outcome;
   outcome.operations = measure(
      run, slots, rounds,
      [&](int first) {
         for (int slot = 0; slot < slots && !run.busy; slot++)
            number(slot, first + slot);
         glFinish();
      },
      [&](int slot, int round) {
         if (run.busy)
            number(slot, round);
         glGetBufferSubData(GL_COPY_WRITE_BUFFER, GLintptr(slot * run.size), GLsizeiptr(run.size),
                            got.data());
         right &= got[run.size - 1] == value_of(round) && got[run.size - 4] == value_of(round);
      },
      [] {});
   // But for the ends, which have changed, it must be what was sent at first.
   const uint8_t *sent = data.round(slots - 1);
   right &= std::memcmp(got.data(), sent, run.size - 4) == 0;
   if (!right)
      outcome.wrong = "the bytes are not what the buffer has";
   return outcome;
}

constexpr std::array<Kind, 6> kinds = {{
   {"buffersubdata", sub_data},
   {"maprange", map_range},
   {"maporphan", map_orphan, true},
   {"mapunsync", map_unsynchronised},
   {"persistent", persistent},
   {"getbuffersubdata", get_sub_data},
}};

} // namespace

std::span<const Kind> buffer_kinds()
{
   return kinds;
}

} // namespace bench
