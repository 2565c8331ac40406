// SPDX-License-Identifier: GPL-2.0-or-later
// log.c - section on the dirty log: its base, its eventfd, and the feature that turns it on.

#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "abi.h"

static void step_log_fd(const char *name, int fd, int file, const char *file_name)
{
	STEP(name, fd, VHOST_SET_LOG_FD, &file, file_name);
}

static void bases(struct abi_rig *rig, const char *prefix)
{
	uint64_t value = 0;

#define BASE(name, address)                                                                  \
	do {                                                                                 \
		value = (address);                                                           \
		STEP(abi_name("%s-base-" name, prefix), rig->fd, VHOST_SET_LOG_BASE, &value, \
		     #address);                                                              \
	} while (0)
	BASE("zero", 0);
	BASE("good", (uintptr_t)abi_guest);
	BASE("odd", (uintptr_t)abi_guest + 1);
	BASE("kernel", 0xffff888000000000ULL);
	BASE("non-canonical", 1ULL << 63);
	BASE("max", ~0ULL);
	BASE("good-again", (uintptr_t)abi_guest);
#undef BASE
	STEP(abi_name("%s-base-unmapped", prefix), rig->fd, VHOST_SET_LOG_BASE, abi_bad_pointer(),
	     "unmapped");
	STEP(abi_name("%s-base-half", prefix), rig->fd, VHOST_SET_LOG_BASE, abi_edge(&value, 4),
	     "half mapped");
}

static void files(struct abi_rig *rig)
{
	struct abi_file wrong[32];
	size_t i, count = abi_wrong_files(wrong, 32);

	for (i = 0; i < count; i++)
		step_log_fd(abi_name("fd-%s", wrong[i].name), rig->fd, wrong[i].fd, wrong[i].name);
	step_log_fd("fd-unbind-fresh", rig->fd, -1, "-1");
	step_log_fd("fd-eventfd", rig->fd, rig->kick[0], "eventfd");
	step_log_fd("fd-same", rig->fd, rig->kick[0], "eventfd");
	step_log_fd("fd-swap", rig->fd, rig->kick[1], "eventfd2");
	step_log_fd("fd-unbind", rig->fd, -1, "-1");
	STEP("fd-unmapped", rig->fd, VHOST_SET_LOG_FD, abi_bad_pointer(), "unmapped");
}

void section_log(void)
{
	uint64_t log_all = ABI_BIT(VIRTIO_F_VERSION_1) | ABI_BIT(VHOST_F_LOG_ALL);
	uint64_t base = 0xffff888000000000ULL;
	struct abi_rig rig;
	int tap = abi_tap_up("tap0");

	rig_memory(&rig);
	bases(&rig, "idle");
	files(&rig);
	rig_close(&rig);

	rig_ready(&rig, 16);
	rig_backend(&rig, ABI_TX, tap);
	bases(&rig, "attached");
	STEP_U64("attached-log-all", rig.fd, VHOST_SET_FEATURES, log_all);
	bases(&rig, "logging");
	STEP_U64("attached-log-off", rig.fd, VHOST_SET_FEATURES, ABI_BIT(VIRTIO_F_VERSION_1));
	rig_close(&rig);

	/* A log that nobody can write, found when the ring starts. */
	rig_ready(&rig, 16);
	STEP("bad-base", rig.fd, VHOST_SET_LOG_BASE, &base, "kernel");
	STEP_U64("bad-base-log-all", rig.fd, VHOST_SET_FEATURES, log_all);
	STEP_FILE("bad-base-attach", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, tap, "tap");
	STEP_FILE("bad-base-detach", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, -1, "-1");
	rig_close(&rig);

	/* The same, turned on under a running ring. */
	rig_ready(&rig, 16);
	STEP("late-base", rig.fd, VHOST_SET_LOG_BASE, &base, "kernel");
	rig_backend(&rig, ABI_TX, tap);
	STEP_U64("late-log-all", rig.fd, VHOST_SET_FEATURES, log_all);
	rig_close(&rig);
}
