// SPDX-License-Identifier: MIT
// The winsys over a vtest socket: a host process on this machine.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "gallium/winsys/virgl/common/bo_cache.hpp"
#include "gallium/winsys/virgl/vtest/stream.hpp"
#include "gallium/winsys/virgl/winsys.hpp"

namespace virgl::vtest {

struct Options {
   std::string socket_path;
   // The newest protocol version to offer. Not set: 2, and 3 to servers that refuse to speak 2
   // (virgl_test_server --multi-clients). 3 is not the first choice because creating a resource
   // then needs the server's answer before anything can go on: 80-230 us against 2 us.
   std::optional<uint32_t> max_version;
   // What the host calls this client in its log.
   std::string client_name = "verglas";
   // For each answer while the connection is set up.
   milliseconds handshake_timeout{5'000};
   // From then on.
   Timeouts timeouts;
   BoCache::Limits cache;

   // VTEST_SOCKET_NAME: the socket (else the protocol's default path).
   // VERGLAS_VTEST_VERSION: 0 to 3, sets max_version.
   // VERGLAS_VTEST_TIMEOUT: seconds until a host that does not answer is given up (60).
   static Options from_environment();
};

// Connects and shakes hands. nullptr, after one line on stderr, when that fails.
std::unique_ptr<Winsys> connect(const Options &options = Options::from_environment());
// The same on a connected socket, which it takes over. `options.socket_path` is only told to
// people.
std::unique_ptr<Winsys> connect_fd(int fd, const Options &options);

} // namespace virgl::vtest
