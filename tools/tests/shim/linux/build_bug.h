/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Assertions of the compiler's */
#ifndef RTAP_SHIM_BUILD_BUG_H
#define RTAP_SHIM_BUILD_BUG_H

#include <assert.h>

#endif
