#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# log.sh - a dirty log says what the device has written, and a VMM may do with it what it likes.
# rtap-kernels: all
# rtap-debug: yes
# rtap-needs: root module tool
# shellcheck disable=SC2119 # need_module has optional arguments

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_module
need_tool
need_hostile

plan $(($(hostile_count log) + 2))
run_hostile log
run_test "the module comes out" nothing_is_left
run_test "the kernel log stays clean" kmsg_is_clean
finish
