#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# who.sh - who may see what: nobody sees addresses, a network namespace its own devices, a pid namespace its pids.
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

plan $(($(cases_count who.py) + 1))
run_cases who.py
run_test "the kernel log stays clean" kmsg_is_clean
finish
