// SPDX-License-Identifier: MIT
// Fences and sync files of the fake kernel. A sync file is the reading end of a pipe: it can be
// polled and duplicated like a real one, and the other end tells when the last duplicate is closed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <sys/types.h>

#include "gallium/winsys/virgl/common/unique_fd.hpp"

namespace virgl::test {

// A number that no other timeline of the process has.
uint64_t new_fence_context();

struct Fence {
   uint64_t context = 0;
   bool signalled = false;
};

// The sync files a device has handed out.
class SyncFiles {
public:
   // `virtio`: they say that they are this driver's.
   explicit SyncFiles(bool virtio) : virtio_(virtio) {}
   ~SyncFiles();

   // A descriptor for the caller, -1 and errno where there is none to be had.
   int create(std::shared_ptr<Fence> fence);
   // Makes those of `fence` readable.
   void signal(const Fence &fence);
   // How many are open; forgets the others.
   size_t sweep();

private:
   struct Entry {
      UniqueFd write_end;
      ino_t inode;
      std::shared_ptr<Fence> fence;
   };
   const bool virtio_;
   std::vector<Entry> entries_;
};

struct SyncFileInfo {
   uint64_t context; // its timeline
   bool virtio;
};
// Of a sync file of any fake device; nothing for any other descriptor.
std::optional<SyncFileInfo> sync_file_info(int fd);
// Waits until it is readable. False: it took too long for a test.
bool wait_sync_file(int fd);

} // namespace virgl::test
