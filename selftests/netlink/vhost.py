# SPDX-License-Identifier: GPL-2.0-or-later
# One vhost-net device as its owner has it: opened, owned, given memory, rings and a TAP, step by step.

import fcntl
import os
import struct
import time

from ring import GUEST_BASE, LAYOUTS, Memory

NODE = os.environ.get("RTAP_NODE", "/dev/vhost-ringtap")
RX, TX = 0, 1

VERSION_1, PACKED, MRG_RXBUF = 1 << 32, 1 << 34, 1 << 15
# Segments in UDP tunnels, to the guest and to the host.
TUNNELS = 1 << 65 | 1 << 67
# Of virtio_net_hdr_v1.
HEADER = 12
# By how much the machine is slower than most: selftests/lib.sh.
SLOW = int(os.environ.get("RTAP_SLOW", "1"))


def _ioc(direction, number, size):
    return direction << 30 | size << 16 | 0xAF << 8 | number


SET_FEATURES = _ioc(1, 0x00, 8)
SET_OWNER = _ioc(0, 0x01, 0)
RESET_OWNER = _ioc(0, 0x02, 0)
SET_MEM_TABLE = _ioc(1, 0x03, 8)
NEW_WORKER = _ioc(2, 0x08, 4)
FREE_WORKER = _ioc(1, 0x09, 4)
SET_VRING_NUM = _ioc(1, 0x10, 8)
SET_VRING_ADDR = _ioc(1, 0x11, 40)
SET_VRING_BASE = _ioc(1, 0x12, 8)
ATTACH_VRING_WORKER = _ioc(1, 0x15, 8)
SET_VRING_KICK = _ioc(1, 0x20, 8)
SET_VRING_CALL = _ioc(1, 0x21, 8)
SET_VRING_ERR = _ioc(1, 0x22, 8)
SET_VRING_BUSYLOOP_TIMEOUT = _ioc(1, 0x23, 8)
SET_BACKEND_FEATURES = _ioc(1, 0x25, 8)
GET_FEATURES_ARRAY = _ioc(2, 0x83, 8)
SET_FEATURES_ARRAY = _ioc(1, 0x83, 8)
NET_SET_BACKEND = _ioc(1, 0x30, 8)


def wait_for(what, condition, seconds=30):
    """Poll until it is so; what it returned."""
    deadline = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"gave up waiting for {what}")
        time.sleep(0.01)


class Device:
    """An open node. Everything else is a call away, in the order that a test wants it."""

    def __init__(self, node=NODE):
        self.fd = os.open(node, os.O_RDWR | os.O_CLOEXEC)
        self.memory, self.rings, self.kicks, self.calls, self.errors = None, {}, {}, {}, {}
        self.features = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for fd in [self.fd, *self.kicks.values(), *self.calls.values(), *self.errors.values()]:
            os.close(fd)
        self.fd = -1
        self.kicks, self.calls, self.errors = {}, {}, {}

    def ioctl(self, request, form="", *values):
        return fcntl.ioctl(self.fd, request, struct.pack(form, *values) if form else 0)

    def own(self):
        self.ioctl(SET_OWNER)

    def set_features(self, features):
        self.features = features
        self.ioctl(SET_FEATURES, "=Q", features)

    def offered(self):
        """All feature bits that the node offers."""
        array = bytearray(struct.pack("=QQQ", 2, 0, 0))
        fcntl.ioctl(self.fd, GET_FEATURES_ARRAY, array)
        _, low, high = struct.unpack("=QQQ", array)
        return high << 64 | low

    def set_all_features(self, features):
        """As set_features(), with bits above 63."""
        self.features = features
        fcntl.ioctl(self.fd, SET_FEATURES_ARRAY,
                    struct.pack("=QQQ", 2, features & (1 << 64) - 1, features >> 64))

    def set_memory(self, regions=None):
        """Regions of (guest address, bytes, user address); without, all our memory as one."""
        regions = regions or [(GUEST_BASE, self.memory.size, self.memory.user)]
        table = struct.pack("=II", len(regions), 0)
        for region in regions:
            table += struct.pack("=QQQQ", *region, 0)
        fcntl.ioctl(self.fd, SET_MEM_TABLE, table)

    def make_ring(self, index, layout, num, buffer_size):
        """A ring, its addresses and its eventfds; not attached yet."""
        ring = LAYOUTS[layout](self.memory, num, buffer_size)
        self.rings[index] = ring
        self.kicks[index], self.calls[index], self.errors[index] = (
            os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(3))
        self.ioctl(SET_VRING_NUM, "=II", index, num)
        self.ioctl(SET_VRING_BASE, "=II", index, ring.base())
        user = self.memory.user
        self.ioctl(SET_VRING_ADDR, "=IIQQQQ", index, 0, user + ring.desc, user + ring.device,
                   user + ring.driver, 0)
        self.ioctl(SET_VRING_KICK, "=Ii", index, self.kicks[index])
        self.ioctl(SET_VRING_CALL, "=Ii", index, self.calls[index])
        self.ioctl(SET_VRING_ERR, "=Ii", index, self.errors[index])
        return ring

    def prepare(self, layout="split", num=64, buffer_size=2048, mergeable=True, extra=0):
        """All that comes before a backend, for both queues."""
        self.own()
        self.set_features(VERSION_1 | (PACKED if layout == "packed" else 0)
                          | (MRG_RXBUF if mergeable else 0) | extra)
        self.memory = Memory((2 * num * buffer_size + 64 * num + 0x20000) // 4096 * 4096)
        self.set_memory()
        for index in RX, TX:
            self.make_ring(index, layout, num, buffer_size)
        return self

    def attach(self, backend, queues=(RX, TX)):
        for index in queues:
            self.ioctl(NET_SET_BACKEND, "=Ii", index, backend)

    def detach(self, queues=(RX, TX)):
        for index in queues:
            self.ioctl(NET_SET_BACKEND, "=Ii", index, -1)

    def rebase(self, index):
        """Go on where a detached split ring was, in place of where it began."""
        self.ioctl(SET_VRING_BASE, "=II", index, self.rings[index].used() & 0xffff)

    def busyloop(self, index, microseconds):
        self.ioctl(SET_VRING_BUSYLOOP_TIMEOUT, "=II", index, microseconds)

    def kick(self, index):
        os.eventfd_write(self.kicks[index], 1)

    def signalled(self, index):
        """How often the device has signalled since the last time of asking."""
        try:
            return os.eventfd_read(self.calls[index])
        except BlockingIOError:
            return 0

    def send(self, frames):
        """Send frames in one go, each with a virtio header already, and wait until they are back."""
        ring = self.rings[TX]
        ring.post_frames(frames)
        self.kick(TX)
        wait_for("frames to be used", lambda: not ring.in_flight())

    def wait_used(self, index, count):
        wait_for(f"{count} chains of queue {index} to be used",
                 lambda: self.rings[index].used() >= count)
