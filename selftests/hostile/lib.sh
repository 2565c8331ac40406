# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# lib.sh - runs groups of the program ringtap_hostile inside a shell test (to be sourced after ../lib.sh).

RTAP_HOSTILE="${RTAP_HOSTILE:-$RTAP_TOP/.build/tools/ringtap_hostile}"

need_hostile()
{
	[[ -x "$RTAP_HOSTILE" ]] || skip "needs $RTAP_HOSTILE: build the tools"
	[[ -d /sys/kernel/debug/ringtap ]] || skip "needs debugfs on /sys/kernel/debug"
}

# hostile_count GROUP [FILTER]: how many tests it has.
hostile_count()
{
	"$RTAP_HOSTILE" "$@" --list | wc -l
}

# run_hostile GROUP [FILTER]: each of its tests as one of ours.
run_hostile()
{
	local line log="$RTAP_TMP/hostile.log"

	: >"$log"
	while IFS= read -r line; do
		case "$line" in
		"ok - "* | "not ok - "*) tap_run=$((tap_run + 1)) ;;
		esac
		case "$line" in
		"ok - "*" # SKIP "*)
			echo "${line#* # SKIP }" >"$RTAP_TMP/skip_reason"
			line="${line#ok - }"
			report_test "$RTAP_SKIP" "${line%% # SKIP *}" "$log"
			;;
		"ok - "*)
			report_test 0 "${line#ok - }" "$log"
			;;
		"not ok - "*)
			report_test 1 "${line#not ok - }" "$log"
			;;
		*)
			echo "$line" >>"$log"
			continue
			;;
		esac
		: >"$log"
	done < <(
		"$RTAP_HOSTILE" "$@" --node "$RTAP_NODE" 2>&1 || true
	)
}
