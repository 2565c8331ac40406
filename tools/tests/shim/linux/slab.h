/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel allocations, which a test can make fail */
#ifndef RTAP_SHIM_SLAB_H
#define RTAP_SHIM_SLAB_H

#include <stdlib.h>

#include "../shim.h"

#define GFP_KERNEL_ACCOUNT 0

#define kzalloc(size, gfp) rtap_shim_alloc(size)
#define kfree(ptr) free(ptr)

#define kvmalloc_array(n, size, gfp) rtap_shim_alloc((size_t)(n) * (size))
#define kvfree(ptr) free(ptr)

#endif
