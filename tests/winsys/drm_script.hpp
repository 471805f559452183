// SPDX-License-Identifier: MIT
// A session with a DRM winsys that does a little of everything, however much of it is refused.
#pragma once

#include <random>

#include "drm_test.hpp"

namespace virgl::test {

class Script {
public:
   // Two winsyses, as two processes have them.
   Script(FakeVirtgpu &gpu, const drm::Options &options, uint32_t seed = 1) : random_(seed)
   {
      a_ = drm::connect(gpu.open(), options);
      if (a_)
         b_ = drm::connect(gpu.open(), options);
   }

   bool connected() const { return a_ && b_; }
   bool lost() const { return (a_ && a_->lost()) || (b_ && b_->lost()); }
   // Whether every step did what it is for.
   bool all_well() const { return well_; }

   // What a frame of a program may do. False when there is nothing to do it with.
   bool frame()
   {
      if (!connected())
         return well_ = false;
      make();
      draw();
      transfers();
      churn();
      share();
      wait();
      return true;
   }
   // As an owner leaves things: nothing is waited for.
   void end()
   {
      vertices_.reset();
      texture_.reset();
      query_.reset();
      b_.reset();
      a_.reset();
   }

private:
   bool check(bool ok)
   {
      well_ &= ok;
      return ok;
   }
   uint32_t below(uint32_t n) { return uint32_t(random_() % n); }

   void make()
   {
      if (!vertices_)
         check(bool(vertices_ = a_->create_resource(buffer_desc(4096))));
      if (!query_)
         check(bool(query_ = a_->create_resource(buffer_desc(16, proto::bind::custom))));
      auto replaced = a_->create_resource(texture_desc(16, 16, 1, 2));
      check(bool(replaced));
      texture_ = std::move(replaced);
      for (const BoRef *bo : {&vertices_, &texture_}) {
         if (std::byte *p = *bo ? (*bo)->map() : nullptr)
            memset(p, int(below(256)), (*bo)->size());
         else
            check(false);
      }
   }

   void draw()
   {
      Stream s;
      std::vector<Bo *> bos;
      s.add(proto::Nop{});
      proto::Clear clear;
      clear.buffers = 4;
      s.add(clear);
      if (vertices_) {
         s.move(*vertices_, 64 * below(8), 64);
         const proto::VertexBuffer one{16, 0, vertices_->handle()};
         proto::SetVertexBuffers v;
         v.buffers = {&one, 1};
         s.add(v);
         bos.push_back(vertices_.get());
      }
      if (query_) {
         proto::CreateQuery q;
         q.handle = proto::ObjectHandle(1);
         q.resource = query_->handle();
         s.add(q);
         proto::GetQueryResult get;
         get.handle = q.handle;
         s.add(get);
         proto::DestroyObject gone;
         gone.type = proto::ObjectType::query;
         gone.handle = q.handle;
         s.add(gone);
         bos.push_back(query_.get());
      }
      int fence = -1;
      last_ = a_->submit(s, bos, -1, below(2) ? &fence : nullptr,
                         below(2) ? Urgency::awaited : Urgency::usual);
      check(last_ != 0);
      if (fence >= 0) {
         check(b_->submit({}, {}, fence, nullptr) != 0);
         close(fence);
      }
   }

   void transfers()
   {
      if (!texture_)
         return;
      const Box box{.x = 2, .y = 2, .width = 8, .height = 8};
      check(a_->transfer_to_host(*texture_, 0, box, {}));
      // Lies otherwise than the call can say.
      check(a_->transfer_to_host(*texture_, 0, box, {.offset = 128, .stride = 40}));
      check(a_->transfer_from_host(*texture_, 1, {.width = 8, .height = 8}, {.offset = 1024}));
   }

   void churn()
   {
      for (int i = 0; i < 4; i++) {
         auto bo = a_->create_resource(buffer_desc(256 << below(3)));
         if (!check(bool(bo)))
            continue;
         check(bo->map() != nullptr);
         const uint64_t n = a_->submit(Stream().move(*bo, 0, 256), std::array{bo.get()}, -1,
                                       nullptr);
         check(n != 0);
      }
      for (BlobKind kind : {BlobKind::guest, BlobKind::host_mapped}) {
         if (kind == BlobKind::guest ? a_->features().guest_blobs : a_->features().host_blobs) {
            auto blob = a_->create_blob(buffer_desc(100), kind);
            check(blob && blob->map());
         }
      }
   }

   void share()
   {
      if (!texture_)
         return;
      for (ShareKind kind : {ShareKind::dma_buf, ShareKind::flink, ShareKind::kms}) {
         SharedHandle h{.kind = kind};
         if (!check(a_->export_resource(*texture_, h)))
            continue;
         auto self = a_->import_resource(h, texture_->desc());
         check(bool(self));
         // The same thing under the same number, whatever else went wrong.
         if (self) {
            EXPECT_EQ(self->handle(), texture_->handle());
         }
         if (kind != ShareKind::kms) {
            auto other = b_->import_resource(h, texture_->desc());
            if (check(bool(other))) {
               EXPECT_EQ(other->handle(), texture_->handle());
               proto::Transfer3d p;
               p.resource = other->handle();
               p.box = {0, 0, 0, 4, 4, 1};
               check(b_->submit(Stream().add(p), std::array{other.get()}, -1, nullptr) != 0);
               check(other->map() != nullptr);
               check(b_->wait_idle(*other, UINT64_MAX));
            }
         }
         if (h.fd >= 0)
            close(h.fd);
      }
   }

   void wait()
   {
      a_->wait_submission(last_, 0);
      a_->wait_submission(last_, 100'000);
      // For ever means: until it is done, or never.
      EXPECT_TRUE(a_->wait_submission(last_, UINT64_MAX));
      if (query_) {
         EXPECT_TRUE(a_->wait_idle(*query_, UINT64_MAX));
         if (std::byte *p = query_->map())
            check(p[0] == std::byte(proto::QueryStateValue::done));
         else
            check(false);
      }
      check(b_->poll_host());
   }

   std::mt19937 random_;
   std::unique_ptr<Winsys> a_, b_;
   BoRef vertices_, texture_, query_;
   uint64_t last_ = 0;
   bool well_ = true;
};

} // namespace virgl::test
