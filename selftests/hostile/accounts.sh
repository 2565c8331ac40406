#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# accounts.sh - pinned pages, kernel memory, threads and workers' time are the owner's, and bounded by what he may have.
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

plan $(($(hostile_count accounts) + 2))
# The figures are worth saying when all is well, too.
export RTAP_VERBOSE=1
run_hostile accounts
run_test "no worker, device or user is left, and the module comes out" nothing_is_left
run_test "the kernel log stays clean" kmsg_is_clean
finish
