// SPDX-License-Identifier: MIT
//
// Preloaded into programs that run on stock virgl: leads its vtest connection to a private socket.
//
// Mesa 22.3 connects to VTEST_DEFAULT_SOCKET_NAME of its vtest_protocol.h and to nothing else
// (VTEST_SOCKET_NAME came with a later version), so two measurements on one machine, or two users,
// would meet in /tmp. Only that one address is changed, and only when the socket is connected:
// what is measured afterwards is stock alone.

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace {

constexpr char fixed_path[] = "/tmp/.virgl_test";

bool is_stock_vtest(const sockaddr *address, socklen_t size)
{
   if (address == nullptr || size < sizeof(sockaddr_un) || address->sa_family != AF_UNIX)
      return false;
   const auto *local = reinterpret_cast<const sockaddr_un *>(address);
   return std::strncmp(local->sun_path, fixed_path, sizeof(local->sun_path)) == 0;
}

} // namespace

extern "C" __attribute__((visibility("default"))) int connect(int fd, const sockaddr *address,
                                                              socklen_t size)
{
   using Connect = int (*)(int, const sockaddr *, socklen_t);
   static const auto real_connect = reinterpret_cast<Connect>(dlsym(RTLD_NEXT, "connect"));

   const char *wanted = std::getenv("VTEST_SOCKET_NAME");
   if (wanted == nullptr || !is_stock_vtest(address, size))
      return real_connect(fd, address, size);

   sockaddr_un other{};
   other.sun_family = AF_UNIX;
   if (std::strlen(wanted) < sizeof(other.sun_path))
      std::strcpy(other.sun_path, wanted);
   return real_connect(fd, reinterpret_cast<const sockaddr *>(&other), sizeof(other));
}
