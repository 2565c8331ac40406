# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154 # names shared with guest/lib.sh
# sides.sh - two QEMUs at a time, a and b, with their TAPs on one bridge (to be sourced after guest/lib.sh).

side=a
declare -A side_fds=()

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

# sides_prepare: as guest_prepare, for both of them.
sides_prepare()
{
	guest_bridge=rtapbr guest_state=$RTAP_TMP/guest-a guest_tap=rtapguesta
	guest_prepare
	side_fds[a]="$agent_in $agent_out $qmp_in $qmp_out"
	use_side b
	use_side a
	at_exit kill_both
	bridge_up
}
