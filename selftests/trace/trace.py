# SPDX-License-Identifier: GPL-2.0-or-later
# What the tracepoints say, against frames that were counted and against the queue's own counters.

import os
import re
import shutil
import struct
import subprocess
import tempfile

from cases import Skip, case, equal, main
from family import Family
from ring import WRITE
from tap import Tap, frame, with_header
from vhost import ATTACH_VRING_WORKER, FREE_WORKER, NEW_WORKER, RX, TX, Device, wait_for

TRACEFS = "/sys/kernel/tracing"
EVENTS = ["kick", "batch", "signal", "drop", "ring_error", "worker"]
DRIVE = [os.environ["RINGTAP"], "drive", "--count", "3000"]


class Trace:
    """An instance of the tracer with ringtap's events on."""

    def __init__(self):
        self.at = f"{TRACEFS}/instances/ringtap-{os.getpid()}"

    def __enter__(self):
        os.mkdir(self.at)
        self.write("buffer_size_kb", "4096")
        self.write("events/ringtap/enable", "1")
        return self

    def __exit__(self, *_):
        self.write("events/ringtap/enable", "0")
        os.rmdir(self.at)

    def write(self, name, text):
        with open(f"{self.at}/{name}", "w", encoding="ascii") as file:
            file.write(text)

    def events(self, name, device, queue=None):
        """The events of that name: thread, and fields by their names."""
        found = []
        with open(f"{self.at}/trace", encoding="ascii") as file:
            for line in file:
                match = re.match(r" *.*-(\d+) .*: (\w+): (dev=.*)$", line)
                if not match or match[2] != name:
                    continue
                fields = dict(word.split("=") for word in match[3].split())
                fields = {key: int(value) if re.fullmatch(r"-?\d+", value) else value
                          for key, value in fields.items()}
                if fields["dev"] == device and queue in (None, fields["queue"]):
                    found.append((int(match[1]), fields))
        return found

    def fields(self, *which):
        return [fields for _, fields in self.events(*which)]


class Rig:
    """A device on a TAP, traced from before it was owned."""

    def __init__(self, layout, **prepare):
        self.trace = Trace().__enter__()
        try:
            self.family = Family()
            self.tap = Tap("rtapt0")
            self.device = Device()
            self.device.prepare(layout, **prepare)
            self.id = self.family.newest()
            self.tap.host()
        except BaseException:
            self.trace.__exit__()
            raise

    def __enter__(self):
        self.device.attach(self.tap.fd)
        return self

    def __exit__(self, *_):
        if self.device.fd >= 0:
            self.device.close()
        self.tap.close()
        self.trace.__exit__()

    def stats(self, index):
        return self.family.queue(self.id, index)["stats"]

    def as_counted(self, index):
        """There are as many events as the counters say; waits for a run that is at its end."""
        def same():
            before = self.stats(index)
            found = {name: self.trace.fields(name, self.id, index)
                     for name in ("kick", "batch", "signal")}
            return before == self.stats(index) and (before, found)
        stats, found = wait_for("an idle queue", same)
        equal(len(found["batch"]), stats["batches"], "batch events and batches")
        equal(sum(e["packets"] for e in found["batch"]), stats["packets"], "their packets")
        equal(sum(e["bytes"] for e in found["batch"]), stats["bytes"], "their bytes")
        equal(len(found["kick"]), stats["kicks"], "kick events and kicks")
        sent = [e["sent"] for e in found["signal"]]
        equal((sent.count(1), sent.count(0)), (stats["signals"], stats["signals-suppressed"]),
              "signal events, sent and not, and signals")


@case("there are the tracepoints that are documented")
def names():
    found = os.listdir(f"{TRACEFS}/events/ringtap")
    equal(sorted(set(found) - {"enable", "filter"}), sorted(EVENTS), "events")


@case("split: kick, batch and signal are what was sent", "split")
@case("packed: kick, batch and signal are what was sent", "packed")
def sent(layout):
    groups = [1, 2, 33, 64, 5]
    with Rig(layout) as rig:
        for size in groups:
            rig.device.send([with_header(frame(60 + i)) for i in range(size)])
        rig.device.rings[TX].no_interrupts()
        rig.device.send([with_header(frame(100))])
        rig.as_counted(TX)
        batches = [(e["packets"], e["bytes"]) for e in rig.trace.fields("batch", rig.id, TX)]
        equal(batches, [(n, sum(60 + i for i in range(n))) for n in groups] + [(1, 100)], "batches")
        waits = [e["waited"] for e in rig.trace.fields("kick", rig.id, TX)]
        assert all(0 < waited < 60e9 for waited in waits), f"waited {waits}"
        tids = {tid for tid, _ in rig.trace.events("batch", rig.id)}
        equal(tids, {rig.family.worker(rig.id, 0)["tid"]}, "threads that it happened on")


@case("split: kick, batch and signal are what was received", "split")
@case("packed: kick, batch and signal are what was received", "packed")
def received(layout):
    with Rig(layout) as rig:
        for count in 40, 1, 64:
            ring = rig.device.rings[RX]
            before = ring.used()
            ring.post_room(count)
            rig.device.kick(RX)
            for number in range(count):
                rig.tap.host().send(frame(60, number))
            rig.device.wait_used(RX, before + count)
        rig.as_counted(RX)
        equal(sum(e["packets"] for e in rig.trace.fields("batch", rig.id, RX)), 105, "packets")


@case("split: drop says why, and how long the frame was", "split")
@case("packed: drop says why, and how long the frame was", "packed")
def drops(layout):
    good, short = with_header(frame(60)), with_header(frame(13))
    lie = with_header(frame(70), flags=1, csum_start=69, csum_offset=4)
    with Rig(layout, mergeable=False) as rig:
        rig.device.send([good, short, good, lie, short])
        rig.tap.delete()
        rig.device.send([good, with_header(frame(80))])
        found = [(e["reason"], e["bytes"]) for e in rig.trace.fields("drop", rig.id, TX)]
        equal(found, [("short", 13), ("header", 70), ("short", 13), ("tap", 60), ("tap", 80)],
              "drops")
        stats = rig.stats(TX)
        equal((stats["drop-short"], stats["drop-header"], stats["drop-tap"]), (2, 1, 2), "counted")


@case("split: drop of what the guest has no room for", "split")
@case("packed: drop of what the guest has no room for", "packed")
def no_room(layout):
    with Rig(layout, mergeable=False) as rig:
        rig.device.rings[RX].post_room(2, size=200)
        rig.device.kick(RX)
        for size in 60, 1000, 100:
            rig.tap.host().send(frame(size))
        rig.device.wait_used(RX, 2)
        equal(rig.trace.fields("drop", rig.id, RX),
              [{"dev": rig.id, "queue": RX, "reason": "no_room", "bytes": 1000}], "drops")


@case("split: ring_error says what netlink does", "split")
@case("packed: ring_error says what netlink does", "packed")
def ring_error(layout):
    with Rig(layout) as rig:
        rig.device.send([with_header(frame(60))] * 3)
        ring = rig.device.rings[TX]
        ring.post([(ring.memory.guest(ring.buffer(3)), 100, WRITE)])
        rig.device.kick(TX)
        found = wait_for("an error", lambda: rig.trace.fields("ring_error", rig.id))
        queue = rig.family.queue(rig.id, TX)
        equal(queue["state"], "broken", "state")
        equal(found, [{"dev": rig.id, "queue": TX, "kind": queue["fault-kind"],
                       "index": queue["fault-index"], "desc": queue["fault-desc"]}], "errors")
        equal(found[0]["kind"], "direction", "kind")


def new_worker(device):
    return struct.unpack("=I", device.ioctl(NEW_WORKER, "=I", 0))[0]


@case("worker tells of threads that start, serve and stop")
def workers():
    with Rig("split") as rig:
        rig.device.send([with_header(frame(60))])
        number = new_worker(rig.device)
        tids = [wait_for("the thread", lambda i=i: rig.family.worker(rig.id, i).get("tid"))
                for i in (0, number)]
        rig.device.ioctl(ATTACH_VRING_WORKER, "=II", TX, number)
        rig.device.send([with_header(frame(60))])
        equal(rig.trace.events("batch", rig.id, TX)[-1][0], tids[1], "thread that serves")
        rig.device.ioctl(ATTACH_VRING_WORKER, "=II", TX, 0)
        rig.device.ioctl(FREE_WORKER, "=I", number)
        rig.device.close()
        found = rig.trace.events("worker", rig.id)
        told = [(e["worker"], e["action"], e["queue"]) for _, e in found]
        for served in (0, "serves", RX), (0, "serves", TX), (number, "serves", TX):
            assert served in told, f"{served} is not in {told}"
        equal(told.count((0, "serves", TX)), 2, "times that the first worker was given the queue")
        for i, tid in zip((0, number), tids):
            lives = [(e["action"], e["tid"]) for _, e in found
                     if e["worker"] == i and e["action"] != "serves"]
            equal(lives, [("started", tid), ("stopped", tid)], f"life of worker {i}")
        equal({tid for tid, e in found if e["action"] == "started"}, set(tids),
              "threads that told of their start")


@case("a filter by field name lets the rest out")
def filtered():
    with Rig("split") as rig:
        rig.trace.write("events/ringtap/batch/filter", f"dev == {rig.id} && packets > 4")
        for size in 1, 5, 3, 9:
            rig.device.send([with_header(frame(60))] * size)
        equal([e["packets"] for e in rig.trace.fields("batch", rig.id, TX)], [5, 9], "batches")


def need(program):
    if not shutil.which(program):
        raise Skip(f"needs the command {program}")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def packets_by_queue(text):
    found = {RX: 0, TX: 0}
    for queue, packets in re.findall(r"ringtap:batch:.*queue=(\d+) packets=(\d+)", text):
        found[int(queue)] += int(packets)
    return found


@case("perf reads the fields")
def perf():
    need("perf")
    with tempfile.TemporaryDirectory() as directory:
        data = directory + "/perf.data"
        run("perf", "record", "-q", "-a", "-m", "1024", "-e", "ringtap:*", "-o", data, "--", *DRIVE)
        text = run("perf", "script", "-i", data, "-F", "event,trace")
        found = packets_by_queue(text)
    assert found[TX] >= 3000 and found[RX] >= 3000, f"packets: {found}"


@case("trace-cmd reads the fields")
def trace_cmd():
    need("trace-cmd")
    with tempfile.TemporaryDirectory() as directory:
        data = directory + "/trace.dat"
        run("trace-cmd", "record", "-q", "-b", "4096", "-e", "ringtap", "-o", data, *DRIVE)
        text = run("trace-cmd", "report", "-i", data)
    found = packets_by_queue(re.sub(r"\bbatch:", "ringtap:batch:", text))
    assert found[TX] >= 3000 and found[RX] >= 3000, f"packets: {found}"


@case("bpftrace reads the fields")
def bpftrace():
    need("bpftrace")
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        raise Skip("this kernel has no BTF")
    text = run("bpftrace", "-c", " ".join(DRIVE), "-e",
               "tracepoint:ringtap:batch { @packets[args->queue] = sum(args->packets); }"
               "tracepoint:ringtap:kick { @waited[args->dev] = hist(args->waited); }")
    found = {int(q): int(n) for q, n in re.findall(r"@packets\[(\d+)\]: (\d+)", text)}
    assert found.get(TX, 0) >= 3000 and found.get(RX, 0) >= 3000, f"packets: {found}\n{text}"
    assert "@waited[" in text, text


main()
