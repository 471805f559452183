/* SPDX-License-Identifier: MIT
 *
 * Entry point of the DRM winsys for Mesa's drm_helper.h.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

struct pipe_screen;
struct pipe_screen_config;

/* A screen on the virtio-gpu device `fd` (borrowed). NULL, after one line on stderr, when the device
 * is not usable. */
struct pipe_screen *virgl_drm_screen_create(int fd, const struct pipe_screen_config *config);

#ifdef __cplusplus
}
#endif
