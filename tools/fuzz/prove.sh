#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Puts faults into a copy of the ring sources, one at a time, and demands that each is found.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
build=$top/.build/fuzz-faults
seconds=60

usage()
{
	cat <<-EOF
	usage: ${0##*/} [--seconds N] [NAME...]

	For each fault in tools/fuzz/faults (or those named): how the target that has to find it
	ended. A target starts from the committed corpus and has N seconds, 60 by default.
	EOF
}

# plant FILE SED : a fresh copy of the sources with this fault; fails if it changes nothing.
plant()
{
	local file

	for file in "$top"/kmod/*.[ch]; do
		cmp -s "$file" "$build/kmod/${file##*/}" || cp "$file" "$build/kmod/${file##*/}"
	done
	[[ -n ${1:-} ]] || return 0
	sed -i "$2" "$build/kmod/$1"
	if cmp -s "$top/kmod/$1" "$build/kmod/$1"; then
		return 1
	fi
}

# hunt TARGET LOG : run it; its last words are in LOG. Succeeds if it found nothing.
hunt()
{
	local corpus=$build/corpus

	rm -rf "$corpus"
	mkdir -p "$corpus"
	(cd "$build" && "$build/$1" -max_total_time="$seconds" -timeout=20 -seed=1 -len_control=0 \
		-max_len=4096 -artifact_prefix="$build/" "$corpus" "$top/tools/fuzz/corpus/$1") >"$2" 2>&1
}

# said LOG : by what it was found.
said()
{
	grep -m 1 -oE '^oracle: .*|runtime error: .*|(AddressSanitizer|LeakSanitizer|libFuzzer): [a-z -]*' "$1" |
		sed 's/ on address.*//'
}

main()
{
	local name target file edit log=$build/log found=0 missed=0 only=()

	while (($# > 0)); do
		case $1 in
		--seconds) seconds=$2; shift ;;
		-h | --help) usage; return ;;
		*) only+=("$1") ;;
		esac
		shift
	done
	mkdir -p "$build/kmod"
	plant
	cmake -S "$top/tools/fuzz" -B "$build" -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
		-DRINGTAP_KMOD_DIR="$build/kmod" >"$log"
	while IFS='|' read -r name target file edit; do
		[[ $name != '#'* && -n $name ]] || continue
		read -r name <<<"$name"
		read -r target <<<"$target"
		read -r file <<<"$file"
		[[ ${#only[@]} = 0 || " ${only[*]} " = *" $name "* ]] || continue
		plant "$file" "${edit# }" || { echo "$name: the sources have changed: mend it" && missed=$((missed + 1)) && continue; }
		cmake --build "$build" --target "$target" >"$log" 2>&1 ||
			{ tail -n 20 "$log" && echo "$name: does not build" && missed=$((missed + 1)) && continue; }
		if hunt "$target" "$log"; then
			echo "$name: NOT FOUND by $target"
			missed=$((missed + 1))
		else
			echo "$name: $target: $(said "$log")"
			found=$((found + 1))
		fi
	done <"$top/tools/fuzz/faults"
	echo "$found found, $missed missed"
	((missed == 0))
}

main "$@"
