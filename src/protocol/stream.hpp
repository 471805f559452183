// SPDX-License-Identifier: MIT
//
// Walks over a stream command by command, without looking at payloads. Nothing of a stream is
// believed.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "protocol/enums.hpp"

namespace virgl::proto {

/// One command where it lies in a stream.
struct Command {
   Ccmd opcode = Ccmd::nop;              // may be a number that nobody has given
   ObjectType object = ObjectType::null; // likewise
   uint32_t offset = 0;                  // of the header, in dwords from the start of the stream
   uint32_t index = 0;                   // how many commands are before it
   std::span<const uint32_t> payload{};

   bool known() const { return uint32_t(opcode) < num_commands; }
};

class CommandReader {
public:
   explicit CommandReader(std::span<const uint32_t> stream) : stream_(stream) {}

   /// False at the end, and where a command is longer than what is left; then truncated() says so.
   bool next(Command &command)
   {
      if (offset_ == stream_.size() || truncated_)
         return false;
      const uint32_t header = stream_[offset_];
      const uint32_t length = header >> 16;
      command.opcode = Ccmd(header & 0xff);
      command.object = ObjectType(header >> 8 & 0xff);
      command.offset = uint32_t(offset_);
      command.index = index_;
      if (length > stream_.size() - offset_ - 1) {
         truncated_ = true;
         command.payload = stream_.subspan(offset_ + 1);
         return false;
      }
      command.payload = stream_.subspan(offset_ + 1, length);
      offset_ += 1 + length;
      index_++;
      return true;
   }

   bool truncated() const { return truncated_; }
   uint32_t offset() const { return uint32_t(offset_); }
   uint32_t index() const { return index_; }

private:
   std::span<const uint32_t> stream_;
   size_t offset_ = 0;
   uint32_t index_ = 0;
   bool truncated_ = false;
};

/// Memory for what a decoded packet points at and the stream does not hold in that form.
class Arena {
public:
   template <typename T>
   std::span<T> make(size_t count)
   {
      static_assert(alignof(T) <= alignof(std::max_align_t));
      blocks_.push_back(std::make_unique<std::byte[]>(count * sizeof(T)));
      T *first = reinterpret_cast<T *>(blocks_.back().get());
      for (size_t i = 0; i < count; i++)
         new (first + i) T();
      return {first, count};
   }

   void reset() { blocks_.clear(); }

private:
   std::vector<std::unique_ptr<std::byte[]>> blocks_;
};

} // namespace virgl::proto
