# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # names from guest/lib.sh
# test.sh - what the test files with a guest share: the node they need, and how each test is run (to be sourced after
# guest/lib.sh).

# need_guest_node: the module behind $guest_node.
need_guest_node()
{
	if serves_by_ringtap; then
		need_module
	else
		need_stock
	fi
}

# guest_test NAME FUNCTION [ARGUMENT...]: a test that may use the guest that the test before it left in order.
guest_test()
{
	local failed=$tap_failed started=$SECONDS name=$1

	shift
	: >"$RTAP_TMP/told"
	run_test "$name" as_kvm_allows "$@"
	((tap_failed == failed)) || {
		keep_failed
		guest_kill
	}
	echo "# $((SECONDS - started)) s"
	cat "$RTAP_TMP/told"
}

# keep_failed: what the consoles of the guests of a failed test say, in $OUT, where there is one.
keep_failed()
{
	local console

	[[ -n ${OUT:-} ]] || return 0
	for console in "$RTAP_TMP"/guest*/console; do
		[[ ! -s $console ]] ||
			cp "$console" "$OUT/failed-$tap_failed-$(basename "${console%/*}").log"
	done
}

# tell WORDS...: seen whether the test fails or not.
tell()
{
	echo "# $*" >>"$RTAP_TMP/told"
}

# as_kvm_allows FUNCTION [ARGUMENT...]: again, with a new guest, if the emulation of KVM gave up under it.
as_kvm_allows()
{
	local attempt rc

	for attempt in 1 2 3; do
		rc=0
		set +e
		(
			set -e
			"$@"
		)
		rc=$?
		set -e
		if ((rc == 0 || rc == RTAP_SKIP)) || [[ -z $guest_is_emulated ]] || ! kvm_gave_up; then
			return "$rc"
		fi
		tell "attempt $attempt: KVM's emulation gave up"
		guest_kill
	done
	return "$rc"
}

# no_ring_error: none was counted on any queue of the guest's.
no_ring_error()
{
	local files

	serves_by_ringtap || return 0
	files=$(device_files)
	[[ -n $files ]] || fail "no device of QEMU's is listed"
	# shellcheck disable=SC2086 # the files are words
	refute grep -E '^[rt]x\.errors\.' $files
}

# guest_keep_console: in $OUT, where there is one.
guest_keep_console()
{
	[[ -z ${OUT:-} ]] || cp "$guest_state/console" "$OUT/guest-console.log" 2>/dev/null || true
}
