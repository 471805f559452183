// SPDX-License-Identifier: MIT
#include "fake_virtgpu_fences.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace virgl::test {

namespace {

// All sync files of the process, by the inode of their pipe: devices take each other's.
struct Registry {
   std::mutex mutex;
   std::map<ino_t, SyncFileInfo> files;
};

Registry &registry()
{
   static Registry r;
   return r;
}

void forget(ino_t inode)
{
   std::lock_guard lock(registry().mutex);
   registry().files.erase(inode);
}

// A byte into a pipe whose reader another thread may close at any moment: without SIGPIPE, which the
// rest of the process is to go on getting.
void write_quietly(int fd)
{
   sigset_t pipe_signal, before;
   sigemptyset(&pipe_signal);
   sigaddset(&pipe_signal, SIGPIPE);
   pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
   if (write(fd, "", 1) < 0 && errno == EPIPE) {
      const timespec now{};
      sigtimedwait(&pipe_signal, nullptr, &now);
   }
   pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

} // namespace

uint64_t new_fence_context()
{
   static std::atomic<uint64_t> last{0};
   return ++last;
}

SyncFiles::~SyncFiles()
{
   for (Entry &e : entries_)
      forget(e.inode);
}

int SyncFiles::create(std::shared_ptr<Fence> fence)
{
   sweep();
   int ends[2];
   struct stat st;
   if (pipe2(ends, O_CLOEXEC) != 0)
      return -1;
   fstat(ends[0], &st);
   {
      std::lock_guard lock(registry().mutex);
      registry().files[st.st_ino] = {fence->context, virtio_};
   }
   const bool signalled = fence->signalled;
   entries_.push_back({UniqueFd(ends[1]), st.st_ino, std::move(fence)});
   if (signalled)
      signal(*entries_.back().fence);
   return ends[0];
}

void SyncFiles::signal(const Fence &fence)
{
   for (Entry &e : entries_) {
      if (e.fence.get() != &fence)
         continue;
      write_quietly(e.write_end.get());
   }
}

size_t SyncFiles::sweep()
{
   std::erase_if(entries_, [](const Entry &e) {
      pollfd p{e.write_end.get(), 0, 0};
      const bool closed = poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
      if (closed)
         forget(e.inode);
      return closed;
   });
   return entries_.size();
}

std::optional<SyncFileInfo> sync_file_info(int fd)
{
   struct stat st;
   if (fd < 0 || fstat(fd, &st) != 0 || !S_ISFIFO(st.st_mode))
      return std::nullopt;
   std::lock_guard lock(registry().mutex);
   const auto it = registry().files.find(st.st_ino);
   return it == registry().files.end() ? std::nullopt : std::optional(it->second);
}

bool wait_sync_file(int fd)
{
   pollfd p{fd, POLLIN, 0};
   int got;
   while ((got = poll(&p, 1, 20'000)) < 0 && errno == EINTR)
      ;
   return got == 1;
}

} // namespace virgl::test
