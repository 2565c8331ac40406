// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a queue cannot go on: for want of a translation, or because its ring is bad
 */
#include <linux/eventfd.h>
#include <linux/sched/signal.h>

#include "vq.h"

/*
 * Stop serving a queue whose ring is bad: counted by kind, said once in the log
 * (rate-limited), told to the error eventfd. Other queues go on. Detach and attach starts
 * the queue anew.
 */
static void rtap_vq_break(struct rtap_vq *vq, int err)
	__must_hold(&vq->lock)
{
	struct rtap_event event = {
		.kind = RTAP_EVENT_RING_ERROR,
		.source = vq->events,
		.queue = vq->index,
	};
	struct rtap_ring_fault *fault = &vq->ring.fault;
	/* the owner is being killed: its memory cannot be faulted in, nobody did wrong */
	bool killed = fatal_signal_pending(current);

	vq->state = RTAP_VQ_BROKEN;
	if (killed)
		fault->kind = RTAP_RING_OK;
	rtap_vq_report_publish(vq);
	if (killed)
		return;
	event.fault = *fault;
	rtap_stats_error(&vq->stats, fault->kind);
	trace_ring_error(vq->dev_id, vq->index, fault->kind, fault->index, fault->desc);
	rtap_vq_log_ratelimited(KERN_WARNING, vq,
				"stopped: %s at ring index %u, descriptor %u (error %d)\n",
				rtap_ring_error_name(fault->kind), fault->index, fault->desc, err);
	rtap_event_send(&event);
	if (vq->err)
		eventfd_signal(vq->err);
}

/* Whether what failed may be for want of a translation alone. */
static bool rtap_vq_misses(const struct rtap_vq *vq)
{
	switch (vq->ring.fault.kind) {
	case RTAP_RING_FAULT:
	case RTAP_RING_BUFFER:
	case RTAP_RING_INDIRECT_ADDR:
		return vq->mem.miss.perm;
	default:
		return false;
	}
}

/* Whoever adds the translation wakes the queue; chains at hand stay. */
static void rtap_vq_ask(struct rtap_vq *vq)
	__must_hold(&vq->lock)
{
	struct rtap_iotlb_miss miss = vq->mem.miss;

	vq->mem.miss.perm = 0;
	vq->ring.fault.kind = RTAP_RING_OK;
	rtap_stats_add(&vq->stats, RTAP_STAT_IOTLB_MISSES, 1);
	if (!rtap_iotlb_ask(vq->iotlb, vq->index, &miss))
		rtap_vq_again(vq);
}

/**
 * rtap_vq_failed() - deal with a ring that cannot be gone on with
 * @vq: a queue that is running, or missing its ring; its lock is held
 * @err: negative errno; vq->ring.fault says more
 *
 * Where a translation is missing, the VMM is asked for it. Else the queue is broken.
 *
 * Context: on the worker.
 */
void rtap_vq_failed(struct rtap_vq *vq, int err)
	__must_hold(&vq->lock)
{
	lockdep_assert_held(&vq->lock);
	if (rtap_vq_misses(vq))
		rtap_vq_ask(vq);
	else
		rtap_vq_break(vq, err);
}
