// SPDX-License-Identifier: GPL-2.0-or-later
// vring_addr.c - sections on ring addresses: which are refused when set, and which when attaching.

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi.h"

#define KERNEL_ADDRESS 0xffff888000000000ULL
#define NON_CANONICAL  0x8000000000000000ULL

/* Change one field at a time of otherwise good addresses of queue @index. */
static void one_field(struct abi_rig *rig, const char *prefix, unsigned int index)
{
	struct vhost_vring_addr addr;

#define ADDR(name, change)                                                        \
	do {                                                                      \
		addr = rig_addr(index);                                           \
		change;                                                           \
		step_addr(abi_name("%s-" name, prefix), rig->fd, &addr, #change); \
	} while (0)
	ADDR("good", (void)addr);
	ADDR("log", addr.flags = 1);
	ADDR("flag-2", addr.flags = 2);
	ADDR("flag-3", addr.flags = 3);
	ADDR("flag-31", addr.flags = 1U << 31);
	ADDR("flags-all", addr.flags = ~0U);
	ADDR("desc-odd", addr.desc_user_addr += 1);
	ADDR("desc-8", addr.desc_user_addr += 8);
	ADDR("avail-1", addr.avail_user_addr += 1);
	ADDR("avail-2", addr.avail_user_addr += 2);
	ADDR("used-1", addr.used_user_addr += 1);
	ADDR("used-2", addr.used_user_addr += 2);
	ADDR("used-4", addr.used_user_addr += 4);
	ADDR("log-1", addr.log_guest_addr += 1);
	ADDR("log-2", addr.log_guest_addr += 2);
	ADDR("log-4", addr.log_guest_addr += 4);
	ADDR("log-max", addr.log_guest_addr = ~0ULL);
	ADDR("log-high", addr.log_guest_addr = ~3ULL);
	ADDR("log-high-logged", (addr.log_guest_addr = ~3ULL, addr.flags = 1));
	ADDR("flag-and-odd", (addr.flags = 2, addr.used_user_addr += 1));
	ADDR("desc-null", addr.desc_user_addr = 0);
	ADDR("avail-null", addr.avail_user_addr = 0);
	ADDR("used-null", addr.used_user_addr = 0);
	ADDR("desc-kernel", addr.desc_user_addr = KERNEL_ADDRESS);
	ADDR("avail-kernel", addr.avail_user_addr = KERNEL_ADDRESS);
	ADDR("used-kernel", addr.used_user_addr = KERNEL_ADDRESS);
	ADDR("desc-non-canonical", addr.desc_user_addr = NON_CANONICAL);
	ADDR("used-non-canonical", addr.used_user_addr = NON_CANONICAL);
	ADDR("used-max", addr.used_user_addr = ~3ULL);
	ADDR("desc-high-unmapped", addr.desc_user_addr |= 1ULL << 40);
	ADDR("good-again", (void)addr);
#undef ADDR
}

void section_vring_addr(void)
{
	static const unsigned int indices[] = {0, 1, 2, 3, 0xffffffff};
	struct vhost_vring_addr addr = rig_addr(0);
	struct abi_rig rig;
	size_t i;

	rig_owner(&rig);
	one_field(&rig, "no-memory", 0);
	rig_close(&rig);

	rig_memory(&rig);
	one_field(&rig, "idle", 1);
	for (i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
		addr = rig_addr(0);
		addr.index = indices[i];
		step_addr(abi_name("index-%u", indices[i]), rig.fd, &addr, "ring");
		addr.flags = 2;
		step_addr(abi_name("index-%u-flag-2", indices[i]), rig.fd, &addr, "ring");
	}
	addr = rig_addr(0);
	STEP("unmapped", rig.fd, VHOST_SET_VRING_ADDR, abi_bad_pointer(), "unmapped");
	STEP("half", rig.fd, VHOST_SET_VRING_ADDR, abi_edge(&addr, 16), "half mapped");
	addr.index = 2;
	STEP("half-beyond", rig.fd, VHOST_SET_VRING_ADDR, abi_edge(&addr, 16),
	     "index=2, half mapped");
	addr.index = 0;
	addr.flags = 2;
	STEP("half-flag-2", rig.fd, VHOST_SET_VRING_ADDR, abi_edge(&addr, 16),
	     "flags=2, half mapped");
	rig_close(&rig);

	rig_ready(&rig, 16);
	rig_backend(&rig, ABI_TX, abi_tap_up("tap0"));
	one_field(&rig, "attached", ABI_TX);
	one_field(&rig, "attached-other", ABI_RX);
	rig_close(&rig);
}

/* One page of the ring area @start, of size @size, is replaced by memory of another quality. */
enum quality { UNMAPPED, NO_ACCESS, READ_ONLY, READ_ONLY_FILE, SHARED_FILE };

static const char *const quality_names[] = {"unmapped", "no-access", "read-only", "read-only-file",
					    "shared-file"};

static void spoil(void *start, size_t size, enum quality quality)
{
	int file;

	switch (quality) {
	case UNMAPPED:
		if (munmap(start, size))
			abi_die("munmap");
		return;
	case NO_ACCESS:
	case READ_ONLY:
		if (mprotect(start, size, quality == READ_ONLY ? PROT_READ : PROT_NONE))
			abi_die("mprotect");
		return;
	case READ_ONLY_FILE:
	case SHARED_FILE:
		file = memfd_create("abi", MFD_CLOEXEC);
		if (file < 0 || ftruncate(file, (off_t)size))
			abi_die("memfd_create");
		if (mmap(start, size, quality == SHARED_FILE ? PROT_READ | PROT_WRITE : PROT_READ,
			 MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED)
			abi_die("mmap");
		close(file);
		return;
	}
}

static void restore(void *start, size_t size)
{
	if (mmap(start, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		abi_die("mmap");
}

static void attach_spoilt(unsigned int queue, int tap, const char *area, size_t offset,
			  enum quality quality)
{
	char *start = (char *)abi_ring_memory(queue).desc + offset;
	const char *name = abi_name("%s-%s-%s", queue == ABI_RX ? "rx" : "tx", area,
				    quality_names[quality]);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct abi_rig rig;

	rig_ready(&rig, 16);
	spoil(start, page, quality);
	STEP_FILE(name, rig.fd, VHOST_NET_SET_BACKEND, queue, tap, "tap");
	STEP_FILE(abi_name("%s-detach", name), rig.fd, VHOST_NET_SET_BACKEND, queue, -1, "-1");
	STEP_STATE(abi_name("%s-base", name), rig.fd, VHOST_GET_VRING_BASE, queue, 0x5a5a);
	rig_close(&rig);
	restore(start, page);
}

static void attach_at(const char *name, int tap, uint64_t desc, uint64_t avail, uint64_t used)
{
	struct vhost_vring_addr addr = rig_addr(ABI_TX);
	struct abi_rig rig;

	rig_ready(&rig, 16);
	addr.desc_user_addr = desc ?: addr.desc_user_addr;
	addr.avail_user_addr = avail ?: addr.avail_user_addr;
	addr.used_user_addr = used ?: addr.used_user_addr;
	rig_ioctl(&rig, VHOST_SET_VRING_ADDR, &addr);
	STEP_FILE(name, rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, tap, "tap");
	STEP_FILE(abi_name("%s-detach", name), rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, -1, "-1");
	rig_close(&rig);
}

void section_attach_memory(void)
{
	struct abi_ring ring = abi_ring_memory(0);
	size_t avail = (size_t)((char *)ring.avail - (char *)ring.desc);
	size_t used = (size_t)((char *)ring.used - (char *)ring.desc);
	int tap = abi_tap_up("tap0");
	enum quality quality;
	unsigned int queue;

	for (queue = 0; queue < ABI_QUEUES; queue++)
		for (quality = UNMAPPED; quality <= SHARED_FILE; quality++) {
			attach_spoilt(queue, tap, "desc", 0, quality);
			attach_spoilt(queue, tap, "avail", avail, quality);
			attach_spoilt(queue, tap, "used", used, quality);
		}
	attach_at("desc-kernel", tap, KERNEL_ADDRESS, 0, 0);
	attach_at("avail-kernel", tap, 0, KERNEL_ADDRESS, 0);
	attach_at("used-kernel", tap, 0, 0, KERNEL_ADDRESS);
	attach_at("desc-last-page", tap, 0x7fffffffe000ULL, 0, 0);
	attach_at("desc-past-end", tap, 0x7ffffffff000ULL - 128, 0, 0);
	attach_at("avail-unmapped-high", tap, 0, 0x100000000000ULL, 0);
	attach_at("used-unmapped-high", tap, 0, 0, 0x100000000000ULL);
	attach_at("desc-odd", tap, (uintptr_t)ring.desc + 1, 0, 0);
	attach_at("all-the-same", tap, (uintptr_t)ring.desc, (uintptr_t)ring.desc,
		  (uintptr_t)ring.desc);
}
