#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vhost_net_test.sh - the kernel tree's own test of vhost-net passes where ringtap has taken that node over.
# rtap-kernels: 7.3
# rtap-needs: root module stock
# shellcheck disable=SC2317 # run_test calls the functions

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/clients/lib.sh
. "$(dirname "$0")/lib.sh"

ns="rtap-clients-$$"
frames=2000

# vhost_net_test OPTIONS...: frames to a TAP's ring and from it, one at a time; exit status 0 if all were right.
vhost_net_test()
{
	timeout $((20 * RTAP_SLOW)) ip netns exec "$ns" "$program" "--buf-num=$frames" "$@" </dev/null
}

# passes OPTIONS...: it ends well, and says of both directions that every frame came.
passes()
{
	local way

	vhost_net_test "$@" >"$RTAP_TMP/said" 2>&1 || {
		cat "$RTAP_TMP/said"
		return 1
	}
	cat "$RTAP_TMP/said"
	for way in RX TX; do
		grep -qE "^$way .*started=$hex completed=$hex\$" "$RTAP_TMP/said" || return 1
	done
}

# passes_on_ringtap OPTION: nobody else serves the node.
passes_on_ringtap()
{
	[[ ! -e "$RTAP_TMP/stock$1" ]] || skip "stock vhost-net fails at it, too: $(tail -n 1 "$RTAP_TMP/stock$1")"
	refute module_is_loaded vhost_net
	passes ${1:+"$1"}
	refcount_is ringtap 0
}

# on_stock OPTION: what stock says, kept if it fails.
on_stock()
{
	if passes ${1:+"$1"} >"$RTAP_TMP/stock$1" 2>&1; then
		rm "$RTAP_TMP/stock$1"
	fi
}

need_root
need_command ip
need_own_module
[[ -n "${RINGTAP_KO:-}" ]] || skip "set RINGTAP_KO to the module: parameters are given to insmod"
program="$(client_root vhost_net_test)/vhost_net_test"
[[ -x "$program" ]] || skip "needs the kernel tree's test: selftests/vm/fetch.sh vhost_net_test"
need_stock
make_netns "$ns"
hex="$(printf '0x%x' "$frames")"

cases=("" --no-event-idx --no-indirect --no-virtio-1 --delayed-interrupt)
for option in "${cases[@]}"; do
	on_stock "$option"
done
rmmod vhost_net || skip "vhost_net is in use"
load_ringtap node=vhost-net
wait_for 5 node_is_open_to_us "$RTAP_STOCK_NODE"

plan $((${#cases[@]} + 1))
for option in "${cases[@]}"; do
	run_test "vhost_net_test ${option:-with all it asks for}" passes_on_ringtap "$option"
done
unload_ringtap
run_test "the kernel log stays clean" kmsg_is_clean
finish
