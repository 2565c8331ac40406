#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# forked.sh - a device has the kind of threads that was asked for, and features by the array, on every kernel.
# rtap-kernels: all
# rtap-debug: yes
# rtap-needs: root module
# shellcheck disable=SC2119 # need_module has optional arguments

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_module
need_hostile

plan $(($(hostile_count forked) + 2))
run_hostile forked
run_test "the module comes out" nothing_is_left
run_test "the kernel log stays clean" kmsg_is_clean
finish
