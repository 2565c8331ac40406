// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vhost-net device: its life, backends, and ioctls
 */
#include "net.h"

#include <linux/err.h>
#include <linux/moduleparam.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/virtio_config.h>
#include <net/sock.h>

static unsigned int workers = 1;
module_param(workers, uint, 0644);
MODULE_PARM_DESC(workers, "threads per device: 1 (default) or 2, one per queue");

static void rtap_net_sock_woken(struct rtap_poll *poll)
{
	struct rtap_net_queue *q = container_of(poll, struct rtap_net_queue, sock_poll);

	/* pairs with the store of sock_armed before the last look at the socket */
	if (READ_ONCE(q->sock_armed))
		rtap_vq_wake(&q->vq);
}

static void rtap_net_init_queue(struct rtap_net *net, u32 index, __poll_t mask,
				void (*serve)(struct rtap_vq *vq))
{
	struct rtap_net_queue *q = &net->queues[index];

	rtap_vq_init(&q->vq, net->dev.id, index, serve);
	rtap_poll_init(&q->sock_poll, mask, rtap_net_sock_woken);
	q->vq.events = &net->dev.events;
	q->vq.iotlb = &net->dev.iotlb;
	net->dev.vqs[index] = &q->vq;
}

/**
 * rtap_net_create() - make a device without an owner
 *
 * Return: the device, or an ERR_PTR.
 */
struct rtap_net *rtap_net_create(void)
{
	struct rtap_net *net = kvzalloc(sizeof(*net), GFP_KERNEL_ACCOUNT);
	int err;

	if (!net)
		return ERR_PTR(-ENOMEM);
	err = rtap_dev_init(&net->dev);
	if (err) {
		kvfree(net);
		return ERR_PTR(err);
	}
	rtap_net_init_queue(net, RTAP_NET_RX, EPOLLIN, rtap_net_rx_serve);
	rtap_net_init_queue(net, RTAP_NET_TX, EPOLLOUT, rtap_net_tx_serve);
	return net;
}

static void rtap_net_tell(struct rtap_net_queue *q, enum rtap_event_kind kind,
			  const struct rtap_backend *backend)
{
	struct rtap_event event = {
		.kind = kind,
		.source = q->vq.events,
		.queue = q->vq.index,
		.iface = backend->iface,
	};

	if (backend->sock)
		rtap_event_send(&event);
}

/* Never fails; waits for no more than the run over the queue that the worker is at. */
static void rtap_net_detach(struct rtap_net *net, struct rtap_net_queue *q)
{
	struct rtap_backend old;

	rtap_poll_stop(&q->sock_poll);
	rtap_dev_lock_vq(&net->dev, &q->vq);
	rtap_vq_detach(&q->vq);
	old = q->backend;
	q->backend = (struct rtap_backend){};
	rtap_iface_publish(&q->iface, NULL);
	rtap_frag_drain(&q->frag);
	mutex_unlock(&q->vq.lock);
	rtap_net_tell(q, RTAP_EVENT_DETACH, &old);
	rtap_backend_put(&old);
}

/* Detach everything and forget the owner. */
static void rtap_net_reset(struct rtap_net *net)
{
	int i;

	for (i = 0; i < RTAP_DEV_VQS; i++)
		rtap_net_detach(net, &net->queues[i]);
	rtap_dev_disown(&net->dev);
	for (i = 0; i < RTAP_DEV_VQS; i++) {
		mutex_lock(&net->queues[i].vq.lock);
		memset(net->queues[i].vq.features, 0, sizeof(net->queues[i].vq.features));
		mutex_unlock(&net->queues[i].vq.lock);
		kvfree(net->queues[i].buf);
		net->queues[i].buf = NULL;
	}
}

/**
 * rtap_net_destroy() - end of a device
 * @net: the device, which nobody else can reach any more
 *
 * Context: process context of anyone; sleeps until the workers have ended.
 */
void rtap_net_destroy(struct rtap_net *net)
{
	net->dev.closing = true;
	/* a worker may wait for a page from the very process that is ending here */
	if (current->flags & PF_EXITING)
		rtap_dev_interrupt_workers(&net->dev);
	rtap_net_reset(net);
	rtap_dev_exit(&net->dev);
	kvfree(net);
}

static long rtap_net_set_owner(struct rtap_net *net)
{
	int err, i;

	if (net->dev.mm)
		return -EBUSY;
	for (i = 0; i < RTAP_DEV_VQS; i++) {
		net->queues[i].buf = kvzalloc(sizeof(*net->queues[i].buf), GFP_KERNEL_ACCOUNT);
		if (!net->queues[i].buf) {
			err = -ENOMEM;
			goto err_free;
		}
	}
	err = rtap_dev_set_owner(&net->dev, READ_ONCE(workers));
	if (err)
		goto err_free;
	return 0;

err_free:
	for (i = 0; i < RTAP_DEV_VQS; i++) {
		kvfree(net->queues[i].buf);
		net->queues[i].buf = NULL;
	}
	return err;
}

static long rtap_net_reset_owner(struct rtap_net *net)
{
	struct rtap_mem *empty;
	int err;

	err = rtap_dev_check_owner(&net->dev);
	if (err)
		return err;
	/* clients may attach before they set a table: with stock an empty one stands in */
	empty = rtap_mem_create(NULL, 0);
	if (IS_ERR(empty))
		return PTR_ERR(empty);
	rtap_net_reset(net);
	rtap_dev_use_mem(&net->dev, empty);
	return 0;
}

/*
 * virtio 5.1.6: num_buffers is part of the header with MRG_RXBUF, and since version 1. The
 * header is the long one if segments in UDP tunnels may come either way.
 */
static void rtap_net_latch(struct rtap_net_queue *q)
{
	const struct rtap_vq *vq = &q->vq;

	q->mergeable = rtap_vq_has(vq, VIRTIO_NET_F_MRG_RXBUF);
	q->own_hdr = rtap_vq_has(vq, VHOST_NET_F_VIRTIO_NET_HDR);
	q->tunnels = rtap_vq_has(vq, VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO);
	q->counted = q->mergeable || rtap_vq_has(vq, VIRTIO_F_VERSION_1) ? U16_MAX : 0;
	q->hdr_len = q->counted ? sizeof(struct virtio_net_hdr_mrg_rxbuf) :
				  sizeof(struct virtio_net_hdr);
	q->tap_hdr = sizeof(struct virtio_net_hdr);
	if (q->tunnels || rtap_vq_has(vq, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO)) {
		q->hdr_len = sizeof(struct virtio_net_hdr_v1_hash_tunnel);
		q->tap_hdr = q->hdr_len;
	}
	if (q->own_hdr)
		q->tap_hdr = 0;
}

/* Takes over *backend on success and leaves the old one there. */
static int rtap_net_attach(struct rtap_net *net, struct rtap_net_queue *q,
			   struct rtap_backend *backend)
{
	int err;

	rtap_dev_lock_vq(&net->dev, &q->vq);
	rtap_vq_detach(&q->vq);
	swap(q->backend, *backend);
	rtap_iface_publish(&q->iface, q->backend.iface);
	rtap_net_latch(q);
	WRITE_ONCE(q->sock_armed, false);
	q->want = RTAP_NET_BATCH;
	err = rtap_vq_attach(&q->vq);
	if (!err)
		err = rtap_poll_start(&q->sock_poll, q->backend.sock->file);
	if (err) {
		rtap_vq_detach(&q->vq);
		swap(q->backend, *backend);
		rtap_iface_publish(&q->iface, q->backend.iface);
	}
	mutex_unlock(&q->vq.lock);
	return err;
}

static long rtap_net_exchange(struct rtap_net *net, struct rtap_net_queue *q,
			      struct rtap_backend *backend)
{
	struct rtap_backend none = {};
	long err;

	/* attaching what is attached already changes nothing */
	if (backend->sock == q->backend.sock)
		return 0;
	rtap_poll_stop(&q->sock_poll);
	err = rtap_net_attach(net, q, backend);
	if (!err) {
		rtap_net_tell(q, RTAP_EVENT_DETACH, backend);
		rtap_net_tell(q, RTAP_EVENT_ATTACH, &q->backend);
		rtap_vq_wake(&q->vq);
		return 0;
	}
	if (q->backend.sock) {
		/* the old backend stays; features that were set since it was attached hold now */
		swap(none, q->backend);
		rtap_iface_publish(&q->iface, NULL);
		if (rtap_net_attach(net, q, &none)) {
			rtap_net_tell(q, RTAP_EVENT_DETACH, &none);
			rtap_backend_put(&none);
		} else {
			rtap_vq_wake(&q->vq);
		}
	}
	return err;
}

static bool rtap_net_reachable(struct rtap_net *net, struct rtap_vq *vq)
{
	bool ok;

	rtap_dev_lock_vq(&net->dev, vq);
	ok = rtap_dev_mem_ok(net->dev.mem) && rtap_vq_access_ok(vq, &vq->addr) &&
	     rtap_dev_log_ok(&net->dev, vq, vq->log.base, rtap_vq_has(vq, VHOST_F_LOG_ALL));
	mutex_unlock(&vq->lock);
	return ok;
}

static long rtap_net_set_backend(struct rtap_net *net, void __user *argp)
{
	struct vhost_vring_file arg;
	struct rtap_backend backend;
	struct rtap_net_queue *q;
	long err;

	if (copy_from_user(&arg, argp, sizeof(arg)))
		return -EFAULT;
	err = rtap_dev_check_owner(&net->dev);
	if (err)
		return err;
	if (arg.index >= RTAP_DEV_VQS)
		return -ENOBUFS;
	q = &net->queues[array_index_nospec(arg.index, RTAP_DEV_VQS)];
	if (arg.fd == -1) {
		rtap_net_detach(net, q);
		return 0;
	}
	if (!rtap_net_reachable(net, &q->vq))
		return -EFAULT;
	err = rtap_backend_get(&backend, arg.fd);
	if (err)
		return err;
	err = rtap_backend_follow(&backend, q->vq.events, q->vq.index);
	if (!err)
		err = rtap_net_exchange(net, q, &backend);
	rtap_backend_put(&backend);
	return err;
}

static long rtap_net_locked_ioctl(struct rtap_net *net, unsigned int cmd, void __user *argp)
{
	lockdep_assert_held(&net->dev.lock);
	switch (cmd) {
	case VHOST_NET_SET_BACKEND:
		return rtap_net_set_backend(net, argp);
	case VHOST_GET_FEATURES:
	case VHOST_SET_FEATURES:
	case VHOST_GET_BACKEND_FEATURES:
	case VHOST_SET_BACKEND_FEATURES:
	case VHOST_GET_FEATURES_ARRAY:
	case VHOST_SET_FEATURES_ARRAY:
		return rtap_net_features_ioctl(net, cmd, argp);
	case VHOST_GET_FORK_FROM_OWNER:
	case VHOST_SET_FORK_FROM_OWNER:
		return rtap_dev_fork_ioctl(&net->dev, cmd, argp);
	case VHOST_SET_OWNER:
		return rtap_net_set_owner(net);
	case VHOST_RESET_OWNER:
		return rtap_net_reset_owner(net);
	default:
		return rtap_dev_ioctl(&net->dev, cmd, argp);
	}
}

/**
 * rtap_net_ioctl() - any ioctl of the node
 * @net: the device
 * @cmd: ioctl number
 * @argp: user address of its argument
 *
 * Return: what the ioctl returns; -ENOIOCTLCMD for an unknown one.
 */
long rtap_net_ioctl(struct rtap_net *net, unsigned int cmd, void __user *argp)
{
	long ret;

	/* another caller may wait for a page in here */
	if (mutex_lock_killable(&net->dev.lock))
		return -EINTR;
	ret = rtap_net_locked_ioctl(net, cmd, argp);
	rtap_dev_report_publish(&net->dev);
	mutex_unlock(&net->dev.lock);
	return ret;
}
