/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps vhost_task_*() to a kthread where the kernel has none
 */
#ifndef RTAP_COMPAT_VHOST_TASK_H
#define RTAP_COMPAT_VHOST_TASK_H

#ifdef RTAP_HAVE_VHOST_TASK
#include_next <linux/sched/vhost_task.h>

/* A thread of the owner's process: what kills the process has interrupted it already. */
#define rtap_vhost_task_interrupt(task) ((void)(task))
#else
#include <linux/types.h>

struct vhost_task;

struct vhost_task *rtap_compat_task_create(bool (*fn)(void *arg), void (*handle_kill)(void *arg),
					   void *arg, const char *name);
void rtap_compat_task_start(struct vhost_task *task);
void rtap_compat_task_stop(struct vhost_task *task);
void rtap_compat_task_wake(struct vhost_task *task);
void rtap_compat_task_interrupt(struct vhost_task *task);

#define vhost_task_create(fn, kill, arg, name) rtap_compat_task_create(fn, kill, arg, name)
#define vhost_task_start(task) rtap_compat_task_start(task)
#define vhost_task_stop(task) rtap_compat_task_stop(task)
#define vhost_task_wake(task) rtap_compat_task_wake(task)
#define rtap_vhost_task_interrupt(task) rtap_compat_task_interrupt(task)
#endif

#endif /* RTAP_COMPAT_VHOST_TASK_H */
