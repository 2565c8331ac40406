#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Line and branch coverage of the ring and memory sources by the committed corpus.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
build=$top/.build/fuzz-coverage
targets=(ring_fuzz ring_fetch_fuzz ring_race_fuzz mem_fuzz iotlb_fuzz)

main()
{
	local target objects=() sources=() name

	case ${1:-} in
	-h | --help)
		echo "usage: ${0##*/} [--lines]"
		echo "A table of coverage; with --lines, the lines and branches that nothing reached."
		return ;;
	esac
	mkdir -p "$build"
	cmake -S "$top/tools/fuzz" -B "$build" -DRINGTAP_FUZZ_REPLAY=ON \
		-DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ >"$build/log"
	cmake --build "$build" --target "${targets[@]}" >>"$build/log" 2>&1 || { tail -n 30 "$build/log"; return 1; }
	for target in "${targets[@]}"; do
		LLVM_PROFILE_FILE=$build/$target.profraw "$build/$target" "$top/tools/fuzz/corpus/$target" >>"$build/log"
		objects+=(-object "$build/$target")
	done
	llvm-profdata merge -o "$build/all.profdata" "$build"/*.profraw
	for name in area area_map iotlb log mem ring ring_chain ring_packed ring_split; do
		sources+=("$top/kmod/$name.c")
	done
	sources+=("$top/kmod/area.h" "$top/kmod/iotlb.h" "$top/kmod/mem.h" "$top/kmod/ring_layout.h")
	if [[ ${1:-} = --lines ]]; then
		llvm-cov show "${objects[@]:1}" -instr-profile="$build/all.profdata" --show-branches=count \
			"${sources[@]}" | grep -E '^/|\|      0\|.*[[:alnum:]}]|Branch .*: 0[],]' || true
	else
		llvm-cov report "${objects[@]:1}" -instr-profile="$build/all.profdata" \
			--show-region-summary=false --show-branch-summary "${sources[@]}"
	fi
}

main "$@"
