/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Offsetof() where the kernel has it */
#ifndef RTAP_SHIM_STDDEF_H
#define RTAP_SHIM_STDDEF_H

#include_next <linux/stddef.h>
#include <stddef.h>

#endif
