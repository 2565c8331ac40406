# SPDX-License-Identifier: GPL-2.0-or-later
# Faults in all that a device IOTLB needs: it is made, told, asked, and rings are found by it.

import os
import select
import struct

import inject
from cases import case, equal
from rig import Rig, errors, nothing_is_left, served, tried, worker
from ring import GUEST_BASE
from tap import frame, with_header
from vhost import SET_BACKEND_FEATURES, TX, VERSION_1, Device, wait_for

PLATFORM = 1 << 33
MSG_V2, UPDATE, INVALIDATE = 2, 2, 3


def write(device, kind, iova=0, size=0, user=0):
    os.write(device.fd, struct.pack("=IIQQQBB38x", MSG_V2, 0, iova, size, user, 3, kind))


def tell(device):
    """Where all of its memory is: by guest addresses, and the rings by addresses of their own."""
    memory = device.memory
    for iova in GUEST_BASE, memory.user:
        write(device, UPDATE, iova, memory.size, memory.user)


@case("a device IOTLB")
def make_iotlb():
    def step(armed):
        with Device() as device:
            device.own()
            tried(armed, lambda: device.set_features(VERSION_1 | PLATFORM))
            device.set_features(VERSION_1 | PLATFORM)
            write(device, UPDATE, 0, 4096, 4096)
    assert inject.each(step) >= 2
    nothing_is_left()


@case("translations that are told")
def translations():
    def step(armed):
        with Device() as device:
            device.own()
            device.set_features(VERSION_1 | PLATFORM)
            tried(armed, lambda: write(device, UPDATE, 0, 4096, 4096))
            write(device, UPDATE, 0, 4096, 4096)
            tried(armed, lambda: write(device, INVALIDATE))
    assert inject.each(step) >= 2
    nothing_is_left()


@case("a translation that is asked for")
def question():
    with Rig(extra=PLATFORM) as rig:
        rig.device.ioctl(SET_BACKEND_FEATURES, "=Q", 1 << 1)
        rig.device.attach(rig.tap.fd, [TX])
        poller = select.poll()
        poller.register(rig.device.fd, select.POLLIN)

        def step(armed):
            wait_for("a question", lambda: poller.poll(100))
            if tried(armed, lambda: os.read(rig.device.fd, 72)):
                # The same one again, for the next time.
                tell(rig.device)
                write(rig.device, INVALIDATE)
                rig.device.kick(TX)
        assert inject.each(step) >= 1


@case("a split ring that is found, or is not", "split")
@case("a packed ring that is found, or is not", "packed")
def found_ring(layout):
    with Rig(layout, extra=PLATFORM) as rig:
        device, ring = rig.device, rig.device.rings[TX]
        tell(device)
        device.attach(rig.tap.fd)
        device.send([with_header(frame(60))])

        def step(armed):
            write(device, INVALIDATE)
            tell(device)
            before = rig.stats(TX)

            def move():
                ring.post_frames([with_header(frame(60))])
                device.kick(TX)
            after, _ = served(rig, TX, armed, move, lambda: not ring.in_flight())
            if rig.state(TX) == "broken":
                equal(errors(after), errors(before) + 1, "errors counted")
                device.detach([TX])
                device.attach(rig.tap.fd, [TX])
                wait_for("the frame", lambda: not ring.in_flight())
        assert inject.each(step, worker) >= 1
