// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VRING ioctls: size, addresses, position, eventfds, busy-poll time
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/uaccess.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "vq.h"

static long rtap_vq_set_num(struct rtap_vq *vq, void __user *argp)
{
	struct vhost_vring_state state;
	bool packed = rtap_vq_has(vq, VIRTIO_F_RING_PACKED);

	if (vq->state != RTAP_VQ_STOPPED)
		return -EBUSY;
	if (copy_from_user(&state, argp, sizeof(state)))
		return -EFAULT;
	if (!state.num || state.num > RTAP_RING_NUM_MAX)
		return -EINVAL;
	/* virtio 2.7: a split ring's size is a power of two; 2.8: a packed one's need not be */
	if (!packed && !is_power_of_2(state.num))
		return -EINVAL;
	vq->num = state.num;
	return 0;
}

static bool rtap_vq_fits_pointer(u64 addr)
{
	return (u64)(uintptr_t)addr == addr;
}

static long rtap_vq_set_addr(struct rtap_vq *vq, void __user *argp)
{
	struct vhost_vring_addr addr;
	int err;

	if (copy_from_user(&addr, argp, sizeof(addr)))
		return -EFAULT;
	if (addr.flags & ~BIT(VHOST_VRING_F_LOG))
		return -EOPNOTSUPP;
	if (!rtap_vq_fits_pointer(addr.desc_user_addr) ||
	    !rtap_vq_fits_pointer(addr.avail_user_addr) ||
	    !rtap_vq_fits_pointer(addr.used_user_addr))
		return -EFAULT;
	if (!IS_ALIGNED(addr.avail_user_addr, VRING_AVAIL_ALIGN_SIZE) ||
	    !IS_ALIGNED(addr.used_user_addr, VRING_USED_ALIGN_SIZE) ||
	    !IS_ALIGNED(addr.log_guest_addr, VRING_USED_ALIGN_SIZE))
		return -EINVAL;
	if (vq->state == RTAP_VQ_STOPPED) {
		vq->addr = addr;
		return 0;
	}
	if (!rtap_vq_access_ok(vq, &addr) || !rtap_vq_log_reaches(vq, &addr, vq->log.base))
		return -EINVAL;
	err = rtap_vq_remap(vq, &addr);
	if (!err)
		rtap_vq_wake(vq);
	return err;
}

static long rtap_vq_set_base(struct rtap_vq *vq, void __user *argp)
{
	struct vhost_vring_state state;

	if (vq->state != RTAP_VQ_STOPPED)
		return -EBUSY;
	if (copy_from_user(&state, argp, sizeof(state)))
		return -EFAULT;
	if (!rtap_vq_has(vq, VIRTIO_F_RING_PACKED) && state.num > U16_MAX)
		return -EINVAL;
	vq->base = state.num;
	return 0;
}

/* The position of a running ring is that of the oldest chain not completed. */
static u32 rtap_vq_base(struct rtap_vq *vq)
{
	if (vq->state == RTAP_VQ_STOPPED)
		return vq->base;
	rtap_vq_unfetch(vq);
	return rtap_ring_save(&vq->ring);
}

static long rtap_vq_put_state(struct rtap_vq *vq, void __user *argp, u32 num)
{
	struct vhost_vring_state state = { .index = vq->index, .num = num };

	return copy_to_user(argp, &state, sizeof(state)) ? -EFAULT : 0;
}

static long rtap_vq_set_busyloop(struct rtap_vq *vq, void __user *argp)
{
	struct vhost_vring_state state;

	if (copy_from_user(&state, argp, sizeof(state)))
		return -EFAULT;
	WRITE_ONCE(vq->busyloop_us, state.num);
	return 0;
}

static long rtap_vq_set_kick(struct rtap_vq *vq, void __user *argp)
{
	struct vhost_vring_file arg;
	struct file *file = NULL;
	long err = 0;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	if (arg.fd != VHOST_FILE_UNBIND)
		file = eventfd_fget(arg.fd);
	if (IS_ERR(file))
		return PTR_ERR(file);
	/* after this no wake-up from the old eventfd starts */
	rtap_poll_stop(&vq->kick);
	if (vq->kick_file)
		fput(vq->kick_file);
	vq->kick_file = file;
	if (file)
		err = rtap_poll_start(&vq->kick, file);
	return err;
}

static long rtap_vq_set_eventfd(struct eventfd_ctx **slot, void __user *argp)
{
	struct vhost_vring_file arg;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	return rtap_eventfd_swap(slot, arg.fd);
}

/**
 * rtap_vq_ioctl() - one VRING ioctl
 * @vq: the queue it names; its lock is held
 * @cmd: ioctl number
 * @argp: user address of its argument, whose first word was the queue's index
 *
 * Swaps of eventfds happen under the queue's lock: once the ioctl has returned,
 * the old one is never signalled again.
 *
 * Context: an ioctl of the owner.
 * Return: what the ioctl returns; -ENOIOCTLCMD for an unknown one.
 */
long rtap_vq_ioctl(struct rtap_vq *vq, unsigned int cmd, void __user *argp)
	__must_hold(&vq->lock)
{
	lockdep_assert_held(&vq->lock);
	switch (cmd) {
	case VHOST_SET_VRING_NUM:
		return rtap_vq_set_num(vq, argp);
	case VHOST_SET_VRING_ADDR:
		return rtap_vq_set_addr(vq, argp);
	case VHOST_SET_VRING_BASE:
		return rtap_vq_set_base(vq, argp);
	case VHOST_GET_VRING_BASE:
		return rtap_vq_put_state(vq, argp, rtap_vq_base(vq));
	case VHOST_SET_VRING_KICK:
		return rtap_vq_set_kick(vq, argp);
	case VHOST_SET_VRING_CALL:
		return rtap_vq_set_eventfd(&vq->call, argp);
	case VHOST_SET_VRING_ERR:
		return rtap_vq_set_eventfd(&vq->err, argp);
	case VHOST_SET_VRING_BUSYLOOP_TIMEOUT:
		return rtap_vq_set_busyloop(vq, argp);
	case VHOST_GET_VRING_BUSYLOOP_TIMEOUT:
		return rtap_vq_put_state(vq, argp, vq->busyloop_us);
	default:
		return -ENOIOCTLCMD;
	}
}
