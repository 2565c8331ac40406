# SPDX-License-Identifier: GPL-2.0-or-later
# TAPs that nobody talks on but the tests: made, counted, and seen from the host's side.

import fcntl
import os
import socket
import struct
import subprocess

from vhost import HEADER

TUNSETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ, TUNSETSNDBUF = 0x400454ca, 0x400454d0, 0x400454d8, 0x400454d4
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
# TUN_F_*: checksums, segments of TCP and UDP, and of both in a tunnel over UDP; the last, too, with a checksum.
SEGMENTS_IN_TUNNELS = 0x01 | 0x02 | 0x04 | 0x20 | 0x40 | 0x80 | 0x100
UDP_SEGMENT = 103
# IEEE 802, local experimental 1.
ETHERTYPE = 0x88b5


def _quiet(name):
    """IPv6 would announce the interface, in frames that nobody has counted."""
    path = f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6"
    if os.path.exists(path):
        with open(path, "w", encoding="ascii") as file:
            file.write("1")


def run(*command):
    """Run a command; what it printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def frame(size, number=0):
    """An Ethernet frame of our own type, from 14 bytes on."""
    body = (struct.pack(">I", number) + bytes(i & 0xff for i in range(size)))[:max(size - 14, 0)]
    return (b"\x02\x00\x00\x00\x00\x02" + b"\x02\x00\x00\x00\x00\x01"
            + struct.pack(">H", ETHERTYPE) + body)[:size]


def with_header(data, flags=0, gso_type=0, hdr_len=0, gso_size=0, csum_start=0, csum_offset=0):
    """A frame behind the virtio header that the guest gives it."""
    return struct.pack("<BBHHHHH", flags, gso_type, hdr_len, gso_size, csum_start, csum_offset,
                       0) + data


class Tap:
    """A TAP in the network namespace of whoever made it; deleted with its last descriptor."""

    def __init__(self, name, up=True, queue_length=None):
        self.name = name
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(self.fd, TUNSETIFF,
                    struct.pack("=16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
        fcntl.ioctl(self.fd, TUNSETVNETHDRSZ, struct.pack("=i", HEADER))
        _quiet(name)
        if queue_length:
            run("ip", "link", "set", name, "txqueuelen", str(queue_length))
        if up:
            run("ip", "link", "set", name, "up")
        self.index = socket.if_nametoindex(name)
        self.socket = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.socket:
            self.socket.close()
        if self.fd >= 0:
            os.close(self.fd)
        self.fd, self.socket = -1, None

    def delete(self):
        run("ip", "link", "del", self.name)

    def limit_send_buffer(self, size):
        fcntl.ioctl(self.fd, TUNSETSNDBUF, struct.pack("=i", size))

    def set_offloads(self, offloads):
        """What the guest is said to take; OSError with EINVAL where this kernel does not know it."""
        fcntl.ioctl(self.fd, TUNSETOFFLOAD, offloads)

    def counts(self):
        """The interface's own counters."""
        base = f"/sys/class/net/{self.name}/statistics/"
        return {name: int(open(base + name, encoding="ascii").read()) for name in os.listdir(base)}

    def host(self):
        """The host's side: a packet socket for frames of our type."""
        if not self.socket:
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
            self.socket.bind((self.name, ETHERTYPE))
            self.socket.setblocking(False)
        return self.socket


class Tunnel:
    """A VXLAN of the host's whose other end is behind a TAP. Nobody answers, and nobody has to be asked."""

    NAME = "rtapvx0"
    HEADERS = 14 + 20 + 8 + 8
    FRAME = 14 + 20 + 8

    def __init__(self, tap, checksum):
        lower, upper, mac = "198.18.79", "198.18.80", "02:00:00:00:00:02"
        run("ip", "address", "add", f"{lower}.1/24", "dev", tap.name)
        run("ip", "neighbour", "add", f"{lower}.2", "lladdr", mac, "dev", tap.name)
        run("ip", "link", "add", self.NAME, "type", "vxlan", "id", "79", "dev", tap.name, "local",
            f"{lower}.1", "remote", f"{lower}.2", "dstport", "4789", checksum)
        _quiet(self.NAME)
        run("ip", "address", "add", f"{upper}.1/24", "dev", self.NAME)
        run("ip", "link", "set", self.NAME, "up")
        run("ip", "neighbour", "add", f"{upper}.2", "lladdr", mac, "dev", self.NAME)
        self.there = (f"{upper}.2", 9)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        run("ip", "link", "del", self.NAME)

    def send(self, size, segment=0):
        """A UDP datagram, or as many as it takes in one packet that is still to be segmented; its bytes."""
        self.socket.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, segment)
        self.socket.sendto(bytes(size), self.there)
        return self.HEADERS + self.FRAME + size
