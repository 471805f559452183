// SPDX-License-Identifier: MIT
// How many vertices were captured, for glDrawTransformFeedback: hosts want to be told the number in the
// draw (virglrenderer, vrend_draw_vbo), and say nothing of it themselves. What vertex shaders capture is
// counted here; of other stages, of restarts, conditions and of indirect draws, a query of the host's
// tells.
#include <algorithm>

#include "util/u_prim.h"

#include "context.hpp"
#include "query.hpp"

namespace virgl {

namespace {

const Shader *capturing_shader(const Context &ctx)
{
   for (pipe_shader_type stage : {PIPE_SHADER_GEOMETRY, PIPE_SHADER_TESS_EVAL, PIPE_SHADER_VERTEX}) {
      if (const Shader *shader = ctx.stages[stage].shader)
         return shader;
   }
   return nullptr;
}

// Vertices of what is captured of a primitive.
unsigned captured_of(const Shader &shader, unsigned mode)
{
   if (shader.captured_vertices)
      return shader.captured_vertices;
   switch (u_reduced_prim(pipe_prim_type(mode))) {
   case PIPE_PRIM_POINTS:
      return 1;
   case PIPE_PRIM_LINES:
      return 2;
   default:
      return 3;
   }
}

uint32_t capacity(const StreamoutTarget &target)
{
   return target.stride ? target.base.buffer_size / target.stride : 0;
}

} // namespace

void count_captured(Context &ctx, const pipe_draw_info &info, const pipe_draw_indirect_info *indirect,
                    uint32_t vertices, const pipe_draw_start_count_bias *draws, unsigned num_draws)
{
   const Shader *shader = capturing_shader(ctx);
   if (!shader || ctx.capture_counted)
      return;
   const pipe_stream_output_info &so = shader->text.stream_output;
   const unsigned each = captured_of(*shader, info.mode);
   const bool by_draw = indirect && indirect->count_from_stream_output;
   uint32_t streams = 0;
   for (unsigned i = 0; i < ctx.num_streamout; i++) {
      StreamoutTarget *target = ctx.streamout[i];
      if (!target)
         continue;
      target->stride = so.stride[i] * 4;
      target->stream = 0;
      for (unsigned k = 0; k < so.num_outputs; k++) {
         if (so.output[k].output_buffer == i)
            target->stream = so.output[k].stream;
      }
      streams |= 1u << target->stream;
   }

   // A condition is the host's to judge.
   if (shader->stage == PIPE_SHADER_VERTEX && !info.primitive_restart && (!indirect || by_draw) &&
       !ctx.render_condition.query) {
      uint64_t primitives = 0;
      for (unsigned i = 0; i < (by_draw ? 1 : num_draws); i++) {
         primitives += u_decomposed_prims_for_vertices(pipe_prim_type(info.mode),
                                                       by_draw ? vertices : draws[i].count);
      }
      primitives *= info.instance_count;
      // A primitive that does not fit into every buffer goes into none.
      for (unsigned i = 0; i < ctx.num_streamout; i++) {
         if (const StreamoutTarget *target = ctx.streamout[i]; target && target->stride) {
            const uint64_t room = capacity(*target) - std::min<uint64_t>(capacity(*target), target->vertices);
            primitives = std::min(primitives, room / each);
         }
      }
      for (unsigned i = 0; i < ctx.num_streamout; i++) {
         if (ctx.streamout[i])
            ctx.streamout[i]->vertices += primitives * each;
      }
      return;
   }

   for (unsigned stream = 0; stream < ctx.capture.size(); stream++) {
      if (!(streams & (1u << stream)))
         continue;
      if (counts_emitted(ctx, stream)) {
         // A host counts one thing once at a time, and that is the application's.
         for (unsigned i = 0; i < ctx.num_streamout; i++) {
            if (ctx.streamout[i] && ctx.streamout[i]->stream == stream)
               ctx.streamout[i]->unknown = true;
         }
         continue;
      }
      ctx.capture[stream] = begin_count(ctx, stream);
      ctx.capture_each = each;
      ctx.capture_counted |= ctx.capture[stream] != nullptr;
   }
}

void end_capture(Context &ctx)
{
   if (!ctx.capture_counted)
      return;
   ctx.capture_counted = false;
   for (unsigned stream = 0; stream < ctx.capture.size(); stream++) {
      const std::shared_ptr<Query> count = std::exchange(ctx.capture[stream], nullptr);
      if (!count)
         continue;
      end_count(ctx, *count);
      for (unsigned i = 0; i < ctx.num_streamout; i++) {
         if (ctx.streamout[i] && ctx.streamout[i]->stream == stream)
            ctx.streamout[i]->counts.push_back({count, ctx.capture_each});
      }
   }
}

uint32_t captured_vertices(Context &ctx, StreamoutTarget &target)
{
   if (target.unknown)
      return capacity(target); // what was captured is among it
   for (const auto &[count, each] : target.counts)
      target.vertices += count_result(ctx, *count) * each;
   target.counts.clear();
   return uint32_t(std::min<uint64_t>(target.vertices, capacity(target)));
}

} // namespace virgl
