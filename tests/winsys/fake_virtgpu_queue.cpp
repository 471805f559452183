// SPDX-License-Identifier: MIT
// The queue to the host, its fences, and when the host comes to them.
#include "fake_virtgpu_kernel.hpp"

namespace virgl::test {

bool GemObject::busy() const
{
   for (const auto &[context, fence] : uses) {
      if (!fence->signalled)
         return true;
   }
   return false;
}

std::shared_ptr<Fence> VirtgpuKernel::new_fence(uint64_t context)
{
   pending_++;
   return std::make_shared<Fence>(Fence{context ? context : main_timeline_});
}

void VirtgpuKernel::use(const GemRef &object, const std::shared_ptr<Fence> &fence)
{
   object->uses[fence->context] = fence;
}

void VirtgpuKernel::push(std::function<void()> run, std::shared_ptr<Fence> fence,
                         std::vector<GemRef> keep)
{
   queue_.push_back({std::move(run), std::move(fence), std::move(keep)});
   if (pace_ == Pace::at_once)
      drain(SIZE_MAX);
   else if (queue_.size() == 1)
      drain(0);
   changed_.notify_all();
}

size_t VirtgpuKernel::drain(size_t fences)
{
   // What the work lets go of may queue more of it.
   if (draining_)
      return 0;
   draining_ = true;
   size_t signalled = 0;
   while (!queue_.empty() && (!queue_.front().fence || signalled < fences)) {
      Work w = std::move(queue_.front());
      queue_.pop_front();
      w.run();
      if (w.fence) {
         w.fence->signalled = true;
         pending_--;
         signalled++;
         sync_files_.signal(*w.fence);
      }
   }
   draining_ = false;
   if (signalled)
      changed_.notify_all();
   return signalled;
}

size_t VirtgpuKernel::complete(size_t n)
{
   std::lock_guard lock(mutex);
   return drain(n);
}

void VirtgpuKernel::set_pace(Pace pace)
{
   std::lock_guard lock(mutex);
   pace_ = pace;
   if (pace == Pace::at_once)
      drain(SIZE_MAX);
   if (pace == Pace::delayed && !thread_.joinable())
      thread_ = std::thread([this] { run_thread(); });
   changed_.notify_all();
}

void VirtgpuKernel::run_thread()
{
   Lock lock(mutex);
   while (!quit_) {
      if (queue_.empty() || pace_ != Pace::delayed) {
         changed_.wait(lock);
         continue;
      }
      lock.unlock();
      std::this_thread::sleep_for(options.delay);
      lock.lock();
      if (pace_ == Pace::delayed)
         drain(1);
   }
}

int VirtgpuKernel::wait(Lock &lock, Description &d, const abi::Wait &a)
{
   const GemRef object = find(d, a.bo);
   if (!object)
      return -ENOENT;
   if (a.flags & abi::wait_flag::no_wait)
      return object->busy() ? -EBUSY : 0;
   const auto end = std::chrono::steady_clock::now() + options.wait_limit;
   // Uses that come meanwhile do not count.
   const auto uses = object->uses;
   const auto idle = [&] {
      for (const auto &[context, fence] : uses) {
         if (!fence->signalled)
            return false;
      }
      return true;
   };
   return changed_.wait_until(lock, end, idle) ? 0 : -EBUSY;
}

} // namespace virgl::test
