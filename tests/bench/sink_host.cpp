// SPDX-License-Identifier: MIT
// A vtest server that renders nothing: it says what a real one says, counts what it is sent, and
// answers at once. What a program costs on it is what the guest's side of the driver costs.
//
//    sink_host --socket-path=S (--caps-from=SOCKET | --caps=FILE) --counters=FILE [--validate]
//    sink_host --caps-from=SOCKET --save-caps=FILE
//    sink_host --layout
//
// --caps-from asks a virgl_test_server for its capsets and the version it speaks; FILE holds the
// bytes of a capset 2. --counters is what others read (sink_counters.hpp).

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <getopt.h>
#include <mutex>
#include <new>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "sink_counters.hpp"
#include "sink_session.hpp"

using namespace virgl::sink;
namespace proto = virgl::proto;
namespace wire = virgl::proto::vtest;

namespace {

[[noreturn]] void die(const char *what, const char *name)
{
   std::fprintf(stderr, "sink_host: %s %s: %s\n", what, name, std::strerror(errno));
   std::exit(1);
}

[[noreturn]] void refuse(const char *text)
{
   std::fprintf(stderr, "sink_host: %s\n", text);
   std::exit(2);
}

sockaddr_un address_of(const char *path)
{
   sockaddr_un address{};
   address.sun_family = AF_UNIX;
   if (std::strlen(path) >= sizeof address.sun_path)
      refuse("the socket's path is too long");
   std::strcpy(address.sun_path, path);
   return address;
}

void receive(int fd, void *data, size_t bytes, const char *from)
{
   auto *p = static_cast<char *>(data);
   while (bytes != 0) {
      const ssize_t n = read(fd, p, bytes);
      if (n < 0 && errno == EINTR)
         continue;
      if (n <= 0) {
         errno = n == 0 ? ECONNRESET : errno;
         die("cannot read from", from);
      }
      p += n;
      bytes -= size_t(n);
   }
}

template <typename... Requests> void request(int fd, const char *to, const Requests &...requests)
{
   uint32_t words[32];
   uint32_t *end = words;
   ((end = requests.write(end)), ...);
   const size_t bytes = size_t(end - words) * sizeof(uint32_t);
   if (send(fd, words, bytes, MSG_NOSIGNAL) != ssize_t(bytes))
      die("cannot write to", to);
}

std::vector<std::byte> receive_capset(int fd, const char *from)
{
   uint32_t header[2];
   receive(fd, header, sizeof header, from);
   const auto reply = wire::CapsReply::parse(wire::Header{header[0], header[1]});
   if (!reply)
      refuse("the server's answer to the question for its capset makes no sense");
   std::vector<std::byte> capset(reply->bytes);
   receive(fd, capset.data(), capset.size(), from);
   return capset;
}

// Asks a real server what it is.
Face face_from_server(const char *path)
{
   const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
   const sockaddr_un address = address_of(path);
   if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0)
      die("cannot connect to", path);
   // A server that does not answer would be waited for without end.
   const timeval limit{.tv_sec = 20, .tv_usec = 0};
   setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);

   static constexpr char name[4] = "snk"; // with its NUL a whole dword
   request(fd, path, wire::CreateRenderer{.name_bytes = sizeof name});
   if (send(fd, name, sizeof name, MSG_NOSIGNAL) != sizeof name)
      die("cannot write to", path);
   request(fd, path, wire::PingProtocolVersion{}, wire::ProtocolVersion{.version = 3},
           wire::GetCaps2{}, wire::GetCaps{});
   uint32_t answers[5]; // two headers, and the version
   receive(fd, answers, sizeof answers, path);
   if (answers[1] != uint32_t(wire::Command::ping_protocol_version) ||
       answers[3] != uint32_t(wire::Command::protocol_version))
      refuse("the server does not know protocol versions");
   Face face;
   face.newest_version = answers[4];
   face.capset2 = receive_capset(fd, path);
   face.capset1 = receive_capset(fd, path);
   close(fd);
   return face;
}

Face face_from_file(const char *path)
{
   FILE *f = std::fopen(path, "rb");
   if (!f)
      die("cannot read", path);
   Face face;
   face.capset2.resize(wire::CapsReply::max_bytes);
   face.capset2.resize(std::fread(face.capset2.data(), 1, face.capset2.size(), f));
   std::fclose(f);
   if (face.capset2.size() < sizeof(proto::CapsV1))
      refuse("the file with the capset is too short for one");
   // Capset 1 is how 2 begins, under its own version.
   face.capset1.assign(face.capset2.begin(), face.capset2.begin() + sizeof(proto::CapsV1));
   const uint32_t version = 1;
   std::memcpy(face.capset1.data(), &version, sizeof version);
   return face;
}

Slot *map_counters(const char *path)
{
   const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
   if (fd < 0 || ftruncate(fd, off_t(max_slots * sizeof(Slot))) != 0)
      die("cannot write", path);
   void *p = mmap(nullptr, max_slots * sizeof(Slot), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
   if (p == MAP_FAILED)
      die("cannot map", path);
   close(fd);
   return static_cast<Slot *>(p);
}

class Slots {
public:
   explicit Slots(Slot *slots) : slots_(slots) {}

   // An unused slot, or else the one that was closed first; null where all are in use.
   Slot *take(uint64_t pid)
   {
      std::lock_guard hold(lock_);
      Slot *best = nullptr;
      for (uint32_t i = 0; i < max_slots; i++) {
         Slot &s = slots_[(next_ + i) % max_slots];
         if (s.state != uint64_t(SlotState::open)) {
            best = &s;
            next_ = (next_ + i + 1) % max_slots;
            break;
         }
      }
      if (best) {
         Update update(*best);
         std::memset(reinterpret_cast<char *>(best) + sizeof best->sequence, 0,
                     sizeof *best - sizeof best->sequence);
         best->pid = pid;
         best->state = uint64_t(SlotState::open);
      }
      return best;
   }

   void give_back(Slot &slot)
   {
      std::lock_guard hold(lock_);
      Update update(slot);
      slot.state = uint64_t(SlotState::closed);
   }

private:
   Slot *slots_;
   uint32_t next_ = 0;
   std::mutex lock_;
};

uint64_t client_pid(int fd)
{
   ucred who{};
   socklen_t size = sizeof who;
   return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 ? uint64_t(who.pid) : 0;
}

} // namespace

int main(int argc, char **argv)
{
   static const option names[] = {
      {"socket-path", required_argument, nullptr, 's'}, {"caps-from", required_argument, nullptr, 'f'},
      {"caps", required_argument, nullptr, 'c'},        {"save-caps", required_argument, nullptr, 'o'},
      {"counters", required_argument, nullptr, 'n'},    {"validate", no_argument, nullptr, 'v'},
      {"layout", no_argument, nullptr, 'l'},            {},
   };
   const char *socket_path = nullptr, *caps_from = nullptr, *caps = nullptr, *save = nullptr,
              *counters = nullptr;
   bool validate = false;
   for (int c; (c = getopt_long(argc, argv, "", names, nullptr)) != -1;) {
      switch (c) {
      case 's': socket_path = optarg; break;
      case 'f': caps_from = optarg; break;
      case 'c': caps = optarg; break;
      case 'o': save = optarg; break;
      case 'n': counters = optarg; break;
      case 'v': validate = true; break;
      case 'l': print_layout(); return 0;
      default: return 2;
      }
   }
   if (!caps_from == !caps)
      refuse("one of --caps-from and --caps must be given");
   Face face = caps_from ? face_from_server(caps_from) : face_from_file(caps);
   face.caps = proto::Caps::parse(2, face.capset2);
   if (save) {
      FILE *f = std::fopen(save, "wb");
      if (!f || std::fwrite(face.capset2.data(), 1, face.capset2.size(), f) != face.capset2.size() ||
          std::fclose(f) != 0)
         die("cannot write", save);
      return 0;
   }
   if (!socket_path || !counters)
      refuse("--socket-path and --counters must be given");

   std::signal(SIGPIPE, SIG_IGN);
   Slots slots(map_counters(counters));
   const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
   const sockaddr_un address = address_of(socket_path);
   unlink(socket_path);
   if (listener < 0 ||
       bind(listener, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0 ||
       listen(listener, 16) != 0)
      die("cannot listen at", socket_path);

   for (;;) {
      const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) {
         if (errno == EINTR || errno == ECONNABORTED)
            continue;
         die("cannot accept at", socket_path);
      }
      Slot *slot = slots.take(client_pid(fd));
      if (!slot) {
         close(fd); // as many clients as can be counted are here
         continue;
      }
      std::thread([fd, slot, validate, &face, &slots] {
         Session(fd, *slot, face, validate).run();
         slots.give_back(*slot);
      }).detach();
   }
}
