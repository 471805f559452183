// SPDX-License-Identifier: MIT
// Draws and dispatches.
#include "indices/u_primconvert.h"
#include "util/u_prim.h"
#include "util/u_upload_mgr.h"

#include "context.hpp"
#include "query.hpp"

namespace virgl {

namespace {

// Dwords: more than an index buffer and a draw take, with an upload of indices.
constexpr uint32_t draw_room = 128;

void emit_draw(Context &ctx, const proto::DrawVbo &draw)
{
   ctx.emit(draw);
   ctx.units.drawn();
}

// llvmpipe keeps a copy of its whole fragment state, some 50 KB, for each draw that changes any of it,
// until it is flushed, as it is at the end of a submission. A hundred are about what a CPU's cache
// holds; with thousands a draw takes up to twice as long.
constexpr uint32_t fragment_changes_at_most = 4 * 96;

// What the next draw adds to these. Uniform buffers weigh less, since llvmpipe compares their contents.
uint32_t fragment_change(const Context &ctx)
{
   constexpr uint32_t elsewhere =
      uint32_t(Dirty::viewports) | uint32_t(Dirty::clip) | uint32_t(Dirty::vertex_elements) |
      uint32_t(Dirty::vertex_buffers) | uint32_t(Dirty::tess) | uint32_t(Dirty::streamout) |
      uint32_t(Dirty::render_condition) | uint32_t(Dirty::stages);
   const uint32_t dirty = ctx.stages[PIPE_SHADER_FRAGMENT].dirty;
   const uint32_t light = uint32_t(StageDirty::uniform_buffers);
   if ((ctx.dirty & ~elsewhere) || (dirty & ~light))
      return 4;
   return dirty ? 1 : 0;
}

// Makes the host's state right for a draw that will find room in the same batch.
void prepare_draw(Context &ctx, unsigned mode)
{
   if (ctx.queries_closed && !ctx.queries_paused) [[unlikely]]
      resume_queries(ctx);
   if (ctx.screen.short_batches &&
       (ctx.batch_fragment_changes += fragment_change(ctx)) > fragment_changes_at_most)
      ctx.end_part();
   ctx.make_room(draw_room);
   emit_draw_state(ctx, mode);
   // State may have filled the batch, and a new one wants some of it again.
   for (int tries = 0;
        tries < 4 && (!ctx.batch.has_room(draw_room) || ctx.texture_units_disturbed); tries++) {
      ctx.make_room(draw_room);
      emit_draw_state(ctx, mode);
   }
}

// An index buffer as it is bound for a run of draws. Owns a reference where it uploaded user indices.
struct Indices {
   Resource *buffer = nullptr;
   uint32_t base = 0; // byte offset of index 0
   pipe_resource *owned = nullptr;

   ~Indices() { pipe_resource_reference(&owned, nullptr); }
};

// Drops the caller's reference to the index buffer at the end of the draw where Gallium hands it over.
struct OwnedIndexBuffer {
   References &references;
   pipe_resource *buffer = nullptr;

   OwnedIndexBuffer(Context &ctx, const pipe_draw_info &info) : references(ctx.references)
   {
      if (info.index_size && info.take_index_buffer_ownership && !info.has_user_indices)
         buffer = info.index.resource;
   }
   ~OwnedIndexBuffer() { references.drop(buffer); }
};

bool find_indices(Context &ctx, const pipe_draw_info &info, const pipe_draw_start_count_bias *draws,
                  unsigned num_draws, Indices &out)
{
   if (!info.has_user_indices) {
      out.buffer = Resource::from(info.index.resource);
      return out.buffer != nullptr;
   }
   // Without threaded_context user indices get here. One upload for the range of all draws.
   uint32_t first = ~0u, end = 0;
   for (unsigned i = 0; i < num_draws; i++) {
      if (draws[i].count) {
         first = std::min(first, draws[i].start);
         end = std::max(end, draws[i].start + draws[i].count);
      }
   }
   if (first >= end)
      return false;
   unsigned offset = 0;
   u_upload_data(ctx.base.stream_uploader, 0, (end - first) * info.index_size, 4,
                 static_cast<const std::byte *>(info.index.user) + first * info.index_size, &offset,
                 &out.owned);
   if (!out.owned)
      return false;
   u_upload_unmap(ctx.base.stream_uploader);
   out.buffer = Resource::from(out.owned);
   out.base = offset - first * info.index_size;
   return true;
}

void emit_index_buffer(Context &ctx, Resource &buffer, uint32_t index_size, uint32_t offset)
{
   const auto [handle, first] = place_buffer(ctx, buffer, 0);
   offset += first;
   if (handle == ctx.sent_index_buffer && ctx.sent_index_range.index_size == index_size &&
       ctx.sent_index_range.offset == offset)
      return;
   ctx.sent_index_buffer = handle;
   ctx.sent_index_range = {.index_size = index_size, .offset = offset};
   ctx.emit(proto::SetIndexBuffer{.resource = handle, .range = ctx.sent_index_range});
}

// Indices that threaded_context put into the stream uploader are in guest memory only, and nobody has
// said so. (What was said is in `unsent`, which use_buffer() sends.)
void send_uploaded_indices(Context &ctx, Resource &buffer, uint32_t offset, uint32_t bytes)
{
   if (!(buffer.base.b.flags & resource_flag_stream))
      return;
   if (offset < buffer.unsent.start || offset + bytes > buffer.unsent.end)
      upload_from_memory(ctx, buffer, offset, bytes);
}

proto::DrawVbo describe(const Context &ctx, const pipe_draw_info &info, unsigned drawid)
{
   proto::DrawVbo draw;
   draw.mode = info.mode;
   draw.indexed = info.index_size != 0;
   draw.instance_count = info.instance_count;
   draw.start_instance = info.start_instance;
   draw.primitive_restart = info.primitive_restart;
   draw.restart_index = info.primitive_restart ? info.restart_index : 0;
   draw.min_index = info.index_bounds_valid ? info.min_index : 0;
   draw.max_index = info.index_bounds_valid ? info.max_index : ~0u;
   if (info.mode == PIPE_PRIM_PATCHES || drawid != 0)
      draw.tess = proto::DrawTess{.vertices_per_patch = ctx.patch_vertices, .drawid = drawid};
   return draw;
}

// Arguments of a draw, the largest kind, once or with a stride.
uint64_t indirect_bytes(uint32_t stride, uint32_t draws)
{
   constexpr uint32_t arguments = 5 * sizeof(uint32_t);
   return uint64_t(stride) * (draws ? draws - 1 : 0) + arguments;
}

void draw_indirect(Context &ctx, const pipe_draw_info &info, unsigned drawid,
                   const pipe_draw_indirect_info &indirect)
{
   proto::DrawVbo draw = describe(ctx, info, drawid);
   draw.tess = proto::DrawTess{.vertices_per_patch = ctx.patch_vertices, .drawid = drawid};
   proto::DrawIndirect args;
   args.resource = use_buffer(ctx, *Resource::from(indirect.buffer));
   args.offset = indirect.offset;
   args.stride = indirect.stride;
   args.draw_count = indirect.draw_count;
   if (indirect.indirect_draw_count) {
      args.draw_count_offset = indirect.indirect_draw_count_offset;
      args.draw_count_resource = use_buffer(ctx, *Resource::from(indirect.indirect_draw_count));
   }
   draw.indirect = args;
   note_read(ctx, *Resource::from(indirect.buffer), indirect.offset,
             indirect_bytes(indirect.stride, indirect.draw_count));
   if (indirect.indirect_draw_count)
      note_read(ctx, *Resource::from(indirect.indirect_draw_count), args.draw_count_offset, 4);
   note_draw(ctx, info, 0, 0, 0, info.index_size ? Resource::from(info.index.resource) : nullptr, 0,
             true);
   if (info.index_size) {
      // Of what is drawn by arguments in a buffer the host takes no offset of the index buffer
      // (virglrenderer, vrend_draw_vbo): it has to begin there.
      use_buffer(ctx, *Resource::from(info.index.resource));
      emit_index_buffer(ctx, *Resource::from(info.index.resource), info.index_size, 0);
   }
   emit_draw(ctx, draw);
}

// --- many draws as one command -------------------------------------------------------------------

// A DRAW_VBO takes 13 dwords and the host's work for a whole draw. Arguments in a buffer take 4 or 5, and
// the upload of the buffer and one command for all of them: worth it from this number of draws.
constexpr unsigned gather_from = 8;
constexpr unsigned gather_at_most = 1024; // with one upload

bool can_gather(const Context &ctx, const pipe_draw_info &info, unsigned drawid, unsigned num_draws)
{
   const Shader *vs = ctx.stages[PIPE_SHADER_VERTEX].shader;
   // To the host draws of one command have numbers, which Gallium's need not have.
   // GLES 3.1 captures no indirect draws.
   return num_draws >= gather_from && ctx.screen.gathers_draws && drawid == 0 && vs &&
          !vs->reads_draw_id && !info.has_user_indices && ctx.num_streamout == 0 &&
          (!info.index_size || info.index.resource);
}

// As draw_direct(), by one indirect draw. False where the arguments cannot be uploaded.
bool draw_gathered(Context &ctx, const pipe_draw_info &info, const pipe_draw_start_count_bias *draws,
                   unsigned num_draws)
{
   const bool indexed = info.index_size != 0;
   const uint32_t stride = (indexed ? 5 : 4) * sizeof(uint32_t);
   unsigned offset = 0;
   pipe_resource *buffer = nullptr;
   void *mapped = nullptr;
   u_upload_alloc(ctx.base.stream_uploader, 0, num_draws * stride, 4, &offset, &buffer, &mapped);
   if (!mapped)
      return false;

   Resource *indices = indexed ? Resource::from(info.index.resource) : nullptr;
   auto *to = static_cast<uint32_t *>(mapped);
   uint32_t made = 0;
   for (unsigned i = 0; i < num_draws; i++) {
      const pipe_draw_start_count_bias &d = draws[i];
      if (d.count == 0)
         continue;
      *to++ = d.count;
      *to++ = info.instance_count;
      *to++ = d.start;
      if (indexed)
         *to++ = uint32_t(d.index_bias);
      *to++ = info.start_instance;
      made++;
   }
   u_upload_unmap(ctx.base.stream_uploader);

   if (made > 0) {
      if (!ctx.batch.has_room(draw_room))
         prepare_draw(ctx, info.mode);
      if (indexed)
         use_buffer(ctx, *indices); // it must not float: see draw_indirect
      for (unsigned i = 0; i < num_draws && (indexed || ctx.coherent.epoch != 0); i++) {
         const pipe_draw_start_count_bias &d = draws[i];
         const uint32_t first = d.start * info.index_size;
         if (d.count == 0)
            continue;
         if (indexed)
            send_uploaded_indices(ctx, *indices, first, d.count * info.index_size);
         note_draw(ctx, info, indexed ? 0 : d.start, d.count, indexed ? d.index_bias : 0, indices, first);
      }
      use_buffer(ctx, *Resource::from(buffer)); // without staging memory its upload takes much room
      if (!ctx.batch.has_room(draw_room) || ctx.texture_units_disturbed)
         prepare_draw(ctx, info.mode);
      if (indexed)
         emit_index_buffer(ctx, *indices, info.index_size, 0);
      proto::DrawVbo draw = describe(ctx, info, 0);
      draw.tess = proto::DrawTess{.vertices_per_patch = ctx.patch_vertices};
      draw.indirect = proto::DrawIndirect{.resource = use_buffer(ctx, *Resource::from(buffer)),
                                          .offset = offset,
                                          .stride = stride,
                                          .draw_count = made};
      emit_draw(ctx, draw);
   }
   pipe_resource_reference(&buffer, nullptr);
   return true;
}

void draw_direct(Context &ctx, const pipe_draw_info &info, unsigned drawid,
                 const pipe_draw_start_count_bias *draws, unsigned num_draws)
{
   if (can_gather(ctx, info, drawid, num_draws)) {
      while (num_draws > 0) {
         const unsigned n = std::min(num_draws, gather_at_most);
         if (!draw_gathered(ctx, info, draws, n))
            break;
         draws += n;
         num_draws -= n;
      }
   }

   Indices indices;
   if (info.index_size && !find_indices(ctx, info, draws, num_draws, indices))
      return;

   proto::DrawVbo draw = describe(ctx, info, drawid);
   for (unsigned i = 0; i < num_draws; i++) {
      uint32_t count = draws[i].count;
      if (!info.primitive_restart && !u_trim_pipe_prim(info.mode, &count))
         continue;
      if (count == 0)
         continue;
      if (!ctx.batch.has_room(draw_room))
         prepare_draw(ctx, info.mode);
      draw.start = draws[i].start;
      draw.count = count;
      if (info.index_size) {
         // The host takes the first index from the binding's offset, not from the draw
         // (virglrenderer, vrend_draw_vbo).
         const uint32_t offset = indices.base + draws[i].start * info.index_size;
         send_uploaded_indices(ctx, *indices.buffer, offset, count * info.index_size);
         emit_index_buffer(ctx, *indices.buffer, info.index_size, offset);
         draw.index_bias = draws[i].index_bias;
         note_draw(ctx, info, 0, count, draws[i].index_bias, indices.buffer, offset);
      } else {
         note_draw(ctx, info, draw.start, count, 0, nullptr, 0);
      }
      if (draw.tess)
         draw.tess->drawid = drawid + (info.increment_draw_id ? i : 0);
      else if (info.increment_draw_id && i > 0)
         draw.tess = proto::DrawTess{.vertices_per_patch = ctx.patch_vertices, .drawid = drawid + i};
      emit_draw(ctx, draw);
   }
}

void draw_vbo(pipe_context *pipe, const pipe_draw_info *info, unsigned drawid,
              const pipe_draw_indirect_info *indirect, const pipe_draw_start_count_bias *draws,
              unsigned num_draws)
{
   Context &ctx = Context::from(pipe);
   const OwnedIndexBuffer owned(ctx, *info);
   const bool from_buffer = indirect && indirect->buffer;
   // Of no instances the host makes one (virglrenderer, vrend_draw_vbo).
   if (!from_buffer && info->instance_count == 0)
      return;

   if (ctx.vertex_elements && ctx.vertex_elements->fixed_point) [[unlikely]] {
      draw_fixed_point(ctx, *info, drawid, indirect, draws, num_draws);
      return;
   }

   if (ctx.rasterizer && !ctx.rasterizer->plain && !indirect &&
       draw_unfilled(ctx, *info, drawid, draws, num_draws))
      return;

   // Primitives the host lacks (quads and polygons on core profiles) become others.
   if (!(ctx.screen.primitives & (1u << info->mode)) && ctx.rasterizer) {
      // Nothing else does for adjacency and patches, which go with shaders that such a host lacks.
      if (info->mode >= PIPE_PRIM_LINES_ADJACENCY)
         return;
      pipe_draw_info kept = *info;
      kept.take_index_buffer_ownership = false; // `owned` has it
      util_primconvert_save_rasterizer_state(ctx.primconvert, &ctx.rasterizer->state);
      util_primconvert_draw_vbo(ctx.primconvert, &kept, drawid, indirect, draws, num_draws);
      return;
   }

   uint32_t captured = 0;
   if (indirect && indirect->count_from_stream_output) {
      captured = captured_vertices(
         ctx, *reinterpret_cast<StreamoutTarget *>(indirect->count_from_stream_output));
      if (captured == 0)
         return;
   }
   if (ctx.num_streamout > 0) [[unlikely]]
      count_captured(ctx, *info, indirect, captured, draws, num_draws);

   const PolygonPasses passes = polygon_passes(ctx, info->mode);
   for (unsigned i = 0; i < passes.count; i++) {
      if (!(passes.pass[i] == ctx.rasterizer_tweak)) {
         ctx.rasterizer_tweak = passes.pass[i];
         ctx.set_dirty(Dirty::rasterizer);
      }
      prepare_draw(ctx, info->mode);
      if (from_buffer) {
         draw_indirect(ctx, *info, drawid, *indirect);
      } else if (indirect && indirect->count_from_stream_output) {
         proto::DrawVbo draw = describe(ctx, *info, drawid);
         draw.count_from_so = captured;
         draw.start = draws[0].start;
         draw.count = draws[0].count;
         note_draw(ctx, *info, 0, 0, 0, nullptr, 0, true);
         emit_draw(ctx, draw);
      } else {
         draw_direct(ctx, *info, drawid, draws, num_draws);
      }
   }
}

void launch_grid(pipe_context *pipe, const pipe_grid_info *info)
{
   Context &ctx = Context::from(pipe);
   if (ctx.queries_closed && !ctx.queries_paused) [[unlikely]]
      resume_queries(ctx); // one may count invocations
   ctx.make_room(draw_room);
   emit_compute_state(ctx);
   while (!ctx.batch.has_room(draw_room)) {
      ctx.make_room(draw_room);
      emit_compute_state(ctx);
   }
   proto::LaunchGrid packet;
   for (unsigned i = 0; i < 3; i++) {
      packet.block[i] = info->block[i];
      packet.grid[i] = info->grid[i];
   }
   if (info->indirect) {
      packet.indirect_resource = use_buffer(ctx, *Resource::from(info->indirect));
      packet.indirect_offset = info->indirect_offset;
      note_read(ctx, *Resource::from(info->indirect), info->indirect_offset, 3 * sizeof(uint32_t));
   }
   ctx.emit(packet);
}

void texture_barrier(pipe_context *pipe, unsigned flags)
{
   Context &ctx = Context::from(pipe);
   // Of framebuffers it is glBlendBarrier's, which GLES hosts have without the other.
   if (ctx.screen.has(proto::cap::texture_barrier) ||
       (ctx.screen.has2(proto::cap2::blend_equation) && (flags & PIPE_TEXTURE_BARRIER_FRAMEBUFFER)))
      ctx.emit(proto::TextureBarrier{.flags = flags});
}

void memory_barrier(pipe_context *pipe, unsigned flags)
{
   Context &ctx = Context::from(pipe);
   if (ctx.screen.has(proto::cap::memory_barrier))
      ctx.emit(proto::MemoryBarrier{.flags = flags});
}

} // namespace

void context_init_draw(Context &ctx)
{
   pipe_context &p = ctx.base;
   p.draw_vbo = draw_vbo;
   p.launch_grid = launch_grid;
   p.texture_barrier = texture_barrier;
   p.memory_barrier = memory_barrier;
}

} // namespace virgl
