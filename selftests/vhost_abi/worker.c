// SPDX-License-Identifier: GPL-2.0-or-later
// worker.c - sections on workers: making, attaching and freeing them, in good order and bad, and with frames in flight.

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi.h"

#define NUM         16
#define MAX_WORKERS 8 /* ringtap's bound; stock's devices with workers have none */

static void step_new(const char *name, struct abi_rig *rig)
{
	STEP_WORKER(name, rig->fd, VHOST_NEW_WORKER, 0, 0x5a);
}

static void step_free(const char *name, struct abi_rig *rig, unsigned int worker)
{
	STEP_WORKER(name, rig->fd, VHOST_FREE_WORKER, worker, 0);
}

static void step_attach(const char *name, struct abi_rig *rig, unsigned int queue,
			unsigned int worker)
{
	STEP_WORKER(name, rig->fd, VHOST_ATTACH_VRING_WORKER, queue, worker);
}

static void step_get(const char *name, struct abi_rig *rig, unsigned int queue)
{
	STEP_WORKER(name, rig->fd, VHOST_GET_VRING_WORKER, queue, 0x5a);
}

void section_worker(void)
{
	struct abi_rig rig;

	rig_owner(&rig);
	step_get("get-rx", &rig, ABI_RX);
	step_get("get-tx", &rig, ABI_TX);
	step_free("free-busy", &rig, 0);
	step_new("new", &rig);
	step_attach("attach-rx", &rig, ABI_RX, 1);
	step_get("attach-rx-get", &rig, ABI_RX);
	step_get("attach-rx-get-tx", &rig, ABI_TX);
	step_attach("attach-rx-again", &rig, ABI_RX, 1);
	step_free("free-busy-still", &rig, 0);
	step_free("free-busy-new", &rig, 1);
	step_attach("attach-tx", &rig, ABI_TX, 1);
	/* The one that SET_OWNER made can be freed too. */
	step_free("free-first", &rig, 0);
	step_free("free-first-again", &rig, 0);
	step_attach("attach-freed", &rig, ABI_RX, 0);
	step_get("get-after-failed-attach", &rig, ABI_RX);
	step_free("free-last", &rig, 1);
	/* Numbers are used again, lowest first. */
	step_new("new-reuses", &rig);
	step_new("new-third", &rig);
	step_attach("back-rx", &rig, ABI_RX, 0);
	step_free("free-unused", &rig, 2);
	step_attach("back-tx", &rig, ABI_TX, 0);
	step_free("free-new", &rig, 1);
	STEP_VOID("reset", rig.fd, VHOST_RESET_OWNER);
	step_new("reset-new", &rig);
	STEP_VOID("retake", rig.fd, VHOST_SET_OWNER);
	step_get("retaken-get-rx", &rig, ABI_RX);
	step_new("retaken-new", &rig);
	step_attach("retaken-attach", &rig, ABI_TX, 1);
	STEP_VOID("reset-attached", rig.fd, VHOST_RESET_OWNER);
	STEP_VOID("retake-again", rig.fd, VHOST_SET_OWNER);
	step_get("retaken-again-get-tx", &rig, ABI_TX);
	step_attach("retaken-again-attach", &rig, ABI_TX, 1);
	rig_close(&rig);
}

/* As many as there may be, one more, and one again in the place of another. */
static void all_workers(struct abi_rig *rig)
{
	unsigned int i;

	for (i = 1; i < MAX_WORKERS; i++)
		step_new(abi_name("new-%u", i), rig);
	step_new("new-too-many", rig);
	step_attach("attach-highest", rig, ABI_TX, MAX_WORKERS - 1);
	step_free("free-middle", rig, 3);
	step_new("new-in-its-place", rig);
	step_new("new-too-many-again", rig);
}

void section_worker_bad(void)
{
	static const unsigned int workers[] = {1,      7,          8,          9,
					       0xffff, 0x7fffffff, 0x80000000, 0xffffffff};
	static const unsigned int queues[] = {2, 3, 0x10000, 0x80000000, 0xffffffff};
	static const unsigned int words[2] = {0, 0};
	struct abi_rig rig;
	size_t i;

	rig_owner(&rig);
	for (i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
		step_attach(abi_name("attach-worker-%u", workers[i]), &rig, ABI_RX, workers[i]);
		step_free(abi_name("free-worker-%u", workers[i]), &rig, workers[i]);
	}
	for (i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
		step_attach(abi_name("attach-queue-%u", queues[i]), &rig, queues[i], 0);
		step_get(abi_name("get-queue-%u", queues[i]), &rig, queues[i]);
		step_attach(abi_name("attach-queue-%u-no-worker", queues[i]), &rig, queues[i], 9);
	}
	STEP("new-unmapped", rig.fd, VHOST_NEW_WORKER, abi_bad_pointer(), "unmapped");
	STEP("free-unmapped", rig.fd, VHOST_FREE_WORKER, abi_bad_pointer(), "unmapped");
	STEP("attach-unmapped", rig.fd, VHOST_ATTACH_VRING_WORKER, abi_bad_pointer(), "unmapped");
	STEP("get-unmapped", rig.fd, VHOST_GET_VRING_WORKER, abi_bad_pointer(), "unmapped");
	STEP("attach-half", rig.fd, VHOST_ATTACH_VRING_WORKER, abi_edge(words, 4), "half");
	STEP("get-half", rig.fd, VHOST_GET_VRING_WORKER, abi_edge(words, 4), "half");
	STEP("get-read-only", rig.fd, VHOST_GET_VRING_WORKER, abi_read_only(words, 8), "read-only");
	STEP("new-read-only", rig.fd, VHOST_NEW_WORKER, abi_read_only(words, 8), "read-only");
	/* Nobody could have learnt its number: it is gone. */
	step_new("new-after-read-only", &rig);
	step_free("free-after-read-only", &rig, 1);
	all_workers(&rig);
	rig_close(&rig);
}

static void all_by(struct abi_rig *rig, const char *who)
{
	step_new(abi_name("%s-new", who), rig);
	step_free(abi_name("%s-free", who), rig, 0);
	step_free(abi_name("%s-free-unknown", who), rig, 5);
	step_attach(abi_name("%s-attach", who), rig, ABI_RX, 0);
	step_attach(abi_name("%s-attach-queue", who), rig, 2, 0);
	step_get(abi_name("%s-get", who), rig, ABI_RX);
	STEP(abi_name("%s-new-unmapped", who), rig->fd, VHOST_NEW_WORKER, abi_bad_pointer(),
	     "unmapped");
	STEP(abi_name("%s-get-unmapped", who), rig->fd, VHOST_GET_VRING_WORKER, abi_bad_pointer(),
	     "unmapped");
}

static void wait_child(pid_t pid)
{
	if (pid < 0 || waitpid(pid, NULL, __WALL) != pid)
		abi_die("waitpid");
}

void section_worker_owner(void)
{
	struct abi_rig rig;
	pid_t pid;

	rig_open(&rig);
	all_by(&rig, "unowned");
	STEP_VOID("take", rig.fd, VHOST_SET_OWNER);
	pid = fork();
	if (pid == 0) {
		all_by(&rig, "child");
		_exit(0);
	}
	wait_child(pid);
	rig_close(&rig);

	/* The owner is gone, and another process has its descriptor. */
	rig_open(&rig);
	pid = fork();
	if (pid == 0) {
		STEP_VOID("orphan-take", rig.fd, VHOST_SET_OWNER);
		step_new("orphan-take-new", &rig);
		_exit(0);
	}
	wait_child(pid);
	all_by(&rig, "orphan");
	rig_close(&rig);
}

void section_worker_running(void)
{
	int tap = abi_tap_up("tap0");
	unsigned int slot = 0, round;
	struct abi_rig rig;

	rig_ready(&rig, NUM);
	rig_backend(&rig, ABI_TX, tap);
	rig_backend(&rig, ABI_RX, tap);
	for (round = 0; round < 3; round++) {
		/* From 0 to 1, from 1 to 0, from 0 to 1: the one left behind is freed. */
		unsigned int from = round & 1, to = from ^ 1;

		step_new(abi_name("new-%u", round), &rig);
		rig_transmit(&rig, NUM, slot++);
		step_attach(abi_name("move-tx-%u", round), &rig, ABI_TX, to);
		abi_fact(abi_name("frame-%u", slot), "transmit() -> used %s",
			 rig_wait_used(ABI_TX, slot) ? "yes" : "no");
		step_attach(abi_name("move-rx-%u", round), &rig, ABI_RX, to);
		rig_transmit(&rig, NUM, slot++);
		step_free(abi_name("free-%u", round), &rig, from);
		abi_fact(abi_name("frame-%u", slot), "transmit() -> used %s",
			 rig_wait_used(ABI_TX, slot) ? "yes" : "no");
	}
	STEP_STATE("base", rig.fd, VHOST_GET_VRING_BASE, ABI_TX, 0x5a5a);
	rig_close(&rig);
}

/* Takes the device as a process of its own with the memory of its parent, and waits to be killed. */
static int take_and_wait(void *argument)
{
	struct abi_rig *rig = argument;

	rig_ioctl(rig, VHOST_SET_OWNER, NULL);
	while (pause() < 0)
		;
	return 0;
}

/*
 * The process whose threads the workers are is killed; we share its memory, so that we are the
 * owner still. (Where workers are kernel threads, as on 6.1, they live on.)
 */
void section_worker_dead(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	struct vhost_vring_state state = {0};
	struct abi_rig rig;
	pid_t pid;

	rig_open(&rig);
	pid = clone(take_and_wait, stack + sizeof(stack), CLONE_VM | CLONE_FILES | SIGCHLD, &rig);
	if (pid < 0)
		abi_die("clone");
	/* It is the owner as soon as an ioctl that needs one succeeds. */
	while (ioctl(rig.fd, VHOST_GET_VRING_BASE, &state))
		usleep(1000);
	if (kill(pid, SIGKILL))
		abi_die("kill");
	wait_child(pid);
	step_get("get", &rig, ABI_TX);
	step_attach("attach-same", &rig, ABI_TX, 0);
	step_free("free-attached", &rig, 0);
	step_new("new", &rig);
	step_attach("attach-rx", &rig, ABI_RX, 1);
	step_attach("attach-tx", &rig, ABI_TX, 1);
	step_get("get-new", &rig, ABI_TX);
	step_attach("attach-dead", &rig, ABI_TX, 0);
	step_get("get-still-new", &rig, ABI_TX);
	step_free("free-unattached", &rig, 0);
	rig_close(&rig);
}
