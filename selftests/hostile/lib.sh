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
