/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device side of a virtqueue: five batched verbs over both layouts
 *
 * Bytes and the virtio specification only: no locks, threads, files or net. The
 * sources below this header compile unchanged in user space. A ring has a single
 * user; in the kernel that is whoever holds the queue's lock.
 */
#ifndef RTAP_RING_H
#define RTAP_RING_H

#include <linux/types.h>
#include <linux/virtio_ring.h>

#include "area.h"
#include "mem.h"

/** RTAP_RING_NUM_MAX - largest ring: virtio 1.3, 2.7 and 2.8 */
#define RTAP_RING_NUM_MAX 32768
/** RTAP_CHAIN_SEGS_MAX - buffers in one chain, direct or indirect; stock's limit too */
#define RTAP_CHAIN_SEGS_MAX 1024
/** RTAP_RING_WINDOW - descriptors of an indirect table read in one go */
#define RTAP_RING_WINDOW 64
/** RTAP_RING_BATCH - most available entries read, or used entries written, in one go */
#define RTAP_RING_BATCH 64

/**
 * enum rtap_layout - where a ring keeps its state
 * @RTAP_LAYOUT_SPLIT: descriptor table, available ring, used ring (virtio 2.7)
 * @RTAP_LAYOUT_PACKED: one descriptor ring, two event suppression areas (virtio 2.8)
 */
enum rtap_layout {
	RTAP_LAYOUT_SPLIT,
	RTAP_LAYOUT_PACKED,
};

/**
 * enum rtap_ring_error - what a driver did wrong; each breaks the queue, none the host
 * @RTAP_RING_OK: nothing
 * @RTAP_RING_FAULT: ring memory cannot be reached any more
 * @RTAP_RING_AVAIL_IDX: available index ran ahead of the ring size
 * @RTAP_RING_HEAD: available entry names a descriptor that does not exist
 * @RTAP_RING_NEXT: a chain continues at a descriptor that does not exist
 * @RTAP_RING_LOOP: a chain is longer than its table
 * @RTAP_RING_TOO_LONG: a chain has more than RTAP_CHAIN_SEGS_MAX buffers
 * @RTAP_RING_ORDER: a device-readable buffer after a device-writable one
 * @RTAP_RING_INDIRECT_LEN: an indirect table's length is 0, not a multiple of 16, or
 *	more than 65,536 descriptors
 * @RTAP_RING_INDIRECT_NESTED: an indirect table inside an indirect table
 * @RTAP_RING_INDIRECT_NEXT: an indirect descriptor with a successor, or, packed, with
 *	a predecessor
 * @RTAP_RING_INDIRECT_ADDR: an indirect table outside guest memory
 * @RTAP_RING_BUFFER: a buffer outside guest memory (found when it is used)
 * @RTAP_RING_DIRECTION: buffers of the wrong direction for the queue, or none
 * @RTAP_RING_HEADER: no room for, or nonsense in, the virtio-net header
 * @RTAP_RING_LOG: the dirty log cannot be written (not the driver's doing)
 * @RTAP_RING_ERRORS: how many there are
 */
enum rtap_ring_error {
	RTAP_RING_OK,
	RTAP_RING_FAULT,
	RTAP_RING_AVAIL_IDX,
	RTAP_RING_HEAD,
	RTAP_RING_NEXT,
	RTAP_RING_LOOP,
	RTAP_RING_TOO_LONG,
	RTAP_RING_ORDER,
	RTAP_RING_INDIRECT_LEN,
	RTAP_RING_INDIRECT_NESTED,
	RTAP_RING_INDIRECT_NEXT,
	RTAP_RING_INDIRECT_ADDR,
	RTAP_RING_BUFFER,
	RTAP_RING_DIRECTION,
	RTAP_RING_HEADER,
	RTAP_RING_LOG,
	RTAP_RING_ERRORS,
};

/**
 * struct rtap_ring_fault - the first thing found wrong with a ring
 */
struct rtap_ring_fault {
	/** @kind: what is wrong */
	enum rtap_ring_error kind;
	/** @index: ring index (position of the chain) at which it was found */
	u16 index;
	/** @desc: descriptor or buffer id, as far as it is known */
	u16 desc;
};

/**
 * struct rtap_seg - one buffer of a chain
 */
struct rtap_seg {
	/** @addr: guest physical address */
	u64 addr;
	/** @len: bytes, never 0 (empty buffers are left out) */
	u32 len;
};

/**
 * struct rtap_segs - room for the buffers of a batch of chains, owned by the caller
 */
struct rtap_segs {
	/** @v: the buffers */
	struct rtap_seg *v;
	/** @nr: how many are in use */
	u32 nr;
	/** @max: how many there is room for; at least RTAP_CHAIN_SEGS_MAX */
	u32 max;
};

/**
 * struct rtap_chain - one available buffer chain; the device owns it until it is pushed
 */
struct rtap_chain {
	/** @out_len: bytes the device may read */
	u64 out_len;
	/** @in_len: bytes the device may write */
	u64 in_len;
	/** @seg: index of the first buffer in struct rtap_segs, readable ones first */
	u32 seg;
	/** @nr_out: readable buffers */
	u16 nr_out;
	/** @nr_in: writable buffers */
	u16 nr_in;
	/** @id: split: index of the head descriptor; packed: buffer id */
	u16 id;
	/** @slots: ring slots taken: descriptors in the ring if packed, 1 if split */
	u16 slots;
};

/**
 * struct rtap_used - one completion
 */
struct rtap_used {
	/** @len: bytes written to the writable part */
	u32 len;
	/** @id: the chain's id */
	u16 id;
	/** @slots: the chain's slots */
	u16 slots;
	/**
	 * @readonly: the chain has no writable part, so that with IN_ORDER the
	 * used entry of a later chain may stand for it (virtio 2.7.9, 2.8.11)
	 */
	bool readonly;
};

/**
 * struct rtap_raw_desc - the 16 bytes of a descriptor, as far as both layouts agree
 */
struct rtap_raw_desc {
	/** @addr: guest physical address */
	__le64 addr;
	/**
	 * @rest: from the low end: 32 bits of length, then 16 of flags and 16 of
	 * next (virtio 2.7.5), or 16 of id and 16 of flags (virtio 2.8.13)
	 */
	__le64 rest;
};

/**
 * struct rtap_ring - the device side of one virtqueue
 */
struct rtap_ring {
	/** @layout: split or packed */
	enum rtap_layout layout;
	/** @event_idx: VIRTIO_F_EVENT_IDX was negotiated */
	bool event_idx;
	/** @in_order: VIRTIO_F_IN_ORDER was negotiated */
	bool in_order;
	/** @notify_on_empty: VIRTIO_F_NOTIFY_ON_EMPTY was negotiated (legacy; split only) */
	bool notify_on_empty;
	/** @num: ring size; a power of two if split, anything up to 32,768 if packed */
	u32 num;
	/** @desc: split: descriptor table; packed: the descriptor ring */
	struct rtap_area desc;
	/** @driver: split: available ring; packed: driver event suppression area */
	struct rtap_area driver;
	/** @device: split: used ring; packed: device event suppression area */
	struct rtap_area device;
	/** @logged: what the device writes to the ring goes into the dirty log, if @mem has one */
	bool logged;
	/** @log_addr: guest physical address of @device for the log; not used with an IOTLB */
	u64 log_addr;
	/** @mem: where buffers and indirect tables are; not owned */
	struct rtap_mem_view *mem;

	/** @avail_idx: split: the driver's available index as last read */
	u16 avail_idx;
	/** @last_avail: next entry to pop: free-running if split, 0..num-1 if packed */
	u16 last_avail;
	/** @last_used: next entry to push: free-running if split, 0..num-1 if packed */
	u16 last_used;
	/** @avail_wrap: packed: wrap counter that goes with @last_avail */
	bool avail_wrap;
	/** @used_wrap: packed: wrap counter that goes with @last_used */
	bool used_wrap;
	/** @armed: the driver was last told to notify us (flags form) */
	bool armed;
	/** @signalled_valid: should_signal has answered since the ring was started */
	bool signalled_valid;
	/** @unsignalled: steps of the used index since should_signal last answered */
	u32 unsignalled;

	/** @fault: why pop, push, arm or should_signal last failed */
	struct rtap_ring_fault fault;
	/** @window: descriptors of an indirect table, private copies */
	struct rtap_raw_desc window[RTAP_RING_WINDOW];
};

size_t rtap_ring_desc_size(enum rtap_layout layout, u32 num);
size_t rtap_ring_driver_size(enum rtap_layout layout, u32 num, bool event_idx);
size_t rtap_ring_device_size(enum rtap_layout layout, u32 num, bool event_idx);

int rtap_ring_start(struct rtap_ring *ring);
int rtap_ring_pop(struct rtap_ring *ring, struct rtap_chain *chains, u32 max,
		  struct rtap_segs *segs);
void rtap_ring_unpop(struct rtap_ring *ring, const struct rtap_chain *chains, u32 n);
int rtap_ring_push(struct rtap_ring *ring, const struct rtap_used *used, u32 n);
int rtap_ring_pending(struct rtap_ring *ring);
int rtap_ring_arm(struct rtap_ring *ring);
int rtap_ring_disarm(struct rtap_ring *ring);
int rtap_ring_should_signal(struct rtap_ring *ring);
u32 rtap_ring_save(const struct rtap_ring *ring);
void rtap_ring_restore(struct rtap_ring *ring, u32 base);

const char *rtap_ring_error_name(enum rtap_ring_error kind);
int rtap_ring_fail(struct rtap_ring *ring, enum rtap_ring_error kind, u16 index, u16 desc);

#endif /* RTAP_RING_H */
