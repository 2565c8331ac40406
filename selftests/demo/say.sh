# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# say.sh - plain words on the screen, and a sign of life while something takes its time (to be sourced).

# How often a silent wait is mentioned: a terminal's line is rewritten, a log gets few lines.
tick_seconds=10
[[ ! -t 1 ]] || tick_seconds=1

head_line()
{
	printf '\n%s\n' "$*"
}

# fact NAME VALUE...: one aligned line.
fact()
{
	local name=$1

	shift
	printf '  %-22s %s\n' "$name" "$*"
}

# tick SECONDS: how long the wait has taken.
tick()
{
	if [[ -t 1 ]]; then
		printf '\r  ... %d s \r' "$1"
	else
		printf '  ... %d s\n' "$1"
	fi
}

# step WORDS LOG COMMAND...: do it, silent but for ticks; when it fails, the end of its log and its status.
step()
{
	local words=$1 log=$2 began=$SECONDS told=$SECONDS pid rc=0

	shift 2
	printf '  %s\n' "$words"
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		if ((SECONDS - told >= tick_seconds)); then
			told=$SECONDS
			tick $((SECONDS - began))
		fi
		sleep 0.2
	done
	wait "$pid" || rc=$?
	if ((rc != 0)); then
		printf '  failed; the end of %s:\n' "$log"
		tail -n 20 "$log" | sed 's/^/    /'
	fi
	return "$rc"
}

# narrate COMMAND...: its output line by line, ticks while it says nothing, and its status.
narrate()
{
	local fd line part='' began=$SECONDS

	exec {fd}< <(
		rc=0
		"$@" 2>&1 </dev/null || rc=$?
		echo "narrated $rc"
	)
	while :; do
		if ! IFS= read -r -t "$tick_seconds" -u "$fd" line; then
			part+=$line
			tick $((SECONDS - began))
			continue
		fi
		line=$part$line part='' began=$SECONDS
		[[ $line != "narrated "* ]] || break
		printf '%s\n' "${line%$'\r'}"
	done
	exec {fd}<&-
	return "${line#narrated }"
}
