// SPDX-License-Identifier: MIT
// The context: state as Gallium set it, state as the host last had it, and the batch in between.
//
// Threads: with threaded_context, everything runs on the driver's thread except what Gallium calls
// directly on the application's (create_* of objects, views and queries, destruction of views,
// unsynchronised buffer maps, get_query_result of flushed queries). Those touch nothing here but the
// screen and `retired`, which has a lock.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "pipe/p_context.h"
#include "pipe/p_state.h"
#include "util/u_threaded_context.h"

#include "app_bindings.hpp"
#include "batch.hpp"
#include "coherent.hpp"
#include "floating.hpp"
#include "protocol/packets.hpp"
#include "references.hpp"
#include "resource.hpp"
#include "screen.hpp"
#include "shader.hpp"
#include "shader_variant.hpp"
#include "staging.hpp"

struct primconvert_context;
struct u_vbuf;

namespace virgl {

// --- objects -------------------------------------------------------------------------------------
// Every object has its handle from birth and is encoded when it is first needed, because it may be
// born on a thread that must not touch the batch.

struct Object {
   proto::ObjectHandle handle{};
   bool encoded = false;
};

// Stands for "whatever the host has bound": equal to no object's handle.
constexpr proto::ObjectHandle unknown_object{~0u};

struct BlendState : Object {
   proto::CreateBlend packet;
};

// How a draw wants the rasterizer other than it was made: see polygon.cpp.
struct RasterizerTweak {
   bool one_mode = false; // both faces are drawn in `mode`
   bool no_stipple = false;
   uint8_t mode = 0; // PIPE_POLYGON_MODE
   uint8_t cull = 0; // faces not to be drawn besides, PIPE_FACE
   bool operator==(const RasterizerTweak &) const = default;
};

struct RasterizerObject : Object {
   proto::CreateRasterizer packet;
};

struct RasterizerState : RasterizerObject {
   pipe_rasterizer_state state; // for primitive conversion
   bool plain = true;           // needs no tweaks whatever is drawn
   struct Tweaked : RasterizerObject {
      RasterizerTweak tweak;
   };
   std::vector<std::unique_ptr<Tweaked>> tweaked; // made when first needed
};

struct DsaState : Object {
   proto::CreateDsa packet;
};

struct SamplerState : Object {
   proto::CreateSamplerState packet;
   // See create_sampler: the axes (bit 0 is s) that shaders clamp, and ShaderKey::graded.
   uint8_t clamped = 0;
   bool graded = false;
   // For views of alpha_in_green(); made when needed.
   std::unique_ptr<SamplerState> green_border;
};

struct VertexElements : Object {
   proto::CreateVertexElements packet; // its span is `elements`: the object stays where it is made
   uint32_t count = 0;
   std::array<proto::VertexElement, PIPE_MAX_ATTRIBS> elements{};
   // Where `remapped`: binding i takes the vertex buffer binding_map[i]. The host handles instance
   // divisors per binding, so elements that share a buffer get a binding each (virglrenderer,
   // vrend_draw_bind_vertex_binding).
   bool remapped = false;
   bool fixed_point = false; // see vertex_fallback.cpp
   std::array<uint8_t, PIPE_MAX_ATTRIBS> binding_map{};
   std::array<pipe_format, PIPE_MAX_ATTRIBS> formats{};
};

struct Shader : Object {
   pipe_shader_type stage{};
   ShaderText text;
   uint32_t samplers = 0; // bit n: it samples slot n
   uint32_t buffer_samplers = 0; // bit n: and what it samples there is a buffer
   uint8_t captured_vertices = 0; // of each primitive that it makes; 0: the draw says
   int edge_flag = -1;    // the input that a vertex shader passes on as edge flag
   uint32_t buffers = 0;  // bit n: it has a buffer in slot n
   uint32_t images = 0;   // the same of images
   bool queries_size = false; // of an image or a buffer
   bool reads_draw_id = false;
   bool clipped = false; // there were user clip planes when it was drawn with
   bool valid = false;
   // Made when draws need them, by the driver's thread alone.
   struct Variant;
   std::vector<Variant> variants;
};

struct Shader::Variant {
   ShaderKey key;
   std::unique_ptr<Shader> shader;
};

struct SamplerView {
   pipe_sampler_view base; // first
   Object object;
   // The Bo the host's object was made on: another one (its storage was replaced) makes it stale.
   proto::ResourceHandle encoded_on{};
   bool swizzled = false; // as the host's object says

   static SamplerView *from(pipe_sampler_view *v) { return reinterpret_cast<SamplerView *>(v); }
};

struct Surface {
   pipe_surface base; // first
   Object object;

   static Surface *from(pipe_surface *s) { return reinterpret_cast<Surface *>(s); }
};

struct StreamoutTarget {
   pipe_stream_output_target base; // first
   Object object;
   proto::ResourceHandle encoded_on{};
   // What was captured since its beginning: see streamout.cpp.
   uint64_t vertices = 0;
   bool unknown = false;
   uint32_t stride = 0, stream = 0;
   struct Count {
      std::shared_ptr<struct Query> primitives;
      unsigned vertices_each;
   };
   std::vector<Count> counts; // to be added

   static StreamoutTarget *from(pipe_stream_output_target *t)
   {
      return reinterpret_cast<StreamoutTarget *>(t);
   }
};

// --- state ---------------------------------------------------------------------------------------

enum class Dirty : uint32_t {
   framebuffer = 1u << 0,
   viewports = 1u << 1,
   scissors = 1u << 2,
   blend = 1u << 3,
   rasterizer = 1u << 4,
   dsa = 1u << 5,
   blend_color = 1u << 6,
   stencil_ref = 1u << 7,
   sample_mask = 1u << 8,
   min_samples = 1u << 9,
   clip = 1u << 10,
   stipple = 1u << 11,
   vertex_elements = 1u << 12,
   vertex_buffers = 1u << 13,
   shaders = 1u << 14,
   tess = 1u << 15,
   streamout = 1u << 16,
   atomics = 1u << 17,
   render_condition = 1u << 18,
   stages = 1u << 19, // one of the stages has something; see StageState::dirty
   all = ~0u,
};

enum class StageDirty : uint32_t {
   constants = 1u << 0,
   uniform_buffers = 1u << 1,
   views = 1u << 2,
   samplers = 1u << 3,
   buffers = 1u << 4,
   images = 1u << 5,
   all = ~0u,
};

struct UniformBinding {
   uint32_t offset = 0, length = 0;
   proto::ResourceHandle resource{};
   bool operator==(const UniformBinding &) const = default;
};

// Where the host has a stage's buffers or images (see ShaderKey::buffer_base), and those it was told of.
struct HostSlots {
   uint8_t base = 0;
   uint32_t sent = 0; // by the stage's own numbers

   bool has(unsigned slot) const { return (sent >> slot & 1) != 0; }
   void set(unsigned slot, bool bound) { sent = (sent & ~(1u << slot)) | uint32_t(bound) << slot; }
};

// What is bound to one shader stage, and what the host was last told (`sent_*`).
struct StageState {
   uint32_t dirty = 0;

   Shader *shader = nullptr;
   proto::ObjectHandle sent_shader{};
   // What transform feedback began with: see emit_shader.
   const Shader *capturing_shader = nullptr;
   ShaderKey capturing_key;

   // Slot 0: the bytes themselves. `constants` points into the uploader's buffer that
   // `constants_buffer` keeps alive, or into `constants_copy`.
   const std::byte *constants = nullptr;
   uint32_t constants_size = 0;
   pipe_resource *constants_buffer = nullptr;
   int constants_references = 0; // that are held of it, one for each time it was set in a row
   std::vector<std::byte> constants_copy;
   // The host's array, which is as long as the longest that was sent.
   std::vector<uint32_t> sent_constants;

   std::array<pipe_constant_buffer, PIPE_MAX_CONSTANT_BUFFERS> ubos{};
   uint32_t ubos_changed = 0;
   std::array<UniformBinding, PIPE_MAX_CONSTANT_BUFFERS> sent_ubos{};

   std::array<pipe_sampler_view *, PIPE_MAX_SHADER_SAMPLER_VIEWS> views{};
   uint32_t num_views = 0;
   std::array<proto::ObjectHandle, PIPE_MAX_SHADER_SAMPLER_VIEWS> sent_views{};
   uint32_t sent_num_views = 0;
   // Views of buffers that were in a slot that has none now, with references; see emit_views().
   std::array<pipe_sampler_view *, 32> left_views{};
   uint32_t left = 0; // bit n: there is one of slot n

   std::array<SamplerState *, PIPE_MAX_SAMPLERS> samplers{};
   uint32_t num_samplers = 0;
   std::array<proto::ObjectHandle, PIPE_MAX_SAMPLERS> sent_samplers{};
   uint32_t sent_num_samplers = 0;
   uint32_t clamping = 0; // bit n: the sampler in slot n has axes that shaders clamp

   std::array<pipe_shader_buffer, PIPE_MAX_SHADER_BUFFERS> buffers{};
   uint32_t buffers_writable = 0;
   uint32_t buffers_changed = 0;
   uint32_t buffers_bound = 0;
   HostSlots buffer_slots;
   std::array<proto::ShaderBuffer, PIPE_MAX_SHADER_BUFFERS> sent_buffers{}; // of slots it was told of

   std::array<pipe_image_view, PIPE_MAX_SHADER_IMAGES> images{};
   uint32_t images_changed = 0;
   uint32_t images_bound = 0;
   uint32_t images_partial = 0; // some of the layers of an array or a cube
   HostSlots image_slots;
   std::array<proto::ShaderImage, PIPE_MAX_SHADER_IMAGES> sent_images{}; // of slots it was told of
};

constexpr unsigned num_stages = PIPE_SHADER_TYPES;
// In the order in which they get host slots.
constexpr pipe_shader_type graphics_stages[] = {PIPE_SHADER_VERTEX, PIPE_SHADER_FRAGMENT,
                                                PIPE_SHADER_GEOMETRY, PIPE_SHADER_TESS_CTRL,
                                                PIPE_SHADER_TESS_EVAL};

// What is known of the host's texture units; see texture_units.cpp. Slots of samplers have numbers that
// go through all stages.
struct TextureUnits {
   int active = -1; // the slot whose unit is active; -1: not known
   int last = -1;   // that the shaders sample
   std::array<uint32_t, num_stages> rebound{}; // slots that the next draw binds again
   bool views_set = false;                     // a view was bound to the active unit
   bool restored = false;                      // the next draw binds all
   bool other_program = false;                 // it may, because it has another program
   bool points = false;                        // what the last draw was made of

   // After each draw command.
   void drawn();
};

struct Context {
   pipe_context base; // first: Gallium's handle is the address of this member
   pipe_context *threaded = nullptr; // threaded_context around it, if any
   Screen &screen;
   uint32_t sub_ctx = 0;
   bool sub_ctx_made = false;
   bool robust = false; // PIPE_CONTEXT_ROBUST_BUFFER_ACCESS
   Batch batch;
   StagingPool staging;
   FloatingPool floating;
   References references;
   // For Transfers of the driver's thread, and of the program's.
   slab_child_pool maps, maps_unsynchronised;
   uint32_t floating_epoch = 0; // up to which bindings were looked at
   CoherentUses coherent;
   primconvert_context *primconvert = nullptr;
   u_vbuf *vertex_translator = nullptr; // made when needed

   // The upload that was recorded last, while no other command has followed it: one that goes on where
   // it ended becomes part of it.
   struct {
      proto::CopyTransfer3d packet;
      uint32_t begin = 0, end = 0; // positions in the batch
      uint32_t generation = 0;     // of the batch
   } last_upload;

   uint32_t dirty = 0;

   BlendState *blend = nullptr;
   RasterizerState *rasterizer = nullptr;
   DsaState *dsa = nullptr;
   VertexElements *vertex_elements = nullptr;
   proto::ObjectHandle sent_blend{}, sent_rasterizer{}, sent_dsa{}, sent_vertex_elements{};
   RasterizerTweak rasterizer_tweak; // of the draw that is being recorded

   pipe_framebuffer_state framebuffer{};
   std::array<proto::ObjectHandle, PIPE_MAX_COLOR_BUFS> sent_color_buffers{};
   uint32_t sent_num_color_buffers = ~0u;
   proto::ObjectHandle sent_depth_stencil{};

   std::array<proto::Viewport, PIPE_MAX_VIEWPORTS> viewports{}, sent_viewports{};
   uint32_t num_viewports = 0, sent_num_viewports = 0;
   bool sent_clip_halfz = false;
   std::array<proto::Scissor, PIPE_MAX_VIEWPORTS> scissors{}, sent_scissors{};
   uint32_t num_scissors = 0, sent_num_scissors = 0;
   proto::SetBlendColor blend_color{}, sent_blend_color{};
   proto::SetStencilRef stencil_ref{}, sent_stencil_ref{};
   proto::SetClipState clip{};
   proto::SetPolygonStipple stipple{};
   proto::SetTessState tess{};
   uint32_t sample_mask = ~0u, sent_sample_mask = ~0u;
   uint32_t min_samples = 0, sent_min_samples = 0;
   uint8_t patch_vertices = 0;

   std::array<pipe_vertex_buffer, PIPE_MAX_ATTRIBS> vertex_buffers{};
   uint32_t num_vertex_buffers = 0;
   std::array<proto::VertexBuffer, PIPE_MAX_ATTRIBS> sent_vertex_buffers{};
   uint32_t sent_num_vertex_buffers = ~0u;

   proto::ResourceHandle sent_index_buffer{};
   proto::IndexRange sent_index_range{};

   std::array<StreamoutTarget *, PIPE_MAX_SO_BUFFERS> streamout{};
   uint32_t num_streamout = 0;
   uint32_t streamout_append = 0;
   // Queries that count what is captured, by stream; and the vertices of a primitive.
   std::array<std::shared_ptr<struct Query>, PIPE_MAX_VERTEX_STREAMS> capture{};
   unsigned capture_each = 0;
   bool capture_counted = false;

   std::array<pipe_shader_buffer, PIPE_MAX_HW_ATOMIC_BUFFERS> atomics{};
   uint32_t num_atomics = 0;
   // These are for the application's thread alone.
   bool app_bound_atomics = false;
   AppBindings app;
   decltype(pipe_context::flush) queue_flush = nullptr;
   // Where a picture is shown right after its only flush, to leave that to the driver's thread would only
   // cost waking it.
   bool flushes_to_show = false;
   unsigned flushes_since_show = 0;

   // Behind threaded_context, what a string marker of the program's is given to: see messages.hpp.
   decltype(pipe_context::emit_string_marker) emit_marker = nullptr;

   std::array<StageState, num_stages> stages;
   uint32_t may_write = 0; // bit n: stage n has writable buffers, or images
   // What a sampler without a view reads: opaque black. Made when first needed.
   pipe_sampler_view *black_view = nullptr;

   struct {
      struct Query *query = nullptr;
      struct QueryPart *part = nullptr; // of it
      bool condition = false;
      uint32_t mode = 0;
   } render_condition;

   // Once a shader was made that says what to capture; set by the application's thread.
   std::atomic<bool> has_capturing_shaders{false};
   bool sent_render_condition = false;
   std::vector<struct Query *> active_queries; // between begin and end
   bool queries_paused = false;                // what is drawn is not the application's
   bool queries_closed = false;                // some of them wait for a draw to go on
   BlendState no_logicop; // see toggle_logicop()
   bool change_logicop = false;
   int sent_logicop = -1;
   bool texture_units_disturbed = true; // somebody bound a texture to one
   TextureUnits units;
   // Since the last barrier of wait_for_shaders, shaders may have used what is bound to them.
   bool shaders_ran = false;

   // Handles of objects whose owner is gone, to be destroyed on the host by the driver's thread.
   struct Retired {
      proto::ObjectType type;
      proto::ObjectHandle handle;
      BoRef memory; // that the host may write to as long as the object lives
   };
   std::mutex retired_lock;
   std::vector<Retired> retired;
   std::atomic<bool> has_retired{false};

   explicit Context(Screen &s) : base{}, screen(s), batch(*s.ws, s.observer.get()), staging(*s.ws, *this)
   {
      slab_create_child(&maps, &s.map_pool);
      slab_create_child(&maps_unsynchronised, &s.map_pool);
   }
   ~Context()
   {
      slab_destroy_child(&maps);
      slab_destroy_child(&maps_unsynchronised);
   }

   static Context &from(pipe_context *c) { return *reinterpret_cast<Context *>(c); }

   void set_dirty(Dirty d) { dirty |= uint32_t(d); }
   void set_dirty(pipe_shader_type stage, StageDirty d)
   {
      stages[stage].dirty |= uint32_t(d);
      dirty |= uint32_t(Dirty::stages);
   }

   // Appends a command, submitting first what would leave no room for it.
   template <class Packet> void emit(const Packet &packet)
   {
      make_room(1 + packet.payload_dwords());
      batch.write(packet);
   }
   // Submits first where less than `dwords` are left. Call it before naming a resource by use_*(),
   // so that the reference belongs to the batch the command goes into.
   void make_room(uint32_t dwords)
   {
      if (batch.empty() || !batch.has_room(dwords)) [[unlikely]]
         open_batch();
   }
   // Has the host flush after what is recorded: in a submission of its own, or in a part of one.
   void end_part()
   {
      if (batch.divide())
         batch_fragment_changes = 0;
      else
         make_room(Batch::capacity_dwords);
   }
   // Submits what is recorded. A fence to attach must have been attached before.
   void submit(int *out_fence_fd = nullptr);

   // Has everything looked at by the next draw: a new context's state is what it is made with, which
   // is also what a new sub-context of the host has.
   void mark_everything();

   // How much draws of this batch changed of the fragments' state: see prepare_draw.
   uint32_t batch_fragment_changes = 0;

private:
   void open_batch();
   void send(int *out_fence_fd, bool carry);
   void reference_bindings();
};

// Lets the memory of a stage's constants go.
void drop_constants(StageState &s);

// Queues the host's object for destruction; any thread.
void retire_object(Context &ctx, proto::ObjectType type, const Object &object, BoRef memory = {});

// Brings the host's state up to date for a draw / a dispatch / a clear.
void emit_draw_state(Context &ctx, unsigned mode); // of primitives: PIPE_PRIM_*
void emit_compute_state(Context &ctx);
void emit_framebuffer_state(Context &ctx);
void emit_render_condition(Context &ctx);

// A draw as Gallium asks for it, made of points or lines instead where the host would draw the edges of
// its polygons otherwise. False where it need not be.
bool draw_unfilled(Context &ctx, const pipe_draw_info &info, unsigned drawid,
                   const pipe_draw_start_count_bias *draws, unsigned num_draws);
// A draw whose vertex elements are fixed_point.
void draw_fixed_point(Context &ctx, const pipe_draw_info &info, unsigned drawid,
                      const pipe_draw_indirect_info *indirect,
                      const pipe_draw_start_count_bias *draws, unsigned num_draws);
void destroy_vertex_translator(Context &ctx);
// Before a draw with transform feedback; `vertices` where it is one of what was captured.
void count_captured(Context &ctx, const pipe_draw_info &info, const pipe_draw_indirect_info *indirect,
                    uint32_t vertices, const pipe_draw_start_count_bias *draws, unsigned num_draws);
void end_capture(Context &ctx);
uint32_t captured_vertices(Context &ctx, StreamoutTarget &target);
// How the rasterizer has to be for a draw: as often as the draw has to be made.
struct PolygonPasses {
   RasterizerTweak pass[2];
   unsigned count = 1;
};
PolygonPasses polygon_passes(const Context &ctx, unsigned mode);

// The host slots of one draw that stages have got.
struct TakenSlots {
   unsigned buffers = 0, images = 0;
};
// Gives the shader slots that those before it have not got.
void take_slots(const Screen &screen, const Shader &shader, TakenSlots &taken, ShaderKey &key);

// Sampler views and samplers: texture_units.cpp.
void emit_views(Context &ctx, proto::ShaderStage stage, StageState &s);
void emit_bound_samplers(Context &ctx, proto::ShaderStage stage, StageState &s);
// Has every texture that the stages sample bound again.
void restore_texture_units(Context &ctx, std::span<const pipe_shader_type> stages);
// Before a draw, after the state: has what was disturbed bound again. `other_program`: state changed
// that can make the host choose another program, which binds everything again.
void settle_texture_units(Context &ctx, bool other_program);

// Encodes a state object the first time it is needed.
template <class T> void encode_once(Context &ctx, T &object)
{
   if (object.encoded)
      return;
   ctx.emit(object.packet);
   object.encoded = true;
}

// Encode-at-first-use; each returns the handle to name in a command (none for nullptr).
proto::ObjectHandle use_shader(Context &ctx, Shader *shader);
// The shader that has what the key asks for: itself where the key is empty. `keep`: a handle that is
// not to be destroyed to make room.
Shader *use_variant(Context &ctx, Shader &shader, const ShaderKey &key, proto::ObjectHandle keep);
proto::ObjectHandle use_sampler_view(Context &ctx, SamplerView *view);
// For a slot that is sampled but has no view.
proto::ObjectHandle use_black_view(Context &ctx);
proto::ObjectHandle use_surface(Context &ctx, Surface *surface);
proto::ObjectHandle use_streamout_target(Context &ctx, StreamoutTarget *target);

// Names a buffer's host copy in the batch, after sending what an uploader still holds back.
proto::ResourceHandle use_buffer(Context &ctx, Resource &buffer);
// The same where the command takes an offset: for `bound_as` see floating.hpp, 0 where it binds nothing.
inline BufferPlace place_buffer(Context &ctx, Resource &buffer, uint32_t bound_as)
{
   if (buffer.storage->afloat())
      return place_buffer_slow(ctx, buffer, bound_as);
   return {use_buffer(ctx, buffer), 0};
}
// Where a draw or a dispatch begins.
inline void note_moved_buffers(Context &ctx)
{
   const uint32_t epoch = ctx.screen.floating_epoch.load(std::memory_order_acquire);
   if (ctx.floating_epoch != epoch) [[unlikely]] {
      ctx.floating_epoch = epoch;
      mark_floating_bindings(ctx);
   }
}
inline proto::ResourceHandle use_resource(Context &ctx, Resource &res)
{
   if (res.is_buffer())
      return use_buffer(ctx, res);
   ctx.batch.reference(res.bo());
   return res.handle();
}

// Before reading back. A host executes our commands in order, but each of its contexts draws on its
// own: llvmpipe reads a texture while the threads of another context still draw to it. So what others
// were told must be complete before the host is told to read.
inline void wait_for_others(Context &ctx, Bo &bo)
{
   if (ctx.batch.used_elsewhere(bo)) [[unlikely]]
      ctx.screen.ws->wait_idle(bo, UINT64_MAX);
}

// Copies from the guest memory of an uploader's buffer to the host's copy of another.
void copy_buffer_from_memory(Context &ctx, Resource &dst, uint32_t offset, Resource &src,
                             uint32_t src_offset, uint32_t size);

// Sends a range of a buffer's guest memory to the host's copy, in the order of the stream.
void upload_from_memory(Context &ctx, Resource &buffer, uint32_t offset, uint32_t size);

// After a flush: asks for the picture that the loader is going to show, if it showed the last one
// right after its flush. The frontend waits for the flush's fence before it presents, so the picture
// arrives with that wait and needs none of its own.
void submit_for_present(Context &ctx);

// A command that reads or writes bytes of a buffer, which may be tracked; see coherent.hpp.
inline void note_read(Context &ctx, Resource &res, uint64_t offset, uint64_t size)
{
   if (res.storage->tracked()) [[unlikely]]
      note_coherent_slow(ctx, res, offset, size, false);
}
inline void note_write(Context &ctx, Resource &res, uint64_t offset, uint64_t size)
{
   if (res.storage->tracked()) [[unlikely]]
      note_coherent_slow(ctx, res, offset, size, true);
}
inline void note_view(Context &ctx, pipe_sampler_view *view)
{
   if (view && view->texture && view->texture->target == PIPE_BUFFER)
      note_read(ctx, *Resource::from(view->texture), view->u.buf.offset, view->u.buf.size);
}
inline void note_draw(Context &ctx, const pipe_draw_info &info, uint32_t start, uint32_t count,
                      int bias, Resource *indices, uint32_t index_offset, bool whole = false)
{
   if (ctx.coherent.epoch != 0) [[unlikely]]
      note_draw_slow(ctx, info, start, count, bias, indices, index_offset, whole);
}
// Where a draw or a dispatch begins: buffers may have become tracked while they were bound.
inline void note_newly_tracked(Context &ctx)
{
   const uint32_t epoch = ctx.screen.coherent.epoch.load(std::memory_order_acquire);
   if (ctx.coherent.epoch != epoch) [[unlikely]] {
      ctx.coherent.epoch = epoch;
      note_bindings(ctx);
   }
}

// After a wait for the host: what it has read back becomes visible. Any thread.
inline void take_read_backs(Screen &screen)
{
   if (screen.coherent.outstanding.load(std::memory_order_acquire) != 0) [[unlikely]]
      take_read_backs_slow(screen);
}

// The initialisers of each subject's entry points.
void context_init_objects(Context &ctx);
void context_init_views(Context &ctx);
void context_init_shaders(Context &ctx);
void context_init_bindings(Context &ctx);
void context_init_draw(Context &ctx);
// Whether something comes between the vertex shader and the rasterizer.
bool later_stages(const Context &ctx);
void context_init_blit(Context &ctx);
void context_init_queries(Context &ctx);
void context_init_fences(Context &ctx);
// threaded_context's callbacks.
tc_replace_buffer_storage_func context_storage_replacer();
tc_is_resource_busy context_busy_query();
// What threaded_context makes fences with.
tc_create_fence_func context_fence_factory();

} // namespace virgl
