// SPDX-License-Identifier: MIT
//
// Cuts a shader's text into CREATE_OBJECT SHADER commands. A host (vrend_create_shader) puts the
// chunks together by counting whole dwords, so every chunk but the last is a multiple of four
// bytes; it looks for the NUL in the last four bytes, so the NUL is part of the text and of its
// length; and it takes no other shader of the stage before the last chunk has come, so the chunks
// of one shader must follow each other.
#pragma once

#include <algorithm>
#include <cassert>

#include "protocol/packets.hpp"

namespace virgl::proto {

/// Gives the commands of a shader one by one.
class ShaderChunks {
public:
   /// Everything but the text and its place comes from `first`. The text is without its NUL, which
   /// must stand behind it as in a std::string.
   ShaderChunks(const CreateShader &first, std::string_view text)
      : packet_(first), text_(text.data()), total_(uint32_t(text.size()) + 1)
   {
      assert(text.data()[text.size()] == '\0');
      assert(text.size() < 0x7fffffff);
      packet_.offset = total_;
      packet_.continuation = false;
      packet_.text = {};
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

      CreateShader packet = packet_;
      packet.text = std::string_view(text_ + sent_, size);

      sent_ += size;
      packet_.offset = sent_;
      packet_.continuation = true;
      packet_.stream_output_stride = {};
      packet_.stream_outputs = {}; // belongs to the first chunk alone
      return packet;
   }

private:
   /// Header and payload without text.
   uint32_t overhead() const { return 1 + packet_.payload_dwords(); }

   CreateShader packet_; // the next one, without its text
   const char *text_;
   uint32_t total_; // bytes, with the NUL
   uint32_t sent_ = 0;
};

/// Hands all commands of a shader to sink(const CreateShader &), each in at most room() dwords with
/// its header. room() is asked before each and may flush the batch; it must then offer min_dwords()
/// or more.
template <typename Room, typename Sink>
void emit_shader_chunks(const CreateShader &first, std::string_view text, Room &&room, Sink &&sink)
{
   for (ShaderChunks chunks(first, text); !chunks.done();)
      sink(chunks.next(room()));
}

} // namespace virgl::proto
