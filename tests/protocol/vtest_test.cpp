// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <vector>

#include "protocol/vtest.hpp"
#include "random.hpp"

namespace virgl::proto::vtest {
namespace {

template <typename Request>
std::vector<uint32_t> encode(const Request &request)
{
   std::vector<uint32_t> words(request.written_dwords() + 1, 0xdeadbeef);
   EXPECT_EQ(request.write(words.data()), words.data() + request.written_dwords());
   EXPECT_EQ(words.back(), 0xdeadbeef);
   words.pop_back();
   return words;
}

TEST(Vtest, UnitsOfLengths)
{
   // A name is counted in bytes and follows the header as it is.
   EXPECT_EQ(encode(CreateRenderer{.name_bytes = 9}), (std::vector<uint32_t>{9, 8}));
   // A stream is counted in dwords.
   EXPECT_EQ(encode(SubmitCmd{.stream_dwords = 100}), (std::vector<uint32_t>{100, 6}));
   // Data to put counts as dwords, rounded up, while its own field has the bytes.
   const std::vector<uint32_t> put =
      encode(TransferPut{.resource = ResourceHandle(3), .data_size = 5});
   EXPECT_EQ(put[0], 11u + 2);
   EXPECT_EQ(put[1], 5u);
   EXPECT_EQ(put[12], 5u);
   EXPECT_EQ(put.size(), 13u);
   // Data to get is no part of the request.
   EXPECT_EQ(encode(TransferGet{.data_size = 5})[0], 11u);
   EXPECT_EQ(encode(GetCaps2{}), (std::vector<uint32_t>{0, 9}));
}

TEST(Vtest, Requests)
{
   EXPECT_EQ(encode(TransferPut2{.resource = ResourceHandle(1),
                                 .level = 2,
                                 .box = {3, 4, 5, 6, 7, 8},
                                 .data_size = 0,
                                 .offset = 10}),
             (std::vector<uint32_t>{10, 14, 1, 2, 3, 4, 5, 6, 7, 8, 0, 10}));
   EXPECT_EQ(encode(ResourceCreateBlob{
                .type = 2, .flags = 1, .size = 0x100000002, .blob_id = 0x300000004}),
             (std::vector<uint32_t>{6, 18, 2, 1, 2, 1, 4, 3}));
   const SyncPoint syncs[] = {{.id = 7, .value = 0x500000006}};
   EXPECT_EQ(encode(SyncWait{.flags = sync_wait_any, .timeout = 100, .syncs = syncs}),
             (std::vector<uint32_t>{5, 23, 1, 100, 7, 6, 5}));
}

TEST(Vtest, Replies)
{
   const uint32_t payload[] = {1, 64};
   const Header header = {2, uint32_t(Command::get_param)};
   const auto reply = GetParamReply::parse(header, payload);
   ASSERT_TRUE(reply);
   EXPECT_TRUE(reply->valid);
   EXPECT_EQ(reply->value, 64u);

   EXPECT_FALSE(GetParamReply::parse({1, header.command}, payload));
   EXPECT_FALSE(GetParamReply::parse({3, header.command}, payload));
   EXPECT_FALSE(GetParamReply::parse({2, header.command + 1}, payload));
   EXPECT_FALSE(GetParamReply::parse(header, std::span(payload).first(1)));

   // The contents of a capset follow its reply.
   EXPECT_TRUE(GetCapsetReply::parse({300, uint32_t(Command::get_capset)}, payload));
   EXPECT_FALSE(GetCapsetReply::parse({0, uint32_t(Command::get_capset)}, payload));

   const uint32_t value[] = {5, 6};
   EXPECT_EQ(SyncReadReply::parse({2, uint32_t(Command::sync_read)}, value)->value, 0x600000005u);
   EXPECT_TRUE(PingProtocolVersionReply::parse({0, uint32_t(Command::ping_protocol_version)}, {}));
   EXPECT_FALSE(PingProtocolVersionReply::parse({1, uint32_t(Command::resource_busy_wait)}, {}));
}

TEST(Vtest, CapsReply)
{
   EXPECT_EQ(CapsReply::parse({1377, 2})->bytes, 1376u);
   EXPECT_EQ(CapsReply::parse({1377, 2})->capset_id, 2u);
   EXPECT_EQ(CapsReply::parse({1, 1})->bytes, 0u);
   EXPECT_FALSE(CapsReply::parse({0, 1}));
   EXPECT_FALSE(CapsReply::parse({100, 3}));
   EXPECT_FALSE(CapsReply::parse({~0u, 2}));
   EXPECT_FALSE(CapsReply::parse({CapsReply::max_bytes + 2, 2}));
}

TEST(Vtest, RandomHeadersAreRefusedOrFit)
{
   test::Random random(9);
   for (int i = 0; i < 20000; i++) {
      std::vector<uint32_t> payload(random.below(4));
      for (uint32_t &word : payload)
         word = random.next();
      const Header header = {random.below(4), random.below(30)};
      if (ResourceBusyWaitReply::parse(header, payload)) {
         EXPECT_EQ(header.command, 7u);
         EXPECT_EQ(header.length, 1u);
         EXPECT_GE(payload.size(), 1u);
      }
      if (SyncReadReply::parse(header, payload)) {
         EXPECT_GE(payload.size(), 2u);
      }
   }
}

} // namespace
} // namespace virgl::proto::vtest
