/* SPDX-License-Identifier: MIT */
#pragma once

#include "util/xmlconfig.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const driOptionDescription verglas_driinfo[];
extern const unsigned verglas_driinfo_count;

#ifdef __cplusplus
}
#endif
