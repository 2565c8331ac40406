/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for transmitted frames, cut from larger pages
 */
#ifndef RTAP_NET_FRAG_H
#define RTAP_NET_FRAG_H

#include <linux/mm.h>

/** RTAP_FRAG_SIZE - the page that frames are cut from, and the most one frame can have */
#define RTAP_FRAG_SIZE 32768

/**
 * struct rtap_frag - a page being cut up; single user
 *
 * Each piece handed out carries one reference to the page. So that this costs
 * nothing per piece, a stock of references is taken with the page.
 */
struct rtap_frag {
	/** @page: the page, NULL if there is none */
	struct page *page;
	/** @size: bytes in it: RTAP_FRAG_SIZE, or PAGE_SIZE when memory is short */
	u32 size;
	/** @offset: bytes already handed out */
	u32 offset;
	/** @stock: references of ours that no piece has taken */
	u32 stock;
};

void *rtap_frag_alloc(struct rtap_frag *frag, u32 len);
void rtap_frag_free(void *piece);
void rtap_frag_drain(struct rtap_frag *frag);

#endif /* RTAP_NET_FRAG_H */
