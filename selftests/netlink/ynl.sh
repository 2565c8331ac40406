#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ynl.sh - the kernel tree's own YNL tool, given our specification, gets, dumps and hears of devices.
# rtap-kernels: all
# rtap-needs: root module
# shellcheck disable=SC2317 # run_test calls the functions

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/netlink/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/module/module.sh
. "$(dirname "$0")/../module/module.sh"

spec="$RTAP_TOP/Documentation/netlink/ringtap.yaml"

# ynl ARGS...: the tool; JSON out. It takes the specification as it is: that has been checked by then.
ynl()
{
	timeout 120 python3 "$RTAP_YNL/tools/net/ynl/cli.py" --output-json --spec "$spec" --no-schema "$@"
}

# says PYTHON: the JSON in $RTAP_TMP/said, as `said`, is so.
says()
{
	cat "$RTAP_TMP/said"
	python3 -c 'import json, sys
said = json.load(open(sys.argv[1]))
assert eval("(" + sys.argv[2] + ")"), sys.argv[2]' "$RTAP_TMP/said" "$1"
}

# asks [OPTIONS]: what the tool says, for says().
asks()
{
	ynl "$@" >"$RTAP_TMP/said"
}

lists_operations()
{
	timeout 120 python3 "$RTAP_YNL/tools/net/ynl/cli.py" --spec "$spec" \
		--schema "$RTAP_YNL/Documentation/netlink/genetlink-legacy.yaml" --list-ops >"$RTAP_TMP/ops"
	grep -F 'device-get' "$RTAP_TMP/ops"
	grep -F 'queue-get' "$RTAP_TMP/ops"
	grep -F 'worker-get' "$RTAP_TMP/ops"
}

dumps_nothing_without_devices()
{
	asks --dump device-get
	says 'not said'
}

dumps_devices()
{
	asks --dump device-get
	says "len(said) == 1 and said[0]['owner-pid'] == $holder and said[0]['state'] == 'stopped'"
}

gets_a_device()
{
	asks --do device-get --json '{"id": 0}'
	says "said['id'] == 0 and said['owner-comm'] == 'hold' and said['queues'] == 2"
}

dumps_queues()
{
	asks --dump queue-get
	says "[q['index'] for q in said] == [0, 1] and {q['state'] for q in said} == {'stopped'}"
}

gets_a_queue()
{
	asks --do queue-get --json '{"device": 0, "index": 1}'
	says "said['index'] == 1 and said['stats']['packets'] == 0"
}

dumps_workers()
{
	asks --dump worker-get
	says "len(said) == 1 and said[0]['comm'] == 'vhost-$holder' and said[0]['queue'] == [0, 1]"
}

gets_a_worker()
{
	asks --do worker-get --json '{"device": 0, "id": 0}'
	says "said['id'] == 0 and said['cpu-time'] >= 0 and said['affinity']"
}

# The kernel's error, and its words for it.
refuses_what_is_not_there()
{
	refute asks --do device-get --json '{"id": 4711}'
	cat "$RTAP_TMP/said"
	grep -F "Netlink error: No such device" "$RTAP_TMP/said"
	grep -F "no such device" "$RTAP_TMP/said"
}

hears_of_events()
{
	local listener

	ynl --subscribe events --sleep 8 >"$RTAP_TMP/said" &
	listener=$!
	wait_for 20 has_members
	hold "$RTAP_NODE"
	let_go
	wait "$listener"
	says "[e['name'] for e in said] == ['device-open', 'device-close'] and
		said[0]['msg']['serial'] == said[1]['msg']['serial'] and
		said[0]['msg']['time'] < said[1]['msg']['time']"
}

# A generic netlink socket that is in a group: column 4 of /proc/net/netlink, where the protocol is 16.
has_members()
{
	awk '$2 == 16 && $4 != "00000000" { found = 1 } END { exit !found }' /proc/net/netlink
}

need_root
need_ynl
need_module
helper hold >/dev/null

plan 11
run_test "the tool reads the specification" lists_operations
run_test "dumps without devices are empty" dumps_nothing_without_devices
hold "$RTAP_NODE"
run_test "dumps devices" dumps_devices
run_test "gets a device" gets_a_device
run_test "dumps queues" dumps_queues
run_test "gets a queue" gets_a_queue
run_test "dumps workers" dumps_workers
run_test "gets a worker" gets_a_worker
run_test "refuses what is not there" refuses_what_is_not_there
let_go
run_test "hears of events" hears_of_events
run_test "the kernel log stays clean" kmsg_is_clean
finish
