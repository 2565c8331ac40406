# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the static checks share: the list of the tree's own files (to be sourced).

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd "$top" || exit 1

# files [EXTENDED_REGEX] : files of the tree whose path matches, one a line; works without git too.
# Inputs for fuzzers are data, whatever their bytes look like.
files()
{
	if [[ -e .git ]]; then
		git ls-files --cached --others --exclude-standard
	else
		find . -type f -not -path './.build/*' -printf '%P\n'
	fi | grep -v '^tools/fuzz/corpus/' | sort -u | grep -E "${1:-.}" | while read -r f; do
		[[ ! -f $f ]] || printf '%s\n' "$f"
	done
}

# skip WHY : this check cannot run here.
skip()
{
	echo "$*"
	exit 4
}

# need PROGRAM
need()
{
	command -v "$1" >/dev/null || skip "$1 is not installed"
}

# fail_if_any LINES... on standard input: print them and fail, when there are any.
fail_if_any()
{
	local text

	text=$(cat)
	[[ -z $text ]] || {
		printf '%s\n' "$text"
		exit 1
	}
}
