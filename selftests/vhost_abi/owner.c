// SPDX-License-Identifier: GPL-2.0-or-later
// owner.c - sections on ownership: taking it, taking it twice, calling without it, another process.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi.h"

/* Every ioctl once, with arguments that are good for an owner; names start with @prefix. */
static void all_ioctls(struct abi_rig *rig, const char *prefix)
{
	struct vhost_memory none = {0};
	struct vhost_vring_addr addr = rig_addr(0);
	uint64_t log = 0;
	int unbind = -1;
	int fd = rig->fd;

	STEP_GET_U64(abi_name("%s-get-backend-features", prefix), fd, VHOST_GET_BACKEND_FEATURES);
	STEP_U64(abi_name("%s-set-backend-features", prefix), fd, VHOST_SET_BACKEND_FEATURES, 0);
	STEP_U64(abi_name("%s-set-features", prefix), fd, VHOST_SET_FEATURES, 0);
	step_mem(abi_name("%s-mem-table", prefix), fd, &none, "nregions=0");
	STEP(abi_name("%s-log-base", prefix), fd, VHOST_SET_LOG_BASE, &log, "0");
	STEP(abi_name("%s-log-fd", prefix), fd, VHOST_SET_LOG_FD, &unbind, "-1");
	STEP_STATE(abi_name("%s-num", prefix), fd, VHOST_SET_VRING_NUM, 0, 256);
	step_addr(abi_name("%s-addr", prefix), fd, &addr, "ring");
	STEP_STATE(abi_name("%s-set-base", prefix), fd, VHOST_SET_VRING_BASE, 0, 7);
	STEP_STATE(abi_name("%s-get-base", prefix), fd, VHOST_GET_VRING_BASE, 0, 0x5a);
	STEP_FILE(abi_name("%s-kick", prefix), fd, VHOST_SET_VRING_KICK, 0, rig->kick[0],
		  "eventfd");
	STEP_FILE(abi_name("%s-call", prefix), fd, VHOST_SET_VRING_CALL, 0, rig->call[0],
		  "eventfd");
	STEP_FILE(abi_name("%s-err", prefix), fd, VHOST_SET_VRING_ERR, 0, rig->err[0], "eventfd");
	STEP_STATE(abi_name("%s-busyloop", prefix), fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0, 50);
	STEP_STATE(abi_name("%s-get-busyloop", prefix), fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 0,
		   0x5a);
	STEP_STATE(abi_name("%s-endian", prefix), fd, VHOST_SET_VRING_ENDIAN, 0, 0);
	STEP_STATE(abi_name("%s-get-endian", prefix), fd, VHOST_GET_VRING_ENDIAN, 0, 0);
	STEP_FILE(abi_name("%s-detach", prefix), fd, VHOST_NET_SET_BACKEND, 0, -1, "-1");
	STEP_FILE(abi_name("%s-backend", prefix), fd, VHOST_NET_SET_BACKEND, 0, rig->kick[0],
		  "eventfd");
}

void section_owner(void)
{
	struct abi_rig rig;

	rig_open(&rig);
	STEP_VOID("take", rig.fd, VHOST_SET_OWNER);
	STEP_VOID("take-again", rig.fd, VHOST_SET_OWNER);
	STEP("take-again-bad-argument", rig.fd, VHOST_SET_OWNER, abi_bad_pointer(), "unmapped");
	STEP_VOID("give-back", rig.fd, VHOST_RESET_OWNER);
	STEP_VOID("give-back-again", rig.fd, VHOST_RESET_OWNER);
	STEP("retake-bad-argument", rig.fd, VHOST_SET_OWNER, abi_kernel_pointer(), "kernel");
	all_ioctls(&rig, "owned");
	STEP_VOID("reset-configured", rig.fd, VHOST_RESET_OWNER);
	STEP_STATE("base-after-reset-unowned", rig.fd, VHOST_GET_VRING_BASE, 0, 0);
	STEP_VOID("retake", rig.fd, VHOST_SET_OWNER);
	STEP_STATE("base-after-reset", rig.fd, VHOST_GET_VRING_BASE, 0, 0x5a);
	STEP_STATE("busyloop-after-reset", rig.fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 0, 0x5a);
	rig_close(&rig);

	rig_owner(&rig);
	STEP_FILE("detach-never-configured", rig.fd, VHOST_NET_SET_BACKEND, 0, -1, "-1");
	STEP_FILE("detach-never-configured-tx", rig.fd, VHOST_NET_SET_BACKEND, 1, -1, "-1");
	rig_close(&rig);
	rig_memory(&rig);
	STEP_FILE("detach-only-memory", rig.fd, VHOST_NET_SET_BACKEND, 0, -1, "-1");
	STEP_FILE("detach-only-memory-twice", rig.fd, VHOST_NET_SET_BACKEND, 0, -1, "-1");
	rig_close(&rig);
}

void section_unowned(void)
{
	struct abi_rig rig;
	struct vhost_vring_file file = {.index = 2, .fd = -1};
	uint32_t index = 2;

	rig_open(&rig);
	all_ioctls(&rig, "unowned");
	STEP_VOID("unowned-reset", rig.fd, VHOST_RESET_OWNER);
	STEP("mem-table-bad-pointer", rig.fd, VHOST_SET_MEM_TABLE, abi_bad_pointer(), "unmapped");
	STEP("log-base-bad-pointer", rig.fd, VHOST_SET_LOG_BASE, abi_bad_pointer(), "unmapped");
	STEP("num-bad-pointer", rig.fd, VHOST_SET_VRING_NUM, abi_bad_pointer(), "unmapped");
	STEP("num-bad-index", rig.fd, VHOST_SET_VRING_NUM, &index, "index=2");
	STEP("backend-bad-pointer", rig.fd, VHOST_NET_SET_BACKEND, abi_bad_pointer(), "unmapped");
	STEP("backend-bad-index", rig.fd, VHOST_NET_SET_BACKEND, &file, "index=2 fd=-1");
	STEP("features-bad-pointer", rig.fd, VHOST_SET_FEATURES, abi_bad_pointer(), "unmapped");
	STEP("get-features-bad-pointer", rig.fd, VHOST_GET_FEATURES, abi_bad_pointer(), "unmapped");
	STEP("unknown", rig.fd, _IO(VHOST_VIRTIO, 0xff), NULL, "0");
	rig_close(&rig);
}

static void *from_a_thread(void *argument)
{
	struct abi_rig *rig = argument;

	all_ioctls(rig, "thread");
	return NULL;
}

static void wait_child(pid_t pid)
{
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		abi_die("waitpid");
}

void section_other_process(void)
{
	struct abi_rig rig;
	pthread_t thread;
	pid_t pid;

	rig_owner(&rig);
	if (pthread_create(&thread, NULL, from_a_thread, &rig) || pthread_join(thread, NULL))
		abi_die("pthread");
	pid = fork();
	if (pid == 0) {
		STEP_VOID("child-take", rig.fd, VHOST_SET_OWNER);
		STEP_VOID("child-reset", rig.fd, VHOST_RESET_OWNER);
		all_ioctls(&rig, "child");
		_exit(0);
	}
	wait_child(pid);
	STEP_STATE("parent-still-owner", rig.fd, VHOST_GET_VRING_BASE, 0, 0);
	rig_close(&rig);

	/* The owner dies while somebody else holds the descriptor. */
	rig_open(&rig);
	pid = fork();
	if (pid == 0) {
		STEP_VOID("owner-child-take", rig.fd, VHOST_SET_OWNER);
		_exit(0);
	}
	wait_child(pid);
	STEP_VOID("orphan-take", rig.fd, VHOST_SET_OWNER);
	STEP_VOID("orphan-reset", rig.fd, VHOST_RESET_OWNER);
	all_ioctls(&rig, "orphan");
	rig_close(&rig);

	/* Taken after a fork: the parent owns, though the child opened nothing. */
	rig_open(&rig);
	STEP_VOID("fresh-take", rig.fd, VHOST_SET_OWNER);
	rig_close(&rig);
}
