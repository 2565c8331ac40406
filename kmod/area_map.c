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
 * Fault every page in by plain access first: where a pin would not wait for a
 * userfaultfd's page, or for its protection to go, an access does. A page that
 * cannot be accessed is left to the pin, which then fails for good.
 */
static void rtap_area_touch(u64 first, unsigned int nr)
{
	char __user *page = (char __user *)(uintptr_t)first;
	unsigned int i;

	for (i = 0; i < nr; i++, page += PAGE_SIZE)
		if (!rtap_compat_touch(page))
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

/* Pages that a piece touches, the first of them at @first. */
static unsigned int rtap_area_span(const struct rtap_piece *piece, u64 *first)
{
	*first = piece->uaddr & PAGE_MASK;
	return (PAGE_ALIGN(piece->uaddr + piece->size) - *first) >> PAGE_SHIFT;
}

/* Pieces whose pages can be put one behind the other: inner borders are those of pages. */
static bool rtap_area_joins(const struct rtap_piece *pieces, u32 nr)
{
	u32 i;

	for (i = 1; i < nr; i++)
		if (!PAGE_ALIGNED(pieces[i].uaddr) ||
		    !PAGE_ALIGNED(pieces[i - 1].uaddr + pieces[i - 1].size))
			return false;
	return true;
}

/* Pin one piece's pages behind those that are pinned already. */
static int rtap_area_pin_piece(struct rtap_area *area, const struct rtap_piece *piece)
{
	struct page **pages = area->pages + area->nr_pages;
	unsigned int nr;
	int pinned;
	u64 first;

	nr = rtap_area_span(piece, &first);
	rtap_area_touch(first, nr);
	pinned = pin_user_pages_fast(first, nr, FOLL_WRITE | FOLL_LONGTERM, pages);
	if (pinned > 0)
		area->nr_pages += pinned;
	return pinned == nr && rtap_area_keepable(pages, nr) ? 0 : -EFAULT;
}

static int rtap_area_pin(struct rtap_area *area, const struct rtap_piece *pieces, u32 nr)
{
	unsigned int total = 0;
	int err = 0;
	u64 first;
	u32 i;

	for (i = 0; i < nr; i++)
		total += rtap_area_span(&pieces[i], &first);
	area->pages = kvmalloc_array(total, sizeof(*area->pages), GFP_KERNEL_ACCOUNT);
	if (!area->pages)
		return -ENOMEM;
	for (i = 0; i < nr && !err; i++)
		err = rtap_area_pin_piece(area, &pieces[i]);
	if (!err)
		return 0;
	/* nothing has been written: no page is dirty */
	unpin_user_pages(area->pages, area->nr_pages);
	kvfree(area->pages);
	area->pages = NULL;
	area->nr_pages = 0;
	return err;
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

/* Find a kernel address for what is pinned, and show the pins. */
static int rtap_area_locate(struct rtap_area *area, size_t offset, struct mm_struct *mm)
{
	int err = rtap_area_address(area, offset);

	if (err)
		rtap_area_unpin(area);
	else
		atomic64_add(area->nr_pages, &mm->pinned_vm);
	return err;
}

/* Where the area is in user memory. */
static int rtap_area_note(struct rtap_area *area, const struct rtap_piece *pieces, u32 nr)
{
	if (nr == 1)
		return 0;
	area->pieces = kvmalloc_array(nr, sizeof(*pieces), GFP_KERNEL_ACCOUNT);
	if (!area->pieces)
		return -ENOMEM;
	for (area->nr_pieces = 0; area->nr_pieces < nr; area->nr_pieces++)
		area->pieces[area->nr_pieces] = pieces[area->nr_pieces];
	return 0;
}

/**
 * rtap_area_map() - make ring memory reachable
 * @area: where to put the result; its old contents are not looked at
 * @mm: the owner's address space, which has to be the caller's
 * @pieces: where it is in user memory; addresses that access_ok() has checked
 * @nr: how many pieces, at least one
 *
 * Pins are shown in the owner's VmPin and not held against RLIMIT_MEMLOCK: they
 * are a few pages a queue. Memory that cannot be pinned for long is no error:
 * the area then works by user access, which whoever uses it can tell from its
 * kernel address being NULL.
 *
 * Context: process context of the owner, or its worker; sleeps.
 * Return: 0, -ENOMEM, or -EFAULT if pieces meet within a page.
 */
int rtap_area_map(struct rtap_area *area, struct mm_struct *mm, const struct rtap_piece *pieces,
		  u32 nr)
{
	int err;
	u32 i;

	*area = (struct rtap_area){ .uaddr = (void __user *)(uintptr_t)pieces[0].uaddr };
	for (i = 0; i < nr; i++)
		area->size += pieces[i].size;
	if (!rtap_area_joins(pieces, nr))
		return -EFAULT;
	err = rtap_area_note(area, pieces, nr);
	if (err)
		return err;
	err = rtap_area_pin(area, pieces, nr);
	if (!err)
		err = rtap_area_locate(area, pieces[0].uaddr & ~PAGE_MASK, mm);
	/* what cannot be pinned is reached by user access */
	if (err != -ENOMEM)
		return 0;
	kvfree(area->pieces);
	area->pieces = NULL;
	return err;
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
	kvfree(area->pieces);
	*area = (struct rtap_area){};
}
