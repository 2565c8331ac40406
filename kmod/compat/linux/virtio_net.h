/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtio header of segments in UDP tunnels, and whether the kernel's TAP knows it
 */
#ifndef RTAP_COMPAT_VIRTIO_NET_H
#define RTAP_COMPAT_VIRTIO_NET_H

#include_next <linux/virtio_net.h>

#ifdef RTAP_HAVE_UDP_TUNNEL_GSO
#define RTAP_UDP_TUNNELS true
#else
#define RTAP_UDP_TUNNELS false

#ifndef VIRTIO_NET_HDR_GSO_UDP_TUNNEL
#define VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO 65
#define VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO  67

/**
 * struct virtio_net_hdr_v1_hash_tunnel - the header where segments may be in a UDP tunnel
 */
struct virtio_net_hdr_v1_hash_tunnel {
	/** @hash_hdr: the header without tunnels */
	struct virtio_net_hdr_v1_hash hash_hdr;
	/** @outer_th_offset: where in the frame the outer UDP header is */
	__le16 outer_th_offset;
	/** @inner_nh_offset: where the inner IP header is */
	__le16 inner_nh_offset;
};
#endif

/* The bits are not offered, so that no header has room for what a tunnel's would say. */
static inline int rtap_compat_hdr_tnl_from_skb(const struct sk_buff *skb,
					       struct virtio_net_hdr_v1_hash_tunnel *hdr,
					       bool tunnels, bool little_endian, int vlan_len,
					       bool has_data_valid, bool exact_hdr_len)
{
	return -EINVAL;
}

#define virtio_net_hdr_tnl_from_skb rtap_compat_hdr_tnl_from_skb
#endif

#endif /* RTAP_COMPAT_VIRTIO_NET_H */
