// SPDX-License-Identifier: MIT
#include "batch.hpp"

#include <unistd.h>

#include "util/libsync.h"

#include "gallium/winsys/virgl/common/wait_fd.hpp"

#include "debug.hpp"
#include "fence.hpp"
#include "storage.hpp"

namespace virgl {

namespace {

// Bo::last_user of what more than one context has used: which of them is still at it, nobody knows.
const char several_users = 0;

// Room for this many entries before the table grows for the first time.
constexpr size_t initial_buckets = 256;

size_t bucket_of(proto::ResourceHandle handle, size_t buckets)
{
   return (uint32_t(handle) * 2654435761u >> 8) & (buckets - 1);
}

// As many commands from the beginning as `most` dwords hold, but one at least.
size_t whole_commands(std::span<const uint32_t> commands, size_t most)
{
   size_t end = 0;
   while (end < commands.size()) {
      const size_t next = end + 1 + (commands[end] >> 16); // their lengths stand in the headers
      if (next > most && end != 0)
         break;
      end = next;
   }
   return std::min(end, commands.size());
}

} // namespace

Batch::Batch(Winsys &ws, StreamObserver *observer)
    : ws_(ws), observer_(observer), storage_(new uint32_t[capacity_dwords]), begin_(storage_.get()), cursor_(begin_),
      end_(begin_ + capacity_dwords), table_(initial_buckets, 0)
{
}

Batch::~Batch()
{
   release(refs_);
   release(carried_refs_);
   for (auto &storage : memory_users_)
      storage->recorded_uses.fetch_sub(1, std::memory_order_acq_rel);
   for (auto &fence : fences_)
      fence->submitted(last_submission_);
   if (in_fence_fd_ >= 0)
      close(in_fence_fd_);
}

bool Batch::references(const Bo &bo) const
{
   const uint32_t hint = bo.batch_hint.load(std::memory_order_relaxed);
   if (hint < bos_.size() && bos_[hint] == &bo)
      return true;
   for (size_t i = bucket_of(bo.handle(), table_.size()); table_[i] != 0;
        i = (i + 1) & (table_.size() - 1)) {
      if (bos_[table_[i] - 1] == &bo)
         return true;
   }
   return false;
}

void Batch::reference_slow(Bo &bo)
{
   size_t i = bucket_of(bo.handle(), table_.size());
   for (; table_[i] != 0; i = (i + 1) & (table_.size() - 1)) {
      if (bos_[table_[i] - 1] == &bo) {
         bo.batch_hint.store(table_[i] - 1, std::memory_order_relaxed);
         return;
      }
   }
   table_[i] = uint32_t(bos_.size()) + 1;
   bo.batch_hint.store(uint32_t(bos_.size()), std::memory_order_relaxed);
   bo.recording_batches.fetch_add(1, std::memory_order_acq_rel);
   const void *user = bo.last_user.load(std::memory_order_relaxed);
   if (user != this)
      bo.last_user.store(user ? static_cast<const void *>(&several_users) : this,
                         std::memory_order_relaxed);
   bos_.push_back(&bo);
   refs_.push_back(BoRef::share(bo));
   if (bos_.size() * 2 > table_.size())
      rehash(table_.size() * 4);
}

void Batch::rehash(size_t buckets)
{
   table_.assign(buckets, 0);
   for (size_t n = 0; n < bos_.size(); n++) {
      size_t i = bucket_of(bos_[n]->handle(), buckets);
      while (table_[i] != 0)
         i = (i + 1) & (buckets - 1);
      table_[i] = uint32_t(n) + 1;
   }
}

void Batch::uses_memory_of(const std::shared_ptr<Storage> &storage)
{
   // Twice in a row is the common repetition (piecewise uploads); others only cost an entry.
   if (!memory_users_.empty() && memory_users_.back() == storage)
      return;
   storage->recorded_uses.fetch_add(1, std::memory_order_acq_rel);
   memory_users_.push_back(storage);
}

void Batch::add_in_fence(int fd)
{
   if (in_fence_fd_ < 0) {
      in_fence_fd_ = fd;
      return;
   }
   // What cannot be merged, be it that it is no sync file at all, is waited for here, but not for ever.
   if (sync_accumulate("verglas", &in_fence_fd_, fd) < 0) {
      constexpr uint64_t patience_ns = 2'000'000'000;
      wait_fd(fd, patience_ns);
   }
   close(fd);
}

void Batch::release(std::vector<BoRef> &refs)
{
   for (BoRef &ref : refs)
      ref->recording_batches.fetch_sub(1, std::memory_order_acq_rel);
   refs.clear();
}

// `last`: the part of the batch that fences stand for.
uint64_t Batch::send(std::span<const uint32_t> stream, int *out_fence_fd, bool last,
                     std::span<const uint32_t> cuts)
{
   if (observer_ && !observer_->look(stream))
      ws_.declare_lost("the stream is not valid");
   const Urgency urgency = last && !fences_.empty() ? Urgency::awaited : Urgency::usual;
   Bo *const fetched = last ? std::exchange(fetched_, nullptr) : nullptr;
   const uint64_t number =
      fetched ? ws_.submit_and_fetch(stream, bos_, in_fence_fd_, out_fence_fd, *fetched, cuts)
              : ws_.submit(stream, bos_, in_fence_fd_, last ? out_fence_fd : nullptr, urgency, cuts);
   if (in_fence_fd_ >= 0) {
      close(in_fence_fd_);
      in_fence_fd_ = -1;
   }
   return number;
}

uint64_t Batch::send_around(std::span<const uint32_t> stream, std::span<const uint32_t> before,
                            std::span<const uint32_t> after, int *out_fence_fd)
{
   const auto head = stream.first(std::min<size_t>(head_dwords_, stream.size()));
   assembled_.assign(head.begin(), head.end());
   std::span<const uint32_t> cuts; // of what is assembled
   const auto add = [&](std::span<const uint32_t> part) {
      if (assembled_.size() + part.size() > longest_dwords && assembled_.size() > head.size()) {
         send(assembled_, nullptr, false, cuts);
         assembled_.resize(head.size());
         cuts = {};
      }
      assembled_.insert(assembled_.end(), part.begin(), part.end());
   };
   const auto add_pieces = [&](std::span<const uint32_t> commands) {
      while (!commands.empty()) {
         const size_t size = whole_commands(commands, capacity_dwords);
         add(commands.first(size));
         commands = commands.subspan(size);
      }
   };
   add_pieces(before);
   add(stream.subspan(head.size()));
   for (uint32_t &cut : cuts_)
      cut += uint32_t(assembled_.size() - stream.size());
   cuts = cuts_;
   add_pieces(after);
   return send(assembled_, out_fence_fd, true, cuts);
}

bool Batch::divide()
{
   // Half of it, so that the host does not wait long for what it could begin with.
   if (position() <= head_dwords_ || position() > capacity_dwords / 2 ||
       cuts_.size() + 1 >= Winsys::most_parts || !ws_.joins_parts())
      return false;
   cuts_.push_back(position());
   return true;
}

uint64_t Batch::submit(int *out_fence_fd, bool carry, std::span<const uint32_t> before,
                       std::span<const uint32_t> after)
{
   const std::span<const uint32_t> stream(begin_, size_t(cursor_ - begin_));
   const uint64_t number = before.empty() && after.empty()
                              ? send(stream, out_fence_fd, true, cuts_)
                              : send_around(stream, before, after, out_fence_fd);
   if (number != 0)
      last_submission_ = number;

   release(carried_refs_);
   if (carry)
      carried_refs_.swap(refs_);
   else
      release(refs_);
   for (auto &storage : memory_users_) {
      // The number first: a reader that sees no recorded use must see the submission. Another
      // context's may be later already.
      uint64_t seen = storage->memory_use.load(std::memory_order_relaxed);
      while (seen < number &&
             !storage->memory_use.compare_exchange_weak(seen, number, std::memory_order_release))
         ;
      storage->recorded_uses.fetch_sub(1, std::memory_order_acq_rel);
   }
   memory_users_.clear();
   for (auto &fence : fences_)
      fence->submitted(last_submission_);
   fences_.clear();

   cursor_ = begin_;
   head_dwords_ = 0;
   cuts_.clear();
   generation_++;
   if (!bos_.empty()) {
      bos_.clear();
      if (table_.size() > initial_buckets * 16)
         table_ = std::vector<uint32_t>(initial_buckets, 0);
      else
         std::fill(table_.begin(), table_.end(), 0);
   }
   return number;
}

} // namespace virgl
