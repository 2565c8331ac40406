#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh - what every shell test of ringtap shares: TAP output, clean-up, waiting, and the kernel log.
#
#	. "$(dirname "$0")/../lib.sh"
#	need_root; need_module
#	plan 2
#	make_netns "$ns"; make_tap -n "$ns" tap0
#	run_test "frames arrive" frames_arrive tap0
#	run_test "the kernel log stays clean" kmsg_is_clean
#	finish
#
# A test function passes by returning 0. It runs in a subshell under `set -e`; what it prints becomes
# TAP comments when it fails. `skip REASON` inside it skips that test, before `plan` the whole file.
# Whatever is made here is registered with at_exit() and undone in reverse order by one trap.
#
# Header comments of a test file, read by the runner:
#	# rtap-kernels: all | 6.1 6.12 7.3	(absent: the newest alone)
#	# rtap-quick: yes			(absent: not part of check-quick)
#	# rtap-debug: yes			(of a check, also on a debugging kernel that is built already)
#	# rtap-needs: root module stock kvm ...	(what the machine must have; makes a file a test)

set -euo pipefail

RTAP_SELFTESTS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
RTAP_TOP="$(dirname "$RTAP_SELFTESTS")"
RTAP_HELPERS="${OUTPUT:-$RTAP_TOP/.build/selftests}"
RTAP_NODE="${RTAP_NODE:-/dev/vhost-ringtap}"
RTAP_STOCK_NODE="${RTAP_STOCK_NODE:-/dev/vhost-net}"
RTAP_TMP="$(mktemp -d "${TMPDIR:-/tmp}/rtap.XXXXXX")"
RTAP_MARKER="ringtap-selftest ${0##*/} ${RTAP_TMP##*.}"
RTAP_SKIP=4
export RTAP_SLOW="${RTAP_SLOW:-1}"
: "${RTAP_SELFTESTS}" "${RTAP_NODE}" "${RTAP_STOCK_NODE}"

# Text in the kernel log that no test may cause.
RTAP_KMSG_BAD='BUG:|WARNING:|Oops|Kernel panic|general protection fault|Unable to handle kernel'
RTAP_KMSG_BAD+='|refcount_t:|KASAN|KCSAN|KMSAN|UBSAN|kmemleak: [1-9]|Call Trace|cut here'
RTAP_KMSG_BAD+='|possible (recursive|circular) locking|inconsistent lock state|held lock freed'
RTAP_KMSG_BAD+='|suspicious RCU usage|still has locks held|lock held when returning|bad unlock balance'
RTAP_KMSG_BAD+='|scheduling while atomic|sleeping function called|soft lockup|blocked for more than'
RTAP_KMSG_BAD+='|Objects remaining|unregister_netdevice: waiting|Bad page|list_(add|del) corruption'

tap_planned=0
tap_run=0
tap_failed=0
tap_skipped=0
in_test=0

# --- clean-up ---------------------------------------------------------------------------------

# at_exit COMMAND ARGS...: run it when the file ends; last registered runs first. Works in subshells.
at_exit()
{
	printf '%q ' "$@" >>"$RTAP_TMP/at_exit"
	echo >>"$RTAP_TMP/at_exit"
}

run_at_exit()
{
	local command

	trap - EXIT
	set +e
	if [[ -s "$RTAP_TMP/at_exit" ]]; then
		tac "$RTAP_TMP/at_exit" >"$RTAP_TMP/at_exit.todo"
		while read -r command; do
			eval "$command" </dev/null >/dev/null 2>&1
		done <"$RTAP_TMP/at_exit.todo"
	fi
	rm -rf "$RTAP_TMP"
}

on_exit()
{
	local rc=$?

	if ((BASH_SUBSHELL == 0)); then
		run_at_exit
		if ((rc != 0 && rc != RTAP_SKIP && tap_planned > 0 && tap_run < tap_planned)); then
			echo "Bail out! ${0##*/} ended early with status $rc"
		fi
	fi
	exit "$rc"
}
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- TAP --------------------------------------------------------------------------------------

comment()
{
	sed 's/^/# /'
}

# plan N: announce N tests and mark the kernel log.
plan()
{
	tap_planned="$1"
	echo "TAP version 13"
	echo "1..$1"
	kmsg_mark
}

# skip REASON: skip this test (inside run_test) or the whole file (before plan).
skip()
{
	if ((in_test)); then
		echo "$*" >"$RTAP_TMP/skip_reason"
	else
		echo "TAP version 13"
		echo "1..0 # SKIP $*"
	fi
	exit "$RTAP_SKIP"
}

# fail REASON: end this test (inside run_test) or the whole file.
fail()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# refute COMMAND ARGS...: succeed if it fails (a bare `!` is not seen by set -e).
refute()
{
	if "$@"; then
		echo "succeeded, and should not have: $*" >&2
		return 1
	fi
}

# run_test NAME FUNCTION ARGS...: one TAP line. Never call it in a condition: that disables set -e.
run_test()
{
	local name="$1" log="$RTAP_TMP/log" rc=0
	shift

	tap_run=$((tap_run + 1))
	rm -f "$RTAP_TMP/skip_reason"
	set +e
	(
		in_test=1
		set -e
		"$@"
	) >"$log" 2>&1
	rc=$?
	set -e
	report_test "$rc" "$name" "$log"
}

# report_test STATUS NAME [LOG]: the TAP line for something that already ran.
report_test()
{
	local rc="$1" name="$2" log="${3:-/dev/null}"

	if ((rc == 0)); then
		[[ -z "${RTAP_VERBOSE:-}" ]] || comment <"$log"
		echo "ok $tap_run - $name"
	elif ((rc == RTAP_SKIP)); then
		tap_skipped=$((tap_skipped + 1))
		echo "ok $tap_run - $name # SKIP $(cat "$RTAP_TMP/skip_reason" 2>/dev/null || tail -n 1 "$log")"
	else
		tap_failed=$((tap_failed + 1))
		comment <"$log"
		echo "not ok $tap_run - $name"
	fi
}

# run_program COMMAND ARGS...: a program that prints a TAP line for each of its tests: each as one of ours.
run_program()
{
	local line log="$RTAP_TMP/program.log"

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
		"$@" 2>&1 || echo "# ended with status $?"
	)
}

# finish: close the TAP stream; exit 0, 1, or 4 when every test was skipped.
finish()
{
	echo "# Totals: pass:$((tap_run - tap_failed - tap_skipped)) fail:$tap_failed skip:$tap_skipped"
	if ((tap_run != tap_planned)); then
		echo "# planned $tap_planned tests, ran $tap_run"
		exit 1
	fi
	((tap_failed == 0)) || exit 1
	((tap_skipped < tap_run)) || exit "$RTAP_SKIP"
	exit 0
}

# --- waiting ----------------------------------------------------------------------------------

# wait_for SECONDS COMMAND ARGS...: poll until COMMAND succeeds; returns 1 at the deadline.
# RTAP_SLOW=N: on this machine everything takes up to N times as long, deadlines too.
wait_for()
{
	local deadline=$((SECONDS + $1 * RTAP_SLOW))
	shift

	until "$@" >/dev/null 2>&1; do
		if ((SECONDS >= deadline)); then
			echo "gave up waiting for: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}

# --- kernel log -------------------------------------------------------------------------------

kmsg_mark()
{
	[[ ! -w /dev/kmsg ]] || echo "$RTAP_MARKER" >/dev/kmsg
}

# kmsg_since_mark: what the kernel has logged since plan().
kmsg_since_mark()
{
	dmesg | awk -v marker="$RTAP_MARKER" 'index($0, marker) { seen = 1; next } seen'
}

# kmsg_is_clean: no BUG, WARNING, lockdep, Oops or refcount text since plan().
kmsg_is_clean()
{
	local bad

	[[ "$(dmesg)" == *"$RTAP_MARKER"* ]] ||
		skip "no marker in the kernel log: cannot read or write it"
	bad="$(kmsg_since_mark | awk -f "$RTAP_SELFTESTS/debug/kmsg.awk" | grep -E -A 30 "$RTAP_KMSG_BAD" || true)"
	[[ -z "$bad" ]] || {
		echo "$bad"
		return 1
	}
}

# --- what a test needs ------------------------------------------------------------------------

need_root()
{
	((EUID == 0)) || skip "needs root"
}

# need_command COMMAND...
need_command()
{
	local command

	for command in "$@"; do
		command -v "$command" >/dev/null || skip "needs the command $command"
	done
}

module_is_loaded()
{
	[[ -d "/sys/module/$1" ]]
}

module_is_unused()
{
	[[ "$(cat "/sys/module/$1/refcnt")" == 0 ]]
}

node_is_open_to_us()
{
	[[ -c "$1" && -r "$1" && -w "$1" ]]
}

# load_ringtap [PARAM=VALUE...]: insert $RINGTAP_KO, or the installed module; unloaded when the file ends.
load_ringtap()
{
	if [[ -n "${RINGTAP_KO:-}" ]]; then
		modprobe -a tun tap vhost_iotlb
		insmod "$RINGTAP_KO" "$@"
	else
		modprobe ringtap "$@"
	fi
	at_exit unload_ringtap
}

# unload_ringtap: remove the module if it is there.
unload_ringtap()
{
	! module_is_loaded ringtap || rmmod ringtap
}

# need_module [PARAM=VALUE...]: the node of ringtap, loading $RINGTAP_KO where a test VM offers it.
need_module()
{
	if ! module_is_loaded ringtap && [[ -n "${RINGTAP_KO:-}" && -e "${RINGTAP_KO:-}" ]]; then
		load_ringtap "$@"
	fi
	module_is_loaded ringtap || skip "module ringtap is not loaded"
	wait_for 5 node_is_open_to_us "$RTAP_NODE" || skip "cannot open $RTAP_NODE"
}

# need_stock: the stock node, from module vhost_net.
need_stock()
{
	modprobe vhost_net 2>/dev/null || true
	module_is_loaded vhost_net || skip "module vhost_net cannot be loaded"
	wait_for 5 node_is_open_to_us "$RTAP_STOCK_NODE" || skip "cannot open $RTAP_STOCK_NODE"
}

# helper NAME: path of a C helper, built if it is missing.
helper()
{
	if [[ ! -x "$RTAP_HELPERS/$1" ]]; then
		make -s -C "$RTAP_SELFTESTS" "OUTPUT=$RTAP_HELPERS" "$RTAP_HELPERS/$1" >&2
	fi
	echo "$RTAP_HELPERS/$1"
}

# --- network ----------------------------------------------------------------------------------

# make_netns NAME: a namespace with loopback up and IPv6 off, so that its links stay quiet.
make_netns()
{
	ip netns add "$1"
	at_exit ip netns del "$1"
	ip netns exec "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
		net.ipv6.conf.default.disable_ipv6=1 2>/dev/null || true
	ip -n "$1" link set lo up
}

# make_tap [-n NETNS] NAME [TUNTAP OPTIONS...]: a persistent TAP with a virtio header, up.
make_tap()
{
	local ip=(ip) name

	if [[ "$1" == -n ]]; then
		ip=(ip -n "$2")
		shift 2
	fi
	name="$1"
	shift
	"${ip[@]}" tuntap add "$name" mode tap vnet_hdr "$@"
	at_exit "${ip[@]}" link del "$name"
	"${ip[@]}" link set "$name" up
}

# --- the tool ---------------------------------------------------------------------------------

# need_tool: the program ringtap, built or installed; sets `ringtap` to it.
need_tool()
{
	ringtap="${RINGTAP:-$RTAP_TOP/.build/tools/ringtap}"
	[[ -x "$ringtap" ]] || ringtap="$(command -v ringtap)" || skip "needs the program ringtap: make tools"
}

# drive OPTIONS...: move verified frames through the node; what ringtap drive cannot have is a skip.
drive()
{
	local rc=0 patience=()

	((RTAP_SLOW == 1)) || [[ " $* " == *" --stall "* ]] || patience=(--stall $((5 * RTAP_SLOW)))
	"$ringtap" drive --node "$RTAP_NODE" "${patience[@]}" "$@" >"$RTAP_TMP/drive" 2>&1 || rc=$?
	cat "$RTAP_TMP/drive"
	((rc != RTAP_SKIP)) || skip "$(tail -n 1 "$RTAP_TMP/drive")"
	return "$rc"
}
