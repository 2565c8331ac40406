// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vhost task where it is to be a thread of the process, else a kthread on its memory
 */
#include "thread.h"

#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/vhost_task.h>
#include <linux/slab.h>

#include "thread_user.h"

/**
 * struct rtap_thread - a thread on behalf of the task that created it
 */
struct rtap_thread {
	/** @task: the thread of the process; NULL for a kthread, which has all that follows */
	struct vhost_task *task;
	/** @kthread: the kthread; its task_struct is held */
	struct task_struct *kthread;
	/** @user: who pays for it */
	struct rtap_thread_user *user;
	/** @mm: the creator's address space; its user count is held */
	struct mm_struct *mm;
	/** @creator: whose cgroups to join; valid until @joined completes */
	struct task_struct *creator;
	/** @joined: the thread has tried to join the cgroups */
	struct completion joined;
	/** @join_err: how that went */
	int join_err;
	/** @started: @fn may be called */
	bool started;
	/** @stop: @fn is to be called no more */
	bool stop;
	/** @ended: it is not */
	struct completion ended;
	/** @fn: called in a loop; false means that there was nothing to do */
	bool (*fn)(void *arg);
	/** @arg: for @fn */
	void *arg;
};

static int rtap_thread_main(void *data)
{
	struct rtap_thread *thread = data;

	/* ours alone, of rtap_thread_interrupt(): kill(2) is ignored */
	allow_kernel_signal(SIGKILL);
	thread->join_err = cgroup_attach_task_all(thread->creator, current);
	complete(&thread->joined);
	kthread_use_mm(thread->mm);
	for (;;) {
		/* pairs with the wake-ups of end_kthread(), start() and wake() */
		set_current_state(signal_pending(current) ? TASK_IDLE : TASK_INTERRUPTIBLE);
		if (READ_ONCE(thread->stop))
			break;
		if (!READ_ONCE(thread->started) || !thread->fn(thread->arg))
			schedule();
	}
	__set_current_state(TASK_RUNNING);
	kthread_unuse_mm(thread->mm);
	complete_all(&thread->ended);
	return 0;
}

/**
 * rtap_thread_quit() - have the thread call its function no more
 * @thread: thread from rtap_thread_create(), which nobody wakes any more
 *
 * A kthread may wait for a page that comes from who waits for the thread here, or for
 * another thread that does: if the caller is killed, nobody may be left to supply it.
 * Other threads end with who is killed.
 *
 * Context: process context; sleeps until the running call of its function ends.
 * Return: 0, or -ERESTARTSYS if the caller was killed and the call is still running:
 * whatever it may wait for is to be interrupted, and rtap_thread_stop() called.
 */
int rtap_thread_quit(struct rtap_thread *thread)
{
	if (thread->task)
		return 0;
	WRITE_ONCE(thread->stop, true);
	wake_up_process(thread->kthread);
	return wait_for_completion_killable(&thread->ended);
}

static void rtap_thread_end_kthread(struct rtap_thread *thread)
{
	if (rtap_thread_quit(thread))
		rtap_thread_interrupt(thread);
	kthread_stop(thread->kthread);
	put_task_struct(thread->kthread);
	mmput(thread->mm);
}

static int rtap_thread_make_kthread(struct rtap_thread *thread, const char *name)
{
	int err;

	init_completion(&thread->joined);
	init_completion(&thread->ended);
	thread->creator = current;
	/* there is one: the caller is in an ioctl */
	thread->mm = get_task_mm(current);
	thread->kthread = kthread_create(rtap_thread_main, thread, "%s", name);
	if (IS_ERR(thread->kthread)) {
		mmput(thread->mm);
		return PTR_ERR(thread->kthread);
	}
	get_task_struct(thread->kthread);
	wake_up_process(thread->kthread);
	wait_for_completion(&thread->joined);
	err = thread->join_err;
	if (err)
		rtap_thread_end_kthread(thread);
	return err;
}

static int rtap_thread_pay_kthread(struct rtap_thread *thread, const char *name)
{
	int err;

	thread->user = rtap_thread_user_charge();
	if (IS_ERR(thread->user))
		return PTR_ERR(thread->user);
	err = rtap_thread_make_kthread(thread, name);
	if (err)
		rtap_thread_user_uncharge(thread->user);
	return err;
}

/* Of a kernel that has several ways to say no, one made NULL of them all. */
static int rtap_thread_make_task(struct rtap_thread *thread, void (*killed)(void *arg),
				 const char *name)
{
	struct vhost_task *task = vhost_task_create(thread->fn, killed, thread->arg, name);

	if (IS_ERR_OR_NULL(task))
		return task ? PTR_ERR(task) : -ENOMEM;
	thread->task = task;
	return 0;
}

/**
 * rtap_thread_best() - the kind to make unless another is asked for
 *
 * Return: a thread of the process, where the kernel can make one.
 */
enum rtap_thread_kind rtap_thread_best(void)
{
	return RTAP_VHOST_TASKS ? RTAP_THREAD_TASK : RTAP_THREAD_KTHREAD;
}

/**
 * rtap_thread_create() - make a thread for the caller
 * @kind: which; not every kernel has %RTAP_THREAD_TASK
 * @fn: called whenever there may be work; returns whether there was
 * @killed: called on the thread when it ends because the process was killed; not for a kthread
 * @arg: for @fn and @killed
 * @name: the thread's name
 *
 * Context: process context of the owner; sleeps.
 * Return: the thread, or an ERR_PTR (RLIMIT_NPROC and pids.max included).
 */
struct rtap_thread *rtap_thread_create(enum rtap_thread_kind kind, bool (*fn)(void *arg),
				       void (*killed)(void *arg), void *arg, const char *name)
{
	struct rtap_thread *thread = kzalloc(sizeof(*thread), GFP_KERNEL_ACCOUNT);
	int err;

	if (!thread)
		return ERR_PTR(-ENOMEM);
	thread->fn = fn;
	thread->arg = arg;
	if (kind == RTAP_THREAD_TASK)
		err = rtap_thread_make_task(thread, killed, name);
	else
		err = rtap_thread_pay_kthread(thread, name);
	if (!err)
		return thread;
	kfree(thread);
	return ERR_PTR(err);
}

/**
 * rtap_thread_start() - let the thread call its function
 * @thread: thread from rtap_thread_create()
 */
void rtap_thread_start(struct rtap_thread *thread)
{
	if (thread->task) {
		vhost_task_start(thread->task);
		return;
	}
	WRITE_ONCE(thread->started, true);
	wake_up_process(thread->kthread);
}

/**
 * rtap_thread_stop() - end the thread and free it
 * @thread: thread from rtap_thread_create(), which nobody wakes any more
 *
 * Context: process context; sleeps until the running call of its function ends.
 */
void rtap_thread_stop(struct rtap_thread *thread)
{
	if (thread->task) {
		vhost_task_stop(thread->task);
	} else {
		rtap_thread_end_kthread(thread);
		rtap_thread_user_uncharge(thread->user);
	}
	kfree(thread);
}

/**
 * rtap_thread_wake() - make the thread call its function once more
 * @thread: thread from rtap_thread_create()
 *
 * Context: any.
 */
void rtap_thread_wake(struct rtap_thread *thread)
{
	if (likely(thread->task))
		vhost_task_wake(thread->task);
	else
		wake_up_process(thread->kthread);
}

/**
 * rtap_thread_interrupt() - have the thread wait for no page of its creator's any more
 * @thread: thread from rtap_thread_create()
 *
 * From now on a page that is not there makes the copy fail that needs it. A thread of a
 * process needs none of it: what kills the process has interrupted it already.
 *
 * Context: any.
 */
void rtap_thread_interrupt(struct rtap_thread *thread)
{
	if (!thread->task)
		send_sig(SIGKILL, thread->kthread, 1);
}
