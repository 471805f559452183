// SPDX-License-Identifier: MIT
// VERGLAS_DEBUG: what the driver says about itself on stderr.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "gallium/winsys/virgl/winsys.hpp"

namespace virgl {

// Words of VERGLAS_DEBUG, separated by commas.
enum class Debug : uint32_t {
   shaders = 1u << 0,  // the text of every shader
   commands = 1u << 1, // every command of every submission
   validate = 1u << 2, // submissions checked before they are sent; a fault is a lost context
};

bool debug_enabled(Debug flag);

// What VERGLAS_HOST_DEBUG wants the host to say about our contexts, in the host's words; may be empty.
std::string_view host_debug_flags();

// Looks at each submission of a screen before it goes out. Thread-safe.
class StreamObserver {
public:
   virtual ~StreamObserver() = default;
   // False: do not send it. One line on stderr has said why.
   virtual bool look(std::span<const uint32_t> commands) = 0;
};

// nullptr when VERGLAS_DEBUG asks for nothing of the kind.
std::unique_ptr<StreamObserver> create_stream_observer(const proto::Caps &caps);

} // namespace virgl
