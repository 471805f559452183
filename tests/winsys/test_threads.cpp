// SPDX-License-Identifier: MIT
// Everything at once from several threads; most telling under ThreadSanitizer.
#include <thread>

#include "winsys_test.hpp"

using namespace virgl;
using namespace virgl::test;

namespace {

void hammer(Winsys &ws, unsigned seed, int rounds)
{
   BoRef kept[4];
   MemoryTarget target(64, 16);
   uint64_t last = 0;
   for (int i = 0; i < rounds; i++) {
      seed = seed * 1664525 + 1013904223;
      unsigned pick = seed >> 28;
      BoRef &slot = kept[(seed >> 20) & 3];
      switch (pick) {
      case 0:
      case 1:
         slot = ws.create_resource(buffer_desc(256u << (seed & 1)));
         break;
      case 2:
         slot = ws.create_resource(texture_desc(16, 16));
         break;
      case 3:
      case 4:
         if (slot && slot->map())
            slot->map()[seed % slot->size()] = std::byte(i);
         break;
      case 5:
      case 6:
      case 7: {
         std::vector<uint32_t> stream(seed % 500);
         std::vector<Bo *> bos;
         for (BoRef &b : kept) {
            if (b)
               bos.push_back(b.get());
         }
         uint64_t n = ws.submit(stream, bos, -1, nullptr);
         EXPECT_GT(n, last);
         last = n;
         break;
      }
      case 8:
         EXPECT_TRUE(ws.wait_submission(last, UINT64_MAX));
         EXPECT_TRUE(ws.known_complete(last));
         break;
      case 9:
         ws.wait_submission(last, 0);
         break;
      case 10:
         ws.wait_submission(last, 100'000);
         break;
      case 11:
         EXPECT_TRUE(!slot || ws.wait_idle(*slot, UINT64_MAX));
         break;
      case 12:
         if (slot) {
            EXPECT_TRUE(ws.transfer_to_host(*slot, 0, {.width = 4}, {}));
            EXPECT_TRUE(ws.transfer_from_host(*slot, 0, {.width = 4}, {}));
         }
         break;
      case 13:
         if (slot && slot->desc().target == 2) {
            EXPECT_TRUE(ws.present(*slot, 0, {.width = 16, .height = 16}, target));
         }
         break;
      case 14:
         slot.reset();
         break;
      default:
         if (slot)
            ws.is_busy(*slot);
         break;
      }
   }
}

} // namespace

class Threads : public testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Versions, Threads, testing::Values(0u, 2u, 3u));

TEST_P(Threads, Hammer)
{
   size_t fds = open_fds();
   {
      Pair p(fake_version(GetParam()), offer(GetParam()));
      p.server.set_busy_answers(200);
      std::thread threads[4];
      for (unsigned i = 0; i < 4; i++)
         threads[i] = std::thread([&, i] { hammer(*p.ws, i * 7919 + GetParam(), 1500); });
      for (std::thread &t : threads)
         t.join();
      EXPECT_FALSE(p.ws->lost());
      EXPECT_FALSE(p.server.saw_protocol_error());
   }
   EXPECT_EQ(open_fds(), fds);
}

// Resources that pass between threads: mapped by one, dropped by another while the answer is on its
// way.
TEST_P(Threads, SharedResources)
{
   Pair p(fake_version(GetParam()), offer(GetParam()));
   for (int i = 0; i < 300; i++) {
      auto bo = p.ws->create_resource(texture_desc(8, 8));
      BoRef other = bo;
      std::thread t([ref = std::move(other)]() mutable {
         ref->map();
         ref.reset();
      });
      EXPECT_TRUE(i % 2 == 0 || bo->map());
      bo.reset();
      p.ws->submit({}, {}, -1, nullptr);
      t.join();
   }
   p.ws->wait_submission(p.ws->submit({}, {}, -1, nullptr), UINT64_MAX);
   EXPECT_EQ(p.server.live_resources(), 0u);
}

TEST_P(Threads, DeathInTheMiddle)
{
   for (unsigned n = 0; n < 20; n++) {
      StderrCapture err;
      FakeOptions o = fake_version(GetParam());
      o.die_after_received = 2000 + n * 997;
      {
         FakeVtestServer server(o);
         auto ws = vtest::connect_fd(server.connect(), offer(GetParam()));
         ASSERT_TRUE(ws);
         std::thread threads[3];
         for (unsigned i = 0; i < 3; i++) {
            threads[i] = std::thread([&, i] {
               BoRef bo;
               for (int k = 0; k < 100'000 && !ws->lost(); k++) {
                  bo = ws->create_resource(texture_desc(8, 8));
                  uint64_t s = ws->submit(std::vector<uint32_t>(i * 10), {}, -1, nullptr);
                  EXPECT_TRUE(k % 3 || ws->wait_submission(s, UINT64_MAX));
               }
            });
         }
         for (std::thread &t : threads)
            t.join();
         EXPECT_TRUE(ws->lost());
      }
      expect_one_line(err.take(), "'fake'");
   }
}
