#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# faults.sh - every allocation and user copy that the module makes fails once, and nothing is lost by it.
# rtap-kernels: 6.12-kasan
# rtap-debug: yes
# rtap-needs: root module

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/netlink/lib.sh
. "$(dirname "$0")/../netlink/lib.sh"

need_root
need_ynl
need_command ip
need_module
[[ -e /proc/self/fail-nth && -e /sys/kernel/debug/failslab/require-start ]] ||
	skip "needs a kernel that can inject faults: make check-debug"

export PYTHONPATH="$RTAP_NETLINK:$PYTHONPATH"
cases="../faults/faults.py"

plan $(($(cases_count "$cases") + 1))
# What the kernel says of memory that it has not got is asked for.
echo "rtap: faults begin" >/dev/kmsg
run_cases "$cases"
echo "rtap: faults end" >/dev/kmsg
run_test "the kernel log stays clean" kmsg_is_clean
finish
