// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs queued work on a kernel thread that belongs to the owner
 */
#include "worker.h"

#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "stats.h"
#include "trace.h"

/**
 * rtap_work_init() - prepare work for its first rtap_worker_queue()
 * @work: the work
 * @fn: what it does
 * @requeue: queues it again, on whoever is its worker by then
 */
void rtap_work_init(struct rtap_work *work, void (*fn)(struct rtap_work *work, u64 woken),
		    void (*requeue)(struct rtap_work *work))
{
	work->flags = 0;
	work->wakes = 0;
	work->fn = fn;
	work->requeue = requeue;
}

/* The work is off the list: it may be queued again. Returns when it was woken. */
static u64 rtap_work_release(struct rtap_work *work)
{
	u64 woken = work->woken;

	clear_bit_unlock(RTAP_WORK_QUEUED, &work->flags);
	/*
	 * Whoever finds the bit clear queues again, whoever found it set is seen
	 * by what is called next. Pairs with test_and_set_bit() in
	 * rtap_worker_queue().
	 */
	smp_mb__after_atomic();
	return woken;
}

static bool rtap_worker_drain(struct rtap_worker *worker)
{
	struct llist_node *list = llist_del_all(&worker->works);
	struct rtap_work *work, *next;
	u64 woken;

	if (!list)
		return false;
	__set_current_state(TASK_RUNNING);
	list = llist_reverse_order(list);
	llist_for_each_entry_safe(work, next, list, node) {
		woken = rtap_work_release(work);
		work->fn(work, woken);
		cond_resched();
	}
	return true;
}

/* Work that this worker will not do goes to whoever is to do it now. In any context. */
static void rtap_worker_give_up(struct rtap_worker *worker)
{
	struct llist_node *list = llist_reverse_order(llist_del_all(&worker->works));
	struct rtap_work *work, *next;

	llist_for_each_entry_safe(work, next, list, node) {
		rtap_work_release(work);
		work->requeue(work);
	}
}

static void rtap_worker_trace(const struct rtap_worker *worker, enum rtap_trace_worker action)
{
	trace_worker(worker->dev_id, worker->id, action, rtap_worker_tid(worker), -1);
}

static bool rtap_worker_run(void *data)
{
	struct rtap_worker *worker = data;

	if (unlikely(!worker->task)) {
		/* pairs with smp_load_acquire() in rtap_worker_task() */
		smp_store_release(&worker->task, get_task_struct(current));
		rtap_worker_trace(worker, RTAP_TRACE_WORKER_STARTED);
	}
	return rtap_worker_drain(worker);
}

/* On the worker's thread, as it exits because the owner was killed. */
static void rtap_worker_kill(void *data)
{
	struct rtap_worker *worker = data;

	rtap_worker_trace(worker, RTAP_TRACE_WORKER_KILLED);
	WRITE_ONCE(worker->dead, true);
	smp_mb(); /* pairs with llist_add() in rtap_worker_queue() */
	rtap_worker_give_up(worker);
}

/**
 * rtap_worker_create() - start a thread for the calling owner
 * @owner: pid of the owner, for the thread's name
 * @dev_id: id of the device
 * @id: number of the worker in its device
 * @kind: what the thread is to be
 *
 * Context: an ioctl of the owner, whose mm, cgroups and limits the thread takes.
 * Return: the worker, or an ERR_PTR (RLIMIT_NPROC and pids.max included).
 */
struct rtap_worker *rtap_worker_create(pid_t owner, u32 dev_id, u32 id,
				       enum rtap_thread_kind kind)
{
	struct rtap_worker *worker;
	char name[TASK_COMM_LEN];
	int err;

	worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	if (!worker)
		return ERR_PTR(-ENOMEM);
	worker->id = id;
	worker->dev_id = dev_id;
	init_llist_head(&worker->works);
	/* the name that tools look for when they pin or account vhost threads */
	snprintf(name, sizeof(name), "vhost-%d", owner);
	worker->thread = rtap_thread_create(kind, rtap_worker_run, rtap_worker_kill, worker, name);
	if (IS_ERR(worker->thread)) {
		err = PTR_ERR(worker->thread);
		kfree(worker);
		return ERR_PTR(err);
	}
	rtap_thread_start(worker->thread);
	return worker;
}

/* Of a worker that was killed, ours may have long been the last reference to the thread. */
static void rtap_worker_free(struct rcu_head *rcu)
{
	struct rtap_worker *worker = container_of(rcu, struct rtap_worker, rcu);

	if (worker->task)
		put_task_struct(worker->task);
	kfree(worker);
}

/**
 * rtap_worker_quit() - have the worker do no more work
 * @worker: as for rtap_worker_destroy(), which is to follow
 *
 * Context: process context; sleeps until the work that is running returns.
 * Return: 0, or -ERESTARTSYS if the caller was killed, while the work may wait for a page
 * of its.
 */
int rtap_worker_quit(struct rtap_worker *worker)
{
	return rtap_thread_quit(worker->thread);
}

/**
 * rtap_worker_destroy() - end the thread and free the worker
 * @worker: worker that nothing queues on any more, nor is about to: a grace period
 *          of RCU has passed since it could be found
 *
 * Work still queued is queued anew with whoever is its worker now. Never waits for
 * the owner: a worker whose owner was killed has already ended.
 *
 * Context: process context; sleeps until the work that is running returns.
 */
void rtap_worker_destroy(struct rtap_worker *worker)
{
	rtap_thread_stop(worker->thread);
	rtap_worker_trace(worker, RTAP_TRACE_WORKER_STOPPED);
	rtap_worker_give_up(worker);
	call_rcu(&worker->rcu, rtap_worker_free);
}

/**
 * rtap_worker_interrupt() - have the thread wait for no page of the owner's any more
 * @worker: a worker whose owner was killed or whose device is closed
 *
 * A page may come from who is waiting for the worker, by userfaultfd for one.
 *
 * Context: process context.
 */
void rtap_worker_interrupt(struct rtap_worker *worker)
{
	rtap_thread_interrupt(worker->thread);
}

/* One in RTAP_WORK_TIMED goes to a histogram; who traces wants to know of each. */
static u64 rtap_work_stamp(struct rtap_work *work)
{
	bool sample = rtap_stats_histograms_on() && work->wakes++ % RTAP_WORK_TIMED == 0;

	if (!sample && !trace_kick_enabled())
		return RTAP_WORK_UNTIMED;
	return (rtap_work_clock() & ~RTAP_WORK_SAMPLE) | (sample ? RTAP_WORK_SAMPLE : 0);
}

static void rtap_worker_add(struct rtap_worker *worker, struct rtap_work *work, bool woken)
{
	if (rtap_worker_is_dead(worker) || test_and_set_bit(RTAP_WORK_QUEUED, &work->flags))
		return;
	work->woken = woken ? rtap_work_stamp(work) : 0;
	/* full barrier, pairs with smp_mb() in rtap_worker_kill(): it finds the work, or ... */
	llist_add(&work->node, &worker->works);
	rtap_thread_wake(worker->thread);
	/* ... we find it dead: the work must not stay, it could never be queued again */
	if (unlikely(rtap_worker_is_dead(worker)))
		rtap_worker_give_up(worker);
}

/**
 * rtap_worker_queue() - have work done on the worker's thread
 * @worker: the worker; nothing happens if it is dead
 * @work: the work; nothing happens if it is queued already
 *
 * Context: any, including wake-up callbacks with interrupts off.
 */
void rtap_worker_queue(struct rtap_worker *worker, struct rtap_work *work)
{
	rtap_worker_add(worker, work, true);
}

/**
 * rtap_worker_queue_again() - have work done once more, after what others wait for
 * @worker: as rtap_worker_queue()
 * @work: work whose function is running
 *
 * Unlike a wake-up, this is not timed.
 *
 * Context: as rtap_worker_queue().
 */
void rtap_worker_queue_again(struct rtap_worker *worker, struct rtap_work *work)
{
	rtap_worker_add(worker, work, false);
}
