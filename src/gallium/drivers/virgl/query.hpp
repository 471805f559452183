// SPDX-License-Identifier: MIT
// Queries: objects whose results the host writes into guest memory.
#pragma once

#include <atomic>
#include <memory>

#include "util/u_threaded_context.h"

#include "context.hpp"

namespace virgl {

struct Query {
   struct threaded_query base; // first: Gallium's handle is the address of this member
   Object object;
   pipe_query_type type{};
   uint32_t index = 0;
   // proto::QueryState at its start, written by the host.
   BoRef bo;
   // Set by end_query: the batch that carries the request for the result.
   std::shared_ptr<Fence> fence;
   bool begun = false; // between begin and end
   bool ready = false;
   uint64_t result = 0;
};

// Encodes the query if that has not happened yet.
proto::ObjectHandle use_query(Context &ctx, Query &query);

} // namespace virgl
