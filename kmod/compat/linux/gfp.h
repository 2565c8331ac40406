/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat/linux/gfp.h - page_frag_cache_drain() for kernels that only have its inner half
 */
#include_next <linux/gfp.h>

#ifndef RTAP_COMPAT_GFP_H
#define RTAP_COMPAT_GFP_H

#ifndef RTAP_HAVE_FRAG_CACHE_DRAIN
/* A macro: linux/mm.h, which defines virt_to_head_page(), includes this header. */
#define page_frag_cache_drain(cache)							\
	do {										\
		struct page_frag_cache *_cache = (cache);				\
											\
		if (_cache->va)								\
			__page_frag_cache_drain(virt_to_head_page(_cache->va),		\
						_cache->pagecnt_bias);			\
		_cache->va = NULL;							\
	} while (0)
#endif

#endif /* RTAP_COMPAT_GFP_H */
