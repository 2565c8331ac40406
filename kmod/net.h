/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A network device: two queues between rings and a TAP
 */
#ifndef RTAP_NET_H
#define RTAP_NET_H

#include <linux/if_vlan.h>
#include <linux/uio.h>
#include <linux/virtio_net.h>
#include <linux/workqueue.h>
#include <net/xdp.h>

#include "dev.h"
#include "net_backend.h"
#include "net_copy.h"
#include "net_frag.h"
#include "net_iface.h"

/** RTAP_NET_RX - index of the queue that the guest receives on */
#define RTAP_NET_RX 0
/** RTAP_NET_TX - index of the queue that the guest transmits on */
#define RTAP_NET_TX 1
/** RTAP_NET_BATCH - frames handed over together */
#define RTAP_NET_BATCH 64
/** RTAP_NET_FRAME_MAX - longest frame: the longest IP packet, Ethernet header, two VLAN tags */
#define RTAP_NET_FRAME_MAX (65535 + ETH_HLEN + 2 * VLAN_HLEN)
/** RTAP_NET_ROUND_BYTES - bytes after which a run looks whether others want the CPU */
#define RTAP_NET_ROUND_BYTES 65536
/** RTAP_NET_BUDGET - frames after which a queue lets its worker look at others */
#define RTAP_NET_BUDGET 256
/** RTAP_NET_BUDGET_BYTES - bytes after which it does */
#define RTAP_NET_BUDGET_BYTES (4u << 20)

/**
 * union rtap_net_hdr - a virtio header, whichever was negotiated (virtio 5.1.6)
 */
union rtap_net_hdr {
	/**
	 * @tunnel: with num_buffers, and where a UDP tunnel's headers are. First, as the
	 * longest: an initializer need not reach beyond the first
	 */
	struct virtio_net_hdr_v1_hash_tunnel tunnel;
	/** @counted: with num_buffers */
	struct virtio_net_hdr_mrg_rxbuf counted;
	/** @plain: what all have in common */
	struct virtio_net_hdr plain;
};

static_assert(sizeof(union rtap_net_hdr) == sizeof(struct virtio_net_hdr_v1_hash_tunnel));
static_assert(offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers) ==
	      offsetof(struct virtio_net_hdr_v1_hash_tunnel, hash_hdr.hdr.num_buffers));
/* recvmsg(): the header is translated three times, each byte of it elsewhere */
static_assert(3 * sizeof(union rtap_net_hdr) + RTAP_LOG_RESERVE / 2 <= RTAP_LOG_RESERVE);

/**
 * struct rtap_net_buffers - room for one batch; exists while the device has an owner
 */
struct rtap_net_buffers {
	/** @frames: transmit: frames built for the TAP */
	struct xdp_buff frames[RTAP_NET_BATCH];
	/** @packets: receive: what was taken from the TAP's ring */
	void *packets[RTAP_NET_BATCH];
	/** @iov: a frame's buffers, for sendmsg() and recvmsg() */
	struct iovec iov[RTAP_CHAIN_SEGS_MAX];
};

/**
 * struct rtap_net_queue - a queue and its end of the TAP
 *
 * Guarded by @vq's lock, but where it says otherwise. @backend is written under the
 * device's lock too, and may be read under either.
 */
struct rtap_net_queue {
	/** @vq: the virtqueue */
	struct rtap_vq vq;
	/** @backend: where frames go to or come from */
	struct rtap_backend backend;
	/** @iface: that of @backend, for readers under RCU; there while the ring is touched */
	struct rtap_iface __rcu *iface;
	/** @sock_poll: our interest in the backend's socket */
	struct rtap_poll sock_poll;
	/** @sock_armed: socket wake-ups are wanted; read without the lock */
	bool sock_armed;
	/** @hdr_len: bytes of virtio header in front of each frame in guest memory; latched */
	u8 hdr_len;
	/** @tap_hdr: bytes of it that a TAP is told in a batch; 0 with @own_hdr; latched */
	u8 tap_hdr;
	/** @own_hdr: the socket carries no virtio header, it is ours to add and strip; latched */
	bool own_hdr;
	/** @mergeable: a received frame may span several chains; latched */
	bool mergeable;
	/** @tunnels: the driver takes segments in UDP tunnels; latched */
	bool tunnels;
	/** @counted: what of num_buffers is written: all bits, or none; latched */
	u16 counted;
	/** @want: receive: chains to have at hand, more while packets span many */
	u32 want;
	/** @frag: memory for transmitted frames */
	struct rtap_frag frag;
	/** @buf: room for a batch; NULL without an owner */
	struct rtap_net_buffers *buf;
};

/**
 * struct rtap_net - a network device
 */
struct rtap_net {
	/** @dev: the vhost device */
	struct rtap_dev dev;
	/** @queues: RTAP_NET_RX and RTAP_NET_TX */
	struct rtap_net_queue queues[RTAP_DEV_VQS];
	/** @closing: its end, where the kernel closes the last file of it */
	struct work_struct closing;
};

static inline u32 rtap_net_vlan_len(const struct sk_buff *skb)
{
	return skb_vlan_tag_present(skb) ? VLAN_HLEN : 0;
}

static inline struct rtap_net_queue *rtap_net_queue_of(struct rtap_vq *vq)
{
	return container_of(vq, struct rtap_net_queue, vq);
}

/* net.c: life of a device, and its ioctls */
struct rtap_net *rtap_net_create(void);
void rtap_net_destroy(struct rtap_net *net);
long rtap_net_ioctl(struct rtap_net *net, unsigned int cmd, void __user *argp);

/* net_features.c: what is offered and acknowledged */
long rtap_net_features_ioctl(struct rtap_net *net, unsigned int cmd, void __user *argp);

/* net_tx.c, net_rx.c: service, on the worker */
void rtap_net_tx_serve(struct rtap_vq *vq);
void rtap_net_rx_serve(struct rtap_vq *vq);

/* net_tx_frame.c: from a chain to a frame in the TAP's batch */
int rtap_net_tx_build(struct rtap_net_queue *q, const struct rtap_chain *chain, u32 len,
		      struct xdp_buff *xdp);
bool rtap_net_tx_batchable(const struct rtap_net_queue *q, u32 len, bool gso);

/* net_rx.c: where a frame goes */
int rtap_net_rx_room(struct rtap_net_queue *q, u32 total, u32 *segs);
void rtap_net_rx_drop(struct rtap_net_queue *q, enum rtap_stat reason, u32 len);
void rtap_net_rx_complete(struct rtap_net_queue *q, u32 total, u32 chains);
u32 rtap_net_rx_unconsume(struct rtap_net_queue *q, void **packets, int n, u64 *bytes);

/* net_rx_skb.c, net_rx_msg.c: deliver packets */
int rtap_net_rx_ring(struct rtap_net_queue *q);
int rtap_net_rx_msg(struct rtap_net_queue *q, u32 max);
int rtap_net_rx_ptr(struct rtap_net_queue *q, void *ptr);
u32 rtap_net_rx_ptr_len(void *ptr);

#endif /* RTAP_NET_H */
