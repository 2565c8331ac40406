// SPDX-License-Identifier: GPL-2.0-only
/*
 * A queue's part in the dirty log: when it logs, and when the VMM is told
 */
#include <linux/eventfd.h>

#include "vq.h"

/**
 * rtap_vq_update_log() - log from now on, or no longer, as features and base say
 * @vq: the queue; its lock is held
 *
 * There are clients that acknowledge LOG_ALL because it is offered, and never give a log:
 * without a base, nothing is logged.
 */
void rtap_vq_update_log(struct rtap_vq *vq)
	__must_hold(&vq->lock)
{
	bool on = vq->buf && vq->log.base && rtap_vq_has(vq, VHOST_F_LOG_ALL);

	lockdep_assert_held(&vq->lock);
	vq->log.stretches = vq->buf ? vq->buf->stretches : NULL;
	vq->mem.log = on ? &vq->log : NULL;
}

/**
 * rtap_vq_log_reaches() - whether the log of the ring can be user memory at all
 * @vq: the queue, for its size and features; its lock is held
 * @addr: the ring's addresses
 * @base: user address of the log
 *
 * Return: true if so, mapped or not, or if the ring's writes are not logged there.
 */
bool rtap_vq_log_reaches(const struct rtap_vq *vq, const struct vhost_vring_addr *addr, u64 base)
{
	if (!(addr->flags & BIT(VHOST_VRING_F_LOG)) || rtap_vq_has(vq, VIRTIO_F_ACCESS_PLATFORM))
		return true;
	return rtap_log_reaches(base, addr->log_guest_addr,
				rtap_ring_device_size(rtap_vq_layout(vq), vq->num,
						      rtap_vq_has(vq, VIRTIO_RING_F_EVENT_IDX)));
}

/**
 * rtap_vq_spill_log() - log what is kept, to have room for the next frame
 * @vq: the queue; its lock is held, and what was translated was written
 *
 * What goes wrong is found by rtap_vq_finish_log().
 *
 * Context: on the worker.
 */
void rtap_vq_spill_log(struct rtap_vq *vq)
	__must_hold(&vq->lock)
{
	lockdep_assert_held(&vq->lock);
	if (rtap_mem_log(&vq->mem))
		vq->log.lost = true;
}

/**
 * rtap_vq_finish_log() - log what is kept, and tell the VMM
 * @vq: the queue; its lock is held, and what was translated was written
 *
 * Has to be called before the lock is let go: who detaches the queue finds everything
 * logged. A log that cannot be written breaks the queue, since guest memory would be
 * lost unseen.
 *
 * Context: on the worker.
 */
void rtap_vq_finish_log(struct rtap_vq *vq)
	__must_hold(&vq->lock)
{
	int err = 0;

	lockdep_assert_held(&vq->lock);
	if (vq->mem.log)
		err = rtap_mem_log(&vq->mem);
	if (err && vq->state == RTAP_VQ_RUNNING)
		rtap_vq_failed(vq, rtap_ring_fail(&vq->ring, RTAP_RING_LOG,
						  vq->ring.last_avail, 0));
	if (!vq->log.pages)
		return;
	rtap_stats_add(&vq->stats, RTAP_STAT_LOGGED_PAGES, vq->log.pages);
	vq->log.pages = 0;
	if (vq->log_ctx)
		eventfd_signal(vq->log_ctx);
}
