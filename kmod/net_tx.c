// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest to TAP: pops a batch, hands it over, completes it, signals once
 */
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "net.h"

/**
 * struct rtap_net_tx - one run over the transmit queue
 */
struct rtap_net_tx {
	/** @q: the queue */
	struct rtap_net_queue *q;
	/** @batches: frames are handed over many at a time */
	bool batches;
	/** @nr: frames built and not handed over */
	u32 nr;
	/** @nr_bytes: bytes in them */
	u32 nr_bytes;
	/** @packets: chains completed in this run, and rounds */
	u32 packets;
	/** @bytes: bytes in them */
	u64 bytes;
};

/* The TAP refused what was built: it did not take the buffers over. */
static void rtap_net_tx_refused(struct rtap_net_tx *tx)
{
	struct xdp_buff *frame = tx->q->buf->frames;
	u32 i;

	for (i = 0; i < tx->nr; i++, frame++) {
		rtap_vq_count_drop(&tx->q->vq, RTAP_STAT_DROP_TAP, frame->data_end - frame->data);
		rtap_frag_free(frame->data_hard_start);
	}
}

/* Hand over what was built. On failure the buffers are still ours; the frames are lost. */
static void rtap_net_tx_flush(struct rtap_net_tx *tx)
{
	struct socket *sock = tx->q->backend.sock;
	struct rtap_vq *vq = &tx->q->vq;
	struct tun_msg_ctl ctl = {
		.type = TUN_MSG_PTR,
		.num = tx->nr,
		.ptr = tx->q->buf->frames,
	};
	struct msghdr msg = {
		.msg_control = &ctl,
		.msg_controllen = sizeof(ctl),
		.msg_flags = MSG_DONTWAIT,
	};

	if (!tx->nr)
		return;
	if (likely(sock->ops->sendmsg(sock, &msg, 0) >= 0)) {
		rtap_vq_count_batch(vq, tx->nr, tx->nr_bytes);
		rtap_vq_moved(vq);
	} else {
		rtap_net_tx_refused(tx);
	}
	tx->nr = 0;
	tx->nr_bytes = 0;
}

static int rtap_net_tx_drop(struct rtap_net_tx *tx, enum rtap_stat reason, u64 len)
{
	rtap_vq_count_drop(&tx->q->vq, reason, len);
	return 0;
}

static int rtap_net_tx_bad(struct rtap_net_tx *tx, const struct rtap_chain *chain,
			   enum rtap_ring_error kind)
{
	struct rtap_ring *ring = &tx->q->vq.ring;

	return rtap_ring_fail(ring, kind, ring->last_avail, chain->id);
}

static int rtap_net_tx_sent(struct rtap_net_tx *tx, int ret, u32 len)
{
	struct rtap_vq *vq = &tx->q->vq;

	/* a packet socket says ENOBUFS when a queue below it has dropped the frame */
	if (ret == -ENOBUFS && tx->q->backend.kind == RTAP_BACKEND_PACKET)
		return rtap_net_tx_drop(tx, RTAP_STAT_DROP_TAP, len);
	if (ret == -EAGAIN || ret == -ENOBUFS || ret == -ENOMEM)
		return -EAGAIN;
	if (ret < 0)
		return rtap_net_tx_drop(tx, RTAP_STAT_DROP_TAP, len);
	rtap_stats_add(&vq->stats, RTAP_STAT_ALONE, 1);
	rtap_vq_count_batch(vq, 1, len);
	rtap_vq_moved(vq);
	return 0;
}

/* One frame by sendmsg(), straight from guest memory; what was built goes first. */
static int rtap_net_tx_alone(struct rtap_net_tx *tx, const struct rtap_chain *chain, u32 len)
{
	struct rtap_net_queue *q = tx->q;
	struct socket *sock = q->backend.sock;
	u8 skip[sizeof(union rtap_net_hdr)];
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };
	u32 total = q->own_hdr ? len : q->hdr_len + len;
	struct rtap_cursor cur;
	int n;

	rtap_net_tx_flush(tx);
	rtap_cursor_init(&cur, &q->vq.mem, &q->vq.segs.v[chain->seg], chain->nr_out);
	if (q->own_hdr && rtap_cursor_read(&cur, skip, q->hdr_len))
		return rtap_net_tx_bad(tx, chain, RTAP_RING_BUFFER);
	n = rtap_cursor_iov(&cur, RTAP_MEM_READ, q->buf->iov, ARRAY_SIZE(q->buf->iov), total);
	if (n == -E2BIG)
		return rtap_net_tx_drop(tx, RTAP_STAT_DROP_LONG, len);
	if (n < 0)
		return rtap_net_tx_bad(tx, chain, RTAP_RING_BUFFER);
	iov_iter_init(&msg.msg_iter, ITER_SOURCE, q->buf->iov, n, total);
	return rtap_net_tx_sent(tx, sock->ops->sendmsg(sock, &msg, total), len);
}

/* Whether the guest asks for segmentation; an unreadable header is found out later. */
static bool rtap_net_tx_wants_gso(struct rtap_net_queue *q, const struct rtap_chain *chain)
{
	struct virtio_net_hdr hdr;
	struct rtap_cursor cur;

	if (q->own_hdr)
		return false;
	rtap_cursor_init(&cur, &q->vq.mem, &q->vq.segs.v[chain->seg], chain->nr_out);
	return !rtap_cursor_read(&cur, &hdr, sizeof(hdr)) &&
	       hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE;
}

static bool rtap_net_tx_fits_batch(struct rtap_net_tx *tx, const struct rtap_chain *chain, u32 len)
{
	if (!tx->batches)
		return false;
	if (rtap_net_tx_batchable(tx->q, len, false))
		return true;
	return rtap_net_tx_batchable(tx->q, len, true) && rtap_net_tx_wants_gso(tx->q, chain);
}

/*
 * Take one chain. 0: done with it, sent, built or dropped; -EAGAIN: the TAP is
 * full, the chain has to wait; another errno: the ring is bad.
 */
static int rtap_net_tx_chain(struct rtap_net_tx *tx, const struct rtap_chain *chain)
{
	struct rtap_net_queue *q = tx->q;
	u64 len;
	int err;

	if (unlikely(chain->nr_in || !chain->nr_out))
		return rtap_net_tx_bad(tx, chain, RTAP_RING_DIRECTION);
	if (unlikely(chain->out_len < q->hdr_len))
		return rtap_net_tx_bad(tx, chain, RTAP_RING_HEADER);
	len = chain->out_len - q->hdr_len;
	if (unlikely(len < ETH_HLEN))
		return rtap_net_tx_drop(tx, RTAP_STAT_DROP_SHORT, len);
	if (unlikely(len > RTAP_NET_FRAME_MAX))
		return rtap_net_tx_drop(tx, RTAP_STAT_DROP_LONG, len);
	tx->bytes += len;
	if (!rtap_net_tx_fits_batch(tx, chain, len))
		return rtap_net_tx_alone(tx, chain, len);
	err = rtap_net_tx_build(q, chain, len, &q->buf->frames[tx->nr]);
	if (unlikely(err == -EFAULT))
		return rtap_net_tx_bad(tx, chain, RTAP_RING_BUFFER);
	if (unlikely(err))
		return rtap_net_tx_drop(tx, err == -ENOMEM ? RTAP_STAT_DROP_NOMEM :
							     RTAP_STAT_DROP_HEADER, len);
	tx->nr_bytes += len;
	tx->nr++;
	return 0;
}

/* Send the chains at hand, show the driver what is done. 0 or as rtap_net_tx_chain(). */
static int rtap_net_tx_batch(struct rtap_net_tx *tx)
{
	struct rtap_vq *vq = &tx->q->vq;
	int err = 0, ret;

	tx->batches = rtap_backend_batches(&tx->q->backend);
	while (vq->nr && tx->bytes < RTAP_NET_BUDGET_BYTES) {
		err = rtap_net_tx_chain(tx, rtap_vq_chain(vq, 0));
		if (err)
			break;
		rtap_vq_complete(vq, 0);
		tx->packets++;
	}
	rtap_net_tx_flush(tx);
	ret = rtap_vq_publish(vq);
	return err ?: ret;
}

/* The TAP's send buffer is full: wait for room, unless it appeared meanwhile. */
static void rtap_net_tx_wait_room(struct rtap_net_queue *q)
{
	struct socket *sock = q->backend.sock;

	rtap_stats_add(&q->vq.stats, RTAP_STAT_BACKPRESSURE, 1);
	rtap_vq_unfetch(&q->vq);
	WRITE_ONCE(q->sock_armed, true);
	/* pairs with the wake-up that follows the release of send buffer space */
	smp_mb();
	/* asks for a wake-up too (SOCKWQ_ASYNC_NOSPACE), which a look at the counters does not */
	if (vfs_poll(sock->file, NULL) & EPOLLOUT)
		rtap_vq_again(&q->vq);
}

/* Fetch and send until nothing is left or the budget is spent. 0: sleep, 1: go on, <0: bad */
static int rtap_net_tx_run(struct rtap_net_tx *tx)
{
	struct rtap_vq *vq = &tx->q->vq;
	u64 before;
	int n, ret;

	while (tx->packets < RTAP_NET_BUDGET && tx->bytes < RTAP_NET_BUDGET_BYTES) {
		before = tx->bytes;
		n = rtap_vq_fetch(vq, RTAP_NET_BATCH);
		ret = n;
		if (ret > 0)
			ret = rtap_net_tx_batch(tx) ?: 1;
		else if (!ret)
			ret = rtap_vq_poll(vq, rtap_vq_pending) ? 1 : rtap_vq_wait(vq);
		if (ret <= 0)
			return ret;
		if (n == RTAP_NET_BATCH || tx->bytes - before >= RTAP_NET_ROUND_BYTES)
			cond_resched();
		/* a round that sends nothing counts too: a driver could have many of them */
		tx->packets++;
	}
	return 1;
}

/**
 * rtap_net_tx_serve() - send what the guest made available
 * @vq: the transmit queue; its lock is held, it is running
 *
 * Context: on the worker.
 */
void rtap_net_tx_serve(struct rtap_vq *vq)
{
	struct rtap_net_tx tx = { .q = rtap_net_queue_of(vq) };
	int ret;

	WRITE_ONCE(tx.q->sock_armed, false);
	ret = rtap_ring_disarm(&vq->ring);
	if (!ret)
		ret = rtap_net_tx_run(&tx);
	if (ret > 0)
		rtap_vq_again(vq);
	else if (ret == -EAGAIN)
		rtap_net_tx_wait_room(tx.q);
	else if (ret < 0)
		rtap_vq_failed(vq, ret);
}
