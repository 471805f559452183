// SPDX-License-Identifier: MIT
// Servers that die, lie or fall silent. Whatever they do: one line, no crash, no leak, no hang.
#include <thread>

#include "winsys_test.hpp"

using namespace virgl;
using namespace virgl::test;

namespace {

// One of everything that says the same in every run; ends early or late, but ends.
void scripted_session(FakeVtestServer &server, const vtest::Options &options)
{
   auto ws = vtest::connect_fd(server.connect(), options);
   if (!ws)
      return;
   {
      auto texture = ws->create_resource(texture_desc(8, 8, 2));
      auto buffer = ws->create_resource(buffer_desc(256));
      auto query = ws->create_resource(buffer_desc(64, proto::bind::custom));
      auto unmapped = ws->create_resource(texture_desc(4, 4));
      if (texture && buffer && query) {
         if (std::byte *p = buffer->map())
            memset(p, 1, 256);
         ws->transfer_to_host(*buffer, 0, {.width = 256}, {});
         std::vector<uint32_t> stream(20, 5);
         Bo *bos[] = {texture.get(), buffer.get(), query.get()};
         uint64_t n = ws->submit(stream, bos, -1, nullptr);
         EXPECT_EQ(n == 0, n == 0 && ws->lost());
         EXPECT_TRUE(ws->wait_submission(n, UINT64_MAX));
         ws->transfer_from_host(*texture, 0, {.width = 8, .height = 8, .depth = 2}, {});
         EXPECT_TRUE(ws->wait_idle(*texture, UINT64_MAX));
         MemoryTarget target(32, 8);
         ws->present(*texture, 0, {.width = 8, .height = 8}, target);
         EXPECT_EQ(target.mapped, target.unmapped);
         ws->is_busy(*query);
      }
   }
   auto again = ws->create_resource(buffer_desc(256));
   // So that the session ends with an answer that somebody waits for.
   ws->wait_submission(ws->submit({}, {}, -1, nullptr), UINT64_MAX);
   if (ws->lost()) {
      EXPECT_FALSE(ws->create_resource(buffer_desc(256)));
      EXPECT_EQ(ws->submit({}, {}, -1, nullptr), 0u);
      EXPECT_TRUE(ws->known_complete(12345));
   }
}

class Faults : public testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Versions, Faults, testing::Values(0u, 2u, 3u));

// Runs the session with a server that answers one message wrongly; gives what was printed.
std::string session_with(uint32_t version,
                         std::function<bool(FakeVtestServer &, const Message &)> wrong,
                         milliseconds timeout = 5s)
{
   StderrCapture err;
   FakeOptions o = fake_version(version);
   FakeVtestServer *self = nullptr;
   o.instead = [&](const Message &m) { return wrong(*self, m); };
   auto options = offer(version);
   options.timeouts = {timeout, timeout};
   {
      FakeVtestServer server(o);
      self = &server;
      scripted_session(server, options);
   }
   return err.take();
}

} // namespace

TEST_P(Faults, DeathAfterEveryByteSent)
{
   size_t fds = open_fds();
   uint64_t bytes = 0;
   {
      FakeVtestServer whole(fake_version(GetParam()));
      scripted_session(whole, offer(GetParam()));
      ASSERT_FALSE(whole.saw_protocol_error());
      bytes = whole.bytes_sent();
   }
   ASSERT_GT(bytes, 1400u);
   // The bytes of the capset's middle are all alike.
   for (uint64_t n = 0; n < bytes; n += n > 100 && n < 1300 ? 50 : 1) {
      FakeOptions o = fake_version(GetParam());
      o.die_after_sent = n;
      StderrCapture err;
      auto before = std::chrono::steady_clock::now();
      {
         FakeVtestServer server(o);
         scripted_session(server, offer(GetParam()));
      }
      EXPECT_LT(std::chrono::steady_clock::now() - before, 4s) << n;
      expect_one_line(err.take(), "'fake'");
      if (HasFailure())
         FAIL() << "after " << n << " bytes";
   }
   EXPECT_EQ(open_fds(), fds);
}

TEST_P(Faults, DeathAfterEveryByteReceived)
{
   FakeVtestServer whole(fake_version(GetParam()));
   scripted_session(whole, offer(GetParam()));
   whole.wait_for(resource_unref, 2);
   uint64_t bytes = whole.bytes_received();
   ASSERT_GT(bytes, 300u);
   for (uint64_t n = 1; n <= bytes; n++) {
      FakeOptions o = fake_version(GetParam());
      o.die_after_received = n;
      StderrCapture err;
      {
         FakeVtestServer server(o);
         scripted_session(server, offer(GetParam()));
      }
      std::string text = err.take();
      // Towards the end of the session the client may be gone before it can notice.
      if (!text.empty() || n + 100 < bytes)
         expect_one_line(text, "'fake'");
      if (HasFailure())
         FAIL() << "after " << n << " bytes";
   }
}

TEST_P(Faults, NonsenseInPlaceOfEveryAnswer)
{
   const std::initializer_list<uint32_t> lies[] = {
      {1, 99, 0},                 // another command
      {0xffffffff, 7, 0},         // a huge length
      {0xffffffff, 0xffffffff, 0xffffffff},
      {0, 0, 0},
      {2, 7, 0, 0},
   };
   for (uint32_t command : {ping_protocol_version, resource_busy_wait, protocol_version, get_caps2,
                            get_capset, resource_create2}) {
      if ((command == get_capset || command == resource_create2) && GetParam() < 3)
         continue;
      if (command == get_caps2 && GetParam() >= 3)
         continue;
      for (auto lie : lies) {
         std::string text = session_with(GetParam(), [&](FakeVtestServer &s, const Message &m) {
            return m.command == command && s.send_dwords(lie);
         });
         expect_one_line(text, "nonsense");
         if (HasFailure())
            FAIL() << "command " << command << " lie " << *lie.begin();
      }
   }
}

TEST_P(Faults, BusyAfterWaiting)
{
   std::string text = session_with(GetParam(), [&](FakeVtestServer &s, const Message &m) {
      return m.command == resource_busy_wait && (m.dwords[1] & 1) &&
             s.send_dwords({1, resource_busy_wait, 1});
   });
   expect_one_line(text, "nonsense");
}

TEST_P(Faults, SilenceEnds)
{
   auto before = std::chrono::steady_clock::now();
   std::string text = session_with(
      GetParam(),
      [&](FakeVtestServer &, const Message &m) {
         return m.command == resource_busy_wait && (m.dwords[1] & 1);
      },
      100ms);
   EXPECT_LT(std::chrono::steady_clock::now() - before, 4s);
   expect_one_line(text, "does not answer");
}

TEST_P(Faults, HalfAnAnswer)
{
   for (size_t half : {1u, 4u, 8u, 11u}) {
      std::string text = session_with(
         GetParam(),
         [&](FakeVtestServer &s, const Message &m) {
            const uint32_t answer[] = {1, resource_busy_wait, 0};
            return m.command == resource_busy_wait && (m.dwords[1] & 1) && s.send(answer, half);
         },
         100ms);
      expect_one_line(text, "does not answer");
   }
}

TEST(FaultsOfMemory, ShortFile)
{
   for (size_t missing : {1u, 100u, 5000u}) {
      StderrCapture err;
      FakeOptions o;
      o.short_memory = missing;
      Pair p(o);
      auto bo = p.ws->create_resource(buffer_desc(4096));
      EXPECT_EQ(bo->map(), nullptr);
      EXPECT_TRUE(p.ws->lost());
      expect_one_line(err.take(), "smaller");
   }
}

TEST(FaultsOfMemory, NoDescriptor)
{
   StderrCapture err;
   FakeOptions o;
   o.without_fd = true;
   Pair p(o);
   auto bo = p.ws->create_resource(buffer_desc(4096));
   EXPECT_EQ(bo->map(), nullptr);
   EXPECT_EQ(bo->map(), nullptr);
   EXPECT_TRUE(p.ws->lost());
   expect_one_line(err.take(), "no memory came");
}

TEST(FaultsOfMemory, SurplusDescriptorsAreClosed)
{
   for (unsigned n : {2u, 4u, 8u}) {
      size_t fds = open_fds();
      {
         FakeOptions o;
         o.fds_per_resource = n;
         Pair p(o);
         for (int i = 0; i < 10; i++) {
            auto bo = p.ws->create_resource(texture_desc(8, 8));
            ASSERT_NE(bo->map(), nullptr);
         }
         p.ws->wait_submission(p.ws->submit({}, {}, -1, nullptr), UINT64_MAX);
         EXPECT_EQ(open_fds(), fds + 2);
      }
      EXPECT_EQ(open_fds(), fds);
   }
}

TEST(FaultsOfMemory, DescriptorOfSomethingElse)
{
   StderrCapture err;
   FakeOptions o;
   FakeVtestServer *self = nullptr;
   // A byte that nobody sent a descriptor with.
   o.instead = [&](const Message &m) {
      return m.command == resource_create2 && self->send("x", 1);
   };
   FakeVtestServer server(o);
   self = &server;
   auto ws = vtest::connect_fd(server.connect(), test_options());
   auto bo = ws->create_resource(texture_desc(8, 8));
   EXPECT_EQ(bo->map(), nullptr);
   bo.reset();
   ws.reset();
   expect_one_line(err.take(), "no memory came");
}

TEST(Lost, EverythingIsHarmless)
{
   StderrCapture err;
   {
      Pair p;
      auto bo = p.ws->create_resource(buffer_desc(64));
      auto pending = p.ws->create_resource(texture_desc(8, 8));
      std::byte *memory = bo->map();
      ASSERT_NE(memory, nullptr);
      p.ws->declare_lost("the driver says so");
      p.ws->declare_lost("and again");
      EXPECT_TRUE(p.ws->lost());
      // What was mapped stays mapped.
      memset(memory, 1, 64);
      EXPECT_EQ(bo->map(), memory);
      EXPECT_FALSE(p.ws->is_busy(*bo));
      EXPECT_TRUE(p.ws->wait_idle(*bo, UINT64_MAX));
      EXPECT_TRUE(p.ws->wait_submission(99, UINT64_MAX));
      EXPECT_FALSE(p.ws->create_resource(buffer_desc(64)));
      EXPECT_FALSE(p.ws->transfer_to_host(*bo, 0, {.width = 64}, {}));
      EXPECT_FALSE(p.ws->transfer_from_host(*bo, 0, {.width = 64}, {}));
      MemoryTarget target(32, 8);
      EXPECT_FALSE(p.ws->present(*pending, 0, {.width = 8, .height = 8}, target));
      int fence = 3;
      EXPECT_EQ(p.ws->submit({}, {}, -1, &fence), 0u);
      EXPECT_EQ(fence, -1);
      pending->map();
   }
   expect_one_line(err.take(), "the driver says so");
}

TEST(Lost, DeathIsSeenAtOnceByAWaiter)
{
   StderrCapture err;
   Pair p;
   p.server.hold();
   uint64_t n = p.ws->submit({}, {}, -1, nullptr);
   std::thread killer([&] {
      std::this_thread::sleep_for(20ms);
      p.server.resume();
      p.server.die();
   });
   p.server.set_busy_answers(0);
   auto before = std::chrono::steady_clock::now();
   EXPECT_TRUE(p.ws->wait_submission(n, UINT64_MAX));
   EXPECT_LT(std::chrono::steady_clock::now() - before, 4s);
   killer.join();
   p.ws->submit({}, {}, -1, nullptr);
   p.ws->wait_submission(n + 1, UINT64_MAX);
   err.take();
}

TEST(Lost, AServerThatReadsNoMoreIsGivenUp)
{
   StderrCapture err;
   auto options = test_options();
   options.timeouts = {100ms, 100ms};
   Pair p({}, options);
   p.server.hold();
   std::vector<uint32_t> stream(1 << 20);
   auto before = std::chrono::steady_clock::now();
   for (int i = 0; i < 100 && !p.ws->lost(); i++)
      p.ws->submit(stream, {}, -1, nullptr);
   EXPECT_TRUE(p.ws->lost());
   EXPECT_LT(std::chrono::steady_clock::now() - before, 4s);
   expect_one_line(err.take(), "does not answer");
}

// Both sides with full sockets: the client sends a large stream while the server cannot get rid of
// its answers.
TEST(Lost, NoDeadlockOverFullSockets)
{
   FakeOptions o;
   FakeVtestServer *self = nullptr;
   std::vector<std::byte> big(600'000);
   o.newest_version = 0;
   o.instead = [&](const Message &m) {
      // As if the data of many reads were under way.
      return m.command == transfer_get && self->send(big.data(), m.dwords[10]);
   };
   FakeVtestServer server(o);
   self = &server;
   auto ws = vtest::connect_fd(server.connect(), test_options());
   auto bo = ws->create_resource(buffer_desc(600'000));
   std::thread sender([&] {
      std::vector<uint32_t> stream(1 << 20);
      for (int i = 0; i < 8; i++)
         EXPECT_NE(ws->submit(stream, {}, -1, nullptr), 0u);
   });
   for (int i = 0; i < 8; i++)
      EXPECT_TRUE(ws->transfer_from_host(*bo, 0, {.width = 600'000}, {}));
   sender.join();
   EXPECT_FALSE(ws->lost());
}
