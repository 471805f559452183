// SPDX-License-Identifier: MIT
// Queries on a virtio-gpu device in memory, whose host says 1 to each.
#include <algorithm>

#include "pipe/p_context.h"
#include "pipe/p_screen.h"

#include "gallium/drivers/virgl/context.hpp"
#include "gallium/drivers/virgl/query.hpp"
#include "protocol/stream.hpp"

#include "drm_test.hpp"

using namespace virgl;
using namespace virgl::test;

namespace {

struct Queries : testing::Test {
   Queries() : gpu(gpu_options(Pace::at_once))
   {
      setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
      gpu.keep_streams(true);
      s = screen_create(drm::connect(gpu.open(), drm_options()), nullptr);
      ctx = s->context_create(s, nullptr, 0);
   }
   ~Queries() override
   {
      ctx->destroy(ctx);
      s->destroy(s);
   }

   // Commands of this kind that the host got since the last call.
   long sent(proto::Ccmd opcode)
   {
      long n = 0;
      for (const std::vector<uint32_t> &stream : gpu.take_streams()) {
         proto::CommandReader reader(stream);
         for (proto::Command command; reader.next(command);)
            n += command.opcode == opcode;
      }
      return n;
   }

   uint64_t result(pipe_query *q)
   {
      pipe_query_result r{};
      EXPECT_TRUE(ctx->get_query_result(ctx, q, true, &r));
      return r.u64;
   }

   FakeVirtgpu gpu;
   pipe_screen *s = nullptr;
   pipe_context *ctx = nullptr;
};

} // namespace

TEST_F(Queries, ThePartsBeforeAndAfterAPauseAreAdded)
{
   pipe_query *q = ctx->create_query(ctx, PIPE_QUERY_OCCLUSION_COUNTER, 0);
   for (int round = 0; round < 2; round++) {
      ctx->begin_query(ctx, q);
      for (uint64_t pauses = 0; pauses < 3; pauses++) {
         ctx->set_active_query_state(ctx, false);
         ctx->set_active_query_state(ctx, false); // says nothing new
         ctx->set_active_query_state(ctx, true);
         resume_queries(Context::from(ctx)); // as a draw does
      }
      ctx->end_query(ctx, q);
      EXPECT_EQ(result(q), 4u);
      EXPECT_EQ(sent(proto::Ccmd::begin_query), 4);
   }
   // Without a draw after it nothing goes on.
   ctx->begin_query(ctx, q);
   ctx->set_active_query_state(ctx, false);
   ctx->set_active_query_state(ctx, true);
   ctx->end_query(ctx, q);
   EXPECT_EQ(result(q), 1u);
   EXPECT_EQ(sent(proto::Ccmd::end_query), 1);
   ctx->destroy_query(ctx, q);
}

TEST_F(Queries, TimeGoesOnInAPause)
{
   pipe_query *q = ctx->create_query(ctx, PIPE_QUERY_TIME_ELAPSED, 0);
   ctx->begin_query(ctx, q);
   ctx->set_active_query_state(ctx, false);
   ctx->set_active_query_state(ctx, true);
   resume_queries(Context::from(ctx));
   ctx->end_query(ctx, q);
   EXPECT_EQ(result(q), 1u);
   EXPECT_EQ(sent(proto::Ccmd::begin_query), 1);
   ctx->destroy_query(ctx, q);
}

// GL_TIMESTAMP and the queries' timestamps are of one clock: the host's.
TEST_F(Queries, TheTimeIsTheHosts)
{
   EXPECT_EQ(s->get_timestamp, nullptr);
   EXPECT_EQ(ctx->get_timestamp(ctx), 1u);
   EXPECT_EQ(sent(proto::Ccmd::end_query), 1);
}

TEST_F(Queries, ALostHostIsAReset)
{
   EXPECT_EQ(ctx->get_device_reset_status(ctx), PIPE_NO_RESET);
   StderrCapture err;
   Screen::from(s).ws->declare_lost("the test says so");
   EXPECT_EQ(ctx->get_device_reset_status(ctx), PIPE_UNKNOWN_CONTEXT_RESET);
   // And nobody waits for a host that is gone.
   pipe_query *q = ctx->create_query(ctx, PIPE_QUERY_OCCLUSION_COUNTER, 0);
   if (q) {
      ctx->begin_query(ctx, q);
      ctx->end_query(ctx, q);
      EXPECT_EQ(result(q), 0u);
      ctx->destroy_query(ctx, q);
   }
   EXPECT_NE(err.take(), "");
}
