/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reference counts that abort where the kernel would warn */
#ifndef RTAP_SHIM_REFCOUNT_H
#define RTAP_SHIM_REFCOUNT_H

#include <stdlib.h>

typedef struct {
	int refs;
} refcount_t;

static inline void refcount_set(refcount_t *r, int n)
{
	__atomic_store_n(&r->refs, n, __ATOMIC_RELAXED);
}

static inline void refcount_inc(refcount_t *r)
{
	if (__atomic_fetch_add(&r->refs, 1, __ATOMIC_RELAXED) <= 0)
		abort();
}

static inline int refcount_dec_and_test(refcount_t *r)
{
	int old = __atomic_fetch_sub(&r->refs, 1, __ATOMIC_ACQ_REL);

	if (old <= 0)
		abort();
	return old == 1;
}

#endif
