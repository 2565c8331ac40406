/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errno values in pointers */
#ifndef RTAP_SHIM_ERR_H
#define RTAP_SHIM_ERR_H

#include <stdint.h>

#define MAX_ERRNO 4095

static inline void *ERR_PTR(long error)
{
	return (void *)(intptr_t)error;
}

static inline long PTR_ERR(const void *ptr)
{
	return (long)(intptr_t)ptr;
}

static inline int IS_ERR(const void *ptr)
{
	return (uintptr_t)ptr >= (uintptr_t)-MAX_ERRNO;
}

#endif
