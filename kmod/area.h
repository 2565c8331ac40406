/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One piece of ring memory, and the four accessors that reach it
 *
 * Ring memory is shared with a hostile peer: every accessor touches it once
 * and hands out a private copy. Offsets come from indices that the caller
 * has reduced modulo the ring size, or checked against it.
 */
#ifndef RTAP_AREA_H
#define RTAP_AREA_H

#include <linux/compiler.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>

struct page;

/**
 * struct rtap_piece - user memory that is contiguous
 */
struct rtap_piece {
	/** @uaddr: user address of the first byte */
	u64 uaddr;
	/** @size: bytes */
	size_t size;
};

/**
 * struct rtap_area - one of the areas of a ring
 *
 * Mapped: @kaddr points at the pinned pages. Unmapped by choice (memory that
 * refuses long-term pins): @kaddr is NULL and the accessors use @uaddr or @pieces,
 * from a context that runs on the owner's mm.
 */
struct rtap_area {
	/** @kaddr: kernel address of the first byte, NULL for user access */
	void *kaddr;
	/** @uaddr: user address of the first byte */
	void __user *uaddr;
	/** @size: bytes in the area */
	size_t size;
	/** @pieces: where it is in user memory, in order; NULL if contiguous */
	struct rtap_piece *pieces;
	/** @nr_pieces: entries in @pieces */
	u32 nr_pieces;
	/** @vmap: what vunmap() takes, NULL if @kaddr is in the direct map */
	void *vmap;
	/** @pages: pinned pages, NULL if none are */
	struct page **pages;
	/** @nr_pages: entries in @pages */
	unsigned int nr_pages;
};

u8 __user *rtap_area_user(const struct rtap_area *area, size_t off, size_t *chunk);
int rtap_area_load_user(const struct rtap_area *area, size_t off, __le16 *val);
int rtap_area_store_user(const struct rtap_area *area, size_t off, __le16 val);
int rtap_area_read_user(const struct rtap_area *area, size_t off, void *dst, size_t len);
int rtap_area_write_user(const struct rtap_area *area, size_t off, const void *src, size_t len);

/**
 * rtap_area_at() - kernel address of an offset
 * @area: a mapped area
 * @off: offset of the byte
 *
 * Return: the address.
 */
static inline void *rtap_area_at(const struct rtap_area *area, size_t off)
{
	return (u8 *)area->kaddr + off;
}

/**
 * rtap_area_load() - read an index or flags word, ordered before later reads
 * @area: area to read from
 * @off: offset of the word, two-byte aligned
 * @val: where the word goes, in ring byte order
 *
 * Return: 0, or -EFAULT if user memory is not there.
 */
static inline int rtap_area_load(const struct rtap_area *area, size_t off, __le16 *val)
{
	if (unlikely(!area->kaddr))
		return rtap_area_load_user(area, off, val);
	/* pairs with the driver's release of the same word */
	*val = smp_load_acquire((__le16 *)rtap_area_at(area, off));
	return 0;
}

/**
 * rtap_area_store() - write an index or flags word, ordered after earlier accesses
 * @area: area to write to
 * @off: offset of the word, two-byte aligned
 * @val: the word, in ring byte order
 *
 * Return: 0, or -EFAULT if user memory is not there.
 */
static inline int rtap_area_store(const struct rtap_area *area, size_t off, __le16 val)
{
	if (unlikely(!area->kaddr))
		return rtap_area_store_user(area, off, val);
	/* pairs with the driver's acquire of the same word */
	smp_store_release((__le16 *)rtap_area_at(area, off), val);
	return 0;
}

/**
 * rtap_area_read() - copy a run of bytes out of the ring
 * @area: area to read from
 * @off: offset of the first byte
 * @dst: private memory
 * @len: bytes to copy
 *
 * Return: 0, or -EFAULT if user memory is not there.
 */
static inline int rtap_area_read(const struct rtap_area *area, size_t off, void *dst, size_t len)
{
	if (unlikely(!area->kaddr))
		return rtap_area_read_user(area, off, dst, len);
	memcpy(dst, rtap_area_at(area, off), len);
	/* the copy is final: the compiler must not go back to shared memory */
	barrier();
	return 0;
}

/**
 * rtap_area_write() - copy a run of bytes into the ring
 * @area: area to write to
 * @off: offset of the first byte
 * @src: private memory
 * @len: bytes to copy
 *
 * Return: 0, or -EFAULT if user memory is not there.
 */
static inline int rtap_area_write(const struct rtap_area *area, size_t off, const void *src,
				  size_t len)
{
	if (unlikely(!area->kaddr))
		return rtap_area_write_user(area, off, src, len);
	memcpy(rtap_area_at(area, off), src, len);
	return 0;
}

#endif /* RTAP_AREA_H */
