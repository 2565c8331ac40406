# SPDX-License-Identifier: GPL-2.0-or-later
# Gives files of the kernel's, as in /proc/sys, another value for a while.

import contextlib


@contextlib.contextmanager
def written(path, value):
    """A file of the kernel's has this value meanwhile."""
    def write(word):
        with open(path, "w", encoding="ascii") as file:
            file.write(word)

    with open(path, encoding="ascii") as file:
        before = file.read().strip()
    write(value)
    try:
        yield
    finally:
        write(before)
