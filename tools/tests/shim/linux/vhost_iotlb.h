/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of the kernel's module vhost_iotlb that kmod/mem.c and kmod/iotlb.c use */
#ifndef RTAP_SHIM_VHOST_IOTLB_H
#define RTAP_SHIM_VHOST_IOTLB_H

#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VHOST_MAP_RO 1
#define VHOST_MAP_WO 2
#define VHOST_MAP_RW 3

/* the oldest range makes room for a new one */
#define VHOST_IOTLB_FLAG_RETIRE 1

struct vhost_iotlb_map {
	u64 start;
	u64 last;
	u64 size;
	u64 addr;
	u32 perm;
	struct vhost_iotlb *iotlb;
};

struct vhost_iotlb {
	/* in the order in which they came */
	struct vhost_iotlb_map *maps;
	unsigned int nmaps;
	unsigned int limit;
	unsigned int flags;
};

struct vhost_iotlb *vhost_iotlb_alloc(unsigned int limit, unsigned int flags);
void vhost_iotlb_free(struct vhost_iotlb *iotlb);
int vhost_iotlb_add_range(struct vhost_iotlb *iotlb, u64 start, u64 last, u64 addr,
			  unsigned int perm);
void vhost_iotlb_del_range(struct vhost_iotlb *iotlb, u64 start, u64 last);
struct vhost_iotlb_map *vhost_iotlb_itree_first(struct vhost_iotlb *iotlb, u64 start, u64 last);
struct vhost_iotlb_map *vhost_iotlb_itree_next(struct vhost_iotlb_map *map, u64 start, u64 last);

#ifdef __cplusplus
}
#endif

#endif
