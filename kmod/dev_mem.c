// SPDX-License-Identifier: GPL-2.0-only
/*
 * SET_MEM_TABLE: one immutable table for all queues of a device
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vhost_iotlb.h>

#include "dev.h"

/**
 * rtap_dev_mem_ok() - whether a table's regions are user memory at all
 * @mem: the table, or NULL
 *
 * Nothing is touched: clients pass huge regions that are mostly unmapped.
 *
 * Return: true if there is a table and every region passes access_ok().
 */
bool rtap_dev_mem_ok(const struct rtap_mem *mem)
{
	const struct vhost_iotlb_map *map;

	if (!mem)
		return false;
	list_for_each_entry(map, &mem->tree->list, link) {
		if (map->addr + map->size < map->addr)
			return false;
		if (!access_ok((void __user *)(uintptr_t)map->addr, map->size))
			return false;
	}
	return true;
}

static struct rtap_mem *rtap_dev_read_mem(const struct vhost_memory __user *user)
{
	struct vhost_memory_region *regions;
	struct vhost_memory head;
	struct rtap_mem *mem;
	size_t size;

	if (copy_from_user(&head, user, sizeof(head)))
		return ERR_PTR(-EFAULT);
	if (head.padding)
		return ERR_PTR(-EOPNOTSUPP);
	if (head.nregions > RTAP_MEM_REGIONS_MAX)
		return ERR_PTR(-E2BIG);
	size = head.nregions * sizeof(*regions);
	regions = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!regions)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(regions, user->regions, size))
		mem = ERR_PTR(-EFAULT);
	else
		mem = rtap_mem_create(regions, head.nregions);
	kvfree(regions);
	return mem;
}

static bool rtap_dev_attached(struct rtap_dev *dev)
{
	bool attached = false;
	int i;

	for (i = 0; i < RTAP_DEV_VQS; i++) {
		rtap_dev_lock_vq(dev, dev->vqs[i]);
		attached |= dev->vqs[i]->state != RTAP_VQ_STOPPED;
		mutex_unlock(&dev->vqs[i]->lock);
	}
	return attached;
}

/* What is written to a table's memory could be logged, if it has to be. */
static bool rtap_dev_can_log(const struct rtap_dev *dev, const struct rtap_mem *mem)
{
	const struct rtap_vq *vq = dev->vqs[0];

	return !rtap_vq_has(vq, VHOST_F_LOG_ALL) || rtap_dev_log_reaches(mem, vq->log.base);
}

/**
 * rtap_dev_set_mem() - replace the memory table
 * @dev: the device; its lock is held, the caller owns it
 * @argp: user address of a struct vhost_memory
 *
 * Queues change over one by one under their locks, running ones too; what they
 * had fetched under the old table goes back to the ring.
 *
 * Return: 0 or a negative errno, in which case the old table stays.
 */
long rtap_dev_set_mem(struct rtap_dev *dev, void __user *argp)
{
	struct rtap_mem *mem;

	lockdep_assert_held(&dev->lock);
	mem = rtap_dev_read_mem(argp);
	if (IS_ERR(mem))
		return PTR_ERR(mem);
	if (rtap_dev_attached(dev) && !(rtap_dev_mem_ok(mem) && rtap_dev_can_log(dev, mem))) {
		rtap_mem_put(mem);
		return -EFAULT;
	}
	rtap_dev_use_mem(dev, mem);
	return 0;
}

static u64 rtap_dev_mem_bytes(const struct rtap_mem *mem)
{
	const struct vhost_iotlb_map *map;
	u64 bytes = 0;

	list_for_each_entry(map, &mem->tree->list, link)
		bytes += map->size;
	return bytes;
}

/**
 * rtap_dev_use_mem() - have all queues use a memory table
 * @dev: the device; its lock is held
 * @mem: the table; the device takes over the caller's reference
 */
void rtap_dev_use_mem(struct rtap_dev *dev, struct rtap_mem *mem)
{
	struct rtap_vq *vq;
	int i;

	lockdep_assert_held(&dev->lock);
	for (i = 0; i < RTAP_DEV_VQS; i++) {
		vq = dev->vqs[i];
		rtap_dev_lock_vq(dev, vq);
		if (vq->state != RTAP_VQ_STOPPED)
			rtap_vq_unfetch(vq);
		rtap_mem_view_set(&vq->mem, mem);
		mutex_unlock(&vq->lock);
		rtap_vq_wake(vq);
	}
	rtap_mem_put(dev->mem);
	dev->mem = mem;
	dev->region_bytes = rtap_dev_mem_bytes(mem);
}
