// SPDX-License-Identifier: MIT
#include "debug.hpp"

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <string>

#include "protocol/printer.hpp"
#include "protocol/validator.hpp"
#include "util/u_debug.h"

namespace virgl {

namespace {

class Observer final : public StreamObserver {
public:
   explicit Observer(const proto::Caps &caps) : caps_(caps), validator_({.caps = &caps_}) {}

   bool look(std::span<const uint32_t> commands) override
   {
      std::lock_guard hold(lock_);
      number_++;
      if (debug_enabled(Debug::commands)) {
         std::fprintf(stderr, "verglas: submission %llu, %zu dwords\n",
                      static_cast<unsigned long long>(number_), commands.size());
         proto::print_stream(commands, {}, [](std::string_view line) {
            std::fprintf(stderr, "%.*s\n", int(line.size()), line.data());
         });
      }
      if (debug_enabled(Debug::validate)) {
         if (const auto fault = validator_.submit(commands)) {
            std::fprintf(stderr, "verglas: submission %llu: %s\n",
                         static_cast<unsigned long long>(number_),
                         proto::to_string(*fault).c_str());
            return false;
         }
      }
      return true;
   }

private:
   std::mutex lock_;
   proto::Caps caps_;
   proto::Validator validator_;
   uint64_t number_ = 0;
};

} // namespace

std::string_view host_debug_flags()
{
   static const std::string flags = [] {
      std::string text = debug_get_option("VERGLAS_HOST_DEBUG", "");
      text.resize(std::min<size_t>(text.size(), 1024));
      if (!text.empty() && text.size() <= 4)
         text.resize(8); // hosts want two dwords at least, and stop at a zero
      return text;
   }();
   return flags;
}

bool debug_enabled(Debug flag)
{
   static const uint32_t enabled = [] {
      static const debug_named_value names[] = {
         {"shaders", uint64_t(Debug::shaders), "Print the text of every shader"},
         {"commands", uint64_t(Debug::commands), "Print every command sent"},
         {"validate", uint64_t(Debug::validate), "Check submissions before they are sent"},
         DEBUG_NAMED_VALUE_END,
      };
      return uint32_t(debug_get_flags_option("VERGLAS_DEBUG", names, 0));
   }();
   return (enabled & uint32_t(flag)) != 0;
}

std::unique_ptr<StreamObserver> create_stream_observer(const proto::Caps &caps)
{
   if (debug_enabled(Debug::commands) || debug_enabled(Debug::validate))
      return std::make_unique<Observer>(caps);
   return nullptr;
}

} // namespace virgl
