// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins the pages of ring memory and maps them, or settles for user access
 */
#include "area_map.h"

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "area.h"

/*
 * Fault every page in by plain access first: where a long-term pin of a
 * userfaultfd page fails (6.1), an access waits for the page instead. A page
 * that cannot be read is left to the pin, which then fails for good.
 */
static void rtap_area_touch(u64 first, unsigned int nr)
{
	char __user *page = (char __user *)(uintptr_t)first;
	unsigned int i;
	char byte;

	for (i = 0; i < nr; i++, page += PAGE_SIZE)
		if (copy_from_user(&byte, page, sizeof(byte)))
			return;
}

/*
 * Whether a page is one of a file that has to know when it is written, and when its
 * last writer is gone. Up to 6.4 such pages can be pinned for long nevertheless.
 */
static bool rtap_area_in_file(struct page *page)
{
	struct folio *folio = page_folio(page);

	return !folio_test_anon(folio) && !folio_test_swapbacked(folio) && !PageHuge(page);
}

static bool rtap_area_keepable(struct page **pages, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (rtap_area_in_file(pages[i]))
			return false;
	return true;
}

static int rtap_area_pin(struct rtap_area *area, u64 first, unsigned int nr)
{
	int pinned;

	area->pages = kvmalloc_array(nr, sizeof(*area->pages), GFP_KERNEL_ACCOUNT);
	if (!area->pages)
		return -ENOMEM;
	rtap_area_touch(first, nr);
	pinned = pin_user_pages_fast(first, nr, FOLL_WRITE | FOLL_LONGTERM, area->pages);
	if (pinned == nr && rtap_area_keepable(area->pages, nr)) {
		area->nr_pages = nr;
		return 0;
	}
	if (pinned > 0)
		unpin_user_pages(area->pages, pinned);
	kvfree(area->pages);
	area->pages = NULL;
	return -EFAULT;
}

static void rtap_area_unpin(struct rtap_area *area)
{
	unpin_user_pages_dirty_lock(area->pages, area->nr_pages, true);
	kvfree(area->pages);
	area->pages = NULL;
	area->nr_pages = 0;
}

/* Whether the pages lie behind each other in the direct map, as a huge page's do. */
static bool rtap_area_contiguous(const struct rtap_area *area)
{
	unsigned long pfn = page_to_pfn(area->pages[0]);
	unsigned int i;

	for (i = 0; i < area->nr_pages; i++)
		if (page_to_pfn(area->pages[i]) != pfn + i || PageHighMem(area->pages[i]))
			return false;
	return true;
}

static int rtap_area_address(struct rtap_area *area, size_t offset)
{
	if (rtap_area_contiguous(area)) {
		area->kaddr = page_address(area->pages[0]) + offset;
		return 0;
	}
	area->vmap = vmap(area->pages, area->nr_pages, VM_MAP, PAGE_KERNEL);
	if (!area->vmap)
		return -ENOMEM;
	area->kaddr = area->vmap + offset;
	return 0;
}

/**
 * rtap_area_map() - make ring memory reachable
 * @area: where to put the result; its old contents are not looked at
 * @mm: the owner's address space, which has to be the caller's
 * @uaddr: user address of the first byte, checked by access_ok()
 * @size: bytes, not 0
 *
 * Pins are shown in the owner's VmPin and not held against RLIMIT_MEMLOCK: they
 * are a few pages a queue. Memory that cannot be pinned for long is no error:
 * the area then works by user access, which whoever uses it can tell from its
 * kernel address being NULL.
 *
 * Context: process context of the owner; sleeps.
 * Return: 0, or -ENOMEM.
 */
int rtap_area_map(struct rtap_area *area, struct mm_struct *mm, u64 uaddr, size_t size)
{
	u64 first = uaddr & PAGE_MASK;
	unsigned int nr = (PAGE_ALIGN(uaddr + size) - first) >> PAGE_SHIFT;
	int err;

	*area = (struct rtap_area){
		.uaddr = (void __user *)(uintptr_t)uaddr,
		.size = size,
	};
	err = rtap_area_pin(area, first, nr);
	if (err)
		return err == -ENOMEM ? err : 0;
	err = rtap_area_address(area, uaddr - first);
	if (err) {
		rtap_area_unpin(area);
		return err;
	}
	atomic64_add(nr, &mm->pinned_vm);
	return 0;
}

/**
 * rtap_area_unmap() - let go of ring memory
 * @area: an area that rtap_area_map() filled, or one that is all zero
 * @mm: the address space it was mapped from, alive at least as a structure
 *
 * Context: process context; sleeps.
 */
void rtap_area_unmap(struct rtap_area *area, struct mm_struct *mm)
{
	if (area->vmap)
		vunmap(area->vmap);
	if (area->pages) {
		atomic64_sub(area->nr_pages, &mm->pinned_vm);
		rtap_area_unpin(area);
	}
	*area = (struct rtap_area){};
}
