// SPDX-License-Identifier: MIT
#include "gallium/winsys/virgl/drm/timeline.hpp"

#include <algorithm>

#include "protocol/enums.hpp"

namespace virgl::drm {

bool Timeline::keep_fence_bo()
{
   std::lock_guard lock(mutex_);
   if (!fence_bos_.empty())
      return true;
   FenceBo *bo = create_fence_bo();
   if (bo)
      free_fence_bos_.push_back(bo);
   return bo != nullptr;
}

Timeline::FenceBo *Timeline::create_fence_bo()
{
   // Memory of the guest's that nobody reads or writes, told to the host as a buffer of its kind:
   // `custom` makes it plain system memory there.
   abi::ResourceCreate request;
   request.target = 0; // a buffer
   request.format = uint32_t(proto::Format::R8_UNORM);
   request.bind = proto::bind::custom;
   request.width = request.size = 8;
   request.height = request.depth = request.array_size = 1;
   if (kernel_.call(abi::ioctl_resource_create, request) != 0)
      return nullptr;
   fence_bos_.push_back(std::make_unique<FenceBo>(FenceBo{GemHandle(kernel_, request.bo)}));
   free_fence_bos_.reserve(fence_bos_.size());
   return fence_bos_.back().get();
}

Timeline::FenceBo *Timeline::idle_fence_bo()
{
   if (!free_fence_bos_.empty()) {
      FenceBo *bo = free_fence_bos_.back();
      free_fence_bos_.pop_back();
      return bo;
   }
   if (FenceBo *bo = create_fence_bo())
      return bo;
   // One that stands for an earlier submission may stand for this one as well: who waits for the
   // other then waits longer than need be, but not for the wrong thing.
   return fence_bos_.empty() ? nullptr : fence_bos_.back().get();
}

void Timeline::forget(uint64_t completed)
{
   while (count_ && table_[first_]->number_ <= completed)
      drop_oldest();
}

bool Timeline::crowded(uint64_t completed)
{
   constexpr size_t usual = 4;
   std::lock_guard lock(mutex_);
   forget(completed);
   return count_ > usual;
}

Timeline::Point *Timeline::acquire(FenceKind kind, uint64_t completed)
{
   std::lock_guard lock(mutex_);
   forget(completed);

   FenceBo *bo = nullptr;
   if (kind == FenceKind::bo && !(bo = idle_fence_bo()))
      return nullptr;
   if (free_points_.empty()) {
      points_.push_back(std::make_unique<Point>());
      free_points_.reserve(points_.size());
      free_points_.push_back(points_.back().get());
   }
   Point *point = free_points_.back();
   free_points_.pop_back();
   point->refs_ = 1;
   point->bo_ = bo;
   if (bo)
      bo->points++;
   return point;
}

void Timeline::add(Point *point, uint64_t number, UniqueFd fd)
{
   std::lock_guard lock(mutex_);
   if (count_ == capacity)
      drop_oldest();
   point->number_ = number;
   point->fd_ = std::move(fd);
   table_[(first_ + count_++) % capacity] = point;
}

Timeline::Point *Timeline::find(uint64_t number)
{
   std::lock_guard lock(mutex_);
   for (size_t i = 0; i < count_; i++) {
      Point *point = table_[(first_ + i) % capacity];
      if (point->number_ >= number) {
         point->refs_++;
         return point;
      }
   }
   return nullptr;
}

Timeline::Point *Timeline::newest()
{
   std::lock_guard lock(mutex_);
   if (!count_)
      return nullptr;
   Point *point = table_[(first_ + count_ - 1) % capacity];
   point->refs_++;
   return point;
}

void Timeline::put(Point *point)
{
   std::lock_guard lock(mutex_);
   unreference(point);
}

void Timeline::drop_oldest()
{
   Point *point = table_[first_];
   first_ = (first_ + 1) % capacity;
   count_--;
   unreference(point);
}

void Timeline::unreference(Point *point)
{
   if (--point->refs_ != 0)
      return;
   point->fd_.reset();
   if (FenceBo *bo = std::exchange(point->bo_, nullptr); bo && --bo->points == 0)
      free_fence_bos_.push_back(bo);
   free_points_.push_back(point);
}

} // namespace virgl::drm
