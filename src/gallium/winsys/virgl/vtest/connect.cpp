// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>

#include "gallium/winsys/virgl/vtest/handshake.hpp"
#include "gallium/winsys/virgl/vtest/vtest_winsys.hpp"

namespace virgl::vtest {

namespace {

// The newest version known here, and the one that is best spoken (see Options::max_version).
constexpr uint32_t newest_version = 3;
constexpr uint32_t preferred_version = 2;

std::optional<unsigned> number_from(const char *variable, unsigned min, unsigned max)
{
   const char *text = getenv(variable);
   if (!text || !*text)
      return std::nullopt;
   char *end = nullptr;
   errno = 0;
   unsigned long value = strtoul(text, &end, 10);
   if (errno || *end || *text < '0' || *text > '9' || value < min || value > max) {
      fprintf(stderr, "verglas: %s='%s' is not a number from %u to %u, ignored\n", variable, text,
              min, max);
      return std::nullopt;
   }
   return unsigned(value);
}

void complain(const Options &options, const char *what, const char *why)
{
   fprintf(stderr, "verglas: vtest socket '%s': %s: %s\n", options.socket_path.c_str(), what, why);
}

UniqueFd open_socket(const Options &options)
{
   sockaddr_un address{};
   address.sun_family = AF_UNIX;
   if (options.socket_path.empty() || options.socket_path.size() >= sizeof address.sun_path) {
      complain(options, "cannot connect",
               options.socket_path.empty() ? "no path" : strerror(ENAMETOOLONG));
      return {};
   }
   memcpy(address.sun_path, options.socket_path.c_str(), options.socket_path.size() + 1);

   UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
   // A server that does not accept has a backlog, and connecting waits for room in it.
   timeval limit{};
   limit.tv_sec = options.handshake_timeout.count() / 1000;
   limit.tv_usec = options.handshake_timeout.count() % 1000 * 1000;
   if (fd)
      setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
   int rc = fd ? 0 : -1;
   while (fd &&
          (rc = ::connect(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address)) != 0 &&
          errno == EINTR)
      ;
   if (rc != 0) {
      complain(options, "cannot connect",
               errno == EAGAIN ? "the server does not accept connections" : strerror(errno));
      return {};
   }
   return fd;
}

// The session of a connected socket, or why there is none.
std::unique_ptr<Winsys> begin(UniqueFd fd, const Options &options, uint32_t max_version,
                              HandshakeResult &result)
{
   Stream stream(std::move(fd), {options.handshake_timeout, options.handshake_timeout});
   Session session;
   result = handshake(stream, options, max_version, session);
   if (!result.ok)
      return nullptr;
   auto *ws = new (std::nothrow) VtestWinsys(std::move(stream), std::move(session), options);
   if (!ws)
      result.reason = "out of memory";
   return std::unique_ptr<Winsys>(ws);
}

} // namespace

Options Options::from_environment()
{
   Options o;
   const char *path = getenv("VTEST_SOCKET_NAME");
   o.socket_path = path && *path ? path : wire::default_socket;
   o.max_version = number_from("VERGLAS_VTEST_VERSION", 0, newest_version);
   if (auto seconds = number_from("VERGLAS_VTEST_TIMEOUT", 1, 86'400))
      o.timeouts.busy = std::chrono::seconds(*seconds);
   if (program_invocation_short_name && *program_invocation_short_name)
      o.client_name = program_invocation_short_name;
   return o;
}

std::unique_ptr<Winsys> connect(const Options &options)
{
   uint32_t version = options.max_version.value_or(preferred_version);
   for (;;) {
      UniqueFd fd = open_socket(options);
      if (!fd)
         return nullptr;
      HandshakeResult result;
      if (auto ws = begin(std::move(fd), options, version, result))
         return ws;
      if (!result.version_refused || options.max_version || version == newest_version) {
         complain(options, "handshake failed", result.reason.c_str());
         return nullptr;
      }
      version = newest_version;
   }
}

std::unique_ptr<Winsys> connect_fd(int fd, const Options &options)
{
   HandshakeResult result;
   auto ws = begin(UniqueFd(fd), options, options.max_version.value_or(preferred_version), result);
   if (!ws)
      complain(options, "handshake failed", result.reason.c_str());
   return ws;
}

} // namespace virgl::vtest
