// SPDX-License-Identifier: MIT
// The sink host against the winsys that programs use: it must answer as a server does, and count right.
#include <chrono>
#include <cstring>
#include <memory>
#include <sys/socket.h>
#include <thread>

#include <gtest/gtest.h>

#include "gallium/winsys/virgl/vtest/vtest.hpp"
#include "protocol/enums.hpp"
#include "sink_session.hpp"
#include "stream_builder.hpp"

using namespace virgl;
using test::StreamBuilder;
using proto::Ccmd;

namespace {

sink::Face face(uint32_t newest_version)
{
   sink::Face f;
   f.newest_version = newest_version;
   proto::CapsV2 caps{};
   caps.max_version = 2;
   caps.capability_bits = proto::cap::copy_transfer | proto::cap::transfer |
                          proto::cap::multi_draw_indirect;
   caps.bset = proto::feature::has_indirect_draw;
   f.capset2.resize(sizeof caps);
   std::memcpy(f.capset2.data(), &caps, sizeof caps);
   f.capset1.assign(f.capset2.begin(), f.capset2.begin() + sizeof(proto::CapsV1));
   f.caps = proto::Caps::parse(2, f.capset2);
   return f;
}

ResourceDesc buffer(uint32_t bytes, uint32_t bind)
{
   ResourceDesc d;
   d.format = proto::Format::R8_UNORM;
   d.bind = bind;
   d.width = d.size = bytes;
   d.block = {1, 1, 1};
   return d;
}

ResourceDesc texture(proto::Format format, uint32_t width, uint32_t height, uint32_t bytes)
{
   ResourceDesc d;
   d.target = 2;
   d.format = format;
   d.bind = proto::bind::sampler_view;
   d.width = width;
   d.height = height;
   d.size = bytes;
   d.block = {1, 1, 4};
   return d;
}

// A winsys on a session that runs in a thread, until the winsys goes.
struct Client {
   explicit Client(uint32_t version, bool validate = false) : face(::face(version))
   {
      int fds[2] = {-1, -1};
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
         abort();
      thread = std::thread([this, fd = fds[1], validate] {
         sink::Session(fd, *slot, face, validate).run();
      });
      vtest::Options options;
      options.socket_path = "sink";
      options.max_version = version;
      ws = vtest::connect_fd(fds[0], options);
   }
   ~Client() { end(); }
   void end()
   {
      ws.reset();
      if (thread.joinable())
         thread.join();
   }
   // Sends it and waits until it has been counted.
   bool run(const StreamBuilder &stream)
   {
      const uint64_t number = ws->submit(stream, {}, -1, nullptr);
      return number != 0 && ws->wait_submission(number, UINT64_MAX);
   }
   uint64_t commands(Ccmd c) const { return slot->command_count[uint32_t(c)]; }
   uint64_t dwords(Ccmd c) const { return slot->command_dwords[uint32_t(c)]; }

   sink::Face face;
   std::unique_ptr<sink::Slot> slot = std::make_unique<sink::Slot>();
   std::unique_ptr<Winsys> ws;
   std::thread thread;
};

} // namespace

class Sink : public testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Versions, Sink, testing::Values(0u, 2u, 3u));

TEST_P(Sink, CountsWhatItIsSent)
{
   Client c(GetParam());
   ASSERT_TRUE(c.ws);
   EXPECT_EQ(c.slot->version, GetParam());
   auto vertices = c.ws->create_resource(buffer(4096, proto::bind::vertex_buffer));
   auto staging = c.ws->create_resource(buffer(4096, proto::bind::staging));
   ASSERT_TRUE(vertices && staging);

   StreamBuilder s;
   s << proto::SetSubCtx{1};
   s << proto::DrawVbo{.count = 3} << proto::DrawVbo{.count = 3, .tess = proto::DrawTess{}};
   s << proto::DrawVbo{.indirect = proto::DrawIndirect{.resource = vertices->handle(),
                                                       .stride = 16,
                                                       .draw_count = 7}};
   s << proto::CopyTransfer3d{.resource = vertices->handle(),
                              .box = {.width = 100, .height = 1, .depth = 1},
                              .staging_resource = staging->handle()};
   s << proto::CopyTransfer3d{.resource = vertices->handle(),
                              .box = {.width = 30, .height = 1, .depth = 1},
                              .staging_resource = staging->handle(),
                              .read_from_host = true};
   ASSERT_TRUE(c.run(s));
   ASSERT_TRUE(c.run(s));

   EXPECT_EQ(c.slot->submits, 2u);
   EXPECT_EQ(c.slot->commands, 2u * 6);
   EXPECT_EQ(c.slot->dwords, 2u * s.size());
   EXPECT_EQ(c.slot->draws, 2u * (1 + 1 + 7));
   EXPECT_EQ(c.slot->put_bytes, 2u * 100);
   EXPECT_EQ(c.slot->get_bytes, 2u * 30);
   EXPECT_EQ(c.commands(Ccmd::draw_vbo), 6u);
   EXPECT_EQ(c.dwords(Ccmd::draw_vbo), 2u * (13 + 15 + 21));
   EXPECT_EQ(c.commands(Ccmd::set_sub_ctx), 2u);
   EXPECT_EQ(c.slot->resources, 2u);
   EXPECT_EQ(c.slot->faults, 0u) << c.slot->fault;
   EXPECT_EQ(c.slot->sequence.load() % 2, 0u);
}

TEST_P(Sink, CountsTransfers)
{
   Client c(GetParam());
   ASSERT_TRUE(c.ws);
   auto picture = c.ws->create_resource(texture(proto::Format::R8G8B8A8_UNORM, 16, 16, 1024));
   ASSERT_TRUE(picture);
   ASSERT_NE(picture->map(), nullptr);
   const MemoryLayout layout{.offset = 0, .stride = 64, .layer_stride = 1024};
   ASSERT_TRUE(c.ws->transfer_to_host(*picture, 0, {.width = 16, .height = 4}, layout));
   ASSERT_TRUE(c.ws->transfer_from_host(*picture, 0, {.width = 8, .height = 2}, layout));
   ASSERT_TRUE(c.ws->wait_idle(*picture, UINT64_MAX));
   picture.reset();
   c.end();
   EXPECT_EQ(c.slot->put_bytes, 16u * 4 * 4);
   EXPECT_EQ(c.slot->get_bytes, 8u * 2 * 4);
   EXPECT_EQ(c.slot->faults, 0u) << c.slot->fault;
}

// From a version on in which there is memory to answer in.
TEST(SinkQueries, AreAnsweredAtOnce)
{
   Client c(2);
   ASSERT_TRUE(c.ws);
   auto result = c.ws->create_resource(buffer(4096, proto::bind::custom));
   ASSERT_TRUE(result);
   auto *state = reinterpret_cast<volatile proto::QueryState *>(result->map());
   ASSERT_NE(state, nullptr);
   EXPECT_EQ(state->query_state, uint32_t(proto::QueryStateValue::fresh));
   StreamBuilder s;
   s << proto::SetSubCtx{1};
   s << proto::CreateQuery{.handle = proto::ObjectHandle(5),
                           .type = proto::QueryType::time_elapsed,
                           .resource = result->handle()};
   s << proto::GetQueryResult{.handle = proto::ObjectHandle(5), .wait = true};
   ASSERT_TRUE(c.run(s));
   EXPECT_EQ(state->query_state, uint32_t(proto::QueryStateValue::done));
   EXPECT_EQ(state->result_size, 8u);
   EXPECT_NE(state->result, 0u); // a time
   EXPECT_EQ(c.slot->create_count[uint32_t(proto::ObjectType::query)], 1u);
}

TEST(SinkValidation, FindsTheFirstFault)
{
   Client c(2, true);
   ASSERT_TRUE(c.ws);
   StreamBuilder good, bad;
   good << proto::CreateSubCtx{1} << proto::SetSubCtx{1} << proto::DrawVbo{.count = 3};
   ASSERT_TRUE(c.run(good));
   EXPECT_EQ(c.slot->faults, 0u) << c.slot->fault;
   bad << proto::DrawVbo{.count = 3, .mode = 99};
   ASSERT_TRUE(c.run(bad));
   ASSERT_TRUE(c.run(bad));
   EXPECT_EQ(c.slot->faults, 2u);
   EXPECT_NE(std::string(c.slot->fault).find("submission 2"), std::string::npos) << c.slot->fault;
   EXPECT_NE(std::string(c.slot->fault).find("mode"), std::string::npos) << c.slot->fault;
}

TEST(SinkValidation, ACutOffCommandIsAFaultAnyway)
{
   Client c(2);
   ASSERT_TRUE(c.ws);
   StreamBuilder s;
   s << proto::DrawVbo{.count = 3};
   s.words.pop_back();
   ASSERT_TRUE(c.run(s));
   EXPECT_EQ(c.slot->faults, 1u);
   EXPECT_EQ(c.slot->draws, 0u);
}

TEST(SinkRegions, KnowTheirBytes)
{
   using proto::Format;
   const proto::Box box{.width = 10, .height = 6, .depth = 2};
   EXPECT_EQ(sink::region_bytes(Format::R8G8B8A8_UNORM, box), 10u * 6 * 2 * 4);
   EXPECT_EQ(sink::region_bytes(Format::R32G32B32A32_FLOAT, box), 10u * 6 * 2 * 16);
   EXPECT_EQ(sink::region_bytes(Format::Z24_UNORM_S8_UINT, box), 10u * 6 * 2 * 4);
   EXPECT_EQ(sink::region_bytes(Format::R11G11B10_FLOAT, box), 10u * 6 * 2 * 4);
   EXPECT_EQ(sink::region_bytes(Format::DXT1_RGBA, box), 3u * 2 * 2 * 8);
   EXPECT_EQ(sink::region_bytes(Format::DXT5_RGBA, box), 3u * 2 * 2 * 16);
   EXPECT_EQ(sink::region_bytes(Format::ETC2_RGBA8, box), 3u * 2 * 2 * 16);
   EXPECT_EQ(sink::region_bytes(Format::ASTC_10x6, box), 1u * 1 * 2 * 16);
   EXPECT_EQ(sink::region_bytes(Format::R8_UNORM, {.width = 0, .height = 1, .depth = 1}), 0u);
}
