/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Being woken by a file (a kick eventfd, a TAP), and whom to signal
 */
#ifndef RTAP_NOTIFY_H
#define RTAP_NOTIFY_H

#include <linux/poll.h>
#include <linux/wait.h>

struct eventfd_ctx;

/**
 * struct rtap_poll - an interest in a file becoming ready
 */
struct rtap_poll {
	/** @table: how vfs_poll() hands us the wait queue */
	poll_table table;
	/** @wait: our entry on that queue */
	wait_queue_entry_t wait;
	/** @head: the queue, NULL while not started */
	wait_queue_head_t *head;
	/** @mask: events of interest */
	__poll_t mask;
	/** @wake: called when one happens; any context, interrupts may be off */
	void (*wake)(struct rtap_poll *poll);
};

void rtap_poll_init(struct rtap_poll *poll, __poll_t mask, void (*wake)(struct rtap_poll *poll));
int rtap_poll_start(struct rtap_poll *poll, struct file *file);
void rtap_poll_stop(struct rtap_poll *poll);

int rtap_eventfd_swap(struct eventfd_ctx **slot, int fd);

#endif /* RTAP_NOTIFY_H */
