// SPDX-License-Identifier: MIT
// Shader objects: translated when Gallium creates them, encoded when first bound by a draw.
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>

#include "nir.h"

#include "context.hpp"
#include "limits.hpp"
#include "protocol/shader_chunks.hpp"

namespace virgl {

namespace {

// The slots of a file that the text declares: "DCL FILE[first]" or "DCL FILE[first..last]". With a `kind`,
// those of "DCL FILE[first], KIND" alone.
uint32_t declared(const std::string &text, std::string_view file, std::string_view kind = {})
{
   const std::string declaration = "DCL " + std::string(file) + "[";
   uint32_t mask = 0;
   for (size_t at = text.find(declaration); at != std::string::npos;
        at = text.find(declaration, at + 1)) {
      const char *from = text.c_str() + at + declaration.size();
      char *end = nullptr;
      const unsigned long first = std::strtoul(from, &end, 10);
      const unsigned long last = end[0] == '.' && end[1] == '.' ? std::strtoul(end + 2, &end, 10)
                                                               : first;
      const std::string_view rest(end, size_t(text.c_str() + text.size() - end));
      if (!kind.empty() && !rest.substr(0, 3 + kind.size()).ends_with(kind))
         continue;
      for (unsigned long i = first; i <= last && i < 32; i++)
         mask |= 1u << i;
   }
   return mask;
}

// Mesa has the shader pass edge flags on while they matter, as the last of its inputs.
int edge_flag_input(const pipe_shader_state &state)
{
   if (state.type != PIPE_SHADER_IR_NIR)
      return -1;
   const shader_info &info = static_cast<const nir_shader *>(state.ir.nir)->info;
   return info.outputs_written & VARYING_BIT_EDGE ? std::popcount(info.inputs_read) - 1 : -1;
}

void look_at_text(Shader &shader)
{
   const std::string &text = shader.text.text;
   shader.samplers = declared(text, "SAMP");
   shader.buffer_samplers = shader.samplers & declared(text, "SVIEW", "BUFFER");
   shader.buffers = declared(text, "BUFFER");
   shader.images = declared(text, "IMAGE");
   shader.queries_size = text.find("RESQ ") != std::string::npos;
   shader.reads_draw_id = text.find(", DRAWID") != std::string::npos;
}

// Of the primitives that a geometry or tessellation shader makes.
uint8_t captured_vertices_of(const pipe_shader_state &state)
{
   if (state.type != PIPE_SHADER_IR_NIR)
      return 0;
   const shader_info &info = static_cast<const nir_shader *>(state.ir.nir)->info;
   if (info.stage == MESA_SHADER_GEOMETRY)
      return info.gs.output_primitive == SHADER_PRIM_POINTS       ? 1
             : info.gs.output_primitive == SHADER_PRIM_LINE_STRIP ? 2
                                                                  : 3;
   if (info.stage == MESA_SHADER_TESS_EVAL)
      return info.tess.point_mode ? 1 : info.tess._primitive_mode == TESS_PRIMITIVE_ISOLINES ? 2 : 3;
   return 0;
}

template <pipe_shader_type stage>
void *create_graphics_shader(pipe_context *pipe, const pipe_shader_state *state)
{
   Context &ctx = Context::from(pipe);
   auto *shader = new Shader;
   shader->handle = ctx.screen.new_object();
   shader->stage = stage;
   if (stage == PIPE_SHADER_VERTEX)
      shader->edge_flag = edge_flag_input(*state);
   shader->captured_vertices = captured_vertices_of(*state);
   shader->valid = shader_translate(ctx.screen, stage, *state, shader->text);
   look_at_text(*shader);
   if (shader->text.stream_output.num_outputs > 0)
      ctx.has_capturing_shaders.store(true, std::memory_order_relaxed);
   return shader;
}

void *create_compute_state(pipe_context *pipe, const pipe_compute_state *state)
{
   Context &ctx = Context::from(pipe);
   auto *shader = new Shader;
   shader->handle = ctx.screen.new_object();
   shader->stage = PIPE_SHADER_COMPUTE;
   shader->valid = shader_translate(ctx.screen, *state, shader->text);
   look_at_text(*shader);
   return shader;
}

template <pipe_shader_type stage> void bind_shader(pipe_context *pipe, void *state)
{
   Context &ctx = Context::from(pipe);
   StageState &s = ctx.stages[stage];
   const uint32_t sampled = s.shader ? s.shader->samplers : 0;
   const uint32_t of_buffers = s.shader ? s.shader->buffer_samplers : 0;
   s.shader = static_cast<Shader *>(state);
   ctx.set_dirty(Dirty::shaders);
   if (s.shader && ((s.shader->samplers & ~sampled) | (s.shader->buffer_samplers ^ of_buffers)))
      ctx.set_dirty(stage, StageDirty::views); // see emit_views
}

// Of a shader or a variant.
void retire_shader(Context &ctx, const Shader &shader)
{
   StageState &s = ctx.stages[shader.stage];
   // The host goes on using a shader that is destroyed while bound, until it is told of another or of
   // none: remember that it must be told.
   if (s.sent_shader == shader.handle) {
      s.sent_shader = unknown_object;
      ctx.set_dirty(Dirty::shaders);
   }
   retire_object(ctx, proto::ObjectType::shader, shader);
}

void delete_shader(pipe_context *pipe, void *state)
{
   Context &ctx = Context::from(pipe);
   auto *shader = static_cast<Shader *>(state);
   if (!shader)
      return;
   StageState &s = ctx.stages[shader->stage];
   if (s.shader == shader)
      s.shader = nullptr;
   if (s.capturing_shader == shader)
      s.capturing_shader = nullptr;
   for (const Shader::Variant &variant : shader->variants)
      retire_shader(ctx, *variant.shader);
   retire_shader(ctx, *shader);
   delete shader;
}

// Links on the host before the first draw needs the program, which saves a stall there
// (host_feature_check_version 7 and later).
void link_shader(pipe_context *pipe, void **handles)
{
   Context &ctx = Context::from(pipe);
   std::array<proto::ObjectHandle, num_stages> used{};
   // As for a draw; what other variants depend on is not known yet.
   TakenSlots taken;
   for (pipe_shader_type stage : graphics_stages) {
      if (auto *shader = static_cast<Shader *>(handles[stage])) {
         ShaderKey key;
         take_slots(ctx.screen, *shader, taken, key);
         key.clip_planes = shader->text.no_clip_planes &&
                           (handles[PIPE_SHADER_GEOMETRY] || handles[PIPE_SHADER_TESS_EVAL]);
         used[stage] =
            use_shader(ctx, use_variant(ctx, *shader, key, ctx.stages[stage].sent_shader));
      }
   }
   used[PIPE_SHADER_COMPUTE] = use_shader(ctx, static_cast<Shader *>(handles[PIPE_SHADER_COMPUTE]));
   ctx.emit(proto::LinkShader{.vertex = used[PIPE_SHADER_VERTEX],
                              .fragment = used[PIPE_SHADER_FRAGMENT],
                              .geometry = used[PIPE_SHADER_GEOMETRY],
                              .tess_ctrl = used[PIPE_SHADER_TESS_CTRL],
                              .tess_eval = used[PIPE_SHADER_TESS_EVAL],
                              .compute = used[PIPE_SHADER_COMPUTE]});
   ctx.units.other_program = true; // to the next draw it is as if there had been another
}

} // namespace

proto::ObjectHandle use_shader(Context &ctx, Shader *shader)
{
   if (!shader || !shader->valid)
      return proto::ObjectHandle::none;
   if (shader->encoded)
      return shader->handle;
   shader->encoded = true;

   const ShaderText &text = shader->text;
   std::array<proto::StreamOutput, PIPE_MAX_SO_OUTPUTS> outputs;
   proto::CreateShader first;
   first.handle = shader->handle;
   first.stage = host_stage(shader->stage);
   first.num_tokens = text.num_tokens;
   if (shader->stage == PIPE_SHADER_COMPUTE) {
      first.local_memory = text.shared_bytes;
   } else {
      const pipe_stream_output_info &so = text.stream_output;
      for (unsigned i = 0; i < so.num_outputs; i++) {
         outputs[i].register_index = so.output[i].register_index;
         outputs[i].start_component = so.output[i].start_component;
         outputs[i].num_components = so.output[i].num_components;
         outputs[i].output_buffer = so.output[i].output_buffer;
         outputs[i].dst_offset = so.output[i].dst_offset;
         outputs[i].stream = so.output[i].stream;
      }
      // The host goes to the next buffer whenever an output's is another, and skips to an output's
      // offset (vrend_renderer.c, gl_NextBuffer): never back. What comes of SPIR-V is not in order.
      std::stable_sort(outputs.begin(), outputs.begin() + so.num_outputs,
                       [](const proto::StreamOutput &a, const proto::StreamOutput &b) {
                          return std::pair(uint32_t(a.output_buffer), uint32_t(a.dst_offset)) <
                                 std::pair(uint32_t(b.output_buffer), uint32_t(b.dst_offset));
                       });
      for (unsigned i = 0; i < PIPE_MAX_SO_BUFFERS; i++)
         first.stream_output_stride[i] = so.stride[i];
      first.stream_outputs = std::span(outputs.data(), so.num_outputs);
   }

   // What is left of the batch first, then batches of their own: a host takes one unfinished shader
   // per stage, so nothing may come between the chunks.
   constexpr uint32_t smallest_chunk = 1024;
   ctx.make_room(smallest_chunk);
   proto::emit_shader_chunks(
      first, text.text,
      [&] { // dwords the next chunk may take
         ctx.make_room(smallest_chunk);
         return std::min<uint32_t>(ctx.batch.room(), proto::max_payload_dwords);
      },
      [&](const proto::CreateShader &chunk) { ctx.batch.write(chunk); });
   return shader->handle;
}

void take_slots(const Screen &screen, const Shader &shader, TakenSlots &taken, ShaderKey &key)
{
   const auto take = [](uint32_t slots, unsigned &first, unsigned limit) {
      const unsigned count = unsigned(std::bit_width(slots));
      // Programs that are put together of separate ones may want too many. Then this one's are shared.
      if (count == 0 || first + count > limit)
         return uint8_t(0);
      return uint8_t(std::exchange(first, first + count));
   };
   key.buffer_base = take(shader.buffers, taken.buffers,
                          std::min(screen.limits->combined_shader_buffers, 32u));
   key.image_base = take(shader.images, taken.images, screen.limits->image_units);
}

Shader *use_variant(Context &ctx, Shader &shader, const ShaderKey &key, proto::ObjectHandle keep)
{
   static constexpr ShaderKey none;
   if (!shader.valid || key == none)
      return &shader;
   // One that could not be made stays: once is enough to find out.
   const auto made_of = [&](const Shader::Variant &variant) {
      return variant.shader->valid ? variant.shader.get() : &shader;
   };
   auto &variants = shader.variants;
   for (const Shader::Variant &variant : variants) {
      if (variant.key == key)
         return made_of(variant);
   }
   // Programs settle on a few. One that does not is spared a host full of shaders.
   constexpr size_t most = 32;
   if (variants.size() >= most) {
      auto oldest = variants.begin();
      if (oldest->shader->handle == keep)
         ++oldest;
      retire_shader(ctx, *oldest->shader);
      variants.erase(oldest);
   }
   auto made = std::make_unique<Shader>();
   made->handle = ctx.screen.new_object();
   made->stage = shader.stage;
   made->samplers = shader.samplers;
   made->buffer_samplers = shader.buffer_samplers;
   made->valid = shader_variant(shader.text, shader.stage, key, made->text);
   // Encoded at once, because it need not keep its text: it is the base's that variants are made of.
   use_shader(ctx, made.get());
   made->text = {};
   return made_of(variants.emplace_back(key, std::move(made)));
}

void context_init_shaders(Context &ctx)
{
   pipe_context &p = ctx.base;
   p.create_vs_state = create_graphics_shader<PIPE_SHADER_VERTEX>;
   p.create_fs_state = create_graphics_shader<PIPE_SHADER_FRAGMENT>;
   p.create_gs_state = create_graphics_shader<PIPE_SHADER_GEOMETRY>;
   p.create_tcs_state = create_graphics_shader<PIPE_SHADER_TESS_CTRL>;
   p.create_tes_state = create_graphics_shader<PIPE_SHADER_TESS_EVAL>;
   p.create_compute_state = create_compute_state;
   p.bind_vs_state = bind_shader<PIPE_SHADER_VERTEX>;
   p.bind_fs_state = bind_shader<PIPE_SHADER_FRAGMENT>;
   p.bind_gs_state = bind_shader<PIPE_SHADER_GEOMETRY>;
   p.bind_tcs_state = bind_shader<PIPE_SHADER_TESS_CTRL>;
   p.bind_tes_state = bind_shader<PIPE_SHADER_TESS_EVAL>;
   p.bind_compute_state = bind_shader<PIPE_SHADER_COMPUTE>;
   p.delete_vs_state = delete_shader;
   p.delete_fs_state = delete_shader;
   p.delete_gs_state = delete_shader;
   p.delete_tcs_state = delete_shader;
   p.delete_tes_state = delete_shader;
   p.delete_compute_state = delete_shader;
   if (ctx.screen.caps.host_feature_check_version >= 7)
      p.link_shader = link_shader;
}

} // namespace virgl
