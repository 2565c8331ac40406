#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# history.sh - none of the bugs that vhost-net has had is here: each is a test named after it.
# rtap-kernels: all
# rtap-needs: root module
# shellcheck disable=SC2317 # run_test calls the functions

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/lib.sh"

need_root
need_module
need_hostile
make_swap

plan $(($(hostile_count history) + 2))
run_hostile history
run_test "no worker, device or user is left, and the module comes out" nothing_is_left
run_test "the kernel log stays clean" kmsg_is_clean
finish
