#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# storm.sh - random calls from threads and processes, lives that end among them: nobody else notices, nothing stays.
# rtap-kernels: all
# rtap-needs: root module
# shellcheck disable=SC2317 # run_test calls the functions

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/lib.sh"

# The seed is said, and RTAP_SEED= repeats it; RTAP_SECONDS= says how long.
seconds=${RTAP_SECONDS:-30}
seed=${RTAP_SEED:-$RANDOM}

need_root
need_module
need_hostile
make_swap

plan 3
# What it did is worth saying when it is well, too.
export RTAP_VERBOSE=1
run_program "$RTAP_HOSTILE" storm --node "$RTAP_NODE" --seed "$seed" --seconds "$seconds"
run_test "no worker, device or user is left, and the module comes out" nothing_is_left
run_test "the kernel log stays clean" kmsg_is_clean
finish
