// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds out which interface a backend is, and follows it until it is deleted
 */
#include "net_iface.h"

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/if_packet.h>
#include <linux/net.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <net/rtnetlink.h>
#include <net/sock.h>

#include "event.h"

/* What a TAP's file says of itself, in front of the interface's name. */
#define RTAP_IFACE_FDINFO "iff:\t"

/*
 * Guards the list, and with it the lives of those that are on it. Taken under a device's
 * lock, and by the notifier under the RTNL; neither of these is taken under it.
 */
static DEFINE_MUTEX(rtap_iface_mutex);
static LIST_HEAD(rtap_iface_list);
/* Guards what readers read. Nothing is taken under it. */
static DEFINE_SPINLOCK(rtap_iface_lock);
static atomic_t rtap_iface_changes = ATOMIC_INIT(0);

/* As of this moment; the RTNL is held, or the interface was found under RCU. */
static void rtap_iface_note(struct rtap_iface *iface, struct net_device *dev)
{
	iface->net = dev_net(dev);
	iface->ifindex = dev->ifindex;
	strscpy(iface->name, dev->name, sizeof(iface->name));
}

/* Ends a reference to an interface that does not come back. */
static void rtap_iface_drop(struct rtap_iface *iface)
{
	struct net_device *dev = iface->dev;

	lockdep_assert_held(&rtap_iface_mutex);
	if (!dev)
		return;
	spin_lock(&rtap_iface_lock);
	iface->dev = NULL;
	iface->net = NULL;
	spin_unlock(&rtap_iface_lock);
	netdev_put(dev, &iface->tracker);
}

static void rtap_iface_gone(struct rtap_iface *iface)
{
	struct rtap_event event = {
		.kind = RTAP_EVENT_TAP_GONE,
		.source = iface->source,
		.queue = iface->queue,
		.iface = iface,
	};

	rtap_event_send(&event);
	rtap_iface_drop(iface);
}

static int rtap_iface_notify(struct notifier_block *block, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	/* one that moves to another namespace is unregistered as well, and stays REGISTERED */
	bool gone = event == NETDEV_UNREGISTER && dev->reg_state != NETREG_REGISTERED;
	struct rtap_iface *iface;

	if (!gone && event != NETDEV_REGISTER && event != NETDEV_CHANGENAME)
		return NOTIFY_DONE;
	mutex_lock(&rtap_iface_mutex);
	list_for_each_entry(iface, &rtap_iface_list, list) {
		if (iface->dev != dev)
			continue;
		if (gone) {
			rtap_iface_gone(iface);
		} else {
			spin_lock(&rtap_iface_lock);
			rtap_iface_note(iface, dev);
			spin_unlock(&rtap_iface_lock);
		}
		atomic_inc(&rtap_iface_changes);
	}
	mutex_unlock(&rtap_iface_mutex);
	return NOTIFY_DONE;
}

static struct notifier_block rtap_iface_notifier = {
	.notifier_call = rtap_iface_notify,
};

/* Under RCU. The file says the name alone: it is one of the namespace it was opened in. */
static struct net_device *rtap_iface_find_tun(const struct rtap_backend *backend, char *fdinfo)
{
	struct net_device *dev;
	char *name;

	if (strncmp(fdinfo, RTAP_IFACE_FDINFO, strlen(RTAP_IFACE_FDINFO)))
		return NULL;
	name = fdinfo + strlen(RTAP_IFACE_FDINFO);
	name[strcspn(name, "\n")] = 0;
	dev = dev_get_by_name_rcu(sock_net(backend->sock->sk), name);
	if (!dev || !dev->rtnl_link_ops || strcmp(dev->rtnl_link_ops->kind, "tun"))
		return NULL;
	return dev;
}

/* Takes the RTNL. */
static void rtap_iface_fdinfo(const struct rtap_backend *backend, char *buf, size_t size)
{
	struct file *file = backend->sock->file;
	struct seq_file seq = { .buf = buf, .size = size - 1 };

	if (file->f_op->show_fdinfo)
		file->f_op->show_fdinfo(&seq, file);
	buf[min(seq.count, size - 1)] = 0;
}

static int rtap_iface_packet_index(const struct rtap_backend *backend)
{
	struct sockaddr_storage addr = {};

	if (kernel_getsockname(backend->sock, (struct sockaddr *)&addr) < 0)
		return 0;
	return ((struct sockaddr_ll *)&addr)->sll_ifindex;
}

/* Which interface it is, and a reference to it. */
static void rtap_iface_resolve(struct rtap_iface *iface, const struct rtap_backend *backend)
{
	struct net_device *dev = NULL;
	char fdinfo[64] = "";
	int index = 0;

	if (backend->kind == RTAP_BACKEND_TUN)
		rtap_iface_fdinfo(backend, fdinfo, sizeof(fdinfo));
	else if (backend->kind == RTAP_BACKEND_PACKET)
		index = rtap_iface_packet_index(backend);
	rcu_read_lock();
	if (backend->kind == RTAP_BACKEND_TUN)
		dev = rtap_iface_find_tun(backend, fdinfo);
	else if (index)
		dev = dev_get_by_index_rcu(sock_net(backend->sock->sk), index);
	if (dev) {
		netdev_hold(dev, &iface->tracker, GFP_ATOMIC);
		iface->dev = dev;
	}
	rcu_read_unlock();
}

/**
 * rtap_iface_create() - find the interface of a backend, and follow it from now on
 * @backend: the backend
 * @source: the device that it is for; stays until rtap_iface_destroy()
 * @queue: index of the queue
 *
 * Context: an ioctl; takes the RTNL.
 * Return: what is known of the interface, be it nothing; or an ERR_PTR.
 */
struct rtap_iface *rtap_iface_create(const struct rtap_backend *backend,
				     struct rtap_event_source *source, u32 queue)
{
	struct rtap_iface *iface = kzalloc(sizeof(*iface), GFP_KERNEL_ACCOUNT);

	if (!iface)
		return ERR_PTR(-ENOMEM);
	iface->kind = backend->kind;
	iface->source = source;
	iface->queue = queue;
	rtap_iface_resolve(iface, backend);
	mutex_lock(&rtap_iface_mutex);
	list_add_tail(&iface->list, &rtap_iface_list);
	if (iface->dev)
		rtap_iface_note(iface, iface->dev);
	/* the notifier may have been there before it was on the list */
	if (iface->dev && READ_ONCE(iface->dev->reg_state) != NETREG_REGISTERED)
		rtap_iface_drop(iface);
	mutex_unlock(&rtap_iface_mutex);
	return iface;
}

/**
 * rtap_iface_destroy() - follow it no more
 * @iface: published nowhere any more; freed after a grace period. NULL is fine.
 */
void rtap_iface_destroy(struct rtap_iface *iface)
{
	if (!iface)
		return;
	mutex_lock(&rtap_iface_mutex);
	list_del(&iface->list);
	rtap_iface_drop(iface);
	mutex_unlock(&rtap_iface_mutex);
	kfree_rcu(iface, rcu);
}

/**
 * rtap_iface_publish() - have readers see what a queue is attached to
 * @slot: the queue's; the queue's lock is held
 * @iface: it, or NULL
 */
void rtap_iface_publish(struct rtap_iface __rcu **slot, struct rtap_iface *iface)
{
	/* a dump that began before and goes on after, or the reverse, is not consistent */
	atomic_inc(&rtap_iface_changes);
	rcu_assign_pointer(*slot, iface);
	atomic_inc(&rtap_iface_changes);
}

/**
 * rtap_iface_generation() - a number that is another whenever an interface is another
 *
 * Return: the number.
 */
unsigned int rtap_iface_generation(void)
{
	return atomic_read(&rtap_iface_changes);
}

/**
 * rtap_iface_in() - whether an interface is in a network namespace
 * @iface: read under RCU; NULL is nowhere
 * @net: the namespace
 *
 * Return: true if so, now.
 */
bool rtap_iface_in(const struct rtap_iface *iface, const struct net *net)
{
	bool in;

	if (!iface)
		return false;
	spin_lock(&rtap_iface_lock);
	in = iface->dev && net_eq(iface->net, net);
	spin_unlock(&rtap_iface_lock);
	return in;
}

/**
 * rtap_iface_get() - what an interface is called, and where
 * @iface: read under RCU; NULL is none
 * @info: set to that; to be released with rtap_iface_put()
 *
 * Return: true if there is an interface, and it is known.
 */
bool rtap_iface_get(const struct rtap_iface *iface, struct rtap_iface_info *info)
{
	*info = (struct rtap_iface_info){};
	if (!iface)
		return false;
	spin_lock(&rtap_iface_lock);
	if (iface->dev) {
		/* it outlives the interface that is in it */
		info->net = maybe_get_net(iface->net);
		info->ifindex = iface->ifindex;
		strscpy(info->name, iface->name, sizeof(info->name));
	}
	spin_unlock(&rtap_iface_lock);
	return info->ifindex;
}

/**
 * rtap_iface_put() - release what rtap_iface_get() has set
 * @info: that; fine if it returned false
 */
void rtap_iface_put(struct rtap_iface_info *info)
{
	if (info->net)
		put_net(info->net);
	info->net = NULL;
}

/**
 * rtap_iface_init() - hear of interfaces
 *
 * Return: 0 or a negative errno.
 */
int rtap_iface_init(void)
{
	return register_netdevice_notifier(&rtap_iface_notifier);
}

/**
 * rtap_iface_exit() - hear no more of them
 */
void rtap_iface_exit(void)
{
	unregister_netdevice_notifier(&rtap_iface_notifier);
}
