# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # names from selftests/lib.sh
# host.sh - module in, counters, module out, in words (to be sourced after lib.sh and say.sh).

host_line()
{
	head_line "The host"
	fact "kernel" "$(uname -r), $(nproc) processors$(grep -q 'QEMU TCG' /proc/cpuinfo && echo ', emulated')"
}

module_in()
{
	if module_is_loaded ringtap; then
		fact "module" "ringtap is loaded already: version $(cat /sys/module/ringtap/version)"
		return
	fi
	echo "  \$ insmod ringtap.ko"
	load_ringtap
	wait_for 5 node_is_open_to_us "$RTAP_NODE"
	fact "module" "version $(cat /sys/module/ringtap/version) serves $RTAP_NODE"
}

# show_counters [FILE]: what the queues of the guest's device counted, but for what is 0 in both.
show_counters()
{
	local file=${1:-}

	[[ -n $file ]] || file=$(device_files | head -n 1)
	head_line "What its queues have counted so far"
	printf '  %-22s %14s %14s\n' "" "rx, to guest" "tx, from guest"
	awk '
		/^[rt]x\.[a-z_]+ [0-9]+$/ && $1 !~ /\.(size|last_)/ {
			name = substr($1, 4)
			if (!(name in seen)) order[++n] = name
			seen[name] = 1
			count[substr($1, 1, 2), name] = $2
		}
		END {
			for (i = 1; i <= n; i++)
				if (count["rx", order[i]] + count["tx", order[i]])
					printf "  %-22s %14d %14d\n", order[i],
						count["rx", order[i]], count["tx", order[i]]
		}' "$file"
}

# module_out: unloaded, unless it was there before, and nothing bad in the kernel's log.
module_out()
{
	if grep -q unload_ringtap "$RTAP_TMP/at_exit" 2>/dev/null; then
		echo "  \$ rmmod ringtap"
		wait_for 10 unload_ringtap
		fact "module" "gone, nothing left behind"
	fi
	kmsg_is_clean
	fact "kernel log" "nothing to worry about, $(kmsg_since_mark | grep -c ringtap: || true) lines of ringtap's"
}
