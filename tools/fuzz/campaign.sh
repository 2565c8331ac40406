#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzzes the rings and the memory tables for a while, and says how many states it saw.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
build=$top/.build/fuzz
out=$top/.build/out/fuzz
all=(ring_fuzz ring_fetch_fuzz ring_race_fuzz mem_fuzz iotlb_fuzz)

usage()
{
	cat <<-EOF
	usage: ${0##*/} [--merge] [MINUTES [JOBS [TARGET...]]]

	Runs each target (${all[*]}) for its share of MINUTES (10), JOBS (1) at a time. They begin
	with the committed corpus and with what earlier campaigns found, in .build/out/fuzz. At the
	end it prints inputs and states, of this campaign and of all. An input that fails is left in
	.build/out/fuzz/TARGET.failed/. --merge: afterwards, put a minimal corpus of everything
	found into tools/fuzz/corpus.
	EOF
}

# fuzz TARGET SECONDS
fuzz()
{
	mkdir -p "$out/$1.corpus" "$out/$1.failed" "$top/tools/fuzz/corpus/$1"
	RINGTAP_FUZZ_STATES=$out/states "$build/$1" -max_total_time="$2" -timeout=20 \
		-rss_limit_mb=4096 -len_control=0 -max_len=4096 -reload=0 -print_final_stats=1 \
		-artifact_prefix="$out/$1.failed/" "$out/$1.corpus" "$top/tools/fuzz/corpus/$1" \
		>"$out/$1.log" 2>&1 || {
		echo "$1 failed: see $out/$1.log, and the input in $out/$1.failed/" >&2
		return 1
	}
}

# merge TARGET : the fewest inputs, of 1 KiB at most, that reach what all of them reach. How often
# they get there counts too, but not where timing or a second script only varies it.
merge()
{
	local corpus=$top/tools/fuzz/corpus/$1 small=$out/$1.small counters=1

	case $1 in
	ring_fetch_fuzz | ring_race_fuzz) counters=0 ;;
	esac
	rm -rf "$small"
	mkdir -p "$small"
	"$build/$1" -set_cover_merge=1 -use_counters=$counters -max_len=1024 "$small" "$corpus" \
		"$out/$1.corpus" >"$out/$1.merge.log" 2>&1
	rm -rf "$corpus"
	mv "$small" "$corpus"
	echo "$1: $(find "$corpus" -type f | wc -l) inputs, $(du -sb "$corpus" | cut -f1) bytes"
}

# totals : a line for each target and one for all, from what the targets counted.
totals()
{
	awk '
	{ inputs[$1] += $2; verbs[$1] += $3; writes[$1] += $4; raced[$1] += $5 }
	function row(name, i, v, w, r) {
		printf "%-16s %14d %14d %14d %14d %14d\n", name, i, v, w, v + w, r
	}
	END {
		printf "%-16s %14s %14s %14s %14s %14s\n", "target", "inputs", "verbs", "writes", "states", "raced writes"
		for (t in inputs) {
			row(t, inputs[t], verbs[t], writes[t], raced[t])
			i += inputs[t]; v += verbs[t]; w += writes[t]; r += raced[t]
		}
		row("all", i, v, w, r)
	}'
}

main()
{
	local minutes jobs targets seconds target earlier merge='' bad=0

	case ${1:-} in
	-h | --help) usage; return ;;
	--merge) merge=1; shift ;;
	esac
	minutes=${1:-10} jobs=${2:-1} targets=("${@:3}")
	((${#targets[@]})) || targets=("${all[@]}")
	mkdir -p "$out"
	cmake -S "$top/tools/fuzz" -B "$build" -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ >"$out/build.log"
	cmake --build "$build" --target "${targets[@]}" >>"$out/build.log" 2>&1 || { tail -n 30 "$out/build.log"; return 1; }
	touch "$out/states"
	earlier=$(wc -l <"$out/states")
	seconds=$((minutes * 60 * jobs / ${#targets[@]}))
	for target in "${targets[@]}"; do
		while (($(jobs -rp | wc -l) >= jobs)); do
			wait -n || bad=1
		done
		((seconds == 0)) || fuzz "$target" "$seconds" &
	done
	while [[ -n $(jobs -p) ]]; do
		wait -n || bad=1
	done
	tail -n "+$((earlier + 1))" "$out/states" | totals
	echo "all campaigns:"
	totals <"$out/states"
	if [[ -n $merge && $bad = 0 ]]; then
		for target in "${targets[@]}"; do
			merge "$target"
		done
	fi
	return "$bad"
}

# One may be changed while it runs.
main "$@"; exit
