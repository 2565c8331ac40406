// SPDX-License-Identifier: GPL-2.0-only
/*
 * Build one buffer chain out of descriptors, direct and indirect
 *
 * What both layouts have in common. A walk looks at no more than
 * RTAP_CHAIN_SEGS_MAX buffers, whatever a driver writes, so it always ends.
 */
#include <linux/errno.h>
#include <linux/minmax.h>

#include "ring_layout.h"

/* Entries in an indirect table: what 16 bits of next can name. */
#define RTAP_TABLE_MAX 65536

/* An indirect table, and which part of it is in the ring's window. */
struct rtap_table {
	u64 addr;
	u32 count;
	u32 first;
	u32 nr;
};

/**
 * rtap_chain_begin() - start building a chain
 * @walk: the walk, set up by this
 * @chain: the chain to build, cleared
 * @segs: where its buffers are appended
 */
void rtap_chain_begin(struct rtap_walk *walk, struct rtap_chain *chain, struct rtap_segs *segs)
{
	*chain = (struct rtap_chain){ .seg = segs->nr };
	*walk = (struct rtap_walk){ .chain = chain, .segs = segs };
}

/**
 * rtap_chain_add() - append a buffer to a chain
 * @walk: the chain being built
 * @desc: private copy of the buffer's descriptor
 *
 * Empty buffers are left out, as stock does, but count against the limit.
 *
 * Return: RTAP_RING_OK, or what is wrong; @walk->full means just no room.
 */
enum rtap_ring_error rtap_chain_add(struct rtap_walk *walk, const struct rtap_desc *desc)
{
	struct rtap_chain *chain = walk->chain;
	struct rtap_segs *segs = walk->segs;

	if (unlikely(++walk->seen > RTAP_CHAIN_SEGS_MAX))
		return RTAP_RING_TOO_LONG;
	if (unlikely(!desc->len))
		return RTAP_RING_OK;
	if (unlikely(segs->nr >= segs->max)) {
		walk->full = true;
		return RTAP_RING_TOO_LONG;
	}
	if (desc->flags & VRING_DESC_F_WRITE) {
		chain->in_len += desc->len;
		chain->nr_in++;
	} else {
		/* virtio 2.7.4.2: device-readable buffers come first */
		if (unlikely(chain->nr_in))
			return RTAP_RING_ORDER;
		chain->out_len += desc->len;
		chain->nr_out++;
	}
	segs->v[segs->nr++] = (struct rtap_seg){ .addr = desc->addr, .len = desc->len };
	return RTAP_RING_OK;
}

/*
 * Private copy of entry @i < count. Tables are read by the window: an entry that
 * is read a second time may differ, and is checked again like any other.
 */
static const struct rtap_raw_desc *rtap_table_at(struct rtap_ring *ring, struct rtap_table *table,
						 u32 i)
{
	if (i - table->first >= table->nr) {
		u32 nr = min_t(u32, table->count - i, RTAP_RING_WINDOW);

		if (rtap_mem_read(ring->mem, table->addr + (u64)i * sizeof(*ring->window),
				  ring->window, nr * sizeof(*ring->window)))
			return NULL;
		table->first = i;
		table->nr = nr;
	}
	return &ring->window[i - table->first];
}

/* Split tables are chained by next, like the ring's own table: virtio 2.7.5.3. */
static enum rtap_ring_error rtap_table_add_split(struct rtap_ring *ring, struct rtap_walk *walk,
						 struct rtap_table *table)
{
	const struct rtap_raw_desc *raw;
	enum rtap_ring_error kind;
	struct rtap_desc desc;
	u32 found = 0;
	u32 i = 0;

	for (;;) {
		if (unlikely(++found > table->count))
			return RTAP_RING_LOOP;
		raw = rtap_table_at(ring, table, i);
		if (unlikely(!raw))
			return RTAP_RING_INDIRECT_ADDR;
		desc = rtap_desc_split(raw);
		if (unlikely(desc.flags & VRING_DESC_F_INDIRECT))
			return RTAP_RING_INDIRECT_NESTED;
		kind = rtap_chain_add(walk, &desc);
		if (unlikely(kind) || !(desc.flags & VRING_DESC_F_NEXT))
			return kind;
		i = desc.link;
		if (unlikely(i >= table->count))
			return RTAP_RING_NEXT;
	}
}

/* Packed tables are used from end to end; of the flags, WRITE counts: virtio 2.8.7. */
static enum rtap_ring_error rtap_table_add_packed(struct rtap_ring *ring, struct rtap_walk *walk,
						  struct rtap_table *table)
{
	const struct rtap_raw_desc *raw;
	enum rtap_ring_error kind;
	struct rtap_desc desc;
	u32 i;

	for (i = 0; i < table->count; i++) {
		raw = rtap_table_at(ring, table, i);
		if (unlikely(!raw))
			return RTAP_RING_INDIRECT_ADDR;
		desc = rtap_desc_packed(raw);
		if (unlikely(desc.flags & VRING_DESC_F_INDIRECT))
			return RTAP_RING_INDIRECT_NESTED;
		kind = rtap_chain_add(walk, &desc);
		if (unlikely(kind))
			return kind;
	}
	return RTAP_RING_OK;
}

/**
 * rtap_chain_add_table() - append the buffers of an indirect table to a chain
 * @ring: the ring
 * @walk: the chain being built
 * @desc: private copy of the descriptor that names the table
 *
 * The table may be longer than the ring, as with stock.
 *
 * Return: RTAP_RING_OK, or what is wrong; @walk->full means just no room.
 */
enum rtap_ring_error rtap_chain_add_table(struct rtap_ring *ring, struct rtap_walk *walk,
					  const struct rtap_desc *desc)
{
	struct rtap_table table = { .addr = desc->addr };

	table.count = desc->len / sizeof(*ring->window);
	if (unlikely(!table.count || desc->len % sizeof(*ring->window) ||
		     table.count > RTAP_TABLE_MAX))
		return RTAP_RING_INDIRECT_LEN;
	switch (ring->layout) {
	case RTAP_LAYOUT_SPLIT:
		return rtap_table_add_split(ring, walk, &table);
	case RTAP_LAYOUT_PACKED:
		break;
	}
	return rtap_table_add_packed(ring, walk, &table);
}

/**
 * rtap_chain_give_up() - end a pop at a chain that cannot be taken
 * @ring: the ring, still positioned at that chain
 * @walk: the chain; its buffers are taken back out of the caller's array
 * @kind: what is wrong
 * @done: good chains before it in this pop
 *
 * The good chains go to the caller first; the next pop looks at the bad one again.
 *
 * Return: what pop returns: @done, or a negative errno.
 */
int rtap_chain_give_up(struct rtap_ring *ring, struct rtap_walk *walk, enum rtap_ring_error kind,
		       u32 done)
{
	walk->segs->nr = walk->chain->seg;
	if (done || walk->full)
		return done;
	return rtap_ring_fail(ring, kind, ring->last_avail, walk->at);
}

/**
 * rtap_used_readonly() - how many completions have no writable part
 * @used: completions, the first of them without
 * @n: how many, not 0
 *
 * Return: 1 or more, up to the first one that has.
 */
u32 rtap_used_readonly(const struct rtap_used *used, u32 n)
{
	u32 run = 1;

	while (run < n && used[run].readonly)
		run++;
	return run;
}
