# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The stages of a check: what each runs, as TAP on standard output (to be sourced by run).

: "${repo:?}" "${here:?}" "${out:?}" "${newest:?}"
tools=$repo/.build/tools
cached=${RINGTAP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ringtap}
# shellcheck source=selftests/vm/qemu.sh
. "$here/vm/qemu.sh"

# one NAME CMD... : a test that is a command; what it printed is shown when it fails.
one()
{
	local name=$1 log rc=0

	shift
	log=$(mktemp "$out/tmp.XXXXXX")
	"$@" >"$log" 2>&1 || rc=$?
	case $rc in
	0) echo "ok - $name" ;;
	4) echo "ok - $name # SKIP $(tail -n 1 "$log")" ;;
	*)
		echo "not ok - $name"
		{ grep -nE 'error:|Error |\*\*\*|FAILED' "$log" | head -n 20 || true; } | sed 's/^/#   line /'
		tail -n 40 "$log" | sed 's/^/#   /'
		;;
	esac
	rm -f "$log"
	[[ $rc = 0 || $rc = 4 ]]
}

# --- builds -------------------------------------------------------------------------------------

# builds_silently SERIES : W=1 C=2 from scratch, and nothing to say about it.
builds_silently()
{
	local log=$out/build-$1.log

	if [[ $1 = um && ! -e $cached/uml-perf/Module.symvers ]]; then
		echo "no User-Mode Linux tree in the cache"
		return 4
	fi
	# Compile it all again, but leave the last module to whoever is using it.
	[[ ! -d $repo/.build/kmod-$1 ]] || find "$repo/.build/kmod-$1" -name '*.o' -delete
	nice "$here/vm/build.sh" "$1" W=1 C=2 >"$log" 2>&1 || {
		tail -n 30 "$log"
		return 1
	}
	! grep -E 'warning:|error:|not available|WARNING:' "$log"
}

build_stage()
{
	local series bad=0

	for series in "$@"; do
		one "the module builds silently for $series (W=1 C=2)" builds_silently "$series" || bad=1
	done
	return "$bad"
}

# --- static checks ------------------------------------------------------------------------------

static_stage()
{
	local f bad=0

	for f in "$here"/static/*; do
		[[ -f $f && -x $f ]] || continue
		# What takes minutes waits for check-all.
		[[ $(header "static/${f##*/}" mode) != all || ${mode:-} = all ]] || continue
		one "static: $(sed -n '3s/^# *//p' "$f")" nice "$f" || bad=1
	done
	return "$bad"
}

# --- unit tests ---------------------------------------------------------------------------------

# build_tools [--target NAME] : the tools, with their tests unless a target is named.
build_tools()
{
	mkdir -p "$tools"
	(
		flock 9
		cmake_tools "$@"
	) 9>"$tools/.lock"
}

cmake_tools()
{
	nice cmake -S "$repo/tools" -B "$tools" -DRINGTAP_TESTS=ON &&
		nice cmake --build "$tools" -j "$(nproc)" "$@"
}

# GoogleTest's lines as TAP, one for each case; a death between them is a failure too.
gtest_to_tap()
{
	awk '
	/^\[       OK \] / { print "ok - unit: " $4; next }
	/^\[  FAILED  \] .* \([0-9]+ ms\)$/ { print "not ok - unit: " $4; failed++; next }
	/^\[  SKIPPED \] .* \([0-9]+ ms\)$/ { print "ok - unit: " $4 " # SKIP by itself"; next }
	/Failure$|ERROR: |runtime error/ { say = 12 }
	/^\[ RUN/ { running = $4; next }
	/^RTAP_EXIT / {
		if ($2 && !failed)
			print "not ok - unit: " $3 " ended with status " $2 " in " running
		next
	}
	say-- > 0 { print "# " $0 }'
}

# unit_binary PATH : every case of one test program.
unit_binary()
{
	local rc=0

	# A hang must not hold the check.
	(cd "$tools" && timeout 300 "$1" --gtest_color=no 2>&1) || rc=$?
	echo "RTAP_EXIT $rc ${1##*/}"
	return "$rc"
}

# ctest_one NAME : a test that is no GoogleTest program; its last word is why it is skipped.
ctest_one()
{
	local log

	log=$(nice ctest --test-dir "$tools" --no-tests=error -V -R "^$1\$" 2>&1) || {
		printf '%s\n' "$log"
		return 1
	}
	! grep -q '\*\*\*Skipped' <<<"$log" || {
		sed -n 's/^[0-9]*: //p' <<<"$log" | tail -n 1
		return 4
	}
}

unit_stage()
{
	local binary name bad=0 found=0

	one "the tools and their tests build" build_tools || return 1
	for binary in "$tools"/*_test; do
		[[ -x $binary ]] || continue
		found=1
		echo "# ${binary##*/}"
		unit_binary "$binary" | gtest_to_tap
		((PIPESTATUS[0] == 0)) || bad=1
	done
	((found)) || { echo "not ok - unit: there are no test programs" && bad=1; }
	for name in ring_fuzz ring_fetch_fuzz ring_race_fuzz mem_fuzz iotlb_fuzz netlink_fuzz; do
		one "unit: $name" ctest_one "$name" || bad=1
		one "unit: ${name}_guided" ctest_one "${name}_guided" || bad=1
	done
	return "$bad"
}

# --- tests in a VM ------------------------------------------------------------------------------

# header TEST KEY : the words of the comment "# rtap-KEY: words".
header()
{
	sed -n "s/^# rtap-$2: *//p" "$here/$1" | head -n 1
}

# tests_for MODE SERIES vm|guest : the test files that this VM is to run.
tests_for()
{
	local mode=$1 series=$2 kind=$3 t kernels this_kind

	make -s -C "$here" list | while read -r t; do
		this_kind=vm
		[[ " $(header "$t" needs) " != *" kvm "* ]] || this_kind=guest
		[[ $this_kind = "$kind" ]] || continue
		# Who is in a hurry gets what touches most in least time.
		[[ $mode != quick || $(header "$t" quick) = yes ]] || continue
		if [[ $mode = debug ]]; then
			[[ $(header "$t" debug) != yes ]] || echo "$t"
			continue
		fi
		kernels=$(header "$t" kernels)
		if [[ $mode = all || $kernels = all || " ${kernels:-$newest} " == *" $series "* ]]; then
			echo "$t"
		fi
	done
}

# Where there is no newer QEMU (see vm/vm.sh): an int3 that nobody set, outside the module.
emulator_died()
{
	local oops

	oops=$(grep -m 1 -A 30 -E '(BUG|Oops|int3): |Oops: ' "$1") || return 1
	head -n 1 <<<"$oops" | grep -qE 'int3: 0000 \[#1\]' && ! grep -qE ' rtap_|\[ringtap\]' <<<"$oops"
}

# Emulated, a KVM host's processor now and then takes an interrupt that it has disabled, and waits for a lock that
# it has itself: seen of a runqueue's, on 7.3. What the module has a part in shows it on a stack.
stood_still_elsewhere()
{
	[[ -s $OUT/cpus.txt && -s $OUT/symbols ]] && ! "$here/vm/stacks" "$OUT" | grep -qF '[ringtap]'
}

# spoiled RC : how emulation spoiled the VM that ended with this status, through no fault of the module.
spoiled()
{
	if (($1 == 124)) && emulator_died "$OUT/console.log"; then
		echo "QEMU's own int3 race (not the module's) ended the VM"
	elif (($1 == 126)); then
		echo "QEMU lost a timer: the VM stood still with all processors halted"
	elif (($1 == 125)) && stood_still_elsewhere; then
		"$here/vm/stacks" "$OUT" | sed 's/^/# /' >&2
		echo "the emulated KVM host stood still, in no code of the module's"
	elif [[ -e $OUT/unfit ]]; then
		sed 's/^/# /' "$OUT/unfit" >&2
		echo "the emulated KVM of that VM boots no guest, not even one without a card"
	else
		return 1
	fi
}

# fetch_clients TEST... : the programs of others that the files of selftests/clients among them run, each named as its
# file is; what cannot be had is skipped there.
fetch_clients()
{
	local test name

	for test; do
		[[ $test == clients/* ]] || continue
		name=$(basename "$test" .sh)
		"$here/vm/fetch.sh" "$name" >"$out/fetch-$name.log" 2>&1 || true
	done
}

# in_vm SERIES TIMEOUT MEM KIND TEST... : the VM, the tests in it, and what the kernel said meanwhile.
in_vm()
{
	local series=$1 limit=$2 mem=$3 kind=$4 rc=0 how=() why

	shift 4
	(($# > 0)) || {
		echo "ok - $kind tests on $series # SKIP there are none"
		return
	}
	[[ -s $repo/.build/kmod-$series/ringtap.ko ]] || "$here/vm/build.sh" "$series" >/dev/null 2>&1 || {
		echo "not ok - $kind tests on $series: the module does not build"
		return 1
	}
	# In there is no network to fetch it from; without it its tests are skipped.
	"$here/vm/fetch.sh" ynl >/dev/null 2>&1 || true
	fetch_clients "$@"
	make -s -C "$here" all || {
		echo "not ok - $kind tests on $series: their programs do not build"
		return 1
	}
	export OUT=$repo/.build/out/$kind-$series RTAP_MODE=${mode:-one}
	rm -f "$OUT/unfit"
	"$here/vm/vm.sh" --timeout "$limit" --mem "$mem" "$series" -- selftests/in-vm "$@" || rc=$?
	if why=$(spoiled "$rc"); then
		echo "RTAP_AGAIN $why"
		rm -f "$OUT/unfit"
		rc=0
		# Threads are what an old QEMU gets wrong; one is slower than some guests can bear.
		newer_qemu "$cached" || how=(--single)
		"$here/vm/vm.sh" "${how[@]}" --timeout "$((limit * 2))" --mem "$mem" "$series" -- \
			selftests/in-vm "$@" || rc=$?
	fi
	one "the kernel log is clean on $series" "$here/vm/check-log" "$repo/.build/out/$kind-$series" || rc=1
	return "$rc"
}

vm_stage()
{
	local mode=$1 series=$2 tests

	mapfile -t tests < <(tests_for "$mode" "$series" vm)
	in_vm "$series" 2700 4G vm "${tests[@]}"
}

# prepare_guest SERIES : the guest's image is made out here, where it takes seconds.
prepare_guest()
{
	"$here/guest/prepare" "$1" >/dev/null || {
		echo "not ok - guest tests on $1: cannot prepare the guest"
		return 1
	}
}

# On kernels older than the newest a check boots a guest and moves traffic; the matrix does the rest.
guest_stage()
{
	local mode=$1 series=$2 tests

	mapfile -t tests < <(tests_for "$mode" "$series" guest)
	prepare_guest "$series" || return 1
	[[ $mode != check || $series = "$newest" ]] || export RTAP_QUICK=1
	in_vm "$series" 2700 6G guest "${tests[@]}"
}

# in_debug_vm SERIES TIMEOUT TEST... : on a kernel whose checks make everything slower, some tests more than others.
in_debug_vm()
{
	local series=$1 limit=$2

	shift 2
	"$here/vm/build.sh" "$series" >"$out/build-$series.log" 2>&1 || {
		tail -n 20 "$out/build-$series.log"
		echo "not ok - the module builds for $series"
		return 1
	}
	RTAP_SLOW=${RTAP_SLOW:-4} in_vm "$series" "$limit" 4G vm "$@"
}

# The tests that say most in least time, on a kernel that checks itself; to build one takes longer than a
# check has.
debug_stage()
{
	local series=6.12-kasan tests

	if ! "$here/vm/fetch.sh" --is-built "$series"; then
		echo "ok - tests on $series # SKIP it is not in the cache; make check-debug builds it"
		return
	fi
	mapfile -t tests < <(tests_for debug "$series" vm)
	in_debug_vm "$series" 2700 "${tests[@]}"
}

# --- one test -----------------------------------------------------------------------------------

list_names()
{
	echo "tests (make test T=name):"
	make -s -C "$here" list | sed 's/^/  /'
	find "$here/static" -type f -perm -u+x -printf '  static/%f\n' | sort
	find "$tools" -maxdepth 1 -type f -name '*_test' -printf '  %f (or the name of a case in it)\n' | sort
}

# run_one [--kernel SERIES] NAME : where the name is found first.
run_one()
{
	local series='' name t kernels

	[[ ${1:-} != --kernel ]] || { series=$2 && shift 2; }
	name=${1:-}
	[[ -n $name ]] || { list_names && return; }
	t=$(make -s -C "$here" list | grep -E "(^|/)${name%.sh}(\.sh)?$" | head -n 1) || true
	if [[ -n $t ]]; then
		kernels=$(header "$t" kernels)
		[[ $kernels != all && -n $kernels ]] || kernels=$newest
		series=${series:-${kernels##* }}
		build_tools --target ringtap ringtap_hostile >/dev/null || return 1
		"$here/vm/build.sh" "$series" >/dev/null 2>&1 || return 1
		if [[ " $(header "$t" needs) " == *" kvm "* ]]; then
			prepare_guest "$series" && in_vm "$series" 2700 6G one "$t"
		else
			in_vm "$series" 1500 4G one "$t"
		fi
	elif [[ -x $here/static/${name#static/} ]]; then
		"$here/static/${name#static/}"
	else
		build_tools >/dev/null || return 1
		run_unit "$name"
	fi
}

# run_unit NAME : a test program, or the cases whose name contains NAME.
run_unit()
{
	local binary bad=0 found=0

	if [[ -x $tools/$1 ]]; then
		"$tools/$1"
		return
	fi
	for binary in "$tools"/*_test; do
		"$binary" --gtest_list_tests --gtest_filter="*$1*" 2>/dev/null | grep -q '^  ' || continue
		found=1
		"$binary" --gtest_filter="*$1*" || bad=1
	done
	((found)) || { echo "no test is called $1; make test shows the names" >&2 && bad=1; }
	return "$bad"
}
