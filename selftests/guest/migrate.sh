#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# migrate.sh - a guest under load moves from one QEMU to another and back: what it sends and receives stays whole.
# rtap-kernels: all
# rtap-needs: root module kvm
#
#	migrate.sh [--quick] [--only REGEX] [--moves N]
#
# --quick: split rings, two moves. --moves: of each kind of card (2). Loss and downtime are reported beside those of
# stock vhost-net. Runs where run.sh does.
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
side=a
declare -A side_fds=()
guest_bridge=rtapbr

# use_side a|b: what is done to the guest from now on is done to the QEMU of that side.
use_side()
{
	side=$1
	guest_state=$RTAP_TMP/guest-$side
	guest_tap=rtapguest$side
	[[ -n ${side_fds[$side]:-} ]] || {
		guest_open_state
		side_fds[$side]="$agent_in $agent_out $qmp_in $qmp_out"
	}
	read -r agent_in agent_out qmp_in qmp_out <<<"${side_fds[$side]}"
}

other_side()
{
	if [[ $side == a ]]; then echo b; else echo a; fi
}

kill_both()
{
	use_side b
	guest_kill
	use_side a
	guest_kill
}

bridge_up()
{
	ip link show dev "$guest_bridge" >/dev/null 2>&1 || ip link add "$guest_bridge" type bridge
	at_exit ip link delete "$guest_bridge"
	sysctl -qw "net.ipv6.conf.$guest_bridge.disable_ipv6=1" 2>/dev/null || true
	ip link set "$guest_bridge" up
}

# tell WORDS...: seen whether the test fails or not.
tell()
{
	echo "# $*" >>"$RTAP_TMP/told"
}

migration()
{
	qmp query-migrate | grep -o "\"$1\": [^,}]*" | head -n 1 | sed 's/.*: //; s/"//g'
}

migration_ended()
{
	[[ $(migration status) =~ ^(completed|failed|cancelled)$ ]]
}

# move: to the other side. The source ends once it has nothing left to give.
move()
{
	local from=$side to socket=$RTAP_TMP/migration

	to=$(other_side)
	rm -f "$socket"
	use_side "$to"
	guest_extra=(-incoming "unix:$socket")
	guest_launch
	guest_extra=()
	wait_for 20 test -S "$socket"
	use_side "$from"
	# Emulated, everything takes its time.
	qmp migrate-set-parameters '{"downtime-limit": 2000}' >/dev/null
	qmp migrate "{\"uri\": \"unix:$socket\"}" >/dev/null
	wait_for 180 migration_ended
	tell "$(migration status) in $(migration total-time) ms, of which down for $(migration downtime) ms"
	[[ $(migration status) == completed ]] || {
		qmp query-migrate
		fail "the migration did not complete"
	}
	guest_kill
	use_side "$to"
}

# busy_move: with TCP both ways and a ping ten times a second.
busy_move()
{
	local bytes=$((mib << 20)) sent=$RTAP_TMP/sent received=$RTAP_TMP/received pings=$RTAP_TMP/pings

	rm -f "$sent" "$received" "$pings"
	guest_run traffic tcp-receive 5001 /tmp/received
	"$traffic" tcp-receive 5002 "$received"
	guest_run "rm -f /tmp/sent; (traffic tcp-send $host_ip 5002 $bytes $RANDOM >/tmp/sending && mv /tmp/sending /tmp/sent) >/dev/null 2>&1 &"
	("$traffic" tcp-send "$guest_ip" 5001 "$bytes" "$RANDOM" >"$sent.part" && mv "$sent.part" "$sent") &
	busybox ping -q -i 0.1 -c 1000 "$guest_ip" >"$pings" 2>&1 &
	local pinging=$!

	move
	[[ ! -s $sent ]] || tell "the stream to the guest was over before it had moved"
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
		busy_move
		expect_served "$@"
		pings 5
	done
	kill_both
	guest_node=$RTAP_NODE guest_nic_opts=''
}

stock_moves()
{
	modprobe vhost_net 2>/dev/null || true
	[[ -c $RTAP_STOCK_NODE ]] || skip "no stock vhost-net"
	moves_with "$RTAP_STOCK_NODE" - split +15 +28 +29 +32 -34
}

tests=("split rings: a guest under load moves $moves times|moves_with $RTAP_NODE - split +15 +28 +29 +32 -34")
[[ -n $quick ]] || tests+=(
	"packed rings: a guest under load moves $moves times|moves_with $RTAP_NODE packed=on packed +15 +28 +29 +32 +34"
	"stock vhost-net, split rings, beside it|stock_moves"
)

need_guest_node
side_fds=()
guest_state=$RTAP_TMP/guest-a guest_tap=rtapguesta
guest_prepare
side_fds[a]="$agent_in $agent_out $qmp_in $qmp_out"
use_side b
use_side a
at_exit kill_both
bridge_up
chosen=()
for entry in "${tests[@]}"; do
	[[ ! ${entry%%|*} =~ $only ]] || chosen+=("$entry")
done
((${#chosen[@]} > 0)) || fail "no test has a name like '$only'"
plan $((${#chosen[@]} + 1))
for entry in "${chosen[@]}"; do
	IFS=' ' read -ra call <<<"${entry##*|}"
	: >"$RTAP_TMP/told"
	guest_test "${entry%%|*}" "${call[@]}"
	cat "$RTAP_TMP/told"
done
guest_keep_console
run_test "the kernel log stays clean" kmsg_is_clean
finish
