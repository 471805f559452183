// SPDX-License-Identifier: MIT
//
// Cuts a shader's text into CREATE_OBJECT SHADER commands. A host (vrend_create_shader) puts the chunks
// together by counting whole dwords, so every chunk but the last is a multiple of four bytes; it looks for
// the NUL in the last four bytes, so the NUL is part of the text and of its length; and it takes no other
// shader of the stage before the last chunk has come, so the chunks of one shader must follow each other.
#pragma once

#include <algorithm>
#include <cassert>

#include "protocol/packets.hpp"

namespace virgl::proto {

/// What is to be sent of a shader.
struct ShaderSource {
   ObjectHandle handle = ObjectHandle::none;
   ShaderStage stage = ShaderStage::vertex;
   std::string_view text{}; // without its NUL, which must stand behind it as in a std::string
   uint32_t num_tokens = 0;
   uint32_t local_memory = 0; // compute only
   std::array<uint32_t, 4> stream_output_stride{};
   std::span<const StreamOutput> stream_outputs{};
};

/// Gives the commands one by one, so that the caller can flush its batch between them:
///
///    for (ShaderChunks chunks(source); !chunks.done();) {
///       if (batch.space() < chunks.min_dwords())
///          batch.flush();
///       batch.emit(chunks.next(batch.space()));
///    }
class ShaderChunks {
public:
   explicit ShaderChunks(const ShaderSource &source)
      : source_(source), total_(uint32_t(source.text.size()) + 1)
   {
      assert(source.text.data()[source.text.size()] == '\0');
      assert(source.text.size() < 0x7fffffff);
   }

   bool done() const { return sent_ == total_; }

   /// The least space, header included, that next() can do something with.
   uint32_t min_dwords() const { return overhead() + 1; }

   /// The whole of what is left, header included.
   uint32_t left_dwords() const { return overhead() + dwords_of(total_ - sent_); }

   /// The next command in at most max_dwords, header included, which are min_dwords() or more.
   CreateShader next(uint32_t max_dwords)
   {
      assert(!done() && max_dwords >= min_dwords());
      const uint32_t space = std::min(max_dwords, max_payload_dwords + 1) - overhead();
      const uint32_t left = total_ - sent_;
      const uint32_t size = space >= dwords_of(left) ? left : space * 4;

      CreateShader packet = {
         .handle = source_.handle,
         .stage = source_.stage,
         .offset = sent_ == 0 ? total_ : sent_,
         .continuation = sent_ != 0,
         .num_tokens = source_.num_tokens,
         .local_memory = source_.local_memory,
         .text = std::string_view(source_.text.data() + sent_, size),
      };
      if (sent_ == 0) {
         packet.stream_output_stride = source_.stream_output_stride;
         packet.stream_outputs = source_.stream_outputs;
      }
      sent_ += size;
      return packet;
   }

private:
   /// Header and payload without text.
   uint32_t overhead() const
   {
      CreateShader packet{.stage = source_.stage};
      if (sent_ == 0)
         packet.stream_outputs = source_.stream_outputs;
      return 1 + packet.payload_dwords();
   }

   ShaderSource source_;
   uint32_t total_; // bytes, with the NUL
   uint32_t sent_ = 0;
};

/// All commands of a shader, each in at most max_dwords with its header.
template <typename Sink>
void
for_each_shader_chunk(const ShaderSource &source, uint32_t max_dwords, Sink &&sink)
{
   for (ShaderChunks chunks(source); !chunks.done();)
      sink(chunks.next(max_dwords));
}

} // namespace virgl::proto
