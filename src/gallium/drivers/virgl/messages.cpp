// SPDX-License-Identifier: MIT
#include "messages.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "util/u_threaded_context.h"

#include "context.hpp"

namespace virgl {

namespace {

static_assert(sizeof(Message) + max_message_data <= TC_MAX_STRING_MARKER_BYTES);
static_assert(sizeof(Message) % 8 == 0);

void receive(pipe_context *pipe, const char *string, int length)
{
   Message message;
   memcpy(&message, string, sizeof message);
   const char *data = string + sizeof message;
   const auto stage = pipe_shader_type(message.stage);
   switch (message.kind) {
   case MessageKind::marker:
      Context::from(pipe).emit_marker(pipe, data, length - int(sizeof message));
      break;
   case MessageKind::constants: {
      pipe_constant_buffer cb = {};
      cb.user_buffer = data;
      cb.buffer_size = unsigned(length) - sizeof message;
      pipe->set_constant_buffer(pipe, stage, 0, false, &cb);
      break;
   }
   case MessageKind::images: {
      const auto *images = reinterpret_cast<const pipe_image_view *>(data);
      pipe->set_shader_images(pipe, stage, message.start, message.count, message.unbind, images);
      for (unsigned i = 0; i < message.count; i++)
         Context::from(pipe).references.drop(images[i].resource);
      break;
   }
   }
}

} // namespace

std::byte *queue_message(pipe_context &wrapped, decltype(pipe_context::emit_string_marker) queue_marker,
                         const Message &message, unsigned size)
{
   alignas(64) static constexpr std::array<char, TC_MAX_STRING_MARKER_BYTES> zeros{};
   const unsigned length = sizeof message + size;
   queue_marker(&wrapped, zeros.data(), int(length));
   // It is the last that was queued.
   struct threaded_context &tc = *threaded_context(&wrapped);
   tc_batch &batch = tc.batch_slots[tc.next];
   const unsigned slots = (length + sizeof batch.slots[0] - 1) / sizeof batch.slots[0];
   auto *written = reinterpret_cast<std::byte *>(batch.slots + batch.num_total_slots - slots);
   memcpy(written, &message, sizeof message);
   return written + sizeof message;
}

void receive_messages(pipe_context &driver)
{
   Context &ctx = Context::from(&driver);
   ctx.emit_marker = driver.emit_string_marker;
   driver.emit_string_marker = receive;
}

void send_marker(pipe_context &wrapped, decltype(pipe_context::emit_string_marker) queue_marker,
                 const char *string, int length)
{
   const Message message;
   std::vector<char> whole(sizeof message + unsigned(std::max(length, 0)));
   memcpy(whole.data(), &message, sizeof message);
   std::copy_n(string, whole.size() - sizeof message, whole.data() + sizeof message);
   queue_marker(&wrapped, whole.data(), int(whole.size()));
}

} // namespace virgl
