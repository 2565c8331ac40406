/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gives architectures that inline it the _copy_from_user() that newer kernels give them
 */
#ifndef RTAP_COMPAT_UACCESS_H
#define RTAP_COMPAT_UACCESS_H

#include_next <linux/uaccess.h>

#if defined(RTAP_HAVE_INLINE_COPY_FROM_USER) && defined(INLINE_COPY_FROM_USER) && \
	!defined(_copy_from_user)
#define _copy_from_user _inline_copy_from_user
#endif

#endif /* RTAP_COMPAT_UACCESS_H */
