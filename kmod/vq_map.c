// SPDX-License-Identifier: GPL-2.0-only
/*
 * From ring addresses to a mapped, started ring, and back
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vhost_iotlb.h>
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

/* Words that were aligned as IOVAs are loaded and stored in one go: they have to stay aligned. */
static bool rtap_vq_translates_aligned(u64 iova, u64 uaddr)
{
	return IS_ALIGNED(iova ^ uaddr, sizeof(struct vring_packed_desc));
}

/* With an IOTLB, an area is where its addresses are translated to: in pieces, perhaps. */
static int rtap_vq_map_iova(struct rtap_vq *vq, struct rtap_area *area, u64 iova, size_t size,
			    u8 perm)
{
	u32 max = size / PAGE_SIZE + 2;
	struct rtap_piece *pieces;
	int nr;

	pieces = kmalloc_array(max, sizeof(*pieces), GFP_KERNEL_ACCOUNT);
	if (!pieces)
		return -ENOMEM;
	nr = rtap_mem_gather(&vq->mem, perm, iova, size, pieces, max);
	if (nr > 0)
		nr = rtap_vq_translates_aligned(iova, pieces[0].uaddr) ?
			     rtap_area_map(area, vq->mm, pieces, nr) : -EFAULT;
	kfree(pieces);
	return nr;
}

static int rtap_vq_map_area(struct rtap_vq *vq, struct rtap_area *area, u64 addr, size_t size,
			    u8 perm)
{
	struct rtap_piece piece = { .uaddr = addr, .size = size };

	if (vq->mem.iotlb)
		return rtap_vq_map_iova(vq, area, addr, size, perm);
	return rtap_area_map(area, vq->mm, &piece, 1);
}

static int rtap_vq_map_areas(struct rtap_vq *vq, const struct vhost_vring_addr *addr,
			     struct rtap_vq_areas *areas)
{
	const struct rtap_ring *ring = &vq->ring;
	/* virtio 2.8.1: the device writes used descriptors to where the driver's are */
	u8 perm = ring->layout == RTAP_LAYOUT_PACKED ? VHOST_MAP_RW : VHOST_MAP_RO;
	int err;

	*areas = (struct rtap_vq_areas){};
	err = rtap_vq_map_area(vq, &areas->desc, addr->desc_user_addr,
			       rtap_ring_desc_size(ring->layout, ring->num), perm);
	if (!err)
		err = rtap_vq_map_area(vq, &areas->driver, addr->avail_user_addr,
				       rtap_ring_driver_size(ring->layout, ring->num,
							     ring->event_idx), VHOST_MAP_RO);
	if (!err)
		err = rtap_vq_map_area(vq, &areas->device, addr->used_user_addr,
				       rtap_ring_device_size(ring->layout, ring->num,
							     ring->event_idx), VHOST_MAP_WO);
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

/**
 * rtap_vq_access_ok() - whether ring addresses are user addresses at all
 * @vq: the queue, for its size and features; its lock is held
 * @addr: the addresses
 *
 * Return: true if so, mapped or not, or if they are IOVAs.
 */
bool rtap_vq_access_ok(const struct rtap_vq *vq, const struct vhost_vring_addr *addr)
{
	bool stopped = vq->state == RTAP_VQ_STOPPED;
	bool iova = stopped ? rtap_vq_has(vq, VIRTIO_F_ACCESS_PLATFORM) : !!vq->mem.iotlb;
	enum rtap_layout layout = stopped ? rtap_vq_layout(vq) : vq->ring.layout;
	bool event_idx = stopped ? rtap_vq_has(vq, VIRTIO_RING_F_EVENT_IDX) :
				   vq->ring.event_idx;

	/* the VMM's translations are checked when they come */
	if (iova)
		return true;
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

static void rtap_vq_latch_log(struct rtap_ring *ring, const struct vhost_vring_addr *addr)
{
	ring->logged = addr->flags & BIT(VHOST_VRING_F_LOG);
	ring->log_addr = addr->log_guest_addr;
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
	rtap_vq_latch_log(ring, &vq->addr);
	rtap_mem_view_set_iotlb(&vq->mem, rtap_vq_has(vq, VIRTIO_F_ACCESS_PLATFORM) ?
					  vq->iotlb : NULL);
	vq->started = false;
}

/* Map the ring, and start it if that is still to be done. */
static int rtap_vq_map(struct rtap_vq *vq)
{
	struct rtap_vq_areas areas;
	int err;

	err = rtap_vq_map_areas(vq, &vq->addr, &areas);
	if (err)
		return err;
	rtap_vq_swap_areas(vq, &areas);
	err = vq->started ? 0 : rtap_ring_start(&vq->ring);
	if (err) {
		rtap_vq_swap_areas(vq, &areas);
		rtap_vq_unmap_areas(vq, &areas);
		return err;
	}
	vq->started = true;
	vq->state = RTAP_VQ_RUNNING;
	rtap_vq_report_publish(vq);
	rtap_vq_log_access(vq);
	return 0;
}

/* The ring's addresses do not lead to memory any more. */
static void rtap_vq_unmap(struct rtap_vq *vq)
{
	struct rtap_vq_areas areas = {};

	rtap_vq_swap_areas(vq, &areas);
	rtap_vq_unmap_areas(vq, &areas);
	if (vq->state == RTAP_VQ_RUNNING)
		vq->state = RTAP_VQ_MISSING;
	rtap_vq_report_publish(vq);
}

/**
 * rtap_vq_attach() - map the ring and start it where VRING_BASE says
 * @vq: a stopped queue with an owner; its lock is held
 *
 * Layout and features are latched until the queue is detached. The queue is
 * running on success; the caller wakes it. With an IOTLB, it is missing its ring until
 * the worker has been told where that is: a VMM may answer from the very thread that
 * is in here.
 *
 * Context: an ioctl of the owner.
 * Return: 0, -EFAULT if ring or memory addresses cannot be reached, -EINVAL if
 * the ring's position is outside it, or -ENOMEM.
 */
int rtap_vq_attach(struct rtap_vq *vq)
	__must_hold(&vq->lock)
{
	lockdep_assert_held(&vq->lock);
	if (!rtap_vq_access_ok(vq, &vq->addr))
		return -EFAULT;
	rtap_vq_latch(vq);
	if (!rtap_vq_aligned(vq, &vq->addr))
		return -EINVAL;
	rtap_ring_restore(&vq->ring, vq->base);
	if (!vq->mem.iotlb)
		return rtap_vq_map(vq);
	vq->state = RTAP_VQ_MISSING;
	rtap_vq_report_publish(vq);
	return 0;
}

/**
 * rtap_vq_find() - have a ring that is missing mapped, if it is known by now where it is
 * @vq: a queue that is missing its ring; its lock is held
 *
 * Afterwards the queue is running, or still missing: then the VMM is asked for a
 * translation, which wakes the queue. Or it is broken.
 *
 * Context: on the worker.
 */
void rtap_vq_find(struct rtap_vq *vq)
	__must_hold(&vq->lock)
{
	int err;

	lockdep_assert_held(&vq->lock);
	err = rtap_vq_map(vq);
	if (!err)
		return;
	rtap_ring_fail(&vq->ring, RTAP_RING_FAULT, vq->ring.last_avail, 0);
	rtap_vq_failed(vq, err);
}

static bool rtap_vq_overlaps(u64 addr, size_t size, u64 first, u64 last)
{
	return addr <= last && first <= addr + size - 1;
}

/**
 * rtap_vq_invalidate() - translations are no longer valid
 * @vq: the queue; its lock is held
 * @first: first IOVA
 * @last: last one
 *
 * If the ring is among what they translated, it is missing from now on. It is asked for
 * when there is something to do: the queue is not woken.
 *
 * Context: process context; sleeps.
 */
void rtap_vq_invalidate(struct rtap_vq *vq, u64 first, u64 last)
	__must_hold(&vq->lock)
{
	const struct rtap_ring *ring = &vq->ring;

	lockdep_assert_held(&vq->lock);
	if (vq->state == RTAP_VQ_STOPPED || !vq->mem.iotlb)
		return;
	rtap_mem_view_forget(&vq->mem, first, last);
	if (!ring->desc.size)
		return;
	if (rtap_vq_overlaps(vq->addr.desc_user_addr, ring->desc.size, first, last) ||
	    rtap_vq_overlaps(vq->addr.avail_user_addr, ring->driver.size, first, last) ||
	    rtap_vq_overlaps(vq->addr.used_user_addr, ring->device.size, first, last))
		rtap_vq_unmap(vq);
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
	if (vq->mem.iotlb)
		rtap_iotlb_forget(vq->iotlb, vq->index);
	rtap_mem_view_set_iotlb(&vq->mem, NULL);
}

/**
 * rtap_vq_remap() - move a running ring to other addresses
 * @vq: a queue that is not stopped; its lock is held
 * @addr: the addresses, checked by rtap_vq_access_ok(); kept in @vq on success
 *
 * The new areas are mapped before the old ones go; failure changes nothing. With an
 * IOTLB the ring is missing until the worker has found it.
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
	if (vq->mem.iotlb) {
		rtap_vq_unfetch(vq);
		vq->addr = *addr;
		rtap_vq_latch_log(&vq->ring, addr);
		rtap_vq_unmap(vq);
		return 0;
	}
	err = rtap_vq_map_areas(vq, addr, &areas);
	if (err)
		return err;
	rtap_vq_unfetch(vq);
	rtap_vq_swap_areas(vq, &areas);
	rtap_vq_unmap_areas(vq, &areas);
	vq->addr = *addr;
	rtap_vq_latch_log(&vq->ring, addr);
	rtap_vq_report_publish(vq);
	rtap_vq_log_access(vq);
	return 0;
}
