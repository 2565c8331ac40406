// SPDX-License-Identifier: GPL-2.0-only
/*
 * Becomes somebody's device and stops being it
 */
#include "dev.h"

#include <linux/idr.h>
#include <linux/nospec.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

static DEFINE_IDA(rtap_dev_ids);

/**
 * rtap_dev_init() - make a device without an owner, in zeroed memory
 * @dev: the device; the caller initialises its queues
 *
 * Return: 0 or a negative errno.
 */
int rtap_dev_init(struct rtap_dev *dev)
{
	int id = ida_alloc(&rtap_dev_ids, GFP_KERNEL);

	if (id < 0)
		return id;
	dev->id = id;
	dev->threads = rtap_thread_best();
	mutex_init(&dev->lock);
	rtap_iotlb_init(&dev->iotlb);
	rtap_event_source_init(&dev->events, id);
	rtap_dev_report_init(dev);
	return 0;
}

/**
 * rtap_dev_exit() - end of a device that has no owner any more
 * @dev: the device
 */
void rtap_dev_exit(struct rtap_dev *dev)
{
	struct rtap_event event = { .kind = RTAP_EVENT_CLOSE, .source = &dev->events };
	int i;

	/* RESET_OWNER leaves an empty table behind */
	for (i = 0; i < RTAP_DEV_VQS; i++)
		rtap_mem_view_set(&dev->vqs[i]->mem, NULL);
	rtap_mem_put(dev->mem);
	rtap_iotlb_stop(&dev->iotlb);
	/* while the id is nobody else's */
	rtap_event_send(&event);
	ida_free(&rtap_dev_ids, dev->id);
	mutex_destroy(&dev->lock);
}

static int rtap_dev_own_vqs(struct rtap_dev *dev)
{
	int err, i;

	for (i = 0; i < RTAP_DEV_VQS; i++) {
		err = rtap_vq_own(dev->vqs[i], dev->mm, rtap_dev_worker(dev, i % dev->nr_workers));
		if (err)
			return err;
	}
	return 0;
}

/* Be nobody's device again. What was said while it was nobody's is not touched. */
static void rtap_dev_unown(struct rtap_dev *dev)
{
	int i;

	/* no queue wakes a worker after this */
	for (i = 0; i < RTAP_DEV_VQS; i++)
		rtap_vq_disown(dev->vqs[i]);
	rtap_dev_stop_workers(dev);
	mmdrop(dev->mm);
	WRITE_ONCE(dev->mm, NULL);
	WRITE_ONCE(dev->owner, 0);
	rtap_dev_drop_owner(dev);
}

/**
 * rtap_dev_set_owner() - make the calling process the owner
 * @dev: the device; its lock is held
 * @workers: threads wanted, at least one and at most one per queue
 *
 * Failure changes nothing: what was said before holds when it is tried again, as it
 * is, unseen by the caller, after a signal.
 *
 * Return: 0, -EBUSY if there is an owner, or why there can be no worker.
 */
int rtap_dev_set_owner(struct rtap_dev *dev, u32 workers)
{
	int err, i;

	lockdep_assert_held(&dev->lock);
	if (dev->mm)
		return -EBUSY;
	/* readers of the IOTLB compare it, without the lock */
	WRITE_ONCE(dev->mm, current->mm);
	mmgrab(dev->mm);
	WRITE_ONCE(dev->owner, task_tgid_nr(current));
	err = rtap_dev_note_owner(dev);
	if (!err)
		err = rtap_dev_start_workers(dev, clamp(workers, 1u, (u32)RTAP_DEV_VQS));
	if (!err)
		err = rtap_dev_own_vqs(dev);
	if (!err)
		return 0;
	rtap_dev_unown(dev);
	/* RESET_OWNER has left one */
	for (i = 0; i < RTAP_DEV_VQS; i++)
		rtap_mem_view_set(&dev->vqs[i]->mem, dev->mem);
	return err;
}

/**
 * rtap_dev_disown() - forget the owner and everything it said
 * @dev: the device; its lock is held or nobody else can reach it. Its queues
 *       are detached.
 *
 * Context: process context of anyone; sleeps until the workers have ended.
 */
void rtap_dev_disown(struct rtap_dev *dev)
{
	if (!dev->mm)
		return;
	rtap_dev_unown(dev);
	rtap_mem_put(dev->mem);
	dev->mem = NULL;
	rtap_iotlb_stop(&dev->iotlb);
	rtap_dev_drop_log(dev);
	WRITE_ONCE(dev->backend_features, 0);
	dev->threads = rtap_thread_best();
}

/**
 * rtap_dev_check_owner() - whether the caller may change the device
 * @dev: the device; its lock is held
 *
 * Return: 0 or -EPERM.
 */
int rtap_dev_check_owner(const struct rtap_dev *dev)
{
	lockdep_assert_held(&dev->lock);
	return dev->mm == current->mm && dev->mm ? 0 : -EPERM;
}

/**
 * rtap_dev_is_strangers() - whether the caller has nothing to do with the owner
 * @dev: the device; nobody else can reach it
 *
 * An owner that exits has no mm any more.
 *
 * Return: true if there is an owner, and the caller is another process.
 */
bool rtap_dev_is_strangers(const struct rtap_dev *dev)
{
	const struct rtap_owner *whose = rcu_dereference_protected(dev->whose, true);

	return whose && dev->mm != current->mm && whose->pid != task_tgid(current);
}

static long rtap_dev_vring_ioctl(struct rtap_dev *dev, unsigned int cmd, void __user *argp)
{
	struct rtap_vq *vq;
	u32 index;
	long ret;

	if (get_user(index, (u32 __user *)argp))
		return -EFAULT;
	if (index >= RTAP_DEV_VQS)
		return -ENOBUFS;
	vq = dev->vqs[array_index_nospec(index, RTAP_DEV_VQS)];
	switch (cmd) {
	case VHOST_ATTACH_VRING_WORKER:
	case VHOST_GET_VRING_WORKER:
		return rtap_dev_vring_worker_ioctl(dev, vq, cmd, argp);
	default:
		rtap_dev_lock_vq(dev, vq);
		ret = rtap_vq_ioctl(vq, cmd, argp);
		mutex_unlock(&vq->lock);
		return ret;
	}
}

/**
 * rtap_dev_ioctl() - ioctls that any vhost device has, but for owner and features
 * @dev: the device; its lock is held
 * @cmd: ioctl number
 * @argp: user address of its argument
 *
 * Return: what the ioctl returns; -ENOIOCTLCMD for an unknown one.
 */
long rtap_dev_ioctl(struct rtap_dev *dev, unsigned int cmd, void __user *argp)
{
	int err = rtap_dev_check_owner(dev);

	if (err)
		return err;
	switch (cmd) {
	case VHOST_SET_MEM_TABLE:
		return rtap_dev_set_mem(dev, argp);
	case VHOST_SET_LOG_BASE:
		return rtap_dev_set_log_base(dev, argp);
	case VHOST_SET_LOG_FD:
		return rtap_dev_set_log_fd(dev, argp);
	case VHOST_NEW_WORKER:
	case VHOST_FREE_WORKER:
		return rtap_dev_worker_ioctl(dev, cmd, argp);
	default:
		return rtap_dev_vring_ioctl(dev, cmd, argp);
	}
}
