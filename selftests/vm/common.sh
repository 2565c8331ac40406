# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Names, places and messages that the scripts of this directory share (to be sourced).

vm_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck disable=SC2034 # used by the scripts that source this file
repo=$(cd "$vm_dir/../.." && pwd -P)
cache=$(realpath -m "${RINGTAP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ringtap}")
# shellcheck disable=SC2034
all_series="6.1 6.12 7.3"
# Built here with the kernel's own checks on: selftests/debug/.
debug_series="6.12-kasan 6.12-kcsan"

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	say "$*"
	exit 1
}

# need_programs PACKAGE:PROGRAM... : stop with one apt line when something is not installed.
need_programs()
{
	local pair missing=()

	for pair in "$@"; do
		command -v "${pair#*:}" >/dev/null || missing+=("${pair%%:*}")
	done
	((${#missing[@]} == 0)) ||
		die "missing programs; run: apt-get install -y --no-install-recommends ${missing[*]}"
}

# with_lock NAME CMD... : run CMD while holding the cache's lock NAME; concurrent runs wait.
with_lock()
{
	local name=$1

	shift
	mkdir -p "$cache"
	(
		flock -n 9 || {
			say "waiting for another run that holds the lock $name"
			flock 9
		}
		"$@"
	) 9>"$cache/.lock.$name"
}

check_series()
{
	[[ " $all_series $debug_series " == *" $1 "* ]] ||
		die "unknown kernel series '$1' (known: $all_series $debug_series)"
}

# The unpacked image and modules of a series, and its full release name.
kernel_root()
{
	printf '%s\n' "$cache/kernels/$1"
}

kernel_release()
{
	cat "$(kernel_root "$1")/release"
}

kernel_modules()
{
	printf '%s\n' "$(kernel_root "$1")/usr/lib/modules/$(kernel_release "$1")"
}
