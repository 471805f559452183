// SPDX-License-Identifier: MIT
//
// Whatever a packet holds, decoding what it encodes to gives it back.
#include <gtest/gtest.h>

#include "packet_tools.hpp"
#include "protocol/printer.hpp"
#include "protocol/validator.hpp"

namespace virgl::test {
namespace {

constexpr int rounds = 2000;

template <typename Packet>
std::vector<uint32_t> encode(const Packet &packet)
{
   // One dword more than asked for, to see that it stays untouched.
   std::vector<uint32_t> words(1 + packet.payload_dwords() + 1, 0xdeadbeef);
   const uint32_t *end = packet.write(words.data());
   EXPECT_EQ(end, words.data() + words.size() - 1) << Packet::name;
   EXPECT_EQ(words.back(), 0xdeadbeef) << Packet::name;
   words.pop_back();
   return words;
}

// What random contents do not respect, and the validator asks for.
template <typename Packet>
void settle(Packet &)
{
}
void settle(SetIndexBuffer &packet)
{
   if (!packet.range)
      packet.resource = ResourceHandle::none;
}
void settle(CreateShader &packet)
{
   packet.continuation = true; // see validator_test.cpp for the order of chunks
}

TEST(Roundtrip, EveryPacket)
{
   uint64_t stream = 0;
   for_each_packet([&]<typename Packet>() {
      Random random(++stream);
      for (int round = 0; round < rounds; round++) {
         Storage storage;
         Packet in, out;
         fill(random, storage, in);
         settle(in);
         const std::vector<uint32_t> words = encode(in);

         Command command;
         CommandReader reader(words);
         ASSERT_TRUE(reader.next(command)) << Packet::name;
         ASSERT_EQ(command.opcode, Packet::opcode);
         ASSERT_EQ(command.payload.size(), in.payload_dwords());

         Arena arena;
         const DecodeResult result = decode(command, arena, out);
         ASSERT_TRUE(bool(result)) << Packet::name << ": " << result.reason;
         ASSERT_TRUE(same(in, out)) << print(command) << "\nround " << round;
         ASSERT_EQ(encode(out), words) << Packet::name;

         bool visited = false;
         const auto is_buffer = [](ResourceHandle) { return is_buffer_variant<Packet>; };
         ASSERT_TRUE(bool(visit(
            command, arena,
            [&]<typename Visited>(const Visited &packet) {
               visited = true;
               if constexpr (std::is_same_v<Visited, Packet>)
                  EXPECT_TRUE(same(in, packet));
               else
                  ADD_FAILURE() << Packet::name << " visited as " << Visited::name;
            },
            is_buffer)));
         ASSERT_TRUE(visited);

         if (const std::optional<Fault> fault = check_structure(words))
            FAIL() << to_string(*fault) << "\n" << print(command);
      }
   });
}

TEST(Roundtrip, AStreamOfAllPackets)
{
   Random random(1000);
   Storage storage;
   std::vector<uint32_t> stream;
   std::vector<Ccmd> order;
   for (int round = 0; round < 20; round++) {
      for_each_packet([&]<typename Packet>() {
         Packet packet;
         fill(random, storage, packet);
         settle(packet);
         const std::vector<uint32_t> words = encode(packet);
         stream.insert(stream.end(), words.begin(), words.end());
         order.push_back(Packet::opcode);
      });
   }

   CommandReader reader(stream);
   Command command;
   uint32_t at = 0;
   for (size_t i = 0; i < order.size(); i++) {
      ASSERT_TRUE(reader.next(command));
      EXPECT_EQ(command.opcode, order[i]);
      EXPECT_EQ(command.index, i);
      EXPECT_EQ(command.offset, at);
      at += 1 + uint32_t(command.payload.size());
   }
   EXPECT_FALSE(reader.next(command));
   EXPECT_FALSE(reader.truncated());
   EXPECT_FALSE(check_structure(stream));
}

TEST(Roundtrip, LaterPartImpliesEarlier)
{
   // The indirect arguments have no place of their own: the two dwords before them are always
   // there.
   const DrawVbo draw{.indirect = DrawIndirect{.resource = ResourceHandle(7), .draw_count = 3}};
   EXPECT_EQ(draw.payload_dwords(), 20u);
   const std::vector<uint32_t> words = encode(draw);
   EXPECT_EQ(words[13], 0u);
   EXPECT_EQ(words[14], 0u);
   EXPECT_EQ(words[15], 7u);
}

TEST(Roundtrip, BitFieldsDoNotSpill)
{
   // A value that is too large must not touch its neighbours.
   const std::vector<uint32_t> words = encode(CreateRasterizer{.cull_face = 0xffff});
   EXPECT_EQ(words[2], 0x300u);
}

TEST(Roundtrip, TextIsPaddedWithZeros)
{
   const std::vector<uint32_t> words = encode(SendStringMarker{.text = "abcde"});
   ASSERT_EQ(words.size(), 4u);
   EXPECT_EQ(words[1], 5u);
   EXPECT_EQ(words[3], uint32_t('e'));
}

TEST(Roundtrip, EncodersWorkAtCompileTime)
{
   constexpr auto words = [] {
      std::array<uint32_t, 3> out{};
      SetFramebufferStateNoAttach{.width = 640, .height = 480, .layers = 1, .samples = 4}.write(
         out.data());
      return out;
   }();
   static_assert(words[0] == (38u | 2u << 16));
   static_assert(words[1] == (640u | 480u << 16));
   static_assert(words[2] == (1u | 4u << 16));
}

} // namespace
} // namespace virgl::test
