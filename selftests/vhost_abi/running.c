// SPDX-License-Identifier: GPL-2.0-or-later
// running.c - sections with frames in flight: what moves, what is refused, restart and reset.

#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "abi.h"

#define NUM 16

static void step_transmit(const char *name, struct abi_rig *rig, unsigned int slot)
{
	rig_transmit(rig, NUM, slot);
	abi_fact(name, "transmit() -> used %s", rig_wait_used(ABI_TX, slot + 1) ? "yes" : "no");
}

static void step_base(const char *name, struct abi_rig *rig)
{
	STEP_STATE(name, rig->fd, VHOST_GET_VRING_BASE, ABI_TX, 0x5a5a);
}

/* The worker is behind a detach: what it was to signal, it has signalled. */
static void step_detach(const char *name, struct abi_rig *rig)
{
	STEP_FILE(name, rig->fd, VHOST_NET_SET_BACKEND, ABI_TX, -1, "-1");
	abi_fact(abi_name("%s-call", name), "eventfd() signalled %d",
		 rig_signalled(rig->call[ABI_TX]));
	abi_fact(abi_name("%s-err", name), "eventfd() signalled %d",
		 rig_signalled(rig->err[ABI_TX]));
}

void section_running(void)
{
	struct abi_rig rig;
	struct vhost_vring_addr addr = rig_addr(ABI_TX);
	int tap = abi_tap_up("tap0");
	int call2 = eventfd(0, EFD_NONBLOCK);

	rig_ready(&rig, NUM);
	rig_backend(&rig, ABI_TX, tap);
	step_base("base-0", &rig);
	step_transmit("frame-0", &rig, 0);
	step_base("base-1", &rig);
	STEP_FILE("swap-call", rig.fd, VHOST_SET_VRING_CALL, ABI_TX, call2, "eventfd2");
	abi_fact("old-call", "eventfd() signalled %d", rig_signalled(rig.call[ABI_TX]));
	step_transmit("frame-1", &rig, 1);
	step_addr("swap-addr-same", rig.fd, &addr, "ring");
	step_transmit("frame-2", &rig, 2);
	addr.flags = 1;
	step_addr("swap-addr-bad", rig.fd, &(struct vhost_vring_addr){.index = 1, .flags = 2},
		  "flags=2");
	step_transmit("frame-3", &rig, 3);
	STEP_STATE("num", rig.fd, VHOST_SET_VRING_NUM, ABI_TX, 32);
	STEP_STATE("base", rig.fd, VHOST_SET_VRING_BASE, ABI_TX, 0);
	STEP_FILE("attach-again", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, tap, "tap");
	STEP_FILE("attach-wrong", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, call2, "eventfd");
	step_transmit("frame-4", &rig, 4);
	STEP_FILE("unbind-call", rig.fd, VHOST_SET_VRING_CALL, ABI_TX, -1, "-1");
	step_transmit("frame-5", &rig, 5);
	STEP_FILE("unbind-kick", rig.fd, VHOST_SET_VRING_KICK, ABI_TX, -1, "-1");
	STEP_FILE("rebind-kick", rig.fd, VHOST_SET_VRING_KICK, ABI_TX, rig.kick[ABI_TX], "eventfd");
	step_transmit("frame-6", &rig, 6);
	step_base("base-7", &rig);
	STEP_FILE("detach", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, -1, "-1");
	abi_fact("new-call", "eventfd() signalled %d", rig_signalled(call2));
	step_base("base-detached", &rig);
	rig_close(&rig);
}

/* An available index that cannot be right stops the queue and says so on the error eventfd. */
static void bad_available_index(int tap)
{
	struct abi_ring ring = abi_ring_memory(ABI_TX);
	struct abi_rig rig;
	uint64_t one = 1;

	rig_ready(&rig, NUM);
	rig_backend(&rig, ABI_TX, tap);
	ring.avail->idx = NUM + 1;
	if (write(rig.kick[ABI_TX], &one, sizeof(one)) != sizeof(one))
		abi_die("kick");
	abi_fact("bad-index-err", "eventfd() signalled %d", rig_wait_signalled(rig.err[ABI_TX]));
	/*
	 * Attach wakes the worker, and so does the kick: stock reports the index each time it looks,
	 * which is once or twice as the first look came before the index or behind it.
	 */
	STEP_FILE("bad-index-detach", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, -1, "-1");
	abi_fact("bad-index-call", "eventfd() signalled %d", rig_signalled(rig.call[ABI_TX]));
	step_base("bad-index-base", &rig);
	rig_close(&rig);
}

void section_restart(void)
{
	struct abi_rig rig;
	int tap = abi_tap_up("tap0");
	unsigned int slot;

	rig_ready(&rig, NUM);
	for (slot = 0; slot < 3; slot++) {
		STEP_FILE(abi_name("attach-%u", slot), rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, tap,
			  "tap");
		step_transmit(abi_name("frame-%u", slot), &rig, slot);
		step_detach(abi_name("detach-%u", slot), &rig);
		step_base(abi_name("base-%u", slot), &rig);
	}
	/* Posted while nothing is attached: served on attach, with no kick after it. */
	rig_transmit(&rig, NUM, slot);
	STEP_FILE("attach-posted", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, tap, "tap");
	abi_fact("posted", "transmit() -> used %s", rig_wait_used(ABI_TX, slot + 1) ? "yes" : "no");
	step_detach("posted-detach", &rig);
	step_base("posted-base", &rig);
	/* Back to an index already used: the ring's own used index is taken over again. */
	STEP_STATE("rewind", rig.fd, VHOST_SET_VRING_BASE, ABI_TX, 3);
	STEP_FILE("rewound-attach", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, tap, "tap");
	abi_fact("rewound", "transmit() -> used %s",
		 rig_wait_used(ABI_TX, slot + 2) ? "yes" : "no");
	step_detach("rewound-detach", &rig);
	step_base("rewound-base", &rig);
	rig_close(&rig);
	bad_available_index(tap);
}

void section_reset(void)
{
	struct abi_rig rig;
	struct vhost_vring_addr addr = rig_addr(ABI_TX);
	int tap = abi_tap_up("tap0");

	rig_ready(&rig, NUM);
	rig_backend(&rig, ABI_TX, tap);
	step_transmit("frame-0", &rig, 0);
	STEP_VOID("reset", rig.fd, VHOST_RESET_OWNER);
	STEP_VOID("reset-again", rig.fd, VHOST_RESET_OWNER);
	STEP_STATE("num-unowned", rig.fd, VHOST_SET_VRING_NUM, ABI_TX, NUM);
	STEP_VOID("retake", rig.fd, VHOST_SET_OWNER);
	step_base("base", &rig);
	STEP_STATE("busyloop", rig.fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, ABI_TX, 0x5a);
	/* The memory table is gone, but an empty one stands in for it. */
	STEP_FILE("detach-after", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, -1, "-1");
	STEP_FILE("attach-unconfigured", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, tap, "tap");
	STEP_STATE("num-back-to-1", rig.fd, VHOST_SET_VRING_NUM, ABI_TX, NUM);
	step_addr("addr", rig.fd, &addr, "ring");
	STEP_FILE("attach-no-memory", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, tap, "tap");
	STEP_FILE("detach", rig.fd, VHOST_NET_SET_BACKEND, ABI_TX, -1, "-1");
	rig_close(&rig);

	/* The whole life again on the same descriptor. */
	rig_ready(&rig, NUM);
	rig_backend(&rig, ABI_TX, tap);
	rig_backend(&rig, ABI_RX, tap);
	step_transmit("life-0", &rig, 0);
	STEP_VOID("life-reset", rig.fd, VHOST_RESET_OWNER);
	rig_close(&rig);
}
