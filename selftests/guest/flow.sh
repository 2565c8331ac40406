# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # names from guest/lib.sh
# flow.sh - traffic that goes on for as long as something else takes, and is checked when it has ended (to be sourced
# after guest/traffic.sh).

flow_pid='' flow_sent='' flow_received=''

# flow_begin: TCP streams both ways, until flow_end.
flow_begin()
{
	# What an earlier one left may be there yet.
	flow_sent=$RTAP_TMP/sent.$EPOCHREALTIME flow_received=$RTAP_TMP/received.$EPOCHREALTIME
	guest_run "killall -9 traffic; rm -f /tmp/flow.*; traffic tcp-receive 5011 /tmp/flow.received" 2>/dev/null
	"$traffic" tcp-receive 5012 "$flow_received"
	guest_run "(traffic tcp-flow $host_ip 5012 $RANDOM >/tmp/flow.part && mv /tmp/flow.part /tmp/flow.sent) >/dev/null 2>&1 &"
	"$traffic" tcp-flow "$guest_ip" 5011 "$RANDOM" >"$flow_sent" &
	flow_pid=$!
	at_exit end_sender KILL "$flow_pid"
}

# end_sender SIGNAL PID: if it is one still.
end_sender()
{
	[[ $(readlink "/proc/$2/exe") != "$(realpath "$traffic")" ]] || kill "-$1" "$2"
}

tap_count()
{
	cat "/sys/class/net/$guest_tap/statistics/$1"
}

# tap_moved TX RX: so many bytes more than these went to the guest, and came from it.
tap_moved()
{
	(($(tap_count tx_bytes) >= $1 && $(tap_count rx_bytes) >= $2))
}

# flow_moves: each stream gets on. After a long break a sender tries again late.
flow_moves()
{
	wait_for 90 tap_moved $(($(tap_count tx_bytes) + (256 << 10))) $(($(tap_count rx_bytes) + (256 << 10)))
}

# flow_end: what was sent arrived, in order and unchanged.
flow_end()
{
	local sent

	# Before its receiver ends, which killall would then miss and complain about.
	guest_run killall -USR1 traffic || true
	end_sender USR1 "$flow_pid"
	wait "$flow_pid"
	sent=$(cat "$flow_sent")
	equal_streams "$sent" "$(guest_result /tmp/flow.received)" "$(field_of bytes "$sent")"
	tell "to the guest: $(field_of bytes "$sent") bytes in $(field_of seconds "$sent") s"
	sent=$(guest_result /tmp/flow.sent)
	equal_streams "$sent" "$(host_result "$flow_received")" "$(field_of bytes "$sent")"
	tell "from the guest: $(field_of bytes "$sent") bytes in $(field_of seconds "$sent") s"
}

# during_flow COMMAND...: it happens to the guest while streams run both ways; they go on, and end whole.
during_flow()
{
	flow_begin
	flow_moves
	"$@"
	flow_moves
	flow_end
	no_ring_error
	expect_served split "${usual[@]}"
}

# nothing_passes: neither way.
nothing_passes()
{
	refute busybox ping -c 2 -W 1 "$guest_ip" >/dev/null
}
