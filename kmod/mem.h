/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory: from guest physical addresses to the owner's user addresses
 */
#ifndef RTAP_MEM_H
#define RTAP_MEM_H

#include <linux/compiler.h>
#include <linux/refcount.h>
#include <linux/types.h>

struct vhost_iotlb;
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
 * struct rtap_mem_view - one queue's way into a memory table
 *
 * Single user: the queue's lock covers it. Remembers the region that the last
 * translation hit, so that the tree is walked only when a queue changes region.
 */
struct rtap_mem_view {
	/** @mem: the table; NULL before SET_MEM_TABLE. Holds a reference. */
	struct rtap_mem *mem;
	/** @start: first guest address of the region last hit */
	u64 start;
	/** @size: bytes in that region, 0 if nothing was hit yet */
	u64 size;
	/** @uaddr: user address of @start */
	u64 uaddr;
};

struct rtap_mem *rtap_mem_create(const struct vhost_memory_region *regions, u32 nr);
struct rtap_mem *rtap_mem_get(struct rtap_mem *mem);
void rtap_mem_put(struct rtap_mem *mem);

void rtap_mem_view_set(struct rtap_mem_view *view, struct rtap_mem *mem);

int rtap_mem_miss(struct rtap_mem_view *view, u64 gpa);

/**
 * rtap_mem_translate() - user address of a guest address
 * @view: the queue's view
 * @gpa: guest physical address
 * @len: bytes wanted, not 0
 * @chunk: set to how many of them are contiguous at the returned address
 *
 * Context: the queue's lock is held.
 * Return: the user address, or NULL if @gpa is in no region.
 */
static inline void __user *rtap_mem_translate(struct rtap_mem_view *view, u64 gpa, u32 len,
					      u32 *chunk)
{
	u64 off = gpa - view->start;

	if (unlikely(off >= view->size)) {
		if (rtap_mem_miss(view, gpa))
			return NULL;
		off = gpa - view->start;
	}
	*chunk = view->size - off < len ? (u32)(view->size - off) : len;
	return (void __user *)(uintptr_t)(view->uaddr + off);
}

int rtap_mem_read(struct rtap_mem_view *view, u64 gpa, void *dst, u32 len);
int rtap_mem_write(struct rtap_mem_view *view, u64 gpa, const void *src, u32 len);

#endif /* RTAP_MEM_H */
