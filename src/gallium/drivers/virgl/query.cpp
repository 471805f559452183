// SPDX-License-Identifier: MIT
#include "query.hpp"

#include "gallium/winsys/virgl/common/stall_timer.hpp"

#include <algorithm>
#include <cstring>
#include <thread>

#include "util/os_time.h"

#include "fence.hpp"

namespace virgl {

namespace {

Query &from(pipe_query *q) { return *reinterpret_cast<Query *>(q); }

// The wire's numbers are those of Mesa 10.5 (virgl_query.c names them).
bool host_query_type(pipe_query_type type, proto::QueryType &out)
{
   switch (type) {
   case PIPE_QUERY_OCCLUSION_COUNTER:
      out = proto::QueryType::occlusion_counter;
      return true;
   case PIPE_QUERY_OCCLUSION_PREDICATE:
      out = proto::QueryType::occlusion_predicate;
      return true;
   case PIPE_QUERY_OCCLUSION_PREDICATE_CONSERVATIVE:
      out = proto::QueryType::occlusion_predicate_conservative;
      return true;
   case PIPE_QUERY_TIMESTAMP:
      out = proto::QueryType::timestamp;
      return true;
   case PIPE_QUERY_TIME_ELAPSED:
      out = proto::QueryType::time_elapsed;
      return true;
   case PIPE_QUERY_PRIMITIVES_GENERATED:
      out = proto::QueryType::primitives_generated;
      return true;
   case PIPE_QUERY_PRIMITIVES_EMITTED:
      out = proto::QueryType::primitives_emitted;
      return true;
   case PIPE_QUERY_SO_OVERFLOW_PREDICATE:
      out = proto::QueryType::so_overflow_predicate;
      return true;
   case PIPE_QUERY_SO_OVERFLOW_ANY_PREDICATE:
      out = proto::QueryType::so_overflow_any_predicate;
      return true;
   case PIPE_QUERY_PIPELINE_STATISTICS_SINGLE:
      out = proto::QueryType::pipeline_statistics;
      return true;
   default:
      return false;
   }
}

// Dwords: more than the making of a query and a request of its result.
constexpr uint32_t query_room = 64;

bool is_64_bit(pipe_query_type type)
{
   return type == PIPE_QUERY_TIMESTAMP || type == PIPE_QUERY_TIME_ELAPSED;
}

BoRef create_result_memory(Context &ctx)
{
   // The host writes results only to system memory resources (vrend_create_query), always at their
   // start, so every query has its own.
   ResourceDesc desc;
   desc.format = proto::Format::R8_UNORM;
   desc.bind = proto::bind::custom;
   desc.width = desc.size = sizeof(proto::QueryState);
   return ctx.screen.ws->create_resource(desc);
}

// What an application does not see drawn is not counted; of other queries it is of no concern.
bool pausable(pipe_query_type type)
{
   switch (type) {
   case PIPE_QUERY_OCCLUSION_COUNTER:
   case PIPE_QUERY_OCCLUSION_PREDICATE:
   case PIPE_QUERY_OCCLUSION_PREDICATE_CONSERVATIVE:
   case PIPE_QUERY_PRIMITIVES_GENERATED:
   case PIPE_QUERY_PIPELINE_STATISTICS_SINGLE:
      return true;
   default:
      return false;
   }
}

void open_part(Context &ctx, Query &query)
{
   // Occlusion and the like count what draws do on the current framebuffer.
   ctx.emit(proto::BeginQuery{.handle = use_query(ctx, query)});
   query.open = true;
}

void close_part(Context &ctx, Query &query)
{
   const proto::ObjectHandle handle = use_query(ctx, query);
   if (std::byte *memory = query.part.bo->map()) {
      const uint32_t pending = uint32_t(proto::QueryStateValue::wait_host);
      std::memcpy(memory + offsetof(proto::QueryState, query_state), &pending, sizeof(pending));
   }
   // One reservation: a result requested in another submission than the end would be early.
   ctx.make_room(8);
   ctx.batch.write(proto::EndQuery{.handle = handle});
   ctx.batch.write(proto::GetQueryResult{.handle = handle, .wait = false});
   ctx.batch.reference(*query.part.bo);
   query.open = false;
}

void retire_part(Context &ctx, QueryPart &part)
{
   retire_object(ctx, proto::ObjectType::query, part.object, std::move(part.bo));
}

// A query used again while the host may still write the answer of its use before, or, on hosts that
// share no memory, still holds that answer: it gets another object and other memory.
void renew_if_pending(Context &ctx, Query &query)
{
   if (ctx.render_condition.query == &query)
      ctx.render_condition.part = &query.part;
   for (QueryPart &part : query.earlier)
      retire_part(ctx, part);
   query.earlier.clear();
   if (!query.part.bo || !query.fence ||
       (query.ready && ctx.screen.ws->features().encoded_transfers))
      return;
   BoRef memory = create_result_memory(ctx);
   if (!memory)
      return;
   retire_part(ctx, query.part);
   query.part = {{ctx.screen.new_object(), false}, std::move(memory)};
   query.fence.reset();
}

pipe_query *create_query(pipe_context *pipe, unsigned type, unsigned index)
{
   Context &ctx = Context::from(pipe);
   auto *query = new Query{};
   query->type = static_cast<pipe_query_type>(type);
   query->index = index;
   query->part.object.handle = ctx.screen.new_object();

   proto::QueryType unused;
   if (host_query_type(query->type, unused)) {
      query->part.bo = create_result_memory(ctx);
   } else if (query->type != PIPE_QUERY_GPU_FINISHED &&
              query->type != PIPE_QUERY_TIMESTAMP_DISJOINT) {
      delete query;
      return nullptr;
   }
   return reinterpret_cast<pipe_query *>(query);
}

void destroy_query(pipe_context *pipe, pipe_query *q)
{
   Context &ctx = Context::from(pipe);
   Query &query = from(q);
   if (ctx.render_condition.query == &query) {
      ctx.render_condition = {};
      ctx.set_dirty(Dirty::render_condition);
   }
   std::erase(ctx.active_queries, &query);
   for (QueryPart &part : query.earlier)
      retire_part(ctx, part);
   retire_part(ctx, query.part);
   delete &query;
}

bool begin_query(pipe_context *pipe, pipe_query *q)
{
   Context &ctx = Context::from(pipe);
   Query &query = from(q);
   renew_if_pending(ctx, query);
   query.ready = false;
   query.begun = true;
   if (query.part.bo) {
      if (query.type == PIPE_QUERY_PRIMITIVES_EMITTED)
         end_capture(ctx); // ours must not be in its way
      ctx.active_queries.push_back(&query);
      open_part(ctx, query);
      if (ctx.queries_paused && pausable(query.type)) {
         close_part(ctx, query);
         ctx.queries_closed = true;
      }
   }
   return true;
}

bool end_query(pipe_context *pipe, pipe_query *q)
{
   Context &ctx = Context::from(pipe);
   Query &query = from(q);
   if (!query.begun)
      renew_if_pending(ctx, query);
   if (query.part.bo && (query.open || !query.begun))
      close_part(ctx, query);
   query.begun = false;
   query.ready = false;
   std::erase(ctx.active_queries, &query);
   ctx.make_room(1); // for the fence, where the query was closed before
   query.fence = std::make_shared<Fence>(&ctx);
   ctx.batch.attach(query.fence);
   return true;
}

// Reads the host's answer. On hosts that share no memory it has to be fetched first.
bool read_part(Screen &screen, pipe_query_type type, Bo &bo, bool wait, uint64_t &result)
{
   Winsys &ws = *screen.ws;
   const bool shared = ws.features().encoded_transfers;
   unsigned naps = 0;
   // The submission is complete: a host that has no answer for this long after has given the query up
   // (it skips every command once one was wrong).
   constexpr std::chrono::seconds give_up{5};
   StallTimer stall(std::chrono::milliseconds{50});
   for (;;) {
      if (!shared) {
         if (!ws.transfer_from_host(bo, 0, {.width = sizeof(proto::QueryState)}, {}) ||
             !ws.wait_idle(bo, UINT64_MAX))
            return false;
      }
      const std::byte *memory = bo.map();
      if (!memory || ws.lost())
         return false;
      proto::QueryState state;
      std::memcpy(&state, memory, sizeof(state));
      if (state.query_state == uint32_t(proto::QueryStateValue::done)) {
         std::atomic_thread_fence(std::memory_order_acquire);
         std::memcpy(&state, memory, sizeof(state));
         result = is_64_bit(type) || state.result_size == 8 ? state.result : uint32_t(state.result);
         return true;
      }
      if (!wait) {
         if (shared)
            ws.poll_host(); // so that the next question finds an answer
         return false;
      }
      if (stall.over(give_up)) {
         ws.declare_lost("the host does not answer a query");
         return false;
      }
      // The host polls its queries while it handles messages: keep asking, ever more rarely.
      if (naps++ > 0)
         os_time_sleep(std::min(naps * 50u, 2000u));
      if (shared && !ws.poll_host())
         return false;
   }
}

bool read_result(Screen &screen, Query &query, bool wait)
{
   uint64_t sum = 0;
   if (!read_part(screen, query.type, *query.part.bo, wait, sum))
      return false;
   for (QueryPart &part : query.earlier) {
      uint64_t counted = 0;
      if (!read_part(screen, query.type, *part.bo, wait, counted))
         return false;
      sum += counted;
   }
   query.result = sum;
   query.ready = true;
   return true;
}

bool get_query_result(pipe_context *pipe, pipe_query *q, bool wait, pipe_query_result *result)
{
   Query &query = from(q);
   // On a flushed query this is the application's thread: only the query and the screen are touched.
   Context &ctx = Context::from(pipe);
   Screen &screen = ctx.screen;

   if (query.type == PIPE_QUERY_TIMESTAMP_DISJOINT) {
      result->timestamp_disjoint.frequency = 1000000000;
      result->timestamp_disjoint.disjoint = false;
      return true;
   }
   if (!query.ready) {
      if (!query.fence) { // never ended
         result->u64 = 0;
         return true;
      }
      if (!query.base.flushed && !query.fence->is_submitted())
         ctx.submit();
      if (!query.fence->wait_submitted(wait ? UINT64_MAX : 0))
         return screen.ws->lost();
      if (!screen.ws->wait_submission(query.fence->number(), wait ? UINT64_MAX : 0))
         return false;
      take_read_backs(screen);
      if (!query.part.bo) {
         query.result = query.type == PIPE_QUERY_GPU_FINISHED;
         query.ready = true;
      } else if (!read_result(screen, query, wait)) {
         if (!wait && !screen.ws->lost())
            return false;
         query.result = 0; // nothing to wait for
      }
   }

   switch (query.type) {
   case PIPE_QUERY_OCCLUSION_PREDICATE:
   case PIPE_QUERY_OCCLUSION_PREDICATE_CONSERVATIVE:
   case PIPE_QUERY_SO_OVERFLOW_PREDICATE:
   case PIPE_QUERY_SO_OVERFLOW_ANY_PREDICATE:
   case PIPE_QUERY_GPU_FINISHED:
      result->u64 = 0;
      result->b = query.result != 0;
      break;
   default:
      result->u64 = query.result;
      break;
   }
   return true;
}

// The sum of several of the host's queries, which the host cannot write: it is waited for.
void write_sum(Context &ctx, Query &query, pipe_query_value_type type, int index,
               pipe_resource *resource, unsigned offset)
{
   pipe_query_result result{};
   if (!get_query_result(&ctx.base, reinterpret_cast<pipe_query *>(&query), true, &result))
      return;
   // Predicates have nothing beside their bool.
   const uint64_t value = index == -1 ? 1 : result.u64;
   uint32_t narrow = 0;
   switch (type) {
   case PIPE_QUERY_TYPE_I32:
      narrow = uint32_t(std::min<uint64_t>(value, INT32_MAX));
      break;
   case PIPE_QUERY_TYPE_U32:
      narrow = uint32_t(std::min<uint64_t>(value, UINT32_MAX));
      break;
   default:
      ctx.base.buffer_subdata(&ctx.base, resource, PIPE_MAP_WRITE, offset, sizeof(value), &value);
      return;
   }
   ctx.base.buffer_subdata(&ctx.base, resource, PIPE_MAP_WRITE, offset, sizeof(narrow), &narrow);
}

void get_query_result_resource(pipe_context *pipe, pipe_query *q, enum pipe_query_flags flags,
                               enum pipe_query_value_type type, int index, pipe_resource *resource,
                               unsigned offset)
{
   Context &ctx = Context::from(pipe);
   Query &query = from(q);
   if (!query.part.bo)
      return;
   if (!query.earlier.empty()) {
      write_sum(ctx, query, type, index, resource, offset);
      return;
   }
   Resource &res = *Resource::from(resource);
   ctx.make_room(query_room);
   const proto::ResourceHandle target = use_buffer(ctx, res);
   const unsigned bytes = type == PIPE_QUERY_TYPE_I64 || type == PIPE_QUERY_TYPE_U64 ? 8 : 4;
   mark_buffer_written(res, offset, bytes);
   note_write(ctx, res, offset, bytes);
   ctx.emit(proto::GetQueryResultQbo{.handle = use_query(ctx, query),
                                     .resource = target,
                                     .wait = (flags & PIPE_QUERY_WAIT) != 0,
                                     .result_type = static_cast<proto::QueryResultType>(type),
                                     .offset = offset,
                                     .index = index});
}

void render_condition(pipe_context *pipe, pipe_query *q, bool condition,
                      enum pipe_render_cond_flag mode)
{
   Context &ctx = Context::from(pipe);
   QueryPart *part = nullptr;
   if (q && from(q).part.bo) {
      // Of several parts one that counted something stands for all.
      Query &query = from(q);
      part = &query.part;
      pipe_query_result unused;
      if (!query.earlier.empty())
         get_query_result(pipe, q, true, &unused);
      for (QueryPart &earlier : query.earlier) {
         uint64_t counted = 0;
         if (read_part(ctx.screen, query.type, *earlier.bo, true, counted) && counted > 0)
            part = &earlier;
      }
   }
   ctx.render_condition = {q ? &from(q) : nullptr, part, condition, uint32_t(mode)};
   ctx.set_dirty(Dirty::render_condition);
}

void set_active_query_state(pipe_context *pipe, bool enable)
{
   Context &ctx = Context::from(pipe);
   ctx.queries_paused = !enable;
   if (enable)
      return; // the next draw goes on
   for (Query *query : ctx.active_queries) {
      if (query->open && pausable(query->type)) {
         close_part(ctx, *query);
         ctx.queries_closed = true;
      }
   }
}

// GL_TIMESTAMP: the host's clock, which is that of the queries, has to be asked for by a query, too.
uint64_t get_timestamp(pipe_context *pipe)
{
   pipe_query_result result{};
   if (pipe_query *query = create_query(pipe, PIPE_QUERY_TIMESTAMP, 0)) {
      end_query(pipe, query);
      get_query_result(pipe, query, true, &result);
      destroy_query(pipe, query);
   }
   return result.u64 ? result.u64 : uint64_t(os_time_get_nano());
}

} // namespace

proto::ObjectHandle use_query(Context &ctx, const Query &query, QueryPart &part)
{
   if (!part.bo)
      return proto::ObjectHandle::none;
   ctx.batch.reference(*part.bo);
   if (!part.object.encoded) {
      proto::QueryType type{};
      host_query_type(query.type, type);
      part.object.encoded = true;
      ctx.emit(proto::CreateQuery{.handle = part.object.handle,
                                  .type = type,
                                  .index = query.index,
                                  .offset = 0,
                                  .resource = part.bo->handle()});
   }
   return part.object.handle;
}

void resume_queries(Context &ctx)
{
   ctx.queries_closed = false;
   for (Query *query : ctx.active_queries) {
      if (query->open)
         continue;
      BoRef memory = create_result_memory(ctx);
      if (!memory)
         continue;
      query->earlier.push_back(std::move(query->part));
      query->part = {{ctx.screen.new_object(), false}, std::move(memory)};
      open_part(ctx, *query);
   }
}

std::shared_ptr<Query> begin_count(Context &ctx, unsigned stream)
{
   BoRef memory = create_result_memory(ctx);
   if (!memory)
      return nullptr;
   // Whoever drops it last: the host's object goes with the next batch.
   std::shared_ptr<Query> query(new Query{}, [&ctx](Query *q) {
      retire_part(ctx, q->part);
      delete q;
   });
   query->type = PIPE_QUERY_PRIMITIVES_EMITTED;
   query->index = stream;
   query->part = {{ctx.screen.new_object(), false}, std::move(memory)};
   open_part(ctx, *query);
   return query;
}

void end_count(Context &ctx, Query &query)
{
   close_part(ctx, query);
   query.fence = std::make_shared<Fence>(&ctx);
   ctx.batch.attach(query.fence);
}

uint64_t count_result(Context &ctx, Query &query)
{
   pipe_query_result result{};
   get_query_result(&ctx.base, reinterpret_cast<pipe_query *>(&query), true, &result);
   return result.u64;
}

bool counts_emitted(const Context &ctx, unsigned stream)
{
   return std::any_of(ctx.active_queries.begin(), ctx.active_queries.end(), [=](const Query *query) {
      return query->type == PIPE_QUERY_PRIMITIVES_EMITTED && query->index == stream;
   });
}

bool counts_primitives(const Context &ctx)
{
   for (const Query *query : ctx.active_queries) {
      if (query->type == PIPE_QUERY_PRIMITIVES_GENERATED ||
          query->type == PIPE_QUERY_PRIMITIVES_EMITTED ||
          query->type == PIPE_QUERY_PIPELINE_STATISTICS_SINGLE)
         return true;
   }
   return false;
}

void context_init_queries(Context &ctx)
{
   pipe_context &p = ctx.base;
   p.create_query = create_query;
   p.destroy_query = destroy_query;
   p.begin_query = begin_query;
   p.end_query = end_query;
   p.get_query_result = get_query_result;
   p.get_query_result_resource = get_query_result_resource;
   p.render_condition = render_condition;
   p.set_active_query_state = set_active_query_state;
   p.get_timestamp = get_timestamp;
}

} // namespace virgl
