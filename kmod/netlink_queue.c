// SPDX-License-Identifier: GPL-2.0-only
/*
 * queue-get: one virtqueue and what it has counted
 */
#include <linux/nospec.h>
#include <linux/rcupdate.h>

#include "net.h"
#include "netlink.h"

/* the kinds have the same numbers on both sides */
static_assert((int)RTAP_VQ_MISSING == (int)RINGTAP_QUEUE_STATE_MISSING);
static_assert((int)RTAP_BACKEND_PACKET == (int)RINGTAP_BACKEND_PACKET);
static_assert((int)RTAP_LAYOUT_PACKED == (int)RINGTAP_LAYOUT_PACKED);
static_assert(RTAP_RING_ERRORS - 1 == (int)RINGTAP_RING_ERROR_LOG);

static const u8 rtap_netlink_counts[RTAP_STATS] = {
	[RTAP_STAT_PACKETS] = RINGTAP_A_STATS_PACKETS,
	[RTAP_STAT_BYTES] = RINGTAP_A_STATS_BYTES,
	[RTAP_STAT_BATCHES] = RINGTAP_A_STATS_BATCHES,
	[RTAP_STAT_KICKS] = RINGTAP_A_STATS_KICKS,
	[RTAP_STAT_SIGNALS] = RINGTAP_A_STATS_SIGNALS,
	[RTAP_STAT_SUPPRESSED] = RINGTAP_A_STATS_SIGNALS_SUPPRESSED,
	[RTAP_STAT_POLL_HITS] = RINGTAP_A_STATS_POLL_HITS,
	[RTAP_STAT_POLL_MISSES] = RINGTAP_A_STATS_POLL_MISSES,
	[RTAP_STAT_ALONE] = RINGTAP_A_STATS_ALONE,
	[RTAP_STAT_NO_BUFFERS] = RINGTAP_A_STATS_NO_BUFFERS,
	[RTAP_STAT_BACKPRESSURE] = RINGTAP_A_STATS_BACKPRESSURE,
	[RTAP_STAT_DROP_SHORT] = RINGTAP_A_STATS_DROP_SHORT,
	[RTAP_STAT_DROP_LONG] = RINGTAP_A_STATS_DROP_LONG,
	[RTAP_STAT_DROP_HEADER] = RINGTAP_A_STATS_DROP_HEADER,
	[RTAP_STAT_DROP_NOMEM] = RINGTAP_A_STATS_DROP_NOMEM,
	[RTAP_STAT_DROP_TAP] = RINGTAP_A_STATS_DROP_TAP,
	[RTAP_STAT_DROP_NO_ROOM] = RINGTAP_A_STATS_DROP_NO_ROOM,
	[RTAP_STAT_DROP_OFFLOAD] = RINGTAP_A_STATS_DROP_OFFLOAD,
	[RTAP_STAT_DROP_DETACHED] = RINGTAP_A_STATS_DROP_DETACHED,
	[RTAP_STAT_DROP_TAP_FULL] = RINGTAP_A_STATS_DROP_TAP_FULL,
	[RTAP_STAT_IOTLB_MISSES] = RINGTAP_A_STATS_IOTLB_MISSES,
	[RTAP_STAT_LOGGED_PAGES] = RINGTAP_A_STATS_LOGGED_PAGES,
};

/* Buckets that are not empty, each in an attribute of its own. */
static bool rtap_netlink_put_buckets(struct sk_buff *skb, int attr, const u64 *buckets, u32 nr)
{
	struct nlattr *nest;
	u64 count;
	u32 i;

	for (i = 0; i < nr; i++) {
		count = READ_ONCE(buckets[i]);
		if (!count)
			continue;
		nest = nla_nest_start(skb, attr);
		if (!nest ||
		    nla_put_u64_64bit(skb, RINGTAP_A_BUCKET_FROM, rtap_stats_bucket_from(i),
				      RINGTAP_A_BUCKET_PAD) ||
		    nla_put_u64_64bit(skb, RINGTAP_A_BUCKET_COUNT, count, RINGTAP_A_BUCKET_PAD))
			return true;
		nla_nest_end(skb, nest);
	}
	return false;
}

static bool rtap_netlink_put_errors(struct sk_buff *skb, const struct rtap_stats *stats)
{
	struct nlattr *nest;
	u64 count;
	u32 kind;

	for (kind = 0; kind < RTAP_RING_ERRORS; kind++) {
		count = READ_ONCE(stats->errors[kind]);
		if (!count)
			continue;
		nest = nla_nest_start(skb, RINGTAP_A_STATS_ERROR);
		if (!nest || nla_put_u32(skb, RINGTAP_A_ERROR_COUNT_KIND, kind) ||
		    nla_put_u64_64bit(skb, RINGTAP_A_ERROR_COUNT_COUNT, count,
				      RINGTAP_A_ERROR_COUNT_PAD))
			return true;
		nla_nest_end(skb, nest);
	}
	return false;
}

static bool rtap_netlink_put_stats(struct sk_buff *skb, const struct rtap_stats *stats)
{
	struct nlattr *nest = nla_nest_start(skb, RINGTAP_A_QUEUE_STATS);
	int i;

	if (!nest)
		return true;
	for (i = 0; i < RTAP_STATS; i++)
		if (nla_put_u64_64bit(skb, rtap_netlink_counts[i], READ_ONCE(stats->counts[i]),
				      RINGTAP_A_STATS_PAD))
			return true;
	if (rtap_netlink_put_errors(skb, stats) ||
	    rtap_netlink_put_buckets(skb, RINGTAP_A_STATS_BATCH_SIZE, stats->batches,
				     RTAP_STATS_BATCH_BUCKETS) ||
	    rtap_netlink_put_buckets(skb, RINGTAP_A_STATS_WAKE_LATENCY, stats->wakes,
				     RTAP_STATS_WAKE_BUCKETS))
		return true;
	nla_nest_end(skb, nest);
	return false;
}

static bool rtap_netlink_put_addr(struct sk_buff *skb, const struct rtap_vq_report *report)
{
	return nla_put_u64_64bit(skb, RINGTAP_A_QUEUE_DESC_ADDR, report->desc,
				 RINGTAP_A_QUEUE_PAD) ||
	       nla_put_u64_64bit(skb, RINGTAP_A_QUEUE_DRIVER_ADDR, report->driver,
				 RINGTAP_A_QUEUE_PAD) ||
	       nla_put_u64_64bit(skb, RINGTAP_A_QUEUE_DEVICE_ADDR, report->device,
				 RINGTAP_A_QUEUE_PAD);
}

static bool rtap_netlink_put_fault(struct sk_buff *skb, const struct rtap_ring_fault *fault)
{
	if (nla_put_u32(skb, RINGTAP_A_QUEUE_FAULT_KIND, fault->kind))
		return true;
	/* the owner was killed: nothing is wrong with the ring */
	if (fault->kind == RTAP_RING_OK)
		return false;
	return nla_put_u32(skb, RINGTAP_A_QUEUE_FAULT_INDEX, fault->index) ||
	       nla_put_u32(skb, RINGTAP_A_QUEUE_FAULT_DESC, fault->desc);
}

/* What there is to say of a queue that is not stopped. */
static bool rtap_netlink_put_ring(struct rtap_netlink_reply *reply,
				  const struct rtap_vq_report *report)
{
	struct sk_buff *skb = reply->skb;

	return nla_put_u32(skb, RINGTAP_A_QUEUE_LAYOUT, report->layout) ||
	       nla_put_u32(skb, RINGTAP_A_QUEUE_SIZE, report->num) ||
	       nla_put_u32(skb, RINGTAP_A_QUEUE_LAST_AVAIL, report->last_avail) ||
	       nla_put_u32(skb, RINGTAP_A_QUEUE_LAST_USED, report->last_used) ||
	       nla_put_u32(skb, RINGTAP_A_QUEUE_MAPPED, report->mapped) ||
	       (netlink_capable(reply->reader.request, CAP_NET_ADMIN) &&
		rtap_netlink_put_addr(skb, report)) ||
	       (report->state == RTAP_VQ_BROKEN && rtap_netlink_put_fault(skb, &report->fault));
}

static bool rtap_netlink_put_serving(struct sk_buff *skb, const struct rtap_vq *vq)
{
	struct rtap_worker *worker;
	bool full = false;

	rcu_read_lock();
	worker = rcu_dereference(vq->worker);
	if (worker)
		full = nla_put_u32(skb, RINGTAP_A_QUEUE_WORKER, worker->id);
	rcu_read_unlock();
	return full;
}

static u32 rtap_netlink_backend(const struct rtap_net_queue *q)
{
	struct rtap_iface *iface;
	u32 kind;

	rcu_read_lock();
	iface = rcu_dereference(q->iface);
	kind = iface ? iface->kind : RTAP_BACKEND_NONE;
	rcu_read_unlock();
	return kind;
}

/*
 * A queue is given its backend before it runs and loses it after it has stopped. So what
 * it has between two looks that find it in the same state belongs to that state.
 */
static void rtap_netlink_look(const struct rtap_net_queue *q, struct rtap_vq_report *report,
			      u32 *backend)
{
	u64 since;

	rtap_vq_report(&q->vq, report);
	do {
		since = report->since;
		*backend = rtap_netlink_backend(q);
		rtap_vq_report(&q->vq, report);
	} while (report->since != since);
	if (report->state == RTAP_VQ_STOPPED)
		*backend = RTAP_BACKEND_NONE;
}

static int rtap_netlink_put_queue(struct rtap_netlink_reply *reply, struct rtap_net *net, u32 item)
{
	struct rtap_net_queue *q;
	struct sk_buff *skb = reply->skb;
	struct rtap_vq_report report;
	void *start;
	u32 backend;
	bool full;

	if (item >= RTAP_DEV_VQS)
		return -ENOENT;
	q = &net->queues[array_index_nospec(item, RTAP_DEV_VQS)];
	start = rtap_netlink_start(reply, RINGTAP_CMD_QUEUE_GET);
	if (!start)
		return -EMSGSIZE;
	rtap_netlink_look(q, &report, &backend);
	full = nla_put_u32(skb, RINGTAP_A_QUEUE_DEVICE, net->dev.id) ||
	       nla_put_u32(skb, RINGTAP_A_QUEUE_INDEX, item) ||
	       nla_put_u32(skb, RINGTAP_A_QUEUE_STATE, report.state) ||
	       nla_put_u64_64bit(skb, RINGTAP_A_QUEUE_STATE_SINCE, report.since,
				 RINGTAP_A_QUEUE_PAD) ||
	       nla_put_u32(skb, RINGTAP_A_QUEUE_BACKEND, backend) ||
	       (report.state != RTAP_VQ_STOPPED && rtap_netlink_put_ring(reply, &report)) ||
	       nla_put_u32(skb, RINGTAP_A_QUEUE_BUSYLOOP_US, report.busyloop_us) ||
	       rtap_netlink_put_serving(skb, &q->vq) ||
	       rtap_netlink_put_stats(skb, &q->vq.stats);
	return rtap_netlink_end(reply, start, full);
}

/**
 * ringtap_nl_queue_get_doit() - tell about one queue
 * @skb: the request
 * @info: what it says
 *
 * Return: 0 or a negative errno.
 */
int ringtap_nl_queue_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	if (GENL_REQ_ATTR_CHECK(info, RINGTAP_A_QUEUE_DEVICE) ||
	    GENL_REQ_ATTR_CHECK(info, RINGTAP_A_QUEUE_INDEX))
		return -EINVAL;
	return rtap_netlink_get(skb, info, rtap_netlink_put_queue,
				nla_get_u32(info->attrs[RINGTAP_A_QUEUE_DEVICE]),
				nla_get_u32(info->attrs[RINGTAP_A_QUEUE_INDEX]));
}

/**
 * ringtap_nl_queue_get_dumpit() - tell about all queues
 * @skb: room for messages
 * @cb: the dump
 *
 * Return: bytes in @skb, 0 at the end, or a negative errno.
 */
int ringtap_nl_queue_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return rtap_netlink_dump(skb, cb, rtap_netlink_put_queue, RTAP_DEV_VQS);
}
