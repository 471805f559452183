// SPDX-License-Identifier: MIT
// Queries: objects whose results the host writes into guest memory.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "util/u_threaded_context.h"

#include "context.hpp"

namespace virgl {

// A query of the host's.
struct QueryPart {
   Object object;
   BoRef bo; // proto::QueryState at its start, written by the host
};

struct Query {
   struct threaded_query base; // first: Gallium's handle is the address of this member
   pipe_query_type type{};
   uint32_t index = 0;
   // The host knows no pause: what is counted before one and after it are queries of its own, and the
   // result is their sum. Of most queries there is only this one; without `bo` where the host has none.
   QueryPart part;
   std::vector<QueryPart> earlier;
   bool open = false; // `part` counts
   // Set by end_query: the batch that carries the request for the result.
   std::shared_ptr<Fence> fence;
   bool begun = false; // between begin and end
   bool ready = false;
   uint64_t result = 0;
};

// Encodes the query if that has not happened yet.
proto::ObjectHandle use_query(Context &ctx, const Query &query, QueryPart &part);
inline proto::ObjectHandle use_query(Context &ctx, Query &query)
{
   return use_query(ctx, query, query.part);
}

// Queries of our own, of the primitives that are captured of a stream; nullptr out of memory.
std::shared_ptr<Query> begin_count(Context &ctx, unsigned stream);
void end_count(Context &ctx, Query &query);
uint64_t count_result(Context &ctx, Query &query);
// Whether a query of the application's does that.
bool counts_emitted(const Context &ctx, unsigned stream);

// Before a draw that counts: goes on with what a pause has ended.
void resume_queries(Context &ctx);
// Whether a query is active to which primitives are more than what they look like.
bool counts_primitives(const Context &ctx);

} // namespace virgl
