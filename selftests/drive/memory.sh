#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# memory.sh - rings are pinned in memory that allows it, without limits in the way, and served in memory that does not.
# rtap-kernels: 6.1 7.3
# rtap-needs: root module tool
# shellcheck disable=SC2317,SC2119 # run_test calls the functions; need_module has optional arguments

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

frames=300
refused="ring memory refuses long-term pins"

warnings()
{
	dmesg | grep -cF "$refused" || true
}

# mapped ARGS...: the rings are pinned, so the log says nothing about slower access.
mapped()
{
	local before

	before="$(warnings)"
	drive --count "$frames" "$@"
	[[ "$(warnings)" == "$before" ]] || fail "the rings were not pinned"
}

in_hugetlb()
{
	local pages=/proc/sys/vm/nr_hugepages before

	before="$(<"$pages")"
	echo $((before + 64)) >"$pages"
	at_exit bash -c "echo $before >$pages"
	(($(<"$pages") > before)) || skip "this machine has no huge pages to spare"
	mapped --mem hugetlb "$@"
}

# Nothing is held against RLIMIT_MEMLOCK: QEMU runs unprivileged with a limit of 64 KiB or less.
without_memlock()
{
	ulimit -l 0
	mapped "$@"
}

# without_memlock_or_privilege: the same with no capability that would lift the limit.
without_memlock_or_privilege()
{
	need_command capsh
	ulimit -l 0
	# shellcheck disable=SC2016 # for the inner shell
	capsh --drop=cap_ipc_lock -- -c '"$0" drive "$@"' "$ringtap" --node "$RTAP_NODE" \
		--count "$frames" "$@"
}

make_ext4()
{
	local image="$RTAP_TMP/ext4.img"

	! mountpoint -q "$RTAP_TMP/ext4" || return 0
	need_command mkfs.ext4
	modprobe -a loop ext4 2>/dev/null || true
	truncate -s 64M "$image"
	mkfs.ext4 -q "$image"
	mkdir -p "$RTAP_TMP/ext4"
	mount -o loop "$image" "$RTAP_TMP/ext4" || skip "cannot mount a loop device"
	at_exit umount "$RTAP_TMP/ext4"
}

# A file system has to know when a page is written. The kernel refuses to pin such pages for long from 6.5 on,
# before that the module does.
in_a_file()
{
	local before

	make_ext4
	before="$(warnings)"
	drive --count "$frames" --mem file --mem-dir "$RTAP_TMP/ext4" "$@"
	(($(warnings) > before)) || fail "the rings were pinned in a file"
}

need_root
need_module
need_tool

plan 15
for layout in split packed; do
	run_test "$layout rings in anonymous memory are pinned" mapped --layout "$layout"
	run_test "$layout rings in transparent huge pages are pinned" mapped --mem thp --layout "$layout"
	run_test "$layout rings in a memfd are pinned" mapped --mem memfd --layout "$layout"
	run_test "$layout rings in hugetlb pages are pinned" in_hugetlb --layout "$layout"
	run_test "$layout rings in a file are served, and not pinned" in_a_file --layout "$layout"
	run_test "$layout rings under RLIMIT_MEMLOCK=0 are pinned" without_memlock --layout "$layout"
	run_test "$layout rings under RLIMIT_MEMLOCK=0 and without CAP_IPC_LOCK attach" \
		without_memlock_or_privilege --layout "$layout"
done
run_test "the kernel log stays clean" kmsg_is_clean
finish
