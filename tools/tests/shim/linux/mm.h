/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of the kernel's memory management that pins the pages of ring memory */
#ifndef RTAP_SHIM_MM_H
#define RTAP_SHIM_MM_H

#include <linux/types.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PAGE_ALIGNED(addr) (((addr) & (PAGE_SIZE - 1)) == 0)
#define PAGE_ALIGN(addr) (((addr) + PAGE_SIZE - 1) & PAGE_MASK)

#define FOLL_WRITE 1
#define FOLL_LONGTERM 2

typedef struct {
	s64 counter;
} atomic64_t;

#define atomic64_add(i, v) ((void)__atomic_add_fetch(&(v)->counter, (i), __ATOMIC_RELAXED))
#define atomic64_sub(i, v) ((void)__atomic_sub_fetch(&(v)->counter, (i), __ATOMIC_RELAXED))

struct mm_struct {
	atomic64_t pinned_vm;
};

struct page {
	void *address;
	unsigned long pfn;
	unsigned int pins;
	bool in_file;
};

/* All folios are of one page here. */
struct folio {
	struct page page;
};

#define page_folio(page) ((struct folio *)(page))
#define folio_test_anon(folio) (!(folio)->page.in_file)
#define folio_test_swapbacked(folio) (!(folio)->page.in_file)
#define PageHuge(page) 0

#define page_to_pfn(page) ((page)->pfn)
#define page_address(page) ((page)->address)
#define PageHighMem(page) 0

int pin_user_pages_fast(unsigned long start, int nr, unsigned int flags, struct page **pages);
/* What kmod/compat adds to this header. */
bool rtap_compat_touch(void __user *page);
void unpin_user_pages(struct page **pages, unsigned long nr);
void unpin_user_pages_dirty_lock(struct page **pages, unsigned long nr, bool dirty);

#endif
