#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# layouts.sh - verified frames both ways over split and packed rings, with each feature on and off.
# rtap-kernels: all
# rtap-needs: root module tool
# shellcheck disable=SC2317,SC2119 # run_test calls the functions; need_module has optional arguments

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

frames=1000

# Options of `ringtap drive` that both layouts serve, one case a line; # tells what it shows.
both_layouts=(
	"" # EVENT_IDX and MRG_RXBUF
	"--no-event-idx"
	"--no-mergeable"
	"--in-order"
	"--in-order --no-event-idx --pieces 3"
	"--pieces 2"
	"--pieces 8"
	"--indirect"
	"--indirect --pieces 5"
	"--indirect --in-order --no-mergeable"
	"--device-header"
	"--batch 1"
	"--batch 256"
	"--size 60"
	"--size 1514"
	"--size 9014"
	"--size 60000"
	"--size 60000 --pieces 16"
	"--offload"
	"--offload --indirect --pieces 4"
)

# What only one of them has: legacy drivers know no packed rings; indices wrap elsewhere.
split_only=(
	"--legacy"
	"--legacy --indirect --no-event-idx"
	"--legacy --no-mergeable"
	"--start 65000"
	"--start 65535 --in-order"
)
packed_only=(
	"--start 255"
	"--start 255 --pieces 3"
	"--start 128 --in-order --indirect"
)

cases_of()
{
	local layout="$1" options

	shift
	for options in "$@"; do
		# shellcheck disable=SC2086 # the options are words
		run_test "$layout rings: ${options:-as QEMU sets them up}" \
			drive --layout "$layout" --count "$frames" $options
	done
}

need_root
need_module
need_tool

plan $((2 * ${#both_layouts[@]} + ${#split_only[@]} + ${#packed_only[@]} + 1))
cases_of split "${both_layouts[@]}" "${split_only[@]}"
cases_of packed "${both_layouts[@]}" "${packed_only[@]}"
run_test "the kernel log stays clean" kmsg_is_clean
finish
