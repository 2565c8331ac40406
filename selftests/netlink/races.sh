#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# races.sh - dumps are right or say that they are not while devices come and go by the hundred, and the module too.
# rtap-kernels: all
# rtap-needs: root module
# shellcheck disable=SC2317 # run_test calls the functions

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/netlink/lib.sh
. "$(dirname "$0")/lib.sh"

comes_out()
{
	[[ -n "${RINGTAP_KO:-}" ]] || skip "set RINGTAP_KO to the module"
	wait_for 10 module_is_unused ringtap
	rmmod ringtap
	insmod "$RINGTAP_KO"
}

need_root
need_ynl
need_command ip
need_module

ulimit -n 4096
plan $(($(cases_count races.py) + 2))
run_cases races.py
run_test "the module comes out" comes_out
run_test "the kernel log stays clean" kmsg_is_clean
finish
