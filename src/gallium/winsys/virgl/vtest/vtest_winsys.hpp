// SPDX-License-Identifier: MIT
// The vtest winsys from inside. Outside, vtest.hpp is all there is.
//
// Threads. `send_mutex_` guards what is sent and with it the numbers of submissions, `recv_mutex_`
// what is received; while one thread waits for an answer others go on sending. The server answers
// in the order of the requests, so that the answers still owed form a queue (`replies_`): senders
// append (send_mutex_ held), receivers remove (recv_mutex_ held), and whoever needs an answer first
// takes in those before it, on behalf of others. send_mutex_ is taken before recv_mutex_, never
// after.
//
// Nothing waits for an answer that is not needed. In particular the descriptor of a new resource's
// memory is fetched when it is mapped or comes by: a round trip to a busy server is the most
// expensive thing here.
#pragma once

#include <array>
#include <mutex>
#include <vector>

#include "gallium/winsys/virgl/common/bo_cache.hpp"
#include "gallium/winsys/virgl/vtest/handshake.hpp"
#include "gallium/winsys/virgl/vtest/stream.hpp"
#include "gallium/winsys/virgl/vtest/vtest.hpp"
#include "gallium/winsys/virgl/winsys.hpp"
#include "protocol/vtest.hpp"

namespace virgl::vtest {

namespace wire = proto::vtest;

// Servers count the bytes of a stream in an int.
constexpr size_t max_stream_dwords = (1u << 29) - 1;

class VtestWinsys;

inline uint64_t now_ns()
{
   return uint64_t(std::chrono::nanoseconds(Clock::now().time_since_epoch()).count());
}

class VtestBo final : public Bo, public BoCache::Entry {
public:
   VtestBo(Winsys &ws, proto::ResourceHandle handle, const ResourceDesc &desc)
       : Bo(ws, handle, desc)
   {
   }
   ~VtestBo();

private:
   friend class VtestWinsys;

   enum class Memory : uint8_t {
      none,     // there is none, or it could not be mapped
      heap,     // ours alone: the server speaks a version without shared memory
      pending,  // the server's answer to the creation holds it and has not been read
      shared,   // mapped
      orphaned, // pending, and the owner is gone: who reads the answer destroys the object
   };
   std::atomic<Memory> memory_{Memory::none};
};

// A stream as the messages that carry it, one for each of its parts, and room for one thing behind them.
class SubmitMessages {
public:
   SubmitMessages(std::span<const uint32_t> commands, std::span<const uint32_t> cuts);
   SubmitMessages(const SubmitMessages &) = delete;

   // Messages that follow; they stay the caller's. Once.
   void append(std::span<const uint32_t> dwords)
   {
      parts_[used_++] = {const_cast<uint32_t *>(dwords.data()), dwords.size_bytes()};
   }
   std::span<iovec> all() { return std::span(parts_).first(used_); }

private:
   void add(std::span<const uint32_t> commands);

   using Head = std::array<uint32_t, wire::header_dwords + wire::SubmitCmd::fixed_dwords>;
   std::array<Head, Winsys::most_parts> heads_;
   std::array<iovec, 2 * Winsys::most_parts + 1> parts_;
   size_t used_ = 0;
};

class VtestWinsys final : public Winsys, private InputHandler {
public:
   VtestWinsys(Stream stream, Session &&session, const Options &options);
   ~VtestWinsys() override;

   BoRef create_resource(const ResourceDesc &desc) override;
   bool transfer_to_host(Bo &bo, uint32_t level, const Box &box,
                         const MemoryLayout &layout) override;
   bool transfer_from_host(Bo &bo, uint32_t level, const Box &box,
                           const MemoryLayout &layout) override;
   uint64_t submit(std::span<const uint32_t> commands, std::span<Bo *const> bos, int in_fence_fd,
                   int *out_fence_fd, Urgency urgency, std::span<const uint32_t> cuts) override;
   uint64_t submit_and_fetch(std::span<const uint32_t> commands, std::span<Bo *const> bos,
                             int in_fence_fd, int *out_fence_fd, Bo &fetched,
                             std::span<const uint32_t> cuts) override;
   bool joins_parts() override;
   void expect_wait() override { curious_.store(true, std::memory_order_relaxed); }
   bool wait_submission(uint64_t number, uint64_t timeout_ns) override;
   bool wait_idle(Bo &bo, uint64_t timeout_ns) override;
   bool poll_host() override;
   bool is_busy(const Bo &bo) const override;
   bool present(Bo &bo, uint32_t level, const Box &box, DisplayTarget &target) override;
   void declare_lost(const char *reason) override;

private:
   void release(Bo *bo) override;
   void finish_map(Bo &bo) override;

   // -- answers -----------------------------------------------------------------------------------
   enum class Answer : uint8_t {
      idle,    // to resource_busy_wait without waiting: all before it is executed, maybe complete
      waited,  // to resource_busy_wait with waiting: all before it is complete
      handle,  // to a creation (version 3)
      memory,  // to a creation: the descriptor
      data,    // to transfer_get: bare bytes
   };
   struct Reply {
      Answer answer = Answer::idle;
      uint64_t number = 0;       // idle, waited: what it tells about
      VtestBo *bo = nullptr;     // handle, memory
      std::span<iovec> rows{};   // data: where to; the requester waits and keeps it alive
   };
   // The n-th answer since the beginning; 0: none, because the host is lost.
   using Ticket = uint64_t;

   Ticket expect(const Reply &reply);
   bool await(Ticket ticket, Clock::time_point deadline = Clock::time_point::max());
   bool received(Ticket t) const { return received_.load(std::memory_order_acquire) >= t; }
   // Takes in what has arrived, without waiting for anything.
   void receive_arrived();
   // With recv_mutex_ held: takes in the next answer; false when the host is lost.
   bool receive_next();
   bool receive_busy(const Reply &reply);
   bool receive_handle(const Reply &reply);
   bool receive_memory(const Reply &reply);
   InputHandler::Result input_while_sending() override;

   // -- messages ----------------------------------------------------------------------------------
   // With send_mutex_ held.
   bool send(std::span<iovec> parts);
   template <typename Request> bool send_request(const Request &request);
   // Without: sees to it that an answer which tells about `number` is under way.
   Ticket ask(uint64_t number, Answer kind);
   // The same with a question of its own and send_mutex_ held.
   Ticket ask_anew(Answer kind);

   template <typename Request>
   bool transfer_shared(Bo &bo, uint32_t level, const Box &box, const MemoryLayout &layout);
   bool put_inline(Bo &bo, uint32_t level, const Box &box, const MemoryLayout &layout);
   bool get_inline(Bo &bo, uint32_t level, const Box &box, std::byte *to, uint64_t stride,
                   uint64_t layer_stride);
   bool bring_home(Bo &bo, uint32_t level, const Box &box, uint64_t offset);

   // -- waiting -----------------------------------------------------------------------------------
   template <typename Done>
   bool wait_until(Done &&done, uint64_t number, Answer kind, uint64_t timeout_ns);

   // -- resources ---------------------------------------------------------------------------------
   VtestBo *from_cache(const ResourceDesc &desc);
   bool create_on_host(VtestBo &bo);
   void destroy(BoCache::Evicted evicted);
   static void discard(VtestBo &bo);
   bool has_shared_memory() const { return version_ >= 2; }

   bool lose(const IoResult &r);
   bool nonsense(const char *what, const wire::Header &header);

   const uint32_t version_;
   const std::string where_;
   Stream stream_;
   BoCache cache_;

   std::mutex send_mutex_;
   uint64_t issued_ = 0; // number of the last submission or transfer
   uint32_t next_handle_ = 1;
   struct Question {
      uint64_t number = 0;
      Ticket ticket = 0;
   };
   Question last_idle_, last_waited_;
   uint32_t submissions_since_question_ = 0;
   // Somebody found only busy buffers in the cache, or is going to wait: the next submission asks how far
   // the host is.
   std::atomic<bool> curious_{false};

   std::mutex recv_mutex_;
   // Few enough that the server can write them all into the socket without waiting for us, and that
   // descriptors do not pile up there: the kernel lets the server's user have no more of them under
   // way than a process may have open, and a server that cannot send one ends the connection.
   static constexpr unsigned max_replies = 64;
   std::array<Reply, max_replies> replies_;
   std::atomic<Ticket> expected_{0}, received_{0};
};

} // namespace virgl::vtest
