// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A stand-in for the kernel's pinned pages and mappings of them
 *
 * Every page that lies in user memory can be pinned; a test says how many at most, whether
 * they lie behind each other in the direct map, and which is a file's. What is mapped is the user
 * memory itself.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include <errno.h>
#include <stdlib.h>

#include "shim.h"

#define PAGES 64

static struct page pool[PAGES];
static long pin_limit = -1;
static long in_file = -1;
static int scattered;
static long pins;
static long vmaps;

void rtap_shim_pages_reset(long limit, int scatter)
{
	pin_limit = limit;
	scattered = scatter;
}

void rtap_shim_pages_in_file(long index)
{
	in_file = index;
}

long rtap_shim_pins(void)
{
	return pins;
}

long rtap_shim_vmaps(void)
{
	return vmaps;
}

bool rtap_compat_touch(void __user *page)
{
	char byte;

	return !copy_from_user(&byte, page, sizeof(byte));
}

int pin_user_pages_fast(unsigned long start, int nr, unsigned int flags, struct page **pages)
{
	/* they are all let go of before more are pinned, but for those of one area */
	struct page *next = pool + pins;
	int i;

	if (start & ~PAGE_MASK || nr <= 0 || pins + nr > PAGES ||
	    flags != (FOLL_WRITE | FOLL_LONGTERM))
		abort();
	for (i = 0; i < nr; i++) {
		void *address = (void *)(start + i * PAGE_SIZE);

		if (i == pin_limit || !rtap_shim_is_user(address, PAGE_SIZE))
			break;
		next[i].address = address;
		next[i].pfn = (scattered ? 2 : 1) * ((unsigned long)address / PAGE_SIZE);
		next[i].in_file = i == in_file;
		next[i].pins++;
		pages[i] = &next[i];
		pins++;
	}
	return i ? i : -EFAULT;
}

void unpin_user_pages(struct page **pages, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++) {
		if (!pages[i]->pins)
			abort();
		pages[i]->pins--;
		pins--;
	}
}

void unpin_user_pages_dirty_lock(struct page **pages, unsigned long nr, bool dirty)
{
	/* the device may have written to any of them */
	if (!dirty)
		abort();
	unpin_user_pages(pages, nr);
}

void *vmap(struct page **pages, unsigned int nr, unsigned long flags, int prot)
{
	void *probe = rtap_shim_alloc(1);
	unsigned int i;

	if (flags != VM_MAP || prot != PAGE_KERNEL)
		abort();
	if (!probe)
		return NULL;
	free(probe);
	for (i = 0; i < nr; i++)
		if (!pages[i]->pins || pages[i] != pages[0] + i)
			abort();
	vmaps++;
	return pages[0]->address;
}

void vunmap(const void *addr)
{
	if (!addr || !vmaps--)
		abort();
}
