// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes the tracepoints, with the names of what they say by number
 */
#include "stats.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
