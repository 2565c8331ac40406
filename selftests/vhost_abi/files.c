// SPDX-License-Identifier: GPL-2.0-or-later
// files.c - sections that hand over file descriptors: kick, call and error eventfds, and every other kind.

#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "abi.h"

/* Descriptors that are neither an eventfd nor a backend. */
size_t abi_wrong_files(struct abi_file *files, size_t max)
{
	int pair[2], ends[2], closed = dup(0);
	struct abi_file all[] = {
		{"-2", -2},
		{"min", (int)0x80000000},
		{"max", 0x7fffffff},
		{"closed", closed},
		{"pipe-read", -1},
		{"pipe-write", -1},
		{"unix-stream", -1},
		{"unix-dgram", socket(AF_UNIX, SOCK_DGRAM, 0)},
		{"udp", socket(AF_INET, SOCK_DGRAM, 0)},
		{"tcp", socket(AF_INET, SOCK_STREAM, 0)},
		{"inet-raw", socket(AF_INET, SOCK_RAW, 255)},
		{"netlink", socket(AF_NETLINK, SOCK_RAW, 0)},
		{"packet-dgram", socket(AF_PACKET, SOCK_DGRAM, 0)},
		{"epoll", epoll_create1(0)},
		{"timerfd", timerfd_create(CLOCK_MONOTONIC, 0)},
		{"memfd", memfd_create("abi", 0)},
		{"regular", open("/proc/self/exe", O_RDONLY)},
		{"directory", open("/", O_RDONLY)},
		{"o-path", open("/", O_PATH)},
		{"null-device", open("/dev/null", O_RDWR)},
		{"vhost", abi_open()},
	};
	size_t i, count = sizeof(all) / sizeof(all[0]);

	if (count > max || pipe(ends) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		abi_die("files");
	all[4].fd = ends[0];
	all[5].fd = ends[1];
	all[6].fd = pair[0];
	for (i = 0; i < count; i++)
		files[i] = all[i];
	/* Nothing is opened between here and the steps, so the number stays unused. */
	close(closed);
	return count;
}

static void wrong_files(struct abi_rig *rig, const char *prefix, const char *what,
			unsigned long request)
{
	struct abi_file files[32];
	size_t i, count = abi_wrong_files(files, 32);

	for (i = 0; i < count; i++)
		step_file(abi_name("%s-%s", prefix, files[i].name), rig->fd, what, request, 0,
			  files[i].fd, files[i].name);
	for (i = 0; i < count; i++)
		if (files[i].fd >= 0)
			close(files[i].fd);
}

static void event_files(struct abi_rig *rig, const char *prefix, const char *what,
			unsigned long request)
{
	static const unsigned int indices[] = {0, 1, 2, 3, 0xffffffff};
	struct vhost_vring_file file = {.index = 0, .fd = -1};
	int counter = eventfd(5, 0), semaphore = eventfd(5, EFD_SEMAPHORE);
	size_t i;

	step_file(abi_name("%s-unbind-fresh", prefix), rig->fd, what, request, 0, -1, "-1");
	step_file(abi_name("%s-eventfd", prefix), rig->fd, what, request, 0, rig->kick[0],
		  "eventfd");
	step_file(abi_name("%s-same-again", prefix), rig->fd, what, request, 0, rig->kick[0],
		  "eventfd");
	step_file(abi_name("%s-swap", prefix), rig->fd, what, request, 0, rig->kick[1], "eventfd2");
	step_file(abi_name("%s-signalled", prefix), rig->fd, what, request, 0, counter, "counter");
	step_file(abi_name("%s-semaphore", prefix), rig->fd, what, request, 0, semaphore,
		  "semaphore");
	step_file(abi_name("%s-unbind", prefix), rig->fd, what, request, 0, -1, "-1");
	step_file(abi_name("%s-unbind-again", prefix), rig->fd, what, request, 0, -1, "-1");
	for (i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
		step_file(abi_name("%s-index-%u", prefix, indices[i]), rig->fd, what, request,
			  indices[i], rig->kick[0], "eventfd");
		step_file(abi_name("%s-index-%u-bad", prefix, indices[i]), rig->fd, what, request,
			  indices[i], -2, "-2");
	}
	step_ioctl(abi_name("%s-unmapped", prefix), rig->fd, what, request, abi_bad_pointer(),
		   "unmapped");
	step_ioctl(abi_name("%s-half", prefix), rig->fd, what, request, abi_edge(&file, 4),
		   "index=0, rest unmapped");
	file.index = 2;
	step_ioctl(abi_name("%s-half-beyond", prefix), rig->fd, what, request, abi_edge(&file, 4),
		   "index=2, rest unmapped");
	wrong_files(rig, prefix, what, request);
	close(counter);
	close(semaphore);
}

#define EVENT_FILES(rig, prefix, request) event_files(rig, prefix, #request, request)

void section_vring_files(void)
{
	struct abi_rig rig;
	uint64_t seven = 7;
	int tap;

	rig_owner(&rig);
	EVENT_FILES(&rig, "kick", VHOST_SET_VRING_KICK);
	EVENT_FILES(&rig, "call", VHOST_SET_VRING_CALL);
	EVENT_FILES(&rig, "err", VHOST_SET_VRING_ERR);
	rig_close(&rig);

	/* One eventfd in every role at once. */
	rig_owner(&rig);
	STEP_FILE("shared-kick", rig.fd, VHOST_SET_VRING_KICK, 0, rig.kick[0], "eventfd");
	STEP_FILE("shared-call", rig.fd, VHOST_SET_VRING_CALL, 0, rig.kick[0], "eventfd");
	STEP_FILE("shared-err", rig.fd, VHOST_SET_VRING_ERR, 0, rig.kick[0], "eventfd");
	STEP_FILE("shared-kick-other", rig.fd, VHOST_SET_VRING_KICK, 1, rig.kick[0], "eventfd");
	rig_close(&rig);

	/* Closed on our side while the device holds it. */
	rig_owner(&rig);
	STEP_FILE("closed-later", rig.fd, VHOST_SET_VRING_KICK, 0, rig.kick[0], "eventfd");
	close(rig.kick[0]);
	rig.kick[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	STEP_FILE("closed-replaced", rig.fd, VHOST_SET_VRING_KICK, 0, rig.kick[0], "eventfd2");
	rig_close(&rig);

	/* With backends attached, and with a kick that is pending at that moment. */
	tap = abi_tap_up("tap0");
	rig_ready(&rig, 16);
	rig_backend(&rig, ABI_RX, tap);
	rig_backend(&rig, ABI_TX, tap);
	EVENT_FILES(&rig, "attached-kick", VHOST_SET_VRING_KICK);
	EVENT_FILES(&rig, "attached-call", VHOST_SET_VRING_CALL);
	EVENT_FILES(&rig, "attached-err", VHOST_SET_VRING_ERR);
	if (write(rig.kick[1], &seven, sizeof(seven)) != sizeof(seven))
		abi_die("write");
	STEP_FILE("attached-kick-pending", rig.fd, VHOST_SET_VRING_KICK, 1, rig.kick[1], "pending");
	rig_close(&rig);
}
