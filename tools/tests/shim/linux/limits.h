/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Largest values of the kernel's integer types */
#ifndef RTAP_SHIM_LIMITS_H
#define RTAP_SHIM_LIMITS_H

#include_next <linux/limits.h>

#define U16_MAX 0xffffU
#define U32_MAX 0xffffffffU
#define U64_MAX 0xffffffffffffffffULL

#endif
