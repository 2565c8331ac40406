// SPDX-License-Identifier: GPL-2.0-only
/*
 * The family: who may see what, one message or many
 */
#include "netlink.h"

#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <net/sock.h>

#include "event.h"
#include "net.h"
#include "registry.h"

/* the policies and tables, which have their only users here */
#include "netlink_gen.c"

struct genl_family rtap_netlink_family __ro_after_init = {
	.name = RINGTAP_FAMILY_NAME,
	.version = RINGTAP_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = ringtap_nl_ops,
	.n_ops = ARRAY_SIZE(ringtap_nl_ops),
	.mcgrps = ringtap_nl_mcgrps,
	.n_mcgrps = ARRAY_SIZE(ringtap_nl_mcgrps),
};

/**
 * rtap_netlink_start() - begin a message
 * @reply: where it goes
 * @cmd: which message
 *
 * Return: for rtap_netlink_end(), or NULL if there is no room.
 */
void *rtap_netlink_start(struct rtap_netlink_reply *reply, u8 cmd)
{
	void *start = genlmsg_put(reply->skb, reply->portid, reply->seq, &rtap_netlink_family,
				  reply->cb ? NLM_F_MULTI : 0, cmd);

	if (start && reply->cb)
		genl_dump_check_consistent(reply->cb, start);
	return start;
}

/**
 * rtap_netlink_end() - end a message
 * @reply: where it goes
 * @start: from rtap_netlink_start()
 * @full: it did not fit
 *
 * Return: 0, or -EMSGSIZE if @full.
 */
int rtap_netlink_end(struct rtap_netlink_reply *reply, void *start, bool full)
{
	if (full) {
		genlmsg_cancel(reply->skb, start);
		return -EMSGSIZE;
	}
	genlmsg_end(reply->skb, start);
	return 0;
}

static struct rtap_netlink_reader rtap_netlink_reader(struct sk_buff *request)
{
	struct net *net = sock_net(request->sk);

	return (struct rtap_netlink_reader){
		.net = net,
		.pids = task_active_pid_ns(current),
		.host = net_eq(net, &init_net),
		.request = request,
	};
}

/* Outside the initial network namespace: what has a queue on an interface of the reader's. */
static bool rtap_netlink_visible(const struct rtap_netlink_reader *reader, struct rtap_net *net)
{
	bool visible = reader->host;
	int i;

	rcu_read_lock();
	for (i = 0; i < RTAP_DEV_VQS && !visible; i++)
		visible = rtap_iface_in(rcu_dereference(net->queues[i].iface), reader->net);
	rcu_read_unlock();
	return visible;
}

static int rtap_netlink_put(struct rtap_netlink_reply *reply, rtap_netlink_put_t put, u32 id,
			    u32 item)
{
	struct rtap_net *net;
	int err = -ENODEV;

	rtap_registry_lock();
	net = rtap_registry_find(id);
	if (net && rtap_netlink_visible(&reply->reader, net))
		err = put(reply, net, item);
	rtap_registry_unlock();
	return err;
}

/**
 * rtap_netlink_get() - answer a get
 * @request: the request
 * @info: what it says
 * @put: adds the message
 * @id: of the device asked for
 * @item: what of it
 *
 * Return: 0 or a negative errno: -ENODEV for a device that there is not, or that the
 * reader may not see; -ENOENT for an item that it has not.
 */
int rtap_netlink_get(struct sk_buff *request, struct genl_info *info, rtap_netlink_put_t put,
		     u32 id, u32 item)
{
	struct rtap_netlink_reply reply = {
		.portid = info->snd_portid,
		.seq = info->snd_seq,
		.reader = rtap_netlink_reader(request),
	};
	int err;

	reply.skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!reply.skb)
		return -ENOMEM;
	err = rtap_netlink_put(&reply, put, id, item);
	if (!err)
		return genlmsg_reply(reply.skb, info);
	if (err == -ENODEV)
		NL_SET_ERR_MSG(info->extack, "no such device, or none that may be seen from here");
	else if (err == -ENOENT)
		NL_SET_ERR_MSG(info->extack, "the device has none of that number");
	nlmsg_free(reply.skb);
	return err;
}

static int rtap_netlink_put_items(struct rtap_netlink_reply *reply, struct rtap_net *net,
				  rtap_netlink_put_t put, u32 items)
{
	struct netlink_callback *cb = reply->cb;
	int err;

	if (net->dev.events.serial != cb->args[0]) {
		cb->args[0] = net->dev.events.serial;
		cb->args[1] = 0;
	}
	if (!rtap_netlink_visible(&reply->reader, net))
		return 0;
	for (; cb->args[1] < items; cb->args[1]++) {
		err = put(reply, net, cb->args[1]);
		if (err && err != -ENOENT)
			return err;
	}
	return 0;
}

/**
 * rtap_netlink_dump() - answer a dump, as far as there is room
 * @skb: room for messages
 * @cb: the dump; args[0] is the serial of the device to go on with, args[1] the item
 * @put: adds a message about an item
 * @items: how many items a device has at most
 *
 * Return: bytes in @skb, 0 at the end, or a negative errno.
 */
int rtap_netlink_dump(struct sk_buff *skb, struct netlink_callback *cb, rtap_netlink_put_t put,
		      u32 items)
{
	struct rtap_netlink_reply reply = {
		.skb = skb,
		.cb = cb,
		.portid = NETLINK_CB(cb->skb).portid,
		.seq = cb->nlh->nlmsg_seq,
		.reader = rtap_netlink_reader(cb->skb),
	};
	struct rtap_net *net;
	int err = 0;

	rtap_registry_lock();
	cb->seq = rtap_registry_generation();
	for (net = rtap_registry_first(cb->args[0]); net && !err; net = rtap_registry_next(net))
		err = rtap_netlink_put_items(&reply, net, put, items);
	rtap_registry_unlock();
	return skb->len ?: err;
}

/**
 * rtap_netlink_init() - register the family, before there is a device
 *
 * Return: 0 or a negative errno.
 */
int rtap_netlink_init(void)
{
	int err = genl_register_family(&rtap_netlink_family);

	if (err)
		pr_err("ringtap: cannot register the netlink family (error %d)\n", err);
	else
		rtap_event_set_sink(&rtap_netlink_sink);
	return err;
}

/**
 * rtap_netlink_exit() - unregister the family, which nobody asks any more
 */
void rtap_netlink_exit(void)
{
	rtap_event_set_sink(NULL);
	genl_unregister_family(&rtap_netlink_family);
}
