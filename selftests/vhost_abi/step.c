// SPDX-License-Identifier: GPL-2.0-or-later
// step.c - issue one call on a vhost node and print its arguments, answer and returned data.

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "abi.h"

static int is_read(unsigned long request)
{
	return request == VHOST_GET_VRING_BASE || request == VHOST_GET_VRING_BUSYLOOP_TIMEOUT ||
	       request == VHOST_GET_VRING_ENDIAN || request == VHOST_GET_VRING_WORKER ||
	       request == VHOST_NEW_WORKER;
}

long step_ioctl(const char *name, int fd, const char *what, unsigned long request, void *arg,
		const char *args)
{
	long ret = ioctl(fd, request, arg);

	abi_line(name, what, args, ret, errno, NULL);
	return ret;
}

long step_u64(const char *name, int fd, const char *what, unsigned long request, uint64_t value)
{
	char args[40];

	snprintf(args, sizeof(args), "0x%llx", (unsigned long long)value);
	return step_ioctl(name, fd, what, request, &value, args);
}

long step_get_u64(const char *name, int fd, const char *what, unsigned long request)
{
	uint64_t value = 0x5a5a5a5a5a5a5a5aULL;
	char data[40];
	long ret = ioctl(fd, request, &value);
	int error = errno;

	snprintf(data, sizeof(data), "0x%llx", (unsigned long long)value);
	abi_line(name, what, "", ret, error, data);
	return ret;
}

/* Three guard bytes behind the value show whether more than a byte was written. */
long step_u8(const char *name, int fd, const char *what, unsigned long request, uint8_t value)
{
	uint8_t bytes[4] = {value, 0x5a, 0x5a, 0x5a};
	char args[8], data[32];
	long ret = ioctl(fd, request, bytes);
	int error = errno;

	snprintf(args, sizeof(args), "%u", value);
	snprintf(data, sizeof(data), "%u %02x%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3]);
	abi_line(name, what, args, ret, error, data);
	return ret;
}

long step_state(const char *name, int fd, const char *what, unsigned long request,
		unsigned int index, unsigned int num)
{
	struct vhost_vring_state state = {.index = index, .num = num};
	char args[60], data[60] = "";
	long ret = ioctl(fd, request, &state);
	int error = errno;

	snprintf(args, sizeof(args), "index=0x%x num=0x%x", index, num);
	if (is_read(request))
		snprintf(data, sizeof(data), "index=0x%x num=0x%x", state.index, state.num);
	abi_line(name, what, args, ret, error, data);
	return ret;
}

long step_file(const char *name, int fd, const char *what, unsigned long request,
	       unsigned int index, int file, const char *file_name)
{
	struct vhost_vring_file vring = {.index = index, .fd = file};
	char args[100];

	snprintf(args, sizeof(args), "index=0x%x fd=%s", index, file_name);
	return step_ioctl(name, fd, what, request, &vring, args);
}

long step_addr(const char *name, int fd, const struct vhost_vring_addr *addr, const char *args)
{
	struct vhost_vring_addr copy = *addr;
	char text[160];

	snprintf(text, sizeof(text), "index=0x%x flags=0x%x %s", addr->index, addr->flags, args);
	return step_ioctl(name, fd, "VHOST_SET_VRING_ADDR", VHOST_SET_VRING_ADDR, &copy, text);
}

long step_mem(const char *name, int fd, const struct vhost_memory *table, const char *args)
{
	return step_ioctl(name, fd, "VHOST_SET_MEM_TABLE", VHOST_SET_MEM_TABLE, (void *)table,
			  args);
}

long step_worker(const char *name, int fd, const char *what, unsigned long request, unsigned int a,
		 unsigned int b)
{
	unsigned int words[2] = {a, b};
	char args[60], data[60] = "";
	long ret = ioctl(fd, request, words);
	int error = errno;

	snprintf(args, sizeof(args), "0x%x 0x%x", a, b);
	if (is_read(request))
		snprintf(data, sizeof(data), "0x%x 0x%x", words[0], words[1]);
	abi_line(name, what, args, ret, error, data);
	return ret;
}

/* What a read returns is printed word by word: messages have no address of ours in them here. */
void step_read(const char *name, int fd, size_t size)
{
	unsigned char *buffer = calloc(1, size + 1);
	char args[32], data[400] = "";
	size_t used = 0;
	long ret, i;
	int error;

	ret = read(fd, buffer, size);
	error = errno;
	for (i = 0; i < ret && used + 3 < sizeof(data); i++)
		used += snprintf(data + used, sizeof(data) - used, "%02x", buffer[i]);
	snprintf(args, sizeof(args), "%zu", size);
	abi_line(name, "read", args, ret, error, data);
	free(buffer);
}

void step_write(const char *name, int fd, const void *data, size_t size, const char *args)
{
	char text[200];
	long ret = write(fd, data, size);
	int error = errno;

	snprintf(text, sizeof(text), "%s, %zu", args, size);
	abi_line(name, "write", text, ret, error, NULL);
}

void step_poll(const char *name, int fd, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};
	char data[40];
	long ret = poll(&poll_fd, 1, timeout_ms);
	int error = errno;

	snprintf(data, sizeof(data), "revents=0x%x", poll_fd.revents);
	abi_line(name, "poll", "in out pri", ret, error, data);
}
