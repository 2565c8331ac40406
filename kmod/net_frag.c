// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cuts frame buffers from 32 KiB pages, and reuses a page all of whose pieces are free
 *
 * The kernel's page_frag_alloc() serves pieces of up to one page only.
 */
#include "net_frag.h"

#include <linux/cache.h>
#include <linux/gfp.h>

/* More than the pieces that a page can be cut into. */
#define RTAP_FRAG_STOCK 1024

static struct page *rtap_frag_page(struct rtap_frag *frag)
{
	gfp_t gfp = GFP_KERNEL | __GFP_COMP | __GFP_NOWARN | __GFP_NORETRY;
	struct page *page = alloc_pages(gfp, get_order(RTAP_FRAG_SIZE));

	frag->size = RTAP_FRAG_SIZE;
	if (likely(page))
		return page;
	frag->size = PAGE_SIZE;
	return alloc_page(GFP_KERNEL);
}

/* Start over on the same page if every piece has been given back, else on another. */
static bool rtap_frag_refill(struct rtap_frag *frag)
{
	struct page *page = frag->page;

	if (page && page_ref_count(page) == frag->stock && frag->size == RTAP_FRAG_SIZE &&
	    !page_is_pfmemalloc(page)) {
		/*
		 * Pairs with the release of the last piece in put_page(): its user is
		 * done with the memory before we write to it again.
		 */
		smp_acquire__after_ctrl_dep();
		page_ref_add(page, RTAP_FRAG_STOCK - frag->stock);
	} else {
		rtap_frag_drain(frag);
		page = rtap_frag_page(frag);
		if (unlikely(!page))
			return false;
		page_ref_add(page, RTAP_FRAG_STOCK - 1);
	}
	frag->page = page;
	frag->offset = 0;
	frag->stock = RTAP_FRAG_STOCK;
	return true;
}

/**
 * rtap_frag_alloc() - cut off a piece
 * @frag: where from
 * @len: bytes, a multiple of SMP_CACHE_BYTES, at most RTAP_FRAG_SIZE
 *
 * Context: process context; may sleep.
 * Return: the piece, cache-line aligned, which holds a page reference of its own;
 * NULL if there is no memory for one of that size.
 */
void *rtap_frag_alloc(struct rtap_frag *frag, u32 len)
{
	void *piece;

	if (!frag->page || frag->offset + len > frag->size)
		if (unlikely(!rtap_frag_refill(frag) || len > frag->size))
			return NULL;
	piece = page_address(frag->page) + frag->offset;
	frag->offset += len;
	frag->stock--;
	return piece;
}

/**
 * rtap_frag_free() - give back a piece that nobody else has taken over
 * @piece: from rtap_frag_alloc()
 */
void rtap_frag_free(void *piece)
{
	put_page(virt_to_head_page(piece));
}

/**
 * rtap_frag_drain() - let go of the page; pieces handed out keep it until they are freed
 * @frag: where from; can be used again
 */
void rtap_frag_drain(struct rtap_frag *frag)
{
	if (!frag->page)
		return;
	page_ref_sub(frag->page, frag->stock - 1);
	put_page(frag->page);
	frag->page = NULL;
}
