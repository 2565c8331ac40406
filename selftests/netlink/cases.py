# SPDX-License-Identifier: GPL-2.0-or-later
# Runs a file's cases and prints a line for each, in the form that run_program of lib.sh reads.

import sys
import traceback

# By function, in the order of the file.
_cases = {}


class Skip(Exception):
    """Raised by a case that this machine cannot run."""


def case(name, *arguments):
    """Register a function as a case; may be given several times, with other arguments."""
    def register(function):
        # decorators of one function are applied from the last to the first
        _cases.setdefault(function, []).insert(0, (name, arguments))
        return function
    return register


def equal(found, wanted, what):
    """Fail unless both are the same."""
    assert found == wanted, f"{what}: {found!r}, want {wanted!r}"


def main():
    """--list prints the names; else the cases are run, in the order of the file."""
    bad = 0
    for function, variants in _cases.items():
        for name, arguments in variants:
            if sys.argv[1:] == ["--list"]:
                print(name)
                continue
            try:
                function(*arguments)
            except Skip as why:
                print(f"ok - {name} # SKIP {why}", flush=True)
            except Exception:  # pylint: disable=broad-except
                bad = 1
                print(traceback.format_exc().rstrip(), flush=True)
                print(f"not ok - {name}", flush=True)
            else:
                print(f"ok - {name}", flush=True)
    sys.exit(bad)
