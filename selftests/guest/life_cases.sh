# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034 # names shared with guest/lib.sh
# life_cases.sh - the tests of life.sh, one function each (to be sourced).

usual=(+15 +28 +29 +32 -34)	# feature bits: see cases.sh

# live_on SIDE: its guest, as it runs or a new one.
live_on()
{
	use_side "$1"
	guest_memory=384M,slots=4,maxmem=2G
	guest_card=''
	guest_nic_opts='' guest_limits=()
	if [[ $1 == b ]]; then
		newer_qemu "${RINGTAP_CACHE:-$HOME/.cache/ringtap}" || skip "needs a newer QEMU, from guest/prepare"
		guest_qemu=("${newer_qemu[@]}")
		guest_ip=198.18.77.3 guest_mac=52:54:00:72:74:02
		guest_queues=4 guest_smp=2 guest_card=mq=on,vectors=10
	else
		guest_qemu=(qemu-system-x86_64)
		guest_ip=198.18.77.2 guest_mac=52:54:00:72:74:01
		guest_queues=1 guest_smp=1
	fi
	guest_is_alive || guest_start
}

# meanwhile COMMAND...: what the side's guest goes through under load.
meanwhile()
{
	live_on "$side"
	during_flow "$@"
}

replugged()
{
	for _ in 1 2; do
		nic_unplug
		nothing_passes
		nic_add "$guest_card"
		expect_served split "${usual[@]}"
		flow_moves
	done
}

vhost_is_stopped()
{
	! vhost_is_started
}

stopped_and_continued()
{
	local before

	for _ in {1..4}; do
		qmp stop >/dev/null
		vhost_is_stopped || fail "the VM is stopped and its rings are served"
		before=$(tap_count rx_packets)
		nothing_passes
		[[ $(tap_count rx_packets) == "$before" ]] || fail "a stopped VM sent something"
		qmp cont >/dev/null
		vhost_is_started
		flow_moves
	done
}

guest_carrier_is()
{
	[[ $(guest_run cat /sys/class/net/eth0/carrier) == "$1" ]]
}

# set_link NAME true|false
set_link()
{
	qmp set_link "{\"name\": \"$1\", \"up\": $2}" >/dev/null
	wait_for 20 guest_carrier_is "$([[ $2 == false ]] || echo 1)$([[ $2 == true ]] || echo 0)"
}

# Of the card: the guest is told. Of the netdev: vhost is stopped, too.
links_set()
{
	set_link "$guest_nic" false
	nothing_passes
	set_link "$guest_nic" true
	expect_served split "${usual[@]}"
	flow_moves
	set_link ringtap0 false
	vhost_is_stopped || fail "the netdev is down and its rings are served"
	nothing_passes
	set_link ringtap0 true
	expect_served split "${usual[@]}"
}

# What the guest sends meanwhile is dropped, as on any wire that is not there; vhost goes on.
tap_fails()
{
	for _ in 1 2; do
		ip link set "$guest_tap" down
		nothing_passes
		expect_served split "${usual[@]}"
		ip link set "$guest_tap" up
		flow_moves
	done
}

# --- the whole VM -----------------------------------------------------------------------------

# Streams do not survive a reset; datagrams do not mind it.
reset_under_flow()
{
	local flow=$RTAP_TMP/datagrams pid result

	live_on "$side"
	guest_run "traffic udp-flow $host_ip 9 5000 >/dev/null 2>&1 &"
	"$traffic" udp-flow "$guest_ip" 5014 5000 >"$flow" &
	pid=$!
	at_exit end_sender KILL "$pid"
	wait_for 20 tap_moved $(($(tap_count tx_bytes) + 50000)) $(($(tap_count rx_bytes) + 50000))
	guest_reset
	expect_served split "${usual[@]}"
	guest_run traffic udp-watch 5014 2 /tmp/watch
	wait_for 20 tap_moved $(($(tap_count tx_bytes) + 50000)) 0
	end_sender USR1 "$pid"
	wait "$pid"
	result=$(guest_result /tmp/watch)
	tell "datagrams: $(cat "$flow"), and after the reset $result"
	[[ $(field_of bad "$result") == 0 ]]
	(($(field_of good "$result") >= 50))
	tcp_to_guest 8
	tcp_to_host 8
	no_ring_error
	expect_served split "${usual[@]}"
}

device_ids()
{
	devices | sort -n
}

# fifty_devices: they come and go beside the guest's.
fifty_devices()
{
	local before n users

	serves_by_ringtap || skip "it is ringtap's devices that are listed"
	before=$(device_ids) users=$(cat /sys/module/ringtap/refcnt)
	for n in {1..50}; do
		"$RINGTAP" drive --node "$guest_node" --count 20 >"$RTAP_TMP/drive" 2>&1 || {
			cat "$RTAP_TMP/drive"
			fail "number $n moved no frames"
		}
	done
	wait_for 10 eval "[[ \$(device_ids) == ${before@Q} && \$(cat /sys/module/ringtap/refcnt) == $users ]]"
}

# --- several queues ---------------------------------------------------------------------------

# carried: packets of each pair of queues, a line "RX TX" each.
carried()
{
	local file

	for file in $(device_files | sort -V); do
		echo "$(fact_of "$file" rx.packets) $(fact_of "$file" tx.packets)"
	done
}

# many_flows PAIRS: so many that each of the pairs has some of them both ways, but for once in a million times.
many_flows()
{
	local flows=$((16 * $1)) n

	guest_run -t 300 "for n in \$(seq $flows); do taskset \$((n % 2 + 1)) traffic udp-send $host_ip 9 5 0 >/dev/null; done"
	for ((n = 0; n < flows; n++)); do
		"$traffic" udp-send "$guest_ip" 9 5 0 >/dev/null
	done
}

# pairs_that_carry PAIRS: how many had packets both ways from flows for so many.
pairs_that_carry()
{
	local before after

	before=$(carried)
	many_flows "$1"
	after=$(carried)
	paste <(echo "$before") <(echo "$after") >"$RTAP_TMP/carried"
	cat "$RTAP_TMP/carried" >&2
	awk '$3 > $1 && $4 > $2 { n++ } END { print n + 0 }' "$RTAP_TMP/carried"
}

# one_stream FROM TO: MIB from the guest of the one side to that of the other.
one_stream()
{
	local bytes=$(($3 << 20)) to sent

	live_on "$2"
	to=$guest_ip
	guest_run traffic tcp-receive 5021 /tmp/between
	live_on "$1"
	sent=$(guest_run -t 300 traffic tcp-send "$to" 5021 "$bytes" $RANDOM)
	live_on "$2"
	equal_streams "$sent" "$(guest_result /tmp/between)" "$bytes"
}

# What passes between them passes both devices, and nothing but the bridge between.
guests_talk()
{
	local to

	live_on a
	to=$guest_ip
	live_on b
	guest_run -t 70 ping -q -A -c 50 -w 60 "$to" | expect_no_loss 50
	one_stream a b 16
	one_stream b a 16
	use_side a
	expect_served split "${usual[@]}"
	no_ring_error
	use_side b
	expect_served split "${usual[@]}"
	no_ring_error
}

four_pairs_carry()
{
	live_on b
	[[ $(guest_run traffic channels eth0 4) == "combined=4 of 4" ]]
	serves_by_ringtap || skip "stock vhost-net does not say which pair carries frames"
	[[ $(pairs_that_carry 4) == 4 ]]
	all_traffic
	no_ring_error
	expect_served split "${usual[@]}" +22
}

# --- little memory to lock --------------------------------------------------------------------

memlock=65536
# Whoever has CAP_IPC_LOCK is held to no limit, so root must lose it.
little_to_lock=(prlimit "--memlock=$memlock:$memlock" setpriv "--bounding-set=-ipc_lock")

# QEMU makes no transmit ring on a TAP longer than 256 entries, whatever it is asked for.
eight_pairs()
{
	local pid file sizes

	need_command prlimit setpriv
	start_limited_guest
	pid=$(guest_pid)
	grep -E 'Max locked memory +65536 +65536 ' "/proc/$pid/limits"
	((!(0x$(sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$pid/status") & 1 << 14))) || fail "QEMU has CAP_IPC_LOCK"
	expect_served split "${usual[@]}" +22
	[[ $(guest_run traffic channels eth0 8) == "combined=8 of 8" ]]
	if serves_by_ringtap; then
		[[ $(device_files | wc -l) == 8 ]]
		for file in $(device_files); do
			sizes="$(fact_of "$file" rx.size) $(fact_of "$file" tx.size)"
			[[ $sizes == "1024 256" ]] || fail "rings of $sizes entries"
			[[ "$(fact_of "$file" rx.access) $(fact_of "$file" tx.access)" == "mapped mapped" ]] ||
				fail "a ring is reached by user access"
		done
		tell "$(grep VmPin "/proc/$pid/status" | tr -s '\t ' ' ') of $memlock bytes that may be locked"
		[[ $(pairs_that_carry 8) == 8 ]]
	fi
	all_traffic
	no_ring_error
	guest_kill
}

# start_limited_guest: one of its own.
start_limited_guest()
{
	use_side a
	guest_queues=8 guest_smp=2 guest_nic_opts=,rx_queue_size=1024,tx_queue_size=1024
	guest_limits=("${little_to_lock[@]}")
	guest_start
}

# Without a guest, transmit rings may be as long as the others. Split rings of so many entries take 13 pages a pair.
driven_pairs()
{
	local layout pinned

	need_command prlimit setpriv python3
	for layout in split packed; do
		[[ $layout == split ]] || serves_by_ringtap || continue
		pinned=$(RTAP_NODE=$guest_node PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$RTAP_SELFTESTS/netlink \
			"${little_to_lock[@]}" python3 "$RTAP_SELFTESTS/guest/pairs.py" 8 "$layout")
		tell "$layout: $pinned KiB pinned, of $((memlock / 1024)) that may be locked"
		! serves_by_ringtap || ((pinned * 1024 > memlock))
	done
}
