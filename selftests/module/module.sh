# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# module.sh - what the tests of the module's life share: loading it, holding its node, looking for remains.

# shellcheck source=selftests/devices.sh
. "$RTAP_SELFTESTS/devices.sh"

# need_own_module: the module is ours to load and unload. Loaded already, it is taken out if RINGTAP_KO
# says what to put in again; the next test that needs it does so.
need_own_module()
{
	if module_is_loaded ringtap; then
		[[ -n "${RINGTAP_KO:-}" ]] ||
			skip "ringtap is loaded; set RINGTAP_KO to let this test unload and load it"
		rmmod ringtap 2>/dev/null || skip "ringtap is in use"
	fi
	[[ -x "$RINGTAP" ]] || skip "needs $RINGTAP: build the tools"
	modinfo "${RINGTAP_KO:-ringtap}" >/dev/null 2>&1 ||
		skip "no ringtap.ko: set RINGTAP_KO or install the module"
}

# reload [PARAM=VALUE...]: the module afresh.
reload()
{
	unload_ringtap
	load_ringtap "$@"
}

refcount()
{
	cat "/sys/module/$1/refcnt"
}

refcount_is()
{
	[[ "$(refcount "$1")" == "$2" ]]
}

# nothing_remains NODE: no trace of the module in sysfs, /dev, /proc or among the netlink families.
nothing_remains()
{
	local path

	for path in /sys/module/ringtap "/dev/$1" "/sys/class/misc/$1"; do
		[[ ! -e "$path" ]] || {
			echo "$path is still there"
			return 1
		}
	done
	refute grep -w "$1" /proc/misc
	family_is_gone
}

# hold NODE: start an owner of NODE in the background; sets `holder` to its pid.
hold()
{
	local pipe="$RTAP_TMP/hold.$RANDOM"

	mkfifo "$pipe" "$pipe.out"
	"$(helper hold)" "$1" <"$pipe" >"$pipe.out" &
	holder=$!
	exec {hold_input}>"$pipe"
	grep -q ready <"$pipe.out"
}

# let_go: end the owner that hold() started, as a process ends by itself.
let_go()
{
	exec {hold_input}>&-
	wait "$holder"
}

# worker_count PID: threads of any process named as PID's vhost workers are.
worker_count()
{
	grep -lsx "vhost-$1" /proc/[0-9]*/task/*/comm | wc -l
}

worker_count_is()
{
	[[ "$(worker_count "$1")" == "$2" ]]
}
