// SPDX-License-Identifier: GPL-2.0-only
/*
 * TAP to guest: finds buffers for packets, completes them in batches, signals once
 */
#include <linux/if_tun.h>
#include <linux/mutex.h>
#include <linux/ptr_ring.h>

#include "net.h"

/* Guards rtap_net_rx_giver. */
static DEFINE_MUTEX(rtap_net_rx_giver_mutex);

/* Who gives packets back: a ring says no more than which one it has no room for. */
static struct {
	struct rtap_net_queue *q;
	u32 skbs;
	u64 bytes;
} rtap_net_rx_giver;

/**
 * rtap_net_rx_room() - find the chains that a frame goes into
 * @q: the receive queue; its lock is held
 * @total: bytes, virtio header included
 * @segs: set to how many buffers those chains have
 *
 * Return: how many of the chains at hand it takes; 0 if there are too few;
 * -EMSGSIZE if the frame fits no buffers that this driver could post; -EINVAL if
 * the driver posted something that is not a receive buffer: the queue is bad.
 */
int rtap_net_rx_room(struct rtap_net_queue *q, u32 total, u32 *segs)
{
	struct rtap_vq *vq = &q->vq;
	const struct rtap_chain *chain;
	u64 room = 0;
	u32 n;

	*segs = 0;
	for (n = 0; n < vq->nr && room < total; n++) {
		chain = rtap_vq_chain(vq, n);
		if (unlikely(chain->nr_out || !chain->nr_in))
			return rtap_ring_fail(&vq->ring, RTAP_RING_DIRECTION,
					      vq->ring.last_avail, chain->id);
		if (unlikely(n == 0 && chain->in_len < q->hdr_len))
			return rtap_ring_fail(&vq->ring, RTAP_RING_HEADER,
					      vq->ring.last_avail, chain->id);
		room += chain->in_len;
		*segs += chain->nr_in;
		if (!q->mergeable && room < total)
			return -EMSGSIZE;
	}
	if (unlikely(*segs > RTAP_CHAIN_SEGS_MAX))
		return -EMSGSIZE;
	if (room >= total)
		return n;
	return n == RTAP_VQ_CHAINS || n == vq->ring.num ? -EMSGSIZE : 0;
}

/**
 * rtap_net_rx_complete() - complete the chains that a frame was written to
 * @q: the receive queue; its lock is held
 * @total: bytes written, virtio header included
 * @chains: as rtap_net_rx_room() said
 */
void rtap_net_rx_complete(struct rtap_net_queue *q, u32 total, u32 chains)
{
	u32 written;

	while (chains--) {
		written = min_t(u64, total, rtap_vq_chain(&q->vq, 0)->in_len);
		rtap_vq_complete(&q->vq, written);
		total -= written;
	}
}

/**
 * rtap_net_rx_drop() - count a frame that was dropped, and leave room to log the next
 * @q: the receive queue; its lock is held
 * @reason: why it was
 * @len: its bytes
 *
 * Where it would have gone is noted in the log all the same.
 */
void rtap_net_rx_drop(struct rtap_net_queue *q, enum rtap_stat reason, u32 len)
{
	rtap_vq_count_drop(&q->vq, reason, len);
	if (unlikely(rtap_log_is_filling(&q->vq.log)))
		rtap_vq_spill_log(&q->vq);
}

static void rtap_net_rx_refused(void *ptr)
{
	u32 len = rtap_net_rx_ptr_len(ptr);

	rtap_vq_count_drop(&rtap_net_rx_giver.q->vq, RTAP_STAT_DROP_TAP_FULL, len);
	if (!tun_is_xdp_frame(ptr)) {
		rtap_net_rx_giver.skbs++;
		rtap_net_rx_giver.bytes += len;
	}
	tun_ptr_free(ptr);
}

/**
 * rtap_net_rx_unconsume() - put packets back at the head of the ring they were taken from
 * @q: the receive queue; its lock is held
 * @packets: the packets, the caller's no more
 * @n: how many
 * @bytes: what the freed skbs had is added to it
 *
 * Those that the ring's producer has left no room for are dropped.
 *
 * Return: how many skbs, not XDP frames, were.
 */
u32 rtap_net_rx_unconsume(struct rtap_net_queue *q, void **packets, int n, u64 *bytes)
{
	u32 skbs;

	mutex_lock(&rtap_net_rx_giver_mutex);
	rtap_net_rx_giver.q = q;
	rtap_net_rx_giver.skbs = 0;
	rtap_net_rx_giver.bytes = 0;
	ptr_ring_unconsume(q->backend.ring, packets, n, rtap_net_rx_refused);
	skbs = rtap_net_rx_giver.skbs;
	*bytes += rtap_net_rx_giver.bytes;
	mutex_unlock(&rtap_net_rx_giver_mutex);
	return skbs;
}

static bool rtap_net_rx_vq_ready(struct rtap_vq *vq)
{
	return rtap_backend_ready(&rtap_net_queue_of(vq)->backend);
}

/* Deliver a batch of packets. As rtap_net_rx_ring(). */
static int rtap_net_rx_batch(struct rtap_net_queue *q)
{
	const u64 *packets = &q->vq.stats.counts[RTAP_STAT_PACKETS];
	u64 before = *packets;
	int n, ret;

	if (q->backend.kind == RTAP_BACKEND_TUN)
		n = rtap_net_rx_ring(q);
	else
		n = rtap_net_rx_msg(q, RTAP_NET_BATCH);
	ret = rtap_vq_publish(&q->vq);
	if (unlikely(rtap_log_is_filling(&q->vq.log)))
		rtap_vq_spill_log(&q->vq);
	if (*packets != before)
		rtap_vq_moved(&q->vq);
	return ret < 0 ? ret : n;
}

/* No packet waits: want to be woken by one, unless it came meanwhile. 0 or 1. */
static int rtap_net_rx_idle(struct rtap_net_queue *q)
{
	if (rtap_vq_poll(&q->vq, rtap_net_rx_vq_ready))
		return 1;
	WRITE_ONCE(q->sock_armed, true);
	/* pairs with the barrier between the TAP's produce and its wake-up */
	smp_mb();
	if (!rtap_backend_ready(&q->backend))
		return 0;
	WRITE_ONCE(q->sock_armed, false);
	return 1;
}

/* A packet waits and the guest has posted too little: want a kick, unless it came. 0, 1, <0 */
static int rtap_net_rx_starved(struct rtap_net_queue *q)
{
	u32 had = q->vq.nr;
	int ret;

	ret = rtap_vq_fetch(&q->vq, RTAP_VQ_CHAINS);
	if (ret < 0)
		return ret;
	if (ret > had)
		return 1;
	ret = rtap_vq_wait(&q->vq);
	if (!ret)
		rtap_stats_add(&q->vq.stats, RTAP_STAT_NO_BUFFERS, 1);
	return ret;
}

/* Have chains at hand, without a look at the ring for each packet. As rtap_vq_fetch(). */
static int rtap_net_rx_fetch(struct rtap_net_queue *q)
{
	if (q->vq.nr >= q->want / 4)
		return q->vq.nr;
	return rtap_vq_fetch(&q->vq, q->want);
}

/*
 * Deliver until there is nothing left or the budget is spent. 0: sleep, 1: go on,
 * <0: bad. A round that delivers nothing counts too: a driver could have many.
 */
static int rtap_net_rx_run(struct rtap_net_queue *q)
{
	const u64 *bytes = &q->vq.stats.counts[RTAP_STAT_BYTES];
	u64 limit = *bytes + RTAP_NET_BUDGET_BYTES, before;
	u32 packets;
	int ret;

	for (packets = 0; packets < RTAP_NET_BUDGET && *bytes < limit; packets++) {
		before = *bytes;
		ret = rtap_net_rx_fetch(q);
		if (ret < 0)
			return ret;
		ret = rtap_net_rx_batch(q);
		if (ret == -ENOBUFS)
			ret = rtap_net_rx_starved(q);
		else if (!ret)
			ret = rtap_net_rx_idle(q);
		else if (ret > 0)
			packets += ret - 1;
		if (ret <= 0)
			return ret;
		if (ret == RTAP_NET_BATCH || *bytes - before >= RTAP_NET_ROUND_BYTES)
			cond_resched();
	}
	return 1;
}

/**
 * rtap_net_rx_serve() - deliver what waits at the TAP
 * @vq: the receive queue; its lock is held, it is running
 *
 * Context: on the worker.
 */
void rtap_net_rx_serve(struct rtap_vq *vq)
{
	struct rtap_net_queue *q = rtap_net_queue_of(vq);
	int ret;

	WRITE_ONCE(q->sock_armed, false);
	ret = rtap_ring_disarm(&vq->ring);
	if (!ret)
		ret = rtap_net_rx_run(q);
	if (ret > 0)
		rtap_vq_again(vq);
	else if (ret < 0)
		rtap_vq_failed(vq, ret);
}
