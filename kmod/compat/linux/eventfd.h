/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gives eventfd_signal() the one argument that newer kernels want
 */
#ifndef RTAP_COMPAT_EVENTFD_H
#define RTAP_COMPAT_EVENTFD_H

#include_next <linux/eventfd.h>

#ifdef RTAP_EVENTFD_SIGNAL_COUNTS
static inline void rtap_compat_eventfd_signal(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx, 1);
}

#define eventfd_signal(ctx) rtap_compat_eventfd_signal(ctx)
#endif

#endif /* RTAP_COMPAT_EVENTFD_H */
