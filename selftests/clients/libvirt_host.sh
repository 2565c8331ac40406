# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034 # names shared with guest/lib.sh
# libvirt_host.sh - makes the test VM a host of Debian's libvirt with AppArmor enforcing, and lets guest/lib.sh ask
# a guest that libvirt runs (to be sourced after guest/lib.sh, and before guest_prepare).
#
# Nothing is installed: vm/fetch.sh libvirt left an archive, which is unpacked over the VM's root. What packages do
# when they are installed is done here.

domain=rtap
domain_bridge=rtapbr
domain_machine=pc
domain_vcpus=1
domain_more=''			# elements of the domain beside those that all have
guest_nic=net0			# libvirt's alias
guest_state=/run/rtap-libvirt	# libvirt's QEMU has no way into $RTAP_TMP
apparmor=/etc/apparmor.d
securityfs=/sys/kernel/security
uri=qemu:///system

virsh()
{
	LC_ALL=C command virsh -q -c "$uri" "$@"
}

# need_libvirt: skips the file where libvirt must not be unpacked, or cannot be had.
need_libvirt()
{
	local archive=${RINGTAP_CACHE:-$HOME/.cache/ringtap}/libvirt/libvirt.tar

	[[ -e /run/vm/busybox ]] || skip "unpacks libvirt over the root: not outside the test VM"
	[[ -s $archive ]] || skip "no libvirt in the cache: vm/fetch.sh libvirt"
	mountpoint -q $securityfs || mount -t securityfs securityfs $securityfs
	grep -qw apparmor $securityfs/lsm || skip "this kernel runs without AppArmor"
	tar -C / --keep-directory-symlink -xf "$archive"
}

# libvirt_configure: users, directories and profiles as the packages' scripts leave them; the node as our udev rule.
libvirt_configure()
{
	getent group kvm >/dev/null || groupadd -r kvm
	getent group libvirt >/dev/null || groupadd -r libvirt
	getent passwd libvirt-qemu >/dev/null || {
		groupadd -g 64055 libvirt-qemu
		useradd -K SYS_UID_MAX=65000 -r -u 64055 -g kvm -G libvirt-qemu -M -d /var/lib/libvirt \
			-s /usr/sbin/nologin libvirt-qemu
	}
	chown libvirt-qemu:libvirt-qemu /var/lib/libvirt/qemu{,/channel{,/target}}
	mkdir -p $apparmor/local/abstractions
	touch $apparmor/local/{abstractions/libvirt-qemu,usr.sbin.libvirtd,usr.lib.libvirt.virt-aa-helper}
	apparmor_parser -r $apparmor/usr.{sbin.libvirtd,lib.libvirt.virt-aa-helper}
	chgrp kvm /dev/kvm "$RTAP_NODE"
	chmod 660 /dev/kvm "$RTAP_NODE"
}

# libvirt_start: its daemons, as systemd would.
libvirt_start()
{
	at_exit libvirt_stop
	virtlogd -d
	libvirtd -d
	wait_for 120 virsh version
}

libvirt_stop()
{
	local name pid

	guest_kill
	for name in libvirtd virtlogd; do
		pid=$(cat /run/$name.pid) || continue
		kill "$pid"
		wait_for 20 process_ended "$pid"
	done
}

# domain_prepare: what its domains have in common; the guest's files where libvirt may give them away.
domain_prepare()
{
	mkdir -p $guest_state
	at_exit rm -rf $guest_state
	guest_prepare
	cp "$guest_image"/{vmlinux,initramfs} /var/lib/libvirt/boot/
	ln -sfn /var/log/libvirt/qemu/$domain.log $guest_state/qemu.log
	ip link add $domain_bridge type bridge
	at_exit ip link del $domain_bridge
	sysctl -qw net.ipv6.conf.$domain_bridge.disable_ipv6=1
	ip address add "$host_ip/24" dev $domain_bridge
	ip link set $domain_bridge up
}

# nic_xml [ATTRIBUTE...]: an interface that our node serves, with these attributes of its driver.
nic_xml()
{
	local address='' model=virtio

	# Beside the IOMMU, and not behind a port.
	[[ $domain_machine != q35 ]] || {
		address="<address type='pci' bus='0x00' slot='0x10'/>"
		model=virtio-non-transitional
	}
	cat <<-EOF
	<interface type='bridge'>
	  <mac address='$guest_mac'/>
	  <source bridge='$domain_bridge'/>
	  <target dev='$guest_tap'/>
	  <model type='$model'/>
	  <driver name='vhost' $*/>
	  <backend vhost='$RTAP_NODE'/>
	  <rom enabled='no'/>
	  $address
	</interface>
	EOF
}

# domain_quirks: what an emulated KVM asks of libvirt, as guest_emulated() in guest/lib.sh does of QEMU.
domain_quirks()
{
	local word

	cpu=''
	for word in ${guest_cpu//,/ }; do
		[[ $word != -* ]] || cpu+="<feature policy='disable' name='${word#-}'/>"
	done
	quirk=''
	[[ $guest_quirk != *modern-pio-notify* ]] ||
		quirk="<qemu:arg value='-global'/><qemu:arg value='virtio-pci.modern-pio-notify=on'/>"
}

# guest_cmdline: the command line of the guest's kernel, as any guest has it.
guest_cmdline()
{
	local command i

	guest_qemu_command
	for i in "${!command[@]}"; do
		[[ ${command[i]} != -append ]] || echo "${command[i + 1]}"
	done
}

# domain_xml [ATTRIBUTE...]: the domain, whose card's driver has these attributes.
domain_xml()
{
	local cpu quirk root=pci-root

	domain_quirks
	[[ $domain_machine != q35 ]] || root=pcie-root
	cat <<-EOF
	<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
	  <name>$domain</name>
	  <memory unit='MiB'>384</memory>
	  <vcpu>$domain_vcpus</vcpu>
	  <os>
	    <type arch='x86_64' machine='$domain_machine'>hvm</type>
	    <kernel>/var/lib/libvirt/boot/vmlinux</kernel>
	    <initrd>/var/lib/libvirt/boot/initramfs</initrd>
	    <cmdline>$(guest_cmdline)</cmdline>
	  </os>
	  <features><acpi/><vmport state='off'/>$([[ $root == pci-root ]] || echo "<ioapic driver='qemu'/>")</features>
	  <cpu mode='host-passthrough'>$cpu</cpu>
	  $domain_more
	  <devices>
	    <emulator>/usr/bin/qemu-system-x86_64</emulator>
	    <controller type='pci' index='0' model='$root'><pcihole64 unit='KiB'>0</pcihole64></controller>
	    <controller type='usb' model='none'/>
	    <serial type='file'><source path='$guest_state/console'/></serial>
	    <serial type='pipe'><source path='$guest_state/agent'/></serial>
	    <memballoon model='none'/>
	    $([[ $root == pci-root ]] || echo "<iommu model='intel'><driver intremap='on' iotlb='on'/></iommu>")
	    $(nic_xml "$@")
	  </devices>
	  <qemu:commandline>$quirk</qemu:commandline>
	</domain>
	EOF
}

# domain_start [ATTRIBUTE...]: its guest listens; again if it was KVM that gave up.
domain_start()
{
	local attempt

	for attempt in 1 2 3; do
		guest_kill
		drain "$agent_out"
		: | tee /var/log/libvirt/qemu/$domain.log >$guest_state/console
		domain_xml "$@" >"$RTAP_TMP/domain.xml"
		virsh create "$RTAP_TMP/domain.xml"
		cp /run/libvirt/qemu/$domain.pid $guest_state/pid
		sysctl -qw "net.ipv6.conf.$guest_tap.disable_ipv6=1"
		! guest_wait_ready 180 || return 0
		kvm_gave_up || break
		echo "attempt $attempt: KVM's emulation gave up"
	done
	fail "the guest is not usable: no agent: $(guest_last_word)"
}

# In place of those of guest/lib.sh.

guest_kill()
{
	local pid

	rm -f $guest_state/pid
	! pid=$(cat /run/libvirt/qemu/$domain.pid 2>/dev/null) || {
		virsh destroy $domain
		wait_for 10 process_ended "$pid" || true
	}
	wait_for 10 tap_is_gone || true
}

# qmp COMMAND [ARGUMENTS]: libvirt has the monitor, and asks for us.
qmp()
{
	virsh qemu-monitor-command --pretty $domain "{\"execute\": \"$1\", \"arguments\": ${2:-{\}}}"
}

# qemu_label: the AppArmor profile that QEMU is in, and its mode.
qemu_label()
{
	cat "/proc/$(guest_pid)/attr/current"
}

# denied: what AppArmor has refused since the tests began, of our node.
denied()
{
	kmsg_since_mark | grep 'apparmor="DENIED"' | grep -F "name=\"$RTAP_NODE\""
}
