#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# iotlb.sh - a device IOTLB whose VMM tells nothing, too much, or nonsense; and verified frames through one.
# rtap-kernels: all
# rtap-debug: yes
# rtap-needs: root module tool
# shellcheck disable=SC2317,SC2119 # run_test calls the functions; need_module has optional arguments

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/lib.sh"

# Translations are told a page at a time; with --take-back some are taken back all the time.
cases=(
	"--count 500"
	"--count 300 --indirect --pieces 4 --no-mergeable"
	"--count 2000 --take-back 3"
	"--count 100 --offload --take-back 20"
	"--count 500 --ring 1024 --mem memfd --scatter --take-back 50"
	"--count 200 --mem file --scatter --take-back 50"
	"--count 200 --device-header --no-event-idx --take-back 10"
)

need_root
need_module
need_tool
need_hostile

plan $((2 * ${#cases[@]} + $(hostile_count iotlb) + 2))
for layout in split packed; do
	for options in "${cases[@]}"; do
		# shellcheck disable=SC2086 # the options are words
		run_test "$layout rings, IOMMU: $options" drive --iommu --layout "$layout" $options
	done
done
run_hostile iotlb
run_test "the module comes out" nothing_is_left
run_test "the kernel log stays clean" kmsg_is_clean
finish
