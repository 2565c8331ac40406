// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verbs of a device-side virtqueue: one switch per batch, then the layout
 */
#include <linux/errno.h>
#include <linux/minmax.h>

#include "ring_layout.h"

static const char *const rtap_ring_error_names[RTAP_RING_ERRORS] = {
	[RTAP_RING_OK] = "ok",
	[RTAP_RING_FAULT] = "fault",
	[RTAP_RING_AVAIL_IDX] = "avail_idx",
	[RTAP_RING_HEAD] = "head",
	[RTAP_RING_NEXT] = "next",
	[RTAP_RING_LOOP] = "loop",
	[RTAP_RING_TOO_LONG] = "too_long",
	[RTAP_RING_ORDER] = "order",
	[RTAP_RING_INDIRECT_LEN] = "indirect_len",
	[RTAP_RING_INDIRECT_NESTED] = "indirect_nested",
	[RTAP_RING_INDIRECT_NEXT] = "indirect_next",
	[RTAP_RING_INDIRECT_ADDR] = "indirect_addr",
	[RTAP_RING_BUFFER] = "buffer",
	[RTAP_RING_DIRECTION] = "direction",
	[RTAP_RING_HEADER] = "header",
	[RTAP_RING_LOG] = "log",
};

/**
 * rtap_ring_error_name() - what an error is called in logs and statistics
 * @kind: the error
 *
 * Return: a word without spaces, valid for ever.
 */
const char *rtap_ring_error_name(enum rtap_ring_error kind)
{
	if ((unsigned int)kind >= RTAP_RING_ERRORS)
		return "unknown";
	return rtap_ring_error_names[kind];
}

/**
 * rtap_ring_fail() - record what is wrong with a ring
 * @ring: the ring
 * @kind: what is wrong, not RTAP_RING_OK
 * @index: ring index at which it was found
 * @desc: descriptor or buffer id, 0 if not known
 *
 * Also for callers that find a fault when they use a chain.
 *
 * Return: a negative errno that fits @kind.
 */
int rtap_ring_fail(struct rtap_ring *ring, enum rtap_ring_error kind, u16 index, u16 desc)
{
	ring->fault.kind = kind;
	ring->fault.index = index;
	ring->fault.desc = desc;
	switch (kind) {
	case RTAP_RING_FAULT:
	case RTAP_RING_BUFFER:
	case RTAP_RING_INDIRECT_ADDR:
	case RTAP_RING_LOG:
		return -EFAULT;
	default:
		return -EINVAL;
	}
}

/* Pages of an area are logged where the memory table has them. */
static int rtap_ring_log_user(struct rtap_ring *ring, const struct rtap_area *area, size_t off,
			      size_t len)
{
	const void __user *at;
	size_t chunk;
	int err = 0;

	for (; len && !err; len -= chunk, off += chunk) {
		at = rtap_area_user(area, off, &chunk);
		chunk = min(chunk, len);
		err = at ? rtap_mem_log_user(ring->mem, (uintptr_t)at, chunk) : -EFAULT;
	}
	return err;
}

/**
 * rtap_ring_log() - log what was written to a ring whose writes are logged
 * @ring: the ring
 * @area: one of its areas
 * @off: offset of the first byte
 * @len: bytes
 *
 * The VMM says where the device area is in guest memory; of the others, and of IOVAs, it
 * is looked up.
 *
 * Return: 0, or a negative errno with @ring->fault set.
 */
int rtap_ring_log(struct rtap_ring *ring, const struct rtap_area *area, size_t off, size_t len)
{
	struct rtap_log *log = ring->mem->log;
	int err;

	if (!log)
		return 0;
	if (area == &ring->device && !ring->mem->iotlb)
		err = rtap_log_dirty(log, ring->log_addr + off, len);
	else
		err = rtap_ring_log_user(ring, area, off, len);
	return err ? rtap_ring_fail(ring, RTAP_RING_LOG, ring->last_avail, 0) : 0;
}

/**
 * rtap_ring_desc_size() - bytes in the descriptor area
 * @layout: split or packed
 * @num: ring size
 *
 * Return: the size.
 */
size_t rtap_ring_desc_size(enum rtap_layout layout, u32 num)
{
	return (size_t)num * sizeof(struct rtap_raw_desc);
}

/**
 * rtap_ring_driver_size() - bytes in the area that the driver writes
 * @layout: split (available ring) or packed (driver event suppression area)
 * @num: ring size
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 *
 * Return: the size.
 */
size_t rtap_ring_driver_size(enum rtap_layout layout, u32 num, bool event_idx)
{
	if (layout == RTAP_LAYOUT_PACKED)
		return sizeof(struct vring_packed_desc_event);
	return sizeof(__le16) * (2 + (size_t)num + (event_idx ? 1 : 0));
}

/**
 * rtap_ring_device_size() - bytes in the area that the device writes
 * @layout: split (used ring) or packed (device event suppression area)
 * @num: ring size
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 *
 * Return: the size.
 */
size_t rtap_ring_device_size(enum rtap_layout layout, u32 num, bool event_idx)
{
	if (layout == RTAP_LAYOUT_PACKED)
		return sizeof(struct vring_packed_desc_event);
	return sizeof(__le16) * (2 + (event_idx ? 1 : 0)) +
	       sizeof(struct vring_used_elem) * (size_t)num;
}

/* Large enough, and its words where a CPU can load and store them in one go. */
static bool rtap_ring_area_ok(const struct rtap_area *area, size_t size)
{
	uintptr_t at = area->kaddr ? (uintptr_t)area->kaddr : (uintptr_t)area->uaddr;

	return area->size >= size && at % sizeof(__le16) == 0;
}

static bool rtap_ring_valid(const struct rtap_ring *ring)
{
	u32 num = ring->num;

	if (!num || num > RTAP_RING_NUM_MAX)
		return false;
	if (ring->layout == RTAP_LAYOUT_SPLIT && num & (num - 1))
		return false;
	/* split descriptors are copied, never loaded as words: stock takes any address */
	if (ring->layout == RTAP_LAYOUT_SPLIT ?
	    ring->desc.size < rtap_ring_desc_size(ring->layout, num) :
	    !rtap_ring_area_ok(&ring->desc, rtap_ring_desc_size(ring->layout, num)))
		return false;
	return rtap_ring_area_ok(&ring->driver,
				 rtap_ring_driver_size(ring->layout, num, ring->event_idx)) &&
	       rtap_ring_area_ok(&ring->device,
				 rtap_ring_device_size(ring->layout, num, ring->event_idx));
}

/**
 * rtap_ring_start() - begin service of a ring
 * @ring: the ring: layout, features, size, areas and memory are set, and
 *	rtap_ring_restore() was called
 *
 * The driver is left told to notify us. May be called again on a ring whose areas
 * have moved.
 *
 * Return: 0, -EINVAL for a size, an area or a restored position that cannot be, or
 * -EFAULT if ring memory is not there.
 */
int rtap_ring_start(struct rtap_ring *ring)
{
	int err = -EINVAL;

	ring->fault.kind = RTAP_RING_OK;
	ring->signalled_valid = false;
	ring->unsignalled = 0;
	if (!rtap_ring_valid(ring))
		return -EINVAL;
	switch (ring->layout) {
	case RTAP_LAYOUT_SPLIT:
		err = rtap_split_start(ring);
		break;
	case RTAP_LAYOUT_PACKED:
		err = rtap_packed_start(ring);
		break;
	}
	if (!err)
		ring->armed = true;
	return err;
}

/**
 * rtap_ring_pop() - take available buffer chains
 * @ring: the ring
 * @chains: room for @max chains
 * @max: most chains to take
 * @segs: where their buffers are appended
 *
 * A chain that is bad, or that @segs has no room for, ends a pop that has taken
 * others; the next pop looks at it again.
 *
 * Return: the number of chains; 0 if none is available, or if the first does not fit
 * into what is left of @segs (it always fits when @segs is empty). A negative errno
 * if the first is bad or ring memory is gone: @ring->fault says what is wrong.
 */
int rtap_ring_pop(struct rtap_ring *ring, struct rtap_chain *chains, u32 max,
		  struct rtap_segs *segs)
{
	switch (ring->layout) {
	case RTAP_LAYOUT_SPLIT:
		return rtap_split_pop(ring, chains, max, segs);
	case RTAP_LAYOUT_PACKED:
		return rtap_packed_pop(ring, chains, max, segs);
	}
	return -EINVAL;
}

/**
 * rtap_ring_unpop() - give back chains that were not used
 * @ring: the ring
 * @chains: the chains popped last, in the order in which they were popped
 * @n: how many
 *
 * The next pop takes them again.
 */
void rtap_ring_unpop(struct rtap_ring *ring, const struct rtap_chain *chains, u32 n)
{
	switch (ring->layout) {
	case RTAP_LAYOUT_SPLIT:
		rtap_split_unpop(ring, n);
		break;
	case RTAP_LAYOUT_PACKED:
		rtap_packed_unpop(ring, chains, n);
		break;
	}
}

/**
 * rtap_ring_push() - publish completions
 * @ring: the ring
 * @used: the completions; with IN_ORDER in the order in which they were popped
 * @n: how many
 *
 * The driver sees all of them or none. Its buffers are its own afterwards.
 *
 * Return: 0, or -EFAULT if ring memory is gone.
 */
int rtap_ring_push(struct rtap_ring *ring, const struct rtap_used *used, u32 n)
{
	switch (ring->layout) {
	case RTAP_LAYOUT_SPLIT:
		return rtap_split_push(ring, used, n);
	case RTAP_LAYOUT_PACKED:
		return rtap_packed_push(ring, used, n);
	}
	return -EINVAL;
}

/**
 * rtap_ring_pending() - look whether a chain is available, for busy polling
 * @ring: the ring
 *
 * Return: 1 or 0, or a negative errno with @ring->fault set.
 */
int rtap_ring_pending(struct rtap_ring *ring)
{
	switch (ring->layout) {
	case RTAP_LAYOUT_SPLIT:
		return rtap_split_pending(ring);
	case RTAP_LAYOUT_PACKED:
		return rtap_packed_pending(ring);
	}
	return -EINVAL;
}

/**
 * rtap_ring_arm() - ask to be notified, before going to sleep
 * @ring: the ring
 *
 * Return: 0 if the caller may sleep, 1 if a chain is available already (notification
 * stays on; disarm and pop), or a negative errno with @ring->fault set.
 */
int rtap_ring_arm(struct rtap_ring *ring)
{
	switch (ring->layout) {
	case RTAP_LAYOUT_SPLIT:
		return rtap_split_arm(ring);
	case RTAP_LAYOUT_PACKED:
		return rtap_packed_arm(ring);
	}
	return -EINVAL;
}

/**
 * rtap_ring_disarm() - say that no notification is needed for now
 * @ring: the ring
 *
 * A hint: the driver may notify all the same.
 *
 * Return: 0, or -EFAULT if ring memory is gone.
 */
int rtap_ring_disarm(struct rtap_ring *ring)
{
	switch (ring->layout) {
	case RTAP_LAYOUT_SPLIT:
		return rtap_split_disarm(ring);
	case RTAP_LAYOUT_PACKED:
		return rtap_packed_disarm(ring);
	}
	return -EINVAL;
}

/**
 * rtap_ring_should_signal() - whether the driver wants an interrupt
 * @ring: the ring
 *
 * Asks about everything that was pushed since it last answered. The first answer
 * after rtap_ring_start() is to signal.
 *
 * Return: 1 or 0, or -EFAULT if ring memory is gone.
 */
int rtap_ring_should_signal(struct rtap_ring *ring)
{
	int ret = -EINVAL;

	if (!ring->unsignalled)
		return 0;
	/*
	 * pairs with the driver's full barrier between enabling interrupts and its
	 * last look at the used entries: either it sees what we have pushed, or we
	 * see that it wants an interrupt.
	 */
	smp_mb();
	switch (ring->layout) {
	case RTAP_LAYOUT_SPLIT:
		ret = rtap_split_should_signal(ring);
		break;
	case RTAP_LAYOUT_PACKED:
		ret = rtap_packed_should_signal(ring);
		break;
	}
	if (ret >= 0) {
		ring->signalled_valid = true;
		ring->unsignalled = 0;
	}
	return ret;
}

/**
 * rtap_ring_save() - the state that VHOST_GET_VRING_BASE reports
 * @ring: the ring; every chain popped was pushed or unpopped
 *
 * Return: split: the available index; packed: the available position in bits 0-14
 * and its wrap counter in 15, the used position in 16-30 and its in 31.
 */
u32 rtap_ring_save(const struct rtap_ring *ring)
{
	u32 avail, used;

	if (ring->layout == RTAP_LAYOUT_SPLIT)
		return ring->last_avail;
	avail = ring->last_avail | (u32)ring->avail_wrap << VRING_PACKED_EVENT_F_WRAP_CTR;
	used = ring->last_used | (u32)ring->used_wrap << VRING_PACKED_EVENT_F_WRAP_CTR;
	return avail | used << 16;
}

/**
 * rtap_ring_restore() - take the state that VHOST_SET_VRING_BASE carries
 * @ring: the ring, not started; its layout is set
 * @base: as rtap_ring_save() returns it. Packed, an upper half of zero with a lower
 *	half that is not means that used is where available is (DPDK's 0x8000).
 *
 * Positions outside of the ring are stored as they are: rtap_ring_start() refuses them.
 */
void rtap_ring_restore(struct rtap_ring *ring, u32 base)
{
	u16 avail = base & U16_MAX;
	u16 used = base >> 16;

	ring->last_avail = avail;
	ring->avail_idx = avail;
	if (ring->layout == RTAP_LAYOUT_SPLIT)
		return;
	if (!used)
		used = avail;
	ring->avail_wrap = avail >> VRING_PACKED_EVENT_F_WRAP_CTR;
	ring->used_wrap = used >> VRING_PACKED_EVENT_F_WRAP_CTR;
	ring->last_avail = avail & ~(1U << VRING_PACKED_EVENT_F_WRAP_CTR);
	ring->last_used = used & ~(1U << VRING_PACKED_EVENT_F_WRAP_CTR);
}
