// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivers packets one by one with recvmsg(): XDP frames, macvtap, packet sockets
 *
 * A packet taken from a ring travels as msg_control; recvmsg() owns it from then
 * on, whatever it returns. Its device is never followed here.
 */
#include <linux/if_tun.h>
#include <linux/net.h>
#include <linux/ptr_ring.h>
#include <linux/skbuff.h>
#include <net/sock.h>
#include <net/xdp.h>

#include "net.h"

/* Stretches of user memory that a virtio header of ours may lie in: one a byte. */
#define RTAP_NET_HDR_IOVS sizeof(union rtap_net_hdr)

/**
 * rtap_net_rx_ptr_len() - length of a packet in a ring
 * @ptr: skb or XDP frame
 *
 * Return: bytes, with the VLAN tag that the stack keeps beside the packet.
 */
u32 rtap_net_rx_ptr_len(void *ptr)
{
	struct sk_buff *skb = ptr;

	if (tun_is_xdp_frame(ptr))
		return tun_ptr_to_xdp(ptr)->len;
	return skb->len + rtap_net_vlan_len(skb);
}

/*
 * Whether recvmsg() has left the packet where it is: the socket was found empty, or says in
 * place of a packet, once, that its interface went down.
 */
static bool rtap_net_rx_stays(const void *ptr, int received)
{
	return !ptr && (received == -EAGAIN || received == -ENETDOWN);
}

/* The next packet is too long for any buffer: make it go away. As rtap_net_rx_deliver(). */
static int rtap_net_rx_discard(struct rtap_net_queue *q, void *ptr, u32 len)
{
	struct socket *sock = q->backend.sock;
	struct msghdr msg = { .msg_control = ptr };
	struct iovec none = {};
	int n;

	iov_iter_init(&msg.msg_iter, ITER_DEST, &none, 1, 0);
	n = sock->ops->recvmsg(sock, &msg, 0, MSG_DONTWAIT | MSG_TRUNC);
	if (rtap_net_rx_stays(ptr, n))
		return -EAGAIN;
	rtap_net_rx_drop(q, RTAP_STAT_DROP_NO_ROOM, len);
	return 0;
}

/* What recvmsg() does not write: the whole header if it is ours, else num_buffers. */
static int rtap_net_rx_patch_header(struct rtap_net_queue *q, const struct rtap_cursor *start,
				    u16 chains)
{
	union rtap_net_hdr hdr = {};
	size_t skip = offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers);
	struct iovec iov[RTAP_NET_HDR_IOVS];
	struct rtap_cursor cur = *start;

	hdr.counted.num_buffers = __cpu_to_virtio16(true, chains & q->counted);
	if (q->own_hdr)
		return rtap_cursor_write(&cur, &hdr, q->hdr_len);
	if (!q->counted)
		return 0;
	if (rtap_cursor_iov(&cur, RTAP_MEM_WRITE, iov, ARRAY_SIZE(iov), skip) < 0)
		return -EFAULT;
	return rtap_cursor_write(&cur, &hdr.counted.num_buffers, sizeof(hdr.counted.num_buffers));
}

/* recvmsg() from where the socket's header, or the frame, begins. Bytes, or an errno. */
static int rtap_net_rx_recv(struct rtap_net_queue *q, void *ptr, struct rtap_cursor *cur, u32 len)
{
	struct socket *sock = q->backend.sock;
	struct msghdr msg = { .msg_control = ptr, .msg_flags = MSG_DONTWAIT };
	struct iovec skip[RTAP_NET_HDR_IOVS];
	int n;

	if (q->own_hdr &&
	    rtap_cursor_iov(cur, RTAP_MEM_WRITE, skip, ARRAY_SIZE(skip), q->hdr_len) < 0)
		return -EFAULT;
	n = rtap_cursor_iov(cur, RTAP_MEM_WRITE, q->buf->iov, ARRAY_SIZE(q->buf->iov), len);
	if (n < 0)
		return n == -E2BIG ? -EMSGSIZE : n;
	iov_iter_init(&msg.msg_iter, ITER_DEST, q->buf->iov, n, len);
	n = sock->ops->recvmsg(sock, &msg, len, MSG_DONTWAIT | MSG_TRUNC);
	/* else the packet is gone, whatever came of it */
	return rtap_net_rx_stays(ptr, n) ? -EAGAIN : max(n, 0);
}

static int rtap_net_rx_count(struct rtap_net_queue *q, u32 len)
{
	rtap_stats_add(&q->vq.stats, RTAP_STAT_ALONE, 1);
	rtap_vq_count_batch(&q->vq, 1, len);
	return 0;
}

/* Write a packet to the chains at hand. As rtap_net_rx_ptr(), or -EFAULT. */
static int rtap_net_rx_write(struct rtap_net_queue *q, void *ptr, u32 len, u32 segs, u16 chains)
{
	u32 want = q->own_hdr ? len : q->hdr_len + len;
	struct rtap_cursor start, cur;
	struct rtap_vq *vq = &q->vq;
	int ret;

	rtap_cursor_init(&start, &vq->mem, &vq->segs.v[rtap_vq_chain(vq, 0)->seg], segs);
	/* before recvmsg() too: afterwards there is no way back for the packet */
	ret = rtap_net_rx_patch_header(q, &start, chains);
	if (ret)
		return ret;
	cur = start;
	ret = rtap_net_rx_recv(q, ptr, &cur, want);
	if (ret < 0)
		return ret;
	/* packet sockets clear num_buffers */
	if (ret != want || rtap_net_rx_patch_header(q, &start, chains)) {
		rtap_net_rx_drop(q, RTAP_STAT_DROP_TAP, len);
		return 0;
	}
	rtap_net_rx_complete(q, q->hdr_len + len, chains);
	return rtap_net_rx_count(q, len);
}

/*
 * Deliver one packet of known length. As rtap_net_rx_ptr(); -EAGAIN if somebody
 * else has read the socket meanwhile.
 */
static int rtap_net_rx_deliver(struct rtap_net_queue *q, void *ptr, u32 len)
{
	struct rtap_vq *vq = &q->vq;
	int chains, ret;
	u32 segs;

	chains = rtap_net_rx_room(q, q->hdr_len + len, &segs);
	if (chains == -EMSGSIZE)
		return rtap_net_rx_discard(q, ptr, len);
	if (chains <= 0)
		return chains ?: -ENOBUFS;
	ret = rtap_net_rx_write(q, ptr, len, segs, chains);
	if (ret == -EMSGSIZE)
		return rtap_net_rx_discard(q, ptr, len);
	if (ret == -EFAULT)
		return rtap_ring_fail(&vq->ring, RTAP_RING_BUFFER, vq->ring.last_avail,
				      rtap_vq_chain(vq, 0)->id);
	return ret;
}

/**
 * rtap_net_rx_ptr() - deliver one packet that was taken from a ring
 * @q: the receive queue; its lock is held
 * @ptr: skb or XDP frame; still the caller's if an errno is returned
 *
 * Return: 0 if it was dealt with, -ENOBUFS if it waits for buffers, another errno
 * if the queue's ring is bad.
 */
int rtap_net_rx_ptr(struct rtap_net_queue *q, void *ptr)
{
	return rtap_net_rx_deliver(q, ptr, rtap_net_rx_ptr_len(ptr));
}

static int rtap_net_rx_from_ring(struct rtap_net_queue *q)
{
	void *ptr = ptr_ring_consume_bh(q->backend.ring);
	u64 bytes = 0;
	int ret;

	if (!ptr)
		return -EAGAIN;
	ret = rtap_net_rx_ptr(q, ptr);
	if (ret)
		rtap_net_rx_unconsume(q, &ptr, 1, &bytes);
	return ret;
}

static int rtap_net_rx_from_queue(struct rtap_net_queue *q)
{
	struct sk_buff_head *queue = &q->backend.sock->sk->sk_receive_queue;
	struct sk_buff *skb;
	u32 len = 0;

	spin_lock_bh(&queue->lock);
	skb = skb_peek(queue);
	if (skb)
		len = skb->len + rtap_net_vlan_len(skb);
	spin_unlock_bh(&queue->lock);
	return skb ? rtap_net_rx_deliver(q, NULL, len) : -EAGAIN;
}

/**
 * rtap_net_rx_msg() - deliver packets from a macvtap or packet socket
 * @q: the receive queue; its lock is held
 * @max: how many
 *
 * Return: as rtap_net_rx_ring().
 */
int rtap_net_rx_msg(struct rtap_net_queue *q, u32 max)
{
	int n, ret;

	for (n = 0; n < max; n++) {
		ret = q->backend.ring ? rtap_net_rx_from_ring(q) : rtap_net_rx_from_queue(q);
		if (ret == -EAGAIN)
			return n;
		if (ret)
			return n && ret == -ENOBUFS ? n : ret;
	}
	return n;
}
