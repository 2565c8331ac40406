// SPDX-License-Identifier: GPL-2.0-or-later
// rig.c - bring a vhost device silently to the state a section starts from, and drive one frame.

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "abi.h"

#define FRAME_SIZE   60
#define HEADER_SIZE  12
#define WAIT_SECONDS (10 * abi_slow())

int abi_open(void)
{
	int fd = open(abi_node, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		abi_die("open(%s)", abi_node);
	return fd;
}

/* A TAP (or TUN) queue called @name with these IFF_ flags. */
int abi_tap(const char *name, int flags)
{
	struct ifreq request = {.ifr_flags = (short)flags};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		abi_die("open(/dev/net/tun)");
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, TUNSETIFF, &request))
		abi_die("TUNSETIFF(%s)", name);
	return fd;
}

static void link_up(const char *name)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request))
		abi_die("SIOCGIFFLAGS(%s)", name);
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		abi_die("SIOCSIFFLAGS(%s)", name);
	close(fd);
}

/* A TAP as QEMU opens it: virtio header of 12 bytes, and up. */
int abi_tap_up(const char *name)
{
	int fd = abi_tap(name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
	int size = HEADER_SIZE;

	if (ioctl(fd, TUNSETVNETHDRSZ, &size))
		abi_die("TUNSETVNETHDRSZ");
	link_up(name);
	return fd;
}

long rig_ioctl(struct abi_rig *rig, unsigned long request, void *arg)
{
	long ret = ioctl(rig->fd, request, arg);

	if (ret < 0)
		abi_die("set-up ioctl 0x%lx", request & 0xffff);
	return ret;
}

void rig_open(struct abi_rig *rig)
{
	unsigned int i;

	memset(abi_guest, 0, abi_guest_size);
	rig->fd = abi_open();
	for (i = 0; i < ABI_QUEUES; i++) {
		rig->kick[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		rig->call[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		rig->err[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
}

void rig_owner(struct abi_rig *rig)
{
	rig_open(rig);
	rig_ioctl(rig, VHOST_SET_OWNER, NULL);
}

void rig_memory(struct abi_rig *rig)
{
	struct {
		struct vhost_memory table;
		struct vhost_memory_region region;
	} memory = {
		.table.nregions = 1,
		.region.memory_size = abi_guest_size,
		.region.userspace_addr = (uintptr_t)abi_guest,
	};

	rig_owner(rig);
	rig_ioctl(rig, VHOST_SET_MEM_TABLE, &memory);
}

void rig_features(struct abi_rig *rig, uint64_t features)
{
	rig_ioctl(rig, VHOST_SET_FEATURES, &features);
}

struct vhost_vring_addr rig_addr(unsigned int index)
{
	struct abi_ring ring = abi_ring_memory(index % ABI_QUEUES);

	return (struct vhost_vring_addr){
		.index = index,
		.desc_user_addr = (uintptr_t)ring.desc,
		.avail_user_addr = (uintptr_t)ring.avail,
		.used_user_addr = (uintptr_t)ring.used,
		.log_guest_addr = (uintptr_t)ring.used - (uintptr_t)abi_guest,
	};
}

void rig_queue(struct abi_rig *rig, unsigned int index, unsigned int num)
{
	struct vhost_vring_state state = {.index = index, .num = num};
	struct vhost_vring_file file = {.index = index};
	struct vhost_vring_addr addr = rig_addr(index);

	rig_ioctl(rig, VHOST_SET_VRING_NUM, &state);
	rig_ioctl(rig, VHOST_SET_VRING_ADDR, &addr);
	state.num = 0;
	rig_ioctl(rig, VHOST_SET_VRING_BASE, &state);
	file.fd = rig->kick[index];
	rig_ioctl(rig, VHOST_SET_VRING_KICK, &file);
	file.fd = rig->call[index];
	rig_ioctl(rig, VHOST_SET_VRING_CALL, &file);
	file.fd = rig->err[index];
	rig_ioctl(rig, VHOST_SET_VRING_ERR, &file);
}

void rig_backend(struct abi_rig *rig, unsigned int index, int backend)
{
	struct vhost_vring_file file = {.index = index, .fd = backend};

	rig_ioctl(rig, VHOST_NET_SET_BACKEND, &file);
}

void rig_ready(struct abi_rig *rig, unsigned int num)
{
	unsigned int i;

	rig_memory(rig);
	rig_features(rig, ABI_BIT(VIRTIO_F_VERSION_1) | ABI_BIT(VIRTIO_NET_F_MRG_RXBUF));
	for (i = 0; i < ABI_QUEUES; i++)
		rig_queue(rig, i, num);
}

void rig_close(struct abi_rig *rig)
{
	unsigned int i;

	close(rig->fd);
	for (i = 0; i < ABI_QUEUES; i++) {
		close(rig->kick[i]);
		close(rig->call[i]);
		close(rig->err[i]);
	}
}

/* Post one frame on the transmit ring of size @num as the available entry number @slot, and kick. */
void rig_transmit(struct abi_rig *rig, unsigned int num, unsigned int slot)
{
	struct abi_ring ring = abi_ring_memory(ABI_TX);
	unsigned int head = slot % num;
	uint64_t one = 1;

	memset(ring.buffers, 0, HEADER_SIZE + FRAME_SIZE);
	memset(ring.buffers + HEADER_SIZE, 0xff, 6);
	ring.desc[head] = (struct vring_desc){
		.addr = (uintptr_t)ring.buffers - (uintptr_t)abi_guest,
		.len = HEADER_SIZE + FRAME_SIZE,
	};
	ring.avail->ring[head] = (uint16_t)head;
	__atomic_store_n(&ring.avail->idx, (uint16_t)(slot + 1), __ATOMIC_RELEASE);
	if (write(rig->kick[ABI_TX], &one, sizeof(one)) != sizeof(one))
		abi_die("kick");
}

/* Poll until the used index is @used: 1 if it got there before the deadline. */
int rig_wait_used(unsigned int index, unsigned int used)
{
	struct abi_ring ring = abi_ring_memory(index);
	time_t deadline = time(NULL) + WAIT_SECONDS;

	while (__atomic_load_n(&ring.used->idx, __ATOMIC_ACQUIRE) != (uint16_t)used) {
		if (time(NULL) > deadline)
			return 0;
		usleep(1000);
	}
	return 1;
}

/* 1 if the eventfd has been signalled since it was last asked. */
int rig_signalled(int eventfd)
{
	uint64_t count;

	return read(eventfd, &count, sizeof(count)) == sizeof(count);
}

/* Wait for the eventfd: 1 if it was signalled before the deadline. */
int rig_wait_signalled(int eventfd)
{
	struct pollfd poll_fd = {.fd = eventfd, .events = POLLIN};

	return poll(&poll_fd, 1, WAIT_SECONDS * 1000) == 1 && rig_signalled(eventfd);
}
