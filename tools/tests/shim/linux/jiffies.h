/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A clock that stands still unless a test sets it */
#ifndef RTAP_SHIM_JIFFIES_H
#define RTAP_SHIM_JIFFIES_H

#define HZ 250UL

/* Each source that looks at it has it: the linker makes one of them all. */
__attribute__((weak)) unsigned long jiffies;

#define time_after(a, b) ((long)((b) - (a)) < 0)

#endif
