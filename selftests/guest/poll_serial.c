// SPDX-License-Identifier: GPL-2.0-or-later
// poll_serial - has the kernel look at a serial port by timer: it needs no interrupt of the port's then.

#include <fcntl.h>
#include <linux/serial.h>
#include <stdio.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
	struct serial_struct port;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: poll_serial PORT\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, TIOCGSERIAL, &port) < 0) {
		perror(argv[1]);
		return 1;
	}
	port.irq = 0;
	if (ioctl(fd, TIOCSSERIAL, &port) < 0 || ioctl(fd, TIOCGSERIAL, &port) < 0) {
		perror(argv[1]);
		return 1;
	}
	if (port.irq) {
		fprintf(stderr, "%s: keeps its interrupt\n", argv[1]);
		return 1;
	}
	return 0;
}
