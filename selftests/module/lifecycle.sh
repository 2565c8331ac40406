#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lifecycle.sh - ringtap.ko loads, unloads when nobody has its node open, and leaves nothing behind.
# rtap-kernels: all
# rtap-quick: yes
# rtap-needs: root module
# shellcheck disable=SC2317,SC2119 # run_test calls the functions; load_ringtap has optional arguments

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/module/module.sh
. "$(dirname "$0")/module.sh"

depends_on_three_modules()
{
	local depends

	depends="$(modinfo -F depends "${RINGTAP_KO:-ringtap}" | tr ',' '\n' | sort | xargs)"
	echo "depends: $depends"
	[[ "$depends" == "tap tun vhost_iotlb" ]]
}

loads_and_unloads()
{
	load_ringtap
	[[ -c /dev/vhost-ringtap && -d /sys/class/misc/vhost-ringtap ]]
	device_count_is 0
	rmmod ringtap
	nothing_remains vhost-ringtap
}

says_what_it_serves()
{
	reload
	kmsg_since_mark | grep -E 'ringtap: version [0-9.]+[^ ]* serves /dev/vhost-ringtap$'
}

node_is_a_misc_device_for_a_group()
{
	reload
	stat -c '%F %a %t' /dev/vhost-ringtap
	[[ "$(stat -c '%a %t' /dev/vhost-ringtap)" == "660 a" ]]
}

stays_while_open()
{
	local node

	reload
	exec {node}<>/dev/vhost-ringtap
	refcount_is ringtap 1
	refute rmmod ringtap 2>"$RTAP_TMP/rmmod"
	grep "in use" "$RTAP_TMP/rmmod"
	exec {node}>&-
	refcount_is ringtap 0
	rmmod ringtap
	nothing_remains vhost-ringtap
}

worker_ends_with_its_owner()
{
	reload
	hold /dev/vhost-ringtap
	worker_count_is "$holder" 1
	let_go
	wait_for 10 worker_count_is "$holder" 0
	refcount_is ringtap 0
	rmmod ringtap
	nothing_remains vhost-ringtap
}

killed_owner_leaves_nothing()
{
	reload
	hold /dev/vhost-ringtap
	kill -KILL "$holder"
	wait "$holder" || true
	wait_for 10 worker_count_is "$holder" 0
	wait_for 10 refcount_is ringtap 0
	rmmod ringtap
	nothing_remains vhost-ringtap
}

one_worker_per_queue_on_request()
{
	reload workers=2
	hold /dev/vhost-ringtap
	worker_count_is "$holder" 2
	let_go
	wait_for 10 worker_count_is "$holder" 0
	rmmod ringtap
}

lists_each_open_device()
{
	local first second

	reload
	exec {first}<>/dev/vhost-ringtap {second}<>/dev/vhost-ringtap
	device_count_is 2
	exec {first}>&-
	device_count_is 1
	exec {second}>&-
	device_count_is 0
	rmmod ringtap
}

loads_many_times()
{
	local round node

	for ((round = 0; round < 10; round++)); do
		load_ringtap
		exec {node}<>/dev/vhost-ringtap
		exec {node}>&-
		rmmod ringtap
	done
	nothing_remains vhost-ringtap
}

need_root
need_own_module
helper hold >/dev/null

plan 11
run_test "depends on tun, tap and vhost_iotlb alone" depends_on_three_modules
run_test "loads and unloads, leaving nothing behind" loads_and_unloads
run_test "the log says what is served" says_what_it_serves
run_test "the node is a misc device of mode 0660" node_is_a_misc_device_for_a_group
run_test "cannot be unloaded while the node is open" stays_while_open
run_test "a worker thread ends with its owner" worker_ends_with_its_owner
run_test "a killed owner leaves no worker and no reference" killed_owner_leaves_nothing
run_test "workers=2 gives each queue a thread" one_worker_per_queue_on_request
run_test "each open device is listed" lists_each_open_device
run_test "loads and unloads ten times" loads_many_times
unload_ringtap
run_test "the kernel log stays clean" kmsg_is_clean
finish
