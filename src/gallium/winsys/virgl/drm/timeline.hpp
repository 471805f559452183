// SPDX-License-Identifier: MIT
// How far the device is: points on the row of submissions whose completion the kernel can be asked
// for. Submissions of one context complete in order (their fences belong to one fence context), so
// that a point tells about all submissions before it, and few points serve for many.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "gallium/winsys/virgl/common/unique_fd.hpp"
#include "gallium/winsys/virgl/drm/drm.hpp"
#include "gallium/winsys/virgl/drm/kernel.hpp"

namespace virgl::drm {

class Timeline {
   struct FenceBo {
      GemHandle gem;
      uint32_t points = 0; // that it stands for
   };

public:
   // One submission. Owned by the timeline; whoever got it from acquire() or find() gives it back.
   class Point {
   public:
      uint64_t number() const { return number_; }
      // The sync file; -1: wait for fence_bo() instead.
      int fd() const { return fd_.get(); }
      uint32_t fence_bo() const { return bo_ ? bo_->gem.get() : 0; }

   private:
      friend class Timeline;
      uint64_t number_ = 0;
      UniqueFd fd_;
      FenceBo *bo_ = nullptr;
      // The table and those who wait.
      uint32_t refs_ = 0;
   };

   explicit Timeline(Kernel &kernel) : kernel_(kernel) {}
   Timeline(const Timeline &) = delete;
   Timeline &operator=(const Timeline &) = delete;

   // Sees to it that a fence resource exists, so that acquire() of that kind never fails.
   bool keep_fence_bo();

   // For a submission that is about to go: a point of this kind, with its fence resource where it
   // has one. Points up to `completed` are forgotten. nullptr where no fence is to be had.
   Point *acquire(FenceKind kind, uint64_t completed);
   // Whether more points are kept than programs have that wait for their frames, besides those up to
   // `completed`, which are forgotten.
   bool crowded(uint64_t completed);
   // The submission has gone; `fd` is its sync file.
   void add(Point *point, uint64_t number, UniqueFd fd);

   // The first point at or after `number`, kept until it is put(); nullptr: none.
   Point *find(uint64_t number);
   Point *newest();
   void put(Point *point);

private:
   FenceBo *idle_fence_bo();
   FenceBo *create_fence_bo();
   void unreference(Point *point);
   void drop_oldest();
   void forget(uint64_t completed);

   // More are not worth their descriptors; the oldest give way, and who waits for one of those
   // waits for the next.
   static constexpr size_t capacity = 64;

   Kernel &kernel_;
   std::mutex mutex_;
   std::array<Point *, capacity> table_{};
   size_t first_ = 0, count_ = 0;
   // All there are, and those of them that are free: steady use allocates nothing.
   std::vector<std::unique_ptr<Point>> points_;
   std::vector<Point *> free_points_;
   std::vector<std::unique_ptr<FenceBo>> fence_bos_;
   std::vector<FenceBo *> free_fence_bos_;
};

} // namespace virgl::drm
