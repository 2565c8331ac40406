# SPDX-License-Identifier: GPL-2.0-or-later
# What a queue counts, against frames that were counted before they were sent.

import errno
import os
import subprocess

from cases import Skip, case, equal, main
from family import Family
from ring import WRITE
from settings import written
from tap import SEGMENTS_IN_TUNNELS, Tap, Tunnel, frame, with_header
from vhost import MRG_RXBUF, RX, TX, VERSION_1, Device, wait_for

NAME = "rtapc0"
NEEDS_CSUM = 1
LONGEST = 65535 + 14 + 8
# The first reading is made before anything was posted: all counters are 0 then.
DROPS = ["drop-short", "drop-long", "drop-header", "drop-nomem", "drop-tap", "drop-no-room",
         "drop-offload", "drop-detached", "drop-tap-full"]


class Rig:
    """A device on a TAP, and how its queues are counted."""

    def __init__(self, layout, **prepare):
        self.family = Family()
        self.tap = Tap(NAME)
        self.device = Device()
        self.device.prepare(layout, **prepare)
        self.id = self.family.newest()
        self.tap.host()

    def __enter__(self):
        self.device.attach(self.tap.fd)
        return self

    def __exit__(self, *_):
        self.device.close()
        self.tap.close()

    def stats(self, index):
        return self.family.queue(self.id, index)["stats"]

    def settled(self, index, kicks):
        """Once the worker has been woken so often and the queue is idle again, its counters."""
        return wait_for(f"{kicks} kicks of queue {index}",
                        lambda: self.stats(index)["kicks"] >= kicks and self.stats(index))

    def dropped(self, index):
        return sum(self.stats(index)[name] for name in DROPS)

    def receive_all(self, sizes):
        """Have the host send a frame of each size; wait until the guest has them."""
        ring = self.device.rings[RX]
        before = ring.used()
        for number, size in enumerate(sizes):
            self.tap.host().send(frame(size, number))
        self.device.wait_used(RX, before + len(sizes))


def histogram(buckets):
    return {bucket["from"]: bucket["count"] for bucket in buckets or []}


def check_sums(stats):
    """What holds whatever the traffic was."""
    equal(sum(histogram(stats.get("batch-size")).values()), stats["batches"], "sum of batch-size")
    latencies = sum(histogram(stats.get("wake-latency")).values())
    assert latencies <= stats["kicks"], f"{latencies} wake-ups measured of {stats['kicks']} kicks"
    for name in "batch-size", "wake-latency":
        for start in histogram(stats.get(name)):
            assert start == 0 or start & (start - 1) == 0, f"{name}: a bucket from {start}"


@case("split: every counter begins at 0", "split")
@case("packed: every counter begins at 0", "packed")
def begin_at_zero(layout):
    with Rig(layout) as rig:
        for index in RX, TX:
            stats = rig.stats(index)
            for name in DROPS + ["packets", "bytes", "batches", "signals", "signals-suppressed",
                                 "poll-hits", "poll-misses", "alone", "backpressure"]:
                equal(stats[name], 0, name)
            for name in "error", "batch-size", "wake-latency":
                assert name not in stats, f"{name} is there: {stats[name]}"


@case("split: frames sent are packets, bytes and batches exactly", "split")
@case("packed: frames sent are packets, bytes and batches exactly", "packed")
def sent(layout):
    batches = [1, 2, 3, 8, 33, 64, 64, 1]
    sizes = [[14 + (7 * i + 100 * n) % 1400 for i in range(n)] for n in batches]
    with Rig(layout) as rig:
        for group in sizes:
            rig.device.send([with_header(frame(size, i)) for i, size in enumerate(group)])
        stats, tap = rig.stats(TX), rig.tap.counts()
        equal(stats["packets"], sum(batches), "packets")
        equal(stats["bytes"], sum(map(sum, sizes)), "bytes")
        equal(stats["batches"], len(batches), "batches")
        equal(histogram(stats["batch-size"]), {1: 2, 2: 2, 8: 1, 32: 1, 64: 2}, "batch-size")
        equal(rig.dropped(TX), 0, "drops")
        equal(stats["alone"], 0, "alone")
        equal((tap["rx_packets"], tap["rx_bytes"]), (stats["packets"], stats["bytes"]),
              "the TAP's rx_packets and rx_bytes")
        equal(stats["signals"] + stats["signals-suppressed"], len(batches), "signals in all")
        equal(rig.stats(RX)["packets"], 0, "packets of the other queue")
        check_sums(stats)
        assert "wake-latency" in stats, "no wake-up was measured"


def send_one_by_one(rig, count):
    """As many frames, a wake-up of the worker each; returns the queue's counters."""
    for _ in range(count):
        kicks = rig.stats(TX)["kicks"]
        rig.device.send([with_header(frame(60))])
        wait_for("a kick", lambda before=kicks: rig.stats(TX)["kicks"] > before)
    return rig.stats(TX)


@case("histograms=N keeps none, and counts all the same")
def no_histograms():
    with Rig("split") as rig:
        with written("/sys/module/ringtap/parameters/histograms", "N"):
            stats = send_one_by_one(rig, 20)
            assert "batch-size" not in stats, f"batch sizes: {stats['batch-size']}"
            assert "wake-latency" not in stats, f"wake-ups: {stats['wake-latency']}"
            equal((stats["packets"], stats["batches"]), (20, 20), "packets and batches")
        stats = send_one_by_one(rig, 20)
        equal(sum(histogram(stats["batch-size"]).values()), 20, "batches after that")
        assert "wake-latency" in stats, "no wake-up was measured after that"


@case("the histogram has one wake-up in eight, traced or not")
def sampled_when_traced():
    tracing = "/sys/kernel/tracing"
    if not os.path.exists(f"{tracing}/events"):
        subprocess.run(["mount", "-t", "tracefs", "tracefs", tracing], check=True)
    with Rig("split") as rig, written(f"{tracing}/events/ringtap/kick/enable", "1"):
        stats = send_one_by_one(rig, 40)
        timed = sum(histogram(stats["wake-latency"]).values())
        assert 0 < timed <= stats["kicks"] // 8 + 1, f"{timed} of {stats['kicks']} were timed"


@case("split: frames received are packets and bytes exactly", "split")
@case("packed: frames received are packets and bytes exactly", "packed")
def received(layout):
    rounds = [[60] * 40, list(range(14, 64)), [1514] * 20]
    with Rig(layout) as rig:
        for sizes in rounds:
            rig.device.rings[RX].post_room(len(sizes))
            rig.device.kick(RX)
            rig.receive_all(sizes)
        stats = rig.stats(RX)
        equal(stats["packets"], sum(map(len, rounds)), "packets")
        equal(stats["bytes"], sum(map(sum, rounds)), "bytes")
        equal(rig.dropped(RX), 0, "drops")
        tap = rig.tap.counts()
        equal((tap["tx_packets"], tap["tx_bytes"], tap["tx_dropped"]),
              (stats["packets"], stats["bytes"], 0), "the TAP's tx counters")
        equal(rig.stats(TX)["packets"], 0, "packets of the other queue")
        check_sums(stats)


@case("split: a batch received is one of its size", "split")
@case("packed: a batch received is one of its size", "packed")
def received_batch(layout):
    with Rig(layout) as rig:
        # No buffers yet: the packets wait in the TAP until a kick says that there are.
        for number in range(20):
            rig.tap.host().send(frame(60, number))
        wait_for("the queue to miss buffers", lambda: rig.stats(RX)["no-buffers"] > 0)
        rig.device.rings[RX].post_room(20)
        rig.device.kick(RX)
        rig.device.wait_used(RX, 20)
        stats = rig.stats(RX)
        equal(histogram(stats["batch-size"]), {16: 1}, "batch-size")
        equal((stats["batches"], stats["packets"]), (1, 20), "batches and packets")
        check_sums(stats)


@case("split: signals wanted and not wanted", "split")
@case("packed: signals wanted and not wanted", "packed")
def signals(layout):
    with Rig(layout) as rig:
        for _ in range(5):
            rig.device.send([with_header(frame(60))])
        wait_for("5 signals", lambda: rig.stats(TX)["signals"] == 5)
        equal(rig.device.signalled(TX), 5, "signals that came")
        rig.device.rings[TX].no_interrupts()
        for _ in range(7):
            rig.device.send([with_header(frame(60))])
        wait_for("7 signals suppressed", lambda: rig.stats(TX)["signals-suppressed"] == 7)
        stats = rig.stats(TX)
        equal((stats["signals"], rig.device.signalled(TX)), (5, 0), "signals afterwards")


def one_reason(rig, index, reason, count):
    """That many drops, all for the same reason."""
    stats = rig.stats(index)
    equal({name: stats[name] for name in DROPS if stats[name]}, {reason: count}, "drops")


def bad_checksum():
    return with_header(frame(60), flags=NEEDS_CSUM, csum_start=59, csum_offset=4)


@case("split: short frames are drop-short", "split", "drop-short", with_header(frame(13)))
@case("packed: short frames are drop-short", "packed", "drop-short", with_header(frame(13)))
@case("split: headers that lie are drop-header", "split", "drop-header", bad_checksum())
@case("packed: headers that lie are drop-header", "packed", "drop-header", bad_checksum())
@case("split: frames no TAP takes are drop-long", "split", "drop-long",
      with_header(frame(LONGEST + 1)))
@case("packed: frames no TAP takes are drop-long", "packed", "drop-long",
      with_header(frame(LONGEST + 1)))
def dropped_on_the_way_out(layout, reason, bad):
    good = with_header(frame(60))
    with Rig(layout, buffer_size=len(bad) if len(bad) > 2048 else 2048, num=16) as rig:
        rig.device.send([good, bad, good, bad, bad, good])
        rig.device.send([bad])
        one_reason(rig, TX, reason, 4)
        stats, tap = rig.stats(TX), rig.tap.counts()
        equal((stats["packets"], stats["bytes"]), (3, 180), "packets and bytes")
        equal((tap["rx_packets"], tap["rx_bytes"]), (3, 180), "the TAP's")
        equal(stats["packets"] + rig.dropped(TX), 7, "frames posted")
        check_sums(stats)


@case("split: frames for a TAP that is gone are drop-tap", "split")
@case("packed: frames for a TAP that is gone are drop-tap", "packed")
def tap_deleted(layout):
    with Rig(layout) as rig:
        rig.device.send([with_header(frame(60))] * 3)
        rig.tap.delete()
        rig.device.send([with_header(frame(60))] * 5)
        one_reason(rig, TX, "drop-tap", 5)
        equal(rig.stats(TX)["packets"], 3, "packets")
        check_sums(rig.stats(TX))


@case("split: frames that a TAP refuses are the TAP's to count", "split")
@case("packed: frames that a TAP refuses are the TAP's to count", "packed")
def refused(layout):
    nonsense = with_header(frame(60), gso_type=0x7f, hdr_len=54, gso_size=100)
    good = with_header(frame(60))
    with Rig(layout) as rig:
        # Linux counts them for a TUN, and loses them for a TAP; ours must not change that.
        before = rig.tap.counts()["rx_frame_errors"]
        for _ in range(2):
            try:
                os.write(rig.tap.fd, nonsense)
            except OSError:
                pass
        errors = rig.tap.counts()["rx_frame_errors"] - before
        rig.device.send([good, nonsense, good, nonsense, good])
        stats, tap = rig.stats(TX), rig.tap.counts()
        equal(stats["packets"] + rig.dropped(TX), 5, "frames posted")
        equal(stats["packets"], 5, "frames handed to the TAP")
        equal(tap["rx_packets"], 3, "the TAP's rx_packets")
        equal(tap["rx_frame_errors"] - before - errors, errors, "the TAP's rx_frame_errors")
        check_sums(stats)


@case("split: frames larger than the guest's buffers are drop-no-room", "split")
@case("packed: frames larger than the guest's buffers are drop-no-room", "packed")
def no_room(layout):
    with Rig(layout, mergeable=False) as rig:
        equal(rig.device.features & MRG_RXBUF, 0, "mergeable buffers")
        rig.device.rings[RX].post_room(10, size=200)
        rig.device.kick(RX)
        for size in 60, 1000, 100, 500, 188, 189:
            rig.tap.host().send(frame(size))
        rig.device.wait_used(RX, 3)
        wait_for("drops", lambda: rig.dropped(RX) == 3)
        one_reason(rig, RX, "drop-no-room", 3)
        stats, tap = rig.stats(RX), rig.tap.counts()
        equal((stats["packets"], stats["bytes"]), (3, 60 + 100 + 188), "packets and bytes")
        equal(tap["tx_packets"], 6, "the TAP's tx_packets")
        check_sums(stats)


def take_segments_in_tunnels(tap):
    """Have the TAP hand over what no header of 12 bytes can say."""
    try:
        tap.set_offloads(SEGMENTS_IN_TUNNELS)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise Skip("no TAP of this kernel takes segments in tunnels: 6.17 or later") from None


@case("split: segments in a tunnel are drop-offload", "split", "noudpcsum")
@case("packed: segments in a tunnel, with a checksum, are drop-offload", "packed", "udpcsum")
def unsayable(layout, checksum):
    with Rig(layout) as rig:
        take_segments_in_tunnels(rig.tap)
        rig.device.rings[RX].post_room(32)
        rig.device.kick(RX)
        with Tunnel(rig.tap, checksum) as tunnel:
            first = tunnel.send(100)
            dropped = sum(tunnel.send(size, segment=1000) for size in (2500, 4000, 5999))
            last = tunnel.send(1300)
            rig.device.wait_used(RX, 2)
        one_reason(rig, RX, "drop-offload", 3)
        stats, tap = rig.stats(RX), rig.tap.counts()
        equal((stats["packets"], stats["bytes"]), (2, first + last), "packets and bytes")
        equal(rig.device.rings[RX].used(), 2, "chains that the guest has back")
        equal((tap["tx_packets"], tap["tx_bytes"], tap["tx_dropped"]),
              (5, first + dropped + last, 0), "the TAP's tx counters")
        check_sums(stats)


@case("split: a guest without buffers: the TAP's counters have the rest", "split")
@case("packed: a guest without buffers: the TAP's counters have the rest", "packed")
def overflow(layout):
    with Rig(layout) as rig:
        sent_frames = 0
        # More than the TAP and its queueing discipline hold together.
        for number in range(3000):
            try:
                rig.tap.host().send(frame(60, number))
                sent_frames += 1
            except (BlockingIOError, OSError):
                pass
        ring = rig.device.rings[RX]

        def all_through():
            ring.post_room(ring.num - ring.in_flight())
            rig.device.kick(RX)
            tap = rig.tap.counts()
            return tap["tx_packets"] + tap["tx_dropped"] >= sent_frames
        wait_for("every frame to be delivered or dropped", all_through)
        stats, tap = rig.stats(RX), rig.tap.counts()
        assert stats["no-buffers"] > 0, "the guest never had too few buffers"
        equal(stats["packets"] + rig.dropped(RX), tap["tx_packets"], "packets and the TAP's")
        # What the queueing discipline dropped, the sender was told.
        equal(tap["tx_packets"] + tap["tx_dropped"], sent_frames,
              f"frames sent, of which the TAP dropped {tap['tx_dropped']}")
        assert stats["packets"] >= 500, f"{stats['packets']} packets only"


@case("split: frames that go one by one are alone", "split")
@case("packed: frames that go one by one are alone", "packed")
def alone(layout):
    with Rig(layout) as rig:
        # With a finite send buffer frames go one by one.
        rig.tap.limit_send_buffer(1 << 20)
        rig.device.send([with_header(frame(100, i)) for i in range(9)])
        stats = rig.stats(TX)
        equal((stats["alone"], stats["packets"], stats["batches"]), (9, 9, 9), "alone and others")
        equal(histogram(stats["batch-size"]), {1: 9}, "batch-size")
        equal(stats["bytes"], 900, "bytes")


@case("split: busy polls that find work and do not", "split")
@case("packed: busy polls that find work and do not", "packed")
def polls(layout):
    with Rig(layout) as rig:
        rig.device.busyloop(TX, 50)
        rig.device.send([with_header(frame(60))])
        wait_for("a poll that missed", lambda: rig.stats(TX)["poll-misses"] > 0)
        rig.device.busyloop(TX, 5000)
        ring = rig.device.rings[TX]

        def hit():
            # the second frame comes without a kick, while the worker looks for it
            ring.post_frames([with_header(frame(60))])
            rig.device.kick(TX)
            wait_for("the first", lambda: not ring.in_flight())
            ring.post_frames([with_header(frame(60))])
            try:
                wait_for("the second", lambda: not ring.in_flight(), seconds=1)
            except AssertionError:
                rig.device.kick(TX)
                wait_for("the second at last", lambda: not ring.in_flight())
            return rig.stats(TX)["poll-hits"] > 0
        wait_for("a poll that hit", hit, seconds=60)
        rig.device.busyloop(TX, 0)
        equal(rig.stats(TX)["packets"] % 2, 1, "packets")


@case("split: ring errors by kind", "split")
@case("packed: ring errors by kind", "packed")
def errors(layout):
    with Rig(layout) as rig:
        ring = rig.device.rings[TX]
        guest = ring.memory.guest(ring.buffer(0))
        ring.post([(guest, 100, WRITE)])
        rig.device.kick(TX)
        wait_for("an error", lambda: rig.stats(TX).get("error"))
        equal(rig.stats(TX)["error"], [{"kind": "direction", "count": 1}], "errors")
        equal(rig.family.queue(rig.id, TX)["state"], "broken", "state")
        assert "error" not in rig.stats(RX), "the other queue has errors too"


@case("counters survive detaching and attaching")
def survive():
    with Rig("split", extra=0) as rig:
        assert rig.device.features & VERSION_1
        rig.device.send([with_header(frame(60))] * 4)
        rig.device.detach()
        equal(rig.stats(TX)["packets"], 4, "packets while detached")
        rig.device.rebase(TX)
        rig.device.attach(rig.tap.fd, queues=[TX])
        rig.device.send([with_header(frame(60))] * 2)
        equal(rig.stats(TX)["packets"], 6, "packets after attaching again")


main()
