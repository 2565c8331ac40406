// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells what a queue is without waiting for whoever holds its lock
 *
 * The lock is held while the worker touches memory of the owner, which may take as
 * long as the owner likes. So whoever changes the queue under the lock publishes what
 * it has become, under a sequence count of its own. It is no seqcount_mutex_t: with
 * PREEMPT_RT, readers of one take the mutex. Writers are not preempted, so that a
 * reader spins for a few stores at most.
 */
#include <linux/ktime.h>
#include <linux/preempt.h>
#include <linux/string.h>

#include "vq.h"

/* Readers do not write; the readers' side of a sequence count wants it writable all the same. */
static seqcount_t *rtap_vq_report_seq(const struct rtap_vq *vq)
{
	return (seqcount_t *)&vq->report_seq;
}

/**
 * rtap_vq_report_init() - make a stopped queue's report readable
 * @vq: the queue, which nobody else can reach yet
 */
void rtap_vq_report_init(struct rtap_vq *vq)
{
	seqcount_init(&vq->report_seq);
	vq->report = (struct rtap_vq_report){
		.state = RTAP_VQ_STOPPED,
		.since = ktime_get_boottime_ns(),
	};
}

/**
 * rtap_vq_report_publish() - have readers see what the queue has become
 * @vq: the queue; its lock is held
 */
void rtap_vq_report_publish(struct rtap_vq *vq)
	__must_hold(&vq->lock)
{
	const struct rtap_ring *ring = &vq->ring;
	struct rtap_vq_report now = {
		.state = vq->state,
		.since = vq->report.since,
		.layout = ring->layout,
		.num = ring->num,
		.mapped = ring->desc.kaddr && ring->driver.kaddr && ring->device.kaddr,
		.desc = vq->addr.desc_user_addr,
		.driver = vq->addr.avail_user_addr,
		.device = vq->addr.used_user_addr,
		.fault = ring->fault,
	};

	lockdep_assert_held(&vq->lock);
	if (vq->state != vq->report.state)
		now.since = ktime_get_boottime_ns();
	rtap_vq_note_position(vq);
	preempt_disable();
	write_seqcount_begin(&vq->report_seq);
	vq->report = now;
	write_seqcount_end(&vq->report_seq);
	preempt_enable();
}

/**
 * rtap_vq_report() - what a queue is
 * @vq: the queue; it is not freed meanwhile
 * @report: set to it: one state of the queue, never a mixture. Positions and busy-poll
 *          time may be newer than the rest.
 *
 * Context: process context; neither sleeps nor takes the queue's lock.
 */
void rtap_vq_report(const struct rtap_vq *vq, struct rtap_vq_report *report)
{
	seqcount_t *seq = rtap_vq_report_seq(vq);
	unsigned int start;
	u32 position;

	do {
		start = read_seqcount_begin(seq);
		memcpy(report, &vq->report, sizeof(*report));
	} while (read_seqcount_retry(seq, start));
	position = READ_ONCE(vq->position);
	report->last_avail = position & U16_MAX;
	report->last_used = position >> 16;
	report->busyloop_us = READ_ONCE(vq->busyloop_us);
}
