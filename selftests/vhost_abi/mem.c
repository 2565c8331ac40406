// SPDX-License-Identifier: GPL-2.0-or-later
// mem.c - sections on the memory table: its header, its regions, and changing it under a running ring.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "abi.h"

/* A table of @count one-page regions side by side, all of guest memory's first page. */
static struct vhost_memory *make_table(unsigned int count)
{
	struct vhost_memory *table;
	unsigned int i;

	table = calloc(1, sizeof(*table) + (size_t)count * sizeof(table->regions[0]));
	if (!table)
		abi_die("calloc");
	table->nregions = count;
	for (i = 0; i < count; i++)
		table->regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = (uint64_t)i << 12,
			.memory_size = 1 << 12,
			.userspace_addr = (uintptr_t)abi_guest,
		};
	return table;
}

static void step_count(const char *prefix, int fd, unsigned int count)
{
	struct vhost_memory *table = make_table(count);

	step_mem(abi_name("%s-%u", prefix, count), fd, table, abi_name("nregions=%u", count));
	free(table);
}

void section_mem_table(void)
{
	static const unsigned int counts[] = {0, 1, 2, 63, 64, 65, 509, 510, 4096, 65535, 65536};
	struct vhost_memory header = {.nregions = 1};
	struct vhost_memory *table;
	struct abi_rig rig;
	size_t i;

	rig_owner(&rig);
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		step_count("count", rig.fd, counts[i]);
	STEP("unmapped", rig.fd, VHOST_SET_MEM_TABLE, abi_bad_pointer(), "unmapped");
	STEP("null", rig.fd, VHOST_SET_MEM_TABLE, NULL, "NULL");
	STEP("kernel", rig.fd, VHOST_SET_MEM_TABLE, abi_kernel_pointer(), "kernel");
	STEP("half-header", rig.fd, VHOST_SET_MEM_TABLE, abi_edge(&header, 4), "nregions only");
	STEP("header-only", rig.fd, VHOST_SET_MEM_TABLE, abi_edge(&header, 8),
	     "nregions=1, header");
	header.nregions = 0;
	STEP("header-only-empty", rig.fd, VHOST_SET_MEM_TABLE, abi_edge(&header, 8), "nregions=0");
	header.padding = 1;
	STEP("padding", rig.fd, VHOST_SET_MEM_TABLE, &header, "nregions=0 padding=1");
	header.nregions = ~0U;
	STEP("padding-and-count", rig.fd, VHOST_SET_MEM_TABLE, &header, "nregions=max padding=1");
	header.padding = 0;
	STEP("count-max", rig.fd, VHOST_SET_MEM_TABLE, &header, "nregions=max");
	header.nregions = 65536;
	STEP("count-too-many-unmapped", rig.fd, VHOST_SET_MEM_TABLE, abi_edge(&header, 8),
	     "nregions=65536, header");
	header.nregions = 65;
	STEP("count-65-unmapped", rig.fd, VHOST_SET_MEM_TABLE, abi_edge(&header, 8),
	     "nregions=65, header");

	table = make_table(2);
	step_mem("read-only", rig.fd, abi_read_only(table, sizeof(*table) + 64), "read-only");
	STEP("second-region-unmapped", rig.fd, VHOST_SET_MEM_TABLE,
	     abi_edge(table, sizeof(*table) + sizeof(table->regions[0])), "one of two mapped");
	free(table);
	rig_close(&rig);
}

static void step_region(const char *name, struct abi_rig *rig, uint64_t guest, uint64_t size,
			uint64_t user, uint64_t padding, const char *args)
{
	struct vhost_memory *table = make_table(1);

	table->regions[0] = (struct vhost_memory_region){
		.guest_phys_addr = guest,
		.memory_size = size,
		.userspace_addr = user,
		.flags_padding = padding,
	};
	step_mem(name, rig->fd, table, args);
	free(table);
}

static void regions(struct abi_rig *rig, const char *prefix)
{
	uint64_t user = (uintptr_t)abi_guest;
	struct vhost_memory *table;

#define REGION(name, guest, size, user, padding)                                   \
	step_region(abi_name("%s-" name, prefix), rig, guest, size, user, padding, \
		    #guest " " #size " " #user " " #padding)
	REGION("whole", 0, abi_guest_size, user, 0);
	REGION("flags", 0, abi_guest_size, user, ~0ULL);
	REGION("unaligned", 3, abi_guest_size - 7, user + 3, 0);
	REGION("size-0", 4096, 0, user, 0);
	REGION("size-0-at-0", 0, 0, user, 0);
	REGION("size-1", 0, 1, user, 0);
	REGION("guest-wraps", ~0ULL - 4095, 8192, user, 0);
	REGION("guest-top", ~0ULL - 4095, 4096, user, 0);
	REGION("size-max", 0, ~0ULL, user, 0);
	REGION("size-max-at-1", 1, ~0ULL, user, 0);
	REGION("user-null", 0, 4096, 0, 0);
	REGION("user-kernel", 0, 4096, 0xffff888000000000ULL, 0);
	REGION("user-non-canonical", 0, 4096, 0x8000000000000000ULL, 0);
	REGION("user-end", 0, 4096, 0x7fffffffe000ULL, 0);
	REGION("user-past-end", 0, 4096, 0x7ffffffff000ULL, 0);
	REGION("user-wraps", 0, 8192, ~0ULL - 4095, 0);
#undef REGION
	table = make_table(2);
	table->regions[1].guest_phys_addr = 0;
	step_mem(abi_name("%s-same-twice", prefix), rig->fd, table, "the same region twice");
	table->regions[1].guest_phys_addr = 2048;
	step_mem(abi_name("%s-overlap", prefix), rig->fd, table, "half overlapping regions");
	table->regions[1].memory_size = 0;
	step_mem(abi_name("%s-second-empty", prefix), rig->fd, table, "second region empty");
	free(table);
	step_count(abi_name("%s-none", prefix), rig->fd, 0);
}

void section_mem_regions(void)
{
	struct abi_rig rig;
	int tap = abi_tap_up("tap0");

	rig_owner(&rig);
	regions(&rig, "idle");
	rig_close(&rig);

	rig_ready(&rig, 16);
	rig_backend(&rig, ABI_TX, tap);
	regions(&rig, "attached");
	rig_close(&rig);
}
