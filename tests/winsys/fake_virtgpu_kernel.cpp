// SPDX-License-Identifier: MIT
// What every DRM driver has: handles, names, dma-bufs, mappings; and the way in.
#include "fake_virtgpu_kernel.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <drm.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace virgl::test {

namespace {

// Fake offsets begin where no file of a test ends.
constexpr uint64_t first_offset = uint64_t(1) << 32;

ino_t inode_of(int fd)
{
   struct stat st;
   return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

// A file of its own on what `fd` is open on, -1 and errno.
int reopen(int fd)
{
   const std::string path = "/proc/self/fd/" + std::to_string(fd);
   return open(path.c_str(), O_RDWR | O_CLOEXEC);
}

// What stands for a dma-buf. Opened anew, because the lease below counts files that were opened.
UniqueFd dma_buf_file(uint64_t bytes)
{
   UniqueFd memory(memfd_create("fake-dmabuf", MFD_CLOEXEC));
   if (!memory || ftruncate(memory.get(), off_t(bytes)) != 0)
      return {};
   return UniqueFd(reopen(memory.get()));
}

// Whether nobody but `fd` has it open: only then may it be leased.
bool open_nowhere_else(int fd)
{
   if (fcntl(fd, F_SETLEASE, F_WRLCK) != 0)
      return false;
   fcntl(fd, F_SETLEASE, F_UNLCK);
   return true;
}

} // namespace

GemObject::~GemObject()
{
   kernel.objects_--;
   if (memory) {
      kernel.by_offset_.erase(memory->at());
      if (memory->overrun())
         kernel.host.complain("somebody wrote behind the end of resource " +
                              std::to_string(resource));
   }
   if (flink)
      kernel.names_.erase(flink);
   kernel.push([&host = kernel.host, id = resource] { host.unref(id); });
}

VirtgpuKernel::VirtgpuKernel(VirtgpuOptions o)
   : options(std::move(o)), host(options.caps), pages_(options.memory_pages), pace_(options.pace)
{
   if (pace_ == Pace::delayed)
      set_pace(pace_);
}

VirtgpuKernel::~VirtgpuKernel()
{
   {
      std::lock_guard lock(mutex);
      quit_ = true;
      changed_.notify_all();
   }
   if (thread_.joinable())
      thread_.join();
   for (auto &[address, m] : mappings_)
      GuestPages::unmap(address, m.bytes);
   mappings_.clear();
   dma_bufs_.clear();
   pace_ = Pace::at_once;
   drain(SIZE_MAX);
}

std::shared_ptr<Description> VirtgpuKernel::open()
{
   std::lock_guard lock(mutex);
   auto d = std::make_shared<Description>();
   d->ctx = ++last_ctx_;
   descriptions_.insert(d.get());
   return d;
}

void VirtgpuKernel::close(Description &d)
{
   std::lock_guard lock(mutex);
   leaked_handles_ += d.handles.size();
   while (!d.handles.empty())
      gem_close(d, d.handles.begin()->first);
   if (d.context_created)
      push([this, ctx = d.ctx] { host.destroy_context(ctx); });
   descriptions_.erase(&d);
}

// -- the way in -----------------------------------------------------------------------------------

Call VirtgpuKernel::call_of(unsigned long request, size_t &bytes) const
{
   static constexpr struct {
      unsigned long request;
      Call call;
      Linux since;
   } known[] = {
      {DRM_IOCTL_VERSION, Call::version, Linux::v4_9},
      {DRM_IOCTL_GEM_CLOSE, Call::gem_close, Linux::v4_9},
      {DRM_IOCTL_GEM_FLINK, Call::gem_flink, Linux::v4_9},
      {DRM_IOCTL_GEM_OPEN, Call::gem_open, Linux::v4_9},
      {DRM_IOCTL_PRIME_HANDLE_TO_FD, Call::prime_export, Linux::v4_9},
      {DRM_IOCTL_PRIME_FD_TO_HANDLE, Call::prime_import, Linux::v4_9},
      {abi::ioctl_map, Call::map, Linux::v4_9},
      {abi::ioctl_execbuffer, Call::execbuffer, Linux::v4_9},
      {abi::ioctl_getparam, Call::getparam, Linux::v4_9},
      {abi::ioctl_resource_create, Call::resource_create, Linux::v4_9},
      {abi::ioctl_resource_info, Call::resource_info, Linux::v4_9},
      {abi::ioctl_transfer_from_host, Call::transfer_from_host, Linux::v4_9},
      {abi::ioctl_transfer_to_host, Call::transfer_to_host, Linux::v4_9},
      {abi::ioctl_wait, Call::wait, Linux::v4_9},
      {abi::ioctl_get_caps, Call::get_caps, Linux::v4_9},
      {abi::ioctl_resource_create_blob, Call::resource_create_blob, Linux::v5_11},
      {abi::ioctl_context_init, Call::context_init, Linux::v6_1},
   };
   // Kernels look at the number; the size only says how much to copy.
   for (const auto &k : known) {
      if (_IOC_TYPE(request) == 'd' && _IOC_NR(request) == _IOC_NR(k.request) &&
          at_least(k.since)) {
         bytes = _IOC_SIZE(k.request);
         return k.call;
      }
   }
   return Call::unknown;
}

int VirtgpuKernel::refusal_of(Call call, bool out_fence)
{
   for (Rule &rule : rules) {
      Refusal &r = rule.refusal;
      if ((r.call != Call::count && r.call != call) || !r.times ||
          (r.with_out_fence && !out_fence))
         continue;
      if (r.after) {
         r.after--;
         continue;
      }
      if (r.one_in) {
         // xorshift64
         rule.random ^= rule.random << 13;
         rule.random ^= rule.random >> 7;
         rule.random ^= rule.random << 17;
         if (rule.random % r.one_in)
            continue;
      }
      r.times--;
      refused[size_t(call)]++;
      return r.error;
   }
   return 0;
}

int VirtgpuKernel::ioctl(Description &d, unsigned long request, void *argument)
{
   size_t known = 0;
   const Call call = call_of(request, known);
   if (options.before_call)
      options.before_call(call);
   Lock lock(mutex);
   calls[size_t(call)]++;
   if (call == Call::unknown)
      return _IOC_TYPE(request) == 'd' ? -EINVAL : -ENOTTY;
   if (!argument)
      return -EFAULT;

   // A shorter structure is filled up with zeros, and it is copied back even when refused.
   alignas(8) std::byte copy[256] = {};
   const size_t given = std::min<size_t>(_IOC_SIZE(request), sizeof copy);
   memcpy(copy, argument, std::min(given, known));
   const bool out_fence =
      call == Call::execbuffer &&
      (reinterpret_cast<abi::Execbuffer *>(copy)->flags & abi::exec_flag::fence_fd_out);
   int result = -refusal_of(call, out_fence);
   if (result == 0)
      result = dispatch(lock, d, call, copy);
   else if (call == Call::execbuffer && at_least(Linux::v5_4))
      reinterpret_cast<abi::Execbuffer *>(copy)->fence_fd = -1;
   memcpy(argument, copy, std::min(given, known));
   return result;
}

int VirtgpuKernel::dispatch(Lock &lock, Description &d, Call call, void *argument)
{
   auto as = [&]<typename T>(T *) -> T & { return *static_cast<T *>(argument); };
#define ARG(type) as(static_cast<type *>(nullptr))
   switch (call) {
   case Call::version:
      return version(argument);
   case Call::getparam:
      return getparam(ARG(abi::GetParam));
   case Call::get_caps:
      return get_caps(ARG(abi::GetCaps));
   case Call::context_init:
      return context_init(d, ARG(abi::ContextInit));
   case Call::resource_create:
      return resource_create(d, ARG(abi::ResourceCreate));
   case Call::resource_create_blob:
      return resource_create_blob(d, ARG(abi::ResourceCreateBlob));
   case Call::resource_info:
      return resource_info(d, ARG(abi::ResourceInfo));
   case Call::map:
      return map_offset(d, ARG(abi::Map));
   case Call::transfer_to_host:
   case Call::transfer_from_host:
      return transfer(d, ARG(abi::Transfer), call == Call::transfer_to_host);
   case Call::wait:
      return wait(lock, d, ARG(abi::Wait));
   case Call::execbuffer:
      return execbuffer(lock, d, ARG(abi::Execbuffer));
   case Call::gem_close:
      return gem_close(d, ARG(drm_gem_close).handle);
   case Call::gem_flink:
      return gem_flink(d, ARG(drm_gem_flink).handle, ARG(drm_gem_flink).name);
   case Call::gem_open: {
      uint64_t size = 0;
      const int result = gem_open(d, ARG(drm_gem_open).name, ARG(drm_gem_open).handle, size);
      ARG(drm_gem_open).size = size;
      return result;
   }
   case Call::prime_export:
      return prime_export(d, ARG(drm_prime_handle).handle, ARG(drm_prime_handle).flags,
                          ARG(drm_prime_handle).fd);
   case Call::prime_import:
      return prime_import(d, ARG(drm_prime_handle).fd, ARG(drm_prime_handle).handle);
   default:
      return -EINVAL;
   }
#undef ARG
}

int VirtgpuKernel::version(void *argument)
{
   drm_version &v = *static_cast<drm_version *>(argument);
   v.version_major = 0;
   v.version_minor = at_least(Linux::v5_4) ? 1 : 0;
   v.version_patchlevel = at_least(Linux::v5_4) ? 0 : 1;
   // Copies what there is room for, and says how long it really is.
   auto text = [](char *to, __kernel_size_t &room, const std::string &what) {
      if (to)
         memcpy(to, what.data(), std::min<size_t>(room, what.size()));
      room = what.size();
   };
   text(v.name, v.name_len, options.driver);
   text(v.date, v.date_len, "0");
   text(v.desc, v.desc_len, "virtio GPU");
   return 0;
}

// -- handles --------------------------------------------------------------------------------------

GemRef VirtgpuKernel::find(const Description &d, uint32_t handle) const
{
   const auto it = d.handles.find(handle);
   return it == d.handles.end() ? nullptr : it->second;
}

// Every handle attaches the resource to the context, and the end of *any* handle detaches it.
uint32_t VirtgpuKernel::new_handle(Description &d, GemRef object)
{
   need_context(d);
   // The lowest free one, as the kernel's idr gives them after it came around; here they are used
   // up first, so that stale ones are noticed.
   const uint32_t handle = ++d.last_handle;
   push([this, ctx = d.ctx, id = object->resource] { host.attach(ctx, id); });
   d.handles[handle] = std::move(object);
   return handle;
}

int VirtgpuKernel::gem_close(Description &d, uint32_t handle)
{
   const auto it = d.handles.find(handle);
   if (it == d.handles.end())
      return -EINVAL;
   const GemRef object = std::move(it->second);
   d.handles.erase(it);
   std::erase_if(d.prime, [&](const auto &entry) { return entry.second == handle; });
   push([this, ctx = d.ctx, id = object->resource] { host.detach(ctx, id); });
   return 0;
}

int VirtgpuKernel::gem_flink(Description &d, uint32_t handle, uint32_t &name)
{
   if (options.render_node)
      return -EACCES;
   const GemRef object = find(d, handle);
   if (!object)
      return -ENOENT;
   if (!object->flink) {
      object->flink = ++last_name_;
      names_[object->flink] = object;
   }
   name = object->flink;
   return 0;
}

int VirtgpuKernel::gem_open(Description &d, uint32_t name, uint32_t &handle, uint64_t &size)
{
   if (options.render_node)
      return -EACCES;
   const auto it = names_.find(name);
   GemRef object = it == names_.end() ? nullptr : it->second.lock();
   if (!object)
      return -ENOENT;
   size = object->memory ? object->memory->bytes() : page_bytes;
   handle = new_handle(d, std::move(object));
   return 0;
}

int VirtgpuKernel::prime_export(Description &d, uint32_t handle, uint32_t flags, int &fd)
{
   if (flags & ~uint32_t(DRM_CLOEXEC | DRM_RDWR))
      return -EINVAL;
   const GemRef object = find(d, handle);
   if (!object)
      return -ENOENT;
   sweep_dma_bufs();
   auto it = std::find_if(dma_bufs_.begin(), dma_bufs_.end(),
                          [&](const DmaBuf &b) { return b.object == object; });
   if (it == dma_bufs_.end()) {
      UniqueFd file = dma_buf_file(object->memory->bytes());
      if (!file)
         return -EMFILE;
      const ino_t inode = inode_of(file.get());
      dma_bufs_.push_back({std::move(file), inode, object});
      it = dma_bufs_.end() - 1;
   }
   fd = reopen(it->file.get());
   if (fd < 0)
      return -errno;
   const auto [first, last] = d.prime.equal_range(object.get());
   if (std::none_of(first, last, [&](const auto &e) { return e.second == handle; }))
      d.prime.emplace(object.get(), handle);
   return 0;
}

int VirtgpuKernel::prime_import(Description &d, int fd, uint32_t &handle)
{
   if (fcntl(fd, F_GETFD) < 0)
      return -EBADF;
   const auto it = std::find_if(dma_bufs_.begin(), dma_bufs_.end(), [&](const DmaBuf &b) {
      return b.inode == inode_of(fd);
   });
   if (it == dma_bufs_.end()) {
      // Another driver's: virtio-gpu cannot import. Anything else is no dma-buf at all.
      const int seals = fcntl(fd, F_GET_SEALS);
      return seals < 0 ? -EINVAL : -ENODEV;
   }
   const auto known = d.prime.find(it->object.get());
   if (known != d.prime.end()) {
      handle = known->second;
      return 0;
   }
   handle = new_handle(d, it->object);
   d.prime.emplace(it->object.get(), handle);
   return 0;
}

size_t VirtgpuKernel::sweep_dma_bufs()
{
   std::erase_if(dma_bufs_, [](const DmaBuf &b) { return open_nowhere_else(b.file.get()); });
   return dma_bufs_.size();
}

// -- mappings -------------------------------------------------------------------------------------

int VirtgpuKernel::map_offset(Description &d, abi::Map &a)
{
   const GemRef object = find(d, a.bo);
   if (!object)
      return -ENOENT;
   a.offset = first_offset + object->memory->at();
   by_offset_[object->memory->at()] = object.get();
   return 0;
}

void *VirtgpuKernel::map(Description &d, size_t bytes, uint64_t offset)
{
   std::lock_guard lock(mutex);
   calls[size_t(Call::mmap)]++;
   errno = refusal_of(Call::mmap);
   if (errno)
      return MAP_FAILED;
   const auto it = by_offset_.find(offset - first_offset);
   if (offset < first_offset || it == by_offset_.end() || !bytes) {
      errno = EINVAL;
      return MAP_FAILED;
   }
   GemObject *object = it->second;
   GemRef ref;
   for (const auto &[handle, candidate] : d.handles) {
      if (candidate.get() == object)
         ref = candidate;
   }
   if (!ref) {
      errno = EACCES;
      return MAP_FAILED;
   }
   const bool unmappable =
      object->is_host_blob() && !(object->blob_flags & abi::blob_flag::mappable);
   if (unmappable || to_pages(bytes) > object->memory->bytes()) {
      errno = EINVAL;
      return MAP_FAILED;
   }
   void *address = object->memory->map(bytes);
   if (address != MAP_FAILED)
      mappings_[address] = {std::move(ref), bytes};
   return address;
}

void VirtgpuKernel::unmap(void *memory, size_t bytes)
{
   std::lock_guard lock(mutex);
   const auto it = mappings_.find(memory);
   if (it == mappings_.end() || to_pages(it->second.bytes) != to_pages(bytes)) {
      host.complain("munmap of what is not mapped so");
      return;
   }
   GuestPages::unmap(memory, bytes);
   mappings_.erase(it);
}

Account VirtgpuKernel::account()
{
   std::lock_guard lock(mutex);
   Account a;
   a.descriptions = descriptions_.size();
   for (const Description *d : descriptions_)
      a.handles += d->handles.size();
   a.dma_bufs = sweep_dma_bufs();
   a.sync_files = sync_files_.sweep();
   a.objects = objects_;
   a.host_resources = host.num_resources();
   a.mappings = mappings_.size();
   for (const auto &[address, m] : mappings_)
      a.mapped_bytes += m.bytes;
   a.pending = pending_;
   a.leaked_handles = leaked_handles_;
   return a;
}

} // namespace virgl::test
