/* SPDX-License-Identifier: MIT
 *
 * How Mesa's target helpers (target-helpers/sw_helper.h, drm_helper.h) make a screen. The names are
 * theirs; `virgl_winsys` stands for our winsys together with the loader's.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

struct pipe_screen;
struct pipe_screen_config;
struct virgl_winsys;

/* Takes over `ws`; NULL in, NULL out. NULL, after one line on stderr, when the host is unusable. */
struct pipe_screen *virgl_create_screen(struct virgl_winsys *ws,
                                        const struct pipe_screen_config *config);

#ifdef __cplusplus
}
#endif
