#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# drive.sh - verified frames both ways over every ring size, feature, frame size and kind of memory.
# rtap-kernels: 7.3
# rtap-needs: root module
# shellcheck disable=SC2317 # run_test calls the functions

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

RINGTAP="${RINGTAP:-$RTAP_TOP/.build/tools/ringtap}"
count=300

# drive ARGS...: verified frames both ways; what the node does not offer is a skip.
drive()
{
	local rc=0

	[[ " $* " == *" --count "* ]] || set -- --count "$count" "$@"
	"$RINGTAP" drive --node "$RTAP_NODE" --stall 20 "$@" || rc=$?
	((rc != RTAP_SKIP)) || skip "the node does not offer a feature"
	return "$rc"
}

# ring_sizes FIRST LAST LAYOUT: all powers of two.
ring_sizes()
{
	local size

	for ((size = $1; size <= $2; size *= 2)); do
		echo "ring of $size"
		drive --layout "$3" --ring "$size"
	done
}

# A ring that starts near the end of its index has to go round.
round_the_index()
{
	if [[ $1 = split ]]; then
		drive --layout split --ring 64 --start 65500
	else
		drive --layout packed --ring 64 --start 60
	fi
}

huge_pages()
{
	local before

	before="$(cat /proc/sys/vm/nr_hugepages)"
	at_exit sysctl -qw "vm.nr_hugepages=$before"
	sysctl -qw vm.nr_hugepages=$((before + 16))
	grep HugePages_Free /proc/meminfo
	[[ "$(awk '/HugePages_Free/ { print $2 }' /proc/meminfo)" -ge 8 ]] || skip "no free huge pages"
	drive --layout "$1" --mem hugetlb
}

no_memlock()
{
	(
		ulimit -l 0
		drive --layout "$1"
	)
}

files_on_disk()
{
	drive --layout "$1" --mem file --mem-dir "${TMPDIR:-/var/tmp}"
}

# The TAP deleted while frames are driven: the tool fails, and nothing else happens.
deleted()
{
	local tool ip=(ip -n "$netns")

	"${ip[@]}" tuntap add doomed mode tap vnet_hdr
	"${ip[@]}" link set doomed up
	ip netns exec "$netns" "$RINGTAP" drive --node "$RTAP_NODE" --layout "$1" --tap doomed \
		--count 100000000 --stall 2 >"$RTAP_TMP/doomed" 2>&1 &
	tool=$!
	wait_for 20 traffic_flows doomed
	"${ip[@]}" link del doomed
	wait_for 60 refute kill -0 "$tool"
	refute wait "$tool"
	cat "$RTAP_TMP/doomed"
	wait_for 10 module_is_unused ringtap
}

traffic_flows()
{
	local packets

	packets="$(ip -n "$netns" -s -j link show dev "$1" | grep -o '"packets":[0-9]*' | head -n 1)"
	[[ "${packets#*:}" -gt 50 ]]
}

need_root
need_module
need_command ip
[[ -x "$RINGTAP" ]] || skip "needs $RINGTAP: build the tools"
netns="rtap-drive-$$"

# What every layout is driven with: a name, and the options of ringtap drive.
cases=(
	"one descriptor a frame|"
	"three descriptors a frame|--pieces 3"
	"indirect tables|--indirect"
	"indirect tables of eight|--indirect --pieces 8"
	"no event index|--no-event-idx"
	"in order|--in-order"
	"in order, no event index, indirect|--in-order --no-event-idx --indirect"
	"no mergeable buffers|--no-mergeable"
	"the header made by the device|--device-header"
	"checksum and segmentation offloads|--offload --count 100"
	"offloads, no mergeable buffers|--offload --no-mergeable --count 60"
	"frames of 14 bytes and more|--size 46"
	"frames of 9000 bytes|--size 9000 --count 150"
	"frames of 9000 bytes, no mergeable buffers|--size 9000 --no-mergeable --count 100"
	"frames as long as a TAP's MTU may be|--size 65535 --count 60"
	"frames of 64 KiB behind two VLAN tags|--size 65557 --direction tx --count 60"
	"frames one by one|--batch 1 --count 100"
	"transparent huge pages|--mem thp"
	"a memfd|--mem memfd"
)

make_netns "$netns"
plan $((2 * ${#cases[@]} + 2 + 2 * 7 + 1))
for layout in split packed; do
	for case in "${cases[@]}"; do
		read -ra options <<<"${case#*|}"
		run_test "$layout: ${case%%|*}" drive --layout "$layout" "${options[@]}"
	done
	run_test "$layout: rings of 1 to 128" ring_sizes 1 128 "$layout"
	run_test "$layout: rings of 512 to 32768" ring_sizes 512 32768 "$layout"
	run_test "$layout: indices that wrap" round_the_index "$layout"
	run_test "$layout: huge pages" huge_pages "$layout"
	run_test "$layout: a file" files_on_disk "$layout"
	run_test "$layout: no memory may be locked" no_memlock "$layout"
	run_test "$layout: the TAP deleted under traffic" deleted "$layout"
done
run_test "split: a driver from before virtio 1.0" drive --legacy
run_test "split: a legacy driver without mergeable buffers" drive --legacy --no-mergeable
run_test "the kernel log stays clean" kmsg_is_clean
finish
