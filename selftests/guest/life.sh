#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# life.sh - what happens to a VM in its life happens while traffic runs: cards and memory come and go, it is stopped
# and reset, links fail, queues are switched; the streams end whole.
# rtap-kernels: 6.1 7.3
# rtap-needs: root module kvm
#
#	life.sh [--quick] [--only REGEX] [--node NODE]
#
# --quick: one guest, and what says most in least time, as in a check on kernels older than the newest. --only: tests
# whose name matches REGEX. --node: another node to serve the guests, /dev/vhost-net to compare. Runs where run.sh does.
# Side a is this machine's QEMU, side b bookworm-backports' with four queue pairs; both are ports of one bridge.
# shellcheck disable=SC2317,SC2034 # guest_test calls the functions; guest/lib.sh uses the names

here="$(cd "$(dirname "$0")" && pwd)"
# shellcheck source=selftests/lib.sh
. "$here/../lib.sh"
# shellcheck source=selftests/vm/qemu.sh
. "$here/../vm/qemu.sh"
# shellcheck source=selftests/guest/lib.sh
. "$here/lib.sh"
# shellcheck source=selftests/guest/test.sh
. "$here/test.sh"
# shellcheck source=selftests/guest/traffic.sh
. "$here/traffic.sh"
# shellcheck source=selftests/guest/flow.sh
. "$here/flow.sh"
# shellcheck source=selftests/guest/sides.sh
. "$here/sides.sh"
# shellcheck source=selftests/guest/life_cases.sh
. "$here/life_cases.sh"
# shellcheck source=selftests/guest/life_memory.sh
. "$here/life_memory.sh"

quick='' only=''
while (($#)); do
	case $1 in
	--quick) quick=1 ;;
	--only) only=$2 && shift ;;
	--node) guest_node=$2 && shift ;;
	*) fail "usage: life.sh [--quick] [--only REGEX] [--node NODE]" ;;
	esac
	shift
done

# qemu_version COMMAND...: "7.2".
qemu_version()
{
	"$@" --version 2>/dev/null | sed -n 's/.*version \([0-9]*\.[0-9]*\).*/\1/p'
}

# Entries: a test's name, its side, and what is called. A check has the time for each of them on one QEMU.
old="QEMU $(qemu_version qemu-system-x86_64)" new='newer QEMU'
! newer_qemu "${RINGTAP_CACHE:-$HOME/.cache/ringtap}" || new="QEMU $(qemu_version "${newer_qemu[@]}")"
new+=', four pairs'
tests=()

# tests_on SIDE NAME: what says most in least time.
tests_on()
{
	tests+=("$2: the card is unplugged and plugged|$1 meanwhile replugged"
		"$2: a DIMM comes and has the rings in it, another comes and goes|$1 meanwhile dimms_come_and_go"
		"$2: stopped and continued|$1 meanwhile stopped_and_continued")
}

# more_tests_on SIDE NAME
more_tests_on()
{
	tests+=("$2: set_link off and on|$1 meanwhile links_set"
		"$2: the TAP's link fails|$1 meanwhile tap_fails"
		"$2: reset under a flow of datagrams|$1 reset_under_flow")
}

tests_on a "$old"
[[ -n $quick ]] || {
	more_tests_on a "$old"
	tests+=("$old: virtio-mem grows and shrinks|a meanwhile virtio_mem_resized"
		"$old: a device is opened, used and closed fifty times beside the guest|a meanwhile fifty_devices")
	[[ ${RTAP_MODE:-} == check ]] || {
		tests_on b "$new"
		more_tests_on b "$new"
		tests+=("$new: virtio-mem grows and shrinks|b meanwhile virtio_mem_resized")
	}
	tests+=("$new: each of them carries frames|b four_pairs_carry"
		"guests of both QEMUs talk through a bridge|b guests_talk"
		"$old: eight pairs of 1,024 entries, of 64 KiB to lock|a eight_pairs"
		"no guest: eight pairs of 1,024 entries both ways, of 64 KiB to lock|a driven_pairs")
}

need_guest_node
sides_prepare
chosen=()
for entry in "${tests[@]}"; do
	[[ ! ${entry%%|*} =~ $only ]] || chosen+=("$entry")
done
((${#chosen[@]} > 0)) || fail "no test has a name like '$only'"
plan $((${#chosen[@]} + 1))
for entry in "${chosen[@]}"; do
	read -ra call <<<"${entry##*|}"
	use_side "${call[0]}"
	guest_test "${entry%%|*}" "${call[@]:1}"
done
use_side a
guest_keep_console
run_test "the kernel log stays clean" kmsg_is_clean
finish
