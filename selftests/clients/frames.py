# SPDX-License-Identifier: GPL-2.0-or-later
# The far end of a TAP whose near end is a program that sends each frame back, with its two MAC addresses swapped.
#
#	frames.py swapped IFACE COUNT	each of COUNT frames comes back, once, as it went but for the addresses
#	frames.py segments IFACE COUNT	the same of TCP frames that are to be cut into segments of 1400 bytes, and are not
#	frames.py flood IFACE		frames without end, until the interface is gone; what comes back is not read

import os
import random
import select
import socket
import struct
import sys

SOL_PACKET, PACKET_VNET_HDR, PACKET_OUTGOING = 263, 15, 4
ETH_P_ALL = 3
NEAR, FAR = b"\x02\x00\x00\x00\x00\x01", b"\x02\x00\x00\x00\x00\x02"
SLOW = int(os.environ.get("RTAP_SLOW", "1"))
# Frames on their way at a time: fewer than the TAP and the rings have room for, so none may be lost.
WINDOW = 48
# The virtio header that a packet socket has: flags, kind of segments, length of headers, of a segment, checksum.
HEADER = struct.Struct("=BBHHHH")
NEEDS_CSUM, TCP4 = 1, 1
SEGMENT = 1400


def checksum(data):
    """The Internet checksum's sum, folded and not inverted."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def body(number, size):
    """Bytes that no other frame has, and its number first."""
    return struct.pack(">I", number) + random.Random(number).randbytes(size - 4)


def ip(protocol, payload):
    """An IPv4 packet."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0,
                       bytes((198, 18, 0, 1)), bytes((198, 18, 0, 2)))
    return head[:10] + struct.pack(">H", checksum(head) ^ 0xffff) + head[12:] + payload


def udp_frame(number):
    """A datagram: of many sizes, and of many flows, so that all queues of a TAP have some."""
    size = (18, 19, 87, 500, 1472)[number % 5]
    head = struct.pack(">HHHH", 1024 + number % 61, 9, 8 + size, 0)
    return NEAR + FAR + b"\x08\x00" + ip(17, head + body(number, size))


def tcp_frame(number):
    """More than one segment of TCP, with the checksum that is left to whoever cuts it."""
    size = 3000 + 1777 * (number % 10)
    pseudo = bytes((198, 18, 0, 1, 198, 18, 0, 2, 0, 6)) + struct.pack(">H", 20 + size)
    head = struct.pack(">HHIIBBHHH", 1024, 9, 1, 1, 0x50, 0x10, 0xffff, checksum(pseudo), 0)
    return NEAR + FAR + b"\x08\x00" + ip(6, head + body(number, size))


class Swapped:
    """Datagrams, each as it is."""
    vnet = False
    at = 42

    @staticmethod
    def out(number):
        """What is sent."""
        return udp_frame(number)

    @staticmethod
    def check(number, said):
        """What has come for it: all but the addresses as it went."""
        sent = udp_frame(number)
        if said != FAR + NEAR + sent[12:]:
            sys.exit(f"frame {number} came back changed:\n{sent.hex()}\n{said.hex()}")


class Segments:
    """Frames of TCP behind the virtio header."""
    vnet = True
    at = HEADER.size + 54

    @staticmethod
    def out(number):
        """What is sent."""
        return HEADER.pack(NEEDS_CSUM, TCP4, 54, SEGMENT, 34, 16) + tcp_frame(number)

    @staticmethod
    def check(number, said):
        """What has come for it: in one piece, still to be cut at the same places, and with the same bytes."""
        flags, kind, _, segment, start, offset = HEADER.unpack(said[:HEADER.size])
        if (flags & NEEDS_CSUM, kind, segment, start, offset) != (NEEDS_CSUM, TCP4, SEGMENT, 34, 16):
            sys.exit(f"frame {number} came back with another header: {said[:HEADER.size].hex()}")
        sent, got = tcp_frame(number), said[HEADER.size:]
        if got != FAR + NEAR + sent[12:]:
            sys.exit(f"frame {number} came back changed:\n{sent[:64].hex()} {len(sent)}\n"
                     f"{got[:64].hex()} {len(got)}")


def packet_socket(name, vnet=False):
    """A socket that has everything on the interface."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    if vnet:
        sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    sock.bind((name, ETH_P_ALL))
    return sock


def receive(sock, kind, waiting, seconds):
    """Check one frame and take its number out of those that are waited for; False if none comes."""
    if not select.select([sock], [], [], seconds)[0]:
        return False
    said, address = sock.recvfrom(1 << 17)
    if address[2] == PACKET_OUTGOING:
        return True
    if len(said) < kind.at + 4:
        sys.exit(f"this was never sent: {said.hex()}")
    number = struct.unpack_from(">I", said, kind.at)[0]
    if number not in waiting:
        sys.exit(f"frame {number} came twice, or was never sent: {said[:64].hex()}")
    kind.check(number, said)
    waiting.remove(number)
    return True


def exchange(name, count, kind):
    """Send them all, and have them all back."""
    sock, waiting, sent = packet_socket(name, kind.vnet), set(), 0
    while sent < count or waiting:
        while sent < count and len(waiting) < WINDOW:
            waiting.add(sent)
            sock.send(kind.out(sent))
            sent += 1
        if not receive(sock, kind, waiting, 20 * SLOW):
            sys.exit(f"{len(waiting)} of {sent} frames did not come back, "
                     f"the first of them {min(waiting)}")
    if receive(sock, kind, waiting, 0.2):
        sys.exit("there came more than was sent")
    print(f"{count} frames came back")


def flood(name):
    """Send until there is nothing to send to."""
    sock = packet_socket(name)
    frames = [udp_frame(number) for number in range(61)]
    try:
        while True:
            for frame in frames:
                try:
                    sock.send(frame)
                except BlockingIOError:
                    pass
    except OSError as error:
        print(f"flooded until {error}")


def main():
    """Do what the first argument says."""
    if sys.argv[1] == "swapped":
        exchange(sys.argv[2], int(sys.argv[3]), Swapped)
    elif sys.argv[1] == "segments":
        exchange(sys.argv[2], int(sys.argv[3]), Segments)
    else:
        flood(sys.argv[2])


main()
