// SPDX-License-Identifier: MIT
// Fences, several contexts, threads, contexts that come and go.
#include "scene.hpp"

#include <chrono>
#include <mutex>
#include <thread>

namespace render {
namespace {

EGLContext share_context(const Test &t)
{
   const EGLint attributes[] = {EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 3,
                                EGL_CONTEXT_OPENGL_PROFILE_MASK,
                                EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT, EGL_NONE};
   return eglCreateContext(t.display(), t.config(), t.context(), attributes);
}

bool wait_for(Test &t, GLsync fence)
{
   const GLenum status = glClientWaitSync(fence, GL_SYNC_FLUSH_COMMANDS_BIT, 10'000'000'000ull);
   if (status == GL_ALREADY_SIGNALED || status == GL_CONDITION_SATISFIED)
      return true;
   t.fail("a fence is not reached within 10 s (0x%04x)", status);
   return false;
}

void fences(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   for (int i = 0; i < 30; i++) {
      t.use_flat(colour(i));
      const float x = -1.0f + 0.066f * static_cast<float>(i);
      t.rect(x, -0.9f, x + 0.05f, 0.9f);
      GLsync fence = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
      if (!fence) {
         t.fail("no fence");
         return;
      }
      switch (i % 4) {
      case 0:
         wait_for(t, fence);
         break;
      case 1: // on the server's side
         glWaitSync(fence, 0, GL_TIMEOUT_IGNORED);
         break;
      case 2: { // asked without waiting, until it says yes
         glFlush();
         GLint state = GL_UNSIGNALED;
         for (int polls = 0; state != GL_SIGNALED && polls < 2000000; polls++)
            glGetSynciv(fence, GL_SYNC_STATUS, 1, nullptr, &state);
         if (state != GL_SIGNALED)
            t.fail("a fence is never signalled");
         break;
      }
      default: // dropped without a look
         break;
      }
      if (i % 4 == 0 && glClientWaitSync(fence, 0, 0) != GL_ALREADY_SIGNALED)
         t.fail("a fence that was reached is not signalled any more");
      glDeleteSync(fence);
   }
   glFinish();
}

// Two threads, two contexts: one uploads textures, the other draws them.
void two_threads(Test &t)
{
   t.clear({0, 0, 0});
   EGLContext other = share_context(t);
   if (other == EGL_NO_CONTEXT) {
      t.fail("no second context");
      return;
   }
   constexpr int count = 16;
   struct Item {
      GLuint texture = 0;
      GLsync fence = nullptr;
   };
   std::array<Item, count> items{};
   std::string trouble;
   std::thread worker([&] {
      eglBindAPI(EGL_OPENGL_API);
      if (!eglMakeCurrent(t.display(), EGL_NO_SURFACE, EGL_NO_SURFACE, other)) {
         trouble = "the second context cannot be made current";
         return;
      }
      for (int i = 0; i < count; i++) {
         Item &item = items[static_cast<size_t>(i)];
         glGenTextures(1, &item.texture);
         glBindTexture(GL_TEXTURE_2D, item.texture);
         glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
         glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
         glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, 32, 32, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                      Random(static_cast<uint32_t>(i)).bytes(32 * 32 * 4).data());
         item.fence = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
         glFlush();
      }
      eglMakeCurrent(t.display(), EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
   });
   // The drawing thread has work of its own meanwhile.
   for (int i = 0; i < 200; i++) {
      t.use_flat(colour(i));
      t.tile(i % 16);
      t.rect(-0.5f, -0.5f, 0.5f, 0.5f);
   }
   worker.join();
   if (!trouble.empty())
      t.fail("%s", trouble.c_str());
   for (int i = 0; i < count; i++) {
      Item &item = items[static_cast<size_t>(i)];
      if (item.fence)
         glWaitSync(item.fence, 0, GL_TIMEOUT_IGNORED);
      t.tile(i);
      t.show(item.texture);
      glDeleteSync(item.fence);
   }
   eglDestroyContext(t.display(), other);
}

// Both contexts draw at the same time, each into a texture of its own, then one shows both.
void two_drawing(Test &t)
{
   t.clear({0, 0, 0});
   EGLContext other = share_context(t);
   GLuint shared = 0;
   std::mutex lock;
   const auto picture = [](Test &on, int seed) {
      on.clear({0.1f, 0.1f, 0.3f});
      Random random(static_cast<uint32_t>(seed));
      for (int i = 0; i < 300; i++) {
         on.use_flat(colour(i + seed));
         const float x = random.unit() * 1.8f - 0.9f, y = random.unit() * 1.8f - 0.9f;
         on.rect(x, y, x + 0.1f, y + 0.1f);
         if (i % 50 == 0)
            glFlush();
      }
   };
   std::thread worker([&] {
      eglBindAPI(EGL_OPENGL_API);
      eglMakeCurrent(t.display(), EGL_NO_SURFACE, EGL_NO_SURFACE, other);
      {
         Test mine(Api::core, Surface::none, t.display(), t.config(), other, EGL_NO_SURFACE);
         picture(mine, 3);
         const GLuint copy = mine.texture(GL_TEXTURE_2D);
         glCopyTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, 0, 0, 256, 256, 0);
         glFinish();
         const std::scoped_lock guard(lock);
         shared = copy;
         for (const std::string &line : mine.failures())
            t.fail("in the second context: %s", line.c_str());
      }
      eglMakeCurrent(t.display(), EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
   });
   picture(t, 8);
   worker.join();
   t.tile(0, 2);
   t.show(shared);
   eglDestroyContext(t.display(), other);
}

// Contexts by turns on one thread, with objects that all of them see.
void by_turns(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   const GLuint texture = t.texture_2d(GL_RGBA8, 32, 32, GL_RGBA, GL_UNSIGNED_BYTE, nullptr);
   EGLContext contexts[3];
   for (EGLContext &c : contexts)
      c = share_context(t);
   for (int i = 0; i < 12; i++) {
      eglMakeCurrent(t.display(), EGL_NO_SURFACE, EGL_NO_SURFACE, contexts[i % 3]);
      GLuint name = 0; // framebuffers are not shared
      glGenFramebuffers(1, &name);
      glBindFramebuffer(GL_FRAMEBUFFER, name);
      glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
      const Colour c = colour(i);
      glEnable(GL_SCISSOR_TEST);
      glScissor(i, i * 2, 12, 8);
      glClearColor(c.r, c.g, c.b, 1);
      glClear(GL_COLOR_BUFFER_BIT);
      glDeleteFramebuffers(1, &name);
      eglMakeCurrent(t.display(), t.egl_surface(), t.egl_surface(), t.context());
      t.tile(i);
      t.show(texture);
   }
   for (EGLContext c : contexts)
      eglDestroyContext(t.display(), c);
}

void come_and_go(Test &t)
{
   t.clear({0.1f, 0.2f, 0.3f});
   for (int i = 0; i < 25; i++) {
      EGLContext fresh = share_context(t);
      if (fresh == EGL_NO_CONTEXT ||
          !eglMakeCurrent(t.display(), EGL_NO_SURFACE, EGL_NO_SURFACE, fresh)) {
         t.fail("context %d cannot be made", i);
         break;
      }
      {
         Test own(Api::core, Surface::none, t.display(), t.config(), fresh, EGL_NO_SURFACE);
         own.clear(colour(i));
         own.show(own.pattern(8, 8));
         if (i % 3 == 0) { // read something, so that it was really drawn
            uint8_t pixel[4] = {};
            glReadPixels(40, 90, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel);
            t.value("pixel", pixel[0] * 1000 + pixel[1]);
         }
      }
      // Destroyed while current, or with commands not yet flushed.
      if (i % 2)
         eglMakeCurrent(t.display(), t.egl_surface(), t.egl_surface(), t.context());
      eglDestroyContext(t.display(), fresh);
      eglMakeCurrent(t.display(), t.egl_surface(), t.egl_surface(), t.context());
      t.use_flat(colour(i));
      const float x = -1.0f + 0.08f * static_cast<float>(i);
      t.rect(x, -0.5f, x + 0.06f, 0.5f);
   }
}


// Asked for again and again with no time to wait, and with nobody else to flush.
void polled(Test &t)
{
   t.clear({0.1f, 0.1f, 0.1f});
   for (int i = 0; i < 8; i++) {
      t.use_flat(colour(i));
      const float x = -1.0f + 0.25f * static_cast<float>(i);
      t.rect(x, -0.9f, x + 0.2f, 0.9f);
      GLsync fence = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      GLenum status = GL_TIMEOUT_EXPIRED;
      while (status == GL_TIMEOUT_EXPIRED && std::chrono::steady_clock::now() < end)
         status = glClientWaitSync(fence, i % 2 ? GL_SYNC_FLUSH_COMMANDS_BIT : 0, 0);
      if (status != GL_ALREADY_SIGNALED && status != GL_CONDITION_SATISFIED)
         t.fail("a fence that is only asked for is never signalled (0x%04x)", status);
      glDeleteSync(fence);
   }
}

constexpr Scene table[] = {
   {"sync-polled", Api::core, polled},
   {"sync-fences", Api::core, fences},         {"sync-two-threads", Api::core, two_threads},
   {"sync-two-drawing", Api::core, two_drawing}, {"sync-by-turns", Api::core, by_turns},
   {"sync-come-and-go", Api::core, come_and_go},
};

} // namespace

std::span<const Scene> sync_scenes()
{
   return table;
}

} // namespace render
