/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Spinlocks of sources that have one thread here; a lock that is taken twice aborts */
#ifndef RTAP_SHIM_SPINLOCK_H
#define RTAP_SHIM_SPINLOCK_H

#include <stdlib.h>

typedef struct {
	int held;
} spinlock_t;

static inline void spin_lock_init(spinlock_t *lock)
{
	lock->held = 0;
}

static inline void spin_lock(spinlock_t *lock)
{
	if (lock->held++)
		abort();
}

static inline void spin_unlock(spinlock_t *lock)
{
	if (--lock->held)
		abort();
}

#endif
