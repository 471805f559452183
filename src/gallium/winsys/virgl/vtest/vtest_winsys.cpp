// SPDX-License-Identifier: MIT
// Connection, answers, submissions and waits. Facts about servers: virglrenderer's
// vtest_renderer.c.
#include "gallium/winsys/virgl/vtest/vtest_winsys.hpp"

#include "gallium/winsys/virgl/common/wait_fd.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <thread>

namespace virgl::vtest {

namespace {

// Once in so many submissions the host is asked how far it is even though nobody waits, so that
// is_busy() does not go stale in programs that never present.
constexpr uint32_t submissions_per_question = 8;

// Guest memory of these receives query results, which the host writes when its GPU has them
// (vrend_check_queries runs when a fence retires), not when it executes the command.
bool written_by_gpu(const ResourceDesc &desc)
{
   return desc.bind & (proto::bind::custom | proto::bind::query_buffer);
}

} // namespace

VtestWinsys::VtestWinsys(Stream stream, Session &&session, const Options &options)
    : version_(session.version), where_(options.socket_path), stream_(std::move(stream)),
      cache_(options.cache)
{
   caps_ = session.caps;
   features_.encoded_transfers = has_shared_memory();
   stream_.set_timeouts(options.timeouts);
}

VtestWinsys::~VtestWinsys()
{
   // The server drops everything of this client when the socket closes: no message is needed.
   lost_.store(true, std::memory_order_release);
   destroy(cache_.flush());
   for (Ticket t = received_; t < expected_; t++) {
      const Reply &r = replies_[t % max_replies];
      if (r.answer == Answer::memory && r.bo->memory_ == VtestBo::Memory::orphaned)
         delete r.bo;
   }
}

// -- losing the host ------------------------------------------------------------------------------

void VtestWinsys::declare_lost(const char *reason)
{
   if (lost_.exchange(true, std::memory_order_acq_rel))
      return;
   fprintf(stderr, "verglas: vtest socket '%s': %s\n", where_.c_str(), reason);
   stream_.shut_down();
}

bool VtestWinsys::lose(const IoResult &r)
{
   declare_lost(r.text());
   return false;
}

bool VtestWinsys::nonsense(const char *what, const wire::Header &header)
{
   char text[128];
   snprintf(text, sizeof text, "nonsense in place of the %s (command %u, length %u)", what,
            header.command, header.length);
   declare_lost(text);
   return false;
}

// -- answers --------------------------------------------------------------------------------------

VtestWinsys::Ticket VtestWinsys::expect(const Reply &reply)
{
   Ticket n = expected_.load(std::memory_order_relaxed);
   if (n >= max_replies && !await(n - max_replies + 1))
      return 0;
   replies_[n % max_replies] = reply;
   expected_.store(n + 1, std::memory_order_release);
   return n + 1;
}

bool VtestWinsys::await(Ticket ticket, Clock::time_point deadline)
{
   if (received(ticket))
      return true;

   const bool for_ever = deadline == Clock::time_point::max();
   std::unique_lock lock(recv_mutex_, std::defer_lock);
   if (for_ever) {
      lock.lock();
   } else {
      // Whoever has it is waiting for an answer too, and may get ours on the way to its own. (Not a
      // timed mutex: ThreadSanitizer does not know what that does.)
      while (!lock.try_lock()) {
         if (received(ticket) || Clock::now() >= deadline)
            return received(ticket);
         std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
   }

   while (!received(ticket)) {
      if (lost())
         return false;
      if (!for_ever) {
         auto limit = std::min(deadline, Clock::now() + stream_.timeouts().busy);
         if (!stream_.readable_before(limit))
            return limit < deadline ? lose({IoStatus::timeout}) : false;
      }
      if (!receive_next())
         return false;
   }
   return true;
}

void VtestWinsys::receive_arrived()
{
   if (received(expected_.load(std::memory_order_acquire)))
      return;
   std::unique_lock lock(recv_mutex_, std::try_to_lock);
   if (!lock)
      return;
   while (!lost() && !received(expected_.load(std::memory_order_acquire)) &&
          stream_.readable_before({}))
      receive_next();
}

InputHandler::Result VtestWinsys::input_while_sending()
{
   using R = InputHandler::Result;
   std::unique_lock lock(recv_mutex_, std::try_to_lock);
   // Without a question there is no answer: what comes then is left to whoever asks next.
   if (!lock || received(expected_.load(std::memory_order_acquire)))
      return R::elsewhere;
   // Another thread may have taken it in since poll() saw it.
   if (!stream_.readable_before({}))
      return R::elsewhere;
   return receive_next() ? R::consumed : R::broken;
}

bool VtestWinsys::receive_next()
{
   Ticket n = received_.load(std::memory_order_relaxed);
   if (lost() || n == expected_.load(std::memory_order_acquire))
      return false;
   const Reply &reply = replies_[n % max_replies];
   bool ok = false;
   switch (reply.answer) {
   case Answer::idle:
   case Answer::waited:
      ok = receive_busy(reply);
      break;
   case Answer::handle:
      ok = receive_handle(reply);
      break;
   case Answer::memory:
      ok = receive_memory(reply);
      break;
   case Answer::data: {
      IoResult r = stream_.receive_scattered(reply.rows);
      ok = r || lose(r);
      break;
   }
   }
   if (ok)
      received_.store(n + 1, std::memory_order_release);
   return ok;
}

bool VtestWinsys::receive_busy(const Reply &reply)
{
   using Wire = wire::ResourceBusyWaitReply;
   std::array<uint32_t, wire::header_dwords + Wire::dwords> raw{};
   size_t got = 0;
   IoResult r = stream_.receive(raw.data(), sizeof raw, false, &got);
   auto header = wire::Header::parse(std::span(raw).first<wire::header_dwords>());
   // Something that is wrong from the start is worth more to a person than that its end is missing.
   if (got >= wire::header_dwords * sizeof(uint32_t) && !Wire::matches(header))
      return nonsense("answer to a wait", header);
   if (!r)
      return lose(r);
   auto parsed = Wire::parse(header, std::span(raw).subspan(wire::header_dwords));
   if (!parsed || (parsed->busy && reply.answer == Answer::waited))
      return nonsense("answer to a wait", header);

   // Whatever the answer is: it comes after the execution of all that was sent before the question.
   note_executed(reply.number);
   if (!parsed->busy)
      note_complete(reply.number);
   return true;
}

bool VtestWinsys::receive_handle(const Reply &reply)
{
   using Wire = wire::ResourceCreate2Reply;
   std::array<uint32_t, wire::header_dwords + Wire::dwords> raw{};
   size_t got = 0;
   IoResult r = stream_.receive(raw.data(), sizeof raw, false, &got);
   auto header = wire::Header::parse(std::span(raw).first<wire::header_dwords>());
   if (got >= wire::header_dwords * sizeof(uint32_t) && !Wire::matches(header))
      return nonsense("answer to a creation", header);
   if (!r)
      return lose(r);
   auto parsed = Wire::parse(header, std::span(raw).subspan(wire::header_dwords));
   if (!parsed || parsed->resource == proto::ResourceHandle::none)
      return nonsense("answer to a creation", header);
   reply.bo->handle_ = parsed->resource;
   return true;
}

bool VtestWinsys::receive_memory(const Reply &reply)
{
   UniqueFd fd;
   if (IoResult r = stream_.receive_fd(fd); !r)
      return lose(r);
   if (!fd) {
      declare_lost("no memory came with a new resource");
      return false;
   }

   VtestBo &bo = *reply.bo;
   // Beyond the end of the file lies SIGBUS.
   struct stat st{};
   if (fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < off_t(bo.size())) {
      declare_lost("the memory of a new resource is smaller than asked for");
      return false;
   }
   if (bo.memory_.load(std::memory_order_acquire) != VtestBo::Memory::orphaned) {
      void *p = mmap(nullptr, bo.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
      if (p != MAP_FAILED)
         bo.map_ = static_cast<std::byte *>(p);
   }
   // Its last reference may go at any moment: whoever comes second destroys it.
   auto state = bo.map_ ? VtestBo::Memory::shared : VtestBo::Memory::none;
   bo.map_pending_.store(false, std::memory_order_release);
   if (bo.memory_.exchange(state, std::memory_order_acq_rel) == VtestBo::Memory::orphaned)
      delete &bo;
   return true;
}

void VtestWinsys::finish_map(Bo &any)
{
   auto &bo = static_cast<VtestBo &>(any);
   std::lock_guard lock(recv_mutex_);
   while (bo.map_pending_.load(std::memory_order_acquire)) {
      if (!receive_next()) {
         // The queue still names the object; only its mapping is settled.
         bo.map_pending_.store(false, std::memory_order_release);
         return;
      }
   }
}

// -- messages -------------------------------------------------------------------------------------

bool VtestWinsys::send(std::span<iovec> parts)
{
   if (lost())
      return false;
   const IoResult r = stream_.send(parts, this);
   return r || lose(r);
}

SubmitMessages::SubmitMessages(std::span<const uint32_t> commands, std::span<const uint32_t> cuts)
{
   size_t begin = 0;
   for (const size_t cut : cuts.first(std::min(cuts.size(), Winsys::most_parts - 1))) {
      if (cut <= begin || cut >= commands.size())
         continue;
      add(commands.subspan(begin, cut - begin));
      begin = cut;
   }
   add(commands.subspan(begin));
}

void SubmitMessages::add(std::span<const uint32_t> commands)
{
   Head &head = heads_[used_ / 2];
   wire::SubmitCmd{.stream_dwords = uint32_t(commands.size())}.write(head.data());
   append(head);
   append(commands);
}

bool VtestWinsys::joins_parts()
{
   std::lock_guard lock(send_mutex_);
   return !known_executed(issued_);
}

VtestWinsys::Ticket VtestWinsys::ask(uint64_t number, Answer kind)
{
   std::lock_guard lock(send_mutex_);
   Question &last = kind == Answer::waited ? last_waited_ : last_idle_;
   if (last.ticket && last.number >= number && !received(last.ticket))
      return last.ticket;

   return ask_anew(kind);
}

VtestWinsys::Ticket VtestWinsys::ask_anew(Answer kind)
{
   Ticket ticket = expect({.answer = kind, .number = issued_});
   if (!ticket)
      return 0;
   wire::ResourceBusyWait request{.flags = kind == Answer::waited ? wire::busy_wait_wait : 0};
   std::array<uint32_t, wire::header_dwords + decltype(request)::fixed_dwords> raw;
   request.write(raw.data());
   iovec part{raw.data(), sizeof raw};
   if (!send({&part, 1}))
      return 0;
   (kind == Answer::waited ? last_waited_ : last_idle_) = {issued_, ticket};
   submissions_since_question_ = 0;
   return ticket;
}

uint64_t VtestWinsys::submit(std::span<const uint32_t> commands, std::span<Bo *const> bos,
                             int in_fence_fd, int *out_fence_fd, Urgency,
                             std::span<const uint32_t> cuts)
{
   (void)in_fence_fd;
   if (out_fence_fd)
      *out_fence_fd = -1;
   if (lost())
      return 0;
   if (commands.size() > max_stream_dwords) {
      declare_lost("a command stream is too long to be sent");
      return 0;
   }
   SubmitMessages messages(commands, cuts);
   wire::ResourceBusyWait question;
   std::array<uint32_t, wire::header_dwords + decltype(question)::fixed_dwords> tail;
   question.write(tail.data());

   std::lock_guard lock(send_mutex_);
   uint64_t number = ++issued_;
   for (Bo *bo : bos)
      set_last_use(*bo, number);
   // Descriptors of new resources do not pile up, and the cache learns what has become idle.
   receive_arrived();

   // A question that nobody waits for travels with the submission; its answer is taken in when it
   // has arrived. Only one at a time.
   bool wanted = curious_.load(std::memory_order_relaxed) ||
                 ++submissions_since_question_ >= submissions_per_question;
   bool with_question = wanted && (!last_idle_.ticket || received(last_idle_.ticket));
   if (with_question) {
      curious_.store(false, std::memory_order_relaxed);
      submissions_since_question_ = 0;
      last_idle_ = {number, expect({.answer = Answer::idle, .number = number})};
      if (!last_idle_.ticket)
         return 0;
      messages.append(tail);
   }
   return send(messages.all()) ? number : 0;
}

// -- waiting --------------------------------------------------------------------------------------

template <typename Done>
bool VtestWinsys::wait_until(Done &&done, uint64_t number, Answer kind, uint64_t timeout_ns)
{
   if (done())
      return true;
   const Clock::time_point deadline = deadline_after(timeout_ns);
   if (timeout_ns != 0 && kind == Answer::idle) {
      // The answer may be under way: then receiving it is all there is to do.
      Ticket asked = 0;
      {
         std::lock_guard lock(send_mutex_);
         if (last_idle_.ticket && last_idle_.number >= number && !received(last_idle_.ticket))
            asked = last_idle_.ticket;
      }
      if (asked && (await(asked, deadline) || lost()))
         return done();
   }
   receive_arrived();
   if (done())
      return true;
   if (timeout_ns == 0) {
      // Even an answer that is given at once comes only after all that the server still has to
      // execute. So ask, and let a later call find the answer.
      ask(number, Answer::idle);
      return lost();
   }

   Ticket ticket = ask(number, kind);
   if (ticket)
      await(ticket, deadline);
   return done();
}

bool VtestWinsys::wait_submission(uint64_t number, uint64_t timeout_ns)
{
   return wait_until([&] { return known_complete(number); }, number, Answer::waited, timeout_ns);
}

bool VtestWinsys::wait_idle(Bo &bo, uint64_t timeout_ns)
{
   uint64_t number = bo.last_use();
   if (written_by_gpu(bo.desc()))
      return wait_submission(number, timeout_ns);
   return wait_until([&] { return known_executed(number); }, number, Answer::idle, timeout_ns);
}

bool VtestWinsys::poll_host()
{
   // The server looks after its fences and queries before each message (vtest_server.c). One that is
   // under way already may have been before the result was there.
   Ticket ticket = 0;
   {
      std::lock_guard lock(send_mutex_);
      ticket = ask_anew(Answer::idle);
   }
   return ticket && await(ticket);
}

bool VtestWinsys::is_busy(const Bo &bo) const
{
   if (bo.recording_batches.load(std::memory_order_acquire) != 0)
      return true;
   uint64_t number = bo.last_use();
   return !(written_by_gpu(bo.desc()) ? known_complete(number) : known_executed(number));
}

} // namespace virgl::vtest
