// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * User access and allocations for kernel sources that run in user space
 */
#include "shim.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RANGES 16

static struct {
	uintptr_t base;
	size_t size;
} ranges[RANGES];

static unsigned int nr_ranges;
static long accesses;
static long fault_after = -1;
static long alloc_fail_after = -1;
static long hook_after = -1;
static void (*hook_call)(void *arg);
static void *hook_arg;

/* Counts down to the one call that is to fail. */
static int due(long *after)
{
	if (*after < 0)
		return 0;
	return (*after)-- == 0;
}

void rtap_shim_user_add(void *base, size_t size)
{
	if (nr_ranges == RANGES)
		abort();
	ranges[nr_ranges].base = (uintptr_t)base;
	ranges[nr_ranges].size = size;
	nr_ranges++;
}

void rtap_shim_user_reset(void)
{
	nr_ranges = 0;
	accesses = 0;
	fault_after = -1;
	alloc_fail_after = -1;
	hook_after = -1;
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

size_t rtap_shim_copy(void *to, const void *from, size_t n, const void *user)
{
	uintptr_t at = (uintptr_t)user;
	unsigned int i;

	accesses++;
	if (due(&hook_after))
		hook_call(hook_arg);
	if (due(&fault_after))
		return n;
	for (i = 0; i < nr_ranges; i++) {
		uintptr_t off = at - ranges[i].base;

		if (off < ranges[i].size && n <= ranges[i].size - off) {
			memcpy(to, from, n);
			return 0;
		}
	}
	return n;
}
