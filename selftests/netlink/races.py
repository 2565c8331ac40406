# SPDX-License-Identifier: GPL-2.0-or-later
# Dumps while devices come, go, attach and are many, and while the module itself is taken out and put in.

import os
import subprocess
import time

from cases import Skip, case, equal, main
from family import Family, NlError
from processes import Child
from tap import Tap
from vhost import TX, Device, wait_for

SECONDS = float(os.environ.get("RTAP_RACE_SECONDS", "6"))
MANY = 256


def check_devices(found, held):
    """A dump that was not interrupted lists each device once, and those that were there all the time."""
    ids = [d["id"] for d in found]
    equal(len(ids), len(set(ids)), "devices listed and different ids")
    serials = [d["serial"] for d in found]
    equal(serials, sorted(set(serials)), "serials in order")
    missing = held - set(ids)
    assert not missing, f"devices not listed: {sorted(missing)}"


def check_items(found, held, per_device):
    """Likewise for what belongs to devices: each has all of it."""
    count = {}
    for item in found:
        count[item["device"]] = count.get(item["device"], 0) + 1
    for ident, items in count.items():
        equal(items, per_device, f"items of device {ident}")
    missing = held - set(count)
    assert not missing, f"devices not listed: {sorted(missing)}"


def until(seconds, action):
    """Do something again and again; how often."""
    rounds, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        action()
        rounds += 1
    return rounds


def looping(action):
    """A process that does something for a while, and says how often."""
    return Child(lambda _: until(SECONDS, action))


def open_and_close():
    Device().close()


def dump_all(family, held):
    """One consistent dump of each kind; how many were interrupted meanwhile."""
    devices, interrupted = family.consistent("device-get")
    check_devices(devices, held)
    queues, more = family.consistent("queue-get")
    check_items(queues, held, 2)
    return interrupted + more


@case("256 devices are listed exactly")
def many():
    family = Family()
    devices = [Device() for _ in range(MANY)]
    try:
        found, _ = family.consistent("device-get")
        equal([d["id"] for d in found], list(range(MANY)), "ids")
        check_devices(found, set(range(MANY)))
        queues, _ = family.consistent("queue-get")
        equal([(q["device"], q["index"]) for q in queues],
              [(i, q) for i in range(MANY) for q in (0, 1)], "queues")
        for device in devices[::2]:
            device.own()
        equal([w["device"] for w in family.consistent("worker-get")[0]],
              list(range(0, MANY, 2)), "workers")
        for device in devices[::2]:
            device.close()
        found, _ = family.consistent("device-get")
        equal([d["id"] for d in found], list(range(1, MANY, 2)), "ids of every other")
    finally:
        for device in devices:
            if device.fd >= 0:
                device.close()
    equal(family.consistent("device-get")[0], [], "devices at last")


def race(disturbers, held_count):
    """Dump against processes that disturb; how many dumps were good and how many interrupted."""
    family = Family()
    held = [Device() for _ in range(held_count)]
    ids = {d["id"] for d in family.consistent("device-get")[0]}
    equal(len(ids), held_count, "devices held")
    good = interrupted = 0
    children = [looping(action) for action in disturbers]
    try:
        end = time.monotonic() + SECONDS * 0.8
        while time.monotonic() < end:
            # A dump that is always interrupted says so; those that are not have to be right.
            for operation, check in (("device-get", check_devices),
                                     ("queue-get", lambda f, h: check_items(f, h, 2))):
                family.interrupted = False
                found = family.dump(operation, {})
                if family.interrupted:
                    interrupted += 1
                else:
                    check(found, ids)
                    good += 1
        rounds = [child.hear() for child in children]
        assert all(rounds), f"rounds of those who disturb: {rounds}"
        found, _ = family.consistent("device-get")
        equal({d["id"] for d in found}, ids, "devices afterwards")
    finally:
        for child in children:
            child.__exit__()
        for device in held:
            device.close()
    return good, interrupted


@case("dumps race with open and close")
def open_close():
    good, _ = race([open_and_close, open_and_close], 5)
    assert good, "no good dump"


@case("dumps of many messages notice that devices came and went")
def interrupted_dumps():
    _, interrupted = race([open_and_close], 200)
    assert interrupted, "no dump was interrupted"


@case("dumps race with attach and detach")
def attach_detach():
    taps = [Tap(f"rtapr{i}") for i in range(2)]
    devices = [Device().prepare(num=16) for _ in taps]
    try:
        attach_all_the_time(taps, devices)
    finally:
        for held in devices + taps:
            held.close()


def attach_all_the_time(taps, devices):
    """Attach and detach here, where the owner is, and dump in other processes."""
    def toggle(tap, device):
        def action():
            device.attach(tap.fd, queues=[TX])
            device.detach(queues=[TX])
        return action
    family, families = Family(), {}
    idents = set(family.devices())

    def dump():
        # Made in the process that uses it.
        own = families[os.getpid()] = families.get(os.getpid()) or Family()
        found = own.dump("queue-get", {})
        for queue in found:
            if queue["state"] == "running":
                equal((queue["layout"], queue["size"], queue["backend"]), ("split", 16, "tun"),
                      "a running queue")
            else:
                assert "layout" not in queue, f"a stopped queue with a ring: {queue}"
        for device in own.dump("device-get", {}):
            assert device["state"] in ("stopped", "running"), device
            assert ("ifname" in device) <= (device.get("ifname", "").startswith("rtapr")), device
    actions = [toggle(tap, device) for tap, device in zip(taps, devices)]
    # The owner is this process: its threads attach, children may only look.
    with looping(dump) as first, looping(dump) as second:
        until(SECONDS, lambda: [action() for action in actions])
        assert first.hear() and second.hear(), "dumps"
    equal(set(family.devices()), idents, "devices")


@case("gets race with open and close")
def gets():
    family = Family()
    seen = {"found": 0, "absent": 0}
    with looping(open_and_close) as first, looping(open_and_close) as second:
        def get():
            for call in (family.device, (0,)), (family.queue, (0, 1)), (family.worker, (0, 0)):
                try:
                    call[0](*call[1])
                    seen["found"] += 1
                except NlError as error:
                    assert error.error in (2, 19), f"error {error.error}"
                    seen["absent"] += 1
        until(SECONDS * 0.8, get)
        first.hear()
        second.hear()
    assert seen["found"] and seen["absent"], f"{seen}"


def module(*command):
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@case("dumps race with unloading and loading the module")
def unloading():
    image = os.environ.get("RINGTAP_KO")
    if not image:
        raise Skip("set RINGTAP_KO to the module")

    def dump():
        try:
            family = Family(events=True)
            family.dump("device-get", {})
            family.dump("queue-get", {})
            family.close()
        except (NlError, OSError):
            pass
        except Exception as error:  # pylint: disable=broad-except
            # what the library says when there is no such family
            assert "not supported by the kernel" in str(error), str(error)
    def paced_open():
        try_open()
        time.sleep(0.02)
    rounds, deadline = 0, time.monotonic() + 10 * SECONDS
    with looping(dump) as first, looping(dump) as second, looping(paced_open) as third:
        children = [first, second, third]
        while rounds < 5 and time.monotonic() < deadline:
            if module("rmmod", "ringtap"):
                rounds += 1
                assert module("insmod", image), "the module does not go in again"
        dumps = [child.hear() for child in children]
    assert rounds >= 5 and all(dumps), f"{rounds} times unloaded, {dumps} rounds"
    wait_for("the node", lambda: os.path.exists("/dev/vhost-ringtap"))


def try_open():
    try:
        Device().close()
    except OSError:
        pass


def kernel_memory():
    """Bytes that the kernel has and cannot give back."""
    wanted = ("SUnreclaim:", "VmallocUsed:", "Percpu:", "KernelStack:")
    return sum(int(line.split()[1]) for line in open("/proc/meminfo", encoding="ascii")
               if line.split()[0] in wanted) * 1024


def settled_memory():
    """The least of some readings, after freed memory had time to come back."""
    least = kernel_memory()
    for _ in range(20):
        time.sleep(0.1)
        least = min(least, kernel_memory())
    return least


@case("no memory is lost")
def memory():
    tap = Tap("rtapr9")

    def life():
        family = Family(events=True)
        for _ in range(100):
            device = Device()
            device.prepare(num=16)
            device.attach(tap.fd)
            for operation in "device-get", "queue-get", "worker-get":
                family.dump(operation, {})
            device.memory.map = None
            device.close()
        family.events()
        family.close()
    life()
    before = settled_memory()
    for _ in range(4):
        life()
    lost = settled_memory() - before
    tap.close()
    # One structure of a kilobyte left behind by each device would be 400 KiB.
    assert lost < 300 << 10, f"{lost} bytes more than before 400 devices"


main()
