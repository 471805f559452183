// SPDX-License-Identifier: MIT
// Mesa's shader cache on disk, and with it glGetProgramBinary. What a shader becomes depends on this
// build and on what the host announced, so both are in the key.
#include "util/build_id.h"
#include "util/disk_cache.h"
#include "util/mesa-sha1.h"

#include "screen.hpp"

namespace virgl {

namespace {

struct disk_cache *get_disk_shader_cache(pipe_screen *screen)
{
   return Screen::from(screen).shader_cache;
}

} // namespace

void screen_init_disk_cache(Screen &screen)
{
   screen.base.get_disk_shader_cache = get_disk_shader_cache;
   const auto *note =
      build_id_find_nhdr_for_addr(reinterpret_cast<const void *>(&screen_init_disk_cache));
   if (!note)
      return; // linked without a build id: nothing tells this build from the next

   mesa_sha1 hash;
   _mesa_sha1_init(&hash);
   _mesa_sha1_update(&hash, build_id_data(note), build_id_length(note));
   const auto &caps = static_cast<const proto::CapsV2 &>(screen.caps);
   _mesa_sha1_update(&hash, &caps, sizeof(caps));
   uint8_t digest[SHA1_DIGEST_LENGTH];
   _mesa_sha1_final(&hash, digest);
   char key[SHA1_DIGEST_STRING_LENGTH];
   _mesa_sha1_format(key, digest);
   screen.shader_cache = disk_cache_create("verglas", key, 0);
}

} // namespace virgl
