/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory: from guest addresses, physical or IOVAs, to the owner's user addresses
 */
#ifndef RTAP_MEM_H
#define RTAP_MEM_H

#include <linux/compiler.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "iotlb.h"
#include "log.h"

struct rtap_piece;
struct vhost_memory_region;

/** RTAP_MEM_REGIONS_MAX - regions accepted in one table; more than any client sends */
#define RTAP_MEM_REGIONS_MAX 65535
/** RTAP_MEM_REGIONS_FREE - regions that nobody is charged for; as many as stock takes by default */
#define RTAP_MEM_REGIONS_FREE 64

/**
 * struct rtap_mem - an immutable memory table, shared by the queues of a device
 */
struct rtap_mem {
	/** @refs: one for the device, one for each queue that uses the table */
	refcount_t refs;
	/** @nr_regions: regions in the table */
	u32 nr_regions;
	/** @tree: the regions, keyed by guest physical address */
	struct vhost_iotlb *tree;
	/**
	 * @charge: as much memory as the entries of @tree take, which vhost_iotlb
	 * has on nobody's account: the owner's cgroup pays by this; NULL for few
	 */
	void *charge;
};

/**
 * enum rtap_mem_access - what guest memory is looked up for; an IOTLB tells them apart
 * @RTAP_MEM_READ: the device reads it
 * @RTAP_MEM_WRITE: the device writes it
 */
enum rtap_mem_access {
	RTAP_MEM_READ,
	RTAP_MEM_WRITE,
};

/**
 * struct rtap_mem_window - a stretch of guest memory that was found
 */
struct rtap_mem_window {
	/** @start: first guest address */
	u64 start;
	/** @size: bytes, 0 if nothing was found yet */
	u64 size;
	/** @uaddr: user address of @start */
	u64 uaddr;
};

/**
 * struct rtap_mem_view - one queue's way into guest memory
 *
 * Single user: the queue's lock covers it. Remembers what the last translation of each
 * kind hit, so that a tree is walked only when a queue leaves that.
 */
struct rtap_mem_view {
	/** @mem: the table; NULL before SET_MEM_TABLE. Holds a reference. */
	struct rtap_mem *mem;
	/** @iotlb: where addresses are looked up instead, or NULL; not owned */
	struct rtap_iotlb *iotlb;
	/** @windows: last hits, by enum rtap_mem_access */
	struct rtap_mem_window windows[2];
	/** @log: where what is written is noted, or NULL; not owned */
	struct rtap_log *log;
	/** @miss: what @iotlb lacked when it was last asked in vain; no permission: nothing */
	struct rtap_iotlb_miss miss;
};

struct rtap_mem *rtap_mem_create(const struct vhost_memory_region *regions, u32 nr);
struct rtap_mem *rtap_mem_get(struct rtap_mem *mem);
void rtap_mem_put(struct rtap_mem *mem);

void rtap_mem_view_set(struct rtap_mem_view *view, struct rtap_mem *mem);
void rtap_mem_view_set_iotlb(struct rtap_mem_view *view, struct rtap_iotlb *iotlb);
void rtap_mem_view_forget(struct rtap_mem_view *view, u64 first, u64 last);

int rtap_mem_miss(struct rtap_mem_view *view, enum rtap_mem_access access, u64 gpa);
int rtap_mem_gather(struct rtap_mem_view *view, u8 perm, u64 gpa, size_t size,
		    struct rtap_piece *pieces, u32 max);

/**
 * rtap_mem_translate() - user address of a guest address
 * @view: the queue's view
 * @access: what for
 * @gpa: guest address: physical, or an IOVA
 * @len: bytes wanted, not 0
 * @chunk: set to how many of them are contiguous at the returned address
 *
 * What is going to be written is noted for the dirty log.
 *
 * Context: the queue's lock is held.
 * Return: the user address, or NULL if @gpa is nowhere, or not for @access.
 */
static inline void __user *rtap_mem_translate(struct rtap_mem_view *view,
					      enum rtap_mem_access access, u64 gpa, u32 len,
					      u32 *chunk)
{
	const struct rtap_mem_window *window = &view->windows[access];
	u64 off = gpa - window->start;
	u64 uaddr;

	if (unlikely(off >= window->size)) {
		if (rtap_mem_miss(view, access, gpa))
			return NULL;
		off = gpa - window->start;
	}
	*chunk = window->size - off < len ? (u32)(window->size - off) : len;
	uaddr = window->uaddr + off;
	if (access == RTAP_MEM_WRITE && unlikely(view->log))
		rtap_log_note(view->log, view->iotlb ? uaddr : gpa, *chunk);
	return (void __user *)(uintptr_t)uaddr;
}

int rtap_mem_read(struct rtap_mem_view *view, u64 gpa, void *dst, u32 len);
int rtap_mem_log_user(struct rtap_mem_view *view, u64 uaddr, u64 len);
int rtap_mem_log(struct rtap_mem_view *view);
int rtap_mem_write(struct rtap_mem_view *view, u64 gpa, const void *src, u32 len);

#endif /* RTAP_MEM_H */
