/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a test sets up and looks at in the user-space stand-ins for the kernel */
#ifndef RTAP_SHIM_H
#define RTAP_SHIM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Call [base, base + size) user memory; user access elsewhere faults. 16 ranges at most. */
void rtap_shim_user_add(void *base, size_t size);
/* Forget all user memory, and any fault that was asked for. */
void rtap_shim_user_reset(void);

/* Let the user access after the next @after ones fault, once; -1: none. */
void rtap_shim_fault_after(long after);
/* Run @hook before the user access after the next @after ones, once; NULL: none. */
void rtap_shim_hook_after(long after, void (*hook)(void *arg), void *arg);
/* User accesses since the last reset. */
long rtap_shim_accesses(void);

/* Let the allocation after the next @after ones fail, once; -1: none. */
void rtap_shim_alloc_fail_after(long after);
/* Zeroed memory for free(), or NULL if told to fail. */
void *rtap_shim_alloc(size_t size);

/* Copy @n bytes if @user[0..@n) is user memory; bytes not copied: 0 or @n. */
size_t rtap_shim_copy(void *to, const void *from, size_t n, const void *user);

#ifdef __cplusplus
}
#endif

#endif
