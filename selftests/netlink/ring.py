# SPDX-License-Identifier: GPL-2.0-or-later
# The driver's side of a virtqueue in memory that vhost is told of, small enough to know each word of it.

import ctypes
import mmap

NEXT, WRITE, INDIRECT = 1, 2, 4
PACKED_AVAIL, PACKED_USED = 1 << 7, 1 << 15
# Where guest memory begins, as the guest sees it; not where the owner has it.
GUEST_BASE = 0x100000


class Memory:
    """Anonymous memory that is both the guest's and ours; handed out, never given back."""

    def __init__(self, size):
        self.size = size
        self.map = mmap.mmap(-1, size)
        self.user = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        self.next = 0

    def alloc(self, size, align=4096):
        """Offset of so many bytes."""
        at = -(-self.next // align) * align
        assert at + size <= self.size, "out of guest memory"
        self.next = at + size
        return at

    def guest(self, at):
        return GUEST_BASE + at

    def get(self, kind, at):
        return kind.from_buffer(self.map, at).value

    def put(self, kind, at, value):
        # One store of the processor: struct.pack_into() may write byte by byte.
        kind.from_buffer(self.map, at).value = value

    def write(self, at, data):
        self.map[at:at + len(data)] = data

    def read(self, at, size):
        return bytes(self.map[at:at + size])


class Ring:
    """What both layouts share: chains of one buffer, a buffer of fixed size for each slot."""

    def __init__(self, memory, num, buffer_size):
        self.memory, self.num, self.buffer_size = memory, num, buffer_size
        self.buffers = memory.alloc(num * buffer_size)
        self.posted = 0
        self.make_ring()

    def buffer(self, slot):
        return self.buffers + slot * self.buffer_size

    def post(self, chains):
        """Offer chains, all in one store: each (guest address, bytes, flags)."""
        for i, (guest, size, flags) in enumerate(chains):
            self.put_descriptor((self.posted + i) % self.num, guest, size, flags, not i)
        self.expose(len(chains))
        self.posted += len(chains)

    def post_frames(self, frames):
        """Offer frames to be sent, virtio header included."""
        chains = []
        for i, data in enumerate(frames):
            at = self.buffer((self.posted + i) % self.num)
            assert len(data) <= self.buffer_size
            self.memory.write(at, data)
            chains.append((self.memory.guest(at), len(data), 0))
        self.post(chains)

    def post_room(self, count, size=None):
        """Offer receive buffers."""
        self.post([(self.memory.guest(self.buffer((self.posted + i) % self.num)),
                    size or self.buffer_size, WRITE) for i in range(count)])

    def in_flight(self):
        return self.posted - self.used()


class SplitRing(Ring):
    """virtio 1.3, 2.7"""
    layout = "split"

    def make_ring(self):
        self.desc = self.memory.alloc(16 * self.num)
        self.driver = self.memory.alloc(6 + 2 * self.num)
        self.device = self.memory.alloc(6 + 8 * self.num)
        self.used_before, self.used_index = 0, 0

    def base(self):
        return 0

    def put_descriptor(self, slot, guest, size, flags, _first):
        at = self.desc + 16 * slot
        self.memory.put(ctypes.c_uint64, at, guest)
        self.memory.put(ctypes.c_uint32, at + 8, size)
        self.memory.put(ctypes.c_uint16, at + 12, flags)
        self.memory.put(ctypes.c_uint16, self.driver + 4 + 2 * slot, slot)

    def put_head(self, head):
        """An available entry that names any descriptor; exposed with the next chain posted."""
        self.memory.put(ctypes.c_uint16, self.driver + 4 + 2 * (self.posted % self.num), head)
        self.posted += 1
        self.memory.put(ctypes.c_uint16, self.driver + 2, self.posted & 0xffff)

    def expose(self, count):
        self.memory.put(ctypes.c_uint16, self.driver + 2, (self.posted + count) & 0xffff)

    def no_interrupts(self, off=True):
        self.memory.put(ctypes.c_uint16, self.driver, int(off))

    def used(self):
        index = self.memory.get(ctypes.c_uint16, self.device + 2)
        self.used_before += (index - self.used_index) & 0xffff
        self.used_index = index
        return self.used_before


class PackedRing(Ring):
    """virtio 1.3, 2.8"""
    layout = "packed"

    def make_ring(self):
        self.desc = self.memory.alloc(16 * self.num)
        self.driver = self.memory.alloc(4)
        self.device = self.memory.alloc(4)
        self.used_before = 0
        self.first_flags = None

    def base(self):
        return 0x80008000

    def put_descriptor(self, slot, guest, size, flags, first):
        at = self.desc + 16 * slot
        lap = (self.posted // self.num) & 1
        if slot < self.posted % self.num:
            lap ^= 1
        flags |= PACKED_USED if lap else PACKED_AVAIL
        self.memory.put(ctypes.c_uint64, at, guest)
        self.memory.put(ctypes.c_uint32, at + 8, size)
        self.memory.put(ctypes.c_uint16, at + 12, slot)
        if first:
            self.first_flags = (at + 14, flags)
        else:
            self.memory.put(ctypes.c_uint16, at + 14, flags)

    def expose(self, _count):
        # The first one last: the device looks no further until it is there.
        self.memory.put(ctypes.c_uint16, *self.first_flags)

    def no_interrupts(self, off=True):
        self.memory.put(ctypes.c_uint16, self.driver + 2, int(off))

    def used(self):
        while self.used_before < self.posted:
            slot, lap = self.used_before % self.num, (self.used_before // self.num) & 1
            flags = self.memory.get(ctypes.c_uint16, self.desc + 16 * slot + 14)
            if bool(flags & PACKED_USED) == bool(lap) or bool(flags & PACKED_AVAIL) == bool(lap):
                break
            self.used_before += 1
        return self.used_before


LAYOUTS = {"split": SplitRing, "packed": PackedRing}
