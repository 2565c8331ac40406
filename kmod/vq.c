// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fetches chains ahead, gathers completions, publishes them and signals once
 */
#include "vq.h"

#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

static void rtap_vq_kick(struct rtap_vq *vq, u64 woken)
{
	vq->woken = woken & RTAP_WORK_SAMPLE ? woken : 0;
	if (!woken)
		return;
	rtap_stats_add(&vq->stats, RTAP_STAT_KICKS, 1);
	if (trace_kick_enabled())
		trace_kick(vq->dev_id, vq->index,
			   woken == RTAP_WORK_UNTIMED ? 0 : rtap_work_since(woken));
}

static void rtap_vq_work(struct rtap_work *work, u64 woken)
{
	struct rtap_vq *vq = container_of(work, struct rtap_vq, work);

	mutex_lock(&vq->lock);
	rtap_vq_kick(vq, woken);
	if (unlikely(vq->state == RTAP_VQ_MISSING))
		rtap_vq_find(vq);
	if (vq->state == RTAP_VQ_RUNNING)
		vq->serve(vq);
	if (unlikely(vq->log.nr || vq->log.pages || vq->log.lost))
		rtap_vq_finish_log(vq);
	mutex_unlock(&vq->lock);
}

/* The worker ended before it came to it: the one that the queue has now serves it. */
static void rtap_vq_requeue(struct rtap_work *work)
{
	rtap_vq_wake(container_of(work, struct rtap_vq, work));
}

static void rtap_vq_kicked(struct rtap_poll *poll)
{
	rtap_vq_wake(container_of(poll, struct rtap_vq, kick));
}

/* What a queue is before anything was said about it, and after RESET_OWNER. */
static void rtap_vq_reset(struct rtap_vq *vq)
{
	vq->state = RTAP_VQ_STOPPED;
	vq->owner = 0;
	vq->num = 1;
	vq->base = 0;
	vq->addr = (struct vhost_vring_addr){ .index = vq->index };
	WRITE_ONCE(vq->busyloop_us, 0);
	vq->first = 0;
	vq->nr = 0;
	vq->nr_used = 0;
}

/**
 * rtap_vq_init() - make a queue of zeroed memory
 * @vq: the queue
 * @dev_id: id of the device
 * @index: number of the queue in it
 * @serve: serves the queue once; called by the worker with the queue's lock held
 */
void rtap_vq_init(struct rtap_vq *vq, u32 dev_id, u32 index, void (*serve)(struct rtap_vq *vq))
{
	mutex_init(&vq->lock);
	vq->dev_id = dev_id;
	vq->index = index;
	vq->serve = serve;
	rtap_work_init(&vq->work, rtap_vq_work, rtap_vq_requeue);
	rtap_poll_init(&vq->kick, EPOLLIN, rtap_vq_kicked);
	ratelimit_state_init(&vq->log_limit, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	rtap_vq_report_init(vq);
	rtap_vq_reset(vq);
}

/**
 * rtap_vq_set_worker() - have another worker serve the queue, under traffic too
 * @vq: the queue; its lock is held
 * @worker: its new worker; the caller keeps it for as long as the queue has it
 *
 * A kick that is on the old worker's list already is served there, once more; the
 * queue's lock keeps the two apart. The old one may be destroyed after a grace
 * period of RCU: what it then has not come to, it gives back.
 */
void rtap_vq_set_worker(struct rtap_vq *vq, struct rtap_worker *worker)
	__must_hold(&vq->lock)
{
	lockdep_assert_held(&vq->lock);
	rcu_assign_pointer(vq->worker, worker);
	trace_worker(vq->dev_id, worker->id, RTAP_TRACE_WORKER_SERVES, rtap_worker_tid(worker),
		     vq->index);
}

/**
 * rtap_vq_own() - give a queue its owner
 * @vq: a queue without one
 * @mm: the owner's address space; the caller keeps it until rtap_vq_disown()
 * @worker: who serves the queue; the caller keeps it for as long as the queue has it
 *
 * Context: an ioctl of the owner.
 * Return: 0 or -ENOMEM.
 */
int rtap_vq_own(struct rtap_vq *vq, struct mm_struct *mm, struct rtap_worker *worker)
{
	struct rtap_vq_buffers *buf;

	buf = kvmalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	mutex_lock(&vq->lock);
	vq->buf = buf;
	vq->segs = (struct rtap_segs){ .v = buf->segs, .max = RTAP_VQ_SEGS };
	vq->mm = mm;
	vq->owner = task_tgid_nr(current);
	rtap_vq_update_log(vq);
	rtap_vq_set_worker(vq, worker);
	mutex_unlock(&vq->lock);
	return 0;
}

/**
 * rtap_vq_disown() - forget the owner and everything it said, but for features
 * @vq: a queue that is detached
 *
 * The worker may still have the queue's work on its list; it has to be destroyed
 * before the queue is freed.
 *
 * Context: process context; sleeps.
 */
void rtap_vq_disown(struct rtap_vq *vq)
{
	rtap_poll_stop(&vq->kick);
	mutex_lock(&vq->lock);
	rcu_assign_pointer(vq->worker, NULL);
	kvfree(vq->buf);
	vq->buf = NULL;
	vq->mm = NULL;
	vq->log = (struct rtap_log){};
	vq->log_ctx = NULL;
	rtap_vq_update_log(vq);
	rtap_mem_view_set(&vq->mem, NULL);
	if (vq->kick_file)
		fput(vq->kick_file);
	vq->kick_file = NULL;
	rtap_eventfd_swap(&vq->call, VHOST_FILE_UNBIND);
	rtap_eventfd_swap(&vq->err, VHOST_FILE_UNBIND);
	rtap_vq_reset(vq);
	mutex_unlock(&vq->lock);
}

/**
 * rtap_vq_worker() - who serves the queue
 * @vq: the queue; its lock or its device's lock is held
 *
 * Return: the worker, NULL without an owner.
 */
struct rtap_worker *rtap_vq_worker(const struct rtap_vq *vq)
{
	/* written under both locks, so that either will do */
	return rcu_dereference_protected(vq->worker, true);
}

/**
 * rtap_vq_wake() - have the queue served soon
 * @vq: the queue; nothing happens without an owner
 *
 * Context: any, including wake-up callbacks with interrupts off.
 */
void rtap_vq_wake(struct rtap_vq *vq)
{
	struct rtap_worker *worker;

	rcu_read_lock();
	worker = rcu_dereference(vq->worker);
	if (worker)
		rtap_worker_queue(worker, &vq->work);
	rcu_read_unlock();
}

/**
 * rtap_vq_again() - have the queue served again, after others of its worker
 * @vq: the queue; its lock is held
 *
 * For who serves it: not a wake-up, the worker is awake.
 */
void rtap_vq_again(struct rtap_vq *vq)
	__must_hold(&vq->lock)
{
	lockdep_assert_held(&vq->lock);
	rtap_worker_queue_again(rtap_vq_worker(vq), &vq->work);
}

/* Make room behind what is fetched: by moving it to the front, if it has to be. */
static void rtap_vq_compact(struct rtap_vq *vq, u32 want)
{
	struct rtap_chain *chains = vq->buf->chains;
	u32 base, i;

	if (!vq->nr) {
		vq->first = 0;
		vq->segs.nr = 0;
		return;
	}
	if (!vq->first || (vq->first + want <= RTAP_VQ_CHAINS &&
			   vq->segs.max - vq->segs.nr >= RTAP_CHAIN_SEGS_MAX))
		return;
	memmove(chains, chains + vq->first, vq->nr * sizeof(*chains));
	vq->first = 0;
	base = chains[0].seg;
	memmove(vq->segs.v, vq->segs.v + base, (vq->segs.nr - base) * sizeof(*vq->segs.v));
	vq->segs.nr -= base;
	for (i = 0; i < vq->nr; i++)
		chains[i].seg -= base;
}

/**
 * rtap_vq_fetch() - have chains at hand
 * @vq: the queue; its lock is held
 * @want: how many, at most RTAP_VQ_CHAINS
 *
 * Pops only if fewer than @want are at hand.
 *
 * Return: how many are at hand, fewer than @want if the driver has not made more
 * available; or a negative errno for rtap_vq_failed().
 */
int rtap_vq_fetch(struct rtap_vq *vq, u32 want)
	__must_hold(&vq->lock)
{
	int n;

	lockdep_assert_held(&vq->lock);
	if (vq->nr >= want)
		return vq->nr;
	rtap_vq_compact(vq, want);
	n = rtap_ring_pop(&vq->ring, vq->buf->chains + vq->first + vq->nr, want - vq->nr,
			  &vq->segs);
	if (n < 0)
		return n;
	if (n)
		rtap_vq_note_position(vq);
	vq->nr += n;
	return vq->nr;
}

/**
 * rtap_vq_unfetch() - give back every chain that is not completed
 * @vq: the queue; its lock is held
 */
void rtap_vq_unfetch(struct rtap_vq *vq)
	__must_hold(&vq->lock)
{
	lockdep_assert_held(&vq->lock);
	if (vq->nr)
		rtap_ring_unpop(&vq->ring, rtap_vq_chain(vq, 0), vq->nr);
	rtap_vq_note_position(vq);
	vq->first = 0;
	vq->nr = 0;
	vq->segs.nr = 0;
}

/**
 * rtap_vq_complete() - note that the next fetched chain is done
 * @vq: the queue; its lock is held, a chain is at hand, and fewer than
 *      RTAP_VQ_USED completions are unpublished
 * @written: bytes stored in the chain's writable part
 *
 * The driver sees it after rtap_vq_publish().
 */
void rtap_vq_complete(struct rtap_vq *vq, u32 written)
	__must_hold(&vq->lock)
{
	const struct rtap_chain *chain = rtap_vq_chain(vq, 0);

	lockdep_assert_held(&vq->lock);
	vq->buf->used[vq->nr_used++] = (struct rtap_used){
		.len = written,
		.id = chain->id,
		.slots = chain->slots,
		.readonly = !chain->nr_in,
	};
	vq->first++;
	vq->nr--;
	if (unlikely(rtap_log_is_filling(&vq->log)))
		rtap_vq_spill_log(vq);
}

static void rtap_vq_signal(struct rtap_vq *vq, int wanted)
{
	trace_signal(vq->dev_id, vq->index, wanted);
	if (!wanted) {
		rtap_stats_add(&vq->stats, RTAP_STAT_SUPPRESSED, 1);
		return;
	}
	rtap_stats_add(&vq->stats, RTAP_STAT_SIGNALS, 1);
	if (vq->call)
		eventfd_signal(vq->call);
}

/**
 * rtap_vq_publish() - show the driver what is done, and signal it once if it wants that
 * @vq: the queue; its lock is held
 *
 * Return: 0, or a negative errno for rtap_vq_failed().
 */
int rtap_vq_publish(struct rtap_vq *vq)
	__must_hold(&vq->lock)
{
	int ret;

	lockdep_assert_held(&vq->lock);
	if (!vq->nr_used)
		return 0;
	ret = rtap_ring_push(&vq->ring, vq->buf->used, vq->nr_used);
	vq->nr_used = 0;
	if (!ret) {
		rtap_vq_note_position(vq);
		ret = rtap_ring_should_signal(&vq->ring);
	}
	if (ret < 0) {
		/* a buffer that waits for a translation is not why */
		vq->mem.miss.perm = 0;
		return ret;
	}
	rtap_vq_signal(vq, ret);
	return 0;
}

/**
 * rtap_vq_wait() - ask the driver for a kick, now that nothing is available
 * @vq: the queue; its lock is held
 *
 * Return: 0 when the worker may sleep, 1 if something became available meanwhile,
 * or a negative errno for rtap_vq_failed().
 */
int rtap_vq_wait(struct rtap_vq *vq)
	__must_hold(&vq->lock)
{
	int ret;

	lockdep_assert_held(&vq->lock);
	ret = rtap_ring_arm(&vq->ring);
	if (ret <= 0)
		return ret;
	ret = rtap_ring_disarm(&vq->ring);
	return ret < 0 ? ret : 1;
}

/**
 * rtap_vq_pending() - whether the driver made something available
 * @vq: the queue; its lock is held
 *
 * A ring that cannot be read counts as ready: the next fetch finds out why.
 *
 * Return: true if so.
 */
bool rtap_vq_pending(struct rtap_vq *vq)
{
	return rtap_ring_pending(&vq->ring) != 0;
}

/**
 * rtap_vq_poll() - look for work a while before sleeping
 * @vq: the queue; its lock is held
 * @ready: whether there is work
 *
 * For as long as VRING_BUSYLOOP_TIMEOUT says, unless the CPU or the worker is
 * wanted elsewhere.
 *
 * Context: on the worker.
 * Return: true if @ready became true.
 */
bool rtap_vq_poll(struct rtap_vq *vq, bool (*ready)(struct rtap_vq *vq))
	__must_hold(&vq->lock)
{
	struct rtap_worker *worker = rtap_vq_worker(vq);
	u64 end;

	lockdep_assert_held(&vq->lock);
	if (!vq->busyloop_us)
		return false;
	/* moved while this worker was at it: the work that waits here is not on that list */
	if (rtap_worker_task(worker) != current)
		return false;
	/* what polling finds has not waited since the wake-up */
	vq->woken = 0;
	end = local_clock() + NSEC_PER_USEC * min_t(u64, vq->busyloop_us, RTAP_VQ_POLL_MAX_US);
	do {
		if (ready(vq)) {
			rtap_stats_add(&vq->stats, RTAP_STAT_POLL_HITS, 1);
			return true;
		}
		cpu_relax();
	} while (local_clock() < end && !need_resched() && !signal_pending(current) &&
		 llist_empty(&worker->works));
	rtap_stats_add(&vq->stats, RTAP_STAT_POLL_MISSES, 1);
	return false;
}

/**
 * rtap_vq_count_drop() - a frame is dropped
 * @vq: the queue; its lock is held
 * @reason: why: one of RTAP_STAT_DROP_*
 * @bytes: its bytes, without the virtio header
 */
void rtap_vq_count_drop(struct rtap_vq *vq, enum rtap_stat reason, u64 bytes)
	__must_hold(&vq->lock)
{
	rtap_stats_add(&vq->stats, reason, 1);
	trace_drop(vq->dev_id, vq->index, reason, bytes);
}
