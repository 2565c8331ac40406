# SPDX-License-Identifier: GPL-2.0-or-later
# Every attribute of devices, queues and workers, in situations that are made for it.

import errno
import os
import time

from cases import case, equal, main
from family import Family, NlError
from processes import Child
from ring import GUEST_BASE, INDIRECT, Memory
from tap import Tap, frame, run, with_header
from vhost import (ATTACH_VRING_WORKER, FREE_WORKER, MRG_RXBUF, NEW_WORKER, PACKED, RESET_OWNER,
                   RX, SET_BACKEND_FEATURES, TUNNELS, TX, VERSION_1, Device, wait_for)

NAME = "rtapa0"
IOTLB_MSG_V2 = 1 << 1
COMM = open("/proc/self/comm", encoding="ascii").read().strip()
ALWAYS = {"id", "serial", "node", "state", "opened", "state-since", "features",
          "features-high", "backend-features", "queues", "workers"}
OF_RING = {"layout", "size", "last-avail", "last-used", "mapped", "desc-addr", "driver-addr",
           "device-addr"}


def now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def opened():
    """A family, a device and its id."""
    family, device = Family(), Device()
    return family, device, family.newest()


def number(text):
    """Of what is shown in hexadecimal."""
    return int(text, 16)


@case("a device that nobody owns")
def unowned():
    before = now()
    family, device, ident = opened()
    with device:
        after = now()
        found = family.device(ident)
        equal(set(found), ALWAYS, "attributes")
        equal(found["state"], "unowned", "state")
        equal(found["node"], "vhost-ringtap", "node")
        assert before <= found["opened"] <= after, "opened between before and after"
        equal(found["state-since"], found["opened"], "state-since")
        equal((number(found["features"]), number(found["backend-features"])), (0, 0), "features")
        equal((found["queues"], found["workers"]), (2, 0), "queues and workers")
        for index, queue in family.queues(ident).items():
            equal((queue["state"], queue["backend"]), ("stopped", "none"), f"queue {index}")
            equal(set(queue), {"device", "index", "state", "state-since", "backend",
                               "busyloop-us", "stats"}, "attributes of a queue")
        equal(family.workers(ident), {}, "workers")


@case("an id is used again, a serial is not")
def serials():
    family, device, ident = opened()
    serial = family.device(ident)["serial"]
    device.close()
    device = Device()
    with device:
        found = family.device(ident)
        assert found["serial"] > serial, f"serial {found['serial']} after {serial}"
        with Device():
            equal(sorted(family.devices()), [ident, ident + 1], "ids of two devices")
    try:
        family.device(ident)
    except NlError as error:
        equal(error.error, errno.ENODEV, "error for a device that is closed")
    else:
        raise AssertionError("a closed device was found")


def error_of(family, operation, request):
    """Which error of the kernel a get ends with."""
    try:
        found = family.do(operation, request)
    except NlError as error:
        return error.error
    raise AssertionError(f"{operation} {request} found {found}")


@case("gets of what is not there, or that say too little or too much, are refused")
def refused():
    family, device, ident = opened()
    with device:
        device.own()
        for operation, request, want in (
                ("device-get", {"id": 4711}, errno.ENODEV),
                ("queue-get", {"device": 4711, "index": 0}, errno.ENODEV),
                ("worker-get", {"device": 4711, "id": 0}, errno.ENODEV),
                ("queue-get", {"device": ident, "index": 2}, errno.ENOENT),
                ("queue-get", {"device": ident, "index": 0xffffffff}, errno.ENOENT),
                ("worker-get", {"device": ident, "id": 1}, errno.ENOENT),
                ("worker-get", {"device": ident, "id": 8}, errno.ENOENT),
                ("worker-get", {"device": ident, "id": 0xffffffff}, errno.ENOENT),
                ("device-get", {}, errno.EINVAL),
                ("queue-get", {"device": ident}, errno.EINVAL),
                ("queue-get", {"index": 0}, errno.EINVAL),
                ("worker-get", {"device": ident}, errno.EINVAL),
                ("worker-get", {"id": 0}, errno.EINVAL),
                ("device-get", {"id": ident, "serial": 1}, errno.EINVAL)):
            equal(error_of(family, operation, request), want, f"error of {operation} {request}")


@case("what an owner sets: pid, features, memory, busy-poll time")
def stopped():
    family, device, ident = opened()
    with device:
        before = now()
        device.own()
        found = family.device(ident)
        equal((found["state"], found["owner-pid"], found["owner-comm"]),
              ("stopped", os.getpid(), COMM), "state and owner")
        assert before <= found["state-since"] <= now(), "state-since"
        assert "regions" not in found and "region-bytes" not in found, "memory before it was set"
        device.set_features(VERSION_1 | MRG_RXBUF | PACKED)
        device.ioctl(SET_BACKEND_FEATURES, "=Q", IOTLB_MSG_V2)
        device.memory = Memory(3 << 20)
        user = device.memory.user
        device.set_memory([(GUEST_BASE, 1 << 20, user), (GUEST_BASE << 8, 2 << 20, user + (1 << 20)),
                           (1 << 40, 4096, user)])
        device.busyloop(RX, 11)
        device.busyloop(TX, 22)
        found = family.device(ident)
        equal(number(found["features"]), VERSION_1 | MRG_RXBUF | PACKED, "features")
        equal(number(found["backend-features"]), IOTLB_MSG_V2, "backend-features")
        equal((found["regions"], found["region-bytes"]), (3, (3 << 20) + 4096), "memory")
        queues = family.queues(ident)
        equal([queues[i]["busyloop-us"] for i in (RX, TX)], [11, 22], "busyloop-us")
        equal([queues[i]["worker"] for i in (RX, TX)], [0, 0], "worker")
        device.ioctl(RESET_OWNER)
        found = family.device(ident)
        equal((found["state"], number(found["features"])), ("unowned", 0), "after RESET_OWNER")
        assert "owner-pid" not in found and "owner-comm" not in found, "an owner after RESET_OWNER"


@case("feature bits above 63, where they are offered")
def high_features():
    family, device, ident = opened()
    with device:
        equal(number(family.device(ident)["features-high"]), 0, "features-high at first")
        tunnels = device.offered() & TUNNELS
        assert tunnels in (0, TUNNELS), "one of two bits offered"
        try:
            device.set_all_features(VERSION_1 | TUNNELS)
        except OSError as error:
            equal((error.errno, tunnels), (errno.EOPNOTSUPP, 0), "error, and bits offered")
        found = family.device(ident)
        equal(number(found["features-high"]), tunnels >> 64, "features-high")
        equal(number(found["features"]), VERSION_1 if tunnels else 0, "features")
        device.set_features(VERSION_1)
        equal(number(family.device(ident)["features-high"]), 0, "after SET_FEATURES")


@case("split: a running device", "split")
@case("packed: a running device", "packed")
def running(layout):
    with Tap(NAME) as tap:
        family, device, ident = opened()
        with device:
            tap.host()
            device.prepare(layout, num=32)
            equal(family.device(ident)["state"], "stopped", "state before a backend")
            before = now()
            device.attach(tap.fd, queues=[TX])
            found = family.device(ident)
            since = found["state-since"]
            equal(found["state"], "running", "state with one queue")
            assert before <= since <= now(), "state-since"
            equal((found["ifindex"], found["ifname"]), (tap.index, NAME), "interface")
            assert "netnsid" not in found, "a namespace id in its own namespace"
            queues = family.queues(ident)
            equal((queues[RX]["state"], queues[RX]["backend"]), ("stopped", "none"), "queue 0")
            assert not OF_RING & set(queues[RX]), "a ring of a stopped queue"
            check_ring(family.queue(ident, TX), device, layout, before)
            device.attach(tap.fd, queues=[RX])
            equal(family.device(ident)["state-since"], since, "state-since with the other queue")
            check_ring(family.queue(ident, RX), device, layout, before)
            device.detach()
            found = family.device(ident)
            equal(found["state"], "stopped", "state after detaching")
            assert found["state-since"] > since, "state-since after detaching"
            assert "ifindex" not in found and "ifname" not in found, "an interface when detached"


def check_ring(queue, device, layout, before):
    """What a queue that runs says of its ring is what it was told."""
    ring = device.rings[queue["index"]]
    user = ring.memory.user
    equal((queue["state"], queue["backend"], queue["layout"], queue["size"], queue["mapped"]),
          ("running", "tun", layout, ring.num, 1), f"queue {queue['index']}")
    equal([number(queue[f"{name}-addr"]) for name in ("desc", "driver", "device")],
          [user + ring.desc, user + ring.driver, user + ring.device], "addresses")
    assert before <= queue["state-since"] <= now(), "state-since of a queue"
    assert not {"fault-kind", "fault-index", "fault-desc"} & set(queue), "a fault of a good queue"


@case("split: positions run free", "split", 100, 100)
@case("packed: positions stay in the ring", "packed", 100 % 32, 100 % 32)
def positions(layout, avail, used):
    with Tap(NAME) as tap:
        family, device, ident = opened()
        with device:
            tap.host()
            device.prepare(layout, num=32)
            device.attach(tap.fd)
            for _ in range(5):
                device.send([with_header(frame(60))] * 20)
            queue = family.queue(ident, TX)
            equal((queue["last-avail"], queue["last-used"]), (avail, used), "positions")


@case("split: a broken queue says why", "split")
@case("packed: a broken queue says why", "packed")
def broken(layout):
    with Tap(NAME) as tap:
        family, device, ident = opened()
        with device:
            tap.host()
            device.prepare(layout, num=32)
            device.attach(tap.fd)
            device.send([with_header(frame(60))] * 3)
            before = now()
            ring = device.rings[TX]
            # A table of 17 bytes, which is not a number of descriptors, in slot 3.
            ring.post([(GUEST_BASE, 17, INDIRECT)])
            device.kick(TX)
            queue = wait_for("a broken queue",
                             lambda: family.queue(ident, TX)["state"] == "broken"
                             and family.queue(ident, TX))
            equal((queue["fault-kind"], queue["fault-index"], queue["fault-desc"]),
                  ("indirect-len", 3, 3), "fault")
            equal((queue["backend"], queue["layout"]), ("tun", layout), "backend and layout")
            assert before <= queue["state-since"] <= now(), "state-since of the queue"
            equal(family.queue(ident, RX)["state"], "running", "the other queue")
            found = family.device(ident)
            equal((found["state"], found["state-since"]), ("broken", queue["state-since"]),
                  "state of the device")
            device.detach(queues=[TX])
            queue = family.queue(ident, TX)
            equal(queue["state"], "stopped", "state after detaching")
            assert "fault-kind" not in queue, "a fault of a stopped queue"
            equal(family.device(ident)["state"], "running", "state of the device then")


@case("split: a descriptor that is not there is named")
def broken_head():
    with Tap(NAME) as tap:
        family, device, ident = opened()
        with device:
            tap.host()
            device.prepare("split", num=32)
            device.attach(tap.fd)
            device.send([with_header(frame(60))] * 5)
            device.rings[TX].put_head(777)
            device.kick(TX)
            wait_for("a broken queue", lambda: family.queue(ident, TX)["state"] == "broken")
            queue = family.queue(ident, TX)
            equal((queue["fault-kind"], queue["fault-index"], queue["fault-desc"]),
                  ("head", 5, 777), "fault")


@case("buffers of the wrong direction, in a receive queue")
def broken_rx():
    with Tap(NAME) as tap:
        family, device, ident = opened()
        with device:
            device.prepare("packed", num=32)
            device.attach(tap.fd)
            ring = device.rings[RX]
            ring.post([(ring.memory.guest(ring.buffer(0)), 1000, 0)])
            device.kick(RX)
            tap.host().send(frame(60))
            wait_for("a broken queue", lambda: family.queue(ident, RX)["state"] == "broken")
            equal(family.queue(ident, RX)["fault-kind"], "direction", "fault-kind")


@case("the interface after it was renamed, moved and deleted")
def interface():
    other = "rtap-attr"
    with Tap(NAME) as tap:
        family, device, ident = opened()
        with device:
            device.prepare()
            device.attach(tap.fd)
            run("ip", "link", "set", NAME, "down")
            run("ip", "link", "set", NAME, "name", "rtapa1")
            found = family.device(ident)
            equal((found["ifindex"], found["ifname"]), (tap.index, "rtapa1"), "renamed")
            run("ip", "netns", "add", other)
            try:
                run("ip", "netns", "set", other, "4242")
                run("ip", "link", "set", "rtapa1", "netns", other)
                found = wait_for("the namespace id",
                                 lambda: "netnsid" in family.device(ident) and family.device(ident))
                equal((found["ifindex"], found["ifname"], found["netnsid"]),
                      (tap.index, "rtapa1", 4242), "moved")
                run("ip", "-n", other, "link", "del", "rtapa1")
                found = family.device(ident)
                assert not {"ifindex", "ifname", "netnsid"} & set(found), f"deleted: {found}"
                equal(found["state"], "running", "state without the interface")
                equal(family.queue(ident, TX)["backend"], "tun", "backend without the interface")
            finally:
                run("ip", "netns", "del", other)


def packet_backend(name):
    """A packet socket as a backend can be: raw, with a virtio header, bound."""
    import socket  # pylint: disable=import-outside-toplevel
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
    sock.setsockopt(263, 15, 1)  # SOL_PACKET, PACKET_VNET_HDR
    sock.bind((name, 0x88b5))
    return sock


@case("a packet socket is a backend of its own kind")
def packet():
    with Tap(NAME) as tap:
        family, device, ident = opened()
        with device:
            device.prepare(mergeable=False)
            sock = packet_backend(NAME)
            device.attach(sock.fileno())
            equal(family.queue(ident, TX)["backend"], "packet", "backend")
            found = family.device(ident)
            equal((found["ifindex"], found["ifname"]), (tap.index, NAME), "interface")
            device.detach()
            sock.close()


@case("a macvtap is a backend of its own kind")
def macvtap():
    with Tap(NAME):
        run("ip", "link", "add", "link", NAME, "name", "rtapm0", "type", "macvtap")
        run("ip", "link", "set", "rtapm0", "up")
        index = int(open("/sys/class/net/rtapm0/ifindex", encoding="ascii").read())
        path = f"/dev/tap{index}"
        if not os.path.exists(path):
            major, minor = map(int, open(f"/sys/class/net/rtapm0/tap{index}/dev",
                                         encoding="ascii").read().split(":"))
            os.mknod(path, 0o020600, os.makedev(major, minor))
        fd = os.open(path, os.O_RDWR)
        family, device, ident = opened()
        with device:
            device.prepare(mergeable=False)
            device.attach(fd)
            equal(family.queue(ident, RX)["backend"], "tap", "backend")
            equal(family.device(ident)["state"], "running", "state")
        os.close(fd)
        run("ip", "link", "del", "rtapm0")


def status(tid, name):
    for line in open(f"/proc/{tid}/status", encoding="ascii"):
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].strip()
    raise AssertionError(f"no {name} of {tid}")


@case("a worker's thread: name, processor, time and affinity")
def worker():
    with Tap(NAME) as tap:
        family, device, ident = opened()
        with device:
            tap.host()
            device.prepare()
            # Known once it has run for the first time.
            found = wait_for("the thread", lambda: "tid" in family.worker(ident, 0)
                             and family.worker(ident, 0))
            equal((found["device"], found["id"], found["queue"]), (ident, 0, [RX, TX]), "worker")
            equal(found["comm"], status(found["tid"], "Name"), "comm")
            equal(found["affinity"], status(found["tid"], "Cpus_allowed_list"), "affinity")
            assert "dead" not in found, "dead"
            time_before = found["cpu-time"]
            device.attach(tap.fd)
            for _ in range(200):
                device.send([with_header(frame(60))] * 60)
            wait_for("CPU time", lambda: family.worker(ident, 0)["cpu-time"] > time_before)
            took = family.worker(ident, 0)["cpu-time"] - time_before
            assert took < 60e9, f"{took} ns of CPU time"
            for cpu in sorted(os.sched_getaffinity(0)):
                os.sched_setaffinity(found["tid"], {cpu})
                device.send([with_header(frame(60))])
                after = wait_for(f"the worker to be on {cpu}",
                                 lambda: (w := family.worker(ident, 0))["cpu"] == cpu and w)  # pylint: disable=W0640
                equal(after["affinity"], str(cpu), "affinity")


@case("workers made, moved to and freed")
def workers():
    family, device, ident = opened()
    with device:
        device.prepare()
        device.ioctl(NEW_WORKER, "=I", 0)
        equal(family.device(ident)["workers"], 2, "workers")
        found = family.workers(ident)
        equal([found[i].get("queue", []) for i in sorted(found)], [[RX, TX], []], "queues served")
        device.ioctl(ATTACH_VRING_WORKER, "=II", TX, 1)
        found = wait_for("both threads", lambda: all(
            "tid" in w for w in family.workers(ident).values()) and family.workers(ident))
        equal([found[i]["queue"] for i in sorted(found)], [[RX], [TX]], "queues served then")
        equal(family.queue(ident, TX)["worker"], 1, "worker of queue 1")
        assert found[0]["tid"] != found[1]["tid"], "one thread for both"
        device.ioctl(ATTACH_VRING_WORKER, "=II", TX, 0)
        device.ioctl(FREE_WORKER, "=I", 1)
        equal((family.device(ident)["workers"], list(family.workers(ident))), (1, [0]), "at last")


@case("workers are dead once their owner was killed")
def dead():
    family = Family()
    device = Device()
    ident = family.newest()
    with device, Child(lambda child: (device.prepare(), child.pause())) as owner:
        owner.hear()
        equal(family.device(ident)["owner-pid"], owner.pid, "owner-pid")
        assert "dead" not in family.worker(ident, 0), "dead before"
        tid = wait_for("the thread", lambda: family.worker(ident, 0).get("tid"))
        # Where workers are threads of the kernel alone, the owner's death is not theirs.
        dies = os.path.exists(f"/proc/{owner.pid}/task/{tid}")
        pid = owner.pid
        owner.kill()
        if dies:
            wait_for("a dead worker", lambda: family.worker(ident, 0).get("dead"))
        else:
            assert "dead" not in family.worker(ident, 0), "a thread of the kernel is dead"
        found = family.device(ident)
        assert found.get("owner-pid") in (pid, None), f"owner-pid {found.get('owner-pid')}"
        equal(found["state"], "stopped", "state")


main()
