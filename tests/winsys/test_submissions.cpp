// SPDX-License-Identifier: MIT
// Submissions and waits.
#include <thread>

#include "winsys_test.hpp"

using namespace virgl;
using namespace virgl::test;

TEST(Submissions, Framing)
{
   Pair p;
   auto a = p.ws->create_resource(texture_desc(4, 4));
   auto b = p.ws->create_resource(buffer_desc(64));
   std::vector<uint32_t> stream;
   for (uint32_t i = 0; i < 1000; i++)
      stream.push_back(i * 0x01010101);
   Bo *bos[] = {a.get(), b.get()};
   int fence = 7;
   uint64_t first = p.ws->submit(stream, bos, -1, &fence);
   EXPECT_EQ(fence, -1);
   uint64_t second = p.ws->submit(std::span(stream).first(1), {bos, 1}, -1, nullptr);
   EXPECT_NE(first, 0u);
   EXPECT_GT(second, first);
   EXPECT_EQ(a->last_use(), second);
   EXPECT_EQ(b->last_use(), first);
   ASSERT_TRUE(p.ws->wait_submission(second, UINT64_MAX));

   std::vector<Message> submits;
   for (const Message &m : p.server.messages()) {
      if (m.command == submit_cmd)
         submits.push_back(m);
   }
   ASSERT_EQ(submits.size(), 2u);
   EXPECT_EQ(submits[0].length, 1000u);
   EXPECT_EQ(submits[0].dwords, stream);
   EXPECT_EQ(submits[1].dwords, std::vector<uint32_t>{0});
}

TEST(Submissions, LargerThanTheSocketHolds)
{
   Pair p;
   std::vector<uint32_t> stream(4 << 20);
   for (uint32_t i = 0; i < stream.size(); i++)
      stream[i] = i ^ 0x5555;
   uint64_t n = 0;
   for (int i = 0; i < 3; i++)
      n = p.ws->submit(stream, {}, -1, nullptr);
   ASSERT_TRUE(p.ws->wait_submission(n, UINT64_MAX));
   EXPECT_EQ(p.server.count(submit_cmd), 3u);
   EXPECT_EQ(p.server.messages()[2].dwords, stream);
}

TEST(Submissions, WaitingCostsOneRoundTrip)
{
   Pair p;
   uint64_t first = p.ws->submit({}, {}, -1, nullptr);
   uint64_t second = p.ws->submit({}, {}, -1, nullptr);
   EXPECT_FALSE(p.ws->known_complete(first));
   ASSERT_TRUE(p.ws->wait_submission(first, UINT64_MAX));
   // The server waits for everything: so the second is known as well.
   EXPECT_TRUE(p.ws->known_complete(second));
   ASSERT_TRUE(p.ws->wait_submission(second, UINT64_MAX));
   ASSERT_TRUE(p.ws->wait_submission(first, 0));
   EXPECT_EQ(p.server.count(resource_busy_wait), 1u);
   auto m = p.server.messages().back();
   EXPECT_EQ(m.dwords, (std::vector<uint32_t>{0, 1}));
}

TEST(Submissions, AnExpectedWaitIsAskedForWithTheSubmission)
{
   Pair p;
   auto a = p.ws->create_resource(texture_desc(4, 4));
   Bo *bos[] = {a.get()};
   for (unsigned i = 1; i <= 5; i++) {
      p.ws->expect_wait();
      p.ws->submit({}, bos, -1, nullptr);
      // Nothing is sent any more, so the server has the question without us.
      ASSERT_TRUE(p.server.wait_for(resource_busy_wait, i));
      ASSERT_TRUE(p.ws->wait_idle(*a, UINT64_MAX));
      EXPECT_EQ(p.server.count(resource_busy_wait), i);
   }
}

TEST(Submissions, AskingDoesNotWait)
{
   Pair p;
   p.server.hold();
   uint64_t n = p.ws->submit({}, {}, -1, nullptr);
   for (int i = 0; i < 10; i++)
      EXPECT_FALSE(p.ws->wait_submission(n, 0));
   p.server.set_busy_answers(1);
   p.server.resume();
   // Busy at first; sooner or later asking again finds it complete.
   auto give_up = std::chrono::steady_clock::now() + 5s;
   while (!p.ws->wait_submission(n, 0) && std::chrono::steady_clock::now() < give_up)
      std::this_thread::yield();
   EXPECT_TRUE(p.ws->known_complete(n));
   // One question at a time: neither ten of them at the start nor one per turn of the loop.
   EXPECT_LE(p.server.count(resource_busy_wait), 2u);
}

TEST(Submissions, FiniteTimeouts)
{
   Pair p;
   p.server.hold();
   uint64_t n = p.ws->submit({}, {}, -1, nullptr);
   auto before = std::chrono::steady_clock::now();
   EXPECT_FALSE(p.ws->wait_submission(n, 30'000'000));
   auto took = std::chrono::steady_clock::now() - before;
   EXPECT_GE(took, 30ms);
   EXPECT_LT(took, 5s);
   EXPECT_FALSE(p.ws->wait_submission(n, 1));
   p.server.resume();
   EXPECT_TRUE(p.ws->wait_submission(n, 5'000'000'000));
   EXPECT_FALSE(p.ws->lost());
   // The second wait took part in the first one's question.
   EXPECT_EQ(p.server.count(resource_busy_wait), 1u);
}

TEST(Submissions, MemoryIsIdleBeforeTheSubmissionIsComplete)
{
   Pair p;
   auto texture = p.ws->create_resource(texture_desc(4, 4));
   auto query = p.ws->create_resource(buffer_desc(64, proto::bind::custom));
   Bo *bos[] = {texture.get(), query.get()};
   p.server.set_busy_answers(1000);
   uint64_t n = p.ws->submit({}, bos, -1, nullptr);
   EXPECT_TRUE(p.ws->is_busy(*texture));
   ASSERT_TRUE(p.ws->wait_idle(*texture, UINT64_MAX));
   EXPECT_FALSE(p.ws->is_busy(*texture));
   EXPECT_TRUE(p.ws->known_executed(n));
   EXPECT_FALSE(p.ws->known_complete(n));
   // Results of queries come when the GPU has them.
   EXPECT_TRUE(p.ws->is_busy(*query));
   EXPECT_FALSE(p.ws->wait_idle(*query, 0));
   ASSERT_TRUE(p.ws->wait_idle(*query, UINT64_MAX));
   EXPECT_FALSE(p.ws->is_busy(*query));
   EXPECT_TRUE(p.ws->known_complete(n));
}

TEST(Submissions, UnusedResourcesAreIdle)
{
   Pair p;
   auto bo = p.ws->create_resource(texture_desc(4, 4));
   EXPECT_FALSE(p.ws->is_busy(*bo));
   EXPECT_TRUE(p.ws->wait_idle(*bo, 0));
   EXPECT_TRUE(p.ws->wait_idle(*bo, UINT64_MAX));
   EXPECT_EQ(p.server.count(resource_busy_wait), 0u);
}

TEST(Submissions, QuestionsTravelAlongNowAndThen)
{
   Pair p;
   auto bo = p.ws->create_resource(texture_desc(4, 4));
   Bo *bos[] = {bo.get()};
   p.ws->submit({}, bos, -1, nullptr);
   for (int i = 0; i < 40; i++)
      p.ws->submit({}, {}, -1, nullptr);
   ASSERT_TRUE(p.server.wait_for(submit_cmd, 41));
   p.ws->submit({}, {}, -1, nullptr);
   EXPECT_FALSE(p.ws->is_busy(*bo));
   EXPECT_GE(p.server.count(resource_busy_wait), 1u);
   EXPECT_LE(p.server.count(resource_busy_wait), 6u);
}

TEST(Submissions, EveryPollIsARoundTrip)
{
   Pair p;
   p.ws->wait_submission(p.ws->submit({}, {}, -1, nullptr), UINT64_MAX);
   p.server.clear();
   for (int i = 0; i < 5; i++)
      EXPECT_TRUE(p.ws->poll_host());
   EXPECT_EQ(p.server.count(resource_busy_wait), 5u);
   StderrCapture err;
   p.ws->declare_lost("enough");
   EXPECT_FALSE(p.ws->poll_host());
}

TEST(Submissions, WaitersDoNotStopSenders)
{
   Pair p;
   p.server.hold();
   uint64_t n = p.ws->submit({}, {}, -1, nullptr);
   std::thread waiter([&] { EXPECT_TRUE(p.ws->wait_submission(n, UINT64_MAX)); });
   std::this_thread::sleep_for(20ms);
   // Returns although the other thread's answer is still owed.
   for (int i = 0; i < 100; i++)
      EXPECT_NE(p.ws->submit({}, {}, -1, nullptr), 0u);
   p.server.resume();
   waiter.join();
   EXPECT_FALSE(p.ws->lost());
}

TEST(Submissions, PartsAreSubmissionsOfTheirOwn)
{
   Pair p;
   auto bo = p.ws->create_resource(texture_desc(4, 4));
   Bo *bos[] = {bo.get()};
   const std::vector<uint32_t> stream = {1, 2, 3, 4, 5, 6};
   const uint32_t cuts[] = {1, 4};
   p.server.clear();
   p.server.hold();
   const uint64_t n = p.ws->submit(stream, bos, -1, nullptr, Urgency::usual, cuts);
   EXPECT_TRUE(p.ws->is_busy(*bo));
   EXPECT_EQ(p.ws->submit({}, {}, -1, nullptr), n + 1); // they have one number
   p.server.resume();
   ASSERT_TRUE(p.ws->wait_submission(n, UINT64_MAX));
   EXPECT_FALSE(p.ws->is_busy(*bo));
   EXPECT_EQ(streams_of(p), (Streams{{1}, {2, 3, 4}, {5, 6}, {}}));
   EXPECT_FALSE(p.server.saw_protocol_error());
}

TEST(Submissions, CutsThatDivideNothingAreIgnored)
{
   Pair p;
   const std::vector<uint32_t> stream = {1, 2, 3, 4};
   const uint32_t cuts[] = {0, 2, 2, 1, 4, 5, ~0u};
   ASSERT_TRUE(p.ws->wait_submission(
      p.ws->submit(stream, {}, -1, nullptr, Urgency::usual, cuts), UINT64_MAX));
   EXPECT_EQ(streams_of(p), (Streams{{1, 2}, {3, 4}}));

   // Nor are those that are too many.
   std::vector<uint32_t> many(2 * Winsys::most_parts), everywhere;
   for (uint32_t i = 1; i < many.size(); i++)
      everywhere.push_back(i);
   p.server.clear();
   ASSERT_TRUE(p.ws->wait_submission(
      p.ws->submit(many, {}, -1, nullptr, Urgency::usual, everywhere), UINT64_MAX));
   const Streams sent = streams_of(p);
   ASSERT_EQ(sent.size(), Winsys::most_parts);
   EXPECT_EQ(sent.front().size(), 1u);
   EXPECT_EQ(sent.back().size(), many.size() - (Winsys::most_parts - 1));
   EXPECT_FALSE(p.server.saw_protocol_error());
}

TEST(Submissions, PartsAreForAServerThatHasWorkToDo)
{
   Pair p;
   EXPECT_FALSE(p.ws->joins_parts());
   p.server.hold();
   const uint64_t n = p.ws->submit({}, {}, -1, nullptr);
   EXPECT_TRUE(p.ws->joins_parts());
   p.server.resume();
   ASSERT_TRUE(p.ws->wait_submission(n, UINT64_MAX));
   EXPECT_FALSE(p.ws->joins_parts());
   StderrCapture err;
   p.server.die();
   p.ws->wait_submission(p.ws->submit({}, {}, -1, nullptr), UINT64_MAX);
   EXPECT_TRUE(p.ws->lost());
   EXPECT_FALSE(p.ws->joins_parts());
}
