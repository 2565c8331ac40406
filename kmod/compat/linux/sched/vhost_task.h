/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Says whether the kernel can add a thread to a process; where not, nobody can have one
 */
#ifndef RTAP_COMPAT_VHOST_TASK_H
#define RTAP_COMPAT_VHOST_TASK_H

#ifdef RTAP_HAVE_VHOST_TASK
#include_next <linux/sched/vhost_task.h>

#define RTAP_VHOST_TASKS true
#else
#include <linux/err.h>
#include <linux/types.h>

#define RTAP_VHOST_TASKS false

struct vhost_task;

static inline struct vhost_task *vhost_task_create(bool (*fn)(void *arg),
						   void (*handle_kill)(void *arg), void *arg,
						   const char *name)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void vhost_task_start(struct vhost_task *task)
{
}

static inline void vhost_task_stop(struct vhost_task *task)
{
}

static inline void vhost_task_wake(struct vhost_task *task)
{
}
#endif

#endif /* RTAP_COMPAT_VHOST_TASK_H */
