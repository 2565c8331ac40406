# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# devices.sh - what `ringtap list` and `show` say of the open devices, for shell tests (to be sourced after lib.sh).

RINGTAP="${RINGTAP:-$RTAP_TOP/.build/tools/ringtap}"

# devices [PID]: numbers of the devices that are open, or of those that PID owns.
devices()
{
	"$RINGTAP" list --interval 0 --json | python3 "$RTAP_SELFTESTS/facts.py" ids "$@"
}

device_count_is()
{
	local ids

	ids=$(devices) || return 1
	[[ "$(wc -w <<<"$ids")" == "$1" ]]
}

# family_is_gone: the tool runs, and says that no module is there to be asked.
family_is_gone()
{
	local said

	! said=$("$RINGTAP" list --interval 0 --json 2>&1) || return 1
	[[ "$said" == *"cannot find the netlink family ringtap"* ]]
}

# device_facts ID: everything about it, a line "NAME VALUE" each; of its queues as rx.NAME and tx.NAME.
device_facts()
{
	"$RINGTAP" show --json "$1" | python3 "$RTAP_SELFTESTS/facts.py" facts
}

# fact_of FILE NAME: one value of what device_facts wrote there.
fact_of()
{
	awk -v "name=$2" '$1 == name { print $2 }' "$1"
}
