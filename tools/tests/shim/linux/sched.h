/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The offer to reschedule, which user space need not make */
#ifndef RTAP_SHIM_SCHED_H
#define RTAP_SHIM_SCHED_H

#include_next <linux/sched.h>

#define cond_resched() ((void)0)

#endif
