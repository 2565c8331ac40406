// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory table: guest physical addresses to the owner's user addresses
 *
 * A table never changes once it is made, so queues look it up without a lock. Where
 * there is an IOTLB, it is looked up instead.
 * Addresses that come out of it are the VMM's word: every use goes through a
 * user-access helper that checks them.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vhost_iotlb.h>
#include <linux/vhost_types.h>

#include "area.h"
#include "mem.h"

/* Regions added, or looked at, between two offers to reschedule. */
#define RTAP_MEM_RESCHED 1024

static int rtap_mem_fill(struct vhost_iotlb *tree, const struct vhost_memory_region *regions,
			 u32 nr)
{
	u32 i;
	int err;

	for (i = 0; i < nr; i++) {
		u64 start = regions[i].guest_phys_addr;
		u64 last = start + regions[i].memory_size - 1;

		/*
		 * As stock does: a region that wraps or is empty is -EFAULT, but
		 * base 0 with size 0 (or 2^64) is everything, and regions may overlap.
		 */
		err = vhost_iotlb_add_range(tree, start, last, regions[i].userspace_addr,
					    VHOST_MAP_RW);
		if (err)
			return err == -ENOMEM ? -ENOMEM : -EFAULT;
		if (i % RTAP_MEM_RESCHED == RTAP_MEM_RESCHED - 1)
			cond_resched();
	}
	return 0;
}

/**
 * rtap_mem_create() - make a memory table
 * @regions: the regions, in kernel memory; copied
 * @nr: how many; 0 is a table in which nothing can be found
 *
 * Context: process context; may sleep.
 * Return: the table with one reference, or ERR_PTR: -E2BIG for too many regions,
 * -EFAULT for one that wraps around, -ENOMEM.
 */
struct rtap_mem *rtap_mem_create(const struct vhost_memory_region *regions, u32 nr)
{
	struct rtap_mem *mem;
	int err;

	if (nr > RTAP_MEM_REGIONS_MAX)
		return ERR_PTR(-E2BIG);
	mem = kzalloc(sizeof(*mem), GFP_KERNEL_ACCOUNT);
	if (!mem)
		return ERR_PTR(-ENOMEM);
	refcount_set(&mem->refs, 1);
	mem->nr_regions = nr;
	if (nr > RTAP_MEM_REGIONS_FREE) {
		mem->charge = kvmalloc_array(nr, sizeof(struct vhost_iotlb_map),
					     GFP_KERNEL_ACCOUNT);
		if (!mem->charge) {
			err = -ENOMEM;
			goto err_free;
		}
	}
	/* a region of the whole address space takes two slots; a limit of 0 is refused */
	mem->tree = vhost_iotlb_alloc(2 * nr + 2, 0);
	if (!mem->tree) {
		err = -ENOMEM;
		goto err_free;
	}
	err = rtap_mem_fill(mem->tree, regions, nr);
	if (err)
		goto err_tree;
	return mem;

err_tree:
	vhost_iotlb_free(mem->tree);
err_free:
	kvfree(mem->charge);
	kfree(mem);
	return ERR_PTR(err);
}

/**
 * rtap_mem_get() - take a reference to a table
 * @mem: the table; the caller has a reference
 *
 * Return: @mem.
 */
struct rtap_mem *rtap_mem_get(struct rtap_mem *mem)
{
	refcount_inc(&mem->refs);
	return mem;
}

/**
 * rtap_mem_put() - drop a reference to a table
 * @mem: the table, or NULL; freed with the last reference
 *
 * Context: process context.
 */
void rtap_mem_put(struct rtap_mem *mem)
{
	if (!mem || !refcount_dec_and_test(&mem->refs))
		return;
	vhost_iotlb_free(mem->tree);
	kvfree(mem->charge);
	kfree(mem);
}

/**
 * rtap_mem_view_set() - point a queue's view at a table
 * @view: the view; whatever it remembers is forgotten
 * @mem: the table, or NULL for none; the view takes a reference of its own
 *
 * Context: the queue's lock is held, or nobody uses the queue yet.
 */
void rtap_mem_view_set(struct rtap_mem_view *view, struct rtap_mem *mem)
{
	struct rtap_mem *old = view->mem;

	view->mem = mem ? rtap_mem_get(mem) : NULL;
	memset(view->windows, 0, sizeof(view->windows));
	rtap_mem_put(old);
}

/**
 * rtap_mem_view_set_iotlb() - say whether a queue's addresses are IOVAs
 * @view: the view; whatever it remembers is forgotten
 * @iotlb: who translates them, or NULL if they are guest physical
 *
 * Context: the queue's lock is held.
 */
void rtap_mem_view_set_iotlb(struct rtap_mem_view *view, struct rtap_iotlb *iotlb)
{
	view->iotlb = iotlb;
	view->miss.perm = 0;
	memset(view->windows, 0, sizeof(view->windows));
}

/**
 * rtap_mem_view_forget() - translations are no longer valid
 * @view: the view
 * @first: first IOVA
 * @last: last one
 *
 * Context: the queue's lock is held; the IOTLB has forgotten them.
 */
void rtap_mem_view_forget(struct rtap_mem_view *view, u64 first, u64 last)
{
	struct rtap_mem_window *window;

	for (window = view->windows; window < view->windows + ARRAY_SIZE(view->windows); window++)
		if (window->size && window->start <= last &&
		    first <= window->start + window->size - 1)
			window->size = 0;
}

static u8 rtap_mem_perm(enum rtap_mem_access access)
{
	return access == RTAP_MEM_WRITE ? VHOST_MAP_WO : VHOST_MAP_RO;
}

/* What is known of an IOVA. If nothing is, the view says what to ask for. */
static int rtap_mem_find_iova(struct rtap_mem_view *view, u8 perm, u64 iova,
			      struct vhost_iotlb_map *entry)
{
	view->miss.perm = 0;
	if (!rtap_iotlb_find(view->iotlb, iova, entry)) {
		view->miss = (struct rtap_iotlb_miss){ .iova = iova, .perm = perm };
		return -EFAULT;
	}
	return (entry->perm & perm) == perm ? 0 : -EFAULT;
}

/**
 * rtap_mem_miss() - move a window to where an address is
 * @view: the queue's view
 * @access: which window
 * @gpa: guest address
 *
 * Context: the queue's lock is held.
 * Return: 0, or -EFAULT if @gpa is nowhere, not for @access, or, which the view's
 * miss then says, not translated yet; the window then stays as it was.
 */
int rtap_mem_miss(struct rtap_mem_view *view, enum rtap_mem_access access, u64 gpa)
{
	struct vhost_iotlb_map *map, entry;

	if (view->iotlb) {
		if (rtap_mem_find_iova(view, rtap_mem_perm(access), gpa, &entry))
			return -EFAULT;
		map = &entry;
	} else {
		map = view->mem ? vhost_iotlb_itree_first(view->mem->tree, gpa, gpa) : NULL;
		if (!map)
			return -EFAULT;
	}
	view->windows[access] = (struct rtap_mem_window){
		.start = map->start,
		.size = map->size,
		.uaddr = map->addr,
	};
	return 0;
}

/**
 * rtap_mem_gather() - where a stretch of IOVAs is in user memory
 * @view: the queue's view, which has an IOTLB
 * @perm: what for: bits of VHOST_MAP_RW, all of which it takes
 * @gpa: first IOVA
 * @size: bytes, not 0
 * @pieces: set to the pieces of user memory; what is contiguous there is one
 * @max: how many there is room for
 *
 * Context: the queue's lock is held.
 * Return: how many pieces; -EFAULT as for rtap_mem_miss(); -E2BIG if there are more
 * than @max.
 */
int rtap_mem_gather(struct rtap_mem_view *view, u8 perm, u64 gpa, size_t size,
		    struct rtap_piece *pieces, u32 max)
{
	struct vhost_iotlb_map entry;
	struct rtap_piece *piece;
	u64 uaddr;
	u32 nr = 0;
	size_t len;

	view->miss.perm = 0;
	if (gpa + size - 1 < gpa)
		return -EFAULT;
	while (size) {
		if (rtap_mem_find_iova(view, perm, gpa, &entry))
			return -EFAULT;
		uaddr = entry.addr + (gpa - entry.start);
		len = min_t(u64, size, entry.size - (gpa - entry.start));
		piece = pieces + nr - 1;
		if (nr && piece->uaddr + piece->size == uaddr) {
			piece->size += len;
		} else {
			if (nr == max)
				return -E2BIG;
			pieces[nr++] = (struct rtap_piece){ .uaddr = uaddr, .size = len };
		}
		gpa += len;
		size -= len;
	}
	return nr;
}

/**
 * rtap_mem_read() - copy guest memory into private memory
 * @view: the queue's view
 * @gpa: guest physical address of the first byte
 * @dst: private memory
 * @len: bytes to copy; they may lie in several regions
 *
 * Context: the queue's lock is held; a thread that uses the owner's mm; may sleep.
 * Return: 0, or -EFAULT; @dst is then undefined.
 */
int rtap_mem_read(struct rtap_mem_view *view, u64 gpa, void *dst, u32 len)
{
	u8 *to = dst;

	while (len) {
		u32 chunk;
		void __user *from = rtap_mem_translate(view, RTAP_MEM_READ, gpa, len, &chunk);

		if (!from || copy_from_user(to, from, chunk))
			return -EFAULT;
		gpa += chunk;
		to += chunk;
		len -= chunk;
	}
	return 0;
}

/**
 * rtap_mem_write() - copy private memory into guest memory
 * @view: the queue's view
 * @gpa: guest physical address of the first byte
 * @src: private memory
 * @len: bytes to copy; they may lie in several regions
 *
 * Context: the queue's lock is held; a thread that uses the owner's mm; may sleep.
 * Return: 0, or -EFAULT; some of the bytes may have been written.
 */
int rtap_mem_write(struct rtap_mem_view *view, u64 gpa, const void *src, u32 len)
{
	const u8 *from = src;

	while (len) {
		u32 chunk;
		void __user *to = rtap_mem_translate(view, RTAP_MEM_WRITE, gpa, len, &chunk);

		if (!to || copy_to_user(to, from, chunk))
			return -EFAULT;
		gpa += chunk;
		from += chunk;
		len -= chunk;
	}
	return 0;
}

/**
 * rtap_mem_log_user() - log what was written to a stretch of user memory
 * @view: the queue's view, which has a log
 * @uaddr: first user address
 * @len: bytes
 *
 * It is logged wherever the memory table has it: at several guest physical addresses,
 * perhaps, or nowhere. Who is killed meanwhile gives up.
 *
 * Context: as rtap_log_dirty().
 * Return: 0, or -EFAULT if the log is not there.
 */
int rtap_mem_log_user(struct rtap_mem_view *view, u64 uaddr, u64 len)
{
	struct vhost_iotlb_map *map;
	u64 first, last;
	u32 seen = 0;
	int err;

	if (!view->mem || !len)
		return 0;
	map = vhost_iotlb_itree_first(view->mem->tree, 0, U64_MAX);
	for (; map; map = vhost_iotlb_itree_next(map, 0, U64_MAX)) {
		/* a table may be long, and what is logged may be much: seconds, minutes */
		if (++seen % RTAP_MEM_RESCHED == 0) {
			cond_resched();
			if (fatal_signal_pending(current))
				return -EFAULT;
		}
		first = max(uaddr, map->addr);
		last = min(uaddr + len - 1, map->addr + map->size - 1);
		if (first > last)
			continue;
		err = rtap_log_dirty(view->log, map->start + (first - map->addr), last - first + 1);
		if (err)
			return err;
	}
	return 0;
}

/**
 * rtap_mem_log() - log what was written since this was last called
 * @view: the queue's view, which has a log
 *
 * Context: as rtap_log_dirty(); nothing that was translated is still to be written.
 * Return: 0, or -EFAULT if the log is not there, or is not complete.
 */
int rtap_mem_log(struct rtap_mem_view *view)
{
	const struct rtap_log_stretch *stretch;
	struct rtap_log *log = view->log;
	int err = log->lost ? -EFAULT : 0;

	for (stretch = log->stretches; stretch < log->stretches + log->nr && !err; stretch++)
		err = view->iotlb ? rtap_mem_log_user(view, stretch->addr, stretch->len) :
				    rtap_log_dirty(log, stretch->addr, stretch->len);
	log->nr = 0;
	log->lost = false;
	return err;
}
