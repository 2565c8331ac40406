// SPDX-License-Identifier: GPL-2.0-or-later
// vring.c - sections on a ring's size, index state, busy-loop time and endianness.

#include <stdio.h>
#include <sys/ioctl.h>

#include "abi.h"

static const unsigned int indices[] = {0, 1, 2, 3, 0x7fffffff, 0x80000000, 0xffffffff};

#define INDEX_COUNT (sizeof(indices) / sizeof(indices[0]))

/* The ways a pointer to a vring state can be bad, for the ioctl @request. */
static void bad_pointers(struct abi_rig *rig, const char *prefix, const char *what,
			 unsigned long request)
{
	struct vhost_vring_state good = {.index = 0, .num = 16};
	struct vhost_vring_state beyond = {.index = 2, .num = 16};

	step_ioctl(abi_name("%s-null", prefix), rig->fd, what, request, NULL, "NULL");
	step_ioctl(abi_name("%s-unmapped", prefix), rig->fd, what, request, abi_bad_pointer(),
		   "unmapped");
	step_ioctl(abi_name("%s-kernel", prefix), rig->fd, what, request, abi_kernel_pointer(),
		   "kernel");
	step_ioctl(abi_name("%s-half", prefix), rig->fd, what, request, abi_edge(&good, 4),
		   "index=0, rest unmapped");
	step_ioctl(abi_name("%s-half-beyond", prefix), rig->fd, what, request, abi_edge(&beyond, 4),
		   "index=2, rest unmapped");
	step_ioctl(abi_name("%s-quarter", prefix), rig->fd, what, request, abi_edge(&good, 2),
		   "half the index mapped");
	step_ioctl(abi_name("%s-read-only", prefix), rig->fd, what, request,
		   abi_read_only(&good, sizeof(good)), "index=0 num=16, read-only");
}

#define BAD_POINTERS(rig, prefix, request) bad_pointers(rig, prefix, #request, request)

void section_vring_num(void)
{
	static const unsigned int sizes[] = {0,     1,     2,        3,     4,     255,
					     256,   1024,  32767,    32768, 32769, 65535,
					     65536, 65537, 1U << 31, ~0U};
	struct abi_rig rig;
	size_t i;

	rig_memory(&rig);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		STEP_STATE(abi_name("size-%u", sizes[i]), rig.fd, VHOST_SET_VRING_NUM, 0, sizes[i]);
	for (i = 0; i < INDEX_COUNT; i++)
		STEP_STATE(abi_name("index-%u", indices[i]), rig.fd, VHOST_SET_VRING_NUM,
			   indices[i], 256);
	STEP_STATE("index-beyond-size-0", rig.fd, VHOST_SET_VRING_NUM, 2, 0);
	BAD_POINTERS(&rig, "pointer", VHOST_SET_VRING_NUM);
	rig_close(&rig);

	rig_ready(&rig, 16);
	rig_backend(&rig, ABI_TX, abi_tap_up("tap0"));
	STEP_STATE("attached", rig.fd, VHOST_SET_VRING_NUM, ABI_TX, 32);
	STEP_STATE("attached-same", rig.fd, VHOST_SET_VRING_NUM, ABI_TX, 16);
	STEP_STATE("attached-bad", rig.fd, VHOST_SET_VRING_NUM, ABI_TX, 3);
	STEP_STATE("attached-other-queue", rig.fd, VHOST_SET_VRING_NUM, ABI_RX, 32);
	STEP("attached-half", rig.fd, VHOST_SET_VRING_NUM,
	     abi_edge(&(struct vhost_vring_state){.index = ABI_TX}, 4), "index=1, rest unmapped");
	STEP_FILE("detach", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, -1, "-1");
	STEP_STATE("detached", rig.fd, VHOST_SET_VRING_NUM, ABI_TX, 32);
	rig_close(&rig);
}

static void bases(struct abi_rig *rig, const char *prefix, unsigned int queue)
{
	static const unsigned int values[] = {0,       1,       0x7fff,     0x8000,     0xffff,
					      0x10000, 0x10001, 0x80008000, 0x80018001, 0xffffffff};
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		STEP_STATE(abi_name("%s-set-0x%x", prefix, values[i]), rig->fd,
			   VHOST_SET_VRING_BASE, queue, values[i]);
		STEP_STATE(abi_name("%s-get-0x%x", prefix, values[i]), rig->fd,
			   VHOST_GET_VRING_BASE, queue, 0x5a5a);
	}
}

void section_vring_base(void)
{
	struct abi_rig rig;
	size_t i;

	rig_owner(&rig);
	STEP_STATE("get-fresh", rig.fd, VHOST_GET_VRING_BASE, 0, 0x5a5a);
	bases(&rig, "split", 0);
	STEP_STATE("other-queue-untouched", rig.fd, VHOST_GET_VRING_BASE, 1, 0x5a5a);
	for (i = 0; i < INDEX_COUNT; i++) {
		STEP_STATE(abi_name("set-index-%u", indices[i]), rig.fd, VHOST_SET_VRING_BASE,
			   indices[i], 5);
		STEP_STATE(abi_name("get-index-%u", indices[i]), rig.fd, VHOST_GET_VRING_BASE,
			   indices[i], 5);
	}
	BAD_POINTERS(&rig, "set-pointer", VHOST_SET_VRING_BASE);
	BAD_POINTERS(&rig, "get-pointer", VHOST_GET_VRING_BASE);
	rig_close(&rig);

	rig_ready(&rig, 16);
	STEP_STATE("kept-over-attach-set", rig.fd, VHOST_SET_VRING_BASE, ABI_TX, 0);
	rig_backend(&rig, ABI_TX, abi_tap_up("tap0"));
	STEP_STATE("attached-set", rig.fd, VHOST_SET_VRING_BASE, ABI_TX, 0);
	STEP_STATE("attached-set-too-big", rig.fd, VHOST_SET_VRING_BASE, ABI_TX, 0x10000);
	STEP("attached-set-half", rig.fd, VHOST_SET_VRING_BASE,
	     abi_edge(&(struct vhost_vring_state){.index = ABI_TX}, 4), "index=1, rest unmapped");
	STEP_STATE("attached-get", rig.fd, VHOST_GET_VRING_BASE, ABI_TX, 0x5a5a);
	STEP_STATE("attached-set-other", rig.fd, VHOST_SET_VRING_BASE, ABI_RX, 3);
	STEP_FILE("detach", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, -1, "-1");
	STEP_STATE("detached-get", rig.fd, VHOST_GET_VRING_BASE, ABI_TX, 0x5a5a);
	STEP_STATE("detached-set", rig.fd, VHOST_SET_VRING_BASE, ABI_TX, 9);
	STEP_STATE("detached-get-9", rig.fd, VHOST_GET_VRING_BASE, ABI_TX, 0x5a5a);
	rig_close(&rig);
}

void section_vring_misc(void)
{
	static const unsigned int times[] = {0, 1, 50, 0x7fffffff, 0x80000000, 0xffffffff};
	struct abi_rig rig;
	size_t i;

	rig_owner(&rig);
	STEP_STATE("busyloop-fresh", rig.fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 0, 0x5a);
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		STEP_STATE(abi_name("busyloop-set-%u", times[i]), rig.fd,
			   VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0, times[i]);
		STEP_STATE(abi_name("busyloop-get-%u", times[i]), rig.fd,
			   VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 0, 0x5a);
	}
	STEP_STATE("busyloop-other-queue", rig.fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 1, 0x5a);
	for (i = 0; i < INDEX_COUNT; i++) {
		STEP_STATE(abi_name("busyloop-set-index-%u", indices[i]), rig.fd,
			   VHOST_SET_VRING_BUSYLOOP_TIMEOUT, indices[i], 5);
		STEP_STATE(abi_name("busyloop-get-index-%u", indices[i]), rig.fd,
			   VHOST_GET_VRING_BUSYLOOP_TIMEOUT, indices[i], 5);
		STEP_STATE(abi_name("endian-set-index-%u", indices[i]), rig.fd,
			   VHOST_SET_VRING_ENDIAN, indices[i], 0);
		STEP_STATE(abi_name("endian-get-index-%u", indices[i]), rig.fd,
			   VHOST_GET_VRING_ENDIAN, indices[i], 0);
	}
	for (i = 0; i < 3; i++)
		STEP_STATE(abi_name("endian-set-%zu", i), rig.fd, VHOST_SET_VRING_ENDIAN, 0,
			   (unsigned int)i);
	BAD_POINTERS(&rig, "busyloop-set-pointer", VHOST_SET_VRING_BUSYLOOP_TIMEOUT);
	BAD_POINTERS(&rig, "busyloop-get-pointer", VHOST_GET_VRING_BUSYLOOP_TIMEOUT);
	BAD_POINTERS(&rig, "endian-set-pointer", VHOST_SET_VRING_ENDIAN);
	BAD_POINTERS(&rig, "endian-get-pointer", VHOST_GET_VRING_ENDIAN);
	rig_close(&rig);

	rig_ready(&rig, 16);
	rig_backend(&rig, ABI_TX, abi_tap_up("tap0"));
	STEP_STATE("attached-busyloop", rig.fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, ABI_TX, 20);
	STEP_STATE("attached-get-busyloop", rig.fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, ABI_TX, 0);
	STEP_STATE("attached-endian", rig.fd, VHOST_SET_VRING_ENDIAN, ABI_TX, 0);
	STEP_STATE("attached-get-endian", rig.fd, VHOST_GET_VRING_ENDIAN, ABI_TX, 0);
	rig_close(&rig);
}
