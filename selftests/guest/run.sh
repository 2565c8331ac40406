#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh - a QEMU guest boots on ringtap's node, and its traffic, features and end are what they should be.
# rtap-kernels: all
# rtap-needs: root module kvm
#
#	run.sh [--quick] [--only REGEX] [--repeat N] [--node NODE]
#
# --quick: boot, ping and TCP. --only: tests whose name matches REGEX. --repeat: all of them N times, to hunt for
# what fails rarely. --node: another node to serve the guest, /dev/vhost-net to compare. Runs on a KVM host, such
# as the test VM, where selftests/vm/vm.sh starts it. $OUT keeps the guest's console. On a failure the next test
# gets a new guest.
# shellcheck disable=SC2317,SC2119 # run_test calls the functions; need_module has optional arguments

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
# shellcheck source=selftests/guest/cases.sh
. "$here/cases.sh"

quick='' only='' repeat=1
# Of a check, the newest kernel alone runs everything.
[[ ${RTAP_MODE:-} != check || ${RINGTAP_SERIES:-} == 7.3 ]] || quick=1
while (($#)); do
	case $1 in
	--quick) quick=1 ;;
	--only) only=$2 && shift ;;
	--repeat) repeat=$2 && shift ;;
	--node) guest_node=$2 && shift ;;
	*) fail "usage: run.sh [--quick] [--only REGEX] [--repeat N] [--node NODE]" ;;
	esac
	shift
done

# Name and function of each test, in the order that lets them share a guest.
tests=(
	"a guest boots by ringtap run, served by vhost|boots"
	"100 pings each way without loss|hundred_pings"
	"64 MiB to the guest over TCP, equal SHA-256|tcp_64_to_guest"
	"64 MiB from the guest over TCP, equal SHA-256|tcp_64_to_host"
)
[[ -n $quick ]] || tests+=(
	"UDP to the guest, every datagram once|udp_counts_to_guest"
	"UDP from the guest, every datagram once|udp_counts_to_host"
	"MTU 9000|mtu_9000"
	"driver unbind and bind ten times|rebind_ten_times"
	"guest reboot|reboots"
	"event_idx=off|without_event_idx"
	"indirect_desc=off|without_indirect"
	"mrg_rxbuf=off|without_mergeable"
	"disable-modern=on|legacy_only"
	"packed=on|packed_ring"
	"in_order=on|in_order_split"
	"packed=on, in_order=on|in_order_packed"
	"two queue pairs|two_queue_pairs"
	"QEMU killed under load leaves nothing|killed_under_load"
)

chosen=()
for ((; repeat > 0; repeat--)); do
	for entry in "${tests[@]}"; do
		[[ ! ${entry%%|*} =~ $only ]] || chosen+=("$entry")
	done
done
((${#chosen[@]} > 0)) || fail "no test has a name like '$only'"

need_guest_node
guest_prepare
plan $((${#chosen[@]} + 1))
for entry in "${chosen[@]}"; do
	guest_test "${entry%%|*}" "${entry##*|}"
done
guest_keep_console
run_test "the kernel log stays clean" kmsg_is_clean
finish
