#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# viommu.sh - a QEMU guest whose card is behind an emulated IOMMU with a device IOTLB: in each of the guest's
# DMA modes traffic arrives unchanged, also after a driver rebind and a reset.
# rtap-kernels: all
# rtap-needs: root module kvm
#
#	viommu.sh [--quick] [--only REGEX] [--node NODE]
#
# --quick: the strict mode alone, as in a check on kernels older than the newest. --only: tests whose name matches REGEX. --node: another node to serve the guest,
# /dev/vhost-net to compare. Runs where run.sh does.
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

quick='' only=''
while (($#)); do
	case $1 in
	--quick) quick=1 ;;
	--only) only=$2 && shift ;;
	--node) guest_node=$2 && shift ;;
	*) fail "usage: viommu.sh [--quick] [--only REGEX] [--node NODE]" ;;
	esac
	shift
done

mib=4				# strict moves 1 to 3 MiB/s under emulation
declare -A parameter=([pt]=iommu=pt [lazy]=iommu.strict=0 [strict]=iommu.strict=1)
# What the guest's kernel calls the mode in iommu_group/type.
declare -A domain=([pt]=identity [lazy]=DMA-FQ [strict]=DMA)

# The flushes of this mode are of whole domains. Bookworm's QEMU, 7.2, tells no vhost of them, stock or not: what
# the guest has freed is written to, and it crashes.
need_qemu_for_lazy()
{
	newer_qemu "${RINGTAP_CACHE:-$HOME/.cache/ringtap}" || skip "needs QEMU 10, from guest/prepare"
	guest_qemu=("${newer_qemu[@]}")
}

# need_guest_in MODE LAYOUT: the guest that runs, if it is of that kind, or a new one.
need_guest_in()
{
	[[ $1 != lazy ]] || need_qemu_for_lazy
	guest_behind_iommu "${parameter[$1]}" "$([[ $2 == split ]] || echo packed=on)"
	if guest_is_alive && [[ $(<"$guest_state/kind") == "$1 $2" ]]; then
		return
	fi
	guest_start
	echo "$1 $2" >"$guest_state/kind"
}

# Of the feature bits, beside those that run.sh explains: 33 is ACCESS_PLATFORM, IOMMU_PLATFORM of old.
expect_translated()
{
	local packed=-34

	[[ $2 == split ]] || packed=+34
	expect_served "$2" +15 +28 +29 +32 +33 "$packed"
	virtio_status | grep -o '"guest-features": {[^}]*}' | grep -q VIRTIO_F_IOMMU_PLATFORM ||
		fail "QEMU does not say that ACCESS_PLATFORM was negotiated"
	[[ $(guest_run cat /sys/class/net/eth0/device/../iommu_group/type) == "${domain[$1]}" ]] ||
		fail "the guest's card is not in the mode $1"
}

# misses: how often each queue of the card has asked QEMU for a translation.
misses()
{
	local file

	file=$(device_files)
	[[ -n $file ]] || fail "no device of QEMU's is listed"
	echo "$(fact_of "$file" rx.iotlb_misses) $(fact_of "$file" tx.iotlb_misses)"
}

# translated_traffic MODE: and where an address is good for one buffer only, each queue asks for more of them.
translated_traffic()
{
	local before after

	! serves_by_ringtap || before=$(misses)
	pings 10
	tcp_to_guest "$mib"
	tcp_to_host "$mib"
	serves_by_ringtap || return 0
	after=$(misses)
	echo "misses of rx and tx: $before before the traffic, $after after it"
	[[ $1 == pt ]] || ((${after% *} > ${before% *} && ${after#* } > ${before#* }))
	no_ring_error
}

boots_in()
{
	need_guest_in "$@"
	expect_translated "$@"
	translated_traffic "$1"
}

rebinds_in()
{
	local device

	need_guest_in "$@"
	device=$(guest_run "basename \$(readlink /sys/class/net/eth0/device)")
	guest_run "rebind $device && net_up"
	expect_translated "$@"
	translated_traffic "$1"
}

resets_in()
{
	need_guest_in "$@"
	guest_reset
	expect_translated "$@"
	translated_traffic "$1"
}

tests=()
for mode in strict lazy pt; do
	[[ -z $quick || $mode == strict ]] || continue
	tests+=("$mode: boot, ping and TCP|boots_in $mode split"
		"$mode: driver unbind and bind|rebinds_in $mode split"
		"$mode: reset|resets_in $mode split")
done
[[ -n $quick ]] || ! serves_by_ringtap ||
	tests+=("strict, packed ring: boot, ping and TCP|boots_in strict packed")

need_guest_node
guest_prepare
chosen=()
for entry in "${tests[@]}"; do
	[[ ! ${entry%%|*} =~ $only ]] || chosen+=("$entry")
done
((${#chosen[@]} > 0)) || fail "no test has a name like '$only'"
plan $((${#chosen[@]} + 1))
for entry in "${chosen[@]}"; do
	read -ra call <<<"${entry##*|}"
	guest_test "${entry%%|*}" "${call[@]}"
done
guest_keep_console
run_test "the kernel log stays clean" kmsg_is_clean
finish
