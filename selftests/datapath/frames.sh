#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# frames.sh - frames too short, too long or not as their header says are dropped, counted and given back.
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

plan $(($(hostile_count frames) + 1))
run_hostile frames
run_test "the kernel log stays clean" kmsg_is_clean
finish
