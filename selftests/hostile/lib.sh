# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# lib.sh - runs groups of the program ringtap_hostile inside a shell test (to be sourced after ../lib.sh).

# shellcheck source=selftests/devices.sh
. "$RTAP_SELFTESTS/devices.sh"

RTAP_HOSTILE="${RTAP_HOSTILE:-$RTAP_TOP/.build/tools/ringtap_hostile}"

need_hostile()
{
	[[ -x "$RTAP_HOSTILE" ]] || skip "needs $RTAP_HOSTILE: build the tools"
}

# hostile_count GROUP [FILTER]: how many tests it has.
hostile_count()
{
	"$RTAP_HOSTILE" "$@" --list | wc -l
}

# run_hostile GROUP [FILTER]: each of its tests as one of ours.
run_hostile()
{
	run_program "$RTAP_HOSTILE" "$@" --node "$RTAP_NODE"
}

no_worker()
{
	refute grep -lx 'vhost-[0-9]*' /proc/[0-9]*/task/*/comm
}

# nothing_is_left: no user, no thread and no device; and the module comes out, if it can be put in again.
nothing_is_left()
{
	wait_for 10 module_is_unused ringtap
	wait_for 10 no_worker
	device_count_is 0
	[[ -z "${RINGTAP_KO:-}" ]] || {
		rmmod ringtap
		insmod "$RINGTAP_KO"
	}
}
