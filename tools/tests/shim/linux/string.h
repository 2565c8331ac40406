/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memcpy() and friends where the kernel has them */
#ifndef RTAP_SHIM_STRING_H
#define RTAP_SHIM_STRING_H

#include <string.h>

/* Of the kernel sources that are built in user space, copies of ring memory alone use it. */
#if defined(RTAP_SHIM_WATCH) && !defined(__cplusplus)
#include "../shim.h"
#define memcpy(to, from, n) rtap_shim_memcpy(to, from, n)
#endif

#endif
