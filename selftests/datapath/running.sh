#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# running.sh - eventfds, ring addresses and the memory table are swapped on running rings.
# rtap-kernels: 7.3
# rtap-quick: yes
# rtap-needs: root module

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/../hostile/lib.sh"

need_root
need_module
need_hostile

plan $(($(hostile_count running) + 1))
run_hostile running
run_test "the kernel log stays clean" kmsg_is_clean
finish
