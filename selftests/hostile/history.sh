#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# history.sh - none of the bugs that vhost-net has had is here: each is a test named after it.
# rtap-kernels: all
# rtap-needs: root module
# shellcheck disable=SC2317 # run_test calls the functions

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/lib.sh"

# Pages can be swapped out only to somewhere: compressed memory, or else a file in it. Without, that test is skipped.
make_swap()
{
	local disk=''

	[[ "$(wc -l </proc/swaps)" == 1 ]] || return 0
	if modprobe zram num_devices=1 2>/dev/null; then
		at_exit rmmod zram
		disk=/dev/zram0
		wait_for 5 test -b "$disk" || return 0
		echo 256M >/sys/block/zram0/disksize
	else
		modprobe loop 2>/dev/null || true
		truncate -s 256M "$RTAP_TMP/swap"
		disk=$(losetup --find --show "$RTAP_TMP/swap" 2>/dev/null) || return 0
		at_exit losetup --detach "$disk"
	fi
	{ mkswap "$disk" && swapon "$disk"; } >/dev/null 2>&1 || return 0
	at_exit swapoff "$disk"
}

need_root
need_module
need_hostile
make_swap

plan $(($(hostile_count history) + 2))
run_hostile history
run_test "no worker, device or user is left, and the module comes out" nothing_is_left
run_test "the kernel log stays clean" kmsg_is_clean
finish
