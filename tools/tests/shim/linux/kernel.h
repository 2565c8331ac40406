/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel has for everybody */
#ifndef RTAP_SHIM_KERNEL_H
#define RTAP_SHIM_KERNEL_H

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
