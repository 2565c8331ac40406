// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells what a device is, and whose, without waiting for whoever holds its lock
 */
#include "dev.h"

#include <linux/nsproxy.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <net/net_namespace.h>

/**
 * rtap_dev_report_init() - make a new device's report readable
 * @dev: the device, which nobody else can reach yet
 */
void rtap_dev_report_init(struct rtap_dev *dev)
{
	seqcount_init(&dev->report_seq);
	dev->opened = ktime_get_boottime_ns();
	dev->report.since = dev->opened;
}

/**
 * rtap_dev_report_publish() - have readers see what ioctls made of the device
 * @dev: the device; its lock is held
 */
void rtap_dev_report_publish(struct rtap_dev *dev)
{
	struct rtap_dev_report now = {
		.owned = dev->mm,
		.since = dev->report.since,
		.backend_features = dev->backend_features,
		/* after RESET_OWNER an empty one stands in, which nobody has set */
		.table = dev->mem && dev->mm,
		.regions = dev->mem ? dev->mem->nr_regions : 0,
		.region_bytes = dev->mem ? dev->region_bytes : 0,
	};

	lockdep_assert_held(&dev->lock);
	memcpy(now.features, dev->vqs[0]->features, sizeof(now.features));
	if (now.owned != dev->report.owned)
		now.since = ktime_get_boottime_ns();
	/* readers spin for a few stores at most: the writer is not preempted */
	preempt_disable();
	write_seqcount_begin(&dev->report_seq);
	dev->report = now;
	write_seqcount_end(&dev->report_seq);
	preempt_enable();
}

/**
 * rtap_dev_report() - what a device is
 * @dev: the device; it is not freed meanwhile
 * @report: set to it, as of the end of the last ioctl
 *
 * Context: process context; neither sleeps nor takes the device's lock.
 */
void rtap_dev_report(const struct rtap_dev *dev, struct rtap_dev_report *report)
{
	/* readers do not write; their side of a sequence count wants it writable all the same */
	seqcount_t *seq = (seqcount_t *)&dev->report_seq;
	unsigned int start;

	do {
		start = read_seqcount_begin(seq);
		memcpy(report, &dev->report, sizeof(*report));
	} while (read_seqcount_retry(seq, start));
}

static void rtap_owner_free(struct rcu_head *head)
{
	struct rtap_owner *owner = container_of(head, struct rtap_owner, rcu);

	put_pid(owner->pid);
	kfree(owner);
}

/**
 * rtap_dev_note_owner() - have readers see whose the device is
 * @dev: a device that becomes the calling process'; its lock is held
 *
 * Return: 0 or -ENOMEM.
 */
int rtap_dev_note_owner(struct rtap_dev *dev)
{
	struct rtap_owner *owner = kzalloc(sizeof(*owner), GFP_KERNEL_ACCOUNT);

	lockdep_assert_held(&dev->lock);
	if (!owner)
		return -ENOMEM;
	owner->pid = get_pid(task_tgid(current));
	get_task_comm(owner->comm, current->group_leader);
	owner->netns = current->nsproxy->net_ns->net_cookie;
	rcu_assign_pointer(dev->whose, owner);
	return 0;
}

/**
 * rtap_dev_drop_owner() - have readers see that the device is nobody's
 * @dev: the device; its lock is held or nobody else can reach it
 */
void rtap_dev_drop_owner(struct rtap_dev *dev)
{
	/* the caller is the only writer */
	struct rtap_owner *owner = rcu_replace_pointer(dev->whose, NULL, true);

	if (owner)
		call_rcu(&owner->rcu, rtap_owner_free);
}
