# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # names from guest/lib.sh
# traffic.sh - checked traffic between host and guest (to be sourced after guest/lib.sh).

# pings COUNT [SIZE]: from both sides, each as soon as the last was answered; none may be lost.
pings()
{
	local count=$1 size=${2:-56}

	busybox ping -q -A -c "$count" -s "$size" -w 60 "$guest_ip" | expect_no_loss "$count"
	guest_run -t 70 ping -q -A -c "$count" -s "$size" -w 60 "$host_ip" | expect_no_loss "$count"
}

expect_no_loss()
{
	local said

	said=$(cat)
	echo "$said"
	[[ $said == *"$1 packets transmitted, $1 packets received, 0% packet loss"* ]]
}

# field_of NAME LINE: VALUE of NAME=VALUE.
field_of()
{
	sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" <<<"$2"
}

host_result()
{
	wait_for 300 test -s "$1" && cat "$1"
}

# guest_result FILE: what a program in the guest published there, as soon as it is.
guest_result()
{
	local tries rc

	for ((tries = 0; tries < 600; tries++)); do
		rc=0
		guest_run -t 60 "[ -s $1 ] && cat $1 && rm $1" || rc=$?
		((rc != 0)) || return 0
		# It says nothing at all: guest_run() has shown what there is to see.
		((rc != 124)) || return 1
		sleep 0.2
	done
	echo "guest: nothing in $1" >&2
	return 1
}

# equal_streams SENT RECEIVED BYTES: as many bytes as asked for, with one SHA-256.
equal_streams()
{
	echo "sent     $1"
	echo "received $2"
	[[ $(field_of bytes "$1") == "$3" && $(field_of bytes "$2") == "$3" ]] || return 1
	[[ -n $(field_of sha256 "$1") && $(field_of sha256 "$1") == "$(field_of sha256 "$2")" ]]
}

# tcp_to_guest MIB
tcp_to_guest()
{
	local bytes=$(($1 << 20)) sent received

	guest_run traffic tcp-receive 5001 /tmp/tcp
	sent=$("$traffic" tcp-send "$guest_ip" 5001 "$bytes" $RANDOM)
	received=$(guest_result /tmp/tcp)
	equal_streams "$sent" "$received" "$bytes"
}

# tcp_to_host MIB
tcp_to_host()
{
	local bytes=$(($1 << 20)) sent received result=$RTAP_TMP/tcp

	rm -f "$result"
	"$traffic" tcp-receive 5002 "$result"
	sent=$(guest_run -t 300 traffic tcp-send "$host_ip" 5002 "$bytes" $RANDOM)
	received=$(host_result "$result")
	equal_streams "$sent" "$received" "$bytes"
}

# exact_count SENT RECEIVED COUNT
exact_count()
{
	echo "sent     $1"
	echo "received $2"
	[[ $(field_of sent "$1") == "$3" && $2 == "good=$3 again=0 bad=0 "* ]]
}

# udp_to_guest COUNT [SIZE]: every datagram arrives once, unchanged.
udp_to_guest()
{
	local sent received

	guest_run traffic udp-receive 5003 "$1" /tmp/udp
	sent=$("$traffic" udp-send "$guest_ip" 5003 "$1" "${2:-0}")
	received=$(guest_result /tmp/udp)
	exact_count "$sent" "$received" "$1"
}

# udp_to_host COUNT [SIZE]
udp_to_host()
{
	local sent received result=$RTAP_TMP/udp

	rm -f "$result"
	"$traffic" udp-receive 5004 "$1" "$result"
	sent=$(guest_run -t 300 traffic udp-send "$host_ip" 5004 "$1" "${2:-0}")
	received=$(host_result "$result")
	exact_count "$sent" "$received" "$1"
}

# all_traffic: what each kind of card must carry.
all_traffic()
{
	pings 10
	tcp_to_guest 8
	tcp_to_host 8
	udp_to_guest 1000
	udp_to_host 1000
}
