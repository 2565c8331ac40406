#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# migrate.sh - a guest under load moves from one QEMU to another and back: what it sends and receives stays whole.
# rtap-kernels: all
# rtap-needs: root module kvm
#
#	migrate.sh [--quick] [--only REGEX] [--moves N]
#
# --quick: split rings, two moves. --moves: of each kind of card (2). Loss and downtime are reported beside those of
# stock vhost-net. Also: its memory follows later (postcopy), or is saved while it runs (background snapshot); from
# stock vhost-net and to it; behind an emulated IOMMU. Runs where run.sh does.
# shellcheck disable=SC2317,SC2034,SC2154 # guest_test calls the functions; names shared with guest/lib.sh

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
# shellcheck source=selftests/guest/sides.sh
. "$here/sides.sh"

quick='' only='' moves=2
while (($#)); do
	case $1 in
	--quick) quick=1 ;;
	--only) only=$2 && shift ;;
	--moves) moves=$2 && shift ;;
	*) fail "usage: migrate.sh [--quick] [--only REGEX] [--moves N]" ;;
	esac
	shift
done

mib=48				# each way, while the guest moves
postcopy=''

migration()
{
	qmp query-migrate | grep -o "\"$1\": [^,}]*" | head -n 1 | sed 's/.*: //; s/"//g'
}

migration_ended()
{
	[[ $(migration status) =~ ^(completed|failed|cancelled)$ ]]
}

# capability NAME: of migrations from or to the guest that commands go to.
capability()
{
	qmp migrate-set-capabilities "{\"capabilities\": [{\"capability\": \"$1\", \"state\": true}]}" >/dev/null
}

# await_guest NODE SOCKET: the other side waits for a guest, whose card NODE will serve.
await_guest()
{
	local from=$side

	rm -f "$2"
	use_side "$(other_side)"
	guest_node=$1 guest_extra=(-incoming defer)
	guest_launch
	guest_extra=()
	[[ -z $postcopy ]] || capability postcopy-ram
	qmp migrate-incoming "{\"uri\": \"unix:$2\"}" >/dev/null
	wait_for 20 test -S "$2"
	use_side "$from"
}

expect_moved()
{
	wait_for 180 migration_ended
	tell "$1$(migration status) in $(migration total-time) ms, of which down for $(migration downtime) ms"
	[[ $(migration status) == completed ]] || {
		qmp query-migrate
		fail "the migration did not complete"
	}
}

migration_is()
{
	[[ $(migration status) == "$1" ]]
}

# follow_later: the guest goes when the least of its memory has.
follow_later()
{
	wait_for 20 migration_is active
	qmp migrate-start-postcopy >/dev/null
}

# move [NODE]: to the other side, where NODE serves it. The source ends once it has nothing left to give.
move()
{
	local socket=$RTAP_TMP/migration

	await_guest "${1:-$guest_node}" "$socket"
	# Emulated, everything takes its time.
	qmp migrate-set-parameters "{\"downtime-limit\": 2000${postcopy:+, \"max-bandwidth\": 4000000}}" >/dev/null
	[[ -z $postcopy ]] || capability postcopy-ram
	qmp migrate "{\"uri\": \"unix:$socket\"}" >/dev/null
	[[ -z $postcopy ]] || follow_later
	expect_moved "${1:+to $1: }"
	[[ -z $postcopy ]] || {
		tell "pages the guest had to wait for: $(migration postcopy-requests)"
		(($(migration postcopy-requests) > 0)) || fail "no memory followed later"
	}
	guest_kill
	use_side "$(other_side)"
}

# busily COMMAND...: with TCP both ways and a ping ten times a second.
busily()
{
	local bytes=$((mib << 20)) sent=$RTAP_TMP/sent received=$RTAP_TMP/received pings=$RTAP_TMP/pings

	rm -f "$sent" "$received" "$pings"
	guest_run traffic tcp-receive 5001 /tmp/received
	"$traffic" tcp-receive 5002 "$received"
	guest_run "rm -f /tmp/sent; (traffic tcp-send $host_ip 5002 $bytes $RANDOM >/tmp/sending && mv /tmp/sending /tmp/sent) >/dev/null 2>&1 &"
	("$traffic" tcp-send "$guest_ip" 5001 "$bytes" "$RANDOM" >"$sent.part" && mv "$sent.part" "$sent") &
	busybox ping -q -i 0.1 -c 1000 "$guest_ip" >"$pings" 2>&1 &
	local pinging=$!

	"$@"
	[[ ! -s $sent ]] || tell "the stream to the guest was over before that"
	equal_streams "$(host_result "$sent")" "$(guest_result /tmp/received)" "$bytes"
	equal_streams "$(guest_result /tmp/sent)" "$(host_result "$received")" "$bytes"
	kill -INT "$pinging" 2>/dev/null || true
	wait "$pinging" || true
	tell "pings meanwhile: $(grep packets "$pings")"
}

# moves_with NODE PROPERTIES|- LAYOUT BITS...: there and back.
moves_with()
{
	local node=$1 properties=$2 n

	shift 2
	kill_both
	[[ $properties != - ]] || properties=''
	guest_node=$node guest_nic_opts=${properties:+,$properties}
	guest_start
	expect_served "$@"
	for ((n = 0; n < moves; n++)); do
		busily move
		expect_served "$@"
		pings 5
	done
	kill_both
	guest_node=$RTAP_NODE guest_nic_opts=''
}

stock_moves()
{
	need_stock_node
	moves_with "$RTAP_STOCK_NODE" - split +15 +28 +29 +32 -34
}

need_stock_node()
{
	modprobe vhost_net 2>/dev/null || true
	[[ -c $RTAP_STOCK_NODE ]] || skip "no stock vhost-net"
}

# Feature bits that stock vhost-net lacks somewhere are not to be the guest's.
stock_to_ours_to_stock()
{
	need_stock_node
	kill_both
	guest_node=$RTAP_STOCK_NODE guest_nic_opts=,queue_reset=off
	guest_start
	expect_served split +15 +28 +29 +32 -34 -40
	for node in "$RTAP_NODE" "$RTAP_STOCK_NODE"; do
		busily move "$node"
		expect_served split +15 +28 +29 +32 -34 -40
		pings 5
	done
	kill_both
	guest_node=$RTAP_NODE guest_nic_opts=''
}

postcopy_moves()
{
	local postcopy=1

	moves_with "$@"
}

# Strictly: the guest's kernel takes each address back as soon as its buffer was used.
iommu_moves()
{
	local machine=("${guest_machine[@]}") mib=16 n

	kill_both
	guest_behind_iommu iommu.strict=1
	guest_start
	expect_served split +15 +28 +29 +32 +33 -34
	for ((n = 0; n < moves; n++)); do
		busily move
		expect_served split +15 +28 +29 +32 +33 -34
		pings 5
	done
	kill_both
	guest_machine=("${machine[@]}") guest_append='' guest_nic_opts=''
}

save_guest()
{
	capability background-snapshot
	qmp migrate "{\"uri\": \"exec:cat >$1\"}" >/dev/null
	expect_moved "saved: "
	tell "$(stat -c %s "$1") bytes"
}

# A guest that is saved while it runs goes on; and what was saved is a guest that was never anything but stopped.
snapshot_of()
{
	local layout=$1 properties=$2 saved=$RTAP_TMP/saved sum

	shift 2
	kill_both
	[[ $properties != - ]] || properties=''
	guest_nic_opts=${properties:+,$properties}
	guest_start
	guest_run "dd if=/dev/urandom of=/tmp/content bs=1M count=16 2>/dev/null"
	sum=$(guest_run sha256sum /tmp/content)
	busily save_guest "$saved"
	expect_served "$layout" "$@"
	expect_mapped
	pings 5
	[[ $(guest_run sha256sum /tmp/content) == "$sum" ]]
	guest_kill
	guest_extra=(-incoming "exec:cat $saved")
	guest_launch
	guest_extra=()
	wait_for 60 runs_again
	[[ $(guest_run sha256sum /tmp/content) == "$sum" ]] || fail "the saved guest's memory is not what it was"
	expect_served "$layout" "$@"
	pings 5
	# The streams that it was saved with lead nowhere now.
	guest_run killall traffic || true
	tcp_to_guest 8
	tcp_to_host 8
	kill_both
	rm -f "$saved"
	guest_nic_opts=''
}

runs_again()
{
	qmp query-status | grep -q '"running": true'
}

# The device reaches the rings as fast as it did before.
expect_mapped()
{
	local file queue

	for file in $(device_files); do
		for queue in rx tx; do
			[[ $(fact_of "$file" "$queue.access") == mapped ]] || fail "$queue is reached by user access"
		done
	done
}

tests=("split rings: a guest under load moves $moves times|moves_with $RTAP_NODE - split +15 +28 +29 +32 -34")
[[ -n $quick ]] || tests+=(
	"packed rings: a guest under load moves $moves times|moves_with $RTAP_NODE packed=on packed +15 +28 +29 +32 +34"
	"stock vhost-net, split rings, beside it|stock_moves"
	"split rings: its memory follows later|postcopy_moves $RTAP_NODE - split +15 +28 +29 +32 -34"
	"packed rings: its memory follows later|postcopy_moves $RTAP_NODE packed=on packed +15 +28 +29 +32 +34"
	"split rings: saved while it runs|snapshot_of split - +15 +28 +29 +32 -34"
	"packed rings: saved while it runs|snapshot_of packed packed=on +15 +28 +29 +32 +34"
	"from stock vhost-net to ringtap and back|stock_to_ours_to_stock"
	"behind an IOMMU: a guest under load moves $moves times|iommu_moves"
)

need_guest_node
sides_prepare
chosen=()
for entry in "${tests[@]}"; do
	[[ ! ${entry%%|*} =~ $only ]] || chosen+=("$entry")
done
((${#chosen[@]} > 0)) || fail "no test has a name like '$only'"
plan $((${#chosen[@]} + 1))
for entry in "${chosen[@]}"; do
	IFS=' ' read -ra call <<<"${entry##*|}"
	guest_test "${entry%%|*}" "${call[@]}"
done
guest_keep_console
run_test "the kernel log stays clean" kmsg_is_clean
finish
