// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * User access and allocations for kernel sources that run in user space
 */
#include "shim.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RANGES 16

static struct {
	uintptr_t base;
	size_t size;
	int mapped;
} ranges[RANGES];

static unsigned int nr_ranges;
static long accesses;
static long fault_after = -1;
static long alloc_fail_after = -1;
static long hook_after = -1;
static long or_again;
static void (*hook_call)(void *arg);
static void *hook_arg;
static rtap_shim_watcher *watch_call;
static void *watch_arg;

/* Counts down to the one call that is to fail. */
static int due(long *after)
{
	if (*after < 0)
		return 0;
	return (*after)-- == 0;
}

static void add(void *base, size_t size, int mapped)
{
	if (nr_ranges == RANGES)
		abort();
	ranges[nr_ranges].base = (uintptr_t)base;
	ranges[nr_ranges].size = size;
	ranges[nr_ranges].mapped = mapped;
	nr_ranges++;
}

/* Whether [@at, @at + @n) lies in one range of that kind. */
static int inside(const void *at, size_t n, int mapped)
{
	unsigned int i;

	for (i = 0; i < nr_ranges; i++) {
		uintptr_t off = (uintptr_t)at - ranges[i].base;

		if (ranges[i].mapped == mapped && off < ranges[i].size && n <= ranges[i].size - off)
			return 1;
	}
	return 0;
}

int rtap_shim_is_user(const void *at, size_t n)
{
	return inside(at, n, 0);
}

void rtap_shim_user_add(void *base, size_t size)
{
	add(base, size, 0);
}

void rtap_shim_mapped_add(void *base, size_t size)
{
	add(base, size, 1);
}

void rtap_shim_user_reset(void)
{
	nr_ranges = 0;
	accesses = 0;
	fault_after = -1;
	alloc_fail_after = -1;
	hook_after = -1;
	or_again = 0;
}

void rtap_shim_fault_after(long after)
{
	fault_after = after;
}

void rtap_shim_hook_after(long after, void (*hook)(void *arg), void *arg)
{
	hook_after = hook ? after : -1;
	hook_call = hook;
	hook_arg = arg;
}

long rtap_shim_accesses(void)
{
	return accesses;
}

void rtap_shim_alloc_fail_after(long after)
{
	alloc_fail_after = after;
}

void *rtap_shim_alloc(size_t size)
{
	return due(&alloc_fail_after) ? NULL : calloc(1, size);
}

void rtap_shim_watch(rtap_shim_watcher *watcher, void *arg)
{
	watch_call = watcher;
	watch_arg = arg;
}

static void watched(const void *shared, const void *value, size_t n, int store)
{
	if (watch_call)
		watch_call(watch_arg, shared, value, n, store);
}

void rtap_shim_word(const void *shared, const void *value, size_t n, int store)
{
	if (!inside(shared, n, 1))
		abort();
	watched(shared, value, n, store);
}

void rtap_shim_memcpy(void *to, const void *from, size_t n)
{
	if (inside(from, n, 1)) {
		memcpy(to, from, n);
		watched(from, to, n, 0);
	} else if (inside(to, n, 1)) {
		watched(to, from, n, 1);
		memcpy(to, from, n);
	} else {
		abort();
	}
}

size_t rtap_shim_copy(void *to, const void *from, size_t n, const void *user)
{
	int store = user == to;

	accesses++;
	if (due(&hook_after))
		hook_call(hook_arg);
	if (due(&fault_after) || !inside(user, n, 0)) {
		watched(user, NULL, n, store);
		return n;
	}
	if (store)
		watched(user, from, n, 1);
	memcpy(to, from, n);
	if (!store)
		watched(user, to, n, 0);
	return 0;
}

void rtap_shim_or_again(long times)
{
	or_again = times;
}

int rtap_shim_or(int op, unsigned int mask, int *old, unsigned int *user)
{
	if (op != FUTEX_OP_OR || (uintptr_t)user % sizeof(*user))
		abort();
	if (or_again > 0) {
		or_again--;
		return -EAGAIN;
	}
	accesses++;
	if (due(&fault_after) || !inside(user, sizeof(*user), 0))
		return -EFAULT;
	*old = (int)__atomic_fetch_or(user, mask, __ATOMIC_SEQ_CST);
	return 0;
}
