// SPDX-License-Identifier: MIT
// What the host's GPU has of memory (GL_ATI_meminfo, GL_NVX_gpu_memory_info).
#include <cstring>

#include "pipe/p_state.h"

#include "protocol/packets.hpp"
#include "screen.hpp"

namespace virgl {

namespace {

// The host writes six numbers into the guest memory of a resource as it comes to the command. A question
// to the screen is none of a context's, so it goes in a submission of its own.
void query_memory_info(pipe_screen *pscreen, pipe_memory_info *info)
{
   Winsys &ws = *Screen::from(pscreen).ws;
   *info = {};
   ResourceDesc desc;
   desc.target = PIPE_BUFFER;
   desc.format = proto::Format::R8_UNORM;
   desc.bind = proto::bind::vertex_buffer;
   desc.width = desc.size = 256;
   const BoRef bo = ws.create_resource(desc);
   std::byte *memory = bo ? bo->map() : nullptr;
   if (!memory)
      return;
   // What a host's GL does not know it leaves alone.
   std::memset(memory, 0, desc.size);

   const proto::GetMemoryInfo packet{.resource = bo->handle()};
   std::array<uint32_t, 2> stream;
   packet.write(stream.data());
   Bo *const bos[] = {bo.get()};
   const uint64_t number = ws.submit(stream, bos, -1, nullptr, Urgency::awaited);
   if (!number || !ws.wait_submission(number, UINT64_MAX) || ws.lost())
      return;
   std::array<uint32_t, 6> words;
   std::memcpy(words.data(), memory, sizeof(words));
   info->total_device_memory = words[0];
   info->avail_device_memory = words[1];
   info->total_staging_memory = words[2];
   info->avail_staging_memory = words[3];
   info->device_memory_evicted = words[4];
   info->nr_device_memory_evictions = words[5];
}

} // namespace

void screen_init_memory_info(Screen &screen)
{
   // The answer is in memory that both see.
   if (screen.has2(proto::cap2::meminfo) && screen.ws->features().encoded_transfers)
      screen.base.query_memory_info = query_memory_info;
}

} // namespace virgl
