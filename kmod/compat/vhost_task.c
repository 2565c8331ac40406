// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kthread that works on its creator's mm and in its cgroups
 */
#include <linux/types.h>
#include <linux/sched/vhost_task.h>

#ifndef RTAP_HAVE_VHOST_TASK
#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

/**
 * struct vhost_task - a kernel thread on behalf of the task that created it
 */
struct vhost_task {
	/** @thread: the kthread; its task_struct is held */
	struct task_struct *thread;
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

static int rtap_compat_task_main(void *data)
{
	struct vhost_task *task = data;

	/* ours alone, of rtap_compat_task_interrupt(): kill(2) is ignored */
	allow_kernel_signal(SIGKILL);
	task->join_err = cgroup_attach_task_all(task->creator, current);
	complete(&task->joined);
	kthread_use_mm(task->mm);
	for (;;) {
		/* pairs with the wake-ups of task_free(), task_start() and task_wake() */
		set_current_state(signal_pending(current) ? TASK_IDLE : TASK_INTERRUPTIBLE);
		if (READ_ONCE(task->stop))
			break;
		if (!READ_ONCE(task->started) || !task->fn(task->arg))
			schedule();
	}
	__set_current_state(TASK_RUNNING);
	kthread_unuse_mm(task->mm);
	complete(&task->ended);
	return 0;
}

/*
 * The thread may wait for a page that comes from who waits for the thread here: if
 * that is killed, nobody may be left to supply it, and the copy is to fail.
 */
static void rtap_compat_task_free(struct vhost_task *task)
{
	WRITE_ONCE(task->stop, true);
	wake_up_process(task->thread);
	if (wait_for_completion_killable(&task->ended))
		rtap_vhost_task_interrupt(task);
	kthread_stop(task->thread);
	put_task_struct(task->thread);
	mmput(task->mm);
	kfree(task);
}

/**
 * rtap_compat_task_create() - make a thread on the caller's mm and in its cgroups
 * @fn: called whenever there may be work; returns whether there was
 * @handle_kill: unused: signals do not reach a kthread
 * @arg: for @fn
 * @name: the thread's name
 *
 * Context: process context of the owner; sleeps.
 * Return: the thread, or an ERR_PTR.
 */
struct vhost_task *rtap_compat_task_create(bool (*fn)(void *arg), void (*handle_kill)(void *arg),
					   void *arg, const char *name)
{
	struct vhost_task *task;
	int err;

	task = kzalloc(sizeof(*task), GFP_KERNEL_ACCOUNT);
	if (!task)
		return ERR_PTR(-ENOMEM);
	init_completion(&task->joined);
	init_completion(&task->ended);
	task->fn = fn;
	task->arg = arg;
	task->creator = current;
	/* there is one: the caller is in an ioctl */
	task->mm = get_task_mm(current);
	task->thread = kthread_create(rtap_compat_task_main, task, "%s", name);
	if (IS_ERR(task->thread)) {
		err = PTR_ERR(task->thread);
		mmput(task->mm);
		kfree(task);
		return ERR_PTR(err);
	}
	get_task_struct(task->thread);
	wake_up_process(task->thread);
	wait_for_completion(&task->joined);
	err = task->join_err;
	if (err) {
		rtap_compat_task_free(task);
		return ERR_PTR(err);
	}
	return task;
}

/**
 * rtap_compat_task_start() - let the thread call its function
 * @task: thread from rtap_compat_task_create()
 */
void rtap_compat_task_start(struct vhost_task *task)
{
	WRITE_ONCE(task->started, true);
	wake_up_process(task->thread);
}

/**
 * rtap_compat_task_stop() - end the thread and free it
 * @task: thread from rtap_compat_task_create()
 *
 * Context: process context; sleeps until the running call of its function ends.
 */
void rtap_compat_task_stop(struct vhost_task *task)
{
	rtap_compat_task_free(task);
}

/**
 * rtap_compat_task_wake() - make the thread call its function once more
 * @task: thread from rtap_compat_task_create()
 *
 * Context: any.
 */
void rtap_compat_task_wake(struct vhost_task *task)
{
	wake_up_process(task->thread);
}

/**
 * rtap_compat_task_interrupt() - have the thread wait for no page of its creator's any more
 * @task: thread from rtap_compat_task_create()
 *
 * From now on a page that is not there makes the copy fail that needs it.
 *
 * Context: any.
 */
void rtap_compat_task_interrupt(struct vhost_task *task)
{
	send_sig(SIGKILL, task->thread, 1);
}
#endif
