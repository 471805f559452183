// SPDX-License-Identifier: MIT
// Calls of our own in threaded_context's queue, with their data in the queue itself.
//
// threaded_context takes what a call names into its own keeping: user constants are copied to an uploader's
// buffer and named by a reference, images by references whose counters both threads then write to. Where that
// costs more than the call, its data go as a message instead: in the queue they are in memory that is
// asked for beforehand (app_bindings.cpp) and read once. Of threaded_context's calls only string markers
// carry any data, so a message is one; real markers are messages as well.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pipe/p_context.h"

namespace virgl {

enum class MessageKind : uint32_t {
   marker,    // text of the program's
   constants, // slot 0's bytes
   images,    // pipe_image_view[count], each with a reference that the receiver takes over
};

struct Message {
   MessageKind kind = MessageKind::marker;
   uint8_t stage = 0, start = 0, count = 0, unbind = 0;
};

// In bytes, of what follows a Message.
constexpr unsigned max_message_data = 512 - sizeof(Message);

// Queues one with room for `size` bytes, at most max_message_data, and returns the room: aligned to 8, full of
// zeros, to be written before the wrapped context is called again. `queue_marker` is threaded_context's own
// function. For the application's thread.
std::byte *queue_message(pipe_context &wrapped, decltype(pipe_context::emit_string_marker) queue_marker,
                         const Message &message, unsigned size);

// Makes a context that threaded_context wraps understand messages. From then on nothing else may reach it as a
// string marker: send_marker() is for the wrapped context.
void receive_messages(pipe_context &driver);
void send_marker(pipe_context &wrapped, decltype(pipe_context::emit_string_marker) queue_marker,
                 const char *string, int length);

} // namespace virgl
