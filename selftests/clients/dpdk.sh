#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dpdk.sh - Debian's DPDK sends and receives through the node: virtio-user with each layout, feature and two queues.
# rtap-kernels: 7.3
# rtap-needs: root module tool
# shellcheck disable=SC2317 # run_test calls the functions

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

mrg_rxbuf=15 version_1=32 packed=34 in_order=35

# facts: what every device of testpmd's is, in $RTAP_TMP/facts.N; sets `facts` to the files.
facts()
{
	local id

	facts=()
	for id in $(devices "$testpmd"); do
		device_facts "$id" >"$RTAP_TMP/facts.$id"
		facts+=("$RTAP_TMP/facts.$id")
	done
}

# is_served LAYOUT DEVICES +BIT|-BIT...: vhost serves so many devices, with those features and without these.
is_served()
{
	local layout="$1" count="$2" file bit features

	shift 2
	facts
	((${#facts[@]} == count)) || fail "${#facts[@]} devices, not $count"
	for file in "${facts[@]}"; do
		features="$(fact_of "$file" features_hex)"
		for bit in "$version_1" "$@"; do
			if [[ "$bit" = -* ]]; then
				refute has_bit "$features" "${bit#-}"
			else
				has_bit "$features" "${bit#+}" || fail "features $features, without bit $bit"
			fi
		done
		[[ "$(grep -cE "^[rt]x.layout $layout\$" "$file")" == 2 ]] || fail "the rings are not $layout"
		[[ "$(grep -cE '^[rt]x.access mapped$' "$file")" == 2 ]] || fail "the rings are not mapped"
	done
}

# have_counted FRAMES: so many went each way, none was dropped, and each queue had some.
have_counted()
{
	local file

	facts
	for file in "${facts[@]}"; do
		echo "${file##*.}: rx $(fact_of "$file" rx.packets), tx $(fact_of "$file" tx.packets)"
		[[ "$(fact_of "$file" rx.packets)" -gt 0 && "$(fact_of "$file" tx.packets)" -gt 0 ]]
		refute grep -E '^[rt]x\.(drop|error)_[a-z_]+ [1-9]' "$file"
	done
	[[ "$(sum_of rx.packets "${facts[@]}")" == "$1" && "$(sum_of tx.packets "${facts[@]}")" == "$1" ]]
}

# swaps DEVICES LAYOUT "FEATURES" VDEV-OPTIONS OPTIONS...: each of 600 frames comes back, and is counted by both sides.
swaps()
{
	local count="$1" layout="$2" bits="$3"

	shift 3
	testpmd "$@" --auto-start --forward-mode=macswap
	# shellcheck disable=SC2086 # the bits are words
	is_served "$layout" "$count" $bits
	far_end swapped pmd0 600
	have_counted 600
	testpmd_does stop
	grep -A 2 'Accumulated forward' "$testpmd_log" | tee "$RTAP_TMP/said"
	grep -qE 'RX-packets: 600 .*RX-dropped: 0 ' "$RTAP_TMP/said"
	grep -qE 'TX-packets: 600 .*TX-dropped: 0 ' "$RTAP_TMP/said"
	testpmd_quits
}

# The memory that it shows us is all that it might ever have, of which it has a few huge pages.
memory_costs_nothing()
{
	local slab trace=/sys/kernel/tracing/instances/rtap-clients took

	mkdir "$trace"
	at_exit rmdir "$trace"
	echo 'cmd == 0x4008af03' >"$trace/events/syscalls/sys_enter_ioctl/filter"
	echo 1 >"$trace/events/syscalls/sys_enter_ioctl/enable"
	echo 1 >"$trace/events/syscalls/sys_exit_ioctl/enable"
	slab="$(awk '/^Slab:/ { print $2 }' /proc/meminfo)"
	testpmd "" --auto-start --forward-mode=macswap
	facts
	grep -E '^region' "${facts[0]}"
	grep -E '^Vm(Size|Pin|RSS|PTE)' "/proc/$testpmd/status"
	awk -v "before=$slab" '/^Slab:/ { print "slab grew by", $2 - before, "kB" }' /proc/meminfo
	took="$(ioctl_took "$trace/trace")"
	echo "SET_MEM_TABLE took $took us"
	(("$(fact_of "${facts[0]}" region_bytes)" >= 100 << 30))
	# Two rings of three pages each.
	[[ "$(awk '/^VmPin/ { print $2 }' "/proc/$testpmd/status")" == 24 ]]
	# A page table's page for each 2 MiB of 128 GiB would be 256 MiB.
	[[ "$(awk '/^VmPTE/ { print $2 }' "/proc/$testpmd/status")" -lt 4096 ]]
	((took < 100000 * RTAP_SLOW))
	testpmd_quits
}

# ioctl_took TRACE: microseconds of the longest ioctl that was asked for.
ioctl_took()
{
	awk '
	/ sys_ioctl\(/ { sub(/:$/, "", $4); began[$1] = $4 }
	/ sys_ioctl -> / && ($1 in began) {
		sub(/:$/, "", $4); took = ($4 - began[$1]) * 1000000
		if (took > most) most = took
		delete began[$1]; seen = 1
	}
	END { if (!seen) exit 1; print int(most) }' "$1"
}

# carries FRAMES: so many have gone through each queue.
carries()
{
	local file name

	facts
	for file in "${facts[@]}"; do
		for name in rx.packets tx.packets; do
			[[ "$(fact_of "$file" "$name")" -ge "$1" ]] || return 1
		done
	done
}

# under_traffic VDEV-OPTIONS OPTIONS...: testpmd sends as fast as it can, and is sent to.
under_traffic()
{
	testpmd "$@"
	testpmd_does "set fwd flowgen"
	testpmd_does start
	far_end flood pmd0 >"$RTAP_TMP/flood" 2>&1 &
	flood=$!
	wait_for 60 carries 500
}

quits_under_traffic()
{
	under_traffic "$@"
	testpmd_quits
	wait "$flood"
}

dies_under_traffic()
{
	under_traffic "$@"
	kill -KILL "$testpmd"
	wait "$testpmd" || true
	testpmd_left_nothing
	wait "$flood"
}

need_root
need_command ip python3
need_module
need_tool
need_dpdk

plan 11
run_test "split rings: each frame comes back, once" swaps 1 split "+$mrg_rxbuf -$packed -$in_order" in_order=0
run_test "split rings, in order" swaps 1 split "+$in_order" in_order=1
run_test "split rings without mergeable buffers" swaps 1 split "-$mrg_rxbuf" mrg_rxbuf=0,in_order=0
run_test "split rings of 1024, and two queues" swaps 2 split "+$mrg_rxbuf" \
	queues=2,queue_size=1024 --rxq=2 --txq=2
run_test "packed rings" swaps 1 packed "+$packed +$mrg_rxbuf -$in_order" packed_vq=1,in_order=0
run_test "packed rings, in order, without mergeable buffers" swaps 1 packed "+$packed +$in_order -$mrg_rxbuf" \
	packed_vq=1,in_order=1,mrg_rxbuf=0
run_test "packed rings, two queues" swaps 2 packed "+$packed" packed_vq=1,queues=2 --rxq=2 --txq=2
run_test "128 GiB of memory, hardly any of it there, cost nothing" memory_costs_nothing
run_test "quits under traffic" quits_under_traffic packed_vq=1
run_test "is killed under traffic, with two queues" dies_under_traffic queues=2 --rxq=2 --txq=2
run_test "the kernel log stays clean" kmsg_is_clean
finish
