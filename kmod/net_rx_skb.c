// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivers packets taken straight from a tun's pointer ring
 *
 * Packets in the ring hold no reference to their device. The tun purges its ring
 * under the consumer lock before the device goes, so a device seen under that
 * lock is alive; one reference a batch keeps it so until the batch is done.
 */
#include <linux/file.h>
#include <linux/if_tun.h>
#include <linux/if_vlan.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/ptr_ring.h>
#include <linux/skbuff.h>
#include <linux/uaccess.h>
#include <net/sock.h>

#include "net.h"

/**
 * struct rtap_net_rx_batch - packets taken from the ring together
 */
struct rtap_net_rx_batch {
	/** @dev: the TAP, held; NULL if the batch has no skb */
	struct net_device *dev;
	/** @tracker: reference tracker of @dev */
	netdevice_tracker tracker;
	/** @packets: packets delivered */
	u32 packets;
	/** @tap_packets: skbs taken off the TAP, delivered or not */
	u32 tap_packets;
	/** @bytes: bytes delivered */
	u64 bytes;
	/** @tap_bytes: bytes of @tap_packets */
	u64 tap_bytes;
};

/* How many of the chains from @at on a frame takes; 0 if those at hand are too few. */
static u32 rtap_net_rx_span(const struct rtap_net_queue *q, u32 at, u32 total)
{
	const struct rtap_vq *vq = &q->vq;
	u64 room = 0;
	u32 n;

	for (n = 0; at + n < vq->nr && room < total; n++) {
		room += rtap_vq_chain(vq, at + n)->in_len;
		if (!q->mergeable)
			return 1;
	}
	return room >= total ? n : 0;
}

/* Whether the first packet can be dealt with now: 0, or an errno as of room(). */
static int rtap_net_rx_first(struct rtap_net_queue *q, void *ptr)
{
	u32 segs;
	int ret = rtap_net_rx_room(q, q->hdr_len + rtap_net_rx_ptr_len(ptr), &segs);

	if (!ret)
		return -ENOBUFS;
	/* one that fits nowhere is taken, and dropped */
	return ret == -EMSGSIZE ? 0 : min(ret, 0);
}

/*
 * Packets that the chains at hand have room for. None has to go back for want of
 * room: one that is dropped on the way takes no chain, so that those after it begin
 * earlier than was reckoned, where there is never less room.
 */
static int rtap_net_rx_consume(struct rtap_net_queue *q, void **packets)
{
	struct ptr_ring *ring = q->backend.ring;
	u32 at = 0, n, span;
	void *ptr;
	int err;

	for (n = 0; n < RTAP_NET_BATCH; n++) {
		ptr = __ptr_ring_peek(ring);
		if (!ptr)
			break;
		if (!n) {
			err = rtap_net_rx_first(q, ptr);
			if (err)
				return err;
		}
		span = rtap_net_rx_span(q, at, q->hdr_len + rtap_net_rx_ptr_len(ptr));
		if (n && !span) {
			/* large packets: have more chains at hand next time */
			q->want = RTAP_VQ_CHAINS;
			return n;
		}
		/* clears slots that tun looks at plainly: full, or not yet */
		packets[n] = data_race(__ptr_ring_consume(ring));
		at += span;
	}
	q->want = RTAP_NET_BATCH;
	return n;
}

/* Take packets, and a reference to their device, under the consumer lock. */
static int rtap_net_rx_take(struct rtap_net_queue *q, struct rtap_net_rx_batch *batch)
{
	struct ptr_ring *ring = q->backend.ring;
	void **packets = q->buf->packets;
	int i, n;

	spin_lock_bh(&ring->consumer_lock);
	n = rtap_net_rx_consume(q, packets);
	for (i = 0; i < n && tun_is_xdp_frame(packets[i]); i++)
		;
	if (i < n) {
		batch->dev = ((struct sk_buff *)packets[i])->dev;
		netdev_hold(batch->dev, &batch->tracker, GFP_ATOMIC);
	}
	if (n > 0)
		tun_wake_queue(q->backend.sock->file, n);
	spin_unlock_bh(&ring->consumer_lock);
	return n;
}

/*
 * A packet that waits for a device that goes away, or NULL. The file may have been given
 * another device meanwhile, whose packets stay; its queue is told about the room.
 */
static void *rtap_net_rx_take_stale(struct rtap_net_queue *q, const struct net_device *dev)
{
	struct ptr_ring *ring = q->backend.ring;
	void *ptr;

	spin_lock_bh(&ring->consumer_lock);
	ptr = __ptr_ring_peek(ring);
	if (ptr && !tun_is_xdp_frame(ptr) && ((struct sk_buff *)ptr)->dev != dev)
		ptr = NULL;
	if (ptr) {
		/* clears a slot that tun looks at plainly: full, or not yet */
		data_race(__ptr_ring_consume(ring));
		tun_wake_queue(q->backend.sock->file, 1);
	}
	spin_unlock_bh(&ring->consumer_lock);
	return ptr;
}

/*
 * Put what was not delivered, because the guest's ring turned out bad, back at the
 * head of the TAP's; what finds no room there is off the TAP as well. If the device
 * started to go away, its purge may have come before that: then its packets are freed
 * here. It cannot come between the two unseen, since unconsuming takes the same lock.
 */
static void rtap_net_rx_give_back(struct rtap_net_queue *q, struct rtap_net_rx_batch *batch,
				  void **packets, int n)
{
	void *ptr;

	if (!n)
		return;
	batch->tap_packets += rtap_net_rx_unconsume(q, packets, n, &batch->tap_bytes);
	if (!batch->dev || READ_ONCE(batch->dev->reg_state) == NETREG_REGISTERED)
		return;
	while ((ptr = rtap_net_rx_take_stale(q, batch->dev))) {
		rtap_vq_count_drop(&q->vq, RTAP_STAT_DROP_DETACHED, rtap_net_rx_ptr_len(ptr));
		tun_ptr_free(ptr);
	}
}

/*
 * That segments are in a UDP tunnel, and where in the frame the outer UDP header and the
 * inner IP header are, behind a VLAN tag that the stack keeps beside the packet. Not by
 * the kernel's helper: it leaves that tag out, and takes the tunnel off the packet for a
 * moment, in memory that other interfaces' workers and drivers read for clones of it.
 */
static void rtap_net_rx_tunnel_header(const struct sk_buff *skb, u32 tunnel,
				      struct virtio_net_hdr_v1_hash_tunnel *hdr)
{
	struct virtio_net_hdr_v1 *inner = &hdr->hash_hdr.hdr;
	u32 vlan = rtap_net_vlan_len(skb);

	inner->gso_type |= skb->protocol == htons(ETH_P_IPV6) ?
			   VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6 : VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4;
	if (tunnel & SKB_GSO_UDP_TUNNEL_CSUM)
		inner->flags |= VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
	hdr->outer_th_offset = cpu_to_le16(skb_transport_offset(skb) + vlan);
	hdr->inner_nh_offset = cpu_to_le16(skb_inner_network_offset(skb) + vlan);
}

/* virtio 5.1.6.4: the header, num_buffers included; zeroes where it has nothing to say. */
static int rtap_net_rx_header(const struct rtap_net_queue *q, const struct sk_buff *skb,
			      u16 chains, union rtap_net_hdr *hdr)
{
	u32 tunnel = 0;

	memset(hdr, 0, sizeof(*hdr));
	if (skb_is_gso(skb))
		tunnel = READ_ONCE(skb_shinfo(skb)->gso_type) &
			 (SKB_GSO_UDP_TUNNEL | SKB_GSO_UDP_TUNNEL_CSUM);
	/* virtio 5.1.6.4.1: not for a driver that has not agreed to it, nor as plain segments */
	if (unlikely(tunnel && !q->tunnels))
		return -EPROTO;
	if (virtio_net_hdr_from_skb(skb, &hdr->plain, true, !tunnel, rtap_net_vlan_len(skb)))
		return -EPROTO;
	if (unlikely(tunnel))
		rtap_net_rx_tunnel_header(skb, tunnel, &hdr->tunnel);
	hdr->counted.num_buffers = __cpu_to_virtio16(true, chains & q->counted);
	return 0;
}

/* A copy of constant size is spared the checks that others get. */
static int rtap_net_rx_put_header(const struct rtap_net_queue *q, void __user *to,
				  const union rtap_net_hdr *hdr)
{
	unsigned long left;

	if (likely(q->hdr_len == sizeof(hdr->counted)))
		left = copy_to_user(to, hdr, sizeof(hdr->counted));
	else if (q->hdr_len == sizeof(hdr->plain))
		left = copy_to_user(to, hdr, sizeof(hdr->plain));
	else
		left = copy_to_user(to, hdr, sizeof(hdr->tunnel));
	return left ? -EFAULT : 0;
}

/*
 * The common case: a linear packet into one buffer, found once. Returns whether it is
 * the case, with the copy's result in @err.
 */
static bool rtap_net_rx_flat(struct rtap_net_queue *q, const struct rtap_seg *seg,
			     const struct sk_buff *skb, const union rtap_net_hdr *hdr, int *err)
{
	u32 total = q->hdr_len + skb->len, chunk;
	void __user *to;

	if (seg->len < total || skb_is_nonlinear(skb) || skb_vlan_tag_present(skb))
		return false;
	to = rtap_mem_translate(&q->vq.mem, RTAP_MEM_WRITE, seg->addr, total, &chunk);
	if (!to || chunk < total)
		return false;
	*err = rtap_net_rx_put_header(q, to, hdr);
	if (likely(!*err) && copy_to_user(to + q->hdr_len, skb->data, skb->len))
		*err = -EFAULT;
	return true;
}

/* Part of a packet; a linear one is copied without building an iterator. */
static int rtap_net_rx_copy(struct rtap_net_queue *q, struct rtap_cursor *cur,
			    const struct sk_buff *skb, u32 off, u32 len)
{
	struct iov_iter iter;
	int n;

	if (likely(off + len <= skb_headlen(skb)))
		return rtap_cursor_write(cur, skb->data + off, len);
	n = rtap_cursor_iov(cur, RTAP_MEM_WRITE, q->buf->iov, ARRAY_SIZE(q->buf->iov), len);
	if (unlikely(n < 0))
		return n == -E2BIG ? -EMSGSIZE : n;
	iov_iter_init(&iter, ITER_DEST, q->buf->iov, n, len);
	return skb_copy_datagram_iter(skb, off, &iter, len) ? -EFAULT : 0;
}

/* The packet, with the VLAN tag that the stack keeps beside it put back in. */
static int rtap_net_rx_payload(struct rtap_net_queue *q, struct rtap_cursor *cur,
			       const struct sk_buff *skb)
{
	__be16 tag[2];
	int err;

	if (!skb_vlan_tag_present(skb))
		return rtap_net_rx_copy(q, cur, skb, 0, skb->len);
	tag[0] = skb->vlan_proto;
	tag[1] = htons(skb_vlan_tag_get(skb));
	if (unlikely(skb->len < 2 * ETH_ALEN))
		return -EPROTO;
	err = rtap_net_rx_copy(q, cur, skb, 0, 2 * ETH_ALEN);
	if (!err)
		err = rtap_cursor_write(cur, tag, sizeof(tag));
	if (!err)
		err = rtap_net_rx_copy(q, cur, skb, 2 * ETH_ALEN, skb->len - 2 * ETH_ALEN);
	return err;
}

/*
 * Write one packet into the guest's buffers. 0: delivered; -ENOBUFS: it has to
 * wait for buffers; -EMSGSIZE, -EPROTO: it never can be; else the ring is bad.
 */
static int rtap_net_rx_skb(struct rtap_net_queue *q, const struct sk_buff *skb, u32 len)
{
	u32 total = q->hdr_len + len, segs;
	struct rtap_vq *vq = &q->vq;
	const struct rtap_seg *seg;
	struct rtap_cursor cur;
	union rtap_net_hdr hdr;
	int chains, err;

	chains = rtap_net_rx_room(q, total, &segs);
	if (chains <= 0)
		return chains ?: -ENOBUFS;
	seg = &vq->segs.v[rtap_vq_chain(vq, 0)->seg];
	err = rtap_net_rx_header(q, skb, chains, &hdr);
	if (!err && !rtap_net_rx_flat(q, seg, skb, &hdr, &err)) {
		rtap_cursor_init(&cur, &vq->mem, seg, segs);
		err = rtap_cursor_write(&cur, &hdr, q->hdr_len);
		if (!err)
			err = rtap_net_rx_payload(q, &cur, skb);
	}
	if (unlikely(err == -EFAULT))
		return rtap_ring_fail(&vq->ring, RTAP_RING_BUFFER, vq->ring.last_avail,
				      rtap_vq_chain(vq, 0)->id);
	if (likely(!err))
		rtap_net_rx_complete(q, total, chains);
	return err;
}

/* One entry of the ring, skb or XDP frame. As rtap_net_rx_skb(); 0 if it was dropped too. */
static int rtap_net_rx_one(struct rtap_net_queue *q, struct rtap_net_rx_batch *batch, void *ptr)
{
	struct sk_buff *skb = ptr;
	u32 len;
	int err;

	if (unlikely(tun_is_xdp_frame(ptr)))
		return rtap_net_rx_ptr(q, ptr);
	len = rtap_net_rx_ptr_len(ptr);
	err = rtap_net_rx_skb(q, skb, len);
	if (unlikely(err == -EMSGSIZE))
		rtap_net_rx_drop(q, RTAP_STAT_DROP_NO_ROOM, len);
	else if (unlikely(err == -EPROTO))
		rtap_net_rx_drop(q, RTAP_STAT_DROP_OFFLOAD, len);
	else if (unlikely(err))
		return err;
	batch->tap_packets++;
	batch->tap_bytes += len;
	if (likely(!err)) {
		batch->packets++;
		batch->bytes += len;
	}
	return 0;
}

/* Free skbs as consumed, in bulk: they were delivered, dropwatch must not see drops. */
static void rtap_net_rx_free(struct rtap_net_rx_batch *batch, void **packets, int n)
{
	int i;

	local_bh_disable();
	if (batch->tap_packets)
		dev_sw_netstats_tx_add(batch->dev, batch->tap_packets, batch->tap_bytes);
	for (i = 0; i < n; i++)
		if (!tun_is_xdp_frame(packets[i]))
			napi_consume_skb(packets[i], n);
	local_bh_enable();
}

/**
 * rtap_net_rx_ring() - deliver a batch from a tun's ring
 * @q: the receive queue; its lock is held
 *
 * Nothing is taken from the ring that the chains at hand have no room for.
 *
 * Return: packets dealt with; 0 if none waits; -ENOBUFS if the first one waits for
 * buffers; another errno if the ring is bad.
 */
int rtap_net_rx_ring(struct rtap_net_queue *q)
{
	struct rtap_net_rx_batch batch = {};
	void **packets = q->buf->packets;
	int err = 0, i, n;

	n = rtap_net_rx_take(q, &batch);
	if (n <= 0)
		return n;
	for (i = 0; i < n; i++) {
		err = rtap_net_rx_one(q, &batch, packets[i]);
		if (err)
			break;
	}
	rtap_net_rx_give_back(q, &batch, packets + i, n - i);
	rtap_net_rx_free(&batch, packets, i);
	netdev_put(batch.dev, &batch.tracker);
	if (likely(batch.packets))
		rtap_vq_count_batch(&q->vq, batch.packets, batch.bytes);
	return err ?: n;
}
