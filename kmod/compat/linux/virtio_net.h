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
/* The bits are not offered: nobody is told of a tunnel. */
#define RTAP_UDP_TUNNELS false
#endif

#ifndef VIRTIO_NET_HDR_GSO_UDP_TUNNEL
#define VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO 65
#define VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO  67
#define VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM 8
#define VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 0x20
#define VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6 0x40

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

#endif /* RTAP_COMPAT_VIRTIO_NET_H */
