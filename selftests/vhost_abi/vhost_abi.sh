#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vhost_abi.sh - ringtap's node answers every vhost ioctl as the same kernel's stock node does.
# rtap-kernels: all
# rtap-needs: root module stock
#
# Both nodes are asked the same by one program, section by section; their transcripts must be equal
# but for what the file `intended` lists with its reason. $OUT keeps the transcripts. On a debugging kernel, whose
# stock module is configured otherwise than Debian's, both are asked, and answers are not compared.
# shellcheck disable=SC2317,SC2119 # run_test calls the functions; need_module has optional arguments

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

here="$(cd "$(dirname "$0")" && pwd)"
out="${OUT:-$RTAP_TMP}"
series="$(uname -r | cut -d. -f1,2)"
used="$RTAP_TMP/used"

is_debugging_kernel()
{
	[[ $(uname -r) == *-rtap-* ]]
}

# compare_section PROGRAM SECTION: the transcripts of one section, equal or intended.
compare_section()
{
	local name="${1##*/}.$2" status=0

	"$1" "$RTAP_STOCK_NODE" "$2" >"$out/$name.stock" || status=1
	"$1" "$RTAP_NODE" "$2" >"$out/$name.ours" || status=1
	grep -HE '/(DIED|KILLED): ' "$out/$name.stock" "$out/$name.ours" || true
	! is_debugging_kernel || return "$status"
	awk -v "series=$series" -v "used=$used" -f "$here/compare.awk" \
		"$here/intended" "$out/$name.stock" "$out/$name.ours"
	return "$status"
}

# What the 32-bit program cannot be had for, or nothing.
why_no_32bit()
{
	if [[ ! -x "$RTAP_HELPERS/vhost_abi32" ]]; then
		echo "no 32-bit program: install gcc-12-multilib and libc6-dev-i386 and build again"
	elif ! "$RTAP_HELPERS/vhost_abi32" --list >/dev/null 2>&1; then
		echo "this kernel runs no 32-bit programs"
	fi
}

compare_section_32bit()
{
	local why

	why="$(why_no_32bit)"
	[[ -z "$why" ]] || skip "$why"
	compare_section "$RTAP_HELPERS/vhost_abi32" "$1"
}

# Every entry for this kernel has met the difference it speaks of.
no_entry_is_stale()
{
	! is_debugging_kernel || skip "answers are not compared on a debugging kernel"
	touch "$used"
	awk -v "series=$series" '
		FILENAME == ARGV[1] { used[$1] = 1; next }
		/^$/ || /^#/ { start = 0; next }
		!start { start = FNR }
		/^kernels:/ && ($0 ~ /: all$/ || ($0 " ") ~ (" " series " ")) { wanted[start] = 1 }
		/^steps:/ { steps[start] = $0 }
		END {
			for (line in wanted)
				if (!(line in used)) {
					print "intended:" line ": met no difference: " steps[line]
					stale = 1
				}
			exit stale
		}
	' "$used" "$here/intended"
}

need_root
need_stock
need_module
grep -qE "^# Known series:.* ${series//./\\.}( |\$)" "$here/intended" ||
	skip "no intended differences are known for kernel series $series"
program="$(helper vhost_abi)"
mapfile -t sections < <("$program" --list)

plan $((2 * ${#sections[@]} + 2))
for section in "${sections[@]}"; do
	run_test "64-bit: $section" compare_section "$program" "$section"
done
for section in "${sections[@]}"; do
	run_test "32-bit: $section" compare_section_32bit "$section"
done
run_test "no intended difference is stale" no_entry_is_stale
run_test "the kernel log stays clean" kmsg_is_clean
finish
