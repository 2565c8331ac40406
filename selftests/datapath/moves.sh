#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# moves.sh - queues move between workers under traffic, workers come and go, and no kick is lost with them.
# rtap-kernels: all
# rtap-needs: root module tool

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/../hostile/lib.sh"

need_root
need_module
need_tool
need_hostile

# What frames are verified with meanwhile: a name, and the options of ringtap drive.
cases=(
	"both directions|--count 2000"
	"transmit alone|--direction tx --count 2000"
	"receive alone|--direction rx --count 2000"
	"frame by frame, rings of 16|--ring 16 --batch 1 --count 500"
	"segments of 64 KiB|--offload --count 500"
)

plan $((2 * ${#cases[@]} + $(hostile_count workers) + 1))
for layout in split packed; do
	for case in "${cases[@]}"; do
		read -ra options <<<"${case#*|}"
		run_test "600 moves under traffic, $layout: ${case%%|*}" \
			drive --layout "$layout" --moves 600 --stall 20 "${options[@]}"
	done
done
run_hostile workers
run_test "the kernel log stays clean" kmsg_is_clean
finish
