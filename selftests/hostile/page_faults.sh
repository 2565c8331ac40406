#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# page_faults.sh - guest memory comes, or is saved, page by page: postcopy and background snapshots lose nothing.
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

plan $(($(hostile_count page_faults) + 2))
run_hostile page_faults
run_test "the module comes out" nothing_is_left
run_test "the kernel log stays clean" kmsg_is_clean
finish
