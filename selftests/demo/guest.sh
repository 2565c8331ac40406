#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guest.sh - the demo on a KVM host: module in, guest up, traffic, counters, clean shutdown.
set -euo pipefail

demo=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=selftests/lib.sh
. "$demo/../lib.sh"
# shellcheck source=selftests/guest/lib.sh
. "$demo/../guest/lib.sh"
# shellcheck source=selftests/guest/traffic.sh
. "$demo/../guest/traffic.sh"
# shellcheck source=selftests/demo/say.sh
. "$demo/say.sh"
# shellcheck source=selftests/demo/host.sh
. "$demo/host.sh"

# The virtio feature bits worth naming.
feature_names=(0:CSUM 1:GUEST_CSUM 7:GUEST_TSO4 11:HOST_TSO4 15:MRG_RXBUF 22:MQ 28:INDIRECT_DESC
	29:EVENT_IDX 32:VERSION_1 34:RING_PACKED 35:IN_ORDER)

# named BITS: the names of those that are set.
named()
{
	local entry

	for entry in "${feature_names[@]}"; do
		[[ ${1:${entry%%:*}:1} != 1 ]] || printf '%s ' "${entry#*:}"
	done
}

# per_second AMOUNT SECONDS
per_second()
{
	awk -v n="$1" -v s="$2" 'BEGIN { printf "%.0f", n / s }'
}

boot_guest()
{
	local began=$SECONDS

	head_line "A guest, started by ringtap run"
	echo "  \$ ringtap run --tap $guest_tap -- qemu-system-x86_64 -accel kvm -cpu host -kernel vmlinux ..."
	guest_start
	fact "guest" "$(guest_run uname -sr), up after $((SECONDS - began)) s"
	# shellcheck disable=SC2016 # for the guest's shell
	fact "card" "$(guest_run 'basename $(readlink /sys/class/net/eth0/device/driver)') eth0, $guest_ip; host: $guest_tap, $host_ip"
}

show_wiring()
{
	local file

	expect_served "$1"
	file=$(device_files | head -n 1)
	fact "QEMU says" "vhost-started: true (QEMU would fall back to its own code silently)"
	fact "kernel thread" "$(vhost_thread)"
	fact "negotiated" "$(named "$(negotiated)")"
	fact "rings" "$(fact_of "$file" rx.layout), rx $(fact_of "$file" rx.size) and tx $(fact_of "$file" tx.size) entries, $(fact_of "$file" rx.access)"
}

vhost_thread()
{
	cat /proc/[0-9]*/task/*/comm 2>/dev/null | grep -x -m 1 "vhost-$(guest_pid)"
}

# ping_line FROM: what ping said, in one line.
ping_line()
{
	local said

	said=$(cat)
	fact "ping $1" "$(sed -n 's/\(.*\) packets transmitted, \(.*\) packets received.*/\2 of \1 answered/p' <<<"$said"), min/avg/max $(sed -n 's/.*= //p' <<<"$said")"
	expect_no_loss 100 <<<"$said" >/dev/null
}

# stream_line FROM MIB FUNCTION
stream_line()
{
	local said

	said=$("$3" "$2")
	fact "TCP $1" "$2 MiB, $(per_second "$2" "$(field_of seconds "${said#*received}")") MiB/s, SHA-256 equal on both sides"
}

# datagram_line FROM COUNT FUNCTION
datagram_line()
{
	local said

	said=$("$3" "$2" 64)
	fact "UDP $1" "$2 of $2 datagrams, each once, $(per_second "$2" "$(field_of seconds "${said#*received}")") a second received"
}

show_traffic()
{
	busybox ping -q -A -c 100 -w 60 "$guest_ip" | ping_line "host to guest"
	guest_run -t 70 ping -q -A -c 100 -w 60 "$host_ip" | ping_line "guest to host"
	stream_line "host to guest" "$1" tcp_to_guest
	stream_line "guest to host" "$1" tcp_to_host
	datagram_line "host to guest" 10000 udp_to_guest
	datagram_line "guest to host" 10000 udp_to_host
}

# shut_down: the guest ends by itself, and everything of it is gone.
shut_down()
{
	local pid rc=0

	head_line "The end"
	pid=$(guest_pid)
	echo "0 poweroff -f" >&"$agent_in"
	wait_for 60 process_ended "$pid"
	wait "$pid" || rc=$?
	rm -f "$guest_state/pid"
	fact "guest" "powered off; QEMU's status is $rc"
	((rc == 0))
	module_out
}

host_line
module_in
guest_prepare
kmsg_mark
boot_guest
show_wiring split
head_line "Traffic on the split rings"
show_traffic 64
show_counters
head_line "The same guest with a card that asks for packed rings (packed=on)"
nic_plug packed=on
show_wiring packed
head_line "Traffic on the packed rings"
show_traffic 16
show_counters
shut_down
