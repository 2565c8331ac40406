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
/* Call [base, base + size) ring memory that is mapped; counts against the same 16. */
void rtap_shim_mapped_add(void *base, size_t size);
/* Whether [at, at + n) is user memory. */
int rtap_shim_is_user(const void *at, size_t n);
/* Forget all user and mapped memory, and any fault that was asked for. */
void rtap_shim_user_reset(void);

/* Let the user access after the next @after ones fault, once; -1: none. */
void rtap_shim_fault_after(long after);
/* Run @hook before the user access after the next @after ones, once; NULL: none. */
void rtap_shim_hook_after(long after, void (*hook)(void *arg), void *arg);
/* User accesses since the last reset. */
long rtap_shim_accesses(void);

/* Let the allocation after the next @after ones fail, once; -1: none. */
void rtap_shim_alloc_fail_after(long after);
/* Let no more than @limit pages be pinned in one go (-1: all that are there), and @scatter them. */
void rtap_shim_pages_reset(long limit, int scatter);
/* Of what is pinned in one go, the page at @index is one of a file's (-1: none). */
void rtap_shim_pages_in_file(long index);
/* Pins that were not taken back, and mappings. */
long rtap_shim_pins(void);
long rtap_shim_vmaps(void);

/* Zeroed memory for free(), or NULL if told to fail. */
void *rtap_shim_alloc(size_t size);

/* Copy @n bytes if @user[0..@n) is user memory; bytes not copied: 0 or @n. */
size_t rtap_shim_copy(void *to, const void *from, size_t n, const void *user);

/* Let the next @times atomic operations give up for now, as under contention. */
void rtap_shim_or_again(long times);
/* An atomic OR on a word of user memory: 0, -EFAULT, or -EAGAIN if told to. */
int rtap_shim_or(int op, unsigned int mask, int *old, unsigned int *user);

/*
 * Sees every access to memory that a driver shares, if the kernel sources are built with
 * RTAP_SHIM_WATCH: loads when they are made, stores before. @value is a private copy of
 * the bytes; it is NULL if the access faults.
 */
typedef void rtap_shim_watcher(void *arg, const void *shared, const void *value, size_t n,
			       int store);
/* Let @watcher see the accesses; NULL: nobody. */
void rtap_shim_watch(rtap_shim_watcher *watcher, void *arg);

/* memcpy() from or to mapped ring memory, watched; aborts if it is neither, or leaves it. */
void rtap_shim_memcpy(void *to, const void *from, size_t n);
/* Tell the watcher of a word of mapped ring memory; aborts if it lies elsewhere. */
void rtap_shim_word(const void *shared, const void *value, size_t n, int store);

#ifdef __cplusplus
}
#endif

#endif
