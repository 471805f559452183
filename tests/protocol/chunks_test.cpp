// SPDX-License-Identifier: MIT
//
// Shaders in pieces: put together as a host does, they are the text again.
#include <gtest/gtest.h>

#include "protocol/decoder.hpp"
#include "protocol/shader_chunks.hpp"
#include "protocol/validator.hpp"
#include "random.hpp"
#include "stream_builder.hpp"

namespace virgl::test {
namespace {

using namespace virgl::proto;

struct Received {
   std::string text;
   uint32_t chunks = 0;
   uint32_t outputs = 0; // of all chunks
   uint32_t total = 0;   // what the first chunk promised
};

/// Reads the commands as vrend_create_shader does: whole dwords, one after the other.
Received receive(const StreamBuilder &stream)
{
   Received out;
   CommandReader reader(stream);
   Command command;
   while (reader.next(command)) {
      Arena arena;
      CreateShader chunk;
      EXPECT_TRUE(bool(decode(command, arena, chunk)));
      EXPECT_EQ(chunk.continuation, out.chunks != 0);
      if (chunk.continuation) {
         EXPECT_EQ(chunk.offset, out.text.size());
      } else {
         out.total = chunk.offset;
      }
      out.text += chunk.text;
      out.outputs += uint32_t(chunk.stream_outputs.size());
      out.chunks++;
   }
   return out;
}

TEST(ShaderChunks, EveryLengthAndEverySpace)
{
   const StreamOutput outputs[] = {{.register_index = 1, .num_components = 4},
                                   {.register_index = 2, .num_components = 2}};
   for (uint32_t length = 0; length < 70; length++) {
      const std::string text(length, 'x');
      for (uint32_t space = 15; space < 40; space++) {
         StreamBuilder stream;
         emit_shader_chunks(
            CreateShader{.handle = ObjectHandle(3),
                         .stage = ShaderStage::geometry,
                         .num_tokens = 9,
                         .stream_outputs = outputs},
            text, [&] { return space; },
            [&](const CreateShader &chunk) {
               EXPECT_LE(1 + chunk.payload_dwords(), space);
               EXPECT_EQ(chunk.num_tokens, 9u);
               stream << chunk;
            });
         const Received got = receive(stream);
         EXPECT_EQ(got.total, length + 1);
         EXPECT_EQ(got.text.size(),
                   dwords_of(length + 1) * 4); // no dword too many: hosts refuse that
         EXPECT_STREQ(got.text.c_str(), text.c_str());
         EXPECT_EQ(got.outputs, 2u); // with the first alone
         const auto fault = Validator().submit(stream);
         EXPECT_FALSE(fault) << to_string(*fault);
      }
   }
}

TEST(ShaderChunks, OneWhenThereIsRoom)
{
   const std::string text(1000, 'x');
   ShaderChunks chunks(CreateShader{.handle = ObjectHandle(1)}, text);
   EXPECT_EQ(chunks.left_dwords(), 1u + 5 + 251);
   const CreateShader all = chunks.next(chunks.left_dwords());
   EXPECT_TRUE(chunks.done());
   EXPECT_EQ(1 + all.payload_dwords(), 1u + 5 + 251);
}

TEST(ShaderChunks, LongerThanACommand)
{
   const std::string text(300000, 'x');
   StreamBuilder stream;
   emit_shader_chunks(
      CreateShader{.handle = ObjectHandle(1), .stage = ShaderStage::compute, .local_memory = 512},
      text, [] { return ~0u; },
      [&](const CreateShader &chunk) {
         EXPECT_EQ(chunk.local_memory, 512u);
         stream << chunk;
      });
   const Received got = receive(stream);
   EXPECT_EQ(got.chunks, 2u);
   EXPECT_STREQ(got.text.c_str(), text.c_str());
   EXPECT_FALSE(Validator().submit(stream));
}

TEST(ShaderChunks, RoomAsABatchGivesIt)
{
   // What is left of a batch first, then whole batches.
   Random random(5);
   for (int round = 0; round < 300; round++) {
      std::string text(random.below(4000), ' ');
      for (char &c : text)
         c = char('a' + random.below(26));
      StreamBuilder stream;
      emit_shader_chunks(
         CreateShader{.handle = ObjectHandle(1)}, text, [&] { return 7 + random.below(300); },
         [&](const CreateShader &chunk) { stream << chunk; });
      EXPECT_STREQ(receive(stream).text.c_str(), text.c_str());
      EXPECT_FALSE(Validator().submit(stream));
   }
}

} // namespace
} // namespace virgl::test
