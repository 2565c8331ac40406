/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The dirty log: a bit for each 4 KiB of guest memory that the device has written
 *
 * With VHOST_F_LOG_ALL the VMM gives a bitmap in its own memory, which it reads and
 * clears whenever it likes. A bit is set after what it tells of was written: whoever
 * clears it and then copies the page has what was written before, or finds the bit
 * set again.
 */
#ifndef RTAP_LOG_H
#define RTAP_LOG_H

#include <linux/types.h>

/** RTAP_LOG_PAGE_SHIFT - a bit is for so much guest memory, whatever a page is here */
#define RTAP_LOG_PAGE_SHIFT 12
/** RTAP_LOG_RESERVE - stretches that a frame may take beside those of its buffers */
#define RTAP_LOG_RESERVE 192
/** RTAP_LOG_STRETCHES - stretches kept: a frame of 1,024 buffers, and the reserve */
#define RTAP_LOG_STRETCHES (1024 + RTAP_LOG_RESERVE)

/**
 * struct rtap_log_stretch - memory that is being written
 */
struct rtap_log_stretch {
	/** @addr: guest physical address, or a user address where there is an IOTLB */
	u64 addr;
	/** @len: bytes */
	u64 len;
};

/**
 * struct rtap_log - one queue's way into the dirty log
 *
 * Single user: the queue's lock covers it.
 */
struct rtap_log {
	/** @base: user address of the bitmap, 0 without one */
	u64 base;
	/** @pages: bits set since the VMM was last told */
	u64 pages;
	/** @lost: something could not be kept */
	bool lost;
	/** @nr: stretches kept */
	u32 nr;
	/** @stretches: room for RTAP_LOG_STRETCHES; not owned */
	struct rtap_log_stretch *stretches;
};

bool rtap_log_reaches(u64 base, u64 gpa, u64 len);
int rtap_log_dirty(struct rtap_log *log, u64 gpa, u64 len);
void rtap_log_note(struct rtap_log *log, u64 addr, u64 len);

/**
 * rtap_log_is_filling() - whether what is kept has to be logged before the next frame
 * @log: the log
 *
 * Return: true if so.
 */
static inline bool rtap_log_is_filling(const struct rtap_log *log)
{
	return log->nr > RTAP_LOG_RESERVE / 2;
}

#endif /* RTAP_LOG_H */
