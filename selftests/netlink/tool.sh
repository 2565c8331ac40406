#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tool.sh - ringtap list, show and watch print what the kernel says, in words and as their JSON schema has it.
# rtap-kernels: all
# rtap-quick: yes
# rtap-needs: root module tool
# shellcheck disable=SC2317 # run_test calls the functions

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/netlink/lib.sh
. "$(dirname "$0")/lib.sh"

# Without the module: one line that says what to do, status 1.
says_what_is_missing()
{
	local command rc

	[[ -n "${RINGTAP_KO:-}" ]] || skip "set RINGTAP_KO to the module"
	rmmod ringtap
	for command in list "list --json" "show 0" "show" watch "watch --json"; do
		rc=0
		# shellcheck disable=SC2086 # words
		timeout 20 "$ringtap" $command >"$RTAP_TMP/out" 2>"$RTAP_TMP/err" || rc=$?
		cat "$RTAP_TMP/out" "$RTAP_TMP/err"
		[[ "$rc" == 1 && ! -s "$RTAP_TMP/out" && "$(wc -l <"$RTAP_TMP/err")" == 1 ]]
		grep -E '^ringtap: .*modprobe ringtap' "$RTAP_TMP/err"
	done
}

# Unloaded under its eyes: watch says so and ends.
notices_unloading()
{
	local watch rc=0

	[[ -n "${RINGTAP_KO:-}" ]] || skip "set RINGTAP_KO to the module"
	module_is_loaded ringtap || insmod "$RINGTAP_KO"
	"$ringtap" watch --timeout 60 >"$RTAP_TMP/out" 2>"$RTAP_TMP/err" &
	watch=$!
	wait_for 20 grep -q watching "$RTAP_TMP/err"
	rmmod ringtap
	wait "$watch" || rc=$?
	cat "$RTAP_TMP/out" "$RTAP_TMP/err"
	[[ "$rc" == 1 ]]
	insmod "$RINGTAP_KO"
}

need_root
need_ynl
need_tool
need_command ip
need_module
export RINGTAP="$ringtap"

plan $(($(cases_count tool.py) + 3))
run_cases tool.py
run_test "without the module, it says what is missing" says_what_is_missing
run_test "watch notices that the module is unloaded" notices_unloading
run_test "the kernel log stays clean" kmsg_is_clean
finish
