// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets bits of the dirty log, in the VMM's memory, while it may be read and cleared
 *
 * By the primitive behind FUTEX_WAKE_OP: an atomic OR on user memory that faults pages
 * in, so that none is pinned for it.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/minmax.h>
/* up to 6.12 <asm/futex.h> relies on it */
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <asm/futex.h>

#include "log.h"

#define RTAP_LOG_WORD_BITS 32

/* Bits are numbered as those of an unsigned long are: its halves are the other way round. */
#if defined(__BIG_ENDIAN) && BITS_PER_LONG == 64
#define RTAP_LOG_SWAP sizeof(u32)
#else
#define RTAP_LOG_SWAP 0
#endif

/* An architecture may give up under contention; the VMM's threads may make that last. */
static int rtap_log_or(u64 word, u32 mask)
{
	u32 __user *uaddr = (u32 __user *)(uintptr_t)(word ^ RTAP_LOG_SWAP);
	int old, err;

	if (!access_ok(uaddr, sizeof(*uaddr)))
		return -EFAULT;
	for (;;) {
		err = arch_futex_atomic_op_inuser(FUTEX_OP_OR, mask, &old, uaddr);
		if (likely(err != -EAGAIN))
			return err ? -EFAULT : 0;
		if (fatal_signal_pending(current))
			return -EFAULT;
		cond_resched();
	}
}

/**
 * rtap_log_reaches() - whether the log of some guest memory can be user memory at all
 * @base: user address of the bitmap
 * @gpa: first guest physical address
 * @len: bytes, not 0
 *
 * Return: true if so, mapped or not.
 */
bool rtap_log_reaches(u64 base, u64 gpa, u64 len)
{
	u64 first = base + (gpa >> (RTAP_LOG_PAGE_SHIFT + 3));
	u64 bytes = ((len - 1) >> (RTAP_LOG_PAGE_SHIFT + 3)) + 1;

	return first >= base && access_ok((void __user *)(uintptr_t)first, bytes);
}

/**
 * rtap_log_dirty() - set the bits of guest memory that was written
 * @log: the log
 * @gpa: first guest physical address
 * @len: bytes
 *
 * Context: a thread that uses the owner's mm; the queue's lock is held; may sleep.
 * Return: 0, or -EFAULT if the bitmap is not there.
 */
int rtap_log_dirty(struct rtap_log *log, u64 gpa, u64 len)
{
	u64 first = gpa >> RTAP_LOG_PAGE_SHIFT;
	u64 last = (gpa + len - 1) >> RTAP_LOG_PAGE_SHIFT;
	/* the bitmap may begin within a word */
	u32 skew = (log->base % sizeof(u32)) * BITS_PER_BYTE;
	u64 word = log->base - log->base % sizeof(u32);
	u64 bit, end;

	if (!len)
		return 0;
	if (last < first)
		return -EFAULT;
	for (bit = first + skew; bit <= last + skew; bit = end + 1) {
		end = min(last + skew, bit | (RTAP_LOG_WORD_BITS - 1));
		if (rtap_log_or(word + bit / RTAP_LOG_WORD_BITS * sizeof(u32),
				GENMASK(end % RTAP_LOG_WORD_BITS, bit % RTAP_LOG_WORD_BITS)))
			return -EFAULT;
	}
	log->pages += last - first + 1;
	return 0;
}

/**
 * rtap_log_note() - keep in mind that memory is about to be written
 * @log: the log
 * @addr: where; what an address is, all that is kept agrees on
 * @len: bytes
 *
 * What there is no room for makes the log incomplete, and it says so.
 */
void rtap_log_note(struct rtap_log *log, u64 addr, u64 len)
{
	struct rtap_log_stretch *last = log->stretches + log->nr - 1;

	if (log->nr && last->addr + last->len == addr) {
		last->len += len;
		return;
	}
	if (log->nr == RTAP_LOG_STRETCHES) {
		log->lost = true;
		return;
	}
	log->stretches[log->nr++] = (struct rtap_log_stretch){ .addr = addr, .len = len };
}
