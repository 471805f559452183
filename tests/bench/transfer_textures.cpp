// SPDX-License-Identifier: MIT
//
// Ways into a texture (GL_RGBA8), which is sampled, and out of one that was drawn to. The slots of
// a texture lie one above the other.

#include "transfer.hpp"

#include <array>
#include <cstring>

namespace bench {

namespace {

int side_of(std::size_t size)
{
   int side = 1;
   while (std::size_t(side) * std::size_t(side) * 4 < size)
      side *= 2;
   return side;
}

class Texture {
public:
   Texture(int width, int height)
   {
      glGenTextures(1, &name);
      glBindTexture(GL_TEXTURE_2D, name);
      glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, width, height, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                   nullptr);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
      glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAX_LEVEL, 0);
   }
   ~Texture() { glDeleteTextures(1, &name); }
   Texture(const Texture &) = delete;
   Texture &operator=(const Texture &) = delete;

   GLuint name = 0;
};

class Framebuffer {
public:
   explicit Framebuffer(const Texture &texture)
   {
      glGenFramebuffers(1, &name);
      glBindFramebuffer(GL_FRAMEBUFFER, name);
      glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture.name, 0);
      if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
         fail("a framebuffer is not complete");
   }
   ~Framebuffer() { glDeleteFramebuffers(1, &name); }
   Framebuffer(const Framebuffer &) = delete;
   Framebuffer &operator=(const Framebuffer &) = delete;

   GLuint name = 0;
};

class PixelBuffer {
public:
   PixelBuffer(GLenum target, std::size_t size, GLenum usage) : target_(target)
   {
      glGenBuffers(1, &name_);
      bind();
      glBufferData(target_, GLsizeiptr(size), nullptr, usage);
      glBindBuffer(target_, 0); // or textures that are made next would be filled from it
   }
   void bind() const { glBindBuffer(target_, name_); }
   ~PixelBuffer()
   {
      glBindBuffer(target_, 0);
      glDeleteBuffers(1, &name_);
   }
   PixelBuffer(const PixelBuffer &) = delete;
   PixelBuffer &operator=(const PixelBuffer &) = delete;

private:
   GLenum target_;
   GLuint name_ = 0;
};

// Runs write(slot, round) over the slots of a texture. carried(round) is the number that the round
// leaves in its last texel, and matches(pixels, round) looks at all of them.
template <typename Write, typename Carried, typename Matches>
Outcome upload(const Run &run, const Texture &texture, int slots, Write &&write, Carried &&carried,
               Matches &&matches)
{
   Witness witness(witness_program("uniform sampler2D data;\nuniform int side;\n"
                                   "vec4 look(int slot) {\n"
                                   "   return floor(texelFetch(data, ivec2(side - 1,"
                                   " slot * side + side - 1), 0) * 255.0 + 0.5);\n"
                                   "}\n",
                                   "gl_VertexID"),
                   slots);
   const int side = side_of(run.size);
   GLint program = 0;
   glGetIntegerv(GL_CURRENT_PROGRAM, &program);
   glUniform1i(glGetUniformLocation(GLuint(program), "side"), side);
   GLuint array = 0;
   glGenVertexArrays(1, &array);
   glBindVertexArray(array);
   glBindTexture(GL_TEXTURE_2D, texture.name);

   int rounds = 0;
   Outcome outcome;
   outcome.operations = measure(
      run, slots_for(run.size), rounds, [](int) {},
      [&](int i, int round) {
         const int slot = i % slots;
         write(slot, round);
         if (run.busy)
            witness.draw(slot, slot, carried(round));
      },
      [&] {
         if (!run.busy)
            witness.draw(slots - 1, slots - 1, carried(rounds - 1));
         glFinish();
      });

   if (!witness.right())
      outcome.wrong = "draws did not sample what was sent";
   glBindTexture(GL_TEXTURE_2D, texture.name);
   std::vector<uint8_t> got(run.size * std::size_t(slots));
   glGetTexImage(GL_TEXTURE_2D, 0, GL_RGBA, GL_UNSIGNED_BYTE, got.data());
   for (int slot = 0; slot < slots && !outcome.wrong; slot++) {
      if (!matches(got.data() + std::size_t(slot) * run.size, rounds - slots + slot))
         outcome.wrong = "the texture does not have what was sent";
   }
   glBindVertexArray(0);
   glDeleteVertexArrays(1, &array);
   return outcome;
}

Outcome sub_image(const Run &run)
{
   const int slots = slots_for(run.size);
   const int side = side_of(run.size);
   const Texture texture(side, side * slots);
   Data data(run.size);
   return upload(
      run, texture, slots,
      [&](int slot, int round) {
         glTexSubImage2D(GL_TEXTURE_2D, 0, 0, slot * side, side, side, GL_RGBA, GL_UNSIGNED_BYTE,
                         data.round(round));
      },
      value_of, [&](const uint8_t *got, int round) { return data.matches(got, round); });
}

// As players of video do it: new storage for the buffer, filled through a mapping.
Outcome pixel_buffer(const Run &run)
{
   const int slots = slots_for(run.size);
   const int side = side_of(run.size);
   const Texture texture(side, side * slots);
   const PixelBuffer buffer(GL_PIXEL_UNPACK_BUFFER, run.size, GL_STREAM_DRAW);
   Data data(run.size);
   bool never_null = true;
   bool bound = false;
   Outcome outcome = upload(
      run, texture, slots,
      [&](int slot, int round) {
         if (!bound) {
            buffer.bind();
            bound = true;
         }
         void *to = glMapBufferRange(GL_PIXEL_UNPACK_BUFFER, 0, GLsizeiptr(run.size),
                                     GL_MAP_WRITE_BIT | GL_MAP_INVALIDATE_BUFFER_BIT);
         if (to)
            std::memcpy(to, data.round(round), run.size);
         else
            never_null = false;
         glUnmapBuffer(GL_PIXEL_UNPACK_BUFFER);
         glTexSubImage2D(GL_TEXTURE_2D, 0, 0, slot * side, side, side, GL_RGBA, GL_UNSIGNED_BYTE,
                         nullptr);
      },
      value_of, [&](const uint8_t *got, int round) { return data.matches(got, round); });
   if (!never_null)
      outcome.wrong = "the buffer could not be mapped";
   return outcome;
}

// Copies out of a framebuffer with two pictures, in turn.
template <typename Copy> Outcome copies(const Run &run, int slots, Copy &&copy)
{
   const int side = side_of(run.size);
   const Texture source(side, side * 2);
   Data data(run.size);
   for (int round = 0; round < 2; round++)
      glTexSubImage2D(GL_TEXTURE_2D, 0, 0, round * side, side, side, GL_RGBA, GL_UNSIGNED_BYTE,
                      data.round(round));
   const Texture texture(side, side * slots);
   const Framebuffer framebuffer(source);
   bool bound = false;
   return upload(
      run, texture, slots,
      [&](int slot, int round) {
         if (!bound) { // the witness draws to another; only the reading side is ours
            glBindFramebuffer(GL_READ_FRAMEBUFFER, framebuffer.name);
            bound = true;
         }
         copy(side, slot, round % 2);
      },
      [](int round) { return value_of(round % 2); },
      [&](const uint8_t *got, int round) { return data.matches(got, round % 2); });
}

Outcome copy_sub_image(const Run &run)
{
   return copies(run, slots_for(run.size), [](int side, int slot, int picture) {
      glCopyTexSubImage2D(GL_TEXTURE_2D, 0, 0, slot * side, 0, picture * side, side, side);
   });
}

// All of the texture is specified anew each time, so it has one slot.
Outcome copy_image(const Run &run)
{
   return copies(run, 1, [](int side, int, int picture) {
      glCopyTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, 0, picture * side, side, side, 0);
   });
}

// Clears put the round's number into the last pixel of a slot; read(slot, to) brings all of it.
template <typename Read> Outcome download(const Run &run, int slots, Read &&read)
{
   const int side = side_of(run.size);
   const Texture texture(side, side * slots);
   const Framebuffer framebuffer(texture);
   Data data(run.size);
   for (int slot = 0; slot < slots; slot++)
      glTexSubImage2D(GL_TEXTURE_2D, 0, 0, slot * side, side, side, GL_RGBA, GL_UNSIGNED_BYTE,
                      data.round(slot));
   glEnable(GL_SCISSOR_TEST);
   const auto number = [&](int slot, int round) {
      const float channel = float(value_of(round)) / 255.0f;
      glScissor(side - 1, (slot + 1) * side - 1, 1, 1);
      glClearColor(channel, channel, channel, channel);
      glClear(GL_COLOR_BUFFER_BIT);
   };
   std::vector<uint8_t> got(run.size);
   bool right = true;
   int rounds = 0;
   const int operations = run.busy || slots > 1 ? slots_for(run.size) : 1;
   Outcome outcome;
   outcome.operations = measure(
      run, operations, rounds,
      [&](int first) {
         for (int i = 0; i < operations && !run.busy; i++)
            number(i % slots, first + i);
         glFinish();
      },
      [&](int i, int round) {
         if (run.busy)
            number(i % slots, round);
         read(side, i % slots, got.data());
         right &= got[run.size - 1] == value_of(round) && got[run.size - 4] == value_of(round);
      },
      [] {});
   right &= std::memcmp(got.data(), data.round(slots - 1), run.size - 4) == 0;
   glDisable(GL_SCISSOR_TEST);
   if (!right)
      outcome.wrong = "the pixels are not what was drawn";
   return outcome;
}

Outcome read_pixels(const Run &run)
{
   return download(run, slots_for(run.size), [](int side, int slot, uint8_t *to) {
      glReadPixels(0, slot * side, side, side, GL_RGBA, GL_UNSIGNED_BYTE, to);
   });
}

Outcome read_pixels_buffer(const Run &run)
{
   const PixelBuffer buffer(GL_PIXEL_PACK_BUFFER, run.size, GL_STREAM_READ);
   bool bound = false;
   return download(run, slots_for(run.size), [&](int side, int slot, uint8_t *to) {
      if (!bound) {
         buffer.bind();
         bound = true;
      }
      glReadPixels(0, slot * side, side, side, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
      const void *from = glMapBufferRange(GL_PIXEL_PACK_BUFFER, 0, GLsizeiptr(run.size),
                                          GL_MAP_READ_BIT);
      if (from)
         std::memcpy(to, from, run.size);
      else
         std::memset(to, 0, run.size);
      glUnmapBuffer(GL_PIXEL_PACK_BUFFER);
   });
}

Outcome get_image(const Run &run)
{
   return download(run, 1, [](int, int, uint8_t *to) {
      glGetTexImage(GL_TEXTURE_2D, 0, GL_RGBA, GL_UNSIGNED_BYTE, to);
   });
}

constexpr std::array<Kind, 7> kinds = {{
   {"texsubimage", sub_image},
   {"pbo", pixel_buffer},
   {"copytexsubimage", copy_sub_image},
   {"copyteximage", copy_image},
   {"readpixels", read_pixels},
   {"readpixelspbo", read_pixels_buffer},
   {"getteximage", get_image},
}};

} // namespace

std::span<const Kind> texture_kinds()
{
   return kinds;
}

} // namespace bench
