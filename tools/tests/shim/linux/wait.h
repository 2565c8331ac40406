/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Wait queues: nobody waits here, but wake-ups are counted */
#ifndef RTAP_SHIM_WAIT_H
#define RTAP_SHIM_WAIT_H

typedef struct {
	unsigned int wakes;
} wait_queue_head_t;

#define init_waitqueue_head(head) ((void)((head)->wakes = 0))
#define wake_up_interruptible_poll(head, mask) ((void)((head)->wakes++))

#endif
