# SPDX-License-Identifier: GPL-2.0-or-later
# Who may see what: unprivileged readers, readers in other network namespaces and in other pid namespaces.

import errno
import os

from cases import case, equal, main
from family import Family, NlError
from processes import Child, become_nobody, elsewhere, enter_netns
from tap import Tap, frame, run, with_header
from vhost import Device, wait_for

HERE, THERE, OTHER = "rtapw0", "rtapw1", "rtapw2"
ADDRESSES = {"desc-addr", "driver-addr", "device-addr"}
PIDS = {"owner-pid", "owner-comm"}
# What passes between two readings of a device that does nothing.
CHANGES = {"cpu-time", "cpu", "stats"}


class Netns:
    """A network namespace with a name."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        run("ip", "netns", "add", self.name)
        return self

    def __exit__(self, *_):
        run("ip", "netns", "del", self.name)

    def enter(self):
        enter_netns(self.name)


def everything(family):
    """All that a reader is told, without what changes by itself."""
    found = {}
    for operation in "device-get", "queue-get", "worker-get":
        found[operation] = [{k: v for k, v in item.items() if k not in CHANGES}
                            for item in family.consistent(operation)[0]]
    return found


def read_from(family, before, events=False, **where):
    """What a process finds that first does `before`."""
    return elsewhere(lambda: everything(family.reopen(events)), before=before, **where)


def without(found, names):
    return {operation: [{k: v for k, v in item.items() if k not in names} for item in items]
            for operation, items in found.items()}


def running(tap):
    device = Device()
    device.prepare()
    device.attach(tap.fd)
    # The thread of a worker is known once it has run.
    device.send([with_header(frame(60))])
    return device


def error_of(call, *arguments):
    """Which error of the kernel a call ends with, or 0."""
    try:
        call(*arguments)
    except NlError as error:
        return error.error
    return 0


@case("an unprivileged reader sees all but addresses")
def unprivileged():
    family = Family()
    with Tap(HERE) as tap, running(tap):
        mine, theirs = everything(family), read_from(family, become_nobody)
        assert ADDRESSES <= set(mine["queue-get"][0]), "root sees no addresses"
        equal(theirs, without(mine, ADDRESSES), "what nobody sees")
        queue = elsewhere(lambda: family.reopen().queue(family.newest(), 0), before=become_nobody)
        assert not ADDRESSES & set(queue), "nobody gets addresses, though no dump has them"


@case("a socket of root's used by nobody gives no addresses")
def borrowed():
    family = Family()
    with Tap(HERE) as tap, running(tap):
        def use():
            become_nobody()
            return everything(family)
        found = elsewhere(use)
        assert not ADDRESSES & set(found["queue-get"][0]), "addresses over a borrowed socket"


class Two:
    """A device of this process on a TAP here, and one on a TAP in another namespace."""

    def __init__(self):
        self.netns = Netns(THERE)

    def __enter__(self):
        self.netns.__enter__()
        self.family = Family()
        self.tap = Tap(HERE)
        self.device = running(self.tap)
        self.id = self.family.newest()
        # The file of a TAP is of the namespace that it was opened in.
        self.owner = Child(self.own_there, before=None)
        self.their_id = self.owner.hear()
        return self

    def own_there(self, child):
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.netns.enter()
        tap = Tap(HERE)
        import ctypes  # pylint: disable=import-outside-toplevel
        ctypes.CDLL(None).setns(home, 0)
        device = running(tap)
        child.pause(self.family.reopen().newest())
        device.close()
        child.pause()

    def __exit__(self, *_):
        self.owner.__exit__()
        self.device.close()
        self.tap.close()
        self.netns.__exit__()


@case("the initial network namespace sees all devices")
def initial_sees_all():
    with Two() as two:
        devices = two.family.devices()
        equal(sorted(devices), sorted([two.id, two.their_id]), "devices")
        equal(devices[two.their_id]["owner-pid"], two.owner.pid, "owner-pid")
        assert "netnsid" not in devices[two.id], "netnsid of a device here"
        equal(devices[two.their_id]["ifname"], HERE, "ifname of the device there")
        assert "netnsid" in devices[two.their_id], "no netnsid for an interface elsewhere"


@case("another network namespace sees the devices of its TAPs alone, and no pids")
def other_sees_its_own():
    with Two() as two:
        found = read_from(two.family, two.netns.enter)
        for operation, items in found.items():
            key = "id" if operation == "device-get" else "device"
            equal({item[key] for item in items}, {two.their_id}, operation)
        device = found["device-get"][0]
        assert not PIDS & set(device), f"the owner is given: {device}"
        assert "netnsid" not in device, "netnsid outside the initial namespace"
        equal((device["ifname"], device["state"]), (HERE, "running"), "the device")
        equal(len(found["queue-get"]), 2, "queues")
        assert "tid" not in found["worker-get"][0], "a thread id is given"

        def gets():
            two.family.reopen()
            return [error_of(get, two.id, *rest) for get, *rest in
                    ((two.family.device,), (two.family.queue, 0), (two.family.worker, 0))] + [
                        error_of(two.family.device, two.their_id)]
        equal(elsewhere(gets, before=two.netns.enter), [errno.ENODEV] * 3 + [0], "errors of gets")


@case("no name of another namespace's owner is given in the worker's")
def no_names():
    with Two() as two:
        found = read_from(two.family, two.netns.enter)
        text = str(found)
        for pid in two.owner.pid, os.getpid():
            assert f"vhost-{pid}" not in text, f"the worker's name has the pid {pid}: {text}"


@case("a network namespace without a TAP sees nothing")
def stranger():
    with Two() as two, Netns(OTHER) as other:
        equal(read_from(two.family, other.enter),
              {"device-get": [], "queue-get": [], "worker-get": []}, "what a stranger sees")


@case("a device is seen no more once it is detached, and where its TAP has gone")
def moves_away():
    with Two() as two, Netns(OTHER) as other:
        run("ip", "link", "set", HERE, "netns", OTHER)
        found = read_from(two.family, other.enter)
        equal([d["id"] for d in found["device-get"]], [two.id], "devices where the TAP is")
        two.device.detach()
        equal(read_from(two.family, other.enter)["device-get"], [], "devices once detached")
        two.owner.go_on()
        two.owner.hear()
        equal(read_from(two.family, two.netns.enter)["device-get"], [], "devices once closed")


@case("an owner that lives in the reader's network namespace is given")
def lives_there():
    family = Family()
    with Netns(THERE) as there:
        def own(child):
            device = running(Tap(HERE))
            child.pause()
            device.close()
        with Child(own, before=there.enter) as owner:
            owner.hear()
            found = read_from(family, there.enter)
            equal(found["device-get"][0]["owner-pid"], owner.pid, "owner-pid")
            assert "tid" in found["worker-get"][0], "no thread id"


@case("pids are as the reader's pid namespace numbers them")
def inner_pids():
    family = Family()

    def own_and_read(child):
        device = Device()
        device.own()
        child.pause([os.getpid(), everything(family.reopen())])
        device.close()
    with Child(own_and_read, new_pidns=True) as owner:
        inner, found = owner.hear()
        equal(inner, 1, "pid in the new namespace")
        equal(found["device-get"][0]["owner-pid"], 1, "owner-pid in the new namespace")
        outer = family.devices()[found["device-get"][0]["id"]]["owner-pid"]
        assert outer != 1, "owner-pid outside is the inner one"
        with open(f"/proc/{outer}/status", encoding="ascii") as file:
            line = [line for line in file if line.startswith("NSpid:")][0].split()
        equal(line[1:], [str(outer), "1"], "NSpid of the owner")


@case("a pid that the reader's pid namespace does not have is absent")
def outer_pids():
    family = Family()
    with Device() as device:
        device.own()
        found = read_from(family, None, new_pidns=True)
        assert not PIDS & set(found["device-get"][0]), f"the owner is given: {found}"
        assert "tid" not in found["worker-get"][0], f"a thread id is given: {found}"


@case("events: each network namespace hears of its own")
def events():
    with Netns(THERE) as there, Tap(HERE) as tap:
        family, heard = Family(events=True), []

        def listen(child):
            mine = Family(events=True)
            child.pause()
            child.tell({"value": [[name, e.get("queue"), e["device"], e.get("ifname")]
                                  for name, e in mine.events()]})
        with Child(listen, before=there.enter) as listener:
            listener.hear()
            device = running(tap)
            here = family.newest()

            def own(child):
                theirs = running(Tap("rtapw9"))
                child.pause()
                theirs.close()
                child.pause()
            with Child(own, before=there.enter) as owner:
                owner.hear()
                there_id = family.newest()
                owner.go_on()
                owner.hear()
            device.close()
            listener.go_on()
            equal(listener.hear(), [[name, queue, there_id, "rtapw9"]
                                    for name in ("attach", "detach") for queue in (0, 1)],
                  "events there")
        wait_for("the last event",
                 lambda: heard.extend(family.events()) or heard[-1:] and
                 heard[-1][0] == "device-close" and heard[-1][1]["device"] == here)
        mine = [(name, e["device"]) for name, e in heard]
        for ident in here, there_id:
            equal([name for name, d in mine if d == ident],
                  ["device-open", "attach", "attach", "detach", "detach", "device-close"],
                  f"events of device {ident} here")
        for _, event in heard:
            assert event.get("ifname") != "rtapw9" or "ifindex" not in event, \
                "ifindex of another namespace"


main()
