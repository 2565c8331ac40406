# SPDX-License-Identifier: GPL-2.0-or-later
# Every allocation and user copy the module makes fails once: a clean errno or a counted loss, then all is as before.

import atexit
import errno
import fcntl
import os
import struct

import inject
import iotlb
from cases import Skip, case, equal, main
from family import Family, NlError
from rig import (CLEAN, NAME, Rig, drain, errors, nothing_is_left, served, traffic, tried,
                 worker)
from tap import Tap, frame, run, with_header
from vhost import (ATTACH_VRING_WORKER, FREE_WORKER, NET_SET_BACKEND, NEW_WORKER, RESET_OWNER, RX,
                   SET_BACKEND_FEATURES, SET_FEATURES, SET_VRING_ADDR, SET_VRING_BASE,
                   SET_VRING_BUSYLOOP_TIMEOUT, SET_VRING_CALL, SET_VRING_ERR, SET_VRING_KICK,
                   SET_VRING_NUM, TX, VERSION_1, Device, wait_for)

GET_FEATURES, GET_VRING_BASE, GET_VRING_WORKER = 0x8008AF00, 0xC008AF12, 0xC008AF16
SET_LOG_BASE = 0x4008AF04
GET_VRING_BUSYLOOP_TIMEOUT, GET_BACKEND_FEATURES = 0x4008AF24, 0x8008AF26
WORKERS = "/sys/module/ringtap/parameters/workers"
DROPS = ["drop-short", "drop-long", "drop-header", "drop-nomem", "drop-tap", "drop-no-room",
         "drop-offload", "drop-detached", "drop-tap-full"]


# --- ioctls ------------------------------------------------------------------------------------

@case("open")
def open_node():
    def step(armed):
        made = []
        if tried(armed, lambda: made.append(Device())):
            made[0].close()
        nothing_is_left()
    found = inject.each(step)
    assert found >= 2, f"{found} faults"


@case("SET_OWNER", 1)
@case("SET_OWNER with a worker for each queue", 2)
def set_owner(workers):
    def step(armed):
        with Device() as device:
            if not tried(armed, device.own):
                # As if nothing had been asked.
                device.own()
            equal(len(inject.workers()) in (1, workers), True, "a worker serves")
        nothing_is_left()
    with open(WORKERS, "w", encoding="ascii") as file:
        file.write(str(workers))
    try:
        found = inject.each(step)
    finally:
        with open(WORKERS, "w", encoding="ascii") as file:
            file.write("1")
    # The buffers of two queues, the worker, and whatever a thread is made of.
    assert found > 8, f"{found} faults"


@case("SET_MEM_TABLE of one region, running", 1)
@case("SET_MEM_TABLE of 30 regions, running", 30)
def set_memory(regions):
    with Rig() as rig:
        memory = rig.device.memory
        size = memory.size // regions // 4096 * 4096
        table = [(0x100000 + i * size, size if i < regions - 1 else memory.size - i * size,
                  memory.user + i * size) for i in range(regions)]
        rig.device.attach(rig.tap.fd)

        def step(armed):
            tried(armed, lambda: rig.device.set_memory(table))
            traffic(rig)
        found = inject.each(step)
        assert found >= 5, f"{found} faults"


SIMPLE = {
    "SET_FEATURES": (SET_FEATURES, "=Q", VERSION_1),
    "SET_BACKEND_FEATURES": (SET_BACKEND_FEATURES, "=Q", 0),
    "GET_BACKEND_FEATURES": (GET_BACKEND_FEATURES, "=Q", 0),
    "GET_FEATURES": (GET_FEATURES, "=Q", 0),
    "SET_LOG_BASE": (SET_LOG_BASE, "=Q", 0),
    "SET_VRING_NUM": (SET_VRING_NUM, "=II", TX, 64),
    "SET_VRING_BASE": (SET_VRING_BASE, "=II", TX, 0),
    "GET_VRING_BASE": (GET_VRING_BASE, "=II", TX, 0),
    "SET_VRING_ADDR": (SET_VRING_ADDR, "=IIQQQQ", TX, 0, 4096, 8192, 12288, 0),
    "SET_VRING_BUSYLOOP_TIMEOUT": (SET_VRING_BUSYLOOP_TIMEOUT, "=II", TX, 0),
    "GET_VRING_BUSYLOOP_TIMEOUT": (GET_VRING_BUSYLOOP_TIMEOUT, "=II", TX, 0),
    "SET_VRING_KICK": (SET_VRING_KICK, "=Ii", TX, -1),
    "SET_VRING_CALL": (SET_VRING_CALL, "=Ii", TX, -1),
    "SET_VRING_ERR": (SET_VRING_ERR, "=Ii", TX, -1),
    "GET_VRING_WORKER": (GET_VRING_WORKER, "=II", TX, 0),
    "ATTACH_VRING_WORKER": (ATTACH_VRING_WORKER, "=II", TX, 0),
}


@case("ioctls that only copy their argument")
def simple():
    with Device() as device:
        device.own()

        def ask(request, form, *values):
            # Not bytes: Python would copy them itself, to where no user copy fails.
            fcntl.ioctl(device.fd, request, bytearray(struct.pack(form, *values)))

        for name, arguments in SIMPLE.items():
            found = inject.each(lambda armed, a=arguments: tried(armed, lambda: ask(*a)))
            assert found >= 1, f"{name}: {found} faults"
            ask(*arguments)
    nothing_is_left()


@case("a message without a device IOTLB")
def message():
    with Device() as device:
        device.own()
        assert inject.each(lambda armed: tried(armed, lambda: iotlb.write(
            device, iotlb.UPDATE, 0, 4096, 4096))) >= 1
    nothing_is_left()


@case("NEW_WORKER and FREE_WORKER")
def workers():
    with Device() as device:
        device.own()

        def step(armed):
            answer = bytearray(4)
            if tried(armed, lambda: fcntl.ioctl(device.fd, NEW_WORKER, answer)):
                device.ioctl(FREE_WORKER, "=I", struct.unpack("=I", answer)[0])
            wait_for("one worker", lambda: len(inject.workers()) == 1)
        assert inject.each(step) > 5
        answer = bytearray(4)
        fcntl.ioctl(device.fd, NEW_WORKER, answer)
        inject.each(lambda armed: tried(
            armed, lambda: fcntl.ioctl(device.fd, FREE_WORKER, bytes(answer))))
        # A thread that has ended may be seen a moment longer.
        wait_for("one worker", lambda: len(inject.workers()) == 1)
    nothing_is_left()


@case("split: SET_BACKEND of both queues, and off again", "split")
@case("packed: SET_BACKEND of both queues, and off again", "packed")
def set_backend(layout):
    found = 0
    for index in RX, TX:
        def step(armed, queue=index):
            # Rings of several pages that nobody has touched yet: those are allocated, pinned, mapped.
            with Rig(layout, num=1024, buffer_size=256) as rig:
                other = RX + TX - queue
                if not tried(armed, lambda: rig.device.attach(rig.tap.fd, [queue])):
                    equal(rig.state(queue), "stopped", "state after a failure")
                    equal(inject.pinned(), 0, "kilobytes pinned after a failure")
                    rig.device.attach(rig.tap.fd, [queue])
                rig.device.attach(rig.tap.fd, [other])
                traffic(rig)
        found += inject.each(step)
    assert found > 8, f"{found} faults"


@case("another TAP in place of one that is attached")
def exchange():
    with Rig() as rig, Tap("rtapf1") as second:
        rig.device.attach(rig.tap.fd)
        taps = [rig.tap.fd, second.fd]

        def step(armed):
            done = tried(armed, lambda: rig.device.ioctl(NET_SET_BACKEND, "=Ii", TX, taps[1]))
            state = rig.state(TX)
            if not done and state == "stopped":
                # Memory ran out for the old ring as well.
                rig.device.ioctl(NET_SET_BACKEND, "=Ii", TX, taps[0])
            elif done:
                taps.reverse()
            rig.device.send([with_header(frame(100))])
        assert inject.each(step) > 2
    nothing_is_left()


@case("SET_VRING_ADDR of a running ring")
def remap():
    with Rig() as rig:
        rig.device.attach(rig.tap.fd)
        ring, user = rig.device.rings[TX], rig.device.memory.user
        arguments = (TX, 0, user + ring.desc, user + ring.device, user + ring.driver, 0)

        def step(armed):
            tried(armed, lambda: rig.device.ioctl(SET_VRING_ADDR, "=IIQQQQ", *arguments))
            equal(rig.state(TX), "running", "state")
            traffic(rig)
        assert inject.each(step) > 2


@case("RESET_OWNER of a running device")
def reset():
    def step(armed):
        with Rig() as rig:
            rig.device.attach(rig.tap.fd)
            if not tried(armed, lambda: rig.device.ioctl(RESET_OWNER)):
                traffic(rig)
    assert inject.each(step) >= 2


@case("close never fails")
def close():
    def step(armed):
        with Tap(NAME) as tap:
            device = Device()
            device.prepare()
            device.attach(tap.fd)
            fd = os.dup(device.fd)
            device.close()
            with armed():
                os.close(fd)
        nothing_is_left()
    inject.each(step)


# --- netlink -----------------------------------------------------------------------------------

@case("netlink: get and dump answer, or say ENOMEM")
def netlink():
    with Rig() as rig:
        rig.device.attach(rig.tap.fd)

        def ask(family):
            family.do("device-get", {"id": rig.id})
            for kind in "device-get", "queue-get", "worker-get":
                family.dump(kind, {})

        def step(armed):
            family = Family()
            with armed():
                try:
                    ask(family)
                except (OSError, NlError) as error:
                    number = getattr(error, "errno", None) or -error.nl_msg.error
                    assert number in (errno.ENOMEM, errno.ENOBUFS), f"failed with {error!r}"
            family.close()
            ask(rig.family)
        assert inject.each(step) >= 1


@case("netlink: an event that there is no memory for is lost, and nothing else")
def events():
    listener = Family(events=True)

    def step(armed):
        with Rig() as rig:
            tried(armed, lambda: rig.device.attach(rig.tap.fd))
            rig.device.attach(rig.tap.fd)
            traffic(rig)
    assert inject.each(step) > 4
    listener.close()


# --- traffic -----------------------------------------------------------------------------------

def restart(rig, index):
    """A queue that a fault has broken is detached and attached again, where it was; its chain is lost."""
    rig.device.detach([index])
    rig.device.rebase(index)
    rig.device.rings[index].posted = rig.device.rings[index].used()
    rig.device.rings[index].expose(0)
    rig.device.attach(rig.tap.fd, [index])


SENT = {
    "a small frame": ([with_header(frame(60))], None),
    "64 frames": ([with_header(frame(200, i)) for i in range(64)], None),
    "a frame of 9000 bytes": ([with_header(frame(9000))], None),
    "a frame that is sent alone": ([with_header(frame(1000))], 100000),
}


@case("a small frame is sent, or counted as lost", "a small frame")
@case("64 frames are sent, or counted as lost", "64 frames")
@case("a frame of 9000 bytes is sent, or counted as lost", "a frame of 9000 bytes")
@case("a frame that is sent alone is, or is counted as lost", "a frame that is sent alone")
def send(what):
    frames, send_buffer = SENT[what]
    with Rig(num=128, buffer_size=16384 if "9000" in what else 2048) as rig:
        if send_buffer:
            rig.tap.limit_send_buffer(send_buffer)
        rig.device.attach(rig.tap.fd)
        # The worker is there, and has run, before it is looked for.
        rig.device.send([with_header(frame(60))])

        def step(armed):
            before = rig.stats(TX)
            drain(rig)
            ring = rig.device.rings[TX]

            def move():
                ring.post_frames(frames)
                rig.device.kick(TX)
            after, hit = served(rig, TX, armed, move, lambda: not ring.in_flight())
            lost = sum(after[name] - before[name] for name in DROPS)
            if rig.state(TX) == "broken":
                equal(errors(after), errors(before) + 1, "errors counted")
                restart(rig, TX)
            else:
                equal(after["packets"] - before["packets"] + lost, len(frames), "frames counted")
                # The TAP may have no memory for an skb; it does not say so to anybody.
                found = []
                wait_for("frames at the host", lambda: found.append(drain(rig)) or
                         sum(found) >= len(frames) - lost - int(hit))
            rig.device.send([with_header(frame(60))])
        assert inject.each(step, worker) >= 1


@case("a frame is received, or stays with the TAP, or is counted as lost", 100, 2048)
@case("a frame that spans buffers is received, or stays, or is counted", 9000, 2048)
def receive_one(size, buffer_size):
    with Rig(num=64, buffer_size=buffer_size) as rig:
        rig.device.attach(rig.tap.fd)
        rig.device.send([with_header(frame(60))])
        if size > 1500:
            run("ip", "link", "set", NAME, "mtu", str(size))
        room = -(-(size + 12) // buffer_size)

        def step(armed):
            ring = rig.device.rings[RX]
            ring.post_room(room)
            rig.device.kick(RX)
            before = rig.stats(RX)
            after, _ = served(rig, RX, armed, lambda: rig.tap.host().send(frame(size)),
                              lambda: counted(before))
            if rig.state(RX) == "broken":
                equal(errors(after), errors(before) + 1, "errors counted")
                restart(rig, RX)
                # It went back to the TAP, and now comes.
                ring.post_room(room)
                rig.device.kick(RX)
                wait_for("the frame that went back", lambda: counted(before))

        def counted(before):
            now = rig.stats(RX)
            return now["packets"] + sum(now[name] for name in DROPS) > (
                before["packets"] + sum(before[name] for name in DROPS))
        assert inject.each(step, worker) >= 1


# --- all of it ---------------------------------------------------------------------------------

@case("the module goes in, or does not and leaves nothing")
def module():
    path = os.environ.get("RINGTAP_KO")
    if not path:
        raise Skip("no module file")
    nothing_is_left()
    inject.unload("ringtap")
    # Where its code will be is not known: anywhere among modules, but not in the file system's.
    inject.aim((0xffffffffa0000000, 0xffffffffff000000), inject.text_of("overlay"))
    try:
        def step(armed):
            if tried(armed, lambda: inject.load(path)):
                inject.unload("ringtap")
        assert inject.each(step) >= 3
    finally:
        inject.load(path)
        inject.aim(inject.text_of("ringtap"))


@case("no page is lost")
def pages():
    if not os.path.exists(f"{inject.DEBUGFS}/page_owner_stacks/show_stacks"):
        raise Skip("needs page_owner=on")
    wait_for("every page to be freed", lambda: not inject.pages_of("rtap_frag_page"), 60)


if __name__ == "__main__":
    if inject.available():
        inject.aim(inject.text_of("ringtap"))
        atexit.register(inject.disarm)
    main()
