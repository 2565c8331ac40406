#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs every test that needs no guest on the debugging kernels, which are built if they are not there.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd -P)
repo=${here%/*}
out=$repo/.build/out/debug
newest=7.3
bad=0

# shellcheck source=selftests/vm/common.sh
. "$here/vm/common.sh"
# shellcheck source=selftests/stages.sh
. "$here/stages.sh"

usage()
{
	cat <<-EOF2
	usage: ${0##*/} [SERIES [TEST...]]

	SERIES: one of $debug_series; without, all of them in turn.
	TEST: files of selftests/, as in datapath/drive.sh; without, all that need no guest.
	Logs: .build/out/vm-SERIES/{console.log,dmesg.txt}, .build/out/debug/SERIES.log
	EOF2
}

# run_series SERIES [TEST...] : builds, then the tests in a VM, as TAP.
run_series()
{
	local series=$1 tests=()

	shift
	tests=("$@")
	((${#tests[@]} > 0)) || mapfile -t tests < <(tests_for all "$series" vm)
	in_debug_vm "$series" "${RTAP_TIMEOUT:-5400}" "${tests[@]}"
}

main()
{
	local series=() one log

	[[ ${1:-} != -h && ${1:-} != --help ]] || { usage && exit; }
	mkdir -p "$out"
	if (($# > 0)); then
		check_series "$1"
		series=("$1")
		shift
	else
		read -ra series <<<"$debug_series"
	fi
	build_tools --target ringtap ringtap_hostile >"$out/tools.log" 2>&1 || {
		tail -n 20 "$out/tools.log" >&2
		exit 1
	}
	for one in "${series[@]}"; do
		log=$out/$one.log
		RTAP_VERBOSE='' run_series "$one" "$@" 2>&1 | tee "$log" |
			awk -v stage="$one" -v results="$out/$one.results" -v verbose="${V:-}" -f "$here/tap.awk"
		((PIPESTATUS[0] == 0)) || bad=1
		echo "== $one: $(grep -c '^ok' "$out/$one.results") passed, $(grep -c '^not ok' "$out/$one.results") failed"
		! grep -q '^not ok' "$out/$one.results" || bad=1
	done
	exit "$bad"
}

main "$@"
