/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a queue counts: written under its lock, read by anyone
 */
#ifndef RTAP_STATS_H
#define RTAP_STATS_H

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/minmax.h>
#include <linux/types.h>

#include "ring.h"

#if !defined(__LP64__)
#error "ringtap needs a 64-bit kernel: its counters are stored in one piece"
#endif

/** RTAP_STATS_BATCH_BUCKETS - buckets of batch sizes; the last is for 256 frames and more */
#define RTAP_STATS_BATCH_BUCKETS 10
/** RTAP_STATS_WAKE_BUCKETS - buckets of nanoseconds; the last is for 2^34 (17 s) and more */
#define RTAP_STATS_WAKE_BUCKETS 36

/**
 * enum rtap_stat - a queue's counters
 * @RTAP_STAT_PACKETS: frames handed to the TAP, or delivered to the guest
 * @RTAP_STAT_BYTES: their bytes, without the virtio header
 * @RTAP_STAT_BATCHES: runs of frames handed over or delivered together
 * @RTAP_STAT_KICKS: times the worker was woken for the queue, by whomever
 * @RTAP_STAT_SIGNALS: call eventfd signalled
 * @RTAP_STAT_SUPPRESSED: signals the driver did not want
 * @RTAP_STAT_POLL_HITS: busy polls that found work
 * @RTAP_STAT_POLL_MISSES: busy polls that did not
 * @RTAP_STAT_ALONE: frames that went one by one (sendmsg, recvmsg)
 * @RTAP_STAT_NO_BUFFERS: times the guest had posted too few receive buffers
 * @RTAP_STAT_BACKPRESSURE: times the TAP's send buffer was full
 * @RTAP_STAT_DROP_SHORT: frames under 14 bytes
 * @RTAP_STAT_DROP_LONG: frames the TAP cannot take
 * @RTAP_STAT_DROP_HEADER: virtio header that contradicts the frame
 * @RTAP_STAT_DROP_NOMEM: no memory for a frame
 * @RTAP_STAT_DROP_TAP: frames the TAP refused, or the TAP is gone
 * @RTAP_STAT_DROP_NO_ROOM: frames larger than the guest's buffers
 * @RTAP_STAT_DROP_OFFLOAD: frames whose offload the virtio header cannot say
 * @RTAP_STAT_DROP_DETACHED: frames taken from a TAP that then went away
 * @RTAP_STAT_DROP_TAP_FULL: frames that a TAP had no room for when they were given back
 * @RTAP_STAT_IOTLB_MISSES: times the queue had to wait for a translation of the VMM's
 * @RTAP_STAT_LOGGED_PAGES: 4 KiB pages of guest memory marked in the dirty log, each time anew
 * @RTAP_STATS: how many there are
 */
enum rtap_stat {
	RTAP_STAT_PACKETS,
	RTAP_STAT_BYTES,
	RTAP_STAT_BATCHES,
	RTAP_STAT_KICKS,
	RTAP_STAT_SIGNALS,
	RTAP_STAT_SUPPRESSED,
	RTAP_STAT_POLL_HITS,
	RTAP_STAT_POLL_MISSES,
	RTAP_STAT_ALONE,
	RTAP_STAT_NO_BUFFERS,
	RTAP_STAT_BACKPRESSURE,
	RTAP_STAT_DROP_SHORT,
	RTAP_STAT_DROP_LONG,
	RTAP_STAT_DROP_HEADER,
	RTAP_STAT_DROP_NOMEM,
	RTAP_STAT_DROP_TAP,
	RTAP_STAT_DROP_NO_ROOM,
	RTAP_STAT_DROP_OFFLOAD,
	RTAP_STAT_DROP_DETACHED,
	RTAP_STAT_DROP_TAP_FULL,
	RTAP_STAT_IOTLB_MISSES,
	RTAP_STAT_LOGGED_PAGES,
	RTAP_STATS,
};

/**
 * struct rtap_stats - counters of one queue
 *
 * One writer: whoever holds the queue's lock. Readers take no lock; a 64-bit
 * counter is stored in one piece on the 64-bit machines that ringtap builds for.
 */
struct rtap_stats {
	/** @counts: by enum rtap_stat */
	u64 counts[RTAP_STATS];
	/** @errors: ring errors, by enum rtap_ring_error */
	u64 errors[RTAP_RING_ERRORS];
	/** @batches: batches by how many frames they had, see rtap_stats_bucket_from() */
	u64 batches[RTAP_STATS_BATCH_BUCKETS];
	/** @wakes: timed wake-ups that moved a frame, by nanoseconds until the first */
	u64 wakes[RTAP_STATS_WAKE_BUCKETS];
};

/**
 * rtap_stats_bucket_from() - lowest value that a bucket counts
 * @bucket: bucket of any of the histograms
 *
 * A value goes to the bucket whose number is how many bits it takes: 0 to the first,
 * 1 to the next, then 2 and 3, and so on up to the last bucket, which has no upper end.
 *
 * Return: the value.
 */
static inline u64 rtap_stats_bucket_from(u32 bucket)
{
	return bucket ? BIT_ULL(bucket - 1) : 0;
}

DECLARE_STATIC_KEY_TRUE(rtap_stats_histograms);

/**
 * rtap_stats_histograms_on() - whether histograms are kept: the module parameter histograms
 *
 * Return: true if they are.
 */
static inline bool rtap_stats_histograms_on(void)
{
	return static_branch_likely(&rtap_stats_histograms);
}

/**
 * rtap_stats_add() - count
 * @stats: the queue's counters
 * @stat: which one
 * @n: by how much
 *
 * Context: the queue's lock is held, so that there is no other writer.
 */
static inline void rtap_stats_add(struct rtap_stats *stats, enum rtap_stat stat, u64 n)
{
	WRITE_ONCE(stats->counts[stat], stats->counts[stat] + n);
}

/**
 * rtap_stats_error() - count a ring error
 * @stats: the queue's counters
 * @kind: what was wrong
 *
 * Context: as rtap_stats_add().
 */
static inline void rtap_stats_error(struct rtap_stats *stats, enum rtap_ring_error kind)
{
	WRITE_ONCE(stats->errors[kind], stats->errors[kind] + 1);
}

/**
 * rtap_stats_batch() - count frames handed over or delivered together
 * @stats: the queue's counters
 * @packets: how many, at least one
 * @bytes: their bytes, without the virtio header
 *
 * Context: as rtap_stats_add().
 */
static inline void rtap_stats_batch(struct rtap_stats *stats, u32 packets, u64 bytes)
{
	u64 *bucket = &stats->batches[min_t(u32, fls(packets), RTAP_STATS_BATCH_BUCKETS - 1)];

	rtap_stats_add(stats, RTAP_STAT_PACKETS, packets);
	rtap_stats_add(stats, RTAP_STAT_BYTES, bytes);
	rtap_stats_add(stats, RTAP_STAT_BATCHES, 1);
	if (rtap_stats_histograms_on())
		WRITE_ONCE(*bucket, *bucket + 1);
}

/**
 * rtap_stats_wake() - count how long a wake-up took to move its first frame
 * @stats: the queue's counters
 * @ns: nanoseconds
 *
 * Context: as rtap_stats_add().
 */
static inline void rtap_stats_wake(struct rtap_stats *stats, u64 ns)
{
	u64 *bucket = &stats->wakes[min_t(u32, fls64(ns), RTAP_STATS_WAKE_BUCKETS - 1)];

	WRITE_ONCE(*bucket, *bucket + 1);
}

#endif /* RTAP_STATS_H */
