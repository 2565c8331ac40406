// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks into a file's wait queue and passes wake-ups on
 */
#include "notify.h"

#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/vhost.h>

static void rtap_poll_attach(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct rtap_poll *poll = container_of(table, struct rtap_poll, table);

	/* one queue is all that eventfd, tun, tap and packet sockets have */
	if (poll->head)
		return;
	poll->head = head;
	add_wait_queue(head, &poll->wait);
}

static int rtap_poll_callback(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct rtap_poll *poll = container_of(wait, struct rtap_poll, wait);
	__poll_t events = key_to_poll(key);

	if (!events || (events & poll->mask))
		poll->wake(poll);
	return 0;
}

/**
 * rtap_poll_init() - prepare an interest
 * @poll: the interest
 * @mask: events of interest
 * @wake: what to call when one happens
 */
void rtap_poll_init(struct rtap_poll *poll, __poll_t mask, void (*wake)(struct rtap_poll *poll))
{
	init_poll_funcptr(&poll->table, rtap_poll_attach);
	init_waitqueue_func_entry(&poll->wait, rtap_poll_callback);
	poll->head = NULL;
	poll->mask = mask;
	poll->wake = wake;
}

/**
 * rtap_poll_start() - be woken by a file from now on
 * @poll: an interest that is not started
 * @file: the file; the caller keeps a reference until rtap_poll_stop()
 *
 * Wakes at once if the file is ready already.
 *
 * Return: 0, or -EINVAL if the file is in error (a TAP whose device is gone).
 */
int rtap_poll_start(struct rtap_poll *poll, struct file *file)
{
	__poll_t mask = vfs_poll(file, &poll->table);

	if (mask & EPOLLERR) {
		rtap_poll_stop(poll);
		return -EINVAL;
	}
	if (mask & poll->mask)
		poll->wake(poll);
	return 0;
}

/**
 * rtap_poll_stop() - no wake-up starts after this returns
 * @poll: the interest; nothing happens if it is not started
 */
void rtap_poll_stop(struct rtap_poll *poll)
{
	if (!poll->head)
		return;
	remove_wait_queue(poll->head, &poll->wait);
	poll->head = NULL;
}

/**
 * rtap_eventfd_swap() - change whom to signal
 * @slot: holds the old eventfd, or NULL; guarded by the caller's lock
 * @fd: descriptor of the new one, or VHOST_FILE_UNBIND for none
 *
 * Return: 0, or the errno of a descriptor that is no eventfd; the old one then stays.
 */
int rtap_eventfd_swap(struct eventfd_ctx **slot, int fd)
{
	struct eventfd_ctx *ctx = NULL;

	if (fd != VHOST_FILE_UNBIND)
		ctx = eventfd_ctx_fdget(fd);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	swap(*slot, ctx);
	if (ctx)
		eventfd_ctx_put(ctx);
	return 0;
}
