// SPDX-License-Identifier: MIT
//
// Streams as text, for virgl-dump and for messages. Takes anything: what cannot be read is said,
// not read.
#pragma once

#include <functional>
#include <string>

#include "protocol/schema.hpp"

namespace virgl::proto {

struct PrintOptions {
   bool multi_line = false;    // one field per line below the command's name
   bool numbers = true;        // begin with the dword of the header
   uint32_t max_elements = 64; // of a list; 0 for all
   uint32_t max_text = 4096;   // bytes of a text or dwords of data; 0 for all

   /// Which resources are buffers, whose views are laid out differently.
   std::function<bool(ResourceHandle)> is_buffer{};
};

/// One command, without a line break at its end.
std::string print(const Command &command, const PrintOptions &options = {});

/// A whole stream, one command per line (or more), into sink(std::string_view line).
void print_stream(std::span<const uint32_t> stream, const PrintOptions &options,
                  const std::function<void(std::string_view)> &sink);

std::string print_stream(std::span<const uint32_t> stream, const PrintOptions &options = {});

} // namespace virgl::proto
