// SPDX-License-Identifier: MIT
// Facts: vtest_protocol.h for the messages; virglrenderer's vtest_server.c and vtest_renderer.c for
// what servers do with them. The unusual ones are told where they matter.
#include "gallium/winsys/virgl/vtest/handshake.hpp"

#include <array>
#include <vector>

#include "protocol/vtest.hpp"

namespace virgl::vtest {

namespace wire = proto::vtest;

namespace {

// Messages being put together, to leave in one system call.
class Outbox {
public:
   template <typename Request> void add(const Request &request)
   {
      size_t at = dwords_.size();
      dwords_.resize(at + request.written_dwords());
      request.write(dwords_.data() + at);
   }
   IoResult send(Stream &stream, std::string_view tail = {})
   {
      iovec parts[2] = {
         {dwords_.data(), dwords_.size() * sizeof(uint32_t)},
         {const_cast<char *>(tail.data()), tail.size()},
      };
      IoResult r = stream.send(parts);
      dwords_.clear();
      return r;
   }

private:
   std::vector<uint32_t> dwords_;
};

IoResult receive_header(Stream &stream, wire::Header &header)
{
   std::array<uint32_t, wire::header_dwords> raw{};
   IoResult r = stream.receive(raw.data(), sizeof raw);
   header = wire::Header::parse(raw);
   return r;
}

class Handshake {
public:
   Handshake(Stream &stream, Session &session) : stream_(stream), session_(session) {}

   bool run(const Options &options, uint32_t max_version);

   HandshakeResult result;

private:
   bool fail(const IoResult &r)
   {
      result.reason = r.text();
      return false;
   }
   bool nonsense(const char *what, const wire::Header &h)
   {
      result.reason = std::string("nonsense in place of the ") + what + " (command " +
                      std::to_string(h.command) + ", length " + std::to_string(h.length) + ")";
      return false;
   }

   bool introduce(const std::string &name);
   bool negotiate(uint32_t max_version);
   bool fetch_caps();
   bool fetch_capset(uint32_t id, bool &valid);
   bool receive_caps(const wire::CapsReply &reply);
   // The payload of a reply, and its type checked.
   template <typename Reply>
   bool receive_reply(const char *what, const wire::Header &header, Reply &reply);

   Stream &stream_;
   Session &session_;
   // Whether the server answered the ping, which servers from before versions ignore.
   bool pinged_ = false;
};

template <typename Reply>
bool Handshake::receive_reply(const char *what, const wire::Header &header, Reply &reply)
{
   if (!Reply::matches(header))
      return nonsense(what, header);
   std::array<uint32_t, Reply::dwords> raw{};
   if (IoResult r = stream_.receive(raw.data(), raw.size() * sizeof(uint32_t), true); !r)
      return fail(r);
   auto parsed = Reply::parse(header, raw);
   if (!parsed)
      return nonsense(what, header);
   reply = *parsed;
   return true;
}

bool Handshake::introduce(const std::string &name)
{
   // The server reads the name as it is, without padding. Anything not printable stays at home.
   std::string sent;
   for (char c : name.substr(0, 63))
      sent += c >= ' ' && c <= '~' ? c : '?';
   sent += '\0';

   Outbox out;
   out.add(wire::CreateRenderer{.name_bytes = uint32_t(sent.size())});
   if (IoResult r = out.send(stream_, sent); !r)
      return fail(r);
   return true;
}

bool Handshake::negotiate(uint32_t max_version)
{
   // A server that knows versions answers both; one that does not ignores the ping, and its only
   // answer is that to the wait. Handle 0 is what servers accept before there is a context.
   Outbox out;
   out.add(wire::PingProtocolVersion{});
   out.add(wire::ResourceBusyWait{});
   if (IoResult r = out.send(stream_); !r)
      return fail(r);

   wire::Header header;
   if (IoResult r = receive_header(stream_, header); !r)
      return fail(r);
   pinged_ = wire::PingProtocolVersionReply::matches(header);
   if (pinged_) {
      if (IoResult r = receive_header(stream_, header); !r)
         return fail(r);
   }
   wire::ResourceBusyWaitReply idle;
   if (!receive_reply("answer to the first message", header, idle))
      return false;
   if (!pinged_) {
      session_.version = 0;
      return true;
   }

   out.add(wire::ProtocolVersion{.version = max_version});
   IoResult r = out.send(stream_);
   if (r)
      r = receive_header(stream_, header);
   if (!r) {
      result.version_refused = r.status == IoStatus::closed;
      return fail(r);
   }
   wire::ProtocolVersionReply answer;
   if (!receive_reply("protocol version", header, answer))
      return false;
   if (answer.version > max_version) {
      result.reason = "the server wants protocol version " + std::to_string(answer.version) +
                      ", offered was " + std::to_string(max_version);
      return false;
   }
   // Version 1 came and went before it was of use; its servers go on to speak 0.
   session_.version = answer.version == 1 ? 0 : answer.version;
   return true;
}

bool Handshake::receive_caps(const wire::CapsReply &reply)
{
   std::vector<std::byte> data(reply.bytes);
   if (IoResult r = stream_.receive(data.data(), data.size(), true); !r)
      return fail(r);
   session_.caps = proto::Caps::parse(reply.capset_id, data);
   return true;
}

bool Handshake::fetch_capset(uint32_t id, bool &valid)
{
   Outbox out;
   out.add(wire::GetCapset{.id = id, .version = 1});
   IoResult r = out.send(stream_);
   wire::Header header;
   if (r)
      r = receive_header(stream_, header);
   if (!r)
      return fail(r);

   wire::GetCapsetReply reply;
   if (!receive_reply("capset", header, reply))
      return false;
   uint32_t dwords = header.length - wire::GetCapsetReply::dwords;
   valid = reply.valid;
   if (!valid)
      return dwords == 0 || nonsense("capset", header);
   if (dwords > wire::CapsReply::max_bytes / sizeof(uint32_t))
      return nonsense("capset", header);
   return receive_caps({id, uint32_t(dwords * sizeof(uint32_t))});
}

bool Handshake::fetch_caps()
{
   Outbox out;
   if (session_.version >= 3) {
      bool valid = false;
      uint32_t id = 2;
      if (!fetch_capset(id, valid))
         return false;
      if (!valid && !fetch_capset(id = 1, valid))
         return false;
      if (!valid) {
         result.reason = "the server has no virgl renderer";
         return false;
      }
      out.add(wire::ContextInit{.capset_id = id});
      IoResult r = out.send(stream_);
      return r || fail(r);
   }

   // get_caps2 is older than the ping, so that whoever answers one knows the other. Others ignore
   // what they do not know: then only capset 1 comes back.
   out.add(wire::GetCaps2{});
   if (!pinged_)
      out.add(wire::GetCaps{});
   IoResult r = out.send(stream_);
   wire::Header header;
   if (r)
      r = receive_header(stream_, header);
   if (!r)
      return fail(r);
   auto first = wire::CapsReply::parse(header);
   if (!first || (pinged_ && first->capset_id != 2))
      return nonsense("capset", header);
   if (!receive_caps(*first))
      return false;
   if (pinged_ || first->capset_id == 1)
      return true;

   // Capset 1 is on its way as well, and not wanted any more.
   if (r = receive_header(stream_, header); !r)
      return fail(r);
   auto second = wire::CapsReply::parse(header);
   if (!second || second->capset_id != 1)
      return nonsense("capset", header);
   std::vector<std::byte> unused(second->bytes);
   r = stream_.receive(unused.data(), unused.size(), true);
   return r || fail(r);
}

bool Handshake::run(const Options &options, uint32_t max_version)
{
   if (!introduce(options.client_name) || !negotiate(max_version) || !fetch_caps())
      return false;

   proto::Caps &caps = session_.caps;
   if (caps.max_version == 0 || caps.received < sizeof(proto::CapsV1)) {
      result.reason = "the server's capset is empty";
      return false;
   }
   // Copies between the guest memory of one resource and the storage of another need memory that
   // both sides see. Where they see it, both directions work (tried on virglrenderer 0.10.4).
   if (session_.version < 2) {
      caps.capability_bits &= ~proto::cap::copy_transfer;
      caps.capability_bits_v2 &= ~proto::cap2::copy_transfer_both_directions;
   }
   return true;
}

} // namespace

HandshakeResult handshake(Stream &stream, const Options &options, uint32_t max_version,
                          Session &session)
{
   Handshake h(stream, session);
   h.result.ok = h.run(options, max_version);
   return h.result;
}

} // namespace virgl::vtest
