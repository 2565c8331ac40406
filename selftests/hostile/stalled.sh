#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# stalled.sh - a page that never comes holds up its own queue and nobody else, and its owner can be killed.
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
load_fuse

plan $(($(hostile_count stalled) + 2))
run_hostile stalled
run_test "the module comes out" nothing_is_left
run_test "the kernel log stays clean" kmsg_is_clean
finish
