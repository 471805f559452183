// SPDX-License-Identifier: MIT
// The stream of commands a context is recording, and what those commands name.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gallium/winsys/virgl/winsys.hpp"

namespace virgl {

class Fence;
class StreamObserver;
struct Storage;

// Owns a reference to everything its commands name until they are submitted. Used by one thread at a
// time (the context's driver thread). `observer`, where not null, sees every submission first.
class Batch {
public:
   // Dwords of one submission. Large enough that a frame of most programs is one submission, small
   // enough that the host starts early on heavy frames.
   static constexpr uint32_t capacity_dwords = 64 * 1024;

   Batch(Winsys &ws, StreamObserver *observer);
   ~Batch();
   Batch(const Batch &) = delete;
   Batch &operator=(const Batch &) = delete;

   bool empty() const { return cursor_ == begin_; }
   bool has_room(uint32_t dwords) const { return uint32_t(end_ - cursor_) >= dwords; }
   uint32_t room() const { return uint32_t(end_ - cursor_); }

   // Appends one command; the caller has made sure of the room.
   template <class Packet> void write(const Packet &packet) { cursor_ = packet.write(cursor_); }

   // Dwords recorded; and back to an earlier count, to write the last command anew.
   uint32_t position() const { return uint32_t(cursor_ - begin_); }
   void rewind(uint32_t position)
   {
      cursor_ = begin_ + position;
      while (!cuts_.empty() && cuts_.back() > position)
         cuts_.pop_back();
   }
   // Writes a command of the same size in place of the one there.
   template <class Packet> void rewrite(uint32_t position, const Packet &packet)
   {
      packet.write(begin_ + position);
   }
   // Counts the submissions, failed ones too: a position means something only within one.
   uint32_t generation() const { return generation_; }

   // Makes `bo` part of the submission, once however often it is called. O(1): the buffer remembers
   // where it stands, and a hash table answers when another context's batch moved that hint.
   void reference(Bo &bo)
   {
      const uint32_t hint = bo.batch_hint.load(std::memory_order_relaxed);
      if (hint < bos_.size() && bos_[hint] == &bo) [[likely]]
         return;
      reference_slow(bo);
   }
   bool references(const Bo &bo) const;
   // Whether another context or process may be using it.
   bool used_elsewhere(const Bo &bo) const
   {
      const void *user = bo.last_user.load(std::memory_order_relaxed);
      return bo.external() || (user && user != this);
   }

   // Guest memory of `storage` is read or written by a recorded command: it is busy until the
   // submission is complete.
   void uses_memory_of(const std::shared_ptr<Storage> &storage);

   // The fence is signalled by the submission that carries what is recorded now.
   void attach(std::shared_ptr<Fence> fence) { fences_.push_back(std::move(fence)); }

   // A sync file the submission waits for; owned by the batch from here on.
   void add_in_fence(int fd);

   // Hands everything to the winsys and starts anew. Returns the submission's number, 0 on failure.
   // `out_fence_fd` as in Winsys::submit. `carry`: the submission happens in the middle of recording,
   // so what was referenced for a command that is still to come stays referenced for another batch.
   // `before` and `after` are further commands, around all recorded since begins_here(). Where they
   // are many, they make submissions of their own; the number is the last one's.
   uint64_t submit(int *out_fence_fd = nullptr, bool carry = false,
                   std::span<const uint32_t> before = {}, std::span<const uint32_t> after = {});
   // Has the host take what is recorded from here on for another submission, which costs less than one
   // that is made. False, and without effect, where it is time for one that is: the host has nothing to
   // do, or what is recorded is much, or cannot be divided.
   bool divide();
   // The next submission is followed by a read-back of level 0 of this picture (null: of none), to be
   // waited for.
   void fetch_after(Bo *bo) { fetched_ = bo; }
   // What stands in the batch so far belongs before everything else.
   void begins_here() { head_dwords_ = position(); }

   // Number of the last submission of this batch; 0 before the first.
   uint64_t last_submission() const { return last_submission_; }

private:
   // With `before` and `after`: one page of guest memory for each of the 1024 descriptors that QEMU
   // takes for a message (VIRTQUEUE_MAX_SIZE) would be 4 MB.
   static constexpr uint32_t longest_dwords = 4 * capacity_dwords;

   uint64_t send(std::span<const uint32_t> stream, int *out_fence_fd, bool last,
                 std::span<const uint32_t> cuts = {});
   uint64_t send_around(std::span<const uint32_t> stream, std::span<const uint32_t> before,
                        std::span<const uint32_t> after, int *out_fence_fd);
   void reference_slow(Bo &bo);
   void rehash(size_t buckets);
   static void release(std::vector<BoRef> &refs);

   Winsys &ws_;
   StreamObserver *observer_;
   std::unique_ptr<uint32_t[]> storage_;
   uint32_t *begin_, *cursor_, *end_;
   uint32_t head_dwords_ = 0;
   std::vector<uint32_t> cuts_; // see divide() and Winsys::submit
   std::vector<uint32_t> assembled_; // with `before` and `after`
   std::vector<Bo *> bos_;       // each once, referenced by refs_
   std::vector<BoRef> refs_;
   std::vector<BoRef> carried_refs_; // of the batch before, see submit()
   std::vector<uint32_t> table_; // open addressing: index + 1 into bos_, 0 = free
   std::vector<std::shared_ptr<Storage>> memory_users_;
   std::vector<std::shared_ptr<Fence>> fences_;
   int in_fence_fd_ = -1;
   Bo *fetched_ = nullptr; // see fetch_after()
   uint64_t last_submission_ = 0;
   uint32_t generation_ = 0;
};

} // namespace virgl
