// SPDX-License-Identifier: GPL-2.0-only
/*
 * SET_LOG_BASE and SET_LOG_FD: one dirty log for all queues of a device
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/uaccess.h>
#include <linux/vhost_iotlb.h>

#include "dev.h"

/**
 * rtap_dev_log_reaches() - whether the log of guest memory can be user memory at all
 * @mem: the memory table, or NULL
 * @base: user address of the log
 *
 * Return: true if so, mapped or not.
 */
bool rtap_dev_log_reaches(const struct rtap_mem *mem, u64 base)
{
	const struct vhost_iotlb_map *map;

	if (!mem)
		return true;
	list_for_each_entry(map, &mem->tree->list, link)
		if (!rtap_log_reaches(base, map->start, map->size))
			return false;
	return true;
}

/**
 * rtap_dev_log_ok() - whether a queue could log everything that it writes
 * @dev: the device; its lock is held
 * @vq: one of its queues; its lock is held
 * @base: user address of the log
 * @all: buffers would be logged, not rings alone
 *
 * Return: true if so, as far as can be told without a look at the memory.
 */
bool rtap_dev_log_ok(const struct rtap_dev *dev, const struct rtap_vq *vq, u64 base, bool all)
{
	lockdep_assert_held(&dev->lock);
	return (!all || rtap_dev_log_reaches(dev->mem, base)) &&
	       rtap_vq_log_reaches(vq, &vq->addr, base);
}

/**
 * rtap_dev_attached_log_ok() - whether the queues that are attached could log
 * @dev: the device; its lock is held
 * @base: user address of the log
 * @all: buffers are going to be logged, whatever features say now
 *
 * Return: true if so.
 */
bool rtap_dev_attached_log_ok(struct rtap_dev *dev, u64 base, bool all)
{
	struct rtap_vq *vq;
	bool ok = true;
	int i;

	for (i = 0; i < RTAP_DEV_VQS && ok; i++) {
		vq = dev->vqs[i];
		rtap_dev_lock_vq(dev, vq);
		ok = vq->state == RTAP_VQ_STOPPED ||
		     rtap_dev_log_ok(dev, vq, base, all || rtap_vq_has(vq, VHOST_F_LOG_ALL));
		mutex_unlock(&vq->lock);
	}
	return ok;
}

/**
 * rtap_dev_set_log_base() - SET_LOG_BASE
 * @dev: the device; its lock is held, the caller owns it
 * @argp: user address of the log's user address
 *
 * Under each queue's lock: once this has returned, the old log is not written again.
 *
 * Return: 0, or -EFAULT for an address that cannot be.
 */
long rtap_dev_set_log_base(struct rtap_dev *dev, void __user *argp)
{
	struct rtap_vq *vq;
	u64 base;
	int i;

	lockdep_assert_held(&dev->lock);
	if (copy_from_user(&base, argp, sizeof(base)))
		return -EFAULT;
	if ((u64)(uintptr_t)base != base)
		return -EFAULT;
	if (!rtap_dev_attached_log_ok(dev, base, false))
		return -EFAULT;
	for (i = 0; i < RTAP_DEV_VQS; i++) {
		vq = dev->vqs[i];
		rtap_dev_lock_vq(dev, vq);
		vq->log.base = base;
		rtap_vq_update_log(vq);
		mutex_unlock(&vq->lock);
	}
	return 0;
}

/* Queues borrow the device's reference. */
static void rtap_dev_use_log_ctx(struct rtap_dev *dev, struct eventfd_ctx *ctx)
{
	int i;

	for (i = 0; i < RTAP_DEV_VQS; i++) {
		rtap_dev_lock_vq(dev, dev->vqs[i]);
		dev->vqs[i]->log_ctx = ctx;
		mutex_unlock(&dev->vqs[i]->lock);
	}
	swap(dev->log, ctx);
	if (ctx)
		eventfd_ctx_put(ctx);
}

/**
 * rtap_dev_set_log_fd() - SET_LOG_FD
 * @dev: the device; its lock is held, the caller owns it
 * @argp: user address of an int: an eventfd, or VHOST_FILE_UNBIND
 *
 * Once this has returned, the old one is not signalled again.
 *
 * Return: 0, -EFAULT, or the errno of a descriptor that is no eventfd.
 */
long rtap_dev_set_log_fd(struct rtap_dev *dev, void __user *argp)
{
	struct eventfd_ctx *ctx = NULL;
	int fd;

	lockdep_assert_held(&dev->lock);
	if (get_user(fd, (int __user *)argp))
		return -EFAULT;
	if (fd != VHOST_FILE_UNBIND)
		ctx = eventfd_ctx_fdget(fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	rtap_dev_use_log_ctx(dev, ctx);
	return 0;
}

/**
 * rtap_dev_drop_log() - forget the log; its queues have forgotten it
 * @dev: the device; its lock is held or nobody else can reach it
 */
void rtap_dev_drop_log(struct rtap_dev *dev)
{
	if (dev->log)
		eventfd_ctx_put(dev->log);
	dev->log = NULL;
}
