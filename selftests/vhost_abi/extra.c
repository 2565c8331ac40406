// SPDX-License-Identifier: GPL-2.0-or-later
// extra.c - sections on who forks the workers, unknown ioctls, and the descriptor as a file.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "abi.h"

/* What the kernel, which is 64-bit, takes for a message. */
#define MESSAGE_SIZE 72

void section_fork_owner(void)
{
	static const uint8_t values[] = {0, 1, 2, 255};
	struct abi_rig rig;
	size_t i;

	rig_open(&rig);
	STEP_U8("get-fresh", rig.fd, VHOST_GET_FORK_FROM_OWNER, 0x77);
	for (i = 0; i < sizeof(values); i++) {
		STEP_U8(abi_name("set-%u", values[i]), rig.fd, VHOST_SET_FORK_FROM_OWNER,
			values[i]);
		STEP_U8(abi_name("get-%u", values[i]), rig.fd, VHOST_GET_FORK_FROM_OWNER, 0x77);
	}
	STEP("set-unmapped", rig.fd, VHOST_SET_FORK_FROM_OWNER, abi_bad_pointer(), "unmapped");
	STEP("get-unmapped", rig.fd, VHOST_GET_FORK_FROM_OWNER, abi_bad_pointer(), "unmapped");
	STEP("get-read-only", rig.fd, VHOST_GET_FORK_FROM_OWNER, abi_read_only(values, 4),
	     "read-only");
	STEP_U8("set-kthread", rig.fd, VHOST_SET_FORK_FROM_OWNER, 0);
	STEP_VOID("take-kthread", rig.fd, VHOST_SET_OWNER);
	STEP_U8("owned-set-0", rig.fd, VHOST_SET_FORK_FROM_OWNER, 0);
	STEP_U8("owned-set-1", rig.fd, VHOST_SET_FORK_FROM_OWNER, 1);
	STEP_U8("owned-set-2", rig.fd, VHOST_SET_FORK_FROM_OWNER, 2);
	STEP("owned-set-unmapped", rig.fd, VHOST_SET_FORK_FROM_OWNER, abi_bad_pointer(),
	     "unmapped");
	STEP_U8("owned-get", rig.fd, VHOST_GET_FORK_FROM_OWNER, 0x77);
	STEP_WORKER("kthread-new-worker", rig.fd, VHOST_NEW_WORKER, 0, 0);
	STEP_VOID("reset", rig.fd, VHOST_RESET_OWNER);
	STEP_U8("reset-get", rig.fd, VHOST_GET_FORK_FROM_OWNER, 0x77);
	STEP_U8("reset-set-1", rig.fd, VHOST_SET_FORK_FROM_OWNER, 1);
	STEP_VOID("take-task", rig.fd, VHOST_SET_OWNER);
	STEP_U8("task-get", rig.fd, VHOST_GET_FORK_FROM_OWNER, 0x77);
	rig_close(&rig);
}

void section_unknown(void)
{
	uint32_t good[64] = {0}, beyond[64] = {2};
	struct abi_rig rig;
	unsigned int number;

	rig_owner(&rig);
	for (number = 0; number < 256; number++)
		STEP(abi_name("io-0x%02x", number), rig.fd, _IO(VHOST_VIRTIO, number), good,
		     abi_name("_IO 0x%02x, words of 0", number));
	for (number = 0; number < 256; number += 17)
		STEP(abi_name("beyond-0x%02x", number), rig.fd, _IO(VHOST_VIRTIO, number), beyond,
		     abi_name("_IO 0x%02x, first word 2", number));
	STEP("unknown-unmapped", rig.fd, _IO(VHOST_VIRTIO, 0xee), abi_bad_pointer(), "unmapped");
	STEP("other-type", rig.fd, _IO('x', 1), good, "type x");
	STEP("wrong-direction-owner", rig.fd, _IOW(VHOST_VIRTIO, 1, int), good, "_IOW 0x01");
	STEP("wrong-size-features", rig.fd, _IOR(VHOST_VIRTIO, 0, uint32_t), good, "_IOR 0x00 u32");
	STEP("wrong-size-num", rig.fd, _IOW(VHOST_VIRTIO, 0x10, uint32_t), good, "_IOW 0x10 u32");
	STEP("wrong-direction-base", rig.fd, _IOR(VHOST_VIRTIO, 0x12, struct vhost_vring_state),
	     good, "_IOR 0x12");
	STEP("scsi", rig.fd, _IOW(VHOST_VIRTIO, 0x40, char[0xe8]), good, "_IOW 0x40");
	STEP("vsock", rig.fd, _IOW(VHOST_VIRTIO, 0x60, uint64_t), good, "_IOW 0x60");
	STEP("vdpa", rig.fd, _IOR(VHOST_VIRTIO, 0x70, uint32_t), good, "_IOR 0x70");
	STEP("zero", rig.fd, 0UL, good, "0");
	STEP("all-ones", rig.fd, 0xffffffffUL, good, "0xffffffff");
	STEP("tcgets", rig.fd, 0x5401UL, good, "TCGETS");
	rig_close(&rig);
}

static void step_result(const char *name, const char *what, const char *args, long ret)
{
	abi_line(name, what, args, ret, errno, NULL);
}

void section_file(void)
{
	struct iovec parts[2];
	char buffer[256] = {0};
	struct abi_rig rig;
	struct stat status;
	void *map;
	int fd, epoll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};

	rig_open(&rig);
	fd = rig.fd;
	if (fstat(fd, &status))
		abi_die("fstat");
	abi_fact("node", "fstat() character device %d, major %u", S_ISCHR(status.st_mode),
		 major(status.st_rdev));
	step_result("lseek-0", "lseek", "0, SEEK_SET", (long)lseek(fd, 0, SEEK_SET));
	step_result("lseek-5", "lseek", "5, SEEK_CUR", (long)lseek(fd, 5, SEEK_CUR));
	step_result("lseek-end", "lseek", "0, SEEK_END", (long)lseek(fd, 0, SEEK_END));
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	step_result("mmap", "mmap", "4096", map == MAP_FAILED ? -1 : 0);
	step_result("ftruncate", "ftruncate", "0", ftruncate(fd, 0));
	step_result("fsync", "fsync", "", fsync(fd));
	step_result("flags", "fcntl", "F_SETFL, O_NONBLOCK", fcntl(fd, F_SETFL, O_NONBLOCK));
	step_result("fionbio", "ioctl", "FIONBIO", ioctl(fd, FIONBIO, &(int){1}));
	step_result("fionread", "ioctl", "FIONREAD", ioctl(fd, FIONREAD, buffer));
	step_result("fioasync", "ioctl", "FIOASYNC", ioctl(fd, FIOASYNC, &(int){1}));
	step_result("epoll-add", "epoll_ctl", "add", epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	step_result("splice-out", "splice", "to itself", splice(fd, NULL, fd, NULL, 1, 0));
	step_poll("poll", fd, 0);
	step_read("read-0", fd, 0);
	step_read("read-8", fd, 8);
	step_read("read-71", fd, 71);
	step_read("read-nonblocking", fd, MESSAGE_SIZE);
	step_read("read-nonblocking-long", fd, sizeof(buffer));
	if (fcntl(fd, F_SETFL, 0))
		abi_die("fcntl");
	step_read("read-blocking", fd, MESSAGE_SIZE);
	parts[0] = (struct iovec){buffer, 36};
	parts[1] = (struct iovec){buffer, 36};
	step_result("readv", "readv", "36+36", readv(fd, parts, 2));
	step_result("pread", "pread", "72 at 8", pread(fd, buffer, 72, 8));
	STEP_VOID("take", fd, VHOST_SET_OWNER);
	step_read("owned-read-blocking", fd, MESSAGE_SIZE);
	step_poll("owned-poll", fd, 0);
	rig_close(&rig);

	fd = open(abi_node, O_RDONLY);
	step_result("open-read-only", "open", "O_RDONLY", fd < 0 ? -1 : 0);
	STEP_VOID("read-only-take", fd, VHOST_SET_OWNER);
	step_write("read-only-write", fd, buffer, MESSAGE_SIZE, "zeroes");
	close(fd);
	fd = open(abi_node, O_WRONLY);
	step_result("open-write-only", "open", "O_WRONLY", fd < 0 ? -1 : 0);
	step_read("write-only-read", fd, MESSAGE_SIZE);
	close(fd);
	fd = open(abi_node, O_RDWR | O_EXCL | O_NONBLOCK | O_APPEND);
	step_result("open-odd-flags", "open", "O_RDWR|O_EXCL|O_NONBLOCK|O_APPEND", fd < 0 ? -1 : 0);
	close(fd);
}
