// SPDX-License-Identifier: GPL-2.0-only
/*
 * The multicast group "events": what happens, to whom it concerns
 */
#include <linux/rcupdate.h>
#include <net/net_namespace.h>

#include "event.h"
#include "net.h"
#include "netlink.h"

/**
 * struct rtap_netlink_scene - what an event is about
 */
struct rtap_netlink_scene {
	/** @event: the event */
	const struct rtap_event *event;
	/** @kind: the queue's backend */
	enum rtap_backend_kind kind;
	/** @known: there is an interface */
	bool known;
	/** @info: the interface; holds a reference to its namespace */
	struct rtap_iface_info info;
};

static bool rtap_netlink_of_queue(const struct rtap_event *event)
{
	return event->kind != RTAP_EVENT_OPEN && event->kind != RTAP_EVENT_CLOSE;
}

static struct rtap_netlink_scene rtap_netlink_scene(const struct rtap_event *event)
{
	struct rtap_netlink_scene scene = { .event = event };
	const struct rtap_iface *iface = event->iface;
	struct rtap_net *net;

	if (!rtap_netlink_of_queue(event))
		return scene;
	rcu_read_lock();
	if (!iface) {
		net = container_of(event->source, struct rtap_net, dev.events);
		iface = rcu_dereference(net->queues[event->queue].iface);
	}
	if (iface)
		scene.kind = iface->kind;
	scene.known = rtap_iface_get(iface, &scene.info);
	rcu_read_unlock();
	return scene;
}

static bool rtap_netlink_heard(struct net *net)
{
	return net && genl_has_listeners(&rtap_netlink_family, net, RINGTAP_NLGRP_EVENTS);
}

static bool rtap_netlink_event_wanted(const struct rtap_event *event)
{
	struct rtap_netlink_scene scene;
	bool wanted = rtap_netlink_heard(&init_net);

	if (wanted)
		return true;
	scene = rtap_netlink_scene(event);
	wanted = rtap_netlink_heard(scene.info.net);
	rtap_iface_put(&scene.info);
	return wanted;
}

static bool rtap_netlink_put_event(struct sk_buff *skb, const struct rtap_event *event)
{
	return nla_put_u32(skb, RINGTAP_A_EVENT_DEVICE, event->source->id) ||
	       nla_put_u64_64bit(skb, RINGTAP_A_EVENT_SERIAL, event->source->serial,
				 RINGTAP_A_EVENT_PAD) ||
	       nla_put_u64_64bit(skb, RINGTAP_A_EVENT_TIME, event->time, RINGTAP_A_EVENT_PAD) ||
	       (event->suppressed &&
		nla_put_u64_64bit(skb, RINGTAP_A_EVENT_SUPPRESSED, event->suppressed,
				  RINGTAP_A_EVENT_PAD)) ||
	       (rtap_netlink_of_queue(event) &&
		nla_put_u32(skb, RINGTAP_A_EVENT_QUEUE, event->queue)) ||
	       (event->kind == RTAP_EVENT_RING_ERROR &&
		(nla_put_u32(skb, RINGTAP_A_EVENT_FAULT_KIND, event->fault.kind) ||
		 nla_put_u32(skb, RINGTAP_A_EVENT_FAULT_INDEX, event->fault.index) ||
		 nla_put_u32(skb, RINGTAP_A_EVENT_FAULT_DESC, event->fault.desc)));
}

static bool rtap_netlink_put_scene(struct sk_buff *skb, const struct rtap_netlink_scene *scene,
				   const struct net *net)
{
	if (!rtap_netlink_of_queue(scene->event))
		return false;
	return nla_put_u32(skb, RINGTAP_A_EVENT_BACKEND, scene->kind) ||
	       (scene->known && nla_put_string(skb, RINGTAP_A_EVENT_IFNAME, scene->info.name)) ||
	       (scene->known && net_eq(scene->info.net, net) &&
		nla_put_u32(skb, RINGTAP_A_EVENT_IFINDEX, scene->info.ifindex));
}

/* Who cannot be told misses it: netlink then has the listener's next read fail with ENOBUFS. */
static void rtap_netlink_tell(const struct rtap_netlink_scene *scene, struct net *net)
{
	static const u8 commands[] = {
		[RTAP_EVENT_OPEN] = RINGTAP_CMD_DEVICE_OPEN,
		[RTAP_EVENT_CLOSE] = RINGTAP_CMD_DEVICE_CLOSE,
		[RTAP_EVENT_ATTACH] = RINGTAP_CMD_ATTACH,
		[RTAP_EVENT_DETACH] = RINGTAP_CMD_DETACH,
		[RTAP_EVENT_RING_ERROR] = RINGTAP_CMD_RING_ERROR,
		[RTAP_EVENT_TAP_GONE] = RINGTAP_CMD_TAP_GONE,
	};
	struct sk_buff *skb;
	void *start;

	if (!rtap_netlink_heard(net))
		return;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return;
	start = genlmsg_put(skb, 0, 0, &rtap_netlink_family, 0, commands[scene->event->kind]);
	if (!start || rtap_netlink_put_event(skb, scene->event) ||
	    rtap_netlink_put_scene(skb, scene, net)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, start);
	genlmsg_multicast_netns(&rtap_netlink_family, net, skb, 0, RINGTAP_NLGRP_EVENTS,
				GFP_KERNEL);
}

static void rtap_netlink_event_send(const struct rtap_event *event)
{
	struct rtap_netlink_scene scene = rtap_netlink_scene(event);

	rtap_netlink_tell(&scene, &init_net);
	if (scene.info.net && !net_eq(scene.info.net, &init_net))
		rtap_netlink_tell(&scene, scene.info.net);
	rtap_iface_put(&scene.info);
}

const struct rtap_event_sink rtap_netlink_sink = {
	.wanted = rtap_netlink_event_wanted,
	.send = rtap_netlink_event_send,
};
