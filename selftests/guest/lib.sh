# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2153 # names shared with the files that source this one
# lib.sh - a QEMU guest whose network card a vhost node serves: start, command, plug, ask (to be sourced
# after selftests/lib.sh).
#
#	guest_prepare; guest_start
#	guest_run ping -c 1 "$host_ip"
#	guest_kill
#
# One guest at a time. Its state is in files and in descriptors opened here, for tests run in subshells.

# shellcheck source=selftests/devices.sh
. "$RTAP_SELFTESTS/devices.sh"
# shellcheck source=selftests/guest/diagnose.sh
. "$RTAP_SELFTESTS/guest/diagnose.sh"

host_ip=198.18.77.1
guest_ip=198.18.77.2
guest_tap=rtapguest
guest_mac=52:54:00:72:74:01
guest_nic=ringtap0-nic		# QEMU's id of the card
guest_quirk=romfile=
guest_nic_opts=''		# ,PROPERTY=VALUE... of the card that is there at boot
guest_queues=1
guest_smp=1
guest_memory=384M
guest_cpu=host
# No window above 4 GiB: emulated, the KVM of 7.3 fails on cards plugged there.
guest_machine=(-global i440FX-pcihost.pci-hole64-size=0 -machine "pc,vmport=off,usb=off")
guest_append=''			# more of the guest's kernel command line
guest_extra=()			# more of QEMU's
guest_limits=()			# a command that starts QEMU with less than it might have
guest_bridge=''			# the TAP is a port of this bridge, which has the host's address
guest_node=$RTAP_NODE
guest_qemu=(qemu-system-x86_64)
guest_is_emulated=''		# set where KVM itself runs on an emulated processor
guest_state=$RTAP_TMP/guest

# guest_prepare: image, fifos and KVM; skips the file where a guest cannot run.
guest_prepare()
{
	need_root
	need_command qemu-system-x86_64 busybox ip
	[[ -e /dev/kvm ]] || modprobe kvm-amd 2>/dev/null || modprobe kvm-intel 2>/dev/null || true
	wait_for 5 test -c /dev/kvm || skip "no /dev/kvm: this machine is no KVM host"
	guest_image=$("$RTAP_SELFTESTS/guest/image.sh" "${RINGTAP_SERIES:-host}") ||
		fail "cannot make the guest's image"
	traffic=$RTAP_HELPERS/traffic
	! grep -q 'QEMU TCG' /proc/cpuinfo || guest_emulated
	guest_open_state
	at_exit guest_kill
	# UDP counts are exact only if no queue on the way is too short.
	sysctl -qw net.core.netdev_max_backlog=100000
}

# guest_behind_iommu STRICTNESS [PROPERTIES]: the next one's card is, and the guest's kernel was told so.
guest_behind_iommu()
{
	guest_machine=(-global q35-pcihost.pci-hole64-size=0
		-machine "q35,vmport=off,usb=off,sata=off,smbus=off,kernel-irqchip=split"
		-device "intel-iommu,intremap=on,device-iotlb=on")
	guest_append="intel_iommu=on $1"
	guest_nic_opts=,iommu_platform=on,ats=on,disable-legacy=on${2:+,$2}
}

# guest_open_state: a directory for $guest_state, and ways to talk to a guest there.
guest_open_state()
{
	mkdir -p "$guest_state"
	mkfifo "$guest_state"/{agent,qmp}.{in,out}
	exec {agent_in}<>"$guest_state/agent.in" {agent_out}<>"$guest_state/agent.out"
	exec {qmp_in}<>"$guest_state/qmp.in" {qmp_out}<>"$guest_state/qmp.out"
}

# guest_emulated: what the emulated processor asks of a guest. A 7.3 guest does not start on its XSAVE. And it
# leaves the type of the guest's last exception in EXITINTINFO, so that the KVM of 7.3 gives up ("internal
# error") on an access to device memory soon after, such as a card's first kick: let kicks be port writes.
guest_emulated()
{
	guest_is_emulated=1
	guest_cpu=host,-xsave,-avx,-pku
	[[ $(uname -r) != 7.* ]] || guest_quirk+=,modern-pio-notify=on
}

# kvm_gave_up: see guest_emulated.
kvm_gave_up()
{
	grep -qs 'KVM internal error' "$guest_state/qemu.log"
}

guest_pid()
{
	cat "$guest_state/pid" 2>/dev/null
}

# process_runs PID: neither gone nor a zombie.
process_runs()
{
	local stat

	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	[[ ${stat##*) } != Z* ]]
}

process_ended()
{
	! process_runs "$1"
}

guest_is_alive()
{
	[[ -s $guest_state/pid ]] && process_runs "$(guest_pid)"
}

# drain FD: forget what an earlier guest said.
drain()
{
	local junk

	while IFS= read -r -t 0.01 -n 4096 -u "$1" junk || [[ -n $junk ]]; do
		:
	done
}

# next_line FD DEADLINE: the next whole line in REPLY; fails when the guest is gone.
next_line()
{
	local part

	REPLY=''
	until IFS= read -r -t 1 -u "$1" part; do
		REPLY+=$part
		if ((SECONDS >= $2)) || ! guest_is_alive || kvm_gave_up; then
			return 1
		fi
	done
	REPLY+=$part
}

# guest_qemu_command: sets `command`, QEMU with all but the network card.
guest_qemu_command()
{
	local cmdline="console=ttyS0 quiet panic=-1 mitigations=off audit=0 apparmor=0 nokaslr"

	# All that follows spares an emulated processor work.
	cmdline+=" tsc=reliable no_timer_check random.trust_cpu=on init_on_alloc=0 nomodeset"
	cmdline+=" cryptomgr.notests rcupdate.rcu_expedited=1 8250.nr_uarts=2"
	cmdline+=" ringtap.address=$guest_ip/24${guest_append:+ $guest_append}"
	command=("${guest_qemu[@]}" "${guest_machine[@]}" -accel kvm -cpu "$guest_cpu"
		-m "$guest_memory" -smp "$guest_smp" -nodefaults -display none -kernel "$guest_image/vmlinux"
		-initrd "$guest_image/initramfs" -append "$cmdline"
		-chardev "file,id=console,path=$guest_state/console" -serial chardev:console
		-chardev "pipe,id=agent,path=$guest_state/agent" -serial chardev:agent
		-chardev "pipe,id=qmp,path=$guest_state/qmp" -mon "chardev=qmp,mode=control"
		"${guest_extra[@]}")
}

# guest_start [OPTION...]: boot it by `ringtap run OPTION...` and wait for its agent; again if it was KVM
# that gave up. Where a guest without our card does not boot either, there is nothing to test: skip.
guest_start()
{
	local attempt

	[[ ! -e $guest_state/unfit ]] || skip_unfit
	for attempt in 1 2 3; do
		guest_launch "$@"
		if guest_wait_ready 180; then
			return
		fi
		kvm_gave_up || break
		echo "attempt $attempt: KVM's emulation gave up"
	done
	guest_examine | tee "$guest_state/examined"
	if [[ -n $guest_is_emulated ]] && ! bare_guest_boots; then
		cat "$guest_state/word" "$guest_state/examined" >"$guest_state/unfit"
		[[ -z ${OUT:-} ]] || cp "$guest_state/unfit" "$OUT/unfit"
		skip_unfit
	fi
	fail "the guest is not usable: no agent"
}

skip_unfit()
{
	skip "the emulated KVM of this VM boots no guest, not even one without a card: $(head -n 1 "$guest_state/unfit")"
}

# bare_guest_boots: one without our card does.
bare_guest_boots()
{
	local command rc=0

	guest_kill
	drain "$agent_out"
	drain "$qmp_out"
	guest_qemu_command
	setsid "${command[@]}" </dev/null >"$guest_state/qemu.log" 2>&1 &
	echo $! >"$guest_state/pid"
	guest_wait_ready 150 || rc=$?
	((rc == 0)) || {
		echo "a guest without a card does not boot either:"
		guest_examine
		guest_last_word >"$guest_state/word"
	} | tee -a "$guest_state/examined"
	guest_kill
	return "$rc"
}

guest_launch()
{
	local command

	guest_kill
	drain "$agent_out"
	drain "$qmp_out"
	: >"$guest_state/console"
	guest_qemu_command
	setsid "${guest_limits[@]}" "$RINGTAP" run --node "$guest_node" --tap "$guest_tap" --mac "$guest_mac" \
		${guest_bridge:+--bridge "$guest_bridge"} --queues "$guest_queues" \
		--device-opts "$guest_quirk$guest_nic_opts" "$@" -- "${command[@]}" </dev/null >"$guest_state/qemu.log" 2>&1 &
	echo $! >"$guest_state/pid"
	guest_host_up || guest_broke "no TAP"
	next_line "$qmp_out" $((SECONDS + 20)) || guest_broke "no QMP"
	qmp qmp_capabilities >/dev/null
}

# The host's side of the TAP.
guest_host_up()
{
	wait_for 20 guest_tap_or_death
	ip link show "$guest_tap" >/dev/null || return 1
	sysctl -qw "net.ipv6.conf.$guest_tap.disable_ipv6=1" 2>/dev/null || true
	ip link set "$guest_tap" txqueuelen 20000
	ip address replace "$host_ip/24" dev "${guest_bridge:-$guest_tap}"
	ip link set "$guest_tap" up
}

guest_tap_or_death()
{
	[[ -e /sys/class/net/$guest_tap ]] || ! guest_is_alive
}

# guest_wait_ready SECONDS: its agent listens.
guest_wait_ready()
{
	local deadline=$((SECONDS + $1))

	while next_line "$agent_out" "$deadline"; do
		[[ $REPLY != "ready "* ]] || return 0
	done
	return 1
}

# guest_reset: as by its reset button; the agent of the next boot listens.
guest_reset()
{
	drain "$agent_out"
	qmp system_reset >/dev/null
	guest_wait_ready 240 || guest_broke "no agent after a reset"
}

# guest_broke REASON: show what there is, and fail.
guest_broke()
{
	guest_examine
	fail "the guest is not usable: $1"
}

# monitor COMMAND: what QEMU's monitor for people answers.
monitor()
{
	qmp human-monitor-command "{\"command-line\": \"$1\"}" | sed 's/\\r//g; s/\\n/\n/g'
}

guest_kill()
{
	local pid

	pid=$(guest_pid) || return 0
	kill -KILL "$pid" 2>/dev/null || true
	wait_for 10 process_ended "$pid" || true
	# Its threads may be there a moment longer, and with them its files.
	wait_for 10 tap_is_gone || true
	rm -f "$guest_state/pid"
}

tap_is_gone()
{
	! ip link show dev "$guest_tap" >/dev/null 2>&1
}

# guest_run [-t SECONDS] COMMAND...: run it in the guest; its output and its status.
guest_run()
{
	local id=$EPOCHREALTIME limit=120

	if [[ $1 == -t ]]; then
		limit=$2
		shift 2
	fi
	printf '%s %s\n' "$id" "$*" >&"$agent_in"
	: >"$guest_state/ignored"
	while next_line "$agent_out" $((SECONDS + limit)); do
		case $REPLY in
		'|'*) printf '%s\n' "${REPLY#|}" ;;
		"done $id "*) return "${REPLY##* }" ;;
		*) printf '%s\n' "$REPLY" >>"$guest_state/ignored" ;;
		esac
	done
	echo "guest: no answer within $limit s to: $*" >&2
	guest_diagnose >&2
	return 124
}

# qmp COMMAND [ARGUMENTS]: the answer, a line of JSON.
qmp()
{
	local id=$EPOCHREALTIME arguments=${2:-}

	[[ -n $arguments ]] || arguments='{}'
	printf '{"id": "%s", "execute": "%s", "arguments": %s}\n' "$id" "$1" "$arguments" >&"$qmp_in"
	while next_line "$qmp_out" $((SECONDS + 20)); do
		[[ $REPLY == *"\"id\": \"$id\""* ]] || continue
		printf '%s\n' "$REPLY"
		[[ $REPLY != *'"error":'* ]]
		return
	done
	echo "guest: no answer to QMP $1" >&2
	return 1
}

nic_is_gone()
{
	[[ $(qmp qom-list '{"path": "/machine/peripheral"}') != *"\"$guest_nic\""* ]]
}

# nic_unplug: the guest lets go of its card.
nic_unplug()
{
	! nic_is_gone || return 0
	qmp device_del "{\"id\": \"$guest_nic\"}" >/dev/null
	wait_for 20 nic_is_gone
}

# json_properties PROPERTY=VALUE,...: as QMP wants them, each with a comma before it.
json_properties()
{
	local property value

	for property in ${1//,/ }; do
		value=${property#*=}
		case $property in
		disable-legacy=* | romfile=*) value="\"$value\"" ;;
		*=on) value=true ;;
		*=off) value=false ;;
		esac
		printf ', "%s": %s' "${property%%=*}" "$value"
	done
}

# nic_add [PROPERTY=VALUE,...]: a card with these properties on the same netdev, up in the guest.
nic_add()
{
	qmp device_add "{\"driver\": \"virtio-net-pci\", \"id\": \"$guest_nic\", \"netdev\": \"ringtap0\",
		\"mac\": \"$guest_mac\"$(json_properties "$guest_quirk${1:+,$1}")}" >/dev/null || return
	guest_run -t 90 net_up
}

# nic_plug [PROPERTY=VALUE,...]: such a card in place of the one it has; a new guest that has it from boot if KVM
# gave up.
nic_plug()
{
	nic_unplug
	nic_add "$@" && return
	kvm_gave_up || return 1
	guest_nic_opts=${1:+,$1} guest_start
}

# --- what serves the guest --------------------------------------------------------------------

# virtio_status: what QEMU says of the card, a line of JSON.
virtio_status()
{
	qmp x-query-virtio-status "{\"path\": \"/machine/peripheral/$guest_nic/virtio-backend\"}"
}

# vhost_is_started: QEMU handed the rings over; it would fall back to its own code silently.
vhost_is_started()
{
	virtio_status | grep -o '"vhost-started": [a-z]*' | grep -q true
}

serves_by_ringtap()
{
	[[ $guest_node != "$RTAP_STOCK_NODE" ]]
}

# device_files: files with all that `ringtap show` says of the guest's devices now, one per queue pair.
device_files()
{
	local id file

	for id in $(devices "$(guest_pid)"); do
		file=$guest_state/device.$id
		device_facts "$id" >"$file" && echo "$file"
	done
}

# negotiated: the bits that driver and device agreed on, lowest first, as a string of 0 and 1.
negotiated()
{
	guest_run cat /sys/class/net/eth0/device/features
}

# expect_bits +N|-N...: negotiated, or not; where ringtap serves, its queues were told the same.
expect_bits()
{
	local bits bit want files file

	bits=$(negotiated)
	for bit; do
		want=1
		[[ $bit == +* ]] || want=0
		[[ ${bits:${bit#?}:1} == "$want" ]] || fail "feature bit $bit: negotiated are $bits"
	done
	serves_by_ringtap || return 0
	files=$(device_files)
	[[ -n $files ]] || fail "no device of QEMU's is listed: there are no features to compare"
	for file in $files; do
		bits=$(fact_of "$file" features_hex)
		for bit; do
			[[ ${bit#?} == 3[0-9] || ${bit#?} == 2[4-9] || ${bit#?} == 15 ]] || continue
			want=1
			[[ $bit == +* ]] || want=0
			((((bits >> ${bit#?}) & 1) == want)) || fail "feature bit $bit: the device has $bits"
		done
	done
}

# expect_served LAYOUT +N|-N...: vhost serves the rings, laid out and negotiated so.
expect_served()
{
	local layout=$1 files file queue states=running

	shift
	# Behind an IOMMU a ring is missing from a flush to its next use: bit 33 is ACCESS_PLATFORM.
	[[ " $* " != *" +33 "* ]] || states+="|missing"
	vhost_is_started || fail "QEMU serves the card itself: vhost is not started"
	expect_bits "$@"
	serves_by_ringtap || return 0
	files=$(device_files)
	[[ -n $files ]] || fail "no device of QEMU's is listed"
	for file in $files; do
		for queue in rx tx; do
			[[ $(fact_of "$file" $queue.state) =~ ^($states)$ ]] ||
				fail "$queue is $(fact_of "$file" $queue.state)"
			[[ $(fact_of "$file" $queue.layout) == "$layout" ]] ||
				fail "$queue is laid out $(fact_of "$file" $queue.layout)"
		done
	done
}
