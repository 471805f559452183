// SPDX-License-Identifier: MIT
//
// Garbage, and good streams with a few bits changed, through everything that reads streams. What
// counts is that the sanitizers have nothing to say; a test run is bounded, a longer one is
// VERGLAS_FUZZ_ROUNDS=N.
#include <gtest/gtest.h>

#include "packet_tools.hpp"
#include "protocol/printer.hpp"
#include "protocol/validator.hpp"
#include "stream_builder.hpp"

namespace virgl::test {
namespace {

uint32_t fuzz_rounds(uint32_t normal)
{
   const char *text = getenv("VERGLAS_FUZZ_ROUNDS");
   return text ? uint32_t(strtoul(text, nullptr, 0)) : normal;
}

/// Returns whether all readers agree that the stream's lengths are right.
void read_all(std::span<const uint32_t> garbage, uint32_t round)
{
   // An allocation of exactly the size, so that a read behind it is seen.
   const std::vector<uint32_t> stream(garbage.begin(), garbage.end());

   CommandReader reader(stream);
   Command command;
   bool well_formed = true;
   while (reader.next(command)) {
      Arena arena;
      for (const bool buffer : {false, true}) {
         const DecodeResult result = visit(
            command, arena, [](const auto &) {}, [&](ResourceHandle) { return buffer; });
         well_formed = well_formed && result;
      }
   }
   well_formed = well_formed && !reader.truncated();

   PrintOptions options;
   options.multi_line = round % 2;
   options.is_buffer = [&](ResourceHandle handle) { return uint32_t(handle) % 2 == 0; };
   const std::string text = print_stream(stream, options);
   EXPECT_EQ(text.empty(), stream.empty());

   Caps caps;
   caps.capability_bits = round * 2654435761u;
   Validator validator(
      {.resources = round % 3 == 0, .caps = round % 4 == 0 ? &caps : nullptr, .max_objects = 64});
   validator.add_resource(ResourceHandle(1), true);
   const std::optional<Fault> fault = validator.submit(stream);
   if (!well_formed) {
      EXPECT_TRUE(fault.has_value()) << text;
   }
   if (fault) {
      EXPECT_LT(fault->offset, stream.size());
      EXPECT_FALSE(fault->reason.empty());
   }
   EXPECT_LE(validator.num_objects(), 64u);
   validator.submit(stream); // on top of what it left behind
}

TEST(Fuzz, Garbage)
{
   Random random(77);
   const uint32_t rounds = fuzz_rounds(20000);
   for (uint32_t round = 0; round < rounds; round++) {
      std::vector<uint32_t> words(random.below(120));
      for (uint32_t &word : words)
         word = random.coin() ? random.next() : random.any();
      // Mostly with headers that look like some.
      for (size_t i = 0; i < words.size();) {
         const uint32_t length = random.below(24);
         words[i] =
            random.below(num_commands + 2) | random.below(num_object_types + 1) << 8 | length << 16;
         i += 1 + (random.below(20) == 0 ? random.below(30) : length);
      }
      read_all(words, round);
   }
}

TEST(Fuzz, GoodStreamsMadeBad)
{
   Random random(78);
   const uint32_t rounds = fuzz_rounds(4000) / 4;
   for (uint32_t round = 0; round < rounds; round++) {
      Storage storage;
      StreamBuilder good;
      const uint32_t keep = random.next();
      uint32_t n = 0;
      for_each_packet([&]<typename Packet>() {
         if (!(keep >> (n++ % 32) & 1))
            return;
         Packet packet;
         fill(random, storage, packet);
         good << packet;
      });
      std::vector<uint32_t> words = good.words;
      for (uint32_t changes = 1 + random.below(8); changes != 0 && !words.empty(); changes--) {
         uint32_t &word = words[random.below(uint32_t(words.size()))];
         switch (random.below(3)) {
         case 0:
            word ^= 1u << random.below(32);
            break;
         case 1:
            word = random.any();
            break;
         case 2:
            word += random.below(9) - 4;
            break;
         }
      }
      if (random.coin())
         words.resize(random.below(uint32_t(words.size()) + 1));
      read_all(words, round);
   }
}

TEST(Fuzz, NothingAtAll)
{
   read_all({}, 0);
   EXPECT_FALSE(check_structure({}));
}

TEST(Fuzz, LongestCommand)
{
   // 65535 dwords are the most a header can say.
   std::vector<uint32_t> words(1 + max_payload_dwords, 0);
   words[0] = command_header(Ccmd::set_constant_buffer, ObjectType::null, max_payload_dwords);
   EXPECT_FALSE(check_structure(words));
   words.pop_back();
   EXPECT_TRUE(check_structure(words));
}

} // namespace
} // namespace virgl::test
