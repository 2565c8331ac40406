# SPDX-License-Identifier: GPL-2.0-or-later
# Events: each thing that happens is told once, in order, with what belongs to it; storms are counted.

import time

from cases import case, equal, main
from family import Family
from ring import GUEST_BASE, INDIRECT
from tap import Tap, frame, run, with_header
from vhost import RX, TX, Device, wait_for

NAME = "rtape0"


def now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Listener:
    """A family that hears events, and all that it has heard."""

    def __init__(self):
        self.family = Family(events=True)
        self.heard = []

    def hear(self):
        self.heard += self.family.events()
        return self.heard

    def until(self, name, count=1):
        """Wait for the n-th event of a name; forget all that was heard, and return it."""
        wait_for(f"{count} {name}", lambda: sum(e[0] == name for e in self.hear()) >= count)
        heard, self.heard = self.heard, []
        return heard

    def no_more(self):
        """Nothing was told that was not asked for: events come before the call that causes them ends."""
        equal(self.hear(), [], "more events")


def rest(seconds=5):
    """Let the budgets of events fill up again."""
    time.sleep(seconds)


@case("split: open, attach, detach and close, in order and once each", "split")
@case("packed: open, attach, detach and close, in order and once each", "packed")
def life(layout):
    with Tap(NAME) as tap:
        listener = Listener()
        began = now()
        device = Device()
        ident = listener.family.newest()
        serial = listener.family.device(ident)["serial"]
        device.prepare(layout)
        device.attach(tap.fd)
        device.detach(queues=[TX])
        device.close()
        heard = listener.until("device-close")
        equal([(name, e.get("queue")) for name, e in heard],
              [("device-open", None), ("attach", RX), ("attach", TX), ("detach", TX),
               ("detach", RX), ("device-close", None)], "events")
        times = [e["time"] for _, e in heard]
        equal(times, sorted(times), "order of times")
        assert began <= times[0] and times[-1] <= now(), "times"
        for name, event in heard:
            equal((event["device"], event["serial"]), (ident, serial), f"device of {name}")
            assert not event.get("suppressed"), f"{name} after {event['suppressed']} left out"
            if "queue" in event:
                equal((event["backend"], event["ifindex"], event["ifname"]),
                      ("tun", tap.index, NAME), f"interface of {name}")
            else:
                assert not {"backend", "ifindex", "ifname", "fault-kind"} & set(event), \
                    f"attributes of {name}: {event}"
        listener.no_more()


@case("split: a ring error, with its kind, index and descriptor", "split")
@case("packed: a ring error, with its kind, index and descriptor", "packed")
def ring_error(layout):
    with Tap(NAME) as tap, Device() as device:
        tap.host()
        listener = Listener()
        device.prepare(layout, num=32)
        device.attach(tap.fd)
        listener.until("attach", 2)
        device.send([with_header(frame(60))] * 7)
        device.rings[TX].post([(GUEST_BASE, 17, INDIRECT)])
        device.kick(TX)
        (name, event), = listener.until("ring-error")
        equal((name, event["queue"], event["backend"], event["ifname"]),
              ("ring-error", TX, "tun", NAME), "event")
        equal((event["fault-kind"], event["fault-index"], event["fault-desc"]),
              ("indirect-len", 7, 7), "fault")
        for _ in range(3):
            device.kick(TX)
        wait_for("kicks", lambda: listener.family.queue(event["device"], TX)["state"] == "broken")
        device.detach()
        heard = listener.until("detach", 2)
        equal([name for name, _ in heard], ["detach", "detach"], "events after it")
        listener.no_more()


@case("an interface that is deleted is gone, for each queue and once")
def tap_gone():
    with Tap(NAME) as tap, Device() as device:
        listener = Listener()
        device.prepare()
        device.attach(tap.fd)
        listener.until("attach", 2)
        index = tap.index
        tap.delete()
        heard = listener.until("tap-gone", 2)
        equal(sorted((name, e["queue"], e["ifindex"], e["ifname"]) for name, e in heard),
              [("tap-gone", RX, index, NAME), ("tap-gone", TX, index, NAME)], "events")
        device.detach()
        heard = listener.until("detach", 2)
        equal([name for name, _ in heard], ["detach", "detach"], "events after it")
        for name, event in heard:
            assert "ifname" not in event, f"the interface of {name}: {event['ifname']}"
        listener.no_more()


@case("a namespace that ends with an interface in it: the interface is gone")
def netns_gone():
    other = "rtap-events"
    with Tap(NAME) as tap, Device() as device:
        listener = Listener()
        device.prepare()
        run("ip", "netns", "add", other)
        try:
            device.attach(tap.fd)
            run("ip", "link", "set", NAME, "netns", other)
            listener.until("attach", 2)
        finally:
            run("ip", "netns", "del", other)
        heard = listener.until("tap-gone", 2)
        equal([name for name, _ in heard], ["tap-gone", "tap-gone"], "events")
        device.detach()
        listener.until("detach", 2)
        listener.no_more()


@case("a renamed interface is told by its new name")
def renamed():
    with Tap(NAME) as tap, Device() as device:
        listener = Listener()
        device.prepare()
        device.attach(tap.fd)
        listener.until("attach", 2)
        run("ip", "link", "set", NAME, "down")
        run("ip", "link", "set", NAME, "name", "rtape1")
        device.detach()
        heard = listener.until("detach", 2)
        equal({e["ifname"] for _, e in heard}, {"rtape1"}, "ifname")


def storm(listener, cause, name, count):
    """Cause a storm of events and one more after a pause: how many were told and how many left out."""
    for _ in range(count):
        cause()
    rest(1.5)
    cause()
    time.sleep(0.2)
    heard = [e for n, e in listener.hear() if n in name]
    told, left_out = len(heard), sum(e.get("suppressed", 0) for e in heard)
    return heard, told, left_out


@case("a device that attaches in a storm: what was left out is in the next event")
def storm_of_one():
    with Tap(NAME) as tap, Device() as device:
        device.prepare()
        rest()
        listener = Listener()

        def cause():
            device.attach(tap.fd, queues=[TX])
            device.detach(queues=[TX])
        heard, told, left_out = storm(listener, cause, ("attach", "detach"), 200)
        equal(told + left_out, 402, f"events told ({told}) and left out ({left_out})")
        assert 32 <= told <= 32 + 8 * 10, f"{told} events told"
        equal([e.get("suppressed", 0) for e in heard[:32]], [0] * 32, "the burst")


@case("a storm of one device leaves the events of another alone")
def storm_and_calm():
    with Tap(NAME) as tap, Tap("rtape2") as calm_tap, Device() as device, Device() as calm:
        device.prepare()
        calm.prepare()
        listener = Listener()
        for _ in range(100):
            device.attach(tap.fd, queues=[TX])
            device.detach(queues=[TX])
        calm.attach(calm_tap.fd)
        calm.detach()
        heard = [(name, e.get("suppressed", 0)) for name, e in listener.hear()
                 if e.get("ifname") == "rtape2"]
        equal(heard, [("attach", 0), ("attach", 0), ("detach", 0), ("detach", 0)], "events")


@case("programs that open and close in a loop: what was left out is in the next event")
def storm_of_opens():
    rest()
    listener = Listener()
    before = now()
    heard, told, left_out = storm(listener, lambda: Device().close(),
                                  ("device-open", "device-close"), 200)
    equal(told + left_out, 402, f"events told ({told}) and left out ({left_out})")
    seconds = (now() - before) / 1e9
    assert 32 <= told <= 32 + 8 * (seconds + 1), f"{told} events told in {seconds:.1f} s"
    assert heard[0].get("suppressed", 0) == 0, "the first of the storm has suppressed others"
    # A queue's events have a budget of their own.
    with Tap(NAME) as tap, Device() as device:
        for _ in range(50):
            Device().close()
        device.prepare()
        listener.hear()
        device.attach(tap.fd)
        equal([e.get("suppressed", 0) for name, e in listener.hear() if name == "attach"], [0, 0],
              "suppressed in attach")


main()
