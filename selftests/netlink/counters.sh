#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# counters.sh - what netlink says a queue has counted is what was sent, dropped and refused, to the byte.
# rtap-kernels: all
# rtap-quick: yes
# rtap-needs: root module

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/netlink/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_ynl
need_command ip tc
need_module

plan $(($(cases_count counters.py) + 1))
run_cases counters.py
run_test "the kernel log stays clean" kmsg_is_clean
finish
