#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# node.sh - the parameter node= names the device node, and takes over vhost-net's where that is free.
# rtap-kernels: all
# rtap-needs: root module stock
# shellcheck disable=SC2317 # run_test calls the functions

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/module/module.sh
. "$(dirname "$0")/module.sh"

stock=/dev/vhost-net

unload_both()
{
	unload_ringtap
	! module_is_loaded vhost_net || rmmod vhost_net
}

# static_node: the node that distributions make at boot, whether or not a module serves it.
static_node()
{
	unload_both
	[[ -c "$stock" ]] || {
		mknod "$stock" c 10 238
		at_exit rm -f "$stock"
	}
	[[ "$(stat -c '%t %T' "$stock")" == "a ee" ]]
}

# refuses WORDS PARAM: loading fails, and the log has WORDS.
refuses()
{
	refute insmod "$RINGTAP_KO" "$2" 2>"$RTAP_TMP/insmod"
	cat "$RTAP_TMP/insmod"
	kmsg_since_mark | grep -F "$1"
	refute module_is_loaded ringtap
	family_is_gone
}

names_the_node()
{
	unload_both
	load_ringtap node=rtap-test
	[[ -c /dev/rtap-test && ! -e /dev/vhost-ringtap ]]
	[[ "$(cat /sys/module/ringtap/parameters/node)" == rtap-test ]]
	grep -w rtap-test /proc/misc
	rmmod ringtap
	nothing_remains rtap-test
}

refuses_names_that_cannot_be()
{
	local name

	unload_both
	modprobe -a tun tap vhost_iotlb
	for name in a/b .. . ""; do
		refuses "ringtap: node=\"$name\" cannot be the name of a device node" "node=$name"
	done
}

stock_autoloads()
{
	exec {node}<>"$stock"
	exec {node}>&-
	module_is_loaded vhost_net
}

# What the next tests rest on: opening the static node loads the stock module if nobody serves it.
static_node_loads_stock()
{
	local node

	static_node
	stock_autoloads || skip "this machine does not load modules on open"
	unload_both
}

takes_over_vhost_net()
{
	local node

	static_node
	load_ringtap node=vhost-net
	grep -E '^ *238 vhost-net$' /proc/misc
	exec {node}<>"$stock"
	refcount_is ringtap 1
	refute module_is_loaded vhost_net
	exec {node}>&-
	"$(helper vhost_abi)" "$stock" features >"$RTAP_TMP/features"
	grep -F 'features/offered-bit-34: VHOST_GET_FEATURES() has 1' "$RTAP_TMP/features"
	refute module_is_loaded vhost_net
}

keeps_stock_out()
{
	static_node
	load_ringtap node=vhost-net
	refute modprobe vhost_net
	hold "$stock"
	refcount_is ringtap 1
	let_go
}

unloads_after_taking_over()
{
	static_node
	load_ringtap node=vhost-net
	rmmod ringtap
	refute grep -w vhost-net /proc/misc
	modprobe vhost_net
	hold "$stock"
	refcount_is vhost_net 1
	let_go
}

yields_to_stock()
{
	unload_both
	modprobe -a tun tap vhost_iotlb vhost_net
	refuses "ringtap: cannot take over /dev/vhost-net" node=vhost-net
	kmsg_since_mark | grep -F "unload vhost_net first"
	grep -i "busy" "$RTAP_TMP/insmod"
	hold "$stock"
	refcount_is vhost_net 1
	let_go
}

lives_beside_stock()
{
	unload_both
	modprobe vhost_net
	load_ringtap node=vhost-ringtap
	[[ -c /dev/vhost-ringtap && -c "$stock" ]]
	hold /dev/vhost-ringtap
	refcount_is ringtap 1
	refcount_is vhost_net 0
	let_go
}

need_root
need_own_module
[[ -n "${RINGTAP_KO:-}" ]] || skip "set RINGTAP_KO to the module: parameters are given to insmod"
need_stock
rmmod vhost_net 2>/dev/null || skip "vhost_net is in use"
helper hold >/dev/null
helper vhost_abi >/dev/null

plan 9
run_test "node= names the node" names_the_node
run_test "a name that cannot be a node's is refused" refuses_names_that_cannot_be
run_test "opening the static node would load the stock module" static_node_loads_stock
run_test "node=vhost-net takes over the static node" takes_over_vhost_net
run_test "stock cannot be loaded over it" keeps_stock_out
run_test "and gets the node back afterwards" unloads_after_taking_over
run_test "node=vhost-net is refused while stock is loaded" yields_to_stock
run_test "both nodes live side by side" lives_beside_stock
unload_both
run_test "the kernel log stays clean" kmsg_is_clean
finish
