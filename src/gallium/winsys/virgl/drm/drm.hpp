// SPDX-License-Identifier: MIT
// The winsys over a virtio-gpu device of the kernel.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "gallium/winsys/virgl/common/bo_cache.hpp"
#include "gallium/winsys/virgl/drm/device.hpp"
#include "gallium/winsys/virgl/winsys.hpp"

namespace virgl::drm {

// How the end of a submission is told.
enum class FenceKind : uint8_t {
   // A sync file that EXECBUFFER returns (driver version 0.1 on, Linux 5.0).
   fd,
   // An 8-byte resource in the submission's BO list, waited for with VIRTGPU_WAIT. Pooled.
   bo,
};

struct Options {
   // Not set: fd where the kernel has it. Asking for fd where it is missing gives bo and a line.
   std::optional<FenceKind> fences;
   // With CONTEXT_INIT: a ring of the context's own, so that its fences do not wait for those of
   // others. Off until hosts that have it have been tried.
   bool own_ring = false;
   // A device on which nothing completes for so long is given up (the winsys is lost).
   std::chrono::milliseconds timeout{60'000};
   BoCache::Limits cache;
   // What people are told: the device's name in messages.
   std::string name = "virtio-gpu";

   // VERGLAS_DRM_FENCE: fd or bo. VERGLAS_DRM_RING=1: own_ring.
   // VERGLAS_DRM_TIMEOUT: seconds, sets timeout.
   static Options from_environment();
};

// Looks at the device, makes the context and reads the capset. nullptr, after one line on stderr,
// when the device is no virtio-gpu, has no 3D, or refuses.
std::unique_ptr<Winsys> connect(std::unique_ptr<Device> device,
                                const Options &options = Options::from_environment());

} // namespace virgl::drm
