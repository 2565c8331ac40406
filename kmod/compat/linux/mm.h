/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Has a page be there, and writable, before it is pinned
 */
#ifndef RTAP_COMPAT_MM_H
#define RTAP_COMPAT_MM_H

#include_next <linux/mm.h>
/* up to 6.12 <asm/futex.h> relies on it */
#include <linux/mutex.h>
#include <linux/uaccess.h>
#include <asm/futex.h>

/**
 * rtap_compat_touch() - fault a page in by user access, which waits for userfaultfd
 * @page: address of a page that is about to be pinned
 *
 * While FOLL_PIN was there for everybody, pins did not wait: neither for a page that has
 * yet to come nor for the protection of one to go. An atomic OR of nothing does, and
 * writes no more than the pin would have. Newer pins wait; what of them a kthread cannot
 * be woken from, an access takes upon itself first.
 *
 * Context: a thread that uses the owner's mm; sleeps.
 * Return: whether the page is there.
 */
static inline bool rtap_compat_touch(void __user *page)
{
#ifdef FOLL_PIN
	int old;

	return arch_futex_atomic_op_inuser(FUTEX_OP_OR, 0, &old, page) != -EFAULT;
#else
	char byte;

	return !copy_from_user(&byte, page, sizeof(byte));
#endif
}

#endif /* RTAP_COMPAT_MM_H */
