// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packed layout: one descriptor ring, two event suppression areas
 *
 * virtio 2.8. A position is an index below the ring size and a wrap counter, which
 * flips when the index passes the end; the size need not be a power of two.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/stddef.h>

#include "ring_layout.h"

/* Offsets in a descriptor: virtio 2.8.13. */
#define RTAP_PACKED_LEN 8
#define RTAP_PACKED_DESC_FLAGS 14

/* Offsets in an event suppression area: virtio 2.8.14. */
#define RTAP_PACKED_OFF_WRAP 0
#define RTAP_PACKED_EVENT_FLAGS 2

#define RTAP_PACKED_AVAIL BIT(VRING_PACKED_DESC_F_AVAIL)
#define RTAP_PACKED_USED BIT(VRING_PACKED_DESC_F_USED)
#define RTAP_PACKED_WRAP BIT(VRING_PACKED_EVENT_F_WRAP_CTR)
#define RTAP_PACKED_EVENT_MASK 3

/* The part of a used descriptor that the device writes: virtio 2.8.4. */
struct rtap_packed_used {
	__le32 len;
	__le16 id;
	__le16 flags;
};

static size_t rtap_packed_at(u32 pos, size_t field)
{
	return pos * sizeof(struct rtap_raw_desc) + field;
}

/* Move a position on by the slots of one chain, at most the ring size. */
static void rtap_packed_advance(const struct rtap_ring *ring, u16 *pos, bool *wrap, u16 slots)
{
	u32 next = *pos + slots;

	if (next >= ring->num) {
		next -= ring->num;
		*wrap = !*wrap;
	}
	*pos = next;
}

static int rtap_packed_write_event(struct rtap_ring *ring, size_t field, u16 val)
{
	return rtap_ring_store(ring, &ring->device, field, val);
}

/* Publish that we want to be notified of whatever is made available next. */
static int rtap_packed_write_armed(struct rtap_ring *ring)
{
	u16 flags = VRING_PACKED_EVENT_FLAG_ENABLE;
	int err;

	if (ring->event_idx) {
		u16 off_wrap = ring->last_avail | (ring->avail_wrap ? RTAP_PACKED_WRAP : 0);

		err = rtap_packed_write_event(ring, RTAP_PACKED_OFF_WRAP, off_wrap);
		if (err)
			return err;
		flags = VRING_PACKED_EVENT_FLAG_DESC;
	}
	if (ring->armed)
		return 0;
	/* a release: a driver that sees DESC sees the offset that goes with it */
	return rtap_packed_write_event(ring, RTAP_PACKED_EVENT_FLAGS, flags);
}

/* Flags of the descriptor that is next to pop, or a negative errno. */
static int rtap_packed_load_flags(struct rtap_ring *ring)
{
	__le16 raw;

	/* the acquire pairs with the driver's barrier before it writes these flags */
	if (rtap_area_load(&ring->desc, rtap_packed_at(ring->last_avail, RTAP_PACKED_DESC_FLAGS),
			   &raw))
		return rtap_ring_unreachable(ring);
	return le16_to_cpu(raw);
}

/* virtio 2.8.1: available if AVAIL is the driver's wrap counter and USED is not. */
static bool rtap_packed_available(const struct rtap_ring *ring, u16 flags)
{
	bool avail = flags & RTAP_PACKED_AVAIL;
	bool used = flags & RTAP_PACKED_USED;

	return avail == ring->avail_wrap && used != ring->avail_wrap;
}

/**
 * rtap_packed_start() - begin service of a packed ring
 * @ring: the ring, sizes and areas validated by the caller
 *
 * Return: 0, -EINVAL for a position outside of the ring, or -EFAULT if ring memory
 * is not there.
 */
int rtap_packed_start(struct rtap_ring *ring)
{
	if (ring->last_avail >= ring->num || ring->last_used >= ring->num)
		return -EINVAL;
	ring->armed = false;
	return rtap_packed_write_armed(ring);
}

/*
 * Follow a chain from the next slot on. Only the flags of its first descriptor say
 * that it is available: a driver writes them last (virtio 2.8.21).
 */
static enum rtap_ring_error rtap_packed_walk(struct rtap_ring *ring, struct rtap_walk *walk,
					     u16 head_flags)
{
	struct rtap_chain *chain = walk->chain;
	bool wrap = ring->avail_wrap;
	u16 pos = ring->last_avail;
	enum rtap_ring_error kind;
	struct rtap_raw_desc raw;
	struct rtap_desc desc;

	for (;;) {
		walk->at = pos;
		if (unlikely(chain->slots >= ring->num))
			return RTAP_RING_LOOP;
		if (rtap_area_read(&ring->desc, rtap_packed_at(pos, 0), &raw, sizeof(raw)))
			return RTAP_RING_FAULT;
		desc = rtap_desc_packed(&raw);
		/* the flags that were checked, whatever they are by now */
		if (!chain->slots)
			desc.flags = head_flags;
		chain->slots++;
		chain->id = desc.link;
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			/* virtio 2.8.7: takes a single slot, and is not chained */
			if (unlikely(chain->slots > 1 || desc.flags & VRING_DESC_F_NEXT))
				return RTAP_RING_INDIRECT_NEXT;
			return rtap_chain_add_table(ring, walk, &desc);
		}
		kind = rtap_chain_add(walk, &desc);
		if (unlikely(kind) || !(desc.flags & VRING_DESC_F_NEXT))
			return kind;
		rtap_packed_advance(ring, &pos, &wrap, 1);
	}
}

/**
 * rtap_packed_pop() - take available chains off a packed ring
 * @ring: the ring
 * @chains: where the chains go
 * @max: most chains to take
 * @segs: where their buffers go, appended
 *
 * Return: as rtap_ring_pop().
 */
int rtap_packed_pop(struct rtap_ring *ring, struct rtap_chain *chains, u32 max,
		    struct rtap_segs *segs)
{
	enum rtap_ring_error kind;
	struct rtap_walk walk;
	u32 done;
	int flags;

	for (done = 0; done < max; done++) {
		flags = rtap_packed_load_flags(ring);
		if (unlikely(flags < 0))
			return done ? (int)done : flags;
		if (!rtap_packed_available(ring, flags))
			break;
		rtap_chain_begin(&walk, &chains[done], segs);
		kind = rtap_packed_walk(ring, &walk, flags);
		if (unlikely(kind))
			return rtap_chain_give_up(ring, &walk, kind, done);
		rtap_packed_advance(ring, &ring->last_avail, &ring->avail_wrap,
				    chains[done].slots);
	}
	return done;
}

/**
 * rtap_packed_unpop() - give the chains popped last back to a packed ring
 * @ring: the ring
 * @chains: the chains, in the order in which they were popped
 * @n: how many
 */
void rtap_packed_unpop(struct rtap_ring *ring, const struct rtap_chain *chains, u32 n)
{
	while (n--) {
		u16 slots = chains[n].slots;

		if (ring->last_avail < slots) {
			ring->last_avail += ring->num;
			ring->avail_wrap = !ring->avail_wrap;
		}
		ring->last_avail -= slots;
	}
}

static u16 rtap_packed_used_flags(bool wrap, u32 len)
{
	u16 flags = wrap ? RTAP_PACKED_AVAIL | RTAP_PACKED_USED : 0;

	/* virtio 2.8.4: without WRITE, the length means nothing */
	return len ? flags | VRING_DESC_F_WRITE : flags;
}

/* Log the slots that were given back: all at once, those between descriptors included. */
static int rtap_packed_log_used(struct rtap_ring *ring, u16 from, u32 slots)
{
	u32 behind = min_t(u32, slots, ring->num - from);
	/* a driver that lies can have the ring gone round more than once */
	u32 wrapped = min_t(u32, slots - behind, from);
	int err;

	if (likely(!ring->logged))
		return 0;
	err = rtap_ring_log(ring, &ring->desc, rtap_packed_at(from, 0),
			    rtap_packed_at(behind, 0));
	if (!err && wrapped)
		err = rtap_ring_log(ring, &ring->desc, 0, rtap_packed_at(wrapped, 0));
	return err;
}

/**
 * rtap_packed_push() - publish completions on a packed ring
 * @ring: the ring
 * @used: the completions, in the order in which they are published
 * @n: how many
 *
 * The driver looks at used descriptors in order, so that none is seen before the
 * flags of the first are written, which is done last. With IN_ORDER the slots that
 * a collapsed run leaves as they are get skipped.
 *
 * Return: 0, or -EFAULT if ring memory, or the dirty log, is gone.
 */
int rtap_packed_push(struct rtap_ring *ring, const struct rtap_used *used, u32 n)
{
	bool wrap = ring->used_wrap;
	u16 from = ring->last_used;
	u16 pos = from;
	struct rtap_packed_used entry;
	u16 head_flags = 0;
	u32 steps = 0;
	u32 done = 0;

	while (done < n) {
		u32 run = rtap_used_run(ring, used + done, n - done);
		const struct rtap_used *last = &used[done + run - 1];
		u16 flags = rtap_packed_used_flags(wrap, last->len);
		size_t len = sizeof(entry);

		if (!done) {
			head_flags = flags;
			len = offsetof(struct rtap_packed_used, flags);
		}
		entry.len = cpu_to_le32(last->len);
		entry.id = cpu_to_le16(last->id);
		entry.flags = cpu_to_le16(flags);
		if (rtap_area_write(&ring->desc, rtap_packed_at(pos, RTAP_PACKED_LEN), &entry, len))
			return rtap_ring_unreachable(ring);
		for (; run; run--, done++) {
			rtap_packed_advance(ring, &pos, &wrap, used[done].slots);
			steps += used[done].slots;
		}
	}
	if (!n)
		return 0;
	/* the release pairs with the driver's barrier between flags and the rest */
	if (rtap_area_store(&ring->desc, rtap_packed_at(from, RTAP_PACKED_DESC_FLAGS),
			    cpu_to_le16(head_flags)))
		return rtap_ring_unreachable(ring);
	ring->last_used = pos;
	ring->used_wrap = wrap;
	rtap_ring_count_used(ring, steps);
	return rtap_packed_log_used(ring, from, steps);
}

/**
 * rtap_packed_pending() - look whether something is available on a packed ring
 * @ring: the ring; nothing of it changes
 *
 * Return: 1 or 0, or -EFAULT if ring memory is gone.
 */
int rtap_packed_pending(struct rtap_ring *ring)
{
	int flags = rtap_packed_load_flags(ring);

	return flags < 0 ? flags : rtap_packed_available(ring, flags);
}

/**
 * rtap_packed_arm() - ask the driver of a packed ring to notify us
 * @ring: the ring
 *
 * Return: 1 if something is available already, 0 if not, or -EFAULT.
 */
int rtap_packed_arm(struct rtap_ring *ring)
{
	int err;

	if (!ring->armed || ring->event_idx) {
		err = rtap_packed_write_armed(ring);
		if (unlikely(err))
			return err;
		ring->armed = true;
	}
	/*
	 * pairs with the driver's full barrier between its store of descriptor
	 * flags and its look at our event area: either it sees that we want to be
	 * notified, or we see the descriptor here.
	 */
	smp_mb();
	return rtap_packed_pending(ring);
}

/**
 * rtap_packed_disarm() - tell the driver of a packed ring that we are awake
 * @ring: the ring
 *
 * Return: 0, or -EFAULT if ring memory is gone.
 */
int rtap_packed_disarm(struct rtap_ring *ring)
{
	int err;

	if (!ring->armed)
		return 0;
	err = rtap_packed_write_event(ring, RTAP_PACKED_EVENT_FLAGS,
				      VRING_PACKED_EVENT_FLAG_DISABLE);
	if (!err)
		ring->armed = false;
	return err;
}

/*
 * Did the used position pass the driver's since we last answered? virtio 2.8.10.
 * With the wrap counter on top, positions count modulo twice the ring size; the
 * distance from the driver's to ours is then exact for any ring size.
 */
static int rtap_packed_event_passed(struct rtap_ring *ring)
{
	u32 ours = ring->last_used + (ring->used_wrap ? ring->num : 0);
	u32 lap = 2 * ring->num;
	u32 theirs, behind;
	__le16 raw;
	u16 off_wrap;

	if (!ring->signalled_valid)
		return 1;
	if (rtap_area_load(&ring->driver, RTAP_PACKED_OFF_WRAP, &raw))
		return rtap_ring_unreachable(ring);
	off_wrap = le16_to_cpu(raw);
	theirs = off_wrap & ~RTAP_PACKED_WRAP;
	/* outside of the ring: no position to wait for, so do not make it wait */
	if (unlikely(theirs >= ring->num))
		return 1;
	if (off_wrap & RTAP_PACKED_WRAP)
		theirs += ring->num;
	behind = (ours + lap - theirs - 1) % lap;
	return behind < ring->unsignalled;
}

/**
 * rtap_packed_should_signal() - whether the driver of a packed ring wants an interrupt
 * @ring: the ring
 *
 * The caller has made sure that something was pushed and that a barrier followed.
 *
 * Return: 1 or 0, or -EFAULT if ring memory is gone.
 */
int rtap_packed_should_signal(struct rtap_ring *ring)
{
	__le16 raw;

	/* the acquire pairs with the driver's barrier between off_wrap and flags */
	if (rtap_area_load(&ring->driver, RTAP_PACKED_EVENT_FLAGS, &raw))
		return rtap_ring_unreachable(ring);
	switch (le16_to_cpu(raw) & RTAP_PACKED_EVENT_MASK) {
	case VRING_PACKED_EVENT_FLAG_DISABLE:
		return 0;
	case VRING_PACKED_EVENT_FLAG_DESC:
		return ring->event_idx ? rtap_packed_event_passed(ring) : 1;
	default:
		return 1;
	}
}
