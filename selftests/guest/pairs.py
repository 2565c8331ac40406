# SPDX-License-Identifier: GPL-2.0-or-later
# One owner, not a guest's, with several queue pairs of 1,024 entries each way: every ring is filled, and gives its
# frames back. Says how much of the owner is pinned.
#
#	pairs.py PAIRS LAYOUT

import sys

from tap import Tap, frame, with_header
from vhost import RX, TX, Device

ENTRIES = 1024


def carry(device, tap):
    """As many frames each way as the rings have entries."""
    device.rings[RX].post_room(ENTRIES)
    device.kick(RX)
    host = tap.host()
    host.setblocking(True)
    for number in range(ENTRIES):
        host.send(frame(60, number))
    device.wait_used(RX, ENTRIES)
    before = tap.counts()["rx_packets"]
    device.send([with_header(frame(60, number)) for number in range(ENTRIES)])
    sent = tap.counts()["rx_packets"] - before
    assert sent == ENTRIES, f"{sent} frames reached {tap.name}, want {ENTRIES}"


def main():
    """All pairs are there before the first carries anything."""
    pairs = []
    for number in range(int(sys.argv[1])):
        tap = Tap(f"rtappair{number}", queue_length=2 * ENTRIES)
        tap.host()
        device = Device().prepare(sys.argv[2], num=ENTRIES)
        device.attach(tap.fd)
        pairs.append((device, tap))
    for device, tap in pairs:
        carry(device, tap)
    with open("/proc/self/status", encoding="ascii") as status:
        print([line for line in status if line.startswith("VmPin")][0].split()[1])
    for device, tap in pairs:
        device.close()
        tap.close()


main()
