// SPDX-License-Identifier: GPL-2.0-only
/*
 * From ring addresses to a mapped, started ring, and back
 */
#include <linux/uaccess.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "area_map.h"
#include "vq.h"

/**
 * struct rtap_vq_areas - the three pieces of ring memory, mapped together
 */
struct rtap_vq_areas {
	/** @desc: as in struct rtap_ring */
	struct rtap_area desc;
	/** @driver: as in struct rtap_ring */
	struct rtap_area driver;
	/** @device: as in struct rtap_ring */
	struct rtap_area device;
};

static void rtap_vq_unmap_areas(struct rtap_vq *vq, struct rtap_vq_areas *areas)
{
	rtap_area_unmap(&areas->desc, vq->mm);
	rtap_area_unmap(&areas->driver, vq->mm);
	rtap_area_unmap(&areas->device, vq->mm);
}

static int rtap_vq_map_areas(struct rtap_vq *vq, const struct vhost_vring_addr *addr,
			     struct rtap_vq_areas *areas)
{
	const struct rtap_ring *ring = &vq->ring;
	int err;

	*areas = (struct rtap_vq_areas){};
	err = rtap_area_map(&areas->desc, vq->mm, addr->desc_user_addr,
			    rtap_ring_desc_size(ring->layout, ring->num));
	if (!err)
		err = rtap_area_map(&areas->driver, vq->mm, addr->avail_user_addr,
				    rtap_ring_driver_size(ring->layout, ring->num,
							  ring->event_idx));
	if (!err)
		err = rtap_area_map(&areas->device, vq->mm, addr->used_user_addr,
				    rtap_ring_device_size(ring->layout, ring->num,
							  ring->event_idx));
	if (err)
		rtap_vq_unmap_areas(vq, areas);
	return err;
}

/* Exchange the ring's areas for others; the caller unmaps what it gets back. */
static void rtap_vq_swap_areas(struct rtap_vq *vq, struct rtap_vq_areas *areas)
{
	swap(vq->ring.desc, areas->desc);
	swap(vq->ring.driver, areas->driver);
	swap(vq->ring.device, areas->device);
}

static void rtap_vq_log_access(struct rtap_vq *vq)
{
	if (!vq->ring.desc.kaddr || !vq->ring.driver.kaddr || !vq->ring.device.kaddr)
		rtap_vq_log_ratelimited(KERN_INFO, vq,
					"ring memory refuses long-term pins: served by user access, which is slower\n");
}

static enum rtap_layout rtap_vq_layout(const struct rtap_vq *vq)
{
	return rtap_vq_has(vq, VIRTIO_F_RING_PACKED) ? RTAP_LAYOUT_PACKED : RTAP_LAYOUT_SPLIT;
}

/**
 * rtap_vq_access_ok() - whether ring addresses are user addresses at all
 * @vq: the queue, for its size and features; its lock is held
 * @addr: the addresses
 *
 * Return: true if so, mapped or not.
 */
bool rtap_vq_access_ok(const struct rtap_vq *vq, const struct vhost_vring_addr *addr)
{
	bool stopped = vq->state == RTAP_VQ_STOPPED;
	enum rtap_layout layout = stopped ? rtap_vq_layout(vq) : vq->ring.layout;
	bool event_idx = stopped ? rtap_vq_has(vq, VIRTIO_RING_F_EVENT_IDX) :
				   vq->ring.event_idx;

	return access_ok((void __user *)(uintptr_t)addr->desc_user_addr,
			 rtap_ring_desc_size(layout, vq->num)) &&
	       access_ok((void __user *)(uintptr_t)addr->avail_user_addr,
			 rtap_ring_driver_size(layout, vq->num, event_idx)) &&
	       access_ok((void __user *)(uintptr_t)addr->used_user_addr,
			 rtap_ring_device_size(layout, vq->num, event_idx));
}

/* The flags word of a packed descriptor is loaded on its own: it has to be aligned. */
static bool rtap_vq_aligned(const struct rtap_vq *vq, const struct vhost_vring_addr *addr)
{
	return vq->ring.layout == RTAP_LAYOUT_SPLIT ||
	       IS_ALIGNED(addr->desc_user_addr, sizeof(struct vring_packed_desc));
}

static void rtap_vq_latch(struct rtap_vq *vq)
{
	struct rtap_ring *ring = &vq->ring;

	memset(ring, 0, sizeof(*ring));
	ring->layout = rtap_vq_layout(vq);
	ring->event_idx = rtap_vq_has(vq, VIRTIO_RING_F_EVENT_IDX);
	ring->in_order = rtap_vq_has(vq, VIRTIO_F_IN_ORDER);
	ring->notify_on_empty = rtap_vq_has(vq, VIRTIO_F_NOTIFY_ON_EMPTY);
	ring->num = vq->num;
	ring->mem = &vq->mem;
}

/**
 * rtap_vq_attach() - map the ring and start it where VRING_BASE says
 * @vq: a stopped queue with an owner; its lock is held
 *
 * Layout and features are latched until the queue is detached. The queue is
 * running on success; the caller wakes it.
 *
 * Context: an ioctl of the owner.
 * Return: 0, -EFAULT if ring or memory addresses cannot be reached, -EINVAL if
 * the ring's position is outside it, or -ENOMEM.
 */
int rtap_vq_attach(struct rtap_vq *vq)
	__must_hold(&vq->lock)
{
	struct rtap_vq_areas areas;
	int err;

	lockdep_assert_held(&vq->lock);
	if (!rtap_vq_access_ok(vq, &vq->addr))
		return -EFAULT;
	rtap_vq_latch(vq);
	if (!rtap_vq_aligned(vq, &vq->addr))
		return -EINVAL;
	err = rtap_vq_map_areas(vq, &vq->addr, &areas);
	if (err)
		return err;
	rtap_vq_swap_areas(vq, &areas);
	rtap_ring_restore(&vq->ring, vq->base);
	err = rtap_ring_start(&vq->ring);
	if (err) {
		rtap_vq_swap_areas(vq, &areas);
		rtap_vq_unmap_areas(vq, &areas);
		return err;
	}
	vq->state = RTAP_VQ_RUNNING;
	rtap_vq_report_publish(vq);
	rtap_vq_log_access(vq);
	return 0;
}

/**
 * rtap_vq_detach() - stop a queue and let go of its ring
 * @vq: the queue; its lock is held; nothing happens if it is stopped
 *
 * Chains fetched and not completed go back to the ring; serving a queue leaves
 * no completion unpublished. The position is kept for VRING_BASE.
 */
void rtap_vq_detach(struct rtap_vq *vq)
	__must_hold(&vq->lock)
{
	struct rtap_vq_areas areas = {};

	lockdep_assert_held(&vq->lock);
	if (vq->state == RTAP_VQ_STOPPED)
		return;
	rtap_vq_unfetch(vq);
	vq->base = rtap_ring_save(&vq->ring);
	vq->state = RTAP_VQ_STOPPED;
	rtap_vq_report_publish(vq);
	rtap_vq_swap_areas(vq, &areas);
	rtap_vq_unmap_areas(vq, &areas);
}

/**
 * rtap_vq_remap() - move a running ring to other addresses
 * @vq: a queue that is not stopped; its lock is held
 * @addr: the addresses, checked by rtap_vq_access_ok(); kept in @vq on success
 *
 * The new areas are mapped before the old ones go; failure changes nothing.
 *
 * Context: an ioctl of the owner.
 * Return: 0, -EINVAL or -ENOMEM.
 */
int rtap_vq_remap(struct rtap_vq *vq, const struct vhost_vring_addr *addr)
	__must_hold(&vq->lock)
{
	struct rtap_vq_areas areas;
	int err;

	lockdep_assert_held(&vq->lock);
	if (!rtap_vq_aligned(vq, addr))
		return -EINVAL;
	err = rtap_vq_map_areas(vq, addr, &areas);
	if (err)
		return err;
	rtap_vq_unfetch(vq);
	rtap_vq_swap_areas(vq, &areas);
	rtap_vq_unmap_areas(vq, &areas);
	vq->addr = *addr;
	rtap_vq_report_publish(vq);
	rtap_vq_log_access(vq);
	return 0;
}
