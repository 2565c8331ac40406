/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One queue: ring, lock, worker, eventfds, state and counters
 *
 * A queue is set up by ioctls while stopped, attached (its ring mapped, its
 * layout and features latched), served by a worker, and detached. Whatever the
 * guest does wrong breaks the queue: it stays attached, and is not served until
 * it has been detached and attached again. With an IOTLB, it may have to wait until the
 * VMM has told where its ring, or a buffer, is.
 */
#ifndef RTAP_VQ_H
#define RTAP_VQ_H

#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/seqlock.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "event.h"
#include "notify.h"
#include "ring.h"
#include "stats.h"
#include "trace.h"
#include "worker.h"

struct eventfd_ctx;
struct file;
struct mm_struct;

/** RTAP_VQ_FEATURE_WORDS - 64-bit words that hold virtio features */
#define RTAP_VQ_FEATURE_WORDS 2
/** RTAP_VQ_CHAINS - chains fetched ahead, and most buffers one received frame may span */
#define RTAP_VQ_CHAINS 256
/** RTAP_VQ_SEGS - buffers of those chains */
#define RTAP_VQ_SEGS (2 * RTAP_CHAIN_SEGS_MAX)
/** RTAP_VQ_POLL_MAX_US - longest single busy poll, whatever the VMM asked for */
#define RTAP_VQ_POLL_MAX_US 5000
/** RTAP_VQ_USED - completions gathered between two publications; never more than are at hand */
#define RTAP_VQ_USED (2 * RTAP_VQ_CHAINS)

/**
 * enum rtap_vq_state - life of a queue
 * @RTAP_VQ_STOPPED: no backend; the ring is not touched
 * @RTAP_VQ_RUNNING: served by its worker
 * @RTAP_VQ_BROKEN: has a backend, is not served: see the ring's fault
 * @RTAP_VQ_MISSING: has a backend, and nobody has told where its ring is, see iotlb.h
 */
enum rtap_vq_state {
	RTAP_VQ_STOPPED,
	RTAP_VQ_RUNNING,
	RTAP_VQ_BROKEN,
	RTAP_VQ_MISSING,
};

/**
 * struct rtap_vq_report - what a queue is, for readers who may not wait for it
 *
 * From @layout on, only @busyloop_us says anything while the queue is stopped.
 */
struct rtap_vq_report {
	/** @state: what the queue is at */
	enum rtap_vq_state state;
	/** @since: when @state was reached, in nanoseconds of CLOCK_BOOTTIME */
	u64 since;
	/** @layout: split or packed */
	enum rtap_layout layout;
	/** @num: entries of the ring */
	u32 num;
	/** @mapped: the ring's pages are pinned and mapped; else reached by user access */
	bool mapped;
	/** @desc: user address of the descriptor table or ring */
	u64 desc;
	/** @driver: user address of the available ring or driver event area */
	u64 driver;
	/** @device: user address of the used ring or device event area */
	u64 device;
	/** @last_avail: next entry to fetch: free-running if split, 0..num-1 if packed */
	u32 last_avail;
	/** @last_used: next entry to publish, likewise */
	u32 last_used;
	/** @busyloop_us: how long the worker polls before it sleeps, in microseconds */
	u32 busyloop_us;
	/** @fault: why the queue is broken; of kind RTAP_RING_OK if its owner was killed */
	struct rtap_ring_fault fault;
};

/**
 * struct rtap_vq_buffers - what serving needs room for; exists while the device has an owner
 */
struct rtap_vq_buffers {
	/** @chains: chains popped from the ring and not yet completed */
	struct rtap_chain chains[RTAP_VQ_CHAINS];
	/** @segs: their buffers */
	struct rtap_seg segs[RTAP_VQ_SEGS];
	/** @used: completions not yet published */
	struct rtap_used used[RTAP_VQ_USED];
	/** @stretches: what is written and not yet in the dirty log */
	struct rtap_log_stretch stretches[RTAP_LOG_STRETCHES];
};

/**
 * struct rtap_vq - a virtqueue of a device
 */
struct rtap_vq {
	/** @lock: guards everything below unless it says otherwise */
	struct mutex lock;
	/** @index: number of the queue in its device; constant */
	u32 index;
	/** @dev_id: id of the device, for messages; constant */
	u32 dev_id;
	/** @events: the device, as events speak of it; constant */
	struct rtap_event_source *events;
	/** @owner: pid of the owner, for messages; 0 without one */
	pid_t owner;
	/** @state: what the queue is at */
	enum rtap_vq_state state;
	/** @features: virtio features the VMM acknowledged; latched into @ring at attach */
	u64 features[RTAP_VQ_FEATURE_WORDS];
	/** @num: ring size for the next attach */
	u32 num;
	/** @base: ring position as VRING_BASE carries it, while stopped */
	u32 base;
	/** @addr: ring addresses as the VMM gave them */
	struct vhost_vring_addr addr;
	/** @busyloop_us: microseconds to poll before sleeping; read without the lock */
	u32 busyloop_us;
	/** @ring: the ring; mapped unless stopped or missing */
	struct rtap_ring ring;
	/** @started: the ring was begun since the queue was attached */
	bool started;
	/** @iotlb: that of the device; constant */
	struct rtap_iotlb *iotlb;
	/** @mem: way into guest memory */
	struct rtap_mem_view mem;
	/** @log: the dirty log; written to if @mem points at it */
	struct rtap_log log;
	/** @log_ctx: signalled when the dirty log is written, or NULL; the device holds it */
	struct eventfd_ctx *log_ctx;
	/** @mm: owner's address space, NULL without an owner; the device holds it */
	struct mm_struct *mm;

	/** @buf: chains, buffers and completions; NULL without an owner */
	struct rtap_vq_buffers *buf;
	/** @segs: allocation state of the buffers in @buf */
	struct rtap_segs segs;
	/** @first: first chain in @buf that is not completed */
	u32 first;
	/** @nr: chains in @buf from @first on */
	u32 nr;
	/** @nr_used: completions in @buf that are not published */
	u32 nr_used;

	/** @call: signalled when the guest wants an interrupt, or NULL */
	struct eventfd_ctx *call;
	/** @err: signalled when the queue breaks, or NULL */
	struct eventfd_ctx *err;
	/** @kick_file: eventfd the guest kicks, or NULL */
	struct file *kick_file;
	/** @kick: our interest in @kick_file */
	struct rtap_poll kick;

	/**
	 * @worker: who serves the queue; NULL without an owner. Written under the
	 * lock, read by wake-ups under RCU.
	 */
	struct rtap_worker __rcu *worker;
	/** @work: queued on @worker by kicks and by the backend */
	struct rtap_work work;
	/**
	 * @woken: when the worker was woken for the run that it is at, if that is timed,
	 * until the run has moved a frame or polled; else 0
	 */
	u64 woken;
	/** @log_limit: how often the queue may write to the log */
	struct ratelimit_state log_limit;
	/** @serve: serves the queue once, on the worker; constant */
	void (*serve)(struct rtap_vq *vq);
	/** @stats: what the queue has counted since the device was opened */
	struct rtap_stats stats;

	/**
	 * @position: last_avail, and last_used above it, as of the last look at the
	 * ring: one word, stored in one piece, read without the lock
	 */
	u32 position;
	/** @report_seq: of @report; odd for a few instructions only, see vq_report.c */
	seqcount_t report_seq;
	/** @report: as published; written under the lock too, read without */
	struct rtap_vq_report report;
};

/* vq.c: life and service of a queue */
void rtap_vq_init(struct rtap_vq *vq, u32 dev_id, u32 index, void (*serve)(struct rtap_vq *vq));
int rtap_vq_own(struct rtap_vq *vq, struct mm_struct *mm, struct rtap_worker *worker);
void rtap_vq_disown(struct rtap_vq *vq);
void rtap_vq_set_worker(struct rtap_vq *vq, struct rtap_worker *worker);
struct rtap_worker *rtap_vq_worker(const struct rtap_vq *vq);
void rtap_vq_wake(struct rtap_vq *vq);
void rtap_vq_again(struct rtap_vq *vq);
int rtap_vq_fetch(struct rtap_vq *vq, u32 want);
void rtap_vq_unfetch(struct rtap_vq *vq);
void rtap_vq_complete(struct rtap_vq *vq, u32 written);
int rtap_vq_publish(struct rtap_vq *vq);
int rtap_vq_wait(struct rtap_vq *vq);
bool rtap_vq_pending(struct rtap_vq *vq);
bool rtap_vq_poll(struct rtap_vq *vq, bool (*ready)(struct rtap_vq *vq));
void rtap_vq_count_drop(struct rtap_vq *vq, enum rtap_stat reason, u64 bytes);

/* vq_fail.c: why a queue rests */
void rtap_vq_failed(struct rtap_vq *vq, int err);

/* vq_log.c: the dirty log */
void rtap_vq_update_log(struct rtap_vq *vq);
bool rtap_vq_log_reaches(const struct rtap_vq *vq, const struct vhost_vring_addr *addr, u64 base);
void rtap_vq_spill_log(struct rtap_vq *vq);
void rtap_vq_finish_log(struct rtap_vq *vq);

/* vq_map.c: ring memory */
int rtap_vq_attach(struct rtap_vq *vq);
void rtap_vq_detach(struct rtap_vq *vq);
bool rtap_vq_access_ok(const struct rtap_vq *vq, const struct vhost_vring_addr *addr);
int rtap_vq_remap(struct rtap_vq *vq, const struct vhost_vring_addr *addr);
void rtap_vq_find(struct rtap_vq *vq);
void rtap_vq_invalidate(struct rtap_vq *vq, u64 first, u64 last);

/* vq_report.c: what is said about a queue without its lock */
void rtap_vq_report_init(struct rtap_vq *vq);
void rtap_vq_report_publish(struct rtap_vq *vq);
void rtap_vq_report(const struct rtap_vq *vq, struct rtap_vq_report *report);

/* vq_ioctl.c: what the VMM says */
long rtap_vq_ioctl(struct rtap_vq *vq, unsigned int cmd, void __user *argp);

/**
 * rtap_vq_has() - whether a virtio feature was acknowledged
 * @vq: the queue
 * @bit: feature bit number
 *
 * Return: true if so.
 */
static inline bool rtap_vq_has(const struct rtap_vq *vq, unsigned int bit)
{
	return vq->features[bit / 64] & BIT_ULL(bit % 64);
}

/**
 * rtap_vq_layout() - the layout that was acknowledged
 * @vq: the queue
 *
 * Return: what the next attach latches.
 */
static inline enum rtap_layout rtap_vq_layout(const struct rtap_vq *vq)
{
	return rtap_vq_has(vq, VIRTIO_F_RING_PACKED) ? RTAP_LAYOUT_PACKED : RTAP_LAYOUT_SPLIT;
}

/**
 * rtap_vq_chain() - a fetched chain that is not completed
 * @vq: the queue; its lock is held
 * @i: 0 for the next one; below vq->nr
 *
 * Return: the chain; valid until the next fetch.
 */
static inline const struct rtap_chain *rtap_vq_chain(const struct rtap_vq *vq, u32 i)
{
	return &vq->buf->chains[vq->first + i];
}

/**
 * rtap_vq_note_position() - have readers see where the ring is
 * @vq: the queue; its lock is held
 */
static inline void rtap_vq_note_position(struct rtap_vq *vq)
{
	WRITE_ONCE(vq->position, vq->ring.last_avail | (u32)vq->ring.last_used << 16);
}

/**
 * rtap_vq_count_batch() - frames were handed over or delivered together
 * @vq: the queue; its lock is held
 * @packets: how many, at least one
 * @bytes: their bytes, without the virtio header
 */
static inline void rtap_vq_count_batch(struct rtap_vq *vq, u32 packets, u64 bytes)
{
	rtap_stats_batch(&vq->stats, packets, bytes);
	trace_batch(vq->dev_id, vq->index, packets, bytes);
}

/**
 * rtap_vq_moved() - a frame was handed over, or shown to the guest
 * @vq: the queue; its lock is held
 *
 * Takes the time since the worker was woken, for the first one of a run that is timed.
 */
static inline void rtap_vq_moved(struct rtap_vq *vq)
{
	if (!vq->woken)
		return;
	rtap_stats_wake(&vq->stats, rtap_work_since(vq->woken));
	vq->woken = 0;
}

/* Every line says which device, whose, and which queue; rates are limited per queue and in all. */
#define rtap_vq_log_ratelimited(level, vq, fmt, ...)					\
	do {										\
		struct rtap_vq *_vq = (vq);						\
											\
		if (__ratelimit(&_vq->log_limit))					\
			printk_ratelimited(level "ringtap: device %u pid %d queue %u: "	\
					   fmt, _vq->dev_id, _vq->owner, _vq->index,	\
					   ##__VA_ARGS__);				\
	} while (0)

#endif /* RTAP_VQ_H */
