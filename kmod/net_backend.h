/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a queue is attached to: tun, tap (macvtap, ipvtap) or a packet socket
 */
#ifndef RTAP_NET_BACKEND_H
#define RTAP_NET_BACKEND_H

#include <linux/types.h>

struct ptr_ring;
struct rtap_event_source;
struct rtap_iface;
struct socket;

/**
 * enum rtap_backend_kind - which ways of sending and receiving there are
 * @RTAP_BACKEND_NONE: nothing attached
 * @RTAP_BACKEND_TUN: batches both ways; the queue reads the TAP's ring itself
 * @RTAP_BACKEND_TAP: one by one both ways; packets wait in a ring
 * @RTAP_BACKEND_PACKET: one by one both ways
 */
enum rtap_backend_kind {
	RTAP_BACKEND_NONE,
	RTAP_BACKEND_TUN,
	RTAP_BACKEND_TAP,
	RTAP_BACKEND_PACKET,
};

/**
 * struct rtap_backend - an attached socket; holds a reference to its file
 */
struct rtap_backend {
	/** @kind: what it is */
	enum rtap_backend_kind kind;
	/** @sock: the socket, NULL if nothing is attached */
	struct socket *sock;
	/** @ring: packets on their way to us; NULL for a packet socket */
	struct ptr_ring *ring;
	/** @iface: the interface behind it, owned; NULL if nothing is attached */
	struct rtap_iface *iface;
};

int rtap_backend_get(struct rtap_backend *backend, int fd);
int rtap_backend_follow(struct rtap_backend *backend, struct rtap_event_source *source, u32 queue);
void rtap_backend_put(struct rtap_backend *backend);
bool rtap_backend_ready(const struct rtap_backend *backend);
bool rtap_backend_batches(const struct rtap_backend *backend);

#endif /* RTAP_NET_BACKEND_H */
