# SPDX-License-Identifier: GPL-2.0-or-later
# ringtap list, show and watch: JSON as its schema has it and as the kernel's YNL reads the same, text in words.

import atexit
import copy
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

import jsonschema

from cases import case, equal, main
from family import Family
from processes import become_nobody
from ring import GUEST_BASE, INDIRECT
from settings import written
from tap import Tap, frame, with_header
from vhost import RX, TUNNELS, TX, VERSION_1, Device, wait_for



def for_everybody(program):
    """A copy where an unprivileged user may run it, wherever the tree is."""
    place = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, place)
    os.chmod(place, 0o755)
    return shutil.copy(program, place)


RINGTAP = for_everybody(os.environ["RINGTAP"])
NAME = "rtapt0"
NETLINK_GENERIC = 16
SCHEMA = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                     "../../Documentation/json/ringtap-1.schema.json"),
                        encoding="ascii"))
jsonschema.Draft7Validator.check_schema(SCHEMA)
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
# What the tool has by another name, in hexadecimal, or made into something else.
RENAMED = {"opened": "opened_ns", "state-since": "state_since_ns", "cpu-time": "cpu_time_ns",
           "wake-latency": "wake_latency_ns", "features": "features_hex",
           "backend-features": "backend_features_hex"}
# What passes between two readings.
CHANGES = {"cpu-time", "cpu"}


def tool(*arguments, preexec=None):
    """Standard output of the tool, which has to succeed and to say nothing else."""
    done = subprocess.run([RINGTAP, *arguments], capture_output=True, text=True, timeout=60,
                          check=False, preexec_fn=preexec)
    equal((done.returncode, done.stderr), (0, ""), f"status and errors of {arguments}")
    return done.stdout


def tool_json(*arguments, preexec=None):
    """Likewise, as JSON that has been checked."""
    found = json.loads(tool(*arguments, "--json", preexec=preexec))
    VALIDATOR.validate(found)
    equal((found["schema"], found["command"]), ("ringtap/1", arguments[0]), "schema and command")
    return found


def fails(*arguments):
    """What the tool says when it fails, which is one line."""
    done = subprocess.run([RINGTAP, *arguments], capture_output=True, text=True, timeout=60,
                          check=False)
    equal((done.returncode, done.stdout), (1, ""), f"status and output of {arguments}")
    assert re.fullmatch(r"ringtap: [^\n]+\n", done.stderr), done.stderr
    return done.stderr


class Rig:
    """A running device."""

    def __init__(self, layout="split"):
        self.family = Family()
        self.tap = Tap(NAME)
        self.tap.host()
        self.device = Device()
        self.device.prepare(layout, num=32)
        self.device.attach(self.tap.fd)
        self.id = self.family.newest()

    def __enter__(self):
        self.device.send([with_header(frame(60))] * 5)
        return self

    def __exit__(self, *_):
        self.device.close()
        self.tap.close()

    def shown(self, *names):
        return tool_json("show", *(names or [str(self.id)]))["devices"][0]

    def break_tx(self):
        self.device.rings[TX].post([(GUEST_BASE, 17, INDIRECT)])
        self.device.kick(TX)
        # The last thing that happens: the state is told before the event is.
        wait_for("an error signalled", lambda: select.select([self.device.errors[TX]], [], [], 0)[0])
        equal(self.family.queue(self.id, TX)["state"], "broken", "state")


def same(mine, theirs, renamed=None):
    """Each attribute that YNL finds is in the tool's JSON, under its name there."""
    for name, value in theirs.items():
        if name in CHANGES or name in ("stats", "mapped") or name.startswith("fault-"):
            continue
        key = (renamed or {}).get(name) or RENAMED.get(name) or name.replace("-", "_")
        equal(mine.get(key), value, f"{key} of the tool and {name} of YNL")


def same_stats(mine, theirs):
    theirs = dict(theirs)
    equal(mine["errors"], {e["kind"].replace("-", "_"): e["count"]
                           for e in theirs.pop("error", [])}, "errors")
    for name in "batch-size", "wake-latency":
        equal(mine[RENAMED.get(name) or name.replace("-", "_")], theirs.pop(name, []), name)
    same(mine, theirs)


def found_device(rig):
    """What YNL finds of it, with one number of features where it has two words."""
    theirs = rig.family.device(rig.id)
    high = int(theirs.pop("features-high"), 16)
    theirs["features"] = hex(high << 64 | int(theirs["features"], 16))
    return theirs


def same_device(rig):
    """All of what is shown against all of what YNL finds."""
    mine = rig.shown()
    same(mine, found_device(rig), {"queues": "queue_count", "workers": "worker_count"})
    for index, theirs in rig.family.queues(rig.id).items():
        queue = mine["queues"][index]
        same(queue, theirs)
        same_stats(queue["stats"], theirs["stats"])
        if "mapped" in theirs:
            equal(queue["access"], "mapped" if theirs["mapped"] else "user", "access")
        if "fault-kind" in theirs:
            equal(queue["fault"], {"kind": theirs["fault-kind"].replace("-", "_"),
                                   "index": theirs["fault-index"],
                                   "descriptor": theirs["fault-desc"]}, "fault")
        else:
            assert "fault" not in queue, "a fault of a good queue"
    for number, theirs in rig.family.workers(rig.id).items():
        theirs["dead"] = theirs.get("dead", False)
        same(mine["workers"][number], theirs, {"queue": "queues"})
    return mine


@case("the schema refuses what is not in it")
def schema_refuses():
    with Rig() as rig:
        good = tool_json("show", str(rig.id))

    def spoiled(change):
        bad = copy.deepcopy(good)
        change(bad)
        return bad
    for change in (lambda j: j.pop("schema"), lambda j: j.update(schema="ringtap/2"),
                   lambda j: j["devices"][0].pop("id"),
                   lambda j: j["devices"][0]["queues"][0].update(index="0"),
                   lambda j: j["devices"][0]["queues"][0]["stats"].update(packets=-1)):
        assert not VALIDATOR.is_valid(spoiled(change)), "the schema takes anything"


@case("without devices the list is empty")
def empty():
    equal(tool_json("list", "--interval", "0")["devices"], [], "devices")
    equal(len(tool("list", "--interval", "0").splitlines()), 1, "lines")
    assert "none is open" in fails("show", "0")


@case("features above bit 63 are shown by name, where they are offered")
def high_features():
    with Rig() as rig:
        tunnels = rig.device.offered() & TUNNELS
        rig.device.set_all_features(VERSION_1 | tunnels)
        mine = same_device(rig)
        equal({bit["bit"]: bit["name"] for bit in mine["features"] if bit["bit"] > 63},
              {65: "NET_F_GUEST_UDP_TUNNEL_GSO", 67: "NET_F_HOST_UDP_TUNNEL_GSO"}
              if tunnels else {}, "bits")
        equal("NET_F_HOST_UDP_TUNNEL_GSO" in tool("show", str(rig.id)), bool(tunnels), "in words")
        equal("host_udp_tunnel_gso" in tool("list", "--interval", "0"), bool(tunnels), "in a list")


@case("split: show says what YNL finds", "split")
@case("packed: show says what YNL finds", "packed")
def show(layout):
    with Rig(layout) as rig:
        equal(same_device(rig)["state"], "running", "state")
        rig.break_tx()
        equal(same_device(rig)["state"], "broken", "state")
        rig.device.detach()
        equal(same_device(rig)["state"], "stopped", "state")


@case("show finds a device by its interface")
def by_interface():
    with Rig() as rig:
        equal(rig.shown(NAME)["id"], rig.id, "device of the interface")
        equal(tool_json("show")["devices"][0]["id"], rig.id, "the only device")
        fails("show", "rtap-nobody")
        with Device():
            fails("show")


@case("show says in words why a queue is broken")
def words():
    with Rig() as rig:
        rig.break_tx()
        text = tool("show", str(rig.id))
        for want in ("broken", "indirect", "ring index 5", "descriptor 5", f"pid {os.getpid()}",
                     NAME, "split"):
            assert want in text, f"no {want!r} in:\n{text}"


@case("list: a line for each device, with its rates")
def listed():
    with Rig("packed") as rig:
        lister = subprocess.Popen([RINGTAP, "list", "--interval", "3", "--json"],
                                  stdout=subprocess.PIPE, text=True)
        before = rig.family.queue(rig.id, TX)["stats"]["packets"]
        while lister.poll() is None:
            rig.device.send([with_header(frame(60))] * 10)
            time.sleep(0.02)
        found = json.loads(lister.stdout.read())
        sent = rig.family.queue(rig.id, TX)["stats"]["packets"] - before
        VALIDATOR.validate(found)
        device, = found["devices"]
        same(device, found_device(rig), {"queues": "queue_count", "workers": "worker_count"})
        equal(device["layout"], "packed", "layout")
        seen = device["tx"]["packets_per_second"] * device["interval_ns"] / 1e9
        assert 0 < seen <= sent, f"{seen} frames by the rate, {sent} sent"
        rate, octets = (device["tx"][f"{what}_per_second"] for what in ("packets", "bytes"))
        assert abs(octets - 60 * rate) < 1, f"{octets} bytes and {rate} packets a second"
        equal(device["rx"]["packets_per_second"], 0, "received")
        with Device():
            lines = tool("list", "--interval", "0").splitlines()
            equal(len(lines), 3, "lines of two devices and the heading")
            assert NAME in lines[1] and "running" in lines[1] and "packed" in lines[1], lines[1]
            assert "unowned" in lines[2], lines[2]


@case("an unprivileged user is shown all but addresses")
def unprivileged():
    with Rig() as rig:
        mine = tool_json("show", str(rig.id))["devices"][0]
        theirs = tool_json("show", str(rig.id), preexec=become_nobody)["devices"][0]
        assert "desc_addr" in mine["queues"][0], "root is shown no addresses"
        for queue in theirs["queues"]:
            assert not [key for key in queue if key.endswith("_addr")], "nobody is shown addresses"
        equal(theirs["owner_pid"], mine["owner_pid"], "owner_pid")


class Watch:
    """A running `ringtap watch`, from when it listens."""

    def __init__(self, *arguments, preexec=None):
        self.process = subprocess.Popen([RINGTAP, "watch", *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, preexec_fn=preexec)
        equal(self.process.stderr.readline(), "ringtap: watching\n", "what it says first")

    def stop(self):
        """Have it read no more, until it is told to go on."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)

    def go_on(self):
        """Have it read all that waits, and wait for more itself."""
        self.process.send_signal(signal.SIGCONT)
        wait_for("watch to wait", lambda: self.state() == "S" and not self.socket("Rmem"))

    def state(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0]

    def socket(self, column):
        """What the kernel says of its socket: Rmem, bytes that wait; Drops, messages without room."""
        with open("/proc/net/netlink", encoding="ascii") as file:
            columns, *sockets = (line.split() for line in file)
        found = [dict(zip(columns, values)) for values in sockets]
        # libnl numbers the sockets of a process in the bits above its id.
        mine, = (socket for socket in found if int(socket["Eth"]) == NETLINK_GENERIC
                 and int(socket["Pid"]) & 0x3fffff == self.process.pid)
        return int(mine[column])

    def lines(self, number=signal.SIGINT, errors=""):
        """End it as a user does; what it printed."""
        time.sleep(0.5)
        if number:
            self.process.send_signal(number)
        out, said = self.process.communicate(timeout=30)
        equal((self.process.returncode, said), (0, errors), "status and errors of watch")
        return out.splitlines()


def live(rig):
    """From open to close, with a ring error on the way."""
    with rig:
        rig.break_tx()


EVENTS = ["device_open", "attach", "attach", "ring_error", "detach", "detach", "device_close"]


@case("watch --json: events as they come, each valid")
def watch_json():
    watch = Watch("--json", "--count", str(len(EVENTS)))
    live(Rig())
    found = [json.loads(line) for line in watch.lines(None)]
    for event in found:
        VALIDATOR.validate(event)
    equal([event["event"] for event in found], EVENTS, "events")
    equal([event.get("queue") for event in found], [None, RX, TX, TX, RX, TX, None], "queues")
    error = found[3]
    equal((error["fault"], error["ifname"], error["direction"], error["backend"]),
          ({"kind": "indirect_len", "index": 5, "descriptor": 5}, NAME, "tx", "tun"),
          "the ring error")


@case("watch: events in words")
def watch_text():
    watch = Watch()
    live(Rig())
    found = watch.lines()
    equal(len(found), len(EVENTS), f"lines of {found}")
    for line, want in zip(found, ("opened", f"attached to tun {NAME}", f"attached to tun {NAME}",
                                  "indirect", "detached", "detached", "closed")):
        assert want in line, f"no {want!r} in {line!r}"


@case("watch: says how many events were left out")
def watch_storm():
    with Tap(NAME) as tap, Device() as device:
        device.prepare()
        watch = Watch("--json")
        for _ in range(100):
            device.attach(tap.fd, queues=[TX])
            device.detach(queues=[TX])
        time.sleep(1)
        device.attach(tap.fd, queues=[TX])
        found = [json.loads(line) for line in watch.lines()]
        for event in found:
            VALIDATOR.validate(event)
        left_out = sum(event.get("suppressed", 0) for event in found)
        assert left_out > 0, "nothing was left out"
        equal(len(found) + left_out, 201, "events told and left out")


def overrun(*arguments):
    """What watch prints when 30 events found it stopped, and one that came later; how many it missed."""
    with Tap(NAME) as tap, Device() as device:
        device.prepare()
        # Who is no administrator gets no more room than this.
        with written("/proc/sys/net/core/rmem_max", "4096"):
            watch = Watch(*arguments, preexec=become_nobody)
        watch.stop()
        # Fewer than a device may tell at once: none is left out before it reaches the socket.
        for _ in range(15):
            device.attach(tap.fd, queues=[TX])
            device.detach(queues=[TX])
        missed = watch.socket("Drops")
        watch.go_on()
        device.attach(tap.fd, queues=[TX])
        equal(watch.socket("Drops"), missed, "events missed in all")
        lines = watch.lines(errors="ringtap: events were lost: they came faster than they could be "
                                   "read\n")
        assert 0 < missed < 30, f"{missed} events had no room"
        return lines, missed


@case("watch: says that events were lost, and goes on")
def watch_lost_text():
    lines, missed = overrun()
    equal(len(lines), 30 - missed + 1, f"lines of {lines} and of one more event")
    for line in lines[0], lines[-1]:
        assert f"attached to tun {NAME}" in line, line


@case("watch --json: says that events were lost, and goes on")
def watch_lost_json():
    lines, missed = overrun("--json")
    found = [json.loads(line) for line in lines]
    for event in found:
        VALIDATOR.validate(event)
    names = [event["event"] for event in found]
    equal(names, ["lost"] + (["attach", "detach"] * 15)[:30 - missed] + ["attach"], "events")
    equal(sum(event.get("suppressed", 0) for event in found), 0, "events left out")


main()
