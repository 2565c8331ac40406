// SPDX-License-Identifier: GPL-2.0-or-later
// memory.c - memory of every quality that an ioctl argument or a ring can point into.

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi.h"

#define GUEST_SIZE (4UL << 20)
/* Room for a ring of 32,768: 512 KiB of descriptors, 64 KiB available, 256 KiB used. */
#define RING_STRIDE   (1UL << 20)
#define AVAIL_OFFSET  (512UL << 10)
#define USED_OFFSET   (640UL << 10)
#define BUFFER_OFFSET (960UL << 10)

char *abi_guest;
size_t abi_guest_size = GUEST_SIZE;

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static char *map_pages(size_t size, int protection)
{
	void *pages = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		abi_die("mmap");
	return pages;
}

__attribute__((constructor)) static void map_guest(void)
{
	abi_guest = map_pages(GUEST_SIZE, PROT_READ | PROT_WRITE);
}

void *abi_bad_pointer(void)
{
	static char *hole;

	if (!hole)
		hole = map_pages(16 * page_size(), PROT_NONE);
	return hole;
}

void *abi_kernel_pointer(void)
{
	/* Its last page: a 32-bit process on a 64-bit kernel has its stack right below. */
	return (void *)(~0UL - 0xfff);
}

void *abi_read_only(const void *data, size_t size)
{
	char *page = map_pages(page_size(), PROT_READ | PROT_WRITE);

	memcpy(page, data, size);
	if (mprotect(page, page_size(), PROT_READ))
		abi_die("mprotect");
	return page;
}

void *abi_edge(const void *data, size_t readable)
{
	char *pages = map_pages(2 * page_size(), PROT_READ | PROT_WRITE);
	char *start = pages + page_size() - readable;

	memcpy(start, data, readable);
	if (munmap(pages + page_size(), page_size()))
		abi_die("munmap");
	/* Keep the hole a hole: nothing else may be mapped there later. */
	if (mmap(pages + page_size(), page_size(), PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		abi_die("mmap");
	return start;
}

struct abi_ring abi_ring_memory(unsigned int index)
{
	char *base = abi_guest + (size_t)index * RING_STRIDE;

	return (struct abi_ring){
		.desc = (void *)base,
		.avail = (void *)(base + AVAIL_OFFSET),
		.used = (void *)(base + USED_OFFSET),
		.buffers = base + BUFFER_OFFSET,
	};
}
