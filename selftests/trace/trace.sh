#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# trace.sh - each tracepoint says what happened, as often as the counters do, to tracefs and to the tools.
# rtap-kernels: all
# rtap-needs: root module tool

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/netlink/lib.sh
. "$(dirname "$0")/../netlink/lib.sh"

need_root
need_ynl
need_command ip
need_module
need_tool
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing ||
	skip "no tracefs on /sys/kernel/tracing"
export RINGTAP="$ringtap" PYTHONPATH="$PYTHONPATH:$RTAP_NETLINK"

plan $(($(cases_count ../trace/trace.py) + 1))
run_cases ../trace/trace.py
run_test "the kernel log stays clean" kmsg_is_clean
finish
