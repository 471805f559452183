// SPDX-License-Identifier: MIT
//
// Random numbers that a failing run can be repeated with: VERGLAS_TEST_SEED=N.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <span>
#include <string>
#include <vector>

namespace virgl::test {

inline uint64_t test_seed()
{
   static const uint64_t seed = [] {
      const char *text = getenv("VERGLAS_TEST_SEED");
      const uint64_t value = text ? strtoull(text, nullptr, 0) : 20221;
      printf("VERGLAS_TEST_SEED=%llu\n", static_cast<unsigned long long>(value));
      return value;
   }();
   return seed;
}

/// splitmix64
class Random {
public:
   explicit Random(uint64_t stream = 0) : state_(test_seed() * 0x9e3779b97f4a7c15ull + stream) {}

   uint64_t next64()
   {
      uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
      z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
      z = (z ^ z >> 27) * 0x94d049bb133111ebull;
      return z ^ z >> 31;
   }
   uint32_t next() { return uint32_t(next64() >> 32); }
   uint32_t below(uint32_t end) { return uint32_t((uint64_t(next()) * end) >> 32); }
   bool coin() { return next() & 1; }

   /// Small numbers, large ones and everything in between.
   uint32_t any() { return next() >> below(32); }

private:
   uint64_t state_;
};

/// Keeps what the spans of random packets point at.
class Storage {
public:
   template <typename T>
   std::span<T> make(size_t count)
   {
      auto &bytes = blocks_.emplace_back((count * sizeof(T) + 15) / 16);
      T *first = reinterpret_cast<T *>(bytes.data());
      for (size_t i = 0; i < count; i++)
         new (first + i) T();
      return {first, count};
   }

private:
   struct alignas(16) Block {
      char bytes[16];
   };
   std::deque<std::vector<Block>> blocks_;
};

} // namespace virgl::test
