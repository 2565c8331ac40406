# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# lib.sh - runs the netlink tests, which are Python over the kernel's YNL library (to be sourced after ../lib.sh).

RTAP_NETLINK="$RTAP_SELFTESTS/netlink"

# need_ynl: the kernel tree's own YNL tools, in the cache; their place in RTAP_YNL.
need_ynl()
{
	local module

	need_command python3
	for module in yaml jsonschema; do
		python3 -c "import $module" 2>/dev/null || skip "needs python3-$module"
	done
	RTAP_YNL="${RTAP_YNL:-$(bash -c '. "$1/vm/common.sh"; kernel_root ynl' - "$RTAP_SELFTESTS")}"
	[[ -e "$RTAP_YNL/tools/net/ynl/cli.py" ]] || skip "needs YNL: selftests/vm/fetch.sh ynl"
	export RTAP_YNL RTAP_NODE PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$RTAP_NETLINK/libyaml"
}

# cases_count FILE: how many tests a file of ours has.
cases_count()
{
	python3 "$RTAP_NETLINK/$1" --list | wc -l
}

# run_cases FILE: each of its tests as one of ours.
run_cases()
{
	run_program timeout $((900 * RTAP_SLOW)) python3 "$RTAP_NETLINK/$1"
}
