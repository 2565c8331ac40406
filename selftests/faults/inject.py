# SPDX-License-Identifier: GPL-2.0-or-later
# Has the n-th allocation or user copy of a thread fail, of those that happen on behalf of a module.

import ctypes
import glob
import os
import re

DEBUGFS = "/sys/kernel/debug"
KINDS = {"failslab": {"ignore-gfp-wait": 0},
         "fail_page_alloc": {"ignore-gfp-wait": 0, "ignore-gfp-highmem": 0, "min-order": 0},
         "fail_usercopy": {}}
# More faults than any one step has.
MOST = 1000
_libc = ctypes.CDLL(None, use_errno=True)


def _put(path, value):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(value))


def _get(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def available():
    """Whether this kernel can do it at all."""
    return (os.path.exists("/proc/self/fail-nth")
            and all(os.path.exists(f"{DEBUGFS}/{kind}/require-start") for kind in KINDS))


def text_of(module):
    """Where its code is: first address, and one behind the last function's begin."""
    found = [int(line.split()[0], 16) for line in open("/proc/kallsyms", encoding="ascii")
             if line.endswith(f"[{module}]\n") and line.split()[1] in "tT"]
    return (min(found), max(found) + 0x1000) if found else (0, 0)


def aim(require, reject=(0, 0)):
    """Count only what has code of one range among its callers, and none of the other."""
    for kind, options in KINDS.items():
        values = {"probability": 0, "verbose": 0, "stacktrace-depth": 32,
                  "require-start": require[0], "require-end": require[1],
                  "reject-start": reject[0], "reject-end": reject[1], **options}
        for name, value in values.items():
            _put(f"{DEBUGFS}/{kind}/{name}", value)


def disarm():
    """Nothing fails any more, and the range is forgotten."""
    for kind in KINDS:
        _put(f"{DEBUGFS}/{kind}/stacktrace-depth", 0)


class Nth:
    """While it is entered, the n-th fault that a thread comes to is one; 0 is the calling thread."""

    def __init__(self, n, thread=0):
        self.n, self.hit = n, False
        path = f"/proc/self/task/{thread}/fail-nth" if thread else "/proc/thread-self/fail-nth"
        self.fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def __enter__(self):
        os.pwrite(self.fd, str(self.n).encode(), 0)
        return self

    def __exit__(self, *_):
        self.hit = not int(os.pread(self.fd, 32, 0))
        os.pwrite(self.fd, b"0", 0)
        os.close(self.fd)


def each(step, thread=lambda: 0):
    """
    Call step(armed) once for each fault there is, and once more: armed() gives the context in which
    the n-th one happens. How many there were.
    """
    for n in range(1, MOST):
        contexts = []

        def armed(number=n, made=contexts):
            made.append(Nth(number, thread()))
            return made[-1]

        step(armed)
        if not any(context.hit for context in contexts):
            print(f"{n - 1} faults", flush=True)
            return n - 1
    raise AssertionError(f"still a fault after {MOST}")


def _is_worker(path):
    try:
        return _get(path).startswith("vhost-")
    except (FileNotFoundError, ProcessLookupError):
        # It has ended since it was listed.
        return False


def workers():
    """Ids of this process' threads that serve queues."""
    return [int(path.split("/")[4]) for path in glob.glob("/proc/self/task/*/comm")
            if _is_worker(path)]


def pinned():
    """Kilobytes of this process' memory that are pinned."""
    return int(re.search(r"^VmPin:\s+(\d+)", _get("/proc/self/status"), re.M).group(1))


def users(module):
    """How often a module is in use."""
    return int(_get(f"/sys/module/{module}/refcnt"))


def pages_of(function):
    """Pages that a function has allocated and that nobody has freed."""
    total, ours = 0, False
    with open(f"{DEBUGFS}/page_owner_stacks/show_stacks", encoding="ascii") as file:
        for line in file:
            if not line.strip():
                ours = False
            elif f" {function}+" in line:
                ours = True
            elif ours and line.startswith("nr_base_pages:"):
                total += int(line.split()[1])
    return total


def load(path, options=""):
    """Insert a module."""
    with open(path, "rb") as file:
        if _libc.syscall(313, file.fileno(), options.encode(), 0):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def unload(name):
    """Remove a module."""
    if _libc.syscall(176, name.encode(), os.O_NONBLOCK):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
