// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMM's half of the device IOTLB: what it tells, and what it is asked
 */
#include <linux/uaccess.h>
#include <linux/virtio_config.h>
#include <linux/wait.h>

#include "dev.h"

static_assert(RTAP_IOTLB_ASKERS == RTAP_DEV_VQS);
static_assert(VHOST_ACCESS_RO == VHOST_MAP_RO && VHOST_ACCESS_WO == VHOST_MAP_WO);

static void rtap_dev_invalidate(struct rtap_dev *dev, u64 first, u64 last)
{
	struct rtap_vq *vq;
	int i;

	rtap_iotlb_remove(&dev->iotlb, first, last);
	for (i = 0; i < RTAP_DEV_VQS; i++) {
		vq = dev->vqs[i];
		rtap_dev_lock_vq(dev, vq);
		rtap_vq_invalidate(vq, first, last);
		mutex_unlock(&vq->lock);
	}
}

/**
 * rtap_dev_reset_iotlb() - have an empty IOTLB, or none
 * @dev: the device; its lock is held
 * @features: virtio features that were acknowledged
 *
 * As with stock, each SET_FEATURES starts anew. A queue that is attached keeps what it
 * was attached with, IOTLB or not.
 *
 * Return: 0, or -ENOMEM, in which case nothing has changed.
 */
int rtap_dev_reset_iotlb(struct rtap_dev *dev, u64 features)
{
	int err = 0;

	lockdep_assert_held(&dev->lock);
	if (features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM))
		err = rtap_iotlb_start(&dev->iotlb);
	else
		rtap_iotlb_stop(&dev->iotlb);
	if (!err)
		rtap_dev_invalidate(dev, 0, U64_MAX);
	return err;
}

static bool rtap_dev_translation_ok(const struct vhost_iotlb_msg *msg)
{
	if (msg->uaddr + msg->size - 1 < msg->uaddr)
		return false;
	return !(msg->perm & VHOST_ACCESS_RW) ||
	       access_ok((void __user *)(uintptr_t)msg->uaddr, msg->size);
}

static long rtap_dev_update(struct rtap_dev *dev, const struct vhost_iotlb_msg *msg)
{
	u32 answered;
	int err, i;

	if (!rtap_dev_translation_ok(msg))
		return -EFAULT;
	err = rtap_iotlb_add(&dev->iotlb, msg->iova, msg->size, msg->uaddr, msg->perm, &answered);
	if (err)
		return err;
	for (i = 0; i < RTAP_DEV_VQS; i++)
		if (answered & BIT(i))
			rtap_vq_wake(dev->vqs[i]);
	return 0;
}

/* No bytes are all of them: how QEMU says 2^64. What wraps around is everything, too. */
static long rtap_dev_invalidate_range(struct rtap_dev *dev, const struct vhost_iotlb_msg *msg)
{
	u64 last = msg->iova + msg->size - 1;

	if (!rtap_iotlb_on(&dev->iotlb))
		return -EFAULT;
	if (last < msg->iova)
		rtap_dev_invalidate(dev, 0, U64_MAX);
	else
		rtap_dev_invalidate(dev, msg->iova, last);
	return 0;
}

static long rtap_dev_message(struct rtap_dev *dev, const struct vhost_iotlb_msg *msg)
{
	switch (msg->type) {
	case VHOST_IOTLB_UPDATE:
		return rtap_dev_update(dev, msg);
	case VHOST_IOTLB_INVALIDATE:
		return rtap_dev_invalidate_range(dev, msg);
	default:
		return -EINVAL;
	}
}

/**
 * rtap_dev_iotlb_message() - take a message that was written to the node
 * @dev: the device
 * @msg: the message, in kernel memory
 *
 * Once an invalidation has returned, no queue uses what it was about.
 *
 * Context: process context; sleeps.
 * Return: 0, -EPERM for anyone but the owner, -EFAULT without an IOTLB or for a range that
 * is none, -EINVAL for a message that is not for us, -ENOMEM, or -EINTR.
 */
long rtap_dev_iotlb_message(struct rtap_dev *dev, const struct vhost_iotlb_msg *msg)
{
	long ret;

	if (mutex_lock_killable(&dev->lock))
		return -EINTR;
	/* stock has an IOTLB before it has an owner */
	ret = dev->mm ? rtap_dev_check_owner(dev) : 0;
	if (!ret)
		ret = rtap_dev_message(dev, msg);
	mutex_unlock(&dev->lock);
	return ret;
}

/* As stock, questions are told before there is an owner, too. */
static bool rtap_dev_may_read(const struct rtap_dev *dev)
{
	const struct mm_struct *mm = READ_ONCE(dev->mm);

	return !mm || mm == current->mm;
}

/**
 * rtap_dev_iotlb_wait() - have the next question to the VMM
 * @dev: the device
 * @nonblock: do not wait for one
 * @miss: set to what is asked for
 *
 * Context: process context; sleeps.
 * Return: who asks; -EAGAIN if nobody does, -EBADFD if nobody ever will, -ERESTARTSYS, or
 * -EPERM for anyone but the owner.
 */
int rtap_dev_iotlb_wait(struct rtap_dev *dev, bool nonblock, struct rtap_iotlb_miss *miss)
{
	struct rtap_iotlb *iotlb = &dev->iotlb;
	int asker = -EAGAIN, err;

	if (!rtap_dev_may_read(dev))
		return -EPERM;
	if (nonblock)
		return rtap_iotlb_next(iotlb, miss);
	err = wait_event_interruptible(iotlb->wait, (asker = rtap_iotlb_next(iotlb, miss)) >= 0 ||
				       !rtap_iotlb_on(iotlb));
	if (err)
		return err;
	if (asker < 0)
		return -EBADFD;
	/* it was nobody's when the wait began, and has become another's */
	if (rtap_dev_may_read(dev))
		return asker;
	rtap_iotlb_unread(iotlb, asker);
	return -EPERM;
}
