# SPDX-License-Identifier: GPL-2.0-or-later
# Does things in other processes: as another user, in another network or pid namespace, or to be killed there.

import ctypes
import json
import os
import signal
import traceback

CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result):
    if result:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def unshare(flags):
    _check(_libc.unshare(flags))


def enter_netns(name):
    """Go to a network namespace that `ip netns add` has made."""
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        _check(_libc.setns(fd, CLONE_NEWNET))
    finally:
        os.close(fd)


def become_nobody():
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)


class Child:
    """A process that runs function(child) and says what that returned; killed if still there at the end."""

    def __init__(self, function, before=None, new_pidns=False):
        self.result, theirs = os.pipe()
        self.orders, ours = os.pipe()
        self.to_child = ours
        self.pid = os.fork()
        if self.pid:
            os.close(theirs)
            os.close(self.orders)
            self.lines = os.fdopen(self.result)
            return
        os.close(self.result)
        os.close(ours)
        self.to_parent = theirs
        self._run(function, before, new_pidns)

    def _run(self, function, before, new_pidns):
        status = 1
        try:
            # Whoever started us may be gone before it has ended us.
            _libc.prctl(1, signal.SIGKILL)
            if before:
                before()
            if new_pidns:
                unshare(CLONE_NEWPID)
                inner = os.fork()
                if inner:
                    os.waitpid(inner, 0)
                    os._exit(0)
                _libc.prctl(1, signal.SIGKILL)
            self.tell({"value": function(self)})
            status = 0
        except BaseException:  # pylint: disable=broad-except
            self.tell({"error": traceback.format_exc()})
        finally:
            os._exit(status)

    def tell(self, what):
        """In the child: one line to whoever made it."""
        os.write(self.to_parent, json.dumps(what).encode() + b"\n")

    def pause(self, what=None):
        """In the child: tell something, and wait until told to go on."""
        self.tell({"value": what})
        os.read(self.orders, 1)

    def hear(self):
        """What the child told next."""
        line = self.lines.readline()
        assert line, "the child ended without a word"
        said = json.loads(line)
        assert "error" not in said, said.get("error")
        return said["value"]

    def go_on(self):
        os.write(self.to_child, b"x")

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pid = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid:
            self.kill()
        self.lines.close()
        os.close(self.to_child)


def elsewhere(function, **where):
    """What function() returns in a process of its own."""
    with Child(lambda _: function(), **where) as child:
        return child.hear()
