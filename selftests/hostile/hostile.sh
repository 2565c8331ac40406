#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# hostile.sh - a ring with garbage in it stops its own queue only; its memory may go away under the worker.
# rtap-kernels: 7.3
# rtap-debug: yes
# rtap-needs: root module
# shellcheck disable=SC2317 # run_test calls the functions

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_module
need_hostile

plan $(($(hostile_count lies) + $(hostile_count gone) + 2))
run_hostile lies
run_hostile gone
run_test "the module comes out" nothing_is_left
run_test "the kernel log stays clean" kmsg_is_clean
finish
