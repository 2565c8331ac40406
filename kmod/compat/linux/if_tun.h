/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a batched frame carries its virtio header, and queue wake-up
 */
#ifndef RTAP_COMPAT_IF_TUN_H
#define RTAP_COMPAT_IF_TUN_H

#include_next <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/xdp.h>

/*
 * The TAP finds the virtio header at the hard start of the buffer; older ones
 * want the buffer's size in front of it, newer ones take it from frame_sz.
 */
static inline void *rtap_compat_tun_hdr(struct xdp_buff *xdp)
{
#ifdef RTAP_HAVE_TUN_XDP_HDR
	struct tun_xdp_hdr *hdr = xdp->data_hard_start;

	hdr->buflen = xdp->frame_sz;
	/* not &hdr->gso: there is room for longer headers than that */
	return xdp->data_hard_start + offsetof(struct tun_xdp_hdr, gso);
#else
	return xdp->data_hard_start;
#endif
}

#ifndef RTAP_HAVE_TUN_WAKE_QUEUE
/* No back-pressure in this TAP: a full ring drops, nothing waits to be woken. */
static inline void tun_wake_queue(struct file *file, int consumed)
{
}
#endif

#endif /* RTAP_COMPAT_IF_TUN_H */
