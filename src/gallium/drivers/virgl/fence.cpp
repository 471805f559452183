// SPDX-License-Identifier: MIT
#include "fence.hpp"

#include <chrono>
#include <fcntl.h>
#include <unistd.h>

#include "util/os_file.h"
#include "util/os_time.h"

#include "gallium/winsys/virgl/common/wait_fd.hpp"

#include "context.hpp"

namespace virgl {

Fence::~Fence()
{
   if (token)
      tc_unflushed_batch_token_reference(&token, nullptr);
   if (fd >= 0)
      close(fd);
}

void Fence::submitted(uint64_t number)
{
   number_.store(number, std::memory_order_release);
   {
      std::lock_guard hold(lock);
      submitted_.store(true, std::memory_order_release);
   }
   changed_.notify_all();
}

bool Fence::wait_submitted(uint64_t timeout_ns)
{
   if (is_submitted())
      return true;
   std::unique_lock hold(lock);
   const auto done = [this] { return submitted_.load(std::memory_order_acquire); };
   if (timeout_ns > for_ever_ns) {
      changed_.wait(hold, done);
      return true;
   }
   return changed_.wait_for(hold, std::chrono::nanoseconds(timeout_ns), done);
}

namespace {

FenceHandle *from(pipe_fence_handle *f) { return reinterpret_cast<FenceHandle *>(f); }

pipe_fence_handle *wrap(std::shared_ptr<Fence> fence)
{
   auto *handle = new FenceHandle;
   handle->fence = std::move(fence);
   return reinterpret_cast<pipe_fence_handle *>(handle);
}

void fence_reference(pipe_screen *, pipe_fence_handle **ptr, pipe_fence_handle *fence)
{
   if (fence)
      from(fence)->refs.fetch_add(1, std::memory_order_relaxed);
   if (FenceHandle *old = from(*ptr)) {
      if (old->refs.fetch_sub(1, std::memory_order_acq_rel) == 1)
         delete old;
   }
   *ptr = fence;
}

bool fence_finish(pipe_screen *pscreen, pipe_context *pipe, pipe_fence_handle *handle,
                  uint64_t timeout)
{
   Screen &screen = Screen::from(pscreen);
   Fence &fence = *from(handle)->fence;
   const int64_t deadline = os_time_get_absolute_timeout(timeout);
   const auto left = [&]() -> uint64_t {
      if (timeout == 0 || timeout == PIPE_TIMEOUT_INFINITE)
         return timeout;
      const int64_t now = os_time_get_nano();
      return deadline > now ? uint64_t(deadline - now) : 0;
   };

   if (!fence.is_submitted() && pipe) {
      tc_unflushed_batch_token *token = nullptr;
      {
         std::lock_guard hold(fence.lock);
         tc_unflushed_batch_token_reference(&token, fence.token);
      }
      if (token) {
         // Only the context that made the fence may push its own batch along.
         threaded_context_flush(pipe, token, timeout == 0);
         tc_unflushed_batch_token_reference(&token, nullptr);
      }
      // A deferred fence: nobody has submitted its batch yet. Also when only asked: Mesa counts on it
      // (glClientWaitSync in a loop with timeout 0).
      if (!fence.is_submitted()) {
         Context *unwrapped = &Context::from(threaded_context_unwrap_sync(pipe));
         if (fence.creator() == unwrapped && !fence.is_submitted())
            unwrapped->submit();
      }
   }
   if (!fence.wait_submitted(left()))
      return screen.ws->lost();
   if (fence.fd >= 0 && fence.number() == 0)
      return wait_fd(fence.fd, left());
   if (!screen.ws->wait_submission(fence.number(), left()))
      return false;
   take_read_backs(screen);
   return true;
}

int fence_get_fd(pipe_screen *, pipe_fence_handle *handle)
{
   const Fence &fence = *from(handle)->fence;
   return fence.fd >= 0 ? os_dupfd_cloexec(fence.fd) : -1;
}

// threaded_context's create_fence: on the application's thread.
pipe_fence_handle *create_fence(pipe_context *pipe, tc_unflushed_batch_token *token)
{
   auto fence = std::make_shared<Fence>(&Context::from(pipe));
   tc_unflushed_batch_token_reference(&fence->token, token);
   return wrap(std::move(fence));
}

void flush(pipe_context *pipe, pipe_fence_handle **out, unsigned flags)
{
   Context &ctx = Context::from(pipe);
   std::shared_ptr<Fence> fence;
   if (out) {
      if (flags & TC_FLUSH_ASYNC) {
         fence = from(*out)->fence;
         std::lock_guard hold(fence->lock);
         tc_unflushed_batch_token_reference(&fence->token, nullptr);
      } else {
         fence = std::make_shared<Fence>(&ctx);
         pipe->screen->fence_reference(pipe->screen, out, nullptr);
         *out = wrap(fence);
      }
   }

   const bool wants_fd = fence && (flags & PIPE_FLUSH_FENCE_FD) &&
                         ctx.screen.ws->features().fence_fds;
   if (fence) {
      if (wants_fd) {
         // Told below, when it has its sync file.
      } else if (ctx.batch.empty()) {
         fence->submitted(ctx.batch.last_submission());
         fence.reset();
      } else {
         ctx.batch.attach(fence);
      }
   }
   if ((flags & PIPE_FLUSH_DEFERRED) && !wants_fd)
      return;
   ctx.references.settle(); // also where there is nothing to submit
   if (wants_fd) {
      ctx.make_room(1); // a fence needs a submission to stand for
      int fd = -1;
      ctx.submit(&fd);
      fence->fd = fd;
      fence->submitted(ctx.batch.last_submission());
   } else if (!ctx.batch.empty()) {
      submit_for_present(ctx);
   }
}

void create_fence_fd(pipe_context *pipe, pipe_fence_handle **out, int fd, enum pipe_fd_type type)
{
   *out = nullptr;
   if (type != PIPE_FD_TYPE_NATIVE_SYNC)
      return;
   const int own = os_dupfd_cloexec(fd);
   if (own < 0)
      return;
   auto fence = std::make_shared<Fence>(&Context::from(pipe));
   fence->fd = own;
   fence->submitted(0);
   *out = wrap(std::move(fence));
}

// Work after this waits for the fence. Submissions of one winsys are executed in order, so only a
// sync file from elsewhere needs saying.
void fence_server_sync(pipe_context *pipe, pipe_fence_handle *handle)
{
   Context &ctx = Context::from(pipe);
   if (!handle) // create_fence_fd() made none, and some callers do not look
      return;
   Fence &fence = *from(handle)->fence;
   constexpr uint64_t patience_ns = 2'000'000'000;
   if (fence.fd >= 0 && fence.number() == 0) {
      const int fd = ctx.screen.ws->features().fence_fds ? os_dupfd_cloexec(fence.fd) : -1;
      if (fd >= 0)
         ctx.batch.add_in_fence(fd);
      else
         wait_fd(fence.fd, patience_ns);
   } else if (fence.creator() != &ctx) {
      // GL wants the other context flushed before; one that never is must not hold this one for ever.
      fence.wait_submitted(patience_ns);
   }
}

enum pipe_reset_status get_device_reset_status(pipe_context *pipe)
{
   return Context::from(pipe).screen.ws->lost() ? PIPE_UNKNOWN_CONTEXT_RESET : PIPE_NO_RESET;
}

} // namespace

tc_create_fence_func context_fence_factory() { return create_fence; }

void context_init_fences(Context &ctx)
{
   pipe_context &p = ctx.base;
   p.flush = flush;
   p.create_fence_fd = create_fence_fd;
   p.fence_server_sync = fence_server_sync;
   p.get_device_reset_status = get_device_reset_status;
}

void screen_init_fences(Screen &screen)
{
   screen.base.fence_reference = fence_reference;
   screen.base.fence_finish = fence_finish;
   screen.base.fence_get_fd = fence_get_fd;
}

} // namespace virgl
