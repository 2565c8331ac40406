#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# events.sh - what happens to devices is told once, in order and complete; storms are counted.
# rtap-kernels: all
# rtap-needs: root module

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/netlink/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_ynl
need_command ip
need_module

plan $(($(cases_count events.py) + 1))
run_cases events.py
run_test "the kernel log stays clean" kmsg_is_clean
finish
