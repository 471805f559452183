/* SPDX-License-Identifier: MIT
 *
 * What the loaders look up in the driver's file. Mesa's helpers hold the screen constructors.
 */
#include "target-helpers/drm_helper.h"
#include "target-helpers/sw_helper.h"

#include "dri_screen.h"

typedef const __DRIextension **(extensions_of_driver)(void);

PUBLIC extensions_of_driver __driDriverGetExtensions_virtio_gpu;
PUBLIC extensions_of_driver __driDriverGetExtensions_swrast;
PUBLIC extensions_of_driver __driDriverGetExtensions_kms_swrast;

const __DRIextension **__driDriverGetExtensions_virtio_gpu(void)
{
   return galliumdrm_driver_extensions;
}

const __DRIextension **__driDriverGetExtensions_swrast(void)
{
   return galliumsw_driver_extensions;
}

const __DRIextension **__driDriverGetExtensions_kms_swrast(void)
{
   return dri_swrast_kms_driver_extensions;
}
