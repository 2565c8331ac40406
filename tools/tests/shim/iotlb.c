// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A linear stand-in for the kernel's module vhost_iotlb
 *
 * Same contract: ranges may overlap, the first match has the lowest start, and the
 * whole address space is kept as two halves because its size does not fit 64 bits.
 */
#include <linux/vhost_iotlb.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

struct vhost_iotlb *vhost_iotlb_alloc(unsigned int limit, unsigned int flags)
{
	struct vhost_iotlb *iotlb = rtap_shim_alloc(sizeof(*iotlb));

	if (flags & ~VHOST_IOTLB_FLAG_RETIRE)
		abort();
	if (iotlb) {
		iotlb->limit = limit;
		iotlb->flags = flags;
	}
	return iotlb;
}

void vhost_iotlb_free(struct vhost_iotlb *iotlb)
{
	if (!iotlb)
		return;
	free(iotlb->maps);
	free(iotlb);
}

static void iotlb_drop(struct vhost_iotlb *iotlb, unsigned int i)
{
	iotlb->nmaps--;
	memmove(iotlb->maps + i, iotlb->maps + i + 1, (iotlb->nmaps - i) * sizeof(*iotlb->maps));
}

static int iotlb_add(struct vhost_iotlb *iotlb, u64 start, u64 last, u64 addr, unsigned int perm)
{
	struct vhost_iotlb_map *maps;
	void *probe;

	if (iotlb->nmaps >= iotlb->limit) {
		if (!(iotlb->flags & VHOST_IOTLB_FLAG_RETIRE))
			return -ENOSPC;
		iotlb_drop(iotlb, 0);
	}
	/* the kernel allocates each range: let a test fail any one of them */
	probe = rtap_shim_alloc(1);
	if (!probe)
		return -ENOMEM;
	free(probe);
	maps = realloc(iotlb->maps, (iotlb->nmaps + 1) * sizeof(*maps));
	if (!maps)
		return -ENOMEM;
	iotlb->maps = maps;
	iotlb->maps[iotlb->nmaps++] = (struct vhost_iotlb_map){
		.start = start,
		.last = last,
		.size = last - start + 1,
		.addr = addr,
		.perm = perm,
		.iotlb = iotlb,
	};
	return 0;
}

int vhost_iotlb_add_range(struct vhost_iotlb *iotlb, u64 start, u64 last, u64 addr,
			  unsigned int perm)
{
	u64 half = ~0ULL / 2;
	int err;

	if (last < start)
		return -EFAULT;
	if (!iotlb->limit)
		return -EINVAL;
	if (start || last != ~0ULL)
		return iotlb_add(iotlb, start, last, addr, perm);
	err = iotlb_add(iotlb, 0, half, addr, perm);
	return err ? err : iotlb_add(iotlb, half + 1, last, addr + half + 1, perm);
}

void vhost_iotlb_del_range(struct vhost_iotlb *iotlb, u64 start, u64 last)
{
	unsigned int i = 0;

	while (i < iotlb->nmaps) {
		if (iotlb->maps[i].start <= last && start <= iotlb->maps[i].last)
			iotlb_drop(iotlb, i);
		else
			i++;
	}
}

struct vhost_iotlb_map *vhost_iotlb_itree_first(struct vhost_iotlb *iotlb, u64 start, u64 last)
{
	struct vhost_iotlb_map *first = NULL;
	unsigned int i;

	for (i = 0; i < iotlb->nmaps; i++) {
		struct vhost_iotlb_map *map = &iotlb->maps[i];

		if (map->start <= last && start <= map->last &&
		    (!first || map->start < first->start))
			first = map;
	}
	return first;
}

/* Behind one that was found: by start, and of those with the same start in the order they came. */
struct vhost_iotlb_map *vhost_iotlb_itree_next(struct vhost_iotlb_map *map, u64 start, u64 last)
{
	struct vhost_iotlb *iotlb = map->iotlb;
	struct vhost_iotlb_map *next = NULL;
	unsigned int i;

	for (i = 0; i < iotlb->nmaps; i++) {
		struct vhost_iotlb_map *other = &iotlb->maps[i];

		if (other->start > last || start > other->last)
			continue;
		if (other->start < map->start || (other->start == map->start && other <= map))
			continue;
		if (!next || other->start < next->start)
			next = other;
	}
	return next;
}
