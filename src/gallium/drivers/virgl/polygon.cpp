// SPDX-License-Identifier: MIT
// Polygons that are not filled, and what hosts make of them: their GL is of the core profile, which has
// one mode for both faces and no edge flags, and where the stipple is a matter of fragment shaders
// (virglrenderer, vrend_hw_emit_rs and vrend_shader.c). Quads are triangles already when they get here,
// and show a diagonal: Mesa is told so (PIPE_CAP_SUPPORTED_PRIM_MODES) for the sake of display lists.
#include <vector>

#include "util/format/u_format.h"
#include "util/u_inlines.h"
#include "util/u_prim.h"

#include "context.hpp"
#include "query.hpp"

namespace virgl {

bool later_stages(const Context &ctx)
{
   return ctx.stages[PIPE_SHADER_GEOMETRY].shader || ctx.stages[PIPE_SHADER_TESS_EVAL].shader;
}

namespace {

// Whether a draw that is made twice leaves more behind than pixels.
bool leaves_traces(const Context &ctx)
{
   if (ctx.num_streamout > 0 || counts_primitives(ctx))
      return true;
   for (uint32_t i = 0; i < ctx.num_atomics; i++) {
      if (ctx.atomics[i].buffer)
         return true;
   }
   // Fragments belong to one of the two passes each.
   for (pipe_shader_type stage : {PIPE_SHADER_VERTEX, PIPE_SHADER_TESS_CTRL, PIPE_SHADER_TESS_EVAL,
                                  PIPE_SHADER_GEOMETRY}) {
      const StageState &s = ctx.stages[stage];
      if (s.buffers_writable)
         return true;
      for (const pipe_image_view &view : s.images) {
         if (view.resource && (view.access & PIPE_IMAGE_ACCESS_WRITE))
            return true;
      }
   }
   return false;
}

// --- edge flags ----------------------------------------------------------------------------------

// The flags of the vertex buffer that a draw's shader passes on; all set where there is none.
class EdgeFlags {
public:
   EdgeFlags(Context &ctx, int input) : pipe_(&ctx.base)
   {
      const VertexElements *ve = ctx.vertex_elements;
      if (input < 0 || !ve || uint32_t(input) >= ve->count)
         return;
      const proto::VertexElement &element = ve->elements[input];
      const uint32_t slot = ve->binding_map[input];
      if (slot >= ctx.num_vertex_buffers || element.instance_divisor)
         return;
      const pipe_vertex_buffer &vb = ctx.vertex_buffers[slot];
      pipe_resource *buffer = vb.is_user_buffer ? nullptr : vb.buffer.resource;
      const uint32_t offset = vb.buffer_offset + element.src_offset;
      if (!buffer || offset >= buffer->width0)
         return;
      format_ = ve->formats[input];
      stride_ = vb.stride;
      size_ = buffer->width0 - offset;
      data_ = static_cast<const std::byte *>(
         pipe_buffer_map_range(pipe_, buffer, offset, size_, PIPE_MAP_READ, &transfer_));
   }
   EdgeFlags(const EdgeFlags &) = delete;
   EdgeFlags &operator=(const EdgeFlags &) = delete;
   ~EdgeFlags()
   {
      if (data_)
         pipe_buffer_unmap(pipe_, transfer_);
   }

   bool operator()(uint32_t vertex) const
   {
      const uint64_t at = uint64_t(vertex) * stride_;
      if (!data_ || at + util_format_get_blocksize(format_) > size_)
         return true;
      float flag[4] = {};
      util_format_unpack_rgba(format_, flag, data_ + at, 1);
      return flag[0] != 0.0f;
   }

private:
   pipe_context *pipe_;
   pipe_transfer *transfer_ = nullptr;
   const std::byte *data_ = nullptr;
   pipe_format format_ = PIPE_FORMAT_NONE;
   uint32_t stride_ = 0, size_ = 0;
};

// --- outlines ------------------------------------------------------------------------------------

// Collects the points or lines of polygons as indices.
class Outline {
public:
   Outline(bool lines, const EdgeFlags &flags, int bias) : lines_(lines), flags_(flags), bias_(bias) {}

   // The polygons of a run of vertices without a restart.
   void add(unsigned mode, std::span<const uint32_t> v)
   {
      const size_t n = v.size();
      switch (mode) {
      case PIPE_PRIM_TRIANGLES:
         for (size_t i = 0; i + 3 <= n; i += 3)
            polygon({v[i], v[i + 1], v[i + 2]}, true);
         break;
      case PIPE_PRIM_POLYGON:
         if (n >= 3)
            polygon(v, true);
         break;
      // In strips and fans every edge is one (OpenGL 2.1, section 2.6.2).
      case PIPE_PRIM_TRIANGLE_STRIP:
         for (size_t i = 0; i + 3 <= n; i++)
            polygon({v[i], v[i + 1], v[i + 2]}, false);
         break;
      case PIPE_PRIM_TRIANGLE_FAN:
         for (size_t i = 1; i + 2 <= n; i++)
            polygon({v[0], v[i], v[i + 1]}, false);
         break;
      }
   }

   const std::vector<uint32_t> &indices() const { return indices_; }
   // Whether there is an edge that is not drawn.
   bool hides() const { return hides_; }

private:
   void polygon(std::initializer_list<uint32_t> v, bool flagged)
   {
      polygon(std::span(v.begin(), v.size()), flagged);
   }
   void polygon(std::span<const uint32_t> v, bool flagged)
   {
      for (size_t i = 0; i < v.size(); i++) {
         if (flagged && !flags_(v[i] + bias_)) {
            hides_ = true;
            continue;
         }
         indices_.push_back(v[i]);
         if (lines_)
            indices_.push_back(v[i + 1 < v.size() ? i + 1 : 0]);
      }
   }

   bool lines_;
   const EdgeFlags &flags_;
   int bias_;
   bool hides_ = false;
   std::vector<uint32_t> indices_;
};

// The vertices of a draw, with restarts as `restart`.
constexpr uint32_t restart = ~0u;

class Vertices {
public:
   Vertices(Context &ctx, const pipe_draw_info &info) : pipe_(&ctx.base), info_(info)
   {
      if (!info.index_size)
         return;
      if (info.has_user_indices) {
         data_ = static_cast<const std::byte *>(info.index.user);
         count_ = UINT32_MAX;
      } else if (info.index.resource) {
         data_ = static_cast<const std::byte *>(
            pipe_buffer_map(pipe_, info.index.resource, PIPE_MAP_READ, &transfer_));
         count_ = data_ ? info.index.resource->width0 / info.index_size : 0;
      }
   }
   Vertices(const Vertices &) = delete;
   Vertices &operator=(const Vertices &) = delete;
   ~Vertices()
   {
      if (transfer_)
         pipe_buffer_unmap(pipe_, transfer_);
   }

   void read(const pipe_draw_start_count_bias &draw, std::vector<uint32_t> &out) const
   {
      out.clear();
      for (uint32_t i = 0; i < draw.count; i++) {
         const uint32_t at = draw.start + i;
         if (!info_.index_size)
            out.push_back(at);
         else if (at < count_)
            out.push_back(index(at));
         else
            break;
      }
   }

private:
   uint32_t index(uint32_t at) const
   {
      uint32_t v = 0; // a host of either byte order would do it this way
      switch (info_.index_size) {
      case 1:
         v = reinterpret_cast<const uint8_t *>(data_)[at];
         break;
      case 2:
         v = reinterpret_cast<const uint16_t *>(data_)[at];
         break;
      default:
         v = reinterpret_cast<const uint32_t *>(data_)[at];
         break;
      }
      return info_.primitive_restart && v == info_.restart_index ? restart : v;
   }

   pipe_context *pipe_;
   const pipe_draw_info &info_;
   pipe_transfer *transfer_ = nullptr;
   const std::byte *data_ = nullptr;
   uint32_t count_ = 0;
};

} // namespace

bool draw_unfilled(Context &ctx, const pipe_draw_info &info, unsigned drawid,
                   const pipe_draw_start_count_bias *draws, unsigned num_draws)
{
   const pipe_rasterizer_state &rs = ctx.rasterizer->state;
   const Shader *vs = ctx.stages[PIPE_SHADER_VERTEX].shader;
   // Which faces are culled, the host alone knows.
   if (!vs || rs.fill_front != rs.fill_back || rs.fill_front == PIPE_POLYGON_MODE_FILL ||
       rs.cull_face != PIPE_FACE_NONE || later_stages(ctx) || ctx.num_streamout > 0 ||
       counts_primitives(ctx))
      return false;

   const bool lines = rs.fill_front == PIPE_POLYGON_MODE_LINE;
   // What is captured is drawn as triangles. Where a context does that, polygons look alike with it and
   // without.
   const bool captured = ctx.has_capturing_shaders.load(std::memory_order_relaxed);
   bool flags = vs->edge_flag >= 0;
   bool seams = false; // the host would draw where it cuts the polygon in triangles
   switch (info.mode) {
   case PIPE_PRIM_TRIANGLES:
      break;
   case PIPE_PRIM_POLYGON:
      seams = lines && !captured;
      break;
   case PIPE_PRIM_TRIANGLE_STRIP:
   case PIPE_PRIM_TRIANGLE_FAN:
      flags = false;
      break;
   default:
      return false;
   }
   // The host decides by the primitive whether points have coordinates of their own.
   const bool sprites = !lines && rs.sprite_coord_enable;
   // What points and lines of polygons have, and others have not: an offset, two sides, the colour of
   // the polygon.
   const bool special = (lines ? rs.offset_line : rs.offset_point) || rs.light_twoside || rs.flatshade;
   if (!flags && (special || !(seams || sprites)))
      return false;

   const EdgeFlags edge_flags(ctx, flags ? vs->edge_flag : -1);
   std::vector<uint32_t> vertices;
   std::vector<std::pair<std::vector<uint32_t>, pipe_draw_start_count_bias>> made;
   bool hides = false;
   {
      const Vertices source(ctx, info);
      for (unsigned i = 0; i < num_draws; i++) {
         const int bias = info.index_size ? draws[i].index_bias : 0;
         Outline outline(lines, edge_flags, bias);
         source.read(draws[i], vertices);
         const std::span<const uint32_t> all(vertices);
         for (size_t from = 0; from <= all.size();) {
            size_t to = from;
            while (to < all.size() && all[to] != restart)
               to++;
            outline.add(info.mode, all.subspan(from, to - from));
            from = to + 1;
         }
         hides |= outline.hides();
         made.push_back({outline.indices(), {0, uint32_t(outline.indices().size()), bias}});
      }
   }

   // Flags that hide nothing are no reason to lose what is special.
   if ((special || captured) && !hides)
      return false;

   pipe_draw_info kept = info;
   kept.take_index_buffer_ownership = false; // the caller drops it
   kept.mode = lines ? PIPE_PRIM_LINES : PIPE_PRIM_POINTS;
   kept.index_size = 4;
   kept.has_user_indices = true;
   kept.primitive_restart = false;
   kept.index_bounds_valid = false;
   for (unsigned i = 0; i < num_draws; i++) {
      if (made[i].first.empty())
         continue;
      kept.index.user = made[i].first.data();
      ctx.base.draw_vbo(&ctx.base, &kept, drawid + (info.increment_draw_id ? i : 0), nullptr,
                        &made[i].second, 1);
   }
   return true;
}

PolygonPasses polygon_passes(const Context &ctx, unsigned mode)
{
   PolygonPasses passes;
   if (!ctx.rasterizer || ctx.rasterizer->plain)
      return passes;
   const pipe_rasterizer_state &rs = ctx.rasterizer->state;
   RasterizerTweak &only = passes.pass[0];
   // What geometry and tessellation shaders make is taken for polygons.
   if (!later_stages(ctx) && u_reduced_prim(pipe_prim_type(mode)) != PIPE_PRIM_TRIANGLES) {
      only.no_stipple = rs.poly_stipple_enable;
      return passes;
   }
   const auto drawn_in = [&](unsigned fill) {
      RasterizerTweak tweak;
      tweak.one_mode = rs.fill_front != fill || rs.fill_back != fill;
      tweak.mode = tweak.one_mode ? fill : 0;
      tweak.no_stipple = rs.poly_stipple_enable && fill != PIPE_POLYGON_MODE_FILL;
      return tweak;
   };
   // A face that is not drawn has no say.
   const unsigned front = rs.cull_face == PIPE_FACE_FRONT ? rs.fill_back : rs.fill_front;
   const unsigned back = rs.cull_face == PIPE_FACE_BACK ? rs.fill_front : rs.fill_back;
   only = drawn_in(front);
   if (front == back || rs.cull_face != PIPE_FACE_NONE || leaves_traces(ctx))
      return passes;
   passes.count = 2;
   passes.pass[0].cull = PIPE_FACE_BACK;
   passes.pass[1] = drawn_in(back);
   passes.pass[1].cull = PIPE_FACE_FRONT;
   return passes;
}

} // namespace virgl
