// SPDX-License-Identifier: GPL-2.0-or-later
// iotlb.c - section on IOTLB messages: written before and after ACCESS_PLATFORM, and misses read back.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "abi.h"

static void message(const char *name, int fd, int version, struct vhost_iotlb_msg iotlb,
		    const char *args)
{
	struct vhost_msg v1;
	struct vhost_msg_v2 v2;

	memset(&v1, 0, sizeof(v1));
	memset(&v2, 0, sizeof(v2));
	v1.type = VHOST_IOTLB_MSG;
	v1.iotlb = iotlb;
	v2.type = VHOST_IOTLB_MSG_V2;
	v2.iotlb = iotlb;
	if (version == 1)
		step_write(name, fd, &v1, sizeof(v1), args);
	else
		step_write(name, fd, &v2, sizeof(v2), args);
}

static void messages(int fd, const char *prefix, int version)
{
	uint64_t user = (uintptr_t)abi_guest, size = abi_guest_size;

#define MESSAGE(name, ...)                                              \
	message(abi_name("%s-v%d-" name, prefix, version), fd, version, \
		(struct vhost_iotlb_msg){__VA_ARGS__}, #__VA_ARGS__)
	MESSAGE("update", .size = size, .uaddr = user, .perm = 3, .type = 2);
	MESSAGE("update-again", .size = size, .uaddr = user, .perm = 3, .type = 2);
	MESSAGE("update-read", .size = size, .uaddr = user, .perm = 1, .type = 2);
	MESSAGE("update-no-perm", .size = size, .uaddr = user, .perm = 0, .type = 2);
	MESSAGE("update-perm-255", .size = size, .uaddr = user, .perm = 255, .type = 2);
	MESSAGE("update-empty", .size = 0, .uaddr = user, .perm = 3, .type = 2);
	MESSAGE("update-all", .size = ~0ULL, .uaddr = 0, .perm = 3, .type = 2);
	MESSAGE("update-kernel", .size = 4096, .uaddr = 1ULL << 63, .perm = 3, .type = 2);
	MESSAGE("update-wraps", .iova = ~0ULL, .size = 4096, .uaddr = user, .perm = 3, .type = 2);
	MESSAGE("invalidate", .size = size, .type = 3);
	MESSAGE("invalidate-empty", .size = 0, .type = 3);
	MESSAGE("invalidate-all", .size = ~0ULL, .type = 3);
	MESSAGE("miss", .size = 4096, .type = 1);
	MESSAGE("access-fail", .size = 4096, .type = 4);
	MESSAGE("batch-begin", .size = 4096, .type = 5);
	MESSAGE("batch-end", .size = 4096, .type = 6);
	MESSAGE("type-0", .size = 4096, .type = 0);
	MESSAGE("type-255", .size = 4096, .type = 255);
#undef MESSAGE
}

static void lengths(int fd, const char *prefix)
{
	static const size_t sizes[] = {0, 1, 3, 4, 7, 8, 39, 40, 47, 48, 64, 71, 72, 73, 128};
	unsigned char bytes[128] = {0};
	int type, types[] = {VHOST_IOTLB_MSG, VHOST_IOTLB_MSG_V2, 0, 3, -1};
	size_t i, t;

	for (t = 0; t < sizeof(types) / sizeof(types[0]); t++)
		for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			type = types[t];
			memcpy(bytes, &type, sizeof(type));
			step_write(abi_name("%s-type-%d-size-%zu", prefix, type, sizes[i]), fd,
				   bytes, sizes[i], "zeroes");
		}
}

/* One message in two pieces, and messages that cannot be read. */
static void pieces(int fd, const char *prefix)
{
	struct vhost_msg_v2 msg = {.type = VHOST_IOTLB_MSG_V2};
	struct iovec halves[2] = {{&msg, 8}, {(char *)&msg + 8, sizeof(msg) - 8}};
	long ret;

	msg.iotlb.type = VHOST_IOTLB_UPDATE;
	msg.iotlb.size = abi_guest_size;
	msg.iotlb.uaddr = (uintptr_t)abi_guest;
	msg.iotlb.perm = VHOST_ACCESS_RW;
	ret = writev(fd, halves, 2);
	abi_line(abi_name("%s-halves", prefix), "writev", "8+64", ret, errno, NULL);
	step_write(abi_name("%s-unmapped", prefix), fd, abi_bad_pointer(), sizeof(msg), "unmapped");
	step_write(abi_name("%s-type-only", prefix), fd, abi_edge(&msg, 4), sizeof(msg),
		   "type, rest unmapped");
	step_write(abi_name("%s-40-mapped", prefix), fd, abi_edge(&msg, 40), sizeof(msg),
		   "40 bytes, rest unmapped");
}

/* With ACCESS_PLATFORM and nothing translated: what attach answers and what is asked of us. */
static void attach_untranslated(uint64_t backend_features, const char *prefix)
{
	struct vhost_iotlb_msg whole = {
		.size = abi_guest_size,
		.uaddr = (uintptr_t)abi_guest,
		.perm = VHOST_ACCESS_RW,
		.type = VHOST_IOTLB_UPDATE,
	};
	struct abi_ring ring = abi_ring_memory(ABI_TX);
	struct vhost_vring_addr addr = rig_addr(ABI_TX);
	struct abi_rig rig;
	int tap = abi_tap_up("tap0");

	rig_ready(&rig, 16);
	STEP_U64(abi_name("%s-backend-features", prefix), rig.fd, VHOST_SET_BACKEND_FEATURES,
		 backend_features);
	STEP_U64(abi_name("%s-features", prefix), rig.fd, VHOST_SET_FEATURES,
		 ABI_BIT(VIRTIO_F_VERSION_1) | ABI_BIT(VIRTIO_F_ACCESS_PLATFORM));
	addr.desc_user_addr = 0;
	addr.avail_user_addr = (uintptr_t)ring.avail - (uintptr_t)ring.desc;
	addr.used_user_addr = (uintptr_t)ring.used - (uintptr_t)ring.desc;
	whole.uaddr = (uintptr_t)ring.desc;
	whole.size = abi_guest_size / 4;
	step_addr(abi_name("%s-addr", prefix), rig.fd, &addr, "guest addresses");
	STEP_FILE(abi_name("%s-attach", prefix), rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, tap, "tap");
	/* who asks may be another thread */
	step_poll(abi_name("%s-poll", prefix), rig.fd, 5000);
	message(abi_name("%s-update", prefix), rig.fd, 2, whole, "ring");
	STEP_FILE(abi_name("%s-attach-translated", prefix), rig.fd, VHOST_NET_SET_BACKEND, ABI_TX,
		  tap, "tap");
	STEP_FILE(abi_name("%s-detach", prefix), rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, -1, "-1");
	STEP_U64(abi_name("%s-features-off", prefix), rig.fd, VHOST_SET_FEATURES,
		 ABI_BIT(VIRTIO_F_VERSION_1));
	message(abi_name("%s-update-off", prefix), rig.fd, 2, whole, "ring");
	rig_close(&rig);
	close(tap);
}

void section_iotlb(void)
{
	struct abi_rig rig;

	rig_open(&rig);
	messages(rig.fd, "fresh", 1);
	messages(rig.fd, "fresh", 2);
	lengths(rig.fd, "fresh");
	pieces(rig.fd, "fresh");
	STEP_U64("platform", rig.fd, VHOST_SET_FEATURES,
		 ABI_BIT(VIRTIO_F_VERSION_1) | ABI_BIT(VIRTIO_F_ACCESS_PLATFORM));
	messages(rig.fd, "on", 1);
	messages(rig.fd, "on", 2);
	lengths(rig.fd, "on");
	pieces(rig.fd, "on");
	rig_close(&rig);
	attach_untranslated(0, "old-messages");
	attach_untranslated(ABI_BIT(VHOST_BACKEND_F_IOTLB_MSG_V2), "new-messages");
}
