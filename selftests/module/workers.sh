#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# workers.sh - the queues of a device move verified frames on one thread, and on one thread each.
# rtap-needs: root module tool
# shellcheck disable=SC2317,SC2119 # run_test calls the functions; load_ringtap has optional arguments

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/module/module.sh
. "$(dirname "$0")/module.sh"

layout_runs_on()
{
	local workers="$1" layout="$2"

	[[ "$(cat /sys/module/ringtap/parameters/workers)" == "$workers" ]]
	drive --layout "$layout" --count 2000
}

need_root
need_own_module
need_tool

plan 5
for workers in 1 2; do
	reload "workers=$workers"
	for layout in split packed; do
		run_test "$layout rings on $workers worker(s)" layout_runs_on "$workers" "$layout"
	done
done
unload_ringtap
run_test "the kernel log stays clean" kmsg_is_clean
finish
