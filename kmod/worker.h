/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel thread of the owner, and the work it is given
 */
#ifndef RTAP_WORKER_H
#define RTAP_WORKER_H

#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/llist.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "thread.h"

/** RTAP_WORK_QUEUED - bit in rtap_work.flags: the work is on some worker's list */
#define RTAP_WORK_QUEUED 0

/**
 * RTAP_WORK_TIMED - one in so many wake-ups is timed: a clock that is read for each would
 * cost who wakes, and a worker that is woken for every packet, more than 1 % of a packet
 */
#define RTAP_WORK_TIMED 8
/** RTAP_WORK_SAMPLE - bit in the time of a wake-up: it is one of those */
#define RTAP_WORK_SAMPLE BIT_ULL(0)
/** RTAP_WORK_UNTIMED - stands for the time of a wake-up that is not timed */
#define RTAP_WORK_UNTIMED BIT_ULL(1)

/**
 * struct rtap_work - something a worker does; queued at most once at a time
 */
struct rtap_work {
	/** @node: on the worker's list while queued */
	struct llist_node node;
	/** @flags: RTAP_WORK_* bits */
	unsigned long flags;
	/**
	 * @woken: when a wake-up queued it, as rtap_work_clock() has it but for
	 * RTAP_WORK_SAMPLE, or RTAP_WORK_UNTIMED; 0 if its own function did. Written by
	 * whoever queues it, valid while it is queued.
	 */
	u64 woken;
	/** @wakes: how many wake-ups queued it; written likewise */
	u32 wakes;
	/**
	 * @fn: called on the worker's thread, on the owner's mm, without locks held, with
	 * @woken as it was while the work was queued: it may be queued again already
	 */
	void (*fn)(struct rtap_work *work, u64 woken);
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
	/** @dev_id: id of the device, for traces; constant */
	u32 dev_id;
	/** @thread: the thread, as who starts, wakes and stops it; constant */
	struct rtap_thread *thread;
	/**
	 * @task: the same thread, as the scheduler has it; see rtap_worker_task().
	 * Stored once, by the thread itself when it first runs; the reference is
	 * dropped a grace period after rtap_worker_destroy().
	 */
	struct task_struct *task;
	/** @works: queued work, newest first */
	struct llist_head works;
	/** @dead: the owner was killed, nothing queued from now on runs; never unset */
	bool dead;
	/** @rcu: who only looks at the worker has a grace period more */
	struct rcu_head rcu;
};

struct rtap_worker *rtap_worker_create(pid_t owner, u32 dev_id, u32 id,
				       enum rtap_thread_kind kind);
void rtap_worker_interrupt(struct rtap_worker *worker);
int rtap_worker_quit(struct rtap_worker *worker);
void rtap_worker_destroy(struct rtap_worker *worker);
void rtap_worker_queue(struct rtap_worker *worker, struct rtap_work *work);
void rtap_worker_queue_again(struct rtap_worker *worker, struct rtap_work *work);
void rtap_work_init(struct rtap_work *work, void (*fn)(struct rtap_work *work, u64 woken),
		    void (*requeue)(struct rtap_work *work));

/**
 * rtap_work_clock() - the clock that tells how long work waits
 *
 * Read on the CPU of whoever wakes and on the worker's, from wherever a wake-up may come
 * from. So it has to agree between CPUs, where local_clock() need not, and must neither
 * wait for who sets it nor complain while the machine is being suspended, as ktime_get()
 * does.
 *
 * Return: nanoseconds of CLOCK_MONOTONIC.
 */
static inline u64 rtap_work_clock(void)
{
	return ktime_get_mono_fast_ns();
}

/**
 * rtap_work_since() - how long ago something was
 * @then: what rtap_work_clock() said, possibly on another CPU
 *
 * Return: nanoseconds; 0 if the other CPU's clock was ahead of ours.
 */
static inline u64 rtap_work_since(u64 then)
{
	u64 now = rtap_work_clock();

	return now > then ? now - then : 0;
}

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
 * rtap_worker_task() - the thread, to be looked at
 * @worker: a worker that is not destroyed meanwhile: its device's lock is held, or
 *          rcu_read_lock() since it was found
 *
 * Return: the thread, valid for as long as the worker, though it may have exited;
 * NULL before it has run for the first time.
 */
static inline struct task_struct *rtap_worker_task(const struct rtap_worker *worker)
{
	/* pairs with smp_store_release() in rtap_worker_run() */
	return smp_load_acquire(&worker->task);
}

/**
 * rtap_worker_tid() - id of the thread
 * @worker: as rtap_worker_task()
 *
 * Return: the id in the initial pid namespace; 0 before it has run for the first time.
 */
static inline pid_t rtap_worker_tid(const struct rtap_worker *worker)
{
	const struct task_struct *task = rtap_worker_task(worker);

	return task ? task->pid : 0;
}

#endif /* RTAP_WORKER_H */
