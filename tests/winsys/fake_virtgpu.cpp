// SPDX-License-Identifier: MIT
#include "fake_virtgpu.hpp"

#include <cerrno>
#include <sys/mman.h>

#include "fake_virtgpu_kernel.hpp"

namespace virgl::test {

namespace {

class FakeDevice final : public drm::Device {
public:
   // Closes the description with the last device on it.
   struct File {
      std::shared_ptr<VirtgpuKernel> kernel;
      std::shared_ptr<Description> description;
      ~File() { kernel->close(*description); }
   };

   explicit FakeDevice(std::shared_ptr<File> f) : file(std::move(f)) {}

   int ioctl(unsigned long request, void *argument) override
   {
      const int result = file->kernel->ioctl(*file->description, request, argument);
      if (result >= 0)
         return result;
      errno = -result;
      return -1;
   }
   void *map(size_t bytes, uint64_t offset) override
   {
      return file->kernel->map(*file->description, bytes, offset);
   }
   void unmap(void *memory, size_t bytes) override { file->kernel->unmap(memory, bytes); }
   bool own_fence(int sync_file) override
   {
      const auto info = sync_file_info(sync_file);
      return info && info->virtio;
   }

   const std::shared_ptr<File> file;
};

} // namespace

const char *name_of(Call call)
{
   static constexpr const char *names[] = {
      "version",  "getparam",   "get_caps",         "context_init",       "resource_create",
      "resource_create_blob",   "resource_info",    "map",                "transfer_to_host",
      "transfer_from_host",     "wait",             "execbuffer",         "gem_close",
      "gem_flink", "gem_open",  "prime_export",     "prime_import",       "mmap",
      "unknown",  "any",
   };
   static_assert(std::size(names) == num_calls + 1);
   return names[size_t(call)];
}

proto::Caps VirtgpuOptions::able_host()
{
   proto::Caps c;
   c.bset = ~0u;
   c.glsl_level = 430;
   for (proto::FormatMask *m : {&c.sampler, &c.render, &c.depthstencil, &c.vertexbuffer,
                                &c.supported_readback_formats, &c.scanout}) {
      for (uint32_t &word : m->bitmask)
         word = ~0u;
   }
   c.prim_mask = ~0u;
   c.capability_bits = ~proto::cap::host_is_gles;
   c.capability_bits_v2 = ~0u;
   c.host_feature_check_version = 15;
   c.max_samples = 8;
   c.max_image_samples = 4;
   c.max_render_targets = 8;
   c.max_uniform_blocks = 14;
   c.max_viewports = 16;
   c.max_texture_array_layers = 2048;
   c.max_streamout_buffers = 4;
   c.max_dual_source_render_targets = 1;
   c.max_shader_buffer_frag_compute = 8;
   c.max_shader_buffer_other_stages = 8;
   c.max_shader_image_frag_compute = 8;
   c.max_shader_image_other_stages = 8;
   c.max_tbo_size = 65536;
   c.max_texture_2d_size = 16384;
   c.max_texture_3d_size = 2048;
   c.max_texture_cube_size = 16384;
   c.max_vertex_attribs = 16;
   c.max_vertex_outputs = 32;
   c.max_vertex_attrib_stride = 2048;
   c.max_texture_image_units = 16;
   c.uniform_buffer_offset_alignment = 16;
   c.shader_buffer_offset_alignment = 16;
   c.texture_buffer_offset_alignment = 16;
   return c;
}

FakeVirtgpu::FakeVirtgpu(VirtgpuOptions options)
   : kernel_(std::make_shared<VirtgpuKernel>(std::move(options)))
{
}

FakeVirtgpu::~FakeVirtgpu() = default;

std::unique_ptr<drm::Device> FakeVirtgpu::open()
{
   auto file = std::make_shared<FakeDevice::File>();
   file->kernel = kernel_;
   file->description = kernel_->open();
   return std::make_unique<FakeDevice>(std::move(file));
}

std::unique_ptr<drm::Device> FakeVirtgpu::duplicate(const drm::Device &device)
{
   return std::make_unique<FakeDevice>(static_cast<const FakeDevice &>(device).file);
}

size_t FakeVirtgpu::complete(size_t n)
{
   return kernel_->complete(n);
}

void FakeVirtgpu::set_pace(Pace pace)
{
   kernel_->set_pace(pace);
}

void FakeVirtgpu::refuse(const Refusal &refusal)
{
   std::lock_guard lock(kernel_->mutex);
   // xorshift needs some bits to begin with.
   kernel_->rules.push_back({refusal, refusal.seed * 0x9e3779b97f4a7c15u | 1});
}

void FakeVirtgpu::clear_refusals()
{
   std::lock_guard lock(kernel_->mutex);
   kernel_->rules.clear();
}

uint64_t FakeVirtgpu::refused(Call call) const
{
   std::lock_guard lock(kernel_->mutex);
   return kernel_->refused[size_t(call)];
}

uint64_t FakeVirtgpu::refused() const
{
   std::lock_guard lock(kernel_->mutex);
   uint64_t n = 0;
   for (uint64_t one : kernel_->refused)
      n += one;
   return n;
}

uint64_t FakeVirtgpu::calls(Call call) const
{
   std::lock_guard lock(kernel_->mutex);
   return kernel_->calls[size_t(call)];
}

uint64_t FakeVirtgpu::calls() const
{
   std::lock_guard lock(kernel_->mutex);
   uint64_t n = 0;
   for (uint64_t one : kernel_->calls)
      n += one;
   return n;
}

std::string FakeVirtgpu::calls_text() const
{
   std::lock_guard lock(kernel_->mutex);
   std::string text;
   for (size_t i = 0; i < num_calls; i++) {
      if (kernel_->calls[i])
         text += (text.empty() ? "" : ", ") + std::string(name_of(Call(i))) + " " +
                 std::to_string(kernel_->calls[i]);
   }
   return text;
}

void FakeVirtgpu::clear_calls()
{
   std::lock_guard lock(kernel_->mutex);
   kernel_->calls = {};
   kernel_->refused = {};
}

Account FakeVirtgpu::account() const
{
   return kernel_->account();
}

std::vector<std::string> FakeVirtgpu::take_complaints()
{
   std::lock_guard lock(kernel_->mutex);
   return kernel_->host.take_complaints();
}

std::vector<std::byte> FakeVirtgpu::storage(uint32_t resource) const
{
   std::lock_guard lock(kernel_->mutex);
   return kernel_->host.storage(resource);
}

void FakeVirtgpu::set_storage(uint32_t resource, std::span<const std::byte> bytes)
{
   std::lock_guard lock(kernel_->mutex);
   kernel_->host.set_storage(resource, bytes);
}

HostResource FakeVirtgpu::host_resource(uint32_t resource) const
{
   std::lock_guard lock(kernel_->mutex);
   return kernel_->host.describe(resource);
}

void FakeVirtgpu::keep_streams(bool keep)
{
   std::lock_guard lock(kernel_->mutex);
   kernel_->host.keep_streams = keep;
}

std::vector<std::vector<uint32_t>> FakeVirtgpu::take_streams()
{
   std::lock_guard lock(kernel_->mutex);
   return std::exchange(kernel_->host.streams, {});
}

uint64_t FakeVirtgpu::take_moved_bytes()
{
   std::lock_guard lock(kernel_->mutex);
   return std::exchange(kernel_->host.moved_bytes, 0);
}

std::vector<uint32_t> FakeVirtgpu::last_bo_list() const
{
   std::lock_guard lock(kernel_->mutex);
   return kernel_->last_bo_list;
}

int FakeVirtgpu::foreign_sync_file()
{
   std::lock_guard lock(kernel_->mutex);
   kernel_->foreign.push_back(std::make_shared<Fence>(Fence{new_fence_context()}));
   return kernel_->foreign_files.create(kernel_->foreign.back());
}

void FakeVirtgpu::signal_foreign()
{
   std::lock_guard lock(kernel_->mutex);
   for (const auto &fence : kernel_->foreign) {
      fence->signalled = true;
      kernel_->foreign_files.signal(*fence);
   }
   kernel_->foreign.clear();
}

int FakeVirtgpu::foreign_dma_buf()
{
   return memfd_create("fake-foreign-dmabuf", MFD_CLOEXEC);
}

} // namespace virgl::test
