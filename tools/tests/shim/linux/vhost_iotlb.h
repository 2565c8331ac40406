/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of the kernel's module vhost_iotlb that kmod/mem.c uses */
#ifndef RTAP_SHIM_VHOST_IOTLB_H
#define RTAP_SHIM_VHOST_IOTLB_H

#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VHOST_MAP_RW 3

struct vhost_iotlb;

struct vhost_iotlb_map {
	u64 start;
	u64 last;
	u64 size;
	u64 addr;
};

struct vhost_iotlb *vhost_iotlb_alloc(unsigned int limit, unsigned int flags);
void vhost_iotlb_free(struct vhost_iotlb *iotlb);
int vhost_iotlb_add_range(struct vhost_iotlb *iotlb, u64 start, u64 last, u64 addr,
			  unsigned int perm);
struct vhost_iotlb_map *vhost_iotlb_itree_first(struct vhost_iotlb *iotlb, u64 start, u64 last);

#ifdef __cplusplus
}
#endif

#endif
