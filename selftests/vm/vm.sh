#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Boots a Debian kernel under emulation over this machine's own files, and runs a command in it.
set -euo pipefail

# shellcheck source=selftests/vm/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=selftests/vm/qemu.sh
. "$vm_dir/qemu.sh"

boot_limit=$((240 * ${RTAP_SLOW:-1}))
beat_limit=$((240 * ${RTAP_SLOW:-1}))
mem=4G smp=2 limit=600 append='' icount='' tty='' threads=multi
qemu_extra=()

usage()
{
	cat <<-EOF
	usage: ${0##*/} [OPTIONS] SERIES [--] COMMAND [ARGUMENT...]
	       ${0##*/} [OPTIONS] --shell SERIES

	  --mem SIZE       memory of the VM (4G)
	  --smp N          processors (2)
	  --timeout S      give up after S seconds (600)
	  --append WORDS   more kernel command line
	  --single         all processors in one thread: slower, free of QEMU's own races
	  --icount         one processor whose clock counts instructions
	  --qemu WORD      one more argument for QEMU; may be given again
	  --shell          an interactive shell in place of a command

	The command runs as root in the top directory of the tree. Every file of the machine is
	there; what the VM writes is lost at its end, but for \$OUT. In the environment:
	RINGTAP_SERIES, RINGTAP_KO, RINGTAP (the tool), OUT (also the kernel log: console.log, dmesg.txt).
	Exit status: the command's; 124 after a panic or oops; 125 when the time is over, or the machine
	stands still; 126 when it stands still with all processors halted, which is QEMU's doing.
	EOF
}

parse_options()
{
	while [[ ${1:-} == -* ]]; do
		case $1 in
		--mem) mem=$2 && shift 2 ;;
		--smp) smp=$2 && shift 2 ;;
		--timeout) limit=$2 && shift 2 ;;
		--append) append=$2 && shift 2 ;;
		--qemu) qemu_extra+=("$2") && shift 2 ;;
		--single) threads=single && shift ;;
		--icount) icount=1 && shift ;;
		--shell) tty=1 && shift ;;
		-h | --help) usage && exit ;;
		*) usage >&2 && exit 2 ;;
		esac
	done
	series=${1:?"kernel series missing; see --help"}
	shift
	[[ ${1:-} != -- ]] || shift
	command=("$@")
	[[ -n $tty || ${#command[@]} -gt 0 ]] || { usage >&2 && exit 2; }
	[[ -z $tty || ${#command[@]} -gt 0 ]] || command=(bash -i)
	check_series "$series"
}

# make_out : a directory of this run alone, unless the caller chose one.
make_out()
{
	if [[ -n ${OUT:-} ]]; then
		mkdir -p "$OUT"
		out=$(realpath "$OUT")
	else
		mkdir -p "$repo/.build/out"
		out=$(mktemp -d "$repo/.build/out/$series.$(date +%H%M%S).XXXX")
	fi
	rm -rf "$out/.vm"
	mkdir "$out/.vm"
	rm -f "$out"/{console.log,dmesg.txt,cpus.txt,symbols}
	mkfifo "$out/.vm/monitor".{in,out}
	exec {monitor_in}<>"$out/.vm/monitor.in" {monitor_out}<>"$out/.vm/monitor.out"
}

# watch_boot : ends a VM whose first process has not begun in time; under emulation one in hundreds never does.
watch_boot()
{
	local waited

	for ((waited = 0; waited < boot_limit; waited++)); do
		[[ ! -e $out/.vm/booted ]] || return 0
		kill -0 "$qemu" 2>/dev/null || return 0
		sleep 1
	done
	touch "$out/.vm/stuck"
	kill "$qemu" 2>/dev/null || true
}

# ask_monitor COMMAND : what QEMU's monitor says to it, within seconds.
ask_monitor()
{
	local line

	echo "$1" >&"$monitor_in"
	while IFS= read -r -t 5 -u "$monitor_out" line; do
		printf '%s\n' "${line%$'\r'}"
	done
}

# note_processors : what each processor is at, and its stack, to be read beside the kernel's System.map.
note_processors()
{
	local registers cpu rsp

	registers=$(ask_monitor "info registers -a")
	printf '%s\n' "$registers"
	while read -r cpu rsp; do
		echo "stack of CPU#$cpu"
		ask_monitor "cpu $cpu" >/dev/null
		ask_monitor "x /256gx 0x$rsp" | grep '^[0-9a-f]*: 0x'
	done < <(awk '/^CPU#/ { cpu = substr($1, 5) } match($0, /RSP=[0-9a-f]+/) {
		print cpu, substr($0, RSTART + 4, RLENGTH - 4)
	}' <<<"$registers")
}

# watch_beat : ends a VM whose clock stands still, and keeps what its processors were at.
watch_beat()
{
	local last now

	while kill -0 "$qemu" 2>/dev/null; do
		sleep 10
		last=$(stat -c %Y "$out/.vm/beat" 2>/dev/null) || continue
		now=$(date +%s)
		((now - last > beat_limit)) || continue
		[[ ! -e $out/.vm/status ]] || return 0
		note_processors >"$out/cpus.txt"
		touch "$out/.vm/still"
		kill "$qemu" 2>/dev/null || true
		return 0
	done
}

# halted : each processor waits for an interrupt, and would take one.
halted()
{
	grep -q 'HLT=' "$out/cpus.txt" && ! grep -q 'HLT=0' "$out/cpus.txt" &&
		! grep 'HLT=' "$out/cpus.txt" | grep -qvE 'RFL=[0-9a-f]*[2367abef][0-9a-f]{2} '
}

# The command and its environment, as a script that the VM runs.
write_command()
{
	local ko=$repo/.build/kmod-$series/ringtap.ko v

	[[ -e $ko ]] || ko=''
	{
		cat <<-EOF
		export RINGTAP_SERIES=${series@Q} RINGTAP_KO=${ko@Q} OUT=${out@Q}
		export RINGTAP=${repo@Q}/.build/tools/ringtap RINGTAP_CACHE=${cache@Q}
		EOF
		for v in ${!RTAP_@} KBUILD_VERBOSE; do
			[[ -z ${!v:-} ]] || echo "export $v=${!v@Q}"
		done
		echo "cd ${repo@Q}"
		[[ -z $tty ]] || echo "stty $(stty size 2>/dev/null | sed 's/\(.*\) \(.*\)/rows \1 cols \2/')"
		echo "exec ${command[*]@Q}"
	} >"$out/.vm/command"
	cat >"$out/.vm/params" <<-EOF
	vm_out=${out@Q}
	vm_release=$(kernel_release "$series")
	vm_modules=$(realpath "$(kernel_modules "$series")")
	vm_tty=$tty
	vm_term=${TERM:-dumb}
	vm_beat=$([[ -n $icount ]] || echo 1)
	EOF
}

# choose_qemu : up to 8.0, two threads may run an instruction that the kernel was patching (int3) and has long
# patched back, and the kernel dies of it: https://github.com/multipath-tcp/mptcp_net-next/issues/471. What is
# counted by --icount was always counted by bookworm's own.
choose_qemu()
{
	local failed=$cache/.no-newer-qemu

	program=(qemu-system-x86_64)
	[[ -z $icount ]] || return 0
	if ! newer_qemu "$cache"; then
		[[ -z $(find "$failed" -mmin -600 2>/dev/null) ]] || return 0
		"$vm_dir/fetch.sh" qemu || {
			say "no QEMU from bookworm-backports: VMs run on this machine's own, which crashes some"
			touch "$failed"
		}
		newer_qemu "$cache" || return 0
	fi
	program=("${newer_qemu[@]}")
}

qemu_arguments()
{
	local cmdline

	cmdline="console=ttyS0 init=/init loglevel=5 panic=-1 oops=panic no_timer_check log_buf_len=8M rcupdate.rcu_cpu_stall_timeout=180"
	args=(-nodefaults -nographic -no-reboot -m "$mem"
		-kernel "$(kernel_root "$series")/vmlinuz" -initrd "$initrd"
		-chardev "file,id=log,path=$out/console.log" -serial chardev:log
		-chardev "pipe,id=monitor,path=$out/.vm/monitor" -mon "chardev=monitor,mode=readline"
		-chardev "stdio,id=tty,signal=off" -serial chardev:tty
		-fsdev "local,id=root,path=/,security_model=none,multidevs=remap,readonly=on"
		-device "virtio-9p-pci,fsdev=root,mount_tag=root9p"
		-fsdev "local,id=out,path=$out,security_model=none,multidevs=remap"
		-device "virtio-9p-pci,fsdev=out,mount_tag=out9p")
	if [[ -n $icount ]]; then
		args+=(-accel "tcg,thread=single" -icount "shift=0,sleep=off,align=off"
			-smp 1 -cpu "max,-erms")
		cmdline+=" init_on_alloc=0"
	else
		# Without ERMS and FSRM copies are words at a time, not bytes.
		args+=(-accel "tcg,thread=$threads" -smp "$smp" -cpu "max,-erms,-fsrm")
	fi
	args+=(-append "$cmdline $append" "${qemu_extra[@]}")
}

# Both links of the chain die with this script, whatever kills it.
run_qemu()
{
	local rc=0

	if [[ -n $tty ]]; then
		trap 'stty sane' EXIT
		stty raw -echo
		"${program[@]}" "${args[@]}" || rc=$?
		stty sane
	else
		setpriv --pdeathsig TERM timeout -k 5 "$limit" \
			setpriv --pdeathsig KILL "${program[@]}" "${args[@]}" </dev/null &
		qemu=$!
		trap 'kill "$qemu" 2>/dev/null || true' EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM HUP
		# Whoever reads what we say waits for its end, not for a watcher's sleep.
		watch_boot >/dev/null 2>&1 &
		watch_beat >/dev/null 2>&1 &
		wait "$qemu" || rc=$?
		trap - EXIT
	fi
	return "$rc"
}

# How it ended: the command's status, or what the console says.
judge()
{
	local rc=$1

	if [[ -s $out/.vm/status ]]; then
		exit "$(<"$out/.vm/status")"
	fi
	if grep -qE 'Kernel panic|Oops|BUG:|general protection fault' "$out/console.log"; then
		say "$series: the kernel died; the end of $out/console.log:"
		rc=124
	elif [[ -e $out/.vm/still ]] && halted; then
		say "$series: no sign of life for $beat_limit seconds, each processor halted: a timer of QEMU's was lost"
		rc=126
	elif [[ -e $out/.vm/still ]]; then
		say "$series: no sign of life for $beat_limit seconds; its processors, and the end of $out/console.log:"
		grep -v '^[0-9a-f]\{16\}:' "$out/cpus.txt" >&2
		[[ ! -s $out/symbols ]] || "$vm_dir/stacks" "$out" >&2
		rc=125
	elif ((rc == 124 || rc == 137)); then
		say "$series: no end after $limit seconds; the end of $out/console.log:"
		rc=125
	else
		say "$series: the VM ended early (QEMU: $rc); the end of $out/console.log:"
		rc=124
	fi
	tail -n 40 "$out/console.log" >&2 || true
	exit "$rc"
}

main()
{
	local series command out initrd args program rc=0

	parse_options "$@"
	need_programs qemu-system-x86:qemu-system-x86_64 util-linux:setpriv coreutils:timeout
	[[ -s $(kernel_root "$series")/release ]] || "$vm_dir/fetch.sh" "$series"
	initrd=$("$vm_dir/initramfs.sh" "$series")
	choose_qemu
	make_out
	write_command
	qemu_arguments
	run_qemu || rc=$?
	if [[ -e $out/.vm/stuck ]]; then
		say "$series: not booted after $boot_limit seconds; once more, on one thread"
		rm "$out/.vm/stuck"
		rc=0 threads=single
		qemu_arguments
		run_qemu || rc=$?
	fi
	judge "$rc"
}

main "$@"
