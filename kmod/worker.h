/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel thread of the owner, and the work it is given
 */
#ifndef RTAP_WORKER_H
#define RTAP_WORKER_H

#include <linux/compiler.h>
#include <linux/llist.h>
#include <linux/types.h>

struct task_struct;
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
	/**
	 * @requeue: called instead of @fn when the worker ends with the work
	 * undone; queues it again on whoever is its worker now. In any context,
	 * without locks held.
	 */
	void (*requeue)(struct rtap_work *work);
};

/**
 * struct rtap_worker - a thread that serves any number of queues
 *
 * Tied to the owner: its mm, its cgroups, its limits. Knows nothing about
 * queues or devices; a queue refers to a worker and may change it.
 *
 * What it is found by, it must have gone from a grace period of RCU before it is
 * destroyed: wake-ups find it under rcu_read_lock() alone.
 */
struct rtap_worker {
	/** @id: number of the worker in its device; constant */
	u32 id;
	/** @task: the thread, as who starts, wakes and stops it; constant */
	struct vhost_task *task;
	/**
	 * @thread: the same thread, as the scheduler has it; see rtap_worker_thread().
	 * Stored once, by the thread itself when it first runs; the reference is
	 * dropped by rtap_worker_destroy().
	 */
	struct task_struct *thread;
	/** @works: queued work, newest first */
	struct llist_head works;
	/** @dead: the owner was killed, nothing queued from now on runs; never unset */
	bool dead;
};

struct rtap_worker *rtap_worker_create(pid_t owner, u32 id);
void rtap_worker_destroy(struct rtap_worker *worker);
void rtap_worker_queue(struct rtap_worker *worker, struct rtap_work *work);
void rtap_work_init(struct rtap_work *work, void (*fn)(struct rtap_work *work),
		    void (*requeue)(struct rtap_work *work));

/**
 * rtap_worker_is_dead() - whether the worker's owner was killed
 * @worker: the worker
 *
 * Return: true if the worker runs nothing any more.
 */
static inline bool rtap_worker_is_dead(const struct rtap_worker *worker)
{
	return READ_ONCE(worker->dead);
}

/**
 * rtap_worker_thread() - the thread, to be looked at
 * @worker: a worker that is not destroyed meanwhile (its device's lock is held)
 *
 * Return: the thread, valid for as long as the worker, though it may have exited;
 * NULL before it has run for the first time.
 */
static inline struct task_struct *rtap_worker_thread(const struct rtap_worker *worker)
{
	/* pairs with smp_store_release() in rtap_worker_run() */
	return smp_load_acquire(&worker->thread);
}

#endif /* RTAP_WORKER_H */
