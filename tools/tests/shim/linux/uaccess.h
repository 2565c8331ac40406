/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User access that faults outside of what a test calls user memory */
#ifndef RTAP_SHIM_UACCESS_H
#define RTAP_SHIM_UACCESS_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <errno.h>

#include "../shim.h"

#define copy_from_user(to, from, n) rtap_shim_copy((to), (from), (n), (from))
#define copy_to_user(to, from, n) rtap_shim_copy((to), (from), (n), (to))

/* what is not user memory faults when it is accessed */
#define access_ok(addr, size) ((void)(addr), (void)(size), 1)

#define get_user(x, ptr) (copy_from_user(&(x), (ptr), sizeof(x)) ? -EFAULT : 0)
#define put_user(x, ptr)                                                                           \
	({                                                                                         \
		__typeof__(*(ptr)) rtap_x = (x);                                                   \
		copy_to_user((ptr), &rtap_x, sizeof(rtap_x)) ? -EFAULT : 0;                        \
	})

#endif
