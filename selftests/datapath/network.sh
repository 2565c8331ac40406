#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# network.sh - the TAP's side: counters, VLAN tags, XDP programs, send buffers, a TAP deleted under traffic.
# rtap-kernels: 7.3
# rtap-debug: yes
# rtap-needs: root module

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/../hostile/lib.sh"

need_root
need_module
need_hostile

plan $(($(hostile_count network) + 1))
run_hostile network
run_test "the kernel log stays clean" kmsg_is_clean
finish
