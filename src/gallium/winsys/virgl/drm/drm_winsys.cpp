// SPDX-License-Identifier: MIT
// Submissions and waits. Facts about kernels: Linux, drivers/gpu/drm/virtio.
#include "gallium/winsys/virgl/drm/drm_winsys.hpp"

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <thread>

#include "gallium/winsys/virgl/common/stall_timer.hpp"
#include "gallium/winsys/virgl/common/wait_fd.hpp"
#include "protocol/packets.hpp"

namespace virgl::drm {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// The kernel counts the bytes of a stream in 32 bits.
constexpr size_t max_stream_dwords = (1u << 29) - 1;

// Once in so many submissions there is something to wait for even though nobody announced that he
// would: it then need not be sent after the fact.
constexpr uint32_t submissions_per_point = 8;

// How long a thread sits in one system call while another may find out that the device is gone.
constexpr milliseconds slice{100};

// The kernel ends a wait for a resource after 15 seconds.
constexpr uint64_t kernel_wait_ns = 15'000'000'000;

} // namespace

DrmWinsys::DrmWinsys(std::unique_ptr<Device> device, const DeviceFacts &facts,
                     const Options &options)
   : options_(options),
     fence_kind_(facts.fence_fds && options.fences != FenceKind::bo ? FenceKind::fd
                                                                    : FenceKind::bo),
     own_ring_(facts.own_ring),
     device_(std::move(device)),
     kernel_(*device_, options.timeout),
     cache_(options.cache),
     timeline_(kernel_)
{
   caps_ = facts.caps;
   features_.encoded_transfers = true;
   features_.sharing = true;
   features_.fence_fds = fence_kind_ == FenceKind::fd;
   features_.guest_blobs = facts.guest_blobs;
   features_.host_blobs = facts.host_blobs;
}

DrmWinsys::~DrmWinsys()
{
   // What the device still executes holds references of its own.
   kernel_.hurry();
   destroy(cache_.flush());
}

bool DrmWinsys::prepare()
{
   return fence_kind_ == FenceKind::fd || timeline_.keep_fence_bo();
}

// -- losing the device ----------------------------------------------------------------------------

void DrmWinsys::declare_lost(const char *reason)
{
   if (lost_.exchange(true, std::memory_order_acq_rel))
      return;
   fprintf(stderr, "verglas: %s: %s\n", options_.name.c_str(), reason);
   kernel_.hurry();
}

bool DrmWinsys::lose(const char *what, int error)
{
   char text[128];
   snprintf(text, sizeof text, "%s: %s", what, strerror(-error));
   declare_lost(text);
   return false;
}

// Notices that nothing has completed for longer than a device may take.
class DrmWinsys::Patience {
public:
   // `bite`: how long one try of whoever waits may take.
   Patience(DrmWinsys &ws, nanoseconds bite)
      : ws_(ws), completed_(ws.completed_.load(std::memory_order_acquire)), stall_(bite)
   {
   }

   // True when whoever waits should stop: the winsys is lost, maybe since now.
   bool exhausted()
   {
      if (ws_.lost())
         return true;
      const uint64_t completed = ws_.completed_.load(std::memory_order_acquire);
      if (completed != completed_) {
         completed_ = completed;
         stall_.restart();
      } else if (stall_.over(ws_.options_.timeout)) {
         // What we wait for may have a long queue before it, at whose progress nobody has looked.
         if (ws_.look_at_oldest()) {
            stall_.restart();
            return false;
         }
         ws_.declare_lost("the host does not get anything done any more");
         return true;
      }
      return false;
   }

private:
   DrmWinsys &ws_;
   uint64_t completed_;
   StallTimer stall_;
};

// -- submissions ----------------------------------------------------------------------------------

void DrmWinsys::make_room(bool wait)
{
   empty_cache();
   if (!wait)
      return;
   // What the device is done with, the kernel can free.
   constexpr uint64_t some_time_ns = 50'000'000;
   if (Timeline::Point *point = timeline_.newest()) {
      if (wait_point(*point, some_time_ns))
         note_complete(point->number());
      timeline_.put(point);
   }
}

int DrmWinsys::try_execute(std::span<const uint32_t> commands, std::span<Bo *const> bos,
                           int in_fence_fd, Timeline::Point *point, UniqueFd &out_fence)
{
   gems_.clear();
   for (Bo *bo : bos)
      gems_.push_back(static_cast<DrmBo *>(bo)->gem_.get());

   abi::Execbuffer request;
   request.size = uint32_t(commands.size_bytes());
   request.command = uint64_t(reinterpret_cast<uintptr_t>(commands.data()));
   if (own_ring_)
      request.flags |= abi::exec_flag::ring_idx;
   if (in_fence_fd >= 0 && features_.fence_fds) {
      request.flags |= abi::exec_flag::fence_fd_in;
      request.fence_fd = in_fence_fd;
   }
   const bool wants_fd = point && !point->fence_bo();
   if (wants_fd)
      request.flags |= abi::exec_flag::fence_fd_out;
   else if (point)
      gems_.push_back(point->fence_bo());
   request.num_bos = uint32_t(gems_.size());
   request.bos = uint64_t(reinterpret_cast<uintptr_t>(gems_.data()));

   int error = kernel_.call(abi::ioctl_execbuffer, request);
   if (error == -EINVAL && (request.flags & abi::exec_flag::fence_fd_in)) {
      // What we were given is no sync file. It has been waited for all the same.
      request.flags &= ~abi::exec_flag::fence_fd_in;
      request.fence_fd = -1;
      error = kernel_.call(abi::ioctl_execbuffer, request);
   }
   if (error == 0 && wants_fd)
      out_fence.reset(request.fence_fd);
   return error;
}

uint64_t DrmWinsys::execute(std::span<const uint32_t> commands, std::span<Bo *const> bos,
                            int in_fence_fd, int *out_fence_fd, bool awaited)
{
   // A host would not mind a stream of nothing, but a device that is given no bytes might.
   std::array<uint32_t, 1> nothing;
   proto::Nop{}.write(nothing.data());
   if (commands.empty())
      commands = nothing;

   // Programs that never wait leave their points behind, each with a descriptor.
   while (timeline_.crowded(completed_.load(std::memory_order_acquire)) && look_at_oldest())
      ;
   Timeline::Point *point = nullptr;
   const uint64_t completed = completed_.load(std::memory_order_acquire);
   if (awaited || out_fence_fd || submissions_since_point_ + 1 >= submissions_per_point)
      point = timeline_.acquire(fence_kind_, completed);

   UniqueFd fence;
   const auto attempt = [&] { return try_execute(commands, bos, in_fence_fd, point, fence); };
   int error = persevere(attempt);
   if (out_of_descriptors(error) && point && !point->fence_bo()) {
      // Then the other kind of fence, or none.
      timeline_.put(point);
      point = timeline_.acquire(FenceKind::bo, completed);
      error = persevere(attempt);
   }
   if (error != 0) {
      if (point)
         timeline_.put(point);
      lose("EXECBUFFER", error);
      return 0;
   }

   const uint64_t number = issued_.load(std::memory_order_relaxed) + 1;
   issued_.store(number, std::memory_order_release);
   // Not before: whoever asks the kernel about a resource takes the answer for one about its last
   // use.
   for (Bo *bo : bos)
      set_last_use(*bo, number);
   submissions_since_point_++;
   if (point) {
      if (out_fence_fd && fence)
         *out_fence_fd = fcntl(fence.get(), F_DUPFD_CLOEXEC, 0);
      submissions_since_point_ = 0;
      timeline_.add(point, number, std::move(fence));
   }
   return number;
}

uint64_t DrmWinsys::execute_marker()
{
   // Without a fence it would be for nothing, and there may be no descriptor and no memory for one.
   constexpr unsigned tries = 8;
   milliseconds nap{1};
   for (unsigned i = 0; i < tries; i++, nap *= 2) {
      const uint64_t number = execute({}, {}, -1, nullptr, true);
      if (!number)
         return 0;
      if (Timeline::Point *point = timeline_.find(number)) {
         timeline_.put(point);
         return number;
      }
      make_room(false);
      std::this_thread::sleep_for(nap);
   }
   declare_lost("there is neither a descriptor nor memory for a fence");
   return 0;
}

uint64_t DrmWinsys::submit(std::span<const uint32_t> commands, std::span<Bo *const> bos,
                           int in_fence_fd, int *out_fence_fd, Urgency urgency,
                           std::span<const uint32_t>)
{
   if (out_fence_fd)
      *out_fence_fd = -1;
   if (lost())
      return 0;
   if (commands.size() > max_stream_dwords) {
      declare_lost("a command stream is too long to be sent");
      return 0;
   }
   if (in_fence_fd >= 0 && !wait_foreign_fence(in_fence_fd))
      in_fence_fd = -1;

   std::lock_guard lock(submit_mutex_);
   if (lost())
      return 0;
   return execute(commands, bos, in_fence_fd, out_fence_fd, urgency == Urgency::awaited);
}

bool DrmWinsys::wait_foreign_fence(int fd)
{
   // The kernel orders its own fences without waiting, though not between rings.
   if (features_.fence_fds && !own_ring_ && device_->own_fence(fd))
      return true;
   // Others it would wait for as well, but with submit_mutex_ held: and what signals this fence may
   // be a submission that another thread of this process is about to make.
   StallTimer stall(10 * slice);
   for (;;) {
      const int r = poll_fd(fd, slice);
      if (r != 0)
         return r > 0;
      if (lost())
         return false;
      if (stall.over(options_.timeout)) {
         fprintf(stderr, "verglas: %s: a fence from elsewhere does not come, going on without\n",
                 options_.name.c_str());
         return false;
      }
   }
}

// -- waiting --------------------------------------------------------------------------------------

bool DrmWinsys::wait_fd(int fd, uint64_t timeout_ns)
{
   if (timeout_ns == 0) {
      const int r = poll_fd(fd, {});
      return r > 0;
   }
   const Clock::time_point deadline = deadline_after(timeout_ns);
   Patience patience(*this, 10 * slice);
   for (;;) {
      const nanoseconds left =
         deadline == Clock::time_point::max() ? nanoseconds::max() : deadline - Clock::now();
      const int r = poll_fd(fd, std::clamp<nanoseconds>(left, nanoseconds{0}, slice));
      if (r > 0)
         return true;
      if (r < 0) {
         declare_lost("somebody closed a descriptor that is not his");
         return false;
      }
      if (left <= nanoseconds{0} || patience.exhausted())
         return false;
   }
}

bool DrmWinsys::wait_gem(uint32_t gem, uint64_t timeout_ns)
{
   const Clock::time_point deadline = timeout_ns ? deadline_after(timeout_ns) : Clock::time_point{};
   Patience patience(*this, nanoseconds(kernel_wait_ns));
   nanoseconds nap{50'000};
   for (;;) {
      // The kernel knows no other time-out than its own. For a shorter one it is asked repeatedly.
      const nanoseconds left = timeout_ns == 0 ? nanoseconds{0}
                               : deadline == Clock::time_point::max()
                                  ? nanoseconds::max()
                                  : nanoseconds(deadline - Clock::now());
      const bool blocking = left >= nanoseconds(kernel_wait_ns);
      abi::Wait request{.bo = gem, .flags = blocking ? 0 : abi::wait_flag::no_wait};
      const int error = kernel_.call(abi::ioctl_wait, request);
      if (error == 0)
         return true;
      // Interrupted for so long that it was given up is no answer either.
      if (!temporary(error) && error != -EINTR && error != -EAGAIN) {
         lose("WAIT", error);
         return false;
      }
      if (left <= nanoseconds{0} || patience.exhausted())
         return false;
      std::this_thread::sleep_for(std::min(nap, left));
      nap = std::min(nap * 2, nanoseconds{1'000'000});
   }
}

bool DrmWinsys::wait_point(const Timeline::Point &point, uint64_t timeout_ns)
{
   return point.fd() >= 0 ? wait_fd(point.fd(), timeout_ns)
                          : wait_gem(point.fence_bo(), timeout_ns);
}

bool DrmWinsys::look_at_oldest()
{
   Timeline::Point *point = timeline_.find(completed_.load(std::memory_order_acquire) + 1);
   if (!point)
      return false;
   const bool done = wait_point(*point, 0);
   if (done)
      note_complete(point->number());
   timeline_.put(point);
   return done;
}

bool DrmWinsys::wait_submission(uint64_t number, uint64_t timeout_ns)
{
   if (known_complete(number))
      return true;
   number = std::min(number, issued_.load(std::memory_order_acquire));
   Timeline::Point *point = timeline_.find(number);
   if (!point) {
      std::lock_guard lock(submit_mutex_);
      // Somebody else may have had the same wish.
      point = timeline_.find(number);
      if (!point && !known_complete(number) && execute_marker())
         point = timeline_.find(number);
   }
   if (!point)
      return known_complete(number);
   const bool done = wait_point(*point, timeout_ns);
   if (done)
      note_complete(point->number());
   timeline_.put(point);
   return done || lost();
}

bool DrmWinsys::wait_idle(Bo &any, uint64_t timeout_ns)
{
   auto &bo = static_cast<DrmBo &>(any);
   const uint64_t number = bo.last_use();
   // What others use as well, only the kernel knows about.
   if (lost() || (known_complete(number) && !bo.external()))
      return true;
   if (!wait_gem(bo.gem_.get(), timeout_ns))
      return lost();
   note_complete(number);
   return true;
}

bool DrmWinsys::poll_host()
{
   // A host looks whether queries have results whenever a fence has come, before it tells anybody
   // (vrend_renderer_check_fences, vrend_renderer_poll): so one more fence is one more look.
   uint64_t number = 0;
   {
      std::lock_guard lock(submit_mutex_);
      if (lost() || !(number = execute_marker()))
         return false;
   }
   return wait_submission(number, UINT64_MAX) && !lost();
}

bool DrmWinsys::is_busy(const Bo &any) const
{
   auto &bo = static_cast<const DrmBo &>(any);
   return bo.external() ||
          bo.recording_batches.load(std::memory_order_acquire) != 0 ||
          !known_complete(bo.last_use());
}

} // namespace virgl::drm
