// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of the counters, as operators see them
 */
#include "stats.h"

static const char *const rtap_stats_names[RTAP_STATS] = {
	[RTAP_STAT_PACKETS] = "packets",
	[RTAP_STAT_BYTES] = "bytes",
	[RTAP_STAT_BATCHES] = "batches",
	[RTAP_STAT_KICKS] = "kicks",
	[RTAP_STAT_SIGNALS] = "signals",
	[RTAP_STAT_SUPPRESSED] = "signals_suppressed",
	[RTAP_STAT_POLL_HITS] = "poll_hits",
	[RTAP_STAT_POLL_MISSES] = "poll_misses",
	[RTAP_STAT_ALONE] = "alone",
	[RTAP_STAT_NO_BUFFERS] = "no_buffers",
	[RTAP_STAT_BACKPRESSURE] = "backpressure",
	[RTAP_STAT_DROP_SHORT] = "drop_short",
	[RTAP_STAT_DROP_LONG] = "drop_long",
	[RTAP_STAT_DROP_HEADER] = "drop_header",
	[RTAP_STAT_DROP_NOMEM] = "drop_nomem",
	[RTAP_STAT_DROP_TAP] = "drop_tap",
	[RTAP_STAT_DROP_NO_ROOM] = "drop_no_room",
	[RTAP_STAT_DROP_OFFLOAD] = "drop_offload",
	[RTAP_STAT_DROP_DETACHED] = "drop_detached",
};

/**
 * rtap_stats_name() - name of a counter
 * @stat: the counter
 *
 * Return: a constant string.
 */
const char *rtap_stats_name(enum rtap_stat stat)
{
	return rtap_stats_names[stat];
}
