/* SPDX-License-Identifier: MIT
 *
 * What the loaders look up in the driver's file. Mesa's helpers hold the screen constructors.
 */
#include "target-helpers/drm_helper.h"
#include "target-helpers/sw_helper.h"

#include "dri_screen.h"
#include "util/xmlconfig.h"

typedef const __DRIextension **(extensions_of_driver)(void);

PUBLIC extensions_of_driver __driDriverGetExtensions_virtio_gpu;
PUBLIC extensions_of_driver __driDriverGetExtensions_swrast;
PUBLIC extensions_of_driver __driDriverGetExtensions_kms_swrast;

/* Mesa's code would look for the profiles of applications below the prefix that it was built for,
 * which is not where the system's Mesa has put them. */
static void find_profiles(void)
{
   driInjectDataDir("/usr/share/drirc.d");
}

const __DRIextension **__driDriverGetExtensions_virtio_gpu(void)
{
   find_profiles();
   return galliumdrm_driver_extensions;
}

const __DRIextension **__driDriverGetExtensions_swrast(void)
{
   find_profiles();
   return galliumsw_driver_extensions;
}

const __DRIextension **__driDriverGetExtensions_kms_swrast(void)
{
   find_profiles();
   return dri_swrast_kms_driver_extensions;
}
