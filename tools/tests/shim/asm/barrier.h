/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's memory barriers in terms of the C11 memory model */
#ifndef RTAP_SHIM_BARRIER_H
#define RTAP_SHIM_BARRIER_H

#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#if defined(RTAP_SHIM_WATCH) && !defined(__cplusplus)
#include "../shim.h"

#define smp_load_acquire(p)                                                                        \
	({                                                                                         \
		__typeof__(*(p)) rtap_v = __atomic_load_n((p), __ATOMIC_ACQUIRE);                  \
		rtap_shim_word((p), &rtap_v, sizeof(rtap_v), 0);                                   \
		rtap_v;                                                                            \
	})
#define smp_store_release(p, v)                                                                    \
	({                                                                                         \
		__typeof__(*(p)) rtap_v = (v);                                                     \
		rtap_shim_word((p), &rtap_v, sizeof(rtap_v), 1);                                   \
		__atomic_store_n((p), rtap_v, __ATOMIC_RELEASE);                                   \
	})
#else
#define smp_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#endif

#endif
