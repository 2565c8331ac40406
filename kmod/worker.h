/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel thread of the owner, and the work it is given
 */
#ifndef RTAP_WORKER_H
#define RTAP_WORKER_H

#include <linux/llist.h>
#include <linux/types.h>

struct vhost_task;

/** RTAP_WORK_QUEUED - bit in rtap_work.flags: the work is on some worker's list */
#define RTAP_WORK_QUEUED 0

/**
 * struct rtap_work - something a worker does; queued at most once at a time
 */
struct rtap_work {
	/** @node: on the worker's list while queued */
	struct llist_node node;
	/** @flags: RTAP_WORK_* bits */
	unsigned long flags;
	/** @fn: called on the worker's thread, on the owner's mm, without locks held */
	void (*fn)(struct rtap_work *work);
};

/**
 * struct rtap_worker - a thread that serves any number of queues
 *
 * Tied to the owner: its mm, its cgroups, its limits. Knows nothing about
 * queues or devices; a queue refers to a worker and may change it.
 */
struct rtap_worker {
	/** @task: the thread */
	struct vhost_task *task;
	/** @works: queued work, newest first */
	struct llist_head works;
	/** @dead: the owner was killed, nothing queued from now on runs */
	bool dead;
};

struct rtap_worker *rtap_worker_create(pid_t owner);
void rtap_worker_destroy(struct rtap_worker *worker);
void rtap_worker_queue(struct rtap_worker *worker, struct rtap_work *work);
void rtap_work_init(struct rtap_work *work, void (*fn)(struct rtap_work *work));

#endif /* RTAP_WORKER_H */
