// SPDX-License-Identifier: MIT
//
// How one way of moving data is measured: in passes over a target of several slots.
//
// A pass does one operation per slot and ends with glFinish, so that nothing a driver has put off
// is left out, and nothing runs ahead for ever. In "busy" runs a draw uses each slot right after
// its operation, so each operation finds its target used by commands that are not done; in "idle"
// runs only the end of a pass uses the target.

#pragma once

#include "gl.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace bench {

struct Run {
   std::size_t size = 0; // bytes of one operation
   bool busy = false;
   double seconds = 0.25;
};

struct Outcome {
   double operations = 0; // per second
   const char *wrong = nullptr;
   const char *skipped = nullptr;
};

struct Kind {
   std::string_view name;
   Outcome (*measure)(const Run &);
   bool busy_only = false;
};

std::span<const Kind> buffer_kinds();
std::span<const Kind> texture_kinds();

// Slots of a target: some megabytes in all, few enough for a texture that stacks them.
inline int slots_for(std::size_t size)
{
   const std::size_t slots = (std::size_t(4) << 20) / size;
   return slots < 1 ? 1 : slots > 256 ? 256 : int(slots);
}

// The number that a round's data carries. Neighbours differ, and sums of millions are exact floats.
inline uint8_t value_of(int round)
{
   return uint8_t(1 + round % 7);
}

// Two sets of bytes that rounds send in turn. Only the ends carry the round's number: writing all
// of it anew would be measured too.
class Data {
public:
   explicit Data(std::size_t size);
   const uint8_t *round(int round);               // stamped with its number
   bool matches(const uint8_t *got, int round);   // all of it

private:
   std::size_t size_;
   std::vector<uint8_t> bytes_[2];
};

// Draws that show what they read: each adds a slot's last four bytes to that slot's pixel.
class Witness {
public:
   // program: with slots in `uniform int slots`; draw() is given the first vertex.
   Witness(GLuint program, int slots);
   ~Witness();
   Witness(const Witness &) = delete;
   Witness &operator=(const Witness &) = delete;

   void bind() const;
   void draw(GLint first, int slot, uint8_t value)
   {
      glDrawArrays(GL_POINTS, first, 1);
      expected_[slot] += value;
   }
   bool right() const;

private:
   GLuint program_;
   GLuint texture_ = 0;
   GLuint framebuffer_ = 0;
   std::vector<double> expected_;
};

// The vertex shader of a witness reads `uvec4 seen` its own way; the rest is common.
GLuint witness_program(const char *reads, const char *index);

// Passes until the time is over: prepare(pass) is not timed, operate(slot, round) and end() are.
// Returns operations per second; rounds is how many there were.
template <typename Prepare, typename Operate, typename End>
double measure(const Run &run, int operations, int &rounds, Prepare &&prepare, Operate &&operate,
               End &&end)
{
   rounds = 0;
   Stopwatch watch;
   const auto begin = Clock::now();
   int timed = 0;
   for (int pass = 0;; pass++) {
      prepare(rounds);
      if (pass > 0) // in the first, shaders, caches and storage come into being
         watch.start();
      for (int i = 0; i < operations; i++)
         operate(i, rounds++);
      end();
      if (pass > 0) {
         watch.stop();
         timed += operations;
      }
      const double passed = std::chrono::duration<double>(Clock::now() - begin).count();
      if (timed && (watch.seconds() >= run.seconds || passed > 4 * run.seconds + 2))
         return timed / watch.seconds();
   }
}

} // namespace bench
