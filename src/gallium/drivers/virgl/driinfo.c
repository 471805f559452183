/* SPDX-License-Identifier: MIT
 *
 * The driver's options as an array. In C, because Mesa's macros initialise `char *` with literals.
 */
#include "driinfo.h"

#include "util/driconf.h"
#include "util/macros.h"

const driOptionDescription verglas_driinfo[] = {
#include "virgl_driinfo.h.in"
};
const unsigned verglas_driinfo_count = ARRAY_SIZE(verglas_driinfo);
