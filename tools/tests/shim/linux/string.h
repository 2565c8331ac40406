/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memcpy() and friends where the kernel has them */
#ifndef RTAP_SHIM_STRING_H
#define RTAP_SHIM_STRING_H

#include <string.h>

#endif
