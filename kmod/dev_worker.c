// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads of a device: made and freed by its owner, and which serves which queue
 */
#include "dev.h"

#include <linux/err.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/uaccess.h>

/**
 * rtap_dev_worker() - look up a worker
 * @dev: the device; its lock is held or nobody else can reach it
 * @id: below RTAP_DEV_WORKERS
 *
 * Return: the worker, NULL if there is none.
 */
struct rtap_worker *rtap_dev_worker(const struct rtap_dev *dev, u32 id)
{
	return rcu_dereference_protected(dev->workers[id], true);
}

/* Start a thread with the lowest free id, as stock's allocation does. */
static struct rtap_worker *rtap_dev_add_worker(struct rtap_dev *dev)
{
	struct rtap_worker *worker;
	u32 id = 0;

	lockdep_assert_held(&dev->lock);
	while (id < RTAP_DEV_WORKERS && rtap_dev_worker(dev, id))
		id++;
	if (id == RTAP_DEV_WORKERS)
		return ERR_PTR(-ENOSPC);
	worker = rtap_worker_create(dev->owner, dev->id, id, dev->threads);
	if (IS_ERR(worker))
		return worker;
	rcu_assign_pointer(dev->workers[id], worker);
	WRITE_ONCE(dev->nr_workers, dev->nr_workers + 1);
	return worker;
}

/* A grace period has passed since a queue had the worker. */
static void rtap_dev_remove_worker(struct rtap_dev *dev, struct rtap_worker *worker)
{
	rcu_assign_pointer(dev->workers[worker->id], NULL);
	WRITE_ONCE(dev->nr_workers, dev->nr_workers - 1);
	rtap_worker_destroy(worker);
}

/**
 * rtap_dev_start_workers() - start the threads that a new owner has
 * @dev: a device without workers; its lock is held
 * @want: how many; their ids count from 0
 *
 * One has to be there; if a further one cannot be had, fewer serve. A signal is no
 * reason: the ioctl is started again when it has been handled.
 *
 * Context: an ioctl of the owner.
 * Return: 0, or why there can be no worker.
 */
int rtap_dev_start_workers(struct rtap_dev *dev, u32 want)
{
	struct rtap_worker *worker;

	lockdep_assert_held(&dev->lock);
	while (dev->nr_workers < want) {
		worker = rtap_dev_add_worker(dev);
		if (IS_ERR(worker) &&
		    (!dev->nr_workers || worker == ERR_PTR(-ERESTARTNOINTR)))
			return PTR_ERR(worker);
		if (IS_ERR(worker)) {
			pr_warn_ratelimited("ringtap: device %u pid %d: %u of %u workers could be started (error %ld)\n",
					    dev->id, dev->owner, dev->nr_workers, want,
					    PTR_ERR(worker));
			return 0;
		}
	}
	return 0;
}

/**
 * rtap_dev_stop_workers() - end all threads
 * @dev: the device; no queue has a worker or is woken any more
 *
 * Context: process context of anyone; sleeps until the workers have ended.
 */
void rtap_dev_stop_workers(struct rtap_dev *dev)
{
	struct rtap_worker *worker;
	int i;

	/* one that was killed may be giving its work to another this very moment */
	if (dev->nr_workers > 1)
		synchronize_rcu();
	for (i = 0; i < RTAP_DEV_WORKERS; i++) {
		worker = rtap_dev_worker(dev, i);
		if (worker)
			rtap_dev_remove_worker(dev, worker);
	}
}

/**
 * rtap_dev_interrupt_workers() - have no thread wait for a page of the owner's any more
 * @dev: the device; its lock is held or nobody else can reach it
 */
void rtap_dev_interrupt_workers(struct rtap_dev *dev)
{
	struct rtap_worker *worker;
	int i;

	for (i = 0; i < RTAP_DEV_WORKERS; i++) {
		worker = rtap_dev_worker(dev, i);
		if (worker)
			rtap_worker_interrupt(worker);
	}
}

/**
 * rtap_dev_lock_vq() - take the lock of a queue whose worker may be at it
 * @dev: the device; its lock is held or nobody else can reach it
 * @vq: a queue of it
 *
 * A worker holds the lock while it waits for a page of the owner's. If the owner is
 * killed in here, or who closes the device, nobody may be left to supply the page:
 * then nobody waits for it. Others may not have the copy fail.
 *
 * Context: process context; sleeps for as long as a run over the queue takes.
 */
void rtap_dev_lock_vq(struct rtap_dev *dev, struct rtap_vq *vq)
{
	if (likely(!mutex_lock_killable(&vq->lock)))
		return;
	if (dev->closing || dev->mm == current->mm)
		rtap_dev_interrupt_workers(dev);
	mutex_lock(&vq->lock);
}

static struct rtap_worker *rtap_dev_find_worker(struct rtap_dev *dev, u32 id)
{
	lockdep_assert_held(&dev->lock);
	if (id >= RTAP_DEV_WORKERS)
		return NULL;
	return rtap_dev_worker(dev, array_index_nospec(id, RTAP_DEV_WORKERS));
}

/* As with stock, ENOMEM says that there was no thread to be had, for whatever reason. */
static long rtap_dev_new_worker(struct rtap_dev *dev, void __user *argp)
{
	struct vhost_worker_state state;
	struct rtap_worker *worker;

	worker = rtap_dev_add_worker(dev);
	if (worker == ERR_PTR(-ENOSPC) || worker == ERR_PTR(-ERESTARTNOINTR))
		return PTR_ERR(worker);
	if (IS_ERR(worker))
		return -ENOMEM;
	state.worker_id = worker->id;
	if (!copy_to_user(argp, &state, sizeof(state)))
		return 0;
	/* nobody knows of it */
	rtap_dev_remove_worker(dev, worker);
	return -EFAULT;
}

static bool rtap_dev_has_use_of(const struct rtap_dev *dev, const struct rtap_worker *worker)
{
	int i;

	for (i = 0; i < RTAP_DEV_VQS; i++)
		if (rtap_vq_worker(dev->vqs[i]) == worker)
			return true;
	return false;
}

static long rtap_dev_free_worker(struct rtap_dev *dev, void __user *argp)
{
	struct vhost_worker_state state;
	struct rtap_worker *worker;

	if (copy_from_user(&state, argp, sizeof(state)))
		return -EFAULT;
	worker = rtap_dev_find_worker(dev, state.worker_id);
	if (!worker)
		return -ENODEV;
	if (rtap_dev_has_use_of(dev, worker) || rtap_worker_is_dead(worker))
		return -EBUSY;
	/* wake-ups may have found it before the queue was moved: let them queue their work */
	synchronize_rcu();
	/* a queue that it has yet to let go of may be another's, who waits for the page */
	if (rtap_worker_quit(worker))
		rtap_dev_interrupt_workers(dev);
	rtap_dev_remove_worker(dev, worker);
	return 0;
}

/**
 * rtap_dev_fork_ioctl() - set or tell what the threads of the next owner are to be
 * @dev: the device; its lock is held
 * @cmd: VHOST_SET_FORK_FROM_OWNER or VHOST_GET_FORK_FROM_OWNER
 * @argp: user address of its argument
 *
 * Context: an ioctl of anyone: who will be the owner is not known yet.
 * Return: what the ioctl returns; -EOPNOTSUPP for what the kernel cannot do.
 */
long rtap_dev_fork_ioctl(struct rtap_dev *dev, unsigned int cmd, void __user *argp)
{
	u8 value;

	static_assert((int)RTAP_THREAD_KTHREAD == VHOST_FORK_OWNER_KTHREAD);
	static_assert((int)RTAP_THREAD_TASK == VHOST_FORK_OWNER_TASK);
	lockdep_assert_held(&dev->lock);
	if (cmd == VHOST_GET_FORK_FROM_OWNER)
		return put_user((u8)dev->threads, (u8 __user *)argp);
	if (dev->mm)
		return -EBUSY;
	if (get_user(value, (u8 __user *)argp))
		return -EFAULT;
	if (value != VHOST_FORK_OWNER_KTHREAD && value != VHOST_FORK_OWNER_TASK)
		return -EINVAL;
	if (value == VHOST_FORK_OWNER_TASK && rtap_thread_best() != RTAP_THREAD_TASK)
		return -EOPNOTSUPP;
	dev->threads = value;
	return 0;
}

/**
 * rtap_dev_worker_ioctl() - make or free a worker
 * @dev: the device; its lock is held
 * @cmd: VHOST_NEW_WORKER or VHOST_FREE_WORKER
 * @argp: user address of its argument
 *
 * Context: an ioctl of the owner.
 * Return: what the ioctl returns.
 */
long rtap_dev_worker_ioctl(struct rtap_dev *dev, unsigned int cmd, void __user *argp)
{
	lockdep_assert_held(&dev->lock);
	if (cmd == VHOST_NEW_WORKER)
		return rtap_dev_new_worker(dev, argp);
	return rtap_dev_free_worker(dev, argp);
}

/**
 * rtap_dev_attach_worker() - have a worker serve a queue, under traffic too
 * @dev: the device; its lock is held and it has an owner
 * @vq: a queue of it
 * @id: the worker
 *
 * Context: process context; sleeps.
 * Return: 0, -ENODEV if there is no such worker, -ESRCH if its owner was killed.
 */
int rtap_dev_attach_worker(struct rtap_dev *dev, struct rtap_vq *vq, u32 id)
{
	struct rtap_worker *worker = rtap_dev_find_worker(dev, id);

	if (!worker)
		return -ENODEV;
	if (rtap_worker_is_dead(worker))
		return -ESRCH;
	if (worker == rtap_vq_worker(vq))
		return 0;
	rtap_dev_lock_vq(dev, vq);
	rtap_vq_set_worker(vq, worker);
	mutex_unlock(&vq->lock);
	/* kicks that a dead worker let pass */
	rtap_vq_wake(vq);
	return 0;
}

/**
 * rtap_dev_vring_worker_ioctl() - set or tell which worker serves a queue
 * @dev: the device; its lock is held
 * @vq: the queue that the argument names
 * @cmd: VHOST_ATTACH_VRING_WORKER or VHOST_GET_VRING_WORKER
 * @argp: user address of its argument
 *
 * Context: an ioctl of the owner.
 * Return: what the ioctl returns.
 */
long rtap_dev_vring_worker_ioctl(struct rtap_dev *dev, struct rtap_vq *vq, unsigned int cmd,
				 void __user *argp)
{
	struct vhost_vring_worker arg = { .index = vq->index };
	struct rtap_worker *worker = rtap_vq_worker(vq);

	lockdep_assert_held(&dev->lock);
	if (cmd == VHOST_ATTACH_VRING_WORKER) {
		if (copy_from_user(&arg, argp, sizeof(arg)))
			return -EFAULT;
		return rtap_dev_attach_worker(dev, vq, arg.worker_id);
	}
	/* stock takes a queue away from a worker whose owner was killed */
	if (rtap_worker_is_dead(worker))
		return -EINVAL;
	arg.worker_id = worker->id;
	return copy_to_user(argp, &arg, sizeof(arg)) ? -EFAULT : 0;
}
