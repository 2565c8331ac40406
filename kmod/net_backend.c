// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds out what a backend file descriptor is
 */
#include "net_backend.h"

#include <linux/err.h>
#include <linux/file.h>
#include <linux/if_tap.h>
#include <linux/if_tun.h>
#include <linux/net.h>
#include <linux/ptr_ring.h>
#include <net/sock.h>

#include "net_iface.h"

static bool rtap_backend_is_tun(struct rtap_backend *backend, struct file *file)
{
	struct socket *sock = tun_get_socket(file);

	if (IS_ERR(sock))
		return false;
	backend->kind = RTAP_BACKEND_TUN;
	backend->sock = sock;
	backend->ring = tun_get_tx_ring(file);
	return true;
}

static bool rtap_backend_is_tap(struct rtap_backend *backend, struct file *file)
{
	struct socket *sock = tap_get_socket(file);

	if (IS_ERR(sock))
		return false;
	backend->kind = RTAP_BACKEND_TAP;
	backend->sock = sock;
	backend->ring = tap_get_ptr_ring(file);
	return true;
}

static bool rtap_backend_is_packet(struct rtap_backend *backend, struct file *file)
{
	struct socket *sock = sock_from_file(file);

	if (!sock || sock->sk->sk_type != SOCK_RAW || sock->sk->sk_family != AF_PACKET)
		return false;
	backend->kind = RTAP_BACKEND_PACKET;
	backend->sock = sock;
	backend->ring = NULL;
	return true;
}

/**
 * rtap_backend_get() - look up a backend
 * @backend: filled in; released with rtap_backend_put()
 * @fd: file descriptor of the caller, or -1 for none
 *
 * The descriptor is looked up once: what it names may change while we look.
 *
 * Return: 0, or -ENOTSOCK for anything that is not a backend.
 */
int rtap_backend_get(struct rtap_backend *backend, int fd)
{
	struct file *file;

	*backend = (struct rtap_backend){};
	if (fd == -1)
		return 0;
	file = fget(fd);
	if (!file)
		return -ENOTSOCK;
	if ((rtap_backend_is_tun(backend, file) || rtap_backend_is_tap(backend, file)) &&
	    !IS_ERR(backend->ring))
		return 0;
	if (rtap_backend_is_packet(backend, file))
		return 0;
	*backend = (struct rtap_backend){};
	fput(file);
	return -ENOTSOCK;
}

/**
 * rtap_backend_follow() - find out which interface a backend is
 * @backend: from rtap_backend_get()
 * @source: the device that is to have it
 * @queue: index of the queue that is
 *
 * Context: an ioctl; takes the RTNL.
 * Return: 0 or a negative errno; to be released with rtap_backend_put() either way.
 */
int rtap_backend_follow(struct rtap_backend *backend, struct rtap_event_source *source, u32 queue)
{
	struct rtap_iface *iface = rtap_iface_create(backend, source, queue);

	if (IS_ERR(iface))
		return PTR_ERR(iface);
	backend->iface = iface;
	return 0;
}

/**
 * rtap_backend_put() - release a backend
 * @backend: from rtap_backend_get()
 */
void rtap_backend_put(struct rtap_backend *backend)
{
	rtap_iface_destroy(backend->iface);
	if (backend->sock)
		fput(backend->sock->file);
	*backend = (struct rtap_backend){};
}

/**
 * rtap_backend_ready() - whether a packet waits to be received
 * @backend: the backend
 *
 * Context: process context; takes the ring's consumer lock, since txqueuelen may
 * change under us.
 * Return: true if so.
 */
bool rtap_backend_ready(const struct rtap_backend *backend)
{
	if (backend->ring)
		/* a plain look at a slot that tun is filling: if too early, its wake-up follows */
		return !data_race(ptr_ring_empty(backend->ring));
	return !skb_queue_empty_lockless(&backend->sock->sk->sk_receive_queue);
}

/**
 * rtap_backend_batches() - whether frames can be handed over many at a time
 * @backend: the backend
 *
 * A finite send buffer is accounted per frame, which only sendmsg() does.
 *
 * Return: true if so, at this moment: the buffer's size can change.
 */
bool rtap_backend_batches(const struct rtap_backend *backend)
{
	return backend->kind == RTAP_BACKEND_TUN &&
	       READ_ONCE(backend->sock->sk->sk_sndbuf) == INT_MAX;
}
