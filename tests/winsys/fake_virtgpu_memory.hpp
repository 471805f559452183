// SPDX-License-Identifier: MIT
// Guest memory of the fake device: pages of one file, so that several mappings, also those of other
// file descriptions, see the same bytes, and an unmapped address is really gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "gallium/winsys/virgl/common/unique_fd.hpp"

namespace virgl::test {

inline constexpr uint64_t page_bytes = 4096;
inline constexpr uint64_t to_pages(uint64_t bytes)
{
   return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

class GuestPages;

// The pages of one device. Not thread-safe; the kernel's lock guards it.
class PageFile {
public:
   explicit PageFile(uint64_t max_pages);

   // Zeroed; nullptr when there are not so many.
   std::shared_ptr<GuestPages> allocate(uint64_t bytes);

private:
   friend class GuestPages;
   UniqueFd fd_;
   uint64_t end_ = 0;
   uint64_t used_ = 0, max_;
};

class GuestPages {
public:
   GuestPages(PageFile &file, uint64_t at, uint64_t asked);
   ~GuestPages();
   GuestPages(const GuestPages &) = delete;

   // Where they lie in the file; the offset that mmap() is told is made of it.
   uint64_t at() const { return at_; }
   // Whole pages.
   uint64_t bytes() const { return to_pages(asked_); }
   uint64_t asked() const { return asked_; }

   // The host's access. The range must lie within bytes().
   void read(uint64_t at, void *to, size_t bytes) const;
   void write(uint64_t at, const void *from, size_t bytes);

   // A mapping of its own with a guard page at each end; MAP_FAILED and errno.
   void *map(size_t bytes);
   static void unmap(void *memory, size_t bytes);

   // Whether somebody wrote between what was asked for and the end of the last page.
   bool overrun() const;

private:
   PageFile &file_;
   uint64_t at_, asked_;
   bool touched_ = false;
};

} // namespace virgl::test
