// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies one frame out of guest memory, laid out as the TAP's batch wants it
 */
#include <linux/if_tun.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "net.h"

static u32 rtap_net_tx_pad(const struct rtap_net_queue *q, bool xdp_prog)
{
	u32 room = NET_SKB_PAD + NET_IP_ALIGN + q->hdr_len;

	/* a program on the TAP may push headers in front of the frame */
	if (xdp_prog)
		room += XDP_PACKET_HEADROOM;
	return SKB_DATA_ALIGN(room);
}

static u32 rtap_net_tx_buflen(u32 pad, u32 len)
{
	return SKB_DATA_ALIGN(pad + len) + SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
}

/**
 * rtap_net_tx_batchable() - whether a frame can travel in a batch
 * @q: the transmit queue; its lock is held
 * @len: bytes in the frame, without the virtio header
 * @gso: the frame is to be segmented
 *
 * A program on the TAP sees a frame in one page only; segmented frames reach
 * it as an skb, whatever their size.
 *
 * Return: true if so; else it goes alone.
 */
bool rtap_net_tx_batchable(const struct rtap_net_queue *q, u32 len, bool gso)
{
	bool xdp_prog = sock_flag(q->backend.sock->sk, SOCK_XDP);
	u32 buflen = rtap_net_tx_buflen(rtap_net_tx_pad(q, xdp_prog), len);

	if (buflen <= PAGE_SIZE)
		return true;
	if (!gso && xdp_prog)
		return false;
	return buflen <= RTAP_FRAG_SIZE;
}

/* virtio 5.1.6.2: hdr_len is a hint. The TAP insists that it covers the checksum. */
static int rtap_net_tx_fix_header(struct virtio_net_hdr *hdr, u32 len)
{
	u32 need;

	if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return 0;
	need = __virtio16_to_cpu(true, hdr->csum_start) +
	       __virtio16_to_cpu(true, hdr->csum_offset) + sizeof(__sum16);
	if (need > len)
		return -EINVAL;
	if (need > __virtio16_to_cpu(true, hdr->hdr_len))
		hdr->hdr_len = __cpu_to_virtio16(true, need);
	return 0;
}

/*
 * What of the guest's header the TAP is told, and zeroes behind it: a TAP reads as much
 * as it was told that headers have, not as we were.
 */
static void rtap_net_tx_move_header(const struct rtap_net_queue *q, const void *from,
				    union rtap_net_hdr *to)
{
	memset(to, 0, sizeof(*to));
	if (likely(q->tap_hdr == sizeof(to->plain)))
		memcpy(to, from, sizeof(to->plain));
	else if (q->tap_hdr)
		memcpy(to, from, sizeof(*to));
}

/**
 * rtap_net_tx_build() - copy a frame into a buffer for the TAP
 * @q: the transmit queue; its lock is held
 * @chain: the frame, virtio header first
 * @len: bytes in the frame, at least 14, without the virtio header
 * @xdp: describes the buffer on success; the TAP then owns the buffer, or
 *       whoever cannot hand it over frees it with rtap_frag_free()
 *
 * Header and frame are read in one go to where the frame belongs, and the header
 * is then moved to the start of the buffer: one copy out of guest memory.
 *
 * Return: 0, -EFAULT if the chain's buffers are not there, -EINVAL for a header
 * that contradicts the frame, or -ENOMEM.
 */
int rtap_net_tx_build(struct rtap_net_queue *q, const struct rtap_chain *chain, u32 len,
		      struct xdp_buff *xdp)
{
	bool xdp_prog = sock_flag(q->backend.sock->sk, SOCK_XDP);
	u32 pad = rtap_net_tx_pad(q, xdp_prog), buflen = rtap_net_tx_buflen(pad, len);
	union rtap_net_hdr *hdr;
	struct rtap_cursor cur;
	void *buf;
	int err;

	buf = rtap_frag_alloc(&q->frag, buflen);
	if (unlikely(!buf))
		return -ENOMEM;
	rtap_cursor_init(&cur, &q->vq.mem, &q->vq.segs.v[chain->seg], chain->nr_out);
	err = rtap_cursor_read(&cur, buf + pad - q->hdr_len, q->hdr_len + len);
	if (unlikely(err))
		goto err_free;
	xdp_init_buff(xdp, buflen, NULL);
	/* no metadata: the TAP would take the bytes before the frame for some */
	xdp_prepare_buff(xdp, buf, pad, len, false);
	hdr = rtap_compat_tun_hdr(xdp);
	rtap_net_tx_move_header(q, buf + pad - q->hdr_len, hdr);
	/* header and program may have changed since it was asked whether the frame can be here */
	if (unlikely(xdp_prog && buflen > PAGE_SIZE &&
		     hdr->plain.gso_type == VIRTIO_NET_HDR_GSO_NONE))
		err = -EINVAL;
	else
		err = rtap_net_tx_fix_header(&hdr->plain, len);
	if (likely(!err))
		return 0;

err_free:
	rtap_frag_free(buf);
	return err;
}
