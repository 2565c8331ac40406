/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread that works for the process that made it: as a part of it, or beside it
 */
#ifndef RTAP_THREAD_H
#define RTAP_THREAD_H

#include <linux/types.h>

struct rtap_thread;

/**
 * enum rtap_thread_kind - whose a thread is; numbered as VHOST_SET_FORK_FROM_OWNER has it
 * @RTAP_THREAD_KTHREAD: a kernel thread on the creator's memory and in its cgroups, but not
 *			 under its limits; goes on when the creator is killed, while others
 *			 have the memory or it is told to stop
 * @RTAP_THREAD_TASK: a thread of the creator's process, with its limits; ends with it.
 *		      Not on 6.1
 */
enum rtap_thread_kind {
	RTAP_THREAD_KTHREAD,
	RTAP_THREAD_TASK,
};

enum rtap_thread_kind rtap_thread_best(void);
struct rtap_thread *rtap_thread_create(enum rtap_thread_kind kind, bool (*fn)(void *arg),
				       void (*killed)(void *arg), void *arg, const char *name);
int rtap_thread_quit(struct rtap_thread *thread);
void rtap_thread_start(struct rtap_thread *thread);
void rtap_thread_stop(struct rtap_thread *thread);
void rtap_thread_wake(struct rtap_thread *thread);
void rtap_thread_interrupt(struct rtap_thread *thread);

#endif /* RTAP_THREAD_H */
