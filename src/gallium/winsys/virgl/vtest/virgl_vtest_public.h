/* SPDX-License-Identifier: MIT
 *
 * Entry point of the vtest winsys for Mesa's sw_helper.h.
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

struct sw_winsys;
struct virgl_winsys;

/* Connects to the host named by VTEST_SOCKET_NAME. Borrows `sws` until the screen is destroyed.
 * NULL, after one line on stderr, when there is no usable host. */
struct virgl_winsys *virgl_vtest_winsys_wrap(struct sw_winsys *sws);

#ifdef __cplusplus
}
#endif
