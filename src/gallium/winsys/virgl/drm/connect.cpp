// SPDX-License-Identifier: MIT
// What kind of device and kernel this is, and the beginning of a context on it.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <drm.h>
#include <new>

#include "gallium/winsys/virgl/drm/drm_winsys.hpp"

namespace virgl::drm {

namespace {

constexpr uint32_t capset_virgl = 1, capset_virgl2 = 2;

class Inquiry {
public:
   Inquiry(Device &device, const Options &options)
      : options_(options), kernel_(device, options.timeout)
   {
   }

   // In this order: what a context is to be has to be said before there is one, and nearly every
   // call but these makes one.
   bool run(DeviceFacts &facts)
   {
      return check_driver(facts) && check_capsets() && fetch_caps(facts.caps) &&
             begin_context(facts) && find_blobs(facts);
   }

   bool fail(const char *what, const char *why) const
   {
      fprintf(stderr, "verglas: %s: %s: %s\n", options_.name.c_str(), what, why);
      return false;
   }
   bool fail(const char *what, int error) const { return fail(what, strerror(-error)); }

private:
   // What a kernel does not know is 0.
   uint32_t param(abi::Param which);
   bool check_driver(DeviceFacts &facts);
   bool check_capsets();
   bool begin_context(DeviceFacts &facts);
   int init_context(bool with_ring);
   int fetch_capset(uint32_t id, size_t bytes, proto::Caps &caps);
   bool fetch_caps(proto::Caps &caps);
   bool find_blobs(DeviceFacts &facts);

   const Options &options_;
   Kernel kernel_;
   // The better of those the device has.
   uint32_t capset_ = capset_virgl2;
};

uint32_t Inquiry::param(abi::Param which)
{
   int value = 0;
   abi::GetParam request{which, uint64_t(reinterpret_cast<uintptr_t>(&value))};
   return kernel_.call(abi::ioctl_getparam, request) == 0 && value > 0 ? uint32_t(value) : 0;
}

bool Inquiry::check_driver(DeviceFacts &facts)
{
   char name[32] = {};
   drm_version request{};
   request.name = name;
   request.name_len = sizeof name - 1;
   if (int error = kernel_.call(DRM_IOCTL_VERSION, request); error != 0)
      return fail("not a DRM device", error);
   if (strcmp(name, "virtio_gpu") != 0)
      return fail("not a virtio-gpu device", name);
   if (!param(abi::Param::features_3d))
      return fail("no 3D", "the virtual machine's device has no virgl");

   // Version 0.1 came with the fences in EXECBUFFER (Linux 5.0).
   facts.fence_fds = request.version_major > 0 || request.version_minor >= 1;
   if (!facts.fence_fds && options_.fences == FenceKind::fd)
      fail("no fence descriptors", "this kernel has none, using fence resources");
   return true;
}

bool Inquiry::check_capsets()
{
   // Kernels from before this fix look at the wrong capset when asked for the second.
   if (!param(abi::Param::capset_query_fix))
      capset_ = capset_virgl;
   if (const uint32_t ids = param(abi::Param::supported_capset_ids)) {
      if (!(ids & (1u << capset_virgl2)))
         capset_ = capset_virgl;
      if (!(ids & (1u << capset_)))
         return fail("no virgl", "the device renders, but speaks other protocols only");
   }
   return true;
}

int Inquiry::init_context(bool with_ring)
{
   const abi::ContextSetParam params[] = {
      {abi::ContextParam::capset_id, capset_},
      {abi::ContextParam::num_rings, 1},
   };
   abi::ContextInit request;
   request.num_params = with_ring ? 2 : 1;
   request.params = uint64_t(reinterpret_cast<uintptr_t>(params));
   return kernel_.call(abi::ioctl_context_init, request);
}

bool Inquiry::begin_context(DeviceFacts &facts)
{
   if (!param(abi::Param::context_init))
      return true; // made by the first call that needs one
   // Transfers that are calls of their own have their fences on the ring of the whole device, which
   // would leave the order of numbers. So a ring of our own is of use only where they can be
   // commands.
   const bool ring = options_.own_ring && (facts.caps.capability_bits & proto::cap::transfer);
   int error = init_context(ring);
   if (error == 0) {
      facts.own_ring = ring;
      return true;
   }
   // EEXIST: whoever opened the device has used it already, which made a context without asking:
   // one for virgl, since that is what a device without this call has.
   if (error != -EEXIST && ring)
      error = init_context(false);
   if (error == -ENODEV)
      return fail("no context", error);
   return true;
}

int Inquiry::fetch_capset(uint32_t id, size_t bytes, proto::Caps &caps)
{
   // The kernel writes what the host has, at most what fits, and does not say how much that was:
   // what is missing stays 0.
   std::array<std::byte, sizeof(proto::CapsV2)> data{};
   abi::GetCaps request;
   request.capset = id;
   request.version = 1;
   request.address = uint64_t(reinterpret_cast<uintptr_t>(data.data()));
   request.size = uint32_t(bytes);
   // EBUSY: the host has not answered for 5 seconds. It may be starting.
   int error = 0;
   for (unsigned tries = 0; tries < 4; tries++) {
      error = kernel_.call(abi::ioctl_get_caps, request);
      if (!temporary(error))
         break;
   }
   if (error == 0)
      caps = proto::Caps::parse(id, std::span(data).first(bytes));
   return error;
}

bool Inquiry::fetch_caps(proto::Caps &caps)
{
   int error = -EINVAL;
   if (capset_ == capset_virgl2)
      error = fetch_capset(capset_virgl2, sizeof(proto::CapsV2), caps);
   if (error == -EINVAL || (error == 0 && caps.max_version == 0))
      error = fetch_capset(capset_virgl, sizeof(proto::CapsV1), caps);
   if (error != 0)
      return fail("no capset", error);
   if (caps.max_version == 0)
      return fail("no capset", "the host's is empty");
   return true;
}

bool Inquiry::find_blobs(DeviceFacts &facts)
{
   facts.guest_blobs = param(abi::Param::resource_blob);
   // The host says with this capability that buffers made for it can be mapped.
   facts.host_blobs = facts.guest_blobs && param(abi::Param::host_visible) &&
                      (facts.caps.capability_bits & proto::cap::arb_buffer_storage);
   return true;
}

} // namespace

Options Options::from_environment()
{
   Options o;
   if (const char *text = getenv("VERGLAS_DRM_FENCE"); text && *text) {
      if (strcmp(text, "fd") == 0)
         o.fences = FenceKind::fd;
      else if (strcmp(text, "bo") == 0)
         o.fences = FenceKind::bo;
      else
         fprintf(stderr, "verglas: VERGLAS_DRM_FENCE='%s' is neither fd nor bo, ignored\n", text);
   }
   if (const char *text = getenv("VERGLAS_DRM_RING"); text && *text)
      o.own_ring = strcmp(text, "0") != 0;
   if (const char *text = getenv("VERGLAS_DRM_TIMEOUT"); text && *text) {
      constexpr unsigned long day = 86'400;
      char *end = nullptr;
      errno = 0;
      const unsigned long seconds = strtoul(text, &end, 10);
      if (errno || *end || *text < '0' || *text > '9' || seconds < 1 || seconds > day)
         fprintf(stderr,
                 "verglas: VERGLAS_DRM_TIMEOUT='%s' is not a number from 1 to %lu, ignored\n", text,
                 day);
      else
         o.timeout = std::chrono::seconds(seconds);
   }
   return o;
}

std::unique_ptr<Winsys> connect(std::unique_ptr<Device> device, const Options &options)
{
   if (!device) {
      fprintf(stderr, "verglas: %s: cannot open the device\n", options.name.c_str());
      return nullptr;
   }
   DeviceFacts facts;
   Inquiry inquiry(*device, options);
   if (!inquiry.run(facts))
      return nullptr;
   std::unique_ptr<DrmWinsys> ws(new (std::nothrow) DrmWinsys(std::move(device), facts, options));
   if (!ws || !ws->prepare()) {
      inquiry.fail("cannot start", "out of memory");
      return nullptr;
   }
   return ws;
}

} // namespace virgl::drm
