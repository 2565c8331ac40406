/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks the buffers of a frame in guest memory
 */
#ifndef RTAP_NET_COPY_H
#define RTAP_NET_COPY_H

#include <linux/types.h>

#include "ring.h"

struct iovec;

/**
 * struct rtap_cursor - a place in a run of guest buffers
 */
struct rtap_cursor {
	/** @mem: way into guest memory */
	struct rtap_mem_view *mem;
	/** @seg: buffer the cursor is in */
	const struct rtap_seg *seg;
	/** @nr: buffers left, @seg included */
	u32 nr;
	/** @off: bytes of @seg already behind */
	u32 off;
};

/**
 * rtap_cursor_init() - stand at the first byte of a run of buffers
 * @cur: the cursor
 * @mem: way into guest memory
 * @segs: the buffers
 * @nr: how many
 */
static inline void rtap_cursor_init(struct rtap_cursor *cur, struct rtap_mem_view *mem,
				    const struct rtap_seg *segs, u32 nr)
{
	*cur = (struct rtap_cursor){ .mem = mem, .seg = segs, .nr = nr };
}

int rtap_cursor_read(struct rtap_cursor *cur, void *dst, u32 len);
int rtap_cursor_write(struct rtap_cursor *cur, const void *src, u32 len);
int rtap_cursor_iov(struct rtap_cursor *cur, enum rtap_mem_access access, struct iovec *iov,
		    u32 max, u32 len);

#endif /* RTAP_NET_COPY_H */
