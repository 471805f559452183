// SPDX-License-Identifier: MIT
#include "fake_virtgpu_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace virgl::test {

PageFile::PageFile(uint64_t max_pages)
   : fd_(memfd_create("fake-virtgpu", MFD_CLOEXEC)), max_(max_pages)
{
   // Sparse, so that it can be as long as it will ever get.
   if (!fd_ || ftruncate(fd_.get(), off_t(1) << 44) != 0)
      abort();
}

std::shared_ptr<GuestPages> PageFile::allocate(uint64_t bytes)
{
   const uint64_t pages = to_pages(bytes) / page_bytes;
   if (pages > max_ - used_)
      return nullptr;
   // Offsets are never used again, so that what is stale is refused.
   auto p = std::make_shared<GuestPages>(*this, end_, bytes);
   end_ += pages * page_bytes;
   used_ += pages;
   return p;
}

GuestPages::GuestPages(PageFile &file, uint64_t at, uint64_t asked)
   : file_(file), at_(at), asked_(asked)
{
}

GuestPages::~GuestPages()
{
   if (touched_) {
      fallocate(file_.fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off_t(at_),
                off_t(bytes()));
   }
   file_.used_ -= bytes() / page_bytes;
}

void GuestPages::read(uint64_t at, void *to, size_t n) const
{
   if (pread(file_.fd_.get(), to, n, off_t(at_ + at)) != ssize_t(n))
      abort();
}

void GuestPages::write(uint64_t at, const void *from, size_t n)
{
   touched_ = true;
   if (pwrite(file_.fd_.get(), from, n, off_t(at_ + at)) != ssize_t(n))
      abort();
}

void *GuestPages::map(size_t n)
{
   const size_t whole = to_pages(n);
   void *reserved = mmap(nullptr, whole + 2 * page_bytes, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
   if (reserved == MAP_FAILED)
      return MAP_FAILED;
   touched_ = true;
   std::byte *inside = static_cast<std::byte *>(reserved) + page_bytes;
   if (mmap(inside, whole, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file_.fd_.get(),
            off_t(at_)) == MAP_FAILED) {
      const int error = errno;
      munmap(reserved, whole + 2 * page_bytes);
      errno = error;
      return MAP_FAILED;
   }
   return inside;
}

void GuestPages::unmap(void *memory, size_t n)
{
   munmap(static_cast<std::byte *>(memory) - page_bytes, to_pages(n) + 2 * page_bytes);
}

bool GuestPages::overrun() const
{
   if (!touched_ || asked_ % page_bytes == 0)
      return false;
   std::byte rest[page_bytes];
   const size_t n = bytes() - asked_;
   read(asked_, rest, n);
   return std::any_of(rest, rest + n, [](std::byte b) { return b != std::byte(0); });
}

} // namespace virgl::test
