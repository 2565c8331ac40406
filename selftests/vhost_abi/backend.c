// SPDX-License-Identifier: GPL-2.0-or-later
// backend.c - sections on NET_SET_BACKEND: the order of its checks, and every kind of file as backend.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi.h"

/* One TAP queue behind two devices, and the TAP closed on our side. */
static void shared_tap(int tap)
{
	struct abi_rig rig, second;

	rig_ready(&rig, 16);
	STEP_FILE("first-device", rig.fd, VHOST_NET_SET_BACKEND, ABI_RX, tap, "tap");
	rig_ready(&second, 16);
	STEP_FILE("second-device", second.fd, VHOST_NET_SET_BACKEND, ABI_RX, tap, "tap");
	rig_close(&second);
	close(tap);
	STEP_FILE("detach-closed-tap", rig.fd, VHOST_NET_SET_BACKEND, ABI_RX, -1, "-1");
	rig_close(&rig);
}

void section_backend(void)
{
	static const unsigned int indices[] = {0, 1, 2, 3, 0xffffffff};
	struct vhost_vring_file file = {.index = 2, .fd = -1};
	int tap = abi_tap_up("tap0"), tap1 = abi_tap_up("tap1");
	struct abi_rig rig;
	size_t i;

	rig_open(&rig);
	STEP_FILE("unowned-tap", rig.fd, VHOST_NET_SET_BACKEND, 0, tap, "tap");
	STEP_FILE("unowned-index-2", rig.fd, VHOST_NET_SET_BACKEND, 2, tap, "tap");
	rig_close(&rig);

	rig_owner(&rig);
	STEP_FILE("no-memory-tap", rig.fd, VHOST_NET_SET_BACKEND, 0, tap, "tap");
	STEP_FILE("no-memory-bad", rig.fd, VHOST_NET_SET_BACKEND, 0, -2, "-2");
	STEP("bad-pointer", rig.fd, VHOST_NET_SET_BACKEND, abi_bad_pointer(), "unmapped");
	STEP("half-beyond", rig.fd, VHOST_NET_SET_BACKEND, abi_edge(&file, 4),
	     "index=2, rest unmapped");
	rig_close(&rig);

	rig_memory(&rig);
	STEP_FILE("no-ring-tap", rig.fd, VHOST_NET_SET_BACKEND, 0, tap, "tap");
	STEP_FILE("no-ring-bad", rig.fd, VHOST_NET_SET_BACKEND, 0, -2, "-2");
	STEP_FILE("no-ring-detach", rig.fd, VHOST_NET_SET_BACKEND, 0, -1, "-1");
	rig_queue(&rig, 0, 16);
	STEP_FILE("no-features-tap", rig.fd, VHOST_NET_SET_BACKEND, 0, tap, "tap");
	rig_close(&rig);

	rig_ready(&rig, 16);
	for (i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
		STEP_FILE(abi_name("index-%u-attach", indices[i]), rig.fd, VHOST_NET_SET_BACKEND,
			  indices[i], tap, "tap");
		STEP_FILE(abi_name("index-%u-again", indices[i]), rig.fd, VHOST_NET_SET_BACKEND,
			  indices[i], tap, "tap");
		STEP_FILE(abi_name("index-%u-other-tap", indices[i]), rig.fd, VHOST_NET_SET_BACKEND,
			  indices[i], tap1, "tap1");
		STEP_FILE(abi_name("index-%u-wrong", indices[i]), rig.fd, VHOST_NET_SET_BACKEND,
			  indices[i], rig.kick[0], "eventfd");
		STEP_FILE(abi_name("index-%u-detach", indices[i]), rig.fd, VHOST_NET_SET_BACKEND,
			  indices[i], -1, "-1");
		STEP_FILE(abi_name("index-%u-detach-again", indices[i]), rig.fd,
			  VHOST_NET_SET_BACKEND, indices[i], -1, "-1");
	}
	STEP_FILE("both-rx", rig.fd, VHOST_NET_SET_BACKEND, ABI_RX, tap, "tap");
	STEP_FILE("both-tx", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, tap, "tap");
	STEP_VOID("take-attached", rig.fd, VHOST_SET_OWNER);
	STEP_VOID("reset-attached", rig.fd, VHOST_RESET_OWNER);
	STEP_FILE("after-reset", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, tap, "tap");
	rig_close(&rig);

	shared_tap(tap);
}

/* Attach @backend to both queues of a fresh device, one after the other, and detach it. */
static void attach_kind(const char *name, int backend, const char *what)
{
	struct abi_rig rig;
	unsigned int queue;

	rig_ready(&rig, 16);
	for (queue = 0; queue < ABI_QUEUES; queue++) {
		const char *side = queue == ABI_RX ? "rx" : "tx";

		STEP_FILE(abi_name("%s-%s", name, side), rig.fd, VHOST_NET_SET_BACKEND, queue,
			  backend, what);
		STEP_FILE(abi_name("%s-%s-detach", name, side), rig.fd, VHOST_NET_SET_BACKEND,
			  queue, -1, "-1");
	}
	rig_close(&rig);
}

static int packet_socket(int type, const char *device)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, type, htons(ETH_P_ALL));

	if (fd < 0)
		abi_die("socket(AF_PACKET)");
	if (device) {
		address.sll_ifindex = (int)if_nametoindex(device);
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
			abi_die("bind(%s)", device);
	}
	return fd;
}

static int detached_queue(void)
{
	struct ifreq request = {.ifr_flags = IFF_DETACH_QUEUE};
	int fd;

	abi_tap("tap3", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
	fd = abi_tap("tap3", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
	if (ioctl(fd, TUNSETQUEUE, &request))
		abi_die("TUNSETQUEUE");
	return fd;
}

/* A macvtap or ipvtap on a TAP; -1 where the kernel or its device node cannot be had. */
static int tap_on_tap(const char *type)
{
	char path[64];
	int fd;

	if (system(abi_name("ip link add link tap1 name mvt0 type %s >/dev/null 2>&1", type)))
		return -1;
	snprintf(path, sizeof(path), "/dev/tap%u", if_nametoindex("mvt0"));
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && system("ip link set mvt0 up"))
		abi_die("ip link set mvt0 up");
	return fd;
}

/* It is a backend while its interface is there, and afterwards. */
static void attach_tap_on_tap(const char *type, const char *deleted)
{
	int fd = tap_on_tap(type);

	if (fd < 0) {
		abi_fact(type, "VHOST_NET_SET_BACKEND() not tried: there is none");
		return;
	}
	attach_kind(type, fd, type);
	if (system("ip link del mvt0"))
		abi_die("ip link del");
	attach_kind(deleted, fd, type);
	close(fd);
}

/* Every file that cannot be a backend, offered to one device; it stays usable throughout. */
static void wrong_kinds(void)
{
	struct abi_file files[32];
	size_t i, count = abi_wrong_files(files, 32);
	struct abi_rig rig;
	unsigned int queue;

	/* Numbers that were meant to be unused may be taken by the rig: use one that is not. */
	for (i = 0; i < count; i++)
		if (files[i].fd >= 0 && fcntl(files[i].fd, F_GETFD) < 0)
			files[i].fd = 1000;
	rig_ready(&rig, 16);
	for (queue = 0; queue < ABI_QUEUES; queue++)
		for (i = 0; i < count; i++)
			STEP_FILE(abi_name("%s-%u", files[i].name, queue), rig.fd,
				  VHOST_NET_SET_BACKEND, queue, files[i].fd, files[i].name);
	rig_close(&rig);
}

void section_backend_kinds(void)
{
	int sndbuf = 4096, fd;

	wrong_kinds();
	attach_kind("tap-up", abi_tap_up("tap1"), "tap");
	attach_kind("tap-down", abi_tap("tap2", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR), "tap");
	attach_kind("tap-no-header", abi_tap("tap4", IFF_TAP | IFF_NO_PI), "tap");
	attach_kind("tap-pi", abi_tap("tap5", IFF_TAP), "tap");
	attach_kind("tun", abi_tap("tun0", IFF_TUN | IFF_NO_PI), "tun");
	attach_kind("tap-queue-detached", detached_queue(), "tap");
	fd = abi_tap("tap6", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_NAPI | IFF_NAPI_FRAGS);
	attach_kind("tap-napi-frags", fd, "tap");
	fd = abi_tap_up("tap7");
	if (ioctl(fd, TUNSETSNDBUF, &sndbuf))
		abi_die("TUNSETSNDBUF");
	attach_kind("tap-sndbuf", fd, "tap");
	attach_kind("tun-node-unattached", open("/dev/net/tun", O_RDWR), "tun node");
	fd = abi_tap_up("tap8");
	if (system("ip link del tap8"))
		abi_die("ip link del");
	attach_kind("tap-deleted", fd, "tap");
	attach_kind("packet-raw-unbound", packet_socket(SOCK_RAW, NULL), "packet");
	attach_kind("packet-raw-bound", packet_socket(SOCK_RAW, "tap1"), "packet");
	attach_kind("packet-dgram-bound", packet_socket(SOCK_DGRAM, "tap1"), "packet");
	attach_kind("packet-raw-lo-down", packet_socket(SOCK_RAW, "lo"), "packet");
	attach_kind("packet-old", packet_socket(SOCK_PACKET, NULL), "packet");
	attach_tap_on_tap("macvtap", "macvtap-deleted");
	attach_tap_on_tap("ipvtap", "ipvtap-deleted");
}
