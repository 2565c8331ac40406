# SPDX-License-Identifier: GPL-2.0-or-later
# A device that faults are injected into, and what must be there again when it has gone.

import errno

import inject
from cases import equal
from family import Family
from tap import Tap, frame, with_header
from vhost import RX, TX, Device, wait_for

NAME = "rtapf0"
CLEAN = (errno.ENOMEM, errno.EFAULT, errno.EAGAIN, errno.EINVAL)


class Rig:
    """A device on a TAP, ready to be attached, and what must be there again when it has gone."""

    def __init__(self, layout="split", **prepare):
        self.family = Family()
        self.tap = Tap(NAME)
        self.tap.host()
        self.device = Device()
        self.device.prepare(layout, **prepare)
        self.id = self.family.newest()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.device.close()
        self.tap.close()
        self.family.close()
        nothing_is_left()

    def stats(self, index):
        return self.family.queue(self.id, index)["stats"]

    def state(self, index):
        return self.family.queue(self.id, index)["state"]


def nothing_is_left():
    """No worker, no pin, no user of the module."""
    wait_for("the workers to end", lambda: not inject.workers())
    equal(inject.pinned(), 0, "kilobytes pinned")
    wait_for("the module to be unused", lambda: not inject.users("ringtap"))


def tried(armed, action):
    """Do it with a fault to come; True if it succeeded all the same, False if it failed cleanly."""
    with armed():
        try:
            action()
        except OSError as error:
            assert error.errno in CLEAN, f"failed with {error!r}"
            return False
    return True


def drain(rig):
    """What the host's side has received; how many frames."""
    count = 0
    while True:
        try:
            rig.tap.host().recv(70000)
            count += 1
        except BlockingIOError:
            return count


def traffic(rig):
    """The device works: three frames each way arrive."""
    device = rig.device
    drain(rig)
    before = device.rings[RX].used()
    device.rings[RX].post_room(3)
    device.kick(RX)
    for number in range(3):
        rig.tap.host().send(frame(100, number))
    device.wait_used(RX, before + 3)
    sent = rig.stats(TX)["packets"]
    device.send([with_header(frame(100, number)) for number in range(3)])
    equal(rig.stats(TX)["packets"], sent + 3, "frames sent")


def served(rig, index, armed, move, done):
    """
    Move frames with a fault to come on the worker, until it is done, or broken: what its queue has counted, and
    whether the fault came.
    """
    with armed() as fault:
        move()
        wait_for("the worker", lambda: done() or rig.state(index) == "broken")
    return rig.stats(index), fault.hit


def worker():
    return inject.workers()[0]


def errors(stats):
    return sum(error["count"] for error in stats.get("error") or [])
