/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals, which no test of rings sends */
#ifndef RTAP_SHIM_SCHED_SIGNAL_H
#define RTAP_SHIM_SCHED_SIGNAL_H

#define fatal_signal_pending(task) 0

#endif
