// SPDX-License-Identifier: MIT
// Fences: a promise that one submission, perhaps not made yet, is complete on the host.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>

struct pipe_context;
struct tc_unflushed_batch_token;

namespace virgl {

struct Context;

// A fence exists before its flush: with threaded_context it is made on the application's thread and
// told its submission later by the driver's thread. Thread-safe.
class Fence {
public:
   explicit Fence(Context *creator) : creator_(creator) {}
   ~Fence();

   // The submission is made: number as given by Winsys::submit (0 = nothing was ever submitted).
   void submitted(uint64_t number);
   // Waits until the submission is made, `timeout_ns` at most.
   bool wait_submitted(uint64_t timeout_ns);
   bool is_submitted() const { return submitted_.load(std::memory_order_acquire); }
   uint64_t number() const { return number_.load(std::memory_order_acquire); }

   // The context that made it, to be flushed when somebody waits: compared, and only dereferenced
   // when it is the caller's own.
   Context *creator() const { return creator_; }

   // A sync file of the submission; owned; -1 if none.
   int fd = -1;
   // threaded_context's promise of a flush that has not been queued yet. Guarded by `lock`.
   tc_unflushed_batch_token *token = nullptr;
   std::mutex lock;

private:
   std::atomic<uint64_t> number_{0};
   std::atomic<bool> submitted_{false};
   std::condition_variable changed_;
   Context *creator_;
};

// Gallium's pipe_fence_handle: a counted box around a shared Fence.
struct FenceHandle {
   std::atomic<uint32_t> refs{1};
   std::shared_ptr<Fence> fence;
};

} // namespace virgl
