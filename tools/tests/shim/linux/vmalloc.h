/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mappings of pages behind each other */
#ifndef RTAP_SHIM_VMALLOC_H
#define RTAP_SHIM_VMALLOC_H

#define VM_MAP 4
#define PAGE_KERNEL 0

struct page;

void *vmap(struct page **pages, unsigned int nr, unsigned long flags, int prot);
void vunmap(const void *addr);

#endif
