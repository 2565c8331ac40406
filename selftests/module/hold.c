// SPDX-License-Identifier: GPL-2.0-or-later
// hold.c - open a vhost node, own the device, say so, and hold it until the input ends.

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vhost.h>

int main(int argc, char **argv)
{
	char byte;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: %s NODE\n", argv[0]);
		return 2;
	}
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	if (ioctl(fd, VHOST_SET_OWNER, NULL)) {
		perror("VHOST_SET_OWNER");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
