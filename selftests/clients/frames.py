# SPDX-License-Identifier: GPL-2.0-or-later
# The far end of a TAP whose near end is a program that sends each frame back, with its two MAC addresses swapped.
#
#	frames.py swapped IFACE COUNT	each of COUNT frames comes back, once, as it went but for the addresses
#	frames.py flood IFACE		frames without end, until the interface is gone; what comes back is not read

import os
import random
import select
import socket
import struct
import sys

PACKET_OUTGOING = 4
ETH_P_ALL = 3
# Behind the headers of Ethernet, IPv4 and UDP.
BODY_AT = 42
NEAR, FAR = b"\x02\x00\x00\x00\x00\x01", b"\x02\x00\x00\x00\x00\x02"
SLOW = int(os.environ.get("RTAP_SLOW", "1"))
# Frames on their way at a time: fewer than the TAP and the rings have room for, so none may be lost.
WINDOW = 48


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


def packet_socket(name):
    """A socket that has everything on the interface."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind((name, ETH_P_ALL))
    return sock


def receive(sock, waiting, seconds):
    """Check one frame and take its number out of those that are waited for; False if none comes."""
    if not select.select([sock], [], [], seconds)[0]:
        return False
    said, address = sock.recvfrom(1 << 17)
    if address[2] == PACKET_OUTGOING:
        return True
    if len(said) < BODY_AT + 4:
        sys.exit(f"this was never sent: {said.hex()}")
    number = struct.unpack_from(">I", said, BODY_AT)[0]
    if number not in waiting:
        sys.exit(f"frame {number} came twice, or was never sent: {said[:64].hex()}")
    sent = udp_frame(number)
    if said != FAR + NEAR + sent[12:]:
        sys.exit(f"frame {number} came back changed:\n{sent.hex()}\n{said.hex()}")
    waiting.remove(number)
    return True


def exchange(name, count):
    """Send them all, and have them all back."""
    sock, waiting, sent = packet_socket(name), set(), 0
    while sent < count or waiting:
        while sent < count and len(waiting) < WINDOW:
            waiting.add(sent)
            sock.send(udp_frame(sent))
            sent += 1
        if not receive(sock, waiting, 20 * SLOW):
            sys.exit(f"{len(waiting)} of {sent} frames did not come back, "
                     f"the first of them {min(waiting)}")
    if receive(sock, waiting, 0.2):
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
        exchange(sys.argv[2], int(sys.argv[3]))
    else:
        flood(sys.argv[2])


main()
