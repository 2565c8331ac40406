/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one signal that matters: whoever runs has been killed */
#ifndef RTAP_SHIM_SCHED_SIGNAL_H
#define RTAP_SHIM_SCHED_SIGNAL_H

/* Each source that looks at it has it: the linker makes one of them all. */
__attribute__((weak)) int rtap_shim_killed;

#define fatal_signal_pending(task) (rtap_shim_killed)

#endif
