// SPDX-License-Identifier: GPL-2.0-only
/*
 * The split layout: descriptor table, available ring, used ring
 *
 * virtio 2.7. Indices run freely over 16 bits; the ring size is a power of two.
 */
#include <linux/errno.h>
#include <linux/minmax.h>

#include "ring_layout.h"

/* Offsets of the words of either ring; entries follow, then the event index. */
#define RTAP_SPLIT_FLAGS 0
#define RTAP_SPLIT_IDX 2
#define RTAP_SPLIT_ENTRIES 4

/* A used entry as it is in the ring: virtio 2.7.8. */
struct rtap_split_used {
	__le32 id;
	__le32 len;
};

static size_t rtap_split_used_event(const struct rtap_ring *ring)
{
	return RTAP_SPLIT_ENTRIES + ring->num * sizeof(__le16);
}

static size_t rtap_split_avail_event(const struct rtap_ring *ring)
{
	return RTAP_SPLIT_ENTRIES + ring->num * sizeof(struct rtap_split_used);
}

static int rtap_split_write_flags(struct rtap_ring *ring, u16 flags)
{
	return rtap_ring_store(ring, &ring->device, RTAP_SPLIT_FLAGS, flags);
}

static int rtap_split_write_avail_event(struct rtap_ring *ring)
{
	return rtap_ring_store(ring, &ring->device, rtap_split_avail_event(ring),
			       ring->last_avail);
}

/* Read the available index; entries up to it may be read afterwards. */
static int rtap_split_refresh(struct rtap_ring *ring)
{
	__le16 raw;
	u16 idx;

	/* the acquire pairs with the driver's barrier between entry and index */
	if (rtap_area_load(&ring->driver, RTAP_SPLIT_IDX, &raw))
		return rtap_ring_unreachable(ring);
	idx = le16_to_cpu(raw);
	if (unlikely((u16)(idx - ring->last_avail) > ring->num))
		return rtap_ring_fail(ring, RTAP_RING_AVAIL_IDX, ring->last_avail, idx);
	ring->avail_idx = idx;
	return 0;
}

/**
 * rtap_split_start() - begin service of a split ring
 * @ring: the ring, validated by the caller
 *
 * Return: 0, or -EFAULT if ring memory is not there.
 */
int rtap_split_start(struct rtap_ring *ring)
{
	__le16 used;
	int err;

	if (rtap_area_load(&ring->device, RTAP_SPLIT_IDX, &used))
		return rtap_ring_unreachable(ring);
	ring->last_used = le16_to_cpu(used);
	ring->avail_idx = ring->last_avail;
	err = rtap_split_write_flags(ring, 0);
	if (!err && ring->event_idx)
		err = rtap_split_write_avail_event(ring);
	return err;
}

static enum rtap_ring_error rtap_split_walk(struct rtap_ring *ring, struct rtap_walk *walk,
					    u16 head)
{
	enum rtap_ring_error kind;
	struct rtap_raw_desc raw;
	struct rtap_desc desc;
	u32 found = 0;
	u16 i = head;

	walk->at = head;
	if (unlikely(head >= ring->num))
		return RTAP_RING_HEAD;
	for (;;) {
		walk->at = i;
		if (unlikely(++found > ring->num))
			return RTAP_RING_LOOP;
		if (rtap_area_read(&ring->desc, i * sizeof(raw), &raw, sizeof(raw)))
			return RTAP_RING_FAULT;
		desc = rtap_desc_split(&raw);
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			/* virtio 2.7.5.3: last of a chain, its WRITE flag ignored */
			if (unlikely(desc.flags & VRING_DESC_F_NEXT))
				return RTAP_RING_INDIRECT_NEXT;
			return rtap_chain_add_table(ring, walk, &desc);
		}
		kind = rtap_chain_add(walk, &desc);
		if (unlikely(kind) || !(desc.flags & VRING_DESC_F_NEXT))
			return kind;
		i = desc.link;
		if (unlikely(i >= ring->num))
			return RTAP_RING_NEXT;
	}
}

/* Copy @n available entries out of the ring, in runs that end where it wraps. */
static int rtap_split_read_heads(struct rtap_ring *ring, __le16 *heads, u32 n)
{
	u16 idx = ring->last_avail;

	while (n) {
		u32 first = idx & (ring->num - 1);
		u32 run = min(n, ring->num - first);

		if (rtap_area_read(&ring->driver, RTAP_SPLIT_ENTRIES + first * sizeof(*heads),
				   heads, run * sizeof(*heads)))
			return rtap_ring_unreachable(ring);
		idx += run;
		heads += run;
		n -= run;
	}
	return 0;
}

/**
 * rtap_split_pop() - take available chains off a split ring
 * @ring: the ring
 * @chains: where the chains go
 * @max: most chains to take
 * @segs: where their buffers go, appended
 *
 * Return: as rtap_ring_pop().
 */
int rtap_split_pop(struct rtap_ring *ring, struct rtap_chain *chains, u32 max,
		   struct rtap_segs *segs)
{
	__le16 heads[RTAP_RING_BATCH];
	enum rtap_ring_error kind;
	struct rtap_walk walk;
	u32 done, n;
	int err;

	if ((u16)(ring->avail_idx - ring->last_avail) < max) {
		err = rtap_split_refresh(ring);
		if (unlikely(err))
			return err;
	}
	n = min_t(u32, (u16)(ring->avail_idx - ring->last_avail), max);
	for (done = 0; done < n; done++) {
		u32 slot = done % RTAP_RING_BATCH;

		if (!slot) {
			err = rtap_split_read_heads(ring, heads,
						    min_t(u32, n - done, RTAP_RING_BATCH));
			if (unlikely(err))
				return done ? (int)done : err;
		}
		rtap_chain_begin(&walk, &chains[done], segs);
		kind = rtap_split_walk(ring, &walk, le16_to_cpu(heads[slot]));
		if (unlikely(kind))
			return rtap_chain_give_up(ring, &walk, kind, done);
		chains[done].id = le16_to_cpu(heads[slot]);
		chains[done].slots = 1;
		ring->last_avail++;
	}
	return done;
}

/**
 * rtap_split_unpop() - give the chains popped last back to a split ring
 * @ring: the ring
 * @n: how many
 */
void rtap_split_unpop(struct rtap_ring *ring, u32 n)
{
	ring->last_avail -= n;
}

/*
 * Copy @n used entries into the ring, in runs that end where it wraps. A driver
 * that lies can have more chains in flight than the ring has entries.
 */
static int rtap_split_write_used(struct rtap_ring *ring, u16 idx,
				 const struct rtap_split_used *entries, u32 n)
{
	while (n) {
		u32 first = idx & (ring->num - 1);
		u32 run = min(n, ring->num - first);
		int err;

		err = rtap_ring_write(ring, &ring->device,
				      RTAP_SPLIT_ENTRIES + first * sizeof(*entries), entries,
				      run * sizeof(*entries));
		if (unlikely(err))
			return err;
		idx += run;
		entries += run;
		n -= run;
	}
	return 0;
}

/**
 * rtap_split_push() - publish completions on a split ring
 * @ring: the ring
 * @used: the completions, in the order in which they are published
 * @n: how many
 *
 * With IN_ORDER the entries that a collapsed run leaves unused are skipped: the
 * driver does not look at them.
 *
 * Return: 0, or -EFAULT if ring memory, or the dirty log, is gone.
 */
int rtap_split_push(struct rtap_ring *ring, const struct rtap_used *used, u32 n)
{
	struct rtap_split_used entries[RTAP_RING_BATCH];
	u16 from = ring->last_used;
	u16 idx = ring->last_used;
	u32 filled = 0;
	u32 done, run;
	int err;

	for (done = 0; done < n; done += run) {
		const struct rtap_used *last;

		run = rtap_used_run(ring, used + done, n - done);
		last = &used[done + run - 1];
		entries[filled].id = cpu_to_le32(last->id);
		entries[filled].len = cpu_to_le32(last->len);
		filled++;
		idx += run;
		/* a run's entry ends what can be written in one go */
		if (run == 1 && filled < RTAP_RING_BATCH && done + run < n)
			continue;
		err = rtap_split_write_used(ring, from, entries, filled);
		if (unlikely(err))
			return err;
		from = idx;
		filled = 0;
	}
	if (!n)
		return 0;
	/* the release pairs with the driver's barrier between index and entry */
	if (rtap_area_store(&ring->device, RTAP_SPLIT_IDX, cpu_to_le16(idx)))
		return rtap_ring_unreachable(ring);
	ring->last_used = idx;
	rtap_ring_count_used(ring, n);
	return rtap_ring_wrote(ring, &ring->device, RTAP_SPLIT_IDX, sizeof(idx));
}

/**
 * rtap_split_pending() - look whether something is available on a split ring
 * @ring: the ring; only the cached available index changes
 *
 * Return: 1 or 0, or a negative errno.
 */
int rtap_split_pending(struct rtap_ring *ring)
{
	int err;

	if (ring->avail_idx != ring->last_avail)
		return 1;
	err = rtap_split_refresh(ring);
	return err ? err : ring->avail_idx != ring->last_avail;
}

/**
 * rtap_split_arm() - ask the driver of a split ring to notify us
 * @ring: the ring
 *
 * Return: 1 if something is available already, 0 if not, or a negative errno.
 */
int rtap_split_arm(struct rtap_ring *ring)
{
	int err = 0;

	if (ring->event_idx)
		err = rtap_split_write_avail_event(ring);
	else if (!ring->armed)
		err = rtap_split_write_flags(ring, 0);
	if (unlikely(err))
		return err;
	ring->armed = true;
	/*
	 * pairs with the driver's full barrier between its store of the available
	 * index and its look at our flags or avail_event: either it sees that we
	 * want to be notified, or we see the index here.
	 */
	smp_mb();
	err = rtap_split_refresh(ring);
	return err ? err : ring->avail_idx != ring->last_avail;
}

/**
 * rtap_split_disarm() - tell the driver of a split ring that we are awake
 * @ring: the ring
 *
 * With EVENT_IDX an avail_event that has been passed says it already.
 *
 * Return: 0, or -EFAULT if ring memory is gone.
 */
int rtap_split_disarm(struct rtap_ring *ring)
{
	int err = 0;

	if (ring->armed && !ring->event_idx)
		err = rtap_split_write_flags(ring, VRING_USED_F_NO_NOTIFY);
	if (!err)
		ring->armed = false;
	return err;
}

/* Did the used index pass used_event since we last answered? virtio 2.7.10. */
static int rtap_split_event_passed(struct rtap_ring *ring)
{
	__le16 raw;
	u16 behind;

	if (!ring->signalled_valid)
		return 1;
	if (rtap_area_load(&ring->driver, rtap_split_used_event(ring), &raw))
		return rtap_ring_unreachable(ring);
	behind = ring->last_used - le16_to_cpu(raw) - 1;
	/* more than 65,535 steps: passed, wherever it is */
	return behind < ring->unsignalled;
}

/**
 * rtap_split_should_signal() - whether the driver of a split ring wants an interrupt
 * @ring: the ring
 *
 * The caller has made sure that something was pushed and that a barrier followed.
 *
 * Return: 1 or 0, or -EFAULT if ring memory is gone.
 */
int rtap_split_should_signal(struct rtap_ring *ring)
{
	__le16 flags;

	if (ring->notify_on_empty && ring->avail_idx == ring->last_avail)
		return 1;
	if (ring->event_idx)
		return rtap_split_event_passed(ring);
	if (rtap_area_load(&ring->driver, RTAP_SPLIT_FLAGS, &flags))
		return rtap_ring_unreachable(ring);
	return !(flags & cpu_to_le16(VRING_AVAIL_F_NO_INTERRUPT));
}
