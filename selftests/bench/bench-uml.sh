#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Measures the nanoseconds a vhost worker needs per packet, under User-Mode Linux at native speed.
set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
lab=${RINGTAP_UMLLAB:-$repo/../shared/umllab}
out=$repo/.build/out/bench-uml
CACHE=$(realpath -m "${RINGTAP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ringtap}")
export CACHE
# Without arguments: many short runs, of which the fastest counts: the machine may be busy, which can only slow them
# down. Bursts as large as the ring, since waking a thread costs more here than anywhere else.
defaults=(--pick fastest --repeats 30 --packets 8192 --batches 256)

# run_fence 0|1 ARGUMENT... : one boot; without a fence before each user copy, or with one.
run_fence()
{
	local fence=$1

	shift
	TIMEOUT=${RTAP_BENCH_TIMEOUT:-600} "$lab/run.sh" perf selftests/bench/uml-job.sh \
		"RTAP_REPO=$repo" "RTAP_OUT=$out" "RTAP_FENCE=$fence" "RTAP_ARGUMENTS=\"$*\"" |
		tr -d '\r' | tee "$out/fence-$fence.log"
	grep -q '^bench exit status: 0$' "$out/fence-$fence.log"
}

# build_uml : the kernel, unless it is in the cache; one build at a time.
build_uml()
{
	mkdir -p "$CACHE"
	exec 9>"$CACHE/.lock.uml-perf"
	flock 9
	if [[ ! -e $CACHE/uml-perf/umwin/umwin.ko ]]; then
		echo "building User-Mode Linux: about 5 minutes on two idle cores" >&2
		nice "$lab/build.sh" perf >"$out/build.log" 2>&1 9>&- || {
			tail -n 20 "$out/build.log" >&2
			return 1
		}
	fi
	exec 9>&-
}

main()
{
	if [[ ! -x $lab/build.sh ]]; then
		echo "no umllab (RINGTAP_UMLLAB names it, or ../shared/umllab): no nanoseconds"
		exit 4
	fi
	cd "$repo"
	mkdir -p "$out"
	build_uml
	selftests/vm/build.sh um >"$out/build.log" 2>&1 || {
		tail -n 20 "$out/build.log" >&2
		exit 1
	}
	# What must be native speed is the kernel module; the lower and the upper bound of what
	# SMAP and speculation barriers cost on hardware are a boot each.
	(($#)) || set -- "${defaults[@]}"
	run_fence 0 "$@"
	run_fence 1 "$@"
}

main "$@"
