#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sizes.sh - rings of every size from 1 to 32,768 carry verified frames both ways.
# rtap-needs: root module tool
# shellcheck disable=SC2317,SC2119 # run_test calls the functions; need_module has optional arguments

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

powers=(1 2 4 8 16 32 64 128 256 512 1024 2048 4096 8192 16384 32768)
odd=(3 5 127 1000 32767) # packed rings need not be a power of two, but SET_VRING_NUM does

# More frames than descriptors, so that every ring wraps at least once.
frames_for()
{
	echo $(($1 * 5 / 4 + 300))
}

refuses_size()
{
	refute drive --layout packed --ring "$1" --count 1
}

need_root
need_module
need_tool

plan $((2 * ${#powers[@]} + ${#odd[@]} + 1))
for size in "${powers[@]}"; do
	for layout in split packed; do
		run_test "$layout ring of $size" \
			drive --layout "$layout" --ring "$size" --count "$(frames_for "$size")"
	done
done
for size in "${odd[@]}"; do
	run_test "a ring of $size is refused" refuses_size "$size"
done
run_test "the kernel log stays clean" kmsg_is_clean
finish
