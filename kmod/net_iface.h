/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The network interface behind a backend, for those who look from outside
 */
#ifndef RTAP_NET_IFACE_H
#define RTAP_NET_IFACE_H

#include <linux/if.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/types.h>

#include "net_backend.h"

struct net;
struct rtap_event_source;

/**
 * struct rtap_iface - what a queue is attached to
 *
 * Made and dropped by the owner's ioctls; in between it follows the interface, and is
 * read under RCU. What changes is changed under both locks of net_iface.c.
 */
struct rtap_iface {
	/** @kind: what the backend is; constant */
	enum rtap_backend_kind kind;
	/** @queue: index of the queue; constant */
	u32 queue;
	/** @source: its device, for events; constant */
	struct rtap_event_source *source;
	/** @list: on the list of those that the notifier goes through */
	struct list_head list;
	/** @dev: the interface, with a reference; NULL if it is not known, or gone */
	struct net_device *dev;
	/** @tracker: of that reference */
	netdevice_tracker tracker;
	/** @net: network namespace that @dev is in */
	struct net *net;
	/** @ifindex: of @dev, in @net */
	int ifindex;
	/** @name: of @dev */
	char name[IFNAMSIZ];
	/** @rcu: readers have a grace period */
	struct rcu_head rcu;
};

/**
 * struct rtap_iface_info - an interface at one moment
 */
struct rtap_iface_info {
	/** @net: its network namespace, with a reference; NULL if that is ending */
	struct net *net;
	/** @ifindex: its number there */
	int ifindex;
	/** @name: its name there */
	char name[IFNAMSIZ];
};

int rtap_iface_init(void);
void rtap_iface_exit(void);
struct rtap_iface *rtap_iface_create(const struct rtap_backend *backend,
				     struct rtap_event_source *source, u32 queue);
void rtap_iface_destroy(struct rtap_iface *iface);
void rtap_iface_publish(struct rtap_iface __rcu **slot, struct rtap_iface *iface);
unsigned int rtap_iface_generation(void);
bool rtap_iface_in(const struct rtap_iface *iface, const struct net *net);
bool rtap_iface_get(const struct rtap_iface *iface, struct rtap_iface_info *info);
void rtap_iface_put(struct rtap_iface_info *info);

#endif /* RTAP_NET_IFACE_H */
