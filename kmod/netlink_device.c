// SPDX-License-Identifier: GPL-2.0-only
/*
 * device-get: one open of the node
 */
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <net/net_namespace.h>
#include <uapi/linux/net_namespace.h>

#include "net.h"
#include "netlink.h"

/**
 * rtap_netlink_pid() - a process or thread id as the reader may know it
 * @reader: the reader
 * @owner: whose device it is about, or NULL
 * @pid: the process or thread
 *
 * Return: the id in the reader's pid namespace, or 0.
 */
pid_t rtap_netlink_pid(const struct rtap_netlink_reader *reader, const struct rtap_owner *owner,
		       struct pid *pid)
{
	if (!reader->host && (!owner || owner->netns != reader->net->net_cookie))
		return 0;
	return pid_nr_ns(pid, reader->pids);
}

/* What the queues are decides, as far as there is an owner. */
static void rtap_netlink_device_state(struct rtap_net *net, const struct rtap_dev_report *dev,
				      u32 *state, u64 *since)
{
	static const u32 states[] = {
		[RTAP_VQ_RUNNING] = RINGTAP_DEVICE_STATE_RUNNING,
		[RTAP_VQ_BROKEN] = RINGTAP_DEVICE_STATE_BROKEN,
		[RTAP_VQ_MISSING] = RINGTAP_DEVICE_STATE_RUNNING,
	};
	struct rtap_vq_report vq;
	int i;

	*state = dev->owned ? RINGTAP_DEVICE_STATE_STOPPED : RINGTAP_DEVICE_STATE_UNOWNED;
	*since = dev->since;
	for (i = 0; i < RTAP_DEV_VQS; i++) {
		rtap_vq_report(net->dev.vqs[i], &vq);
		if (vq.state == RTAP_VQ_STOPPED) {
			if (*state == RINGTAP_DEVICE_STATE_STOPPED)
				*since = max(*since, vq.since);
			continue;
		}
		if (states[vq.state] > *state) {
			*state = states[vq.state];
			*since = vq.since;
		} else if (states[vq.state] == *state) {
			*since = min(*since, vq.since);
		}
	}
}

static bool rtap_netlink_put_owner(struct rtap_netlink_reply *reply, struct rtap_net *net)
{
	struct rtap_owner *owner;
	bool full = false;
	pid_t pid = 0;

	rcu_read_lock();
	owner = rcu_dereference(net->dev.whose);
	/* a process that is gone has left its number to others */
	if (owner && pid_has_task(owner->pid, PIDTYPE_TGID))
		pid = rtap_netlink_pid(&reply->reader, owner, owner->pid);
	if (pid)
		full = nla_put_u32(reply->skb, RINGTAP_A_DEVICE_OWNER_PID, pid) ||
		       nla_put_string(reply->skb, RINGTAP_A_DEVICE_OWNER_COMM, owner->comm);
	rcu_read_unlock();
	return full;
}

static bool rtap_netlink_put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, RINGTAP_A_DEVICE_PAD);
}

/* The number that a reader in the initial namespace has for another one. */
static bool rtap_netlink_put_netns(struct rtap_netlink_reply *reply, struct net *net)
{
	int id = NETNSA_NSID_NOT_ASSIGNED;

	if (net_eq(net, reply->reader.net))
		return false;
	if (net)
		id = peernet2id_alloc(reply->reader.net, net, GFP_KERNEL);
	return nla_put_s32(reply->skb, RINGTAP_A_DEVICE_NETNSID, id);
}

static bool rtap_netlink_put_iface(struct rtap_netlink_reply *reply, struct rtap_net *net)
{
	struct rtap_iface_info info;
	bool known = false, full;
	int i;

	for (i = 0; i < RTAP_DEV_VQS && !known; i++) {
		rcu_read_lock();
		known = rtap_iface_get(rcu_dereference(net->queues[i].iface), &info);
		rcu_read_unlock();
		if (known && !reply->reader.host && !net_eq(info.net, reply->reader.net)) {
			rtap_iface_put(&info);
			known = false;
		}
	}
	if (!known)
		return false;
	full = nla_put_u32(reply->skb, RINGTAP_A_DEVICE_IFINDEX, info.ifindex) ||
	       nla_put_string(reply->skb, RINGTAP_A_DEVICE_IFNAME, info.name) ||
	       rtap_netlink_put_netns(reply, info.net);
	rtap_iface_put(&info);
	return full;
}

static bool rtap_netlink_put_state(struct sk_buff *skb, struct rtap_net *net)
{
	struct rtap_dev_report report;
	u32 state;
	u64 since;

	rtap_dev_report(&net->dev, &report);
	rtap_netlink_device_state(net, &report, &state, &since);
	return nla_put_u32(skb, RINGTAP_A_DEVICE_STATE, state) ||
	       rtap_netlink_put_u64(skb, RINGTAP_A_DEVICE_STATE_SINCE, since) ||
	       rtap_netlink_put_u64(skb, RINGTAP_A_DEVICE_FEATURES, report.features[0]) ||
	       rtap_netlink_put_u64(skb, RINGTAP_A_DEVICE_FEATURES_HIGH, report.features[1]) ||
	       rtap_netlink_put_u64(skb, RINGTAP_A_DEVICE_BACKEND_FEATURES,
				    report.backend_features) ||
	       (report.table &&
		(nla_put_u32(skb, RINGTAP_A_DEVICE_REGIONS, report.regions) ||
		 rtap_netlink_put_u64(skb, RINGTAP_A_DEVICE_REGION_BYTES, report.region_bytes)));
}

static int rtap_netlink_put_device(struct rtap_netlink_reply *reply, struct rtap_net *net,
				   u32 item)
{
	struct sk_buff *skb = reply->skb;
	const struct rtap_dev *dev = &net->dev;
	void *start = rtap_netlink_start(reply, RINGTAP_CMD_DEVICE_GET);
	bool full;

	if (!start)
		return -EMSGSIZE;
	full = nla_put_u32(skb, RINGTAP_A_DEVICE_ID, dev->id) ||
	       rtap_netlink_put_u64(skb, RINGTAP_A_DEVICE_SERIAL, dev->events.serial) ||
	       nla_put_string(skb, RINGTAP_A_DEVICE_NODE, dev->node) ||
	       rtap_netlink_put_u64(skb, RINGTAP_A_DEVICE_OPENED, dev->opened) ||
	       rtap_netlink_put_state(skb, net) || rtap_netlink_put_owner(reply, net) ||
	       rtap_netlink_put_iface(reply, net) ||
	       nla_put_u32(skb, RINGTAP_A_DEVICE_QUEUES, RTAP_DEV_VQS) ||
	       nla_put_u32(skb, RINGTAP_A_DEVICE_WORKERS, READ_ONCE(dev->nr_workers));
	return rtap_netlink_end(reply, start, full);
}

/**
 * ringtap_nl_device_get_doit() - tell about one device
 * @skb: the request
 * @info: what it says
 *
 * Return: 0 or a negative errno.
 */
int ringtap_nl_device_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	if (GENL_REQ_ATTR_CHECK(info, RINGTAP_A_DEVICE_ID))
		return -EINVAL;
	return rtap_netlink_get(skb, info, rtap_netlink_put_device,
				nla_get_u32(info->attrs[RINGTAP_A_DEVICE_ID]), 0);
}

/**
 * ringtap_nl_device_get_dumpit() - tell about all devices
 * @skb: room for messages
 * @cb: the dump
 *
 * Return: bytes in @skb, 0 at the end, or a negative errno.
 */
int ringtap_nl_device_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return rtap_netlink_dump(skb, cb, rtap_netlink_put_device, 1);
}
