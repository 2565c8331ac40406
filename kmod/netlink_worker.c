// SPDX-License-Identifier: GPL-2.0-only
/*
 * worker-get: one thread that serves queues
 */
#include <linux/cpumask.h>
#include <linux/nospec.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "net.h"
#include "netlink.h"

/* RTAP_NETLINK_AFFINITY_MAX - longest list told: a message with it fits wherever one fits */
#define RTAP_NETLINK_AFFINITY_MAX 1024

/* A list as in "0-3,8"; left out if it is longer than anybody would read. */
static bool rtap_netlink_put_affinity(struct sk_buff *skb, const struct cpumask *affinity)
{
	/* a copy, since it changes under us; the registry's lock guards it */
	static struct cpumask cpus;
	struct nlattr *attr;
	int len;

	cpumask_copy(&cpus, affinity);
	len = snprintf(NULL, 0, "%*pbl", cpumask_pr_args(&cpus));
	if (len >= RTAP_NETLINK_AFFINITY_MAX)
		return false;
	attr = nla_reserve(skb, RINGTAP_A_WORKER_AFFINITY, len + 1);
	if (!attr)
		return true;
	snprintf(nla_data(attr), len + 1, "%*pbl", cpumask_pr_args(&cpus));
	return false;
}

/* The thread's name contains the owner's pid, as the host numbers it. */
static bool rtap_netlink_put_identity(struct sk_buff *skb, pid_t tid, struct task_struct *thread)
{
	char comm[TASK_COMM_LEN];

	if (!tid)
		return false;
	get_task_comm(comm, thread);
	return nla_put_u32(skb, RINGTAP_A_WORKER_TID, tid) ||
	       nla_put_string(skb, RINGTAP_A_WORKER_COMM, comm);
}

static bool rtap_netlink_put_thread(struct rtap_netlink_reply *reply, struct rtap_net *net,
				    struct task_struct *thread)
{
	struct rtap_owner *owner = rcu_dereference(net->dev.whose);
	pid_t tid = rtap_netlink_pid(&reply->reader, owner, task_pid(thread));
	struct sk_buff *skb = reply->skb;

	return rtap_netlink_put_identity(skb, tid, thread) ||
	       nla_put_u32(skb, RINGTAP_A_WORKER_CPU, task_cpu(thread)) ||
	       nla_put_u64_64bit(skb, RINGTAP_A_WORKER_CPU_TIME,
				 READ_ONCE(thread->se.sum_exec_runtime), RINGTAP_A_WORKER_PAD) ||
	       rtap_netlink_put_affinity(skb, &thread->cpus_mask);
}

static bool rtap_netlink_put_served(struct sk_buff *skb, struct rtap_net *net,
				    const struct rtap_worker *worker)
{
	u32 i;

	for (i = 0; i < RTAP_DEV_VQS; i++)
		if (rcu_access_pointer(net->dev.vqs[i]->worker) == worker &&
		    nla_put_u32(skb, RINGTAP_A_WORKER_QUEUE, i))
			return true;
	return false;
}

/* Under RCU: the worker and what the scheduler knows of its thread stay. */
static int rtap_netlink_put_found(struct rtap_netlink_reply *reply, struct rtap_net *net,
				  const struct rtap_worker *worker)
{
	void *start = rtap_netlink_start(reply, RINGTAP_CMD_WORKER_GET);
	struct task_struct *thread = rtap_worker_task(worker);
	struct sk_buff *skb = reply->skb;
	bool full;

	if (!start)
		return -EMSGSIZE;
	full = nla_put_u32(skb, RINGTAP_A_WORKER_DEVICE, net->dev.id) ||
	       nla_put_u32(skb, RINGTAP_A_WORKER_ID, worker->id) ||
	       (thread && rtap_netlink_put_thread(reply, net, thread)) ||
	       (rtap_worker_is_dead(worker) && nla_put_flag(skb, RINGTAP_A_WORKER_DEAD)) ||
	       rtap_netlink_put_served(skb, net, worker);
	return rtap_netlink_end(reply, start, full);
}

static int rtap_netlink_put_worker(struct rtap_netlink_reply *reply, struct rtap_net *net,
				   u32 item)
{
	struct rtap_worker *worker;
	int err = -ENOENT;

	if (item >= RTAP_DEV_WORKERS)
		return -ENOENT;
	item = array_index_nospec(item, RTAP_DEV_WORKERS);
	rcu_read_lock();
	worker = rcu_dereference(net->dev.workers[item]);
	if (worker)
		err = rtap_netlink_put_found(reply, net, worker);
	rcu_read_unlock();
	return err;
}

/**
 * ringtap_nl_worker_get_doit() - tell about one worker
 * @skb: the request
 * @info: what it says
 *
 * Return: 0 or a negative errno.
 */
int ringtap_nl_worker_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	if (GENL_REQ_ATTR_CHECK(info, RINGTAP_A_WORKER_DEVICE) ||
	    GENL_REQ_ATTR_CHECK(info, RINGTAP_A_WORKER_ID))
		return -EINVAL;
	return rtap_netlink_get(skb, info, rtap_netlink_put_worker,
				nla_get_u32(info->attrs[RINGTAP_A_WORKER_DEVICE]),
				nla_get_u32(info->attrs[RINGTAP_A_WORKER_ID]));
}

/**
 * ringtap_nl_worker_get_dumpit() - tell about all workers
 * @skb: room for messages
 * @cb: the dump
 *
 * Return: bytes in @skb, 0 at the end, or a negative errno.
 */
int ringtap_nl_worker_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return rtap_netlink_dump(skb, cb, rtap_netlink_put_worker, RTAP_DEV_WORKERS);
}
