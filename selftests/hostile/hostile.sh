#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# hostile.sh - a ring with garbage in it stops its own queue only; its memory may go away under the worker.
# rtap-kernels: 7.3
# rtap-needs: root module
# shellcheck disable=SC2317 # run_test calls the functions

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/lib.sh"

no_user_of_the_module()
{
	[[ "$(cat /sys/module/ringtap/refcnt)" == 0 ]]
}

nothing_is_left()
{
	wait_for 10 no_user_of_the_module
	device_count_is 0
	# Put in by us or by the runner: out it must come either way.
	[[ -z "${RINGTAP_KO:-}" ]] || {
		rmmod ringtap
		insmod "$RINGTAP_KO"
	}
}

need_root
need_module
need_hostile

plan $(($(hostile_count lies) + $(hostile_count gone) + 2))
run_hostile lies
run_hostile gone
run_test "the module comes out" nothing_is_left
run_test "the kernel log stays clean" kmsg_is_clean
finish
