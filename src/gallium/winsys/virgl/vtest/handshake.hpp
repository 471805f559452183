// SPDX-License-Identifier: MIT
// How a vtest session begins: name, version, capset.
#pragma once

#include <string>

#include "gallium/winsys/virgl/vtest/vtest.hpp"

namespace virgl::vtest {

struct Session {
   // Spoken from now on: 0, 2 or 3.
   uint32_t version = 0;
   proto::Caps caps;
};

struct HandshakeResult {
   bool ok = false;
   // The server hung up when it was offered a version: it may want a newer one.
   bool version_refused = false;
   // What to tell a person.
   std::string reason;
};

HandshakeResult handshake(Stream &stream, const Options &options, uint32_t max_version,
                          Session &session);

} // namespace virgl::vtest
