// SPDX-License-Identifier: MIT
// How sessions begin, and how they do not.
#include <cstdlib>
#include <unistd.h>

#include "winsys_test.hpp"

using namespace virgl;
using namespace virgl::test;

namespace {

std::vector<uint32_t> commands(const FakeVtestServer &s)
{
   std::vector<uint32_t> out;
   for (const Message &m : s.messages())
      out.push_back(m.command);
   return out;
}

using Commands = std::vector<uint32_t>;

} // namespace

TEST(Handshake, ServerFromBeforeVersions)
{
   FakeVtestServer server({.knows_versions = false, .knows_caps2 = false});
   auto ws = vtest::connect_fd(server.connect(), test_options());
   ASSERT_TRUE(ws);
   EXPECT_FALSE(ws->features().encoded_transfers);
   EXPECT_EQ(ws->caps().capset_id, 1u);
   EXPECT_EQ(commands(server), (Commands{create_renderer, ping_protocol_version,
                                         resource_busy_wait, get_caps2, get_caps}));
}

TEST(Handshake, ServerFromBeforeVersionsWithCaps2)
{
   FakeVtestServer server({.knows_versions = false});
   auto ws = vtest::connect_fd(server.connect(), test_options());
   ASSERT_TRUE(ws);
   EXPECT_EQ(ws->caps().capset_id, 2u);
   // The answer to get_caps was taken in as well: the next answer is the right one.
   uint64_t n = ws->submit({}, {}, -1, nullptr);
   EXPECT_TRUE(ws->wait_submission(n, UINT64_MAX));
   EXPECT_FALSE(ws->lost());
}

TEST(Handshake, Version0)
{
   FakeVtestServer server(fake_version(0));
   auto ws = vtest::connect_fd(server.connect(), test_options());
   ASSERT_TRUE(ws);
   EXPECT_FALSE(ws->features().encoded_transfers);
   EXPECT_EQ(ws->caps().capset_id, 2u);
}

TEST(Handshake, Version1MeansVersion0)
{
   FakeVtestServer server(fake_version(1));
   auto ws = vtest::connect_fd(server.connect(), test_options());
   ASSERT_TRUE(ws);
   EXPECT_FALSE(ws->features().encoded_transfers);
   server.clear();
   auto bo = ws->create_resource(buffer_desc(16));
   ASSERT_TRUE(bo);
   EXPECT_TRUE(server.wait_for(resource_create, 1));
}

TEST(Handshake, Version2)
{
   FakeVtestServer server(fake_version(3));
   auto ws = vtest::connect_fd(server.connect(), test_options());
   ASSERT_TRUE(ws);
   EXPECT_TRUE(ws->features().encoded_transfers);
   EXPECT_EQ(commands(server), (Commands{create_renderer, ping_protocol_version,
                                         resource_busy_wait, protocol_version, get_caps2}));
   auto messages = server.messages();
   EXPECT_EQ(messages[0].length, 5u);
   EXPECT_EQ(std::string(reinterpret_cast<const char *>(messages[0].bytes.data())), "test");
   EXPECT_EQ(messages[3].dwords[0], 2u);
}

TEST(Handshake, Version3)
{
   FakeVtestServer server(fake_version(3));
   auto ws = vtest::connect_fd(server.connect(), offer(3));
   ASSERT_TRUE(ws);
   EXPECT_TRUE(ws->features().encoded_transfers);
   EXPECT_EQ(ws->caps().capset_id, 2u);
   EXPECT_TRUE(server.wait_for(context_init, 1));
   EXPECT_EQ(commands(server),
             (Commands{create_renderer, ping_protocol_version, resource_busy_wait,
                       protocol_version, get_capset, context_init}));
}

TEST(Handshake, Version3WithCapset1Only)
{
   FakeVtestServer server({.newest_version = 3, .knows_caps2 = false});
   auto ws = vtest::connect_fd(server.connect(), offer(3));
   ASSERT_TRUE(ws);
   EXPECT_EQ(ws->caps().capset_id, 1u);
   ASSERT_TRUE(server.wait_for(context_init, 1));
   EXPECT_EQ(server.messages().back().dwords[0], 1u);
}

TEST(Handshake, CapsetOfAnyLength)
{
   for (size_t bytes : {308u, 312u, 1000u, 1375u, 1376u, 1377u, 5000u, 65536u}) {
      FakeVtestServer server({.caps2_bytes = bytes});
      auto ws = vtest::connect_fd(server.connect(), test_options());
      ASSERT_TRUE(ws) << bytes;
      EXPECT_LE(ws->caps().received, bytes);
      EXPECT_EQ(ws->caps().max_version, 2u);
      // What follows is in step.
      EXPECT_TRUE(ws->wait_submission(ws->submit({}, {}, -1, nullptr), UINT64_MAX));
      EXPECT_FALSE(ws->lost());
   }
}

TEST(Handshake, CapsetsThatAreNone)
{
   for (size_t bytes : {0u, 4u, 307u, 65537u, 0x7fffffffu}) {
      StderrCapture err;
      FakeOptions o;
      FakeVtestServer *self = nullptr;
      o.instead = [&](const Message &m) {
         if (m.command != get_caps2)
            return false;
         std::vector<std::byte> some(std::min<size_t>(bytes, 65536));
         self->send_dwords({uint32_t(bytes + 1), 2});
         self->send(some.data(), some.size());
         return true;
      };
      FakeVtestServer server(o);
      self = &server;
      EXPECT_FALSE(vtest::connect_fd(server.connect(), test_options()));
      expect_one_line(err.take(), "'fake'");
   }
}

TEST(Handshake, CapabilitiesThatNeedSharedMemory)
{
   for (uint32_t version : {0u, 2u}) {
      FakeOptions o = fake_version(version);
      FakeVtestServer *self = nullptr;
      o.instead = [&](const Message &m) {
         if (m.command != get_caps2)
            return false;
         std::vector<std::byte> caps(1376, std::byte{0xff});
         self->send_dwords({1377, 2});
         self->send(caps.data(), caps.size());
         return true;
      };
      FakeVtestServer server(o);
      self = &server;
      auto ws = vtest::connect_fd(server.connect(), test_options());
      ASSERT_TRUE(ws);
      EXPECT_EQ(ws->caps().has(proto::cap::copy_transfer), version == 2);
      EXPECT_EQ(ws->caps().has2(proto::cap2::copy_transfer_both_directions), version == 2);
      EXPECT_TRUE(ws->caps().has(proto::cap::copy_image));
   }
}

TEST(Handshake, ServerThatWantsMoreThanOffered)
{
   StderrCapture err;
   FakeOptions o;
   FakeVtestServer *self = nullptr;
   o.instead = [&](const Message &m) {
      return m.command == protocol_version && self->send_dwords({1, protocol_version, 7});
   };
   FakeVtestServer server(o);
   self = &server;
   EXPECT_FALSE(vtest::connect_fd(server.connect(), test_options()));
   expect_one_line(err.take(), "version 7");
}

TEST(Handshake, SilentServer)
{
   StderrCapture err;
   auto options = test_options();
   options.handshake_timeout = 50ms;
   FakeVtestServer server;
   server.hold();
   auto before = std::chrono::steady_clock::now();
   EXPECT_FALSE(vtest::connect_fd(server.connect(), options));
   EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
   expect_one_line(err.take(), "does not answer");
}

TEST(Handshake, NoServer)
{
   StderrCapture err;
   auto options = test_options();
   options.socket_path = testing::TempDir() + "verglas-nobody";
   EXPECT_FALSE(vtest::connect(options));
   expect_one_line(err.take(), "verglas-nobody': cannot connect: No such file");
}

TEST(Handshake, PathsThatAreNone)
{
   for (const std::string &path : {std::string(), std::string(200, 'x'), std::string("/")}) {
      StderrCapture err;
      auto options = test_options();
      options.socket_path = path;
      EXPECT_FALSE(vtest::connect(options));
      expect_one_line(err.take(), "cannot connect");
   }
}

TEST(Handshake, SocketByName)
{
   auto options = test_options();
   options.socket_path = testing::TempDir() + "verglas-" + std::to_string(getpid());
   FakeVtestServer server;
   server.listen(options.socket_path);
   auto ws = vtest::connect(options);
   ASSERT_TRUE(ws);
   EXPECT_TRUE(ws->features().encoded_transfers);
}

TEST(Handshake, ServerThatWantsVersion3)
{
   auto options = test_options();
   options.socket_path = testing::TempDir() + "verglas3-" + std::to_string(getpid());
   FakeVtestServer server({.newest_version = 3, .oldest_version = 3});
   server.listen(options.socket_path);
   StderrCapture err;
   auto ws = vtest::connect(options);
   ASSERT_TRUE(ws);
   EXPECT_EQ(err.take(), "");
   auto bo = ws->create_resource(buffer_desc(64));
   ASSERT_TRUE(bo);
   EXPECT_EQ(uint32_t(bo->handle()) % 16, 0u);
}

TEST(Handshake, Environment)
{
   setenv("VTEST_SOCKET_NAME", "/some/where", 1);
   setenv("VERGLAS_VTEST_VERSION", "0", 1);
   setenv("VERGLAS_VTEST_TIMEOUT", "7", 1);
   auto o = vtest::Options::from_environment();
   EXPECT_EQ(o.socket_path, "/some/where");
   EXPECT_EQ(o.max_version, 0u);
   EXPECT_EQ(o.timeouts.busy, 7s);
   EXPECT_NE(o.client_name, "");

   setenv("VTEST_SOCKET_NAME", "", 1);
   unsetenv("VERGLAS_VTEST_TIMEOUT");
   for (const char *bad : {"4", "-1", "x", "2x", " 2"}) {
      setenv("VERGLAS_VTEST_VERSION", bad, 1);
      StderrCapture err;
      o = vtest::Options::from_environment();
      EXPECT_FALSE(o.max_version) << bad;
      expect_one_line(err.take(), "VERGLAS_VTEST_VERSION");
   }
   EXPECT_EQ(o.socket_path, "/tmp/.virgl_test");
   EXPECT_EQ(o.timeouts.busy, 60s);
   unsetenv("VERGLAS_VTEST_VERSION");
   unsetenv("VTEST_SOCKET_NAME");
}
