# SPDX-License-Identifier: GPL-2.0-or-later
# The JSON of `ringtap list` or `show` on standard input, as lines that a shell can read.
#
#	facts.py ids [PID]	numbers of the devices, or of those that PID owns
#	facts.py facts		of each device "NAME VALUE" lines; what a queue has, with rx. or tx. before its name

import json
import sys


def facts(prefix, thing):
    """One line for each value that is a number or a word."""
    for name, value in thing.items():
        if isinstance(value, dict):
            # A queue's counters stand beside its state; what is counted by kind keeps its name.
            facts(prefix if name == "stats" else f"{prefix}{name}.", value)
        elif isinstance(value, (int, str)):
            print(f"{prefix}{name} {value}")


def main():
    """Print what the first argument asks for."""
    devices = json.load(sys.stdin)["devices"]
    if sys.argv[1] == "ids":
        for device in devices:
            if len(sys.argv) == 2 or str(device.get("owner_pid")) == sys.argv[2]:
                print(device["id"])
        return
    for device in devices:
        facts("", device)
        for queue in device["queues"]:
            facts(f"{queue['direction']}.", queue)


main()
