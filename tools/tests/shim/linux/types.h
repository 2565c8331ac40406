/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's integer names and annotations in user space */
#ifndef RTAP_SHIM_TYPES_H
#define RTAP_SHIM_TYPES_H

#include_next <linux/types.h>
#ifndef __cplusplus
#include <stdbool.h>
#endif
#include <stddef.h>
#include <stdint.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

#define __user
#define __force

#endif
