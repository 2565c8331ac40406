// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ring memory that could not be pinned, reached by user access
 *
 * The slow half of the four accessors. Runs in the worker, on the owner's mm;
 * a page that is not there is faulted in, so all of these may sleep.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/uaccess.h>

#include "area.h"

/**
 * rtap_area_user() - where an offset is in user memory
 * @area: the area, mapped or not
 * @off: offset of the byte
 * @chunk: set to how many bytes are contiguous there
 *
 * Return: its user address, or NULL if it is outside of the area.
 */
u8 __user *rtap_area_user(const struct rtap_area *area, size_t off, size_t *chunk)
{
	const struct rtap_piece *piece = area->pieces;
	u32 i;

	if (likely(!piece)) {
		*chunk = area->size - off;
		return (u8 __user *)area->uaddr + off;
	}
	for (i = 0; i < area->nr_pieces; off -= piece->size, piece++, i++) {
		if (off >= piece->size)
			continue;
		*chunk = piece->size - off;
		return (u8 __user *)(uintptr_t)(piece->uaddr + off);
	}
	*chunk = 0;
	return NULL;
}

/* An aligned word lies in one page, and pieces end where pages do. */
static __le16 __user *rtap_area_word(const struct rtap_area *area, size_t off)
{
	size_t chunk;

	return (__le16 __user *)rtap_area_user(area, off, &chunk);
}

/**
 * rtap_area_load_user() - read an index or flags word by user access
 * @area: area to read from
 * @off: offset of the word, two-byte aligned
 * @val: where the word goes, in ring byte order
 *
 * Context: a thread that uses the owner's mm; may sleep.
 * Return: 0, or -EFAULT if user memory is not there.
 */
int rtap_area_load_user(const struct rtap_area *area, size_t off, __le16 *val)
{
	__le16 __user *word = rtap_area_word(area, off);
	__le16 got;

	if (!word || get_user(got, word))
		return -EFAULT;
	/*
	 * pairs with the driver's release of the same word: what the driver
	 * wrote before it is seen by whatever we read from here on. get_user()
	 * is no acquire, so a full barrier stands in for one.
	 */
	smp_mb();
	*val = got;
	return 0;
}

/**
 * rtap_area_store_user() - write an index or flags word by user access
 * @area: area to write to
 * @off: offset of the word, two-byte aligned
 * @val: the word, in ring byte order
 *
 * Context: a thread that uses the owner's mm; may sleep.
 * Return: 0, or -EFAULT if user memory is not there.
 */
int rtap_area_store_user(const struct rtap_area *area, size_t off, __le16 val)
{
	__le16 __user *word = rtap_area_word(area, off);

	if (!word)
		return -EFAULT;
	/*
	 * pairs with the driver's acquire of the same word: entries written, and
	 * buffers read, before this point are done with when the driver sees the
	 * word. put_user() is no release; smp_wmb() would not order the reads.
	 */
	smp_mb();
	return put_user(val, word) ? -EFAULT : 0;
}

/**
 * rtap_area_read_user() - copy a run of bytes out of the ring by user access
 * @area: area to read from
 * @off: offset of the first byte
 * @dst: private memory
 * @len: bytes to copy
 *
 * Context: a thread that uses the owner's mm; may sleep.
 * Return: 0, or -EFAULT if user memory is not there.
 */
int rtap_area_read_user(const struct rtap_area *area, size_t off, void *dst, size_t len)
{
	void __user *from;
	size_t chunk;

	for (; len; len -= chunk, off += chunk, dst += chunk) {
		from = rtap_area_user(area, off, &chunk);
		chunk = min(chunk, len);
		if (!from || copy_from_user(dst, from, chunk))
			return -EFAULT;
	}
	return 0;
}

/**
 * rtap_area_write_user() - copy a run of bytes into the ring by user access
 * @area: area to write to
 * @off: offset of the first byte
 * @src: private memory
 * @len: bytes to copy
 *
 * Context: a thread that uses the owner's mm; may sleep.
 * Return: 0, or -EFAULT if user memory is not there.
 */
int rtap_area_write_user(const struct rtap_area *area, size_t off, const void *src, size_t len)
{
	void __user *to;
	size_t chunk;

	for (; len; len -= chunk, off += chunk, src += chunk) {
		to = rtap_area_user(area, off, &chunk);
		chunk = min(chunk, len);
		if (!to || copy_to_user(to, src, chunk))
			return -EFAULT;
	}
	return 0;
}
