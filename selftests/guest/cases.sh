# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2016,SC2034 # names from guest/lib.sh; what the guest's shell expands
# cases.sh - the tests of run.sh, one function each (to be sourced).
#
# Virtio feature bits: 15 MRG_RXBUF, 22 MQ, 28 INDIRECT_DESC, 29 EVENT_IDX, 32 VERSION_1, 34 RING_PACKED,
# 35 IN_ORDER.

usual=(+15 +28 +29 +32 -34)

# need_guest: the one that runs, or a new one with a card of the usual kind.
need_guest()
{
	guest_is_alive || guest_start
}

# need_plain_guest: as it was at boot.
need_plain_guest()
{
	need_guest
	vhost_is_started || nic_plug
}

boots()
{
	guest_start
	expect_served split "${usual[@]}"
}

hundred_pings()
{
	need_plain_guest
	pings 100
}

tcp_64_to_guest()
{
	need_plain_guest
	tcp_to_guest 64
	expect_served split "${usual[@]}"
}

tcp_64_to_host()
{
	need_plain_guest
	tcp_to_host 64
	expect_served split "${usual[@]}"
}

udp_counts_to_guest()
{
	need_plain_guest
	udp_to_guest 10000
	udp_to_guest 10000 18
}

udp_counts_to_host()
{
	need_plain_guest
	udp_to_host 10000
	udp_to_host 10000 18
}

# fragments COMMAND...: how many IPv4 fragments a side made; COMMAND reads its counters.
fragments()
{
	"$@" | awk '$1 == "Ip:" && !n { for (n = 1; $n != "FragCreates"; n++); next } $1 == "Ip:" { print $n }'
}

mtu_9000()
{
	local before after

	need_guest
	ip link set "$guest_tap" mtu 9000
	nic_plug host_mtu=9000
	[[ $(guest_run cat /sys/class/net/eth0/mtu) == 9000 ]]
	before="$(fragments cat /proc/net/snmp) $(fragments guest_run cat /proc/net/snmp)"
	pings 20 8972
	tcp_to_guest 8
	tcp_to_host 8
	udp_to_guest 500 8972
	udp_to_host 500 8972
	after="$(fragments cat /proc/net/snmp) $(fragments guest_run cat /proc/net/snmp)"
	[[ $after == "$before" ]] || fail "fragments of host and guest: $before before, $after afterwards"
	expect_served split "${usual[@]}" +3
	ip link set "$guest_tap" mtu 1500
	nic_plug
}

rebind_ten_times()
{
	local device

	need_plain_guest
	device=$(guest_run 'basename $(readlink /sys/class/net/eth0/device)')
	for _ in {1..10}; do
		guest_run "rebind $device && net_up"
		pings 3
	done
	expect_served split "${usual[@]}"
	all_traffic
}

reboots()
{
	need_plain_guest
	echo "0 sync; reboot -f" >&"$agent_in"
	guest_wait_ready 240 || guest_broke "no agent after its reboot"
	expect_served split "${usual[@]}"
	all_traffic
}

# card_with PROPERTIES LAYOUT BITS...: traffic on a card of that kind, and proof that it was one.
card_with()
{
	local properties=$1

	shift
	need_guest
	nic_plug "$properties"
	expect_served "$@"
	all_traffic
	expect_served "$@"
}

without_event_idx()
{
	card_with event_idx=off split +15 +28 -29 +32 -34
}

without_indirect()
{
	card_with indirect_desc=off split +15 -28 +29 +32 -34
}

without_mergeable()
{
	card_with mrg_rxbuf=off split -15 +28 +29 +32 -34
}

legacy_only()
{
	card_with disable-modern=on,disable-legacy=off split +15 +28 +29 -32 -34
}

packed_ring()
{
	serves_by_ringtap || skip "stock vhost-net has no packed ring"
	card_with packed=on packed +15 +28 +29 +32 +34
}

# Both pairs carry frames: as many flows as it takes.
two_queue_pairs()
{
	local files file port

	guest_queues=2 guest_smp=2 guest_start
	expect_served split "${usual[@]}" +22
	[[ $(guest_run 'ls -d /sys/class/net/eth0/queues/tx-*' | wc -l) == 2 ]]
	for port in {1..8}; do
		tcp_to_guest 1
		tcp_to_host 1
		guest_run "taskset $((port % 2 + 1)) traffic udp-send $host_ip 9 50 0"
	done
	if serves_by_ringtap; then
		files=$(device_files)
		[[ $(wc -w <<<"$files") == 2 ]]
		for file in $files; do
			echo "$file: rx $(fact_of "$file" rx.packets) tx $(fact_of "$file" tx.packets)"
			(($(fact_of "$file" rx.packets) > 0 && $(fact_of "$file" tx.packets) > 0))
		done
	fi
	all_traffic
}

# in_order_with LAYOUT PROPERTIES BITS...: the guest's driver must know IN_ORDER, and QEMU must pass it on.
in_order_with()
{
	local layout=$1 properties=$2

	shift 2
	serves_by_ringtap || skip "not every stock vhost-net has IN_ORDER"
	[[ ${RINGTAP_SERIES:-} == 7.3 ]] || skip "needs a guest whose driver accepts IN_ORDER: 7.3"
	newer_qemu "${RINGTAP_CACHE:-$HOME/.cache/ringtap}" || skip "needs QEMU 10, from guest/prepare"
	guest_qemu=("${newer_qemu[@]}")
	guest_nic_opts=,$properties guest_start
	expect_served "$layout" "$@"
	all_traffic
	expect_served "$layout" "$@"
	guest_kill
}

in_order_split()
{
	in_order_with split in_order=on +15 +28 +29 +32 -34 +35
}

in_order_packed()
{
	in_order_with packed packed=on,in_order=on +15 +28 +29 +32 +34 +35
}

vhost_threads()
{
	# Some thread or other ends meanwhile.
	{ cat /proc/[0-9]*/task/*/comm 2>/dev/null || true; } | grep -x "vhost-$1"
}

no_vhost_thread()
{
	! vhost_threads "$1"
}

traffic_flows()
{
	local before
	before=$(cat "/sys/class/net/$guest_tap/statistics/$1")
	wait_for 20 eval "((\$(cat /sys/class/net/$guest_tap/statistics/$1) > $before + 2000))"
}

killed_under_load()
{
	local pid module=ringtap senders
	serves_by_ringtap || module=vhost_net

	need_guest
	pid=$(guest_pid)
	guest_run "traffic udp-send $host_ip 9 100000000 0 >/dev/null 2>&1 &"
	"$traffic" udp-send "$guest_ip" 9 100000000 0 &
	senders=$!
	traffic_flows tx_packets
	traffic_flows rx_packets
	vhost_threads "$pid"
	kill -KILL "$pid"
	wait_for 10 process_ended "$pid"
	kill "$senders" 2>/dev/null || true
	wait_for 10 no_vhost_thread "$pid"
	wait_for 10 module_is_unused "$module"
	if serves_by_ringtap; then
		kmsg_since_mark | grep -i ringtap && fail "the module logged something"
		rmmod ringtap
		refute module_is_loaded ringtap
		[[ -z ${RINGTAP_KO:-} ]] || insmod "$RINGTAP_KO"
	fi
	kmsg_is_clean
}
