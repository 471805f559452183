// SPDX-License-Identifier: MIT
// What is bound by way of threaded_context: queued where it changes, there when the driver draws, and its
// references all given back.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "util/u_inlines.h"
#include "util/u_threaded_context.h"
#include "util/u_upload_mgr.h"

#include "gallium/drivers/virgl/context.hpp"
#include "gallium/drivers/virgl/messages.hpp"
#include "gallium/drivers/virgl/references.hpp"

#include "device_session.hpp"

#include <gtest/gtest.h>

using namespace virgl;
using namespace virgl::test;

namespace {

constexpr pipe_shader_type stage = PIPE_SHADER_FRAGMENT;

// What reached threaded_context: slots from `start` on, and behind them some that were emptied.
struct Queued {
   unsigned start, count, unbind;
   bool operator==(const Queued &) const = default;
};
std::vector<Queued> uniforms, images, views, vertex_buffers;
std::vector<unsigned> messages; // bytes of each
AppBindings queue; // threaded_context's own functions

void queue_constant_buffer(pipe_context *c, pipe_shader_type s, unsigned index, bool own,
                           const pipe_constant_buffer *cb)
{
   uniforms.push_back({index, cb && cb->buffer ? 1u : 0u, 0});
   queue.queue_constant_buffer(c, s, index, own, cb);
}
void queue_images(pipe_context *c, pipe_shader_type s, unsigned start, unsigned count,
                  unsigned unbind, const pipe_image_view *list)
{
   images.push_back({start, count, unbind});
   queue.queue_images(c, s, start, count, unbind, list);
}
void queue_views(pipe_context *c, pipe_shader_type s, unsigned start, unsigned count,
                 unsigned unbind, bool own, pipe_sampler_view **list)
{
   views.push_back({start, count, unbind});
   queue.queue_views(c, s, start, count, unbind, own, list);
}
void queue_vertex_buffers(pipe_context *c, unsigned start, unsigned count, unsigned unbind, bool own,
                          const pipe_vertex_buffer *list)
{
   vertex_buffers.push_back({start, count, unbind});
   queue.queue_vertex_buffers(c, start, count, unbind, own, list);
}

void queue_marker(pipe_context *c, const char *string, int length)
{
   messages.push_back(unsigned(length));
   queue.queue_marker(c, string, length);
}
std::vector<std::string> markers; // that reached the driver
void note_marker(pipe_context *, const char *string, int length)
{
   markers.emplace_back(string, size_t(length));
}

// A context behind threaded_context on the fake device, with some objects to bind.
class Threaded : public testing::Test {
public:
   static constexpr unsigned num_objects = 5;
   std::array<pipe_resource *, num_objects> buffers, textures;
   std::array<pipe_sampler_view *, num_objects> texture_views;

   void SetUp() override
   {
      setenv("MESA_SHADER_CACHE_DISABLE", "true", 1);
      setenv("GALLIUM_THREAD", "1", 1);
      screen_ = screen_create(drm::connect(gpu_.open(), drm_options({})), nullptr);
      c = screen_->context_create(screen_, nullptr, PIPE_CONTEXT_PREFER_THREADED);
      ASSERT_NE(c->priv, nullptr) << "there is no threaded_context around it";
      AppBindings &app = driver().app;
      queue = app;
      app.queue_constant_buffer = queue_constant_buffer;
      app.queue_images = queue_images;
      app.queue_views = queue_views;
      app.queue_vertex_buffers = queue_vertex_buffers;
      app.queue_marker = queue_marker;
      for (auto *list : {&uniforms, &images, &views, &vertex_buffers})
         list->clear();
      messages.clear();
      for (unsigned i = 0; i < num_objects; i++) {
         buffers[i] = pipe_buffer_create(screen_, PIPE_BIND_CONSTANT_BUFFER, PIPE_USAGE_DEFAULT, 4096);
         textures[i] = small_texture(screen_);
         pipe_sampler_view v = {};
         v.target = PIPE_TEXTURE_2D;
         v.format = textures[i]->format;
         texture_views[i] = c->create_sampler_view(c, textures[i], &v);
      }
   }
   void TearDown() override
   {
      unbind_all();
      for (unsigned i = 0; i < num_objects; i++) {
         EXPECT_EQ(buffers[i]->reference.count, 1) << i;
         EXPECT_EQ(texture_views[i]->reference.count, 1) << i;
         EXPECT_EQ(textures[i]->reference.count, 2) << i; // its view has one
         pipe_resource_reference(&buffers[i], nullptr);
         pipe_sampler_view_reference(&texture_views[i], nullptr);
         pipe_resource_reference(&textures[i], nullptr);
      }
      c->destroy(c);
      screen_->destroy(screen_);
      unsetenv("GALLIUM_THREAD");
   }

   Context &driver() { return Context::from(static_cast<pipe_context *>(c->priv)); }
   void finish()
   {
      pipe_fence_handle *fence = nullptr;
      c->flush(c, &fence, 0);
      screen_->fence_reference(screen_, &fence, nullptr);
   }
   void unbind_all()
   {
      for (unsigned i = 1; i < 8; i++)
         c->set_constant_buffer(c, stage, i, false, nullptr);
      c->set_shader_images(c, stage, 0, 0, 8, nullptr);
      c->set_sampler_views(c, stage, 0, 0, 8, false, nullptr);
      c->set_vertex_buffers(c, 0, 0, 8, false, nullptr);
      finish();
   }

   void uniform(unsigned slot, pipe_resource *buffer, unsigned offset, bool own)
   {
      pipe_constant_buffer cb = {};
      cb.buffer = buffer;
      cb.buffer_offset = offset;
      cb.buffer_size = buffer ? 256 : 0;
      if (own && buffer)
         p_atomic_inc(&buffer->reference.count);
      c->set_constant_buffer(c, stage, slot, own, &cb);
   }
   void image_range(unsigned start, const std::vector<pipe_resource *> &list, unsigned unbind = 0)
   {
      std::vector<pipe_image_view> v(list.size());
      for (size_t i = 0; i < list.size(); i++) {
         v[i].resource = list[i];
         v[i].format = PIPE_FORMAT_R8G8B8A8_UNORM;
         v[i].access = v[i].shader_access = PIPE_IMAGE_ACCESS_READ;
      }
      c->set_shader_images(c, stage, start, unsigned(v.size()), unbind, v.data());
   }
   void view_range(unsigned start, std::vector<pipe_sampler_view *> list, unsigned unbind, bool own)
   {
      for (pipe_sampler_view *v : list) {
         if (v && own)
            p_atomic_inc(&v->reference.count);
      }
      c->set_sampler_views(c, stage, start, unsigned(list.size()), unbind, own, list.data());
   }

protected:
   FakeVirtgpu gpu_;
   pipe_screen *screen_ = nullptr;
   pipe_context *c = nullptr;
};

TEST_F(Threaded, UniformBuffersAreQueuedWhereTheyChange)
{
   for (bool own : {false, true}) {
      uniform(1, buffers[0], 0, own);
      uniform(1, buffers[0], 0, own);
      uniform(2, buffers[0], 0, own);
      uniform(1, buffers[0], 256, own);
      uniform(1, buffers[1], 256, own);
      uniform(1, nullptr, 0, own);
      uniform(1, nullptr, 0, own);
      c->set_constant_buffer(c, stage, 1, false, nullptr);
      uniform(2, nullptr, 0, own);
      EXPECT_EQ(uniforms, (std::vector<Queued>{{1, 1, 0}, {2, 1, 0}, {1, 1, 0}, {1, 1, 0},
                                               {1, 0, 0}, {2, 0, 0}}));
      uniforms.clear();
   }
}

TEST_F(Threaded, ConstantsAreAlwaysQueued)
{
   std::array<uint32_t, 1024> data;
   std::iota(data.begin(), data.end(), 1u);
   unsigned queued = 0;
   // As messages while they are few; the same ones, others, fewer, more.
   for (unsigned bytes : {16u, 16u, 64u, 32u, max_message_data, max_message_data + 16, 4096u, 16u}) {
      data[bytes / 4 - 1] += bytes;
      pipe_constant_buffer cb = {};
      cb.user_buffer = data.data();
      cb.buffer_size = bytes;
      c->set_constant_buffer(c, stage, 0, false, &cb);
      queued++;
      EXPECT_EQ(uniforms.size() + messages.size(), queued);
      EXPECT_EQ(!messages.empty() && messages.back() == sizeof(virgl::Message) + bytes,
                bytes <= max_message_data);
      const std::array<uint32_t, 1024> sent = data;
      data.fill(0); // the program's memory is its own again
      finish();
      const StageState &s = driver().stages[stage];
      ASSERT_EQ(s.constants_size, bytes);
      EXPECT_EQ(memcmp(s.constants, sent.data(), bytes), 0) << bytes;
      data = sent;
   }
   // What an uploader made is written to again without another address.
   unsigned offset = 0;
   pipe_resource *uploaded = nullptr;
   const std::array<uint32_t, 64> zeroes{};
   u_upload_data(c->stream_uploader, 0, 256, 256, zeroes.data(), &offset, &uploaded);
   uniforms.clear();
   for (int i = 0; i < 3; i++)
      uniform(1, uploaded, 0, false);
   EXPECT_EQ(uniforms.size(), 3u);
   uniform(1, nullptr, 0, false);
   EXPECT_EQ(uniforms.size(), 4u);
   pipe_resource_reference(&uploaded, nullptr);
}

TEST_F(Threaded, OfImagesTheRangeThatDiffersIsQueued)
{
   const auto &t = textures;
   image_range(0, {t[0], t[1], t[2], t[3]});
   image_range(0, {t[0], t[1], t[2], t[3]});
   image_range(0, {t[0], t[4], t[2], t[3]});
   image_range(0, {t[0], t[1], t[3], t[3]});
   image_range(1, {t[1], t[2]}, 1);
   image_range(0, {t[0]}, 3);
   image_range(0, {}, 4);
   // Four, the second one, the second and the third, the third without the fourth, none instead of two ...
   const auto bytes = [](unsigned n) { return unsigned(sizeof(virgl::Message) + n * sizeof(pipe_image_view)); };
   EXPECT_EQ(messages, (std::vector<unsigned>{bytes(4), bytes(1), bytes(2), bytes(1), bytes(0)}));
   // ... and what has no list at all is threaded_context's.
   EXPECT_EQ(images, (std::vector<Queued>{{0, 0, 1}}));
}

TEST_F(Threaded, BuffersAsImagesAreKnownToThreadedContext)
{
   struct threaded_context &tc = *threaded_context(c);
   const auto id = [](pipe_resource *b) { return threaded_resource(b)->buffer_id_unique; };
   // The first time it looks at them itself, whether another context has used them.
   image_range(2, {buffers[0], buffers[1]});
   EXPECT_EQ(images, (std::vector<Queued>{{2, 2, 0}}));
   image_range(2, {buffers[1], buffers[0], textures[0]});
   EXPECT_EQ(images.size(), 1u);
   EXPECT_EQ(messages.size(), 1u);
   EXPECT_EQ(tc.image_buffers[stage][2], id(buffers[1]));
   EXPECT_EQ(tc.image_buffers[stage][3], id(buffers[0]));
   EXPECT_EQ(tc.image_buffers[stage][4], 0u);
   const auto &list = tc.buffer_lists[tc.next_buf_list].buffer_list;
   EXPECT_TRUE(BITSET_TEST(list, id(buffers[0]) & TC_BUFFER_ID_MASK));

   pipe_image_view written = {};
   written.resource = buffers[0];
   written.format = PIPE_FORMAT_R8G8B8A8_UNORM;
   written.access = written.shader_access = PIPE_IMAGE_ACCESS_READ_WRITE;
   written.u.buf.offset = 1024;
   written.u.buf.size = 512;
   c->set_shader_images(c, stage, 3, 1, 0, &written);
   EXPECT_EQ(messages.size(), 2u);
   EXPECT_EQ(tc.image_buffers_writeable_mask[stage], 1u << 3);
   EXPECT_TRUE(util_ranges_intersect(&threaded_resource(buffers[0])->valid_buffer_range, 1535, 1536));
   image_range(2, {textures[1], textures[1]}, 1);
   EXPECT_EQ(messages.size(), 3u);
   for (unsigned slot : {2, 3, 4})
      EXPECT_EQ(tc.image_buffers[stage][slot], 0u) << slot;
   EXPECT_EQ(tc.image_buffers_writeable_mask[stage], 0u);

   // One that another context used before.
   pipe_context *other = screen_->context_create(screen_, nullptr, PIPE_CONTEXT_PREFER_THREADED);
   pipe_vertex_buffer vb = {};
   vb.buffer.resource = buffers[2];
   other->set_vertex_buffers(other, 0, 1, 0, false, &vb);
   image_range(2, {buffers[2]});
   EXPECT_EQ(messages.size(), 3u);
   EXPECT_EQ(images.back(), (Queued{2, 1, 0}));
   EXPECT_TRUE(threaded_resource(buffers[2])->used_by_multiple_contexts);
   other->destroy(other);
}

TEST_F(Threaded, MarkersStayMarkers)
{
   driver().emit_marker = note_marker;
   markers.clear();
   const std::string large(3000, 'x');
   const std::vector<std::string> sent{"here", "", large, std::string("\1\0\0\0\1\0\0\0", 8)};
   for (const std::string &s : sent)
      c->emit_string_marker(c, s.data(), int(s.size()));
   finish();
   EXPECT_EQ(markers, sent);
}

TEST_F(Threaded, OfViewsTheRangeThatDiffersIsQueued)
{
   const auto &v = texture_views;
   for (bool own : {false, true}) {
      view_range(0, {v[0], v[1], v[2], v[3]}, 0, own);
      view_range(0, {v[0], v[1], v[2], v[3]}, 0, own);
      view_range(0, {v[0], v[4], nullptr, v[3]}, 0, own);
      view_range(0, {v[0], v[4]}, 2, own);
      view_range(0, {v[0], v[4]}, 2, own);
      view_range(0, {v[2]}, 3, own);
      view_range(0, {}, 4, own);
      EXPECT_EQ(views, (std::vector<Queued>{{0, 4, 0}, {1, 2, 0}, {3, 0, 1}, {0, 1, 1}, {0, 0, 1}}));
      views.clear();
   }
}

// Anything in any order: what is bound in the end is what was said last.
TEST_F(Threaded, AnyOrderBindsWhatWasSaidLast)
{
   const char *text = getenv("VERGLAS_TEST_SEED");
   const uint32_t seed = text ? uint32_t(strtoul(text, nullptr, 0)) : std::random_device()();
   SCOPED_TRACE("VERGLAS_TEST_SEED=" + std::to_string(seed));
   std::mt19937 random(seed);
   const auto below = [&](unsigned n) { return unsigned(random() % n); };
   constexpr unsigned slots = 6;
   std::array<std::pair<pipe_resource *, unsigned>, slots> uniform_model{};
   std::array<pipe_resource *, slots> image_model{}, vertex_model{};
   std::array<pipe_sampler_view *, slots> view_model{};
   image_range(0, {}, slots); // else a slot's emptiness is not known
   for (int step = 0; step < 3000; step++) {
      const unsigned start = below(slots), count = below(slots - start + 1),
                     unbind = below(slots - start - count + 1);
      const bool own = below(2);
      switch (below(5)) {
      case 0: {
         const unsigned slot = 1 + below(slots - 1);
         pipe_resource *b = below(3) ? buffers[below(2)] : nullptr;
         uniform_model[slot] = {b, b ? 256 * below(2) : 0};
         uniform(slot, b, uniform_model[slot].second, own);
         break;
      }
      case 1: {
         std::vector<pipe_resource *> list(count);
         for (auto &r : list)
            r = below(4) ? (below(2) ? textures : buffers)[below(2)] : nullptr;
         image_range(start, list, unbind);
         for (unsigned i = 0; i < count + unbind; i++)
            image_model[start + i] = i < count ? list[i] : nullptr;
         break;
      }
      case 2: {
         std::vector<pipe_sampler_view *> list(count);
         for (auto &v : list)
            v = below(4) ? texture_views[below(2)] : nullptr;
         view_range(start, list, unbind, own);
         for (unsigned i = 0; i < count + unbind; i++)
            view_model[start + i] = i < count ? list[i] : nullptr;
         break;
      }
      case 3: {
         std::vector<pipe_vertex_buffer> list(count);
         for (auto &vb : list) {
            vb.buffer.resource = below(4) ? buffers[below(2)] : nullptr;
            if (own && vb.buffer.resource)
               p_atomic_inc(&vb.buffer.resource->reference.count);
         }
         c->set_vertex_buffers(c, start, count, unbind, own, list.data());
         for (unsigned i = 0; i < count + unbind; i++)
            vertex_model[start + i] = i < count ? list[i].buffer.resource : nullptr;
         break;
      }
      default:
         if (below(8) == 0)
            finish();
      }
   }
   finish();
   const StageState &s = driver().stages[stage];
   for (unsigned i = 0; i < slots; i++) {
      EXPECT_EQ(s.ubos[i].buffer, uniform_model[i].first) << i;
      EXPECT_EQ(s.ubos[i].buffer_offset, uniform_model[i].second) << i;
      EXPECT_EQ(s.images[i].resource, image_model[i]) << i;
      const bool is_buffer = image_model[i] && image_model[i]->target == PIPE_BUFFER;
      EXPECT_EQ(threaded_context(c)->image_buffers[stage][i],
                is_buffer ? threaded_resource(image_model[i])->buffer_id_unique : 0) << i;
      EXPECT_EQ(s.views[i], view_model[i]) << i;
      EXPECT_EQ(driver().vertex_buffers[i].buffer.resource, vertex_model[i]) << i;
   }
}

TEST_F(Threaded, DroppedReferencesAreTakenAgainAndGivenBack)
{
   References references;
   pipe_resource *const b = buffers[0];
   p_atomic_add(&b->reference.count, 5);
   for (int i = 0; i < 5; i++)
      references.drop(b);
   references.drop(static_cast<pipe_resource *>(nullptr));
   EXPECT_EQ(b->reference.count, 6); // not yet
   EXPECT_EQ(references.take(b), b);
   EXPECT_EQ(b->reference.count, 6);
   references.settle();
   EXPECT_EQ(b->reference.count, 2); // its own, and what was taken
   EXPECT_EQ(references.take(b), b);
   EXPECT_EQ(b->reference.count, 3);
   references.drop(b);
   references.drop(b);
   references.settle();
   EXPECT_EQ(b->reference.count, 1);

   // Taken from what was dropped, and else many at once.
   references.drop(references.take_ahead(b));
   references.take_ahead(b);
   references.take_ahead(b);
   EXPECT_GT(b->reference.count, 3);
   references.settle();
   EXPECT_EQ(b->reference.count, 3);
   references.drop(b);
   references.drop(b);
   references.settle();
   EXPECT_EQ(b->reference.count, 1);
   // Few objects are kept alive by that.
   std::array<pipe_resource *, 100> many;
   for (pipe_resource *&mine : many) {
      mine = pipe_buffer_create(screen_, PIPE_BIND_CONSTANT_BUFFER, PIPE_USAGE_DEFAULT, 64);
      references.take_ahead(mine);
   }
   EXPECT_LE(std::ranges::count_if(many, [](auto *r) { return r->reference.count > 2; }), 32);
   references.settle();
   for (pipe_resource *&mine : many) {
      EXPECT_EQ(mine->reference.count, 2);
      references.drop(mine);
      pipe_resource_reference(&mine, nullptr);
   }
   references.settle();

   // More of them than there is room for, each with its last reference.
   for (int i = 0; i < 2000; i++) {
      pipe_resource *mine =
         pipe_buffer_create(screen_, PIPE_BIND_CONSTANT_BUFFER, PIPE_USAGE_DEFAULT, 64);
      ASSERT_NE(mine, nullptr);
      references.drop(mine);
   }
   references.settle();
}

} // namespace
