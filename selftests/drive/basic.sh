#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# basic.sh - each kernel moves verified frames, small, segmented and in pieces, over both layouts.
# rtap-kernels: all
# rtap-quick: yes
# rtap-debug: yes
# rtap-needs: root module tool
# shellcheck disable=SC2317,SC2119 # run_test calls the functions; need_module has optional arguments

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

cases=(
	"--count 2000"
	"--count 500 --in-order --batch 1"
	"--count 500 --indirect --pieces 4 --no-mergeable"
	"--count 200 --offload"
	"--count 50 --size 60000"
	"--count 500 --device-header --no-event-idx"
)

need_root
need_module
need_tool

plan $((2 * ${#cases[@]} + 4))
for layout in split packed; do
	for options in "${cases[@]}"; do
		# shellcheck disable=SC2086 # the options are words
		run_test "$layout rings: $options" drive --layout "$layout" $options
	done
done
run_test "split rings: a legacy driver" drive --legacy --count 500
run_test "split rings: an index that wraps, in order" drive --start 65535 --in-order --count 500
run_test "packed rings: a start inside the ring" drive --layout packed --start 255 --pieces 3 --count 500
run_test "the kernel log stays clean" kmsg_is_clean
finish
