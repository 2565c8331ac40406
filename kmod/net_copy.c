// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies between kernel memory and the buffers of a frame
 */
#include "net_copy.h"

#include <linux/uaccess.h>
#include <linux/uio.h>

/*
 * The next stretch that is contiguous in user memory, at most len bytes; the
 * cursor moves behind it. NULL: a buffer outside guest memory, or no more buffers.
 */
static __always_inline void __user *rtap_cursor_next(struct rtap_cursor *cur,
						     enum rtap_mem_access access, u32 len,
						     u32 *chunk)
{
	void __user *uaddr;
	u32 left;

	if (unlikely(!cur->nr))
		return NULL;
	left = cur->seg->len - cur->off;
	uaddr = rtap_mem_translate(cur->mem, access, cur->seg->addr + cur->off, min(len, left),
				   chunk);
	if (unlikely(!uaddr))
		return NULL;
	cur->off += *chunk;
	if (*chunk == left) {
		cur->seg++;
		cur->nr--;
		cur->off = 0;
	}
	return uaddr;
}

/**
 * rtap_cursor_read() - copy out of guest memory
 * @cur: where from; moves on
 * @dst: kernel memory with room for @len: whether it has is not checked again here
 * @len: bytes
 *
 * Left out is hardened usercopy's look at @dst, a twelfth of what a small frame costs.
 * Of a page fragment it knows no more than where its page ends; the iterators that
 * stock vhost-net reads frames with leave it out too.
 *
 * Context: on the owner's mm; sleeps.
 * Return: 0, or -EFAULT if the guest's buffers are not there or end too early.
 */
int rtap_cursor_read(struct rtap_cursor *cur, void *dst, u32 len)
{
	const void __user *src;
	u32 chunk;

	for (; len; len -= chunk, dst += chunk) {
		src = rtap_cursor_next(cur, RTAP_MEM_READ, len, &chunk);
		if (unlikely(!src || _copy_from_user(dst, src, chunk)))
			return -EFAULT;
	}
	return 0;
}

/**
 * rtap_cursor_write() - copy into guest memory
 * @cur: where to; moves on
 * @src: kernel memory
 * @len: bytes
 *
 * Context: on the owner's mm; sleeps.
 * Return: 0, or -EFAULT if the guest's buffers are not there or end too early.
 */
int rtap_cursor_write(struct rtap_cursor *cur, const void *src, u32 len)
{
	void __user *dst;
	u32 chunk;

	for (; len; len -= chunk, src += chunk) {
		dst = rtap_cursor_next(cur, RTAP_MEM_WRITE, len, &chunk);
		if (unlikely(!dst || copy_to_user(dst, src, chunk)))
			return -EFAULT;
	}
	return 0;
}

/**
 * rtap_cursor_iov() - describe the next bytes for an iov_iter
 * @cur: where; moves on
 * @access: what for
 * @iov: filled in
 * @max: entries of @iov
 * @len: bytes
 *
 * Return: entries used, -EFAULT if a buffer is not in guest memory, or -E2BIG if
 * @max is too few.
 */
int rtap_cursor_iov(struct rtap_cursor *cur, enum rtap_mem_access access, struct iovec *iov,
		    u32 max, u32 len)
{
	void __user *uaddr;
	u32 chunk, n;

	for (n = 0; len; len -= chunk, n++) {
		if (n == max)
			return -E2BIG;
		uaddr = rtap_cursor_next(cur, access, len, &chunk);
		if (unlikely(!uaddr))
			return -EFAULT;
		iov[n] = (struct iovec){ .iov_base = uaddr, .iov_len = chunk };
	}
	return n;
}
