/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What ring.c, the two layouts and the chain builder share; for ring*.c only
 */
#ifndef RTAP_RING_LAYOUT_H
#define RTAP_RING_LAYOUT_H

#include <linux/limits.h>
#include <asm/byteorder.h>

#include "ring.h"

/**
 * struct rtap_desc - a descriptor that was read from guest memory, in CPU byte order
 */
struct rtap_desc {
	/** @addr: guest physical address */
	u64 addr;
	/** @len: bytes */
	u32 len;
	/** @flags: VRING_DESC_F_*, and the packed layout's two marks */
	u16 flags;
	/** @link: split: index of the next descriptor; packed: buffer id */
	u16 link;
};

/**
 * struct rtap_walk - one chain being built
 */
struct rtap_walk {
	/** @chain: the chain; what has been found so far */
	struct rtap_chain *chain;
	/** @segs: where its buffers go */
	struct rtap_segs *segs;
	/** @seen: buffers looked at, empty ones too */
	u32 seen;
	/** @at: descriptor looked at last, for the fault record */
	u16 at;
	/** @full: the walk ended because @segs has no room; nothing is wrong */
	bool full;
};

/**
 * rtap_desc_split() - take a split descriptor apart
 * @raw: private copy of the descriptor
 *
 * Return: its fields.
 */
static inline struct rtap_desc rtap_desc_split(const struct rtap_raw_desc *raw)
{
	u64 rest = le64_to_cpu(raw->rest);

	return (struct rtap_desc){
		.addr = le64_to_cpu(raw->addr),
		.len = (u32)rest,
		.flags = (u16)(rest >> 32),
		.link = (u16)(rest >> 48),
	};
}

/**
 * rtap_desc_packed() - take a packed descriptor apart
 * @raw: private copy of the descriptor
 *
 * Return: its fields.
 */
static inline struct rtap_desc rtap_desc_packed(const struct rtap_raw_desc *raw)
{
	u64 rest = le64_to_cpu(raw->rest);

	return (struct rtap_desc){
		.addr = le64_to_cpu(raw->addr),
		.len = (u32)rest,
		.link = (u16)(rest >> 32),
		.flags = (u16)(rest >> 48),
	};
}

/**
 * rtap_ring_unreachable() - fail because ring memory is gone
 * @ring: the ring
 *
 * Return: -EFAULT.
 */
static inline int rtap_ring_unreachable(struct rtap_ring *ring)
{
	return rtap_ring_fail(ring, RTAP_RING_FAULT, ring->last_avail, 0);
}

/**
 * rtap_ring_count_used() - remember that the used index moved on
 * @ring: the ring
 * @steps: entries if split, slots if packed
 *
 * Sticks at a value that is larger than any distance between two indices.
 */
static inline void rtap_ring_count_used(struct rtap_ring *ring, u32 steps)
{
	if (ring->unsignalled <= U16_MAX)
		ring->unsignalled += steps;
}

int rtap_ring_log(struct rtap_ring *ring, const struct rtap_area *area, size_t off, size_t len);

/**
 * rtap_ring_wrote() - log what was written to the ring
 * @ring: the ring
 * @area: one of its areas
 * @off: offset of the first byte
 * @len: bytes
 *
 * Return: 0, or a negative errno with @ring->fault set.
 */
static inline int rtap_ring_wrote(struct rtap_ring *ring, const struct rtap_area *area, size_t off,
				  size_t len)
{
	return unlikely(ring->logged) ? rtap_ring_log(ring, area, off, len) : 0;
}

/**
 * rtap_ring_store() - write an index or flags word, and log it
 * @ring: the ring
 * @area: one of its areas
 * @off: offset of the word, two-byte aligned
 * @val: the word
 *
 * A release, as rtap_area_store() is.
 *
 * Return: 0, or a negative errno with @ring->fault set.
 */
static inline int rtap_ring_store(struct rtap_ring *ring, const struct rtap_area *area, size_t off,
				  u16 val)
{
	if (rtap_area_store(area, off, cpu_to_le16(val)))
		return rtap_ring_unreachable(ring);
	return rtap_ring_wrote(ring, area, off, sizeof(val));
}

/**
 * rtap_ring_write() - copy a run of bytes into the ring, and log it
 * @ring: the ring
 * @area: one of its areas
 * @off: offset of the first byte
 * @src: private memory
 * @len: bytes to copy
 *
 * Return: 0, or a negative errno with @ring->fault set.
 */
static inline int rtap_ring_write(struct rtap_ring *ring, const struct rtap_area *area, size_t off,
				  const void *src, size_t len)
{
	if (rtap_area_write(area, off, src, len))
		return rtap_ring_unreachable(ring);
	return rtap_ring_wrote(ring, area, off, len);
}

void rtap_chain_begin(struct rtap_walk *walk, struct rtap_chain *chain, struct rtap_segs *segs);
enum rtap_ring_error rtap_chain_add(struct rtap_walk *walk, const struct rtap_desc *desc);
enum rtap_ring_error rtap_chain_add_table(struct rtap_ring *ring, struct rtap_walk *walk,
					  const struct rtap_desc *desc);
int rtap_chain_give_up(struct rtap_ring *ring, struct rtap_walk *walk, enum rtap_ring_error kind,
		       u32 done);
u32 rtap_used_readonly(const struct rtap_used *used, u32 n);

/**
 * rtap_used_run() - how many completions one used entry stands for
 * @ring: the ring
 * @used: completions not written yet
 * @n: how many, not 0
 *
 * With IN_ORDER a run of completions without a writable part is told by the last
 * of them (virtio 2.7.9 and 2.8.11). A completion with one needs its own length.
 *
 * Return: 1 or more; the entry is that of @used[return value - 1].
 */
static inline u32 rtap_used_run(const struct rtap_ring *ring, const struct rtap_used *used, u32 n)
{
	if (likely(!ring->in_order) || !used[0].readonly)
		return 1;
	return rtap_used_readonly(used, n);
}

int rtap_split_start(struct rtap_ring *ring);
int rtap_split_pop(struct rtap_ring *ring, struct rtap_chain *chains, u32 max,
		   struct rtap_segs *segs);
void rtap_split_unpop(struct rtap_ring *ring, u32 n);
int rtap_split_push(struct rtap_ring *ring, const struct rtap_used *used, u32 n);
int rtap_split_pending(struct rtap_ring *ring);
int rtap_split_arm(struct rtap_ring *ring);
int rtap_split_disarm(struct rtap_ring *ring);
int rtap_split_should_signal(struct rtap_ring *ring);

int rtap_packed_start(struct rtap_ring *ring);
int rtap_packed_pop(struct rtap_ring *ring, struct rtap_chain *chains, u32 max,
		    struct rtap_segs *segs);
void rtap_packed_unpop(struct rtap_ring *ring, const struct rtap_chain *chains, u32 n);
int rtap_packed_push(struct rtap_ring *ring, const struct rtap_used *used, u32 n);
int rtap_packed_pending(struct rtap_ring *ring);
int rtap_packed_arm(struct rtap_ring *ring);
int rtap_packed_disarm(struct rtap_ring *ring);
int rtap_packed_should_signal(struct rtap_ring *ring);

#endif /* RTAP_RING_LAYOUT_H */
