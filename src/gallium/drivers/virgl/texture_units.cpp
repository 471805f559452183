// SPDX-License-Identifier: MIT
// Sampler views and samplers of the stages, and the texture units they end up in on the host.
//
// The host binds a texture to whichever unit is active, which is the one its last draw bound last, when
// it uploads to it, reads it back, makes a view on it or puts such a view into a slot; and it binds
// the texture of a slot again only when that slot's view or sampler is set (virglrenderer,
// vrend_set_single_sampler_view, vrend_draw_bind_samplers_shader). So after any of these, samplers
// are set again, or a draw would read somebody else's texture: all of them, unless it is known which
// unit is active.
#include <algorithm>
#include <bit>

#include "context.hpp"
#include "formats.hpp"

namespace virgl {

namespace {

using proto::ObjectHandle;

constexpr unsigned slots_per_stage = 32;

// A slot as TextureUnits counts them: the host goes through them in this order.
int slot_number(proto::ShaderStage stage, unsigned slot)
{
   return int(uint32_t(stage) * slots_per_stage + slot);
}

// Whose slot that is. Gallium's own numbers of stages are others than the host's.
pipe_shader_type stage_of(int number)
{
   const auto stage = proto::ShaderStage(number / int(slots_per_stage));
   for (pipe_shader_type type : graphics_stages) {
      if (host_stage(type) == stage)
         return type;
   }
   return PIPE_SHADER_COMPUTE;
}

// Slots the stage's shader samples, as a count from slot 0.
uint32_t sampled_slots(const StageState &s)
{
   return s.shader ? 32 - std::countl_zero(s.shader->samplers) : 0;
}

// A list of object handles of which the host keeps as many as the last command reached to
// (virglrenderer, vrend_set_num_sampler_views): send from the first change to the end. Returns the first
// slot sent, or `count` where there was nothing to send.
template <class Packet, size_t N>
uint32_t emit_handles(Context &ctx, proto::ShaderStage stage, const std::array<ObjectHandle, N> &now,
                      uint32_t count, std::array<ObjectHandle, N> &sent, uint32_t &sent_count,
                      std::span<const ObjectHandle> Packet::*list)
{
   uint32_t first = 0;
   const uint32_t common = std::min(count, sent_count);
   while (first < common && now[first] == sent[first])
      first++;
   if (first == count && count == sent_count)
      return count;
   Packet packet{};
   packet.stage = stage;
   packet.start_slot = first;
   packet.*list = std::span(now.data() + first, count - first);
   ctx.emit(packet);
   std::copy_n(now.begin() + first, count - first, sent.begin() + first);
   sent_count = count;
   return first;
}

SamplerState &green_border(Context &ctx, SamplerState &sampler)
{
   if (!sampler.green_border) {
      sampler.green_border = std::make_unique<SamplerState>();
      SamplerState &made = *sampler.green_border;
      made.packet = sampler.packet;
      made.packet.border_color[1] = made.packet.border_color[3];
      made.handle = made.packet.handle = ctx.screen.new_object();
   }
   return *sampler.green_border;
}

// The next draw binds these slots again, as far as the shader samples them.
void note_rebound(Context &ctx, proto::ShaderStage stage, const StageState &s, uint32_t slots)
{
   ctx.units.rebound[uint32_t(stage)] |= slots & (s.shader ? s.shader->samplers : 0);
}

uint32_t slots_from(uint32_t first, uint32_t end)
{
   const auto below = [](uint32_t n) { return n >= 32 ? ~0u : (1u << n) - 1; };
   return below(end) & ~below(first);
}

// `again`: also what the host already knows, to make it bind the textures anew.
void emit_samplers(Context &ctx, proto::ShaderStage stage, StageState &s, bool again)
{
   std::array<ObjectHandle, PIPE_MAX_SAMPLERS> now;
   const uint32_t count = again ? std::max(s.num_samplers, sampled_slots(s)) : s.num_samplers;
   for (uint32_t i = 0; i < count; i++) {
      SamplerState *sampler = s.samplers[i];
      now[i] = ObjectHandle::none;
      if (!sampler)
         continue;
      if (i < s.num_views && s.views[i] && alpha_in_green(pipe_format(s.views[i]->format)))
         sampler = &green_border(ctx, *sampler);
      encode_once(ctx, *sampler);
      now[i] = sampler->handle;
   }
   // Unbinding trailing samplers says nothing to the host that a draw could notice.
   if (count == 0)
      return;
   if (again)
      s.sent_num_samplers = 0;
   const uint32_t first =
      emit_handles<proto::BindSamplerStates>(ctx, stage, now, count, s.sent_samplers,
                                             s.sent_num_samplers, &proto::BindSamplerStates::states);
   note_rebound(ctx, stage, s, slots_from(first, count));
}

// Has one slot's texture bound again.
void rebind_slot(Context &ctx, int number)
{
   const pipe_shader_type type = stage_of(number);
   const unsigned slot = unsigned(number) % slots_per_stage;
   StageState &s = ctx.stages[type];
   const ObjectHandle sampler =
      slot < s.sent_num_samplers ? s.sent_samplers[slot] : ObjectHandle::none;
   ctx.emit(proto::BindSamplerStates{.stage = host_stage(type),
                                     .start_slot = slot,
                                     .states = std::span(&sampler, 1)});
   note_rebound(ctx, host_stage(type), s, 1u << slot);
}

bool is_sampled(const Context &ctx, int number)
{
   const Shader *shader = ctx.stages[stage_of(number)].shader;
   return shader && (shader->samplers >> (unsigned(number) % slots_per_stage) & 1);
}

int highest(const std::array<uint32_t, num_stages> &slots)
{
   for (int stage = num_stages - 1; stage >= 0; stage--) {
      if (slots[stage])
         return slot_number(proto::ShaderStage(stage), std::bit_width(slots[stage]) - 1);
   }
   return -1;
}

} // namespace

void emit_views(Context &ctx, proto::ShaderStage stage, StageState &s)
{
   std::array<ObjectHandle, PIPE_MAX_SHADER_SAMPLER_VIEWS> now;
   // A slot that is sampled without a view would show the host's texture unit as somebody left it. Of a
   // buffer that is all right: what a shader reads of a buffer texture without a buffer is undefined
   // (OpenGL 4.5, 8.9), and programs that take turns between one and none need no other state for it.
   const uint32_t sampled = s.shader ? s.shader->samplers : 0;
   const uint32_t stays = s.shader && !ctx.robust ? s.shader->buffer_samplers & s.left : 0;
   const uint32_t count = std::max(s.num_views, sampled_slots(s));
   uint32_t set = 0;
   for (uint32_t i = 0; i < count; i++) {
      pipe_sampler_view *bound = s.views[i];
      note_view(ctx, bound);
      if (!bound && i < 32 && (stays >> i & 1))
         bound = s.left_views[i];
      if (SamplerView *view = SamplerView::from(bound)) {
         now[i] = use_sampler_view(ctx, view);
         if (view->swizzled)
            Resource::from(view->base.texture)->swizzled.store(true, std::memory_order_relaxed);
      } else {
         now[i] = i < 32 && (sampled >> i & 1) ? use_black_view(ctx) : ObjectHandle::none;
      }
      // The host does nothing for a view that is in its slot already.
      if (now[i] != ObjectHandle::none && (i >= s.sent_num_views || now[i] != s.sent_views[i])) {
         ctx.units.views_set = true;
         if (i < slots_per_stage)
            set |= 1u << i;
      }
   }
   emit_handles<proto::SetSamplerViews>(ctx, stage, now, count, s.sent_views, s.sent_num_views,
                                        &proto::SetSamplerViews::views);
   note_rebound(ctx, stage, s, set);
}

void emit_bound_samplers(Context &ctx, proto::ShaderStage stage, StageState &s)
{
   emit_samplers(ctx, stage, s, false);
}

void restore_texture_units(Context &ctx, std::span<const pipe_shader_type> stages)
{
   ctx.texture_units_disturbed = false;
   for (pipe_shader_type type : stages) {
      StageState &s = ctx.stages[type];
      if (sampled_slots(s) > 0)
         emit_samplers(ctx, host_stage(type), s, true);
   }
}

void settle_texture_units(Context &ctx, bool other_program)
{
   TextureUnits &units = ctx.units;
   units.other_program |= other_program;
   if (!ctx.texture_units_disturbed && !units.views_set && !units.other_program) [[likely]]
      return;
   std::array<uint32_t, num_stages> sampled{};
   for (pipe_shader_type type : graphics_stages) {
      if (const Shader *shader = ctx.stages[type].shader)
         sampled[uint32_t(host_stage(type))] = shader->samplers;
   }
   units.last = highest(sampled);

   const auto is_rebound = [&](int number) {
      return (units.rebound[number / slots_per_stage] >> (number % slots_per_stage) & 1) != 0;
   };
   // With another program the host binds what vertex and fragment shaders sample again, but not what
   // the others do, which may have other units in it (virglrenderer, vrend_select_program).
   bool all = ctx.texture_units_disturbed ||
              (units.other_program && units.last >= slot_number(proto::ShaderStage::geometry, 0));
   if (!all && units.views_set && !(units.active >= 0 && is_rebound(units.active))) {
      if (units.active >= 0 && is_sampled(ctx, units.active))
         rebind_slot(ctx, units.active);
      else
         all = true;
   }
   if (all) {
      restore_texture_units(ctx, graphics_stages);
      units.restored = true;
   }
}

void TextureUnits::drawn()
{
   const int bound = highest(rebound);
   if (restored)
      active = last;
   else if (other_program) // it may have bound all, or only what changed
      active = (bound >= 0 ? bound : active) == last ? last : -1;
   else if (bound >= 0)
      active = bound;
   rebound = {};
   views_set = restored = other_program = false;
}

} // namespace virgl
