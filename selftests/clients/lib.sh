# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# lib.sh - runs programs of others that use vhost-net: DPDK's testpmd, and the kernel tree's own test (to be sourced
# after ../lib.sh).

# shellcheck source=selftests/devices.sh
. "$RTAP_SELFTESTS/devices.sh"
# shellcheck source=selftests/module/module.sh
. "$RTAP_SELFTESTS/module/module.sh"

RTAP_CLIENTS="$RTAP_SELFTESTS/clients"

# client_root NAME: where vm/fetch.sh has put a program.
client_root()
{
	bash -c '. "$1/vm/common.sh"; kernel_root "$2"' - "$RTAP_SELFTESTS" "$1"
}

# need_dpdk: testpmd in the cache, huge pages for it, and a network namespace; sets `dpdk`, `ns` and `huge_pages_before`.
need_dpdk()
{
	dpdk="$(client_root dpdk)"
	[[ -x "$dpdk/usr/bin/dpdk-testpmd" ]] || skip "needs DPDK's testpmd: selftests/vm/fetch.sh dpdk"
	grep -qw ssse3 /proc/cpuinfo || skip "DPDK needs a processor with SSSE3"
	need_huge_pages 64
	huge_pages_before="$(huge_pages_free)"
	ns="rtap-clients-$$"
	make_netns "$ns"
}

# need_huge_pages COUNT: that many more of 2 MiB, until the file ends.
need_huge_pages()
{
	local before

	before="$(cat /proc/sys/vm/nr_hugepages)"
	at_exit sysctl -qw "vm.nr_hugepages=$before"
	sysctl -qw "vm.nr_hugepages=$((before + $1))"
	[[ "$(huge_pages_free)" -ge "$1" ]] || skip "needs $1 free huge pages"
}

huge_pages_free()
{
	awk '/^HugePages_Free/ { print $2 }' /proc/meminfo
}

# testpmd VDEV-OPTIONS OPTIONS...: start it on our node with a TAP of its own, pmd0; sets `testpmd` to its pid and
# `testpmd_log`. What is printed first is the command line, as a user has to give it. One that a failed test has left
# is ended first.
testpmd()
{
	local lib="$dpdk/usr/lib/x86_64-linux-gnu" vdev pipe

	vdev="net_virtio_user0,path=$RTAP_NODE,iface=pmd0,mac=02:00:00:00:00:01${1:+,$1}"
	shift
	pipe="$RTAP_TMP/testpmd.$RANDOM"
	testpmd_log="$pipe.log"
	[[ ! -s "$RTAP_TMP/testpmd" ]] || {
		kill -KILL "$(<"$RTAP_TMP/testpmd")" 2>/dev/null || true
		wait_for 20 refute ip -n "$ns" link show pmd0
	}
	mkfifo "$pipe"
	exec {testpmd_input}<>"$pipe"
	echo "dpdk-testpmd --in-memory -m 64 --no-pci --iova-mode=va --vdev=$vdev -- -i $*"
	ip netns exec "$ns" stdbuf -oL env "LD_LIBRARY_PATH=$lib" "$dpdk/usr/bin/dpdk-testpmd" --in-memory -m 64 \
		--no-pci --no-telemetry --iova-mode=va --lcores '0@(0-1),1@(0-1)' \
		-d "$lib/dpdk/pmds-23.0/librte_net_virtio.so.23" \
		-d "$lib/dpdk/pmds-23.0/librte_mempool_ring.so.23" \
		--vdev="$vdev" -- -i --total-num-mbufs=4096 "$@" <"$pipe" >"$testpmd_log" 2>&1 &
	testpmd=$!
	echo "$testpmd" >"$RTAP_TMP/testpmd"
	at_exit kill -KILL "$testpmd"
	wait_for 60 testpmd_has_prompt 1 || fail "testpmd does not start: $(cat "$testpmd_log")"
	ip -n "$ns" link set pmd0 up
}

# testpmd_has_prompt COUNT: it has asked for so many commands; or it is gone.
testpmd_has_prompt()
{
	[[ "$(grep -o 'testpmd> ' "$testpmd_log" | wc -l)" -ge "$1" ]] || ! kill -0 "$testpmd"
}

# testpmd_does COMMAND: have it do that, and wait until it has.
testpmd_does()
{
	local prompts

	prompts="$(grep -o 'testpmd> ' "$testpmd_log" | wc -l)"
	echo "$1" >&"$testpmd_input"
	wait_for 30 testpmd_has_prompt $((prompts + 1))
	kill -0 "$testpmd"
}

# testpmd_quits: it ends by itself, with status 0, and leaves nothing.
testpmd_quits()
{
	echo quit >&"$testpmd_input"
	wait "$testpmd"
	testpmd_left_nothing
}

# testpmd_left_nothing: no device, thread, TAP, user of the module or pinned page is left of it.
testpmd_left_nothing()
{
	wait_for 10 device_count_is 0
	wait_for 10 worker_count_is "$testpmd" 0
	wait_for 10 refcount_is ringtap 0
	refute ip -n "$ns" link show pmd0 2>/dev/null
	wait_for 10 all_unpinned
	[[ "$(huge_pages_free)" == "$huge_pages_before" ]]
}

# all_unpinned: as many pages have been unpinned as were pinned, by whomever, since the machine was started.
all_unpinned()
{
	awk '/^nr_foll_pin_acquired / { a = $2 } /^nr_foll_pin_released / { r = $2 } END { exit a != r }' /proc/vmstat
}

# far_end WHAT...: frames.py on testpmd's TAP; what everybody has to say about it if it fails.
far_end()
{
	timeout $((120 * RTAP_SLOW)) ip netns exec "$ns" python3 "$RTAP_CLIENTS/frames.py" "$@" || {
		testpmd_does "show fwd stats all" || true
		testpmd_does "show port xstats all" || true
		tail -n 60 "$testpmd_log"
		ip -n "$ns" -s link show pmd0
		"$RINGTAP" show || true
		return 1
	}
}

# has_bit HEX BIT: that bit is in the number.
has_bit()
{
	(($1 >> $2 & 1))
}

# sum_of NAME FILE...: a fact of each device, added up.
sum_of()
{
	local name="$1"

	shift
	awk -v "name=$name" '$1 == name { sum += $2 } END { print sum + 0 }' "$@"
}
