# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# lib.sh - runs groups of the program ringtap_hostile inside a shell test (to be sourced after ../lib.sh).

# shellcheck source=selftests/devices.sh
. "$RTAP_SELFTESTS/devices.sh"

RTAP_HOSTILE="${RTAP_HOSTILE:-$RTAP_TOP/.build/tools/ringtap_hostile}"

need_hostile()
{
	[[ -x "$RTAP_HOSTILE" ]] || skip "needs $RTAP_HOSTILE: build the tools"
}

# load_fuse: stalled and accounts have files in FUSE; without it those tests are skipped.
load_fuse()
{
	modprobe fuse 2>/dev/null || true
}

# hostile_count GROUP [FILTER]: how many tests it has.
hostile_count()
{
	"$RTAP_HOSTILE" "$@" --list | wc -l
}

# run_hostile GROUP [FILTER]: each of its tests as one of ours.
run_hostile()
{
	run_program "$RTAP_HOSTILE" "$@" --node "$RTAP_NODE"
}

# make_swap: somewhere for pages to be swapped out to: compressed memory, or else a file in it; or neither.
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

no_worker()
{
	refute grep -lx 'vhost-[0-9]*' /proc/[0-9]*/task/*/comm
}

# nothing_is_left: no user, no thread and no device; and the module comes out, if it can be put in again.
nothing_is_left()
{
	wait_for 10 module_is_unused ringtap
	wait_for 10 no_worker
	device_count_is 0
	[[ -z "${RINGTAP_KO:-}" ]] || {
		rmmod ringtap
		insmod "$RINGTAP_KO"
	}
}
