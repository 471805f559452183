// SPDX-License-Identifier: MIT
// What the application's thread has bound by way of threaded_context, so that it does not queue it again.
//
// With each change of one buffer, texture or image Mesa's frontend binds all of its kind anew. To queue
// them costs little by itself; but each takes a reference, whose counter the driver's thread then changes,
// too, and memory that two threads write to in turn costs more than all else that a draw needs.
#pragma once

#include <array>
#include <cstdint>

#include "pipe/p_context.h"
#include "pipe/p_state.h"

#include "references.hpp"

namespace virgl {

// Of one context. For the thread that uses the wrapped context alone. What is bound needs no references
// here: the queue and the driver's context keep it alive, so that nothing else can have its address.
struct AppBindings {
   struct VertexBuffers { // as last queued
      bool known = false;
      unsigned count = 0, unbind = 0;
      std::array<pipe_vertex_buffer, PIPE_MAX_ATTRIBS> buffers{};
   } vertex_buffers;

   struct Stage {
      // Bit n of `known_*`: what slot n has is what is written here.
      uint32_t known_uniforms = 0, known_images = 0;
      uint32_t image_buffers = 0; // of known_images, those that are buffers
      std::array<pipe_constant_buffer, PIPE_MAX_CONSTANT_BUFFERS> uniforms{};
      std::array<pipe_image_view, PIPE_MAX_SHADER_IMAGES> images{};
      // Slots below `known_views`.
      unsigned known_views = 0;
      std::array<pipe_sampler_view *, PIPE_MAX_SHADER_SAMPLER_VIEWS> views{};
   };
   std::array<Stage, PIPE_SHADER_TYPES> stages;

   // Of what came with a reference and was not queued; settled with each flush.
   References surplus;

   // The part of the queue that the last draw went to, where that was, and up to where it is prepared:
   // see draw_vbo.
   unsigned batch = ~0u, drawn_at = 0, prepared = 0;

   // threaded_context's own functions.
   decltype(pipe_context::set_vertex_buffers) queue_vertex_buffers = nullptr;
   decltype(pipe_context::set_constant_buffer) queue_constant_buffer = nullptr;
   decltype(pipe_context::set_shader_images) queue_images = nullptr;
   decltype(pipe_context::set_sampler_views) queue_views = nullptr;
   decltype(pipe_context::emit_string_marker) queue_marker = nullptr;
};

// Puts itself in front of the functions of a context that threaded_context has just made.
void app_bindings_init(AppBindings &app, pipe_context &wrapped);

} // namespace virgl
