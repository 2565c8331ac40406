#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# libvirt.sh - Debian's libvirt starts a domain with <backend vhost='/dev/vhost-ringtap'/>, AppArmor enforcing: what
# works with the rule that we ship, what does not without it, and what is left behind.
# rtap-kernels: 6.12
# rtap-needs: root module kvm
#
#	libvirt.sh [--quick] [--only REGEX]
#
# --quick: one domain and no card plugged, as in a check. --only: tests whose name matches REGEX. Runs in the test VM alone.
# shellcheck disable=SC2317,SC2034,SC2154 # guest_test calls the functions; the files sourced share the names

here="$(cd "$(dirname "$0")" && pwd)"
# shellcheck source=selftests/lib.sh
. "$here/../lib.sh"
# shellcheck source=selftests/guest/lib.sh
. "$here/../guest/lib.sh"
# shellcheck source=selftests/guest/test.sh
. "$here/../guest/test.sh"
# shellcheck source=selftests/guest/traffic.sh
. "$here/../guest/traffic.sh"
# shellcheck source=selftests/clients/libvirt_host.sh
. "$here/libvirt_host.sh"

quick='' only=''
while (($#)); do
	case $1 in
	--quick) quick=1 ;;
	--only) only=$2 && shift ;;
	*) fail "usage: libvirt.sh [--quick] [--only REGEX]" ;;
	esac
	shift
done

# rule install|uninstall: as make does it.
rule()
{
	"$RTAP_TOP/tools/apparmor/rule.sh" "$1" "$apparmor"
}

# need_domain: the one that runs, or a new one with two pairs of packed rings; with the rule.
need_domain()
{
	rule install
	guest_is_alive || domain_vcpus=2 domain_start "queues='2' packed='on'"
}

# is_confined: QEMU is in its domain's own profile, whose it should be, and has no node to open.
is_confined()
{
	local label root

	root=/proc/$(guest_pid)/root
	label=$(qemu_label)
	echo "QEMU is in $label"
	[[ $label == "libvirt-$(virsh domuuid "$domain") (enforce)" ]]
	grep -qxF "$label" "$securityfs/apparmor/profiles"
	[[ $(stat -c %U "/proc/$(guest_pid)") == libvirt-qemu ]]
	[[ -c $root/dev/kvm && ! -e $root$RTAP_NODE ]]
}

# check_says ok|warn: of the rule.
check_says()
{
	local said

	said=$({ "$RINGTAP" check || true; } | grep -w apparmor)
	echo "$said"
	[[ $said == "$1 "* ]]
}

starts_with_the_rule()
{
	need_domain
	check_says ok
	is_confined
	expect_served packed +15 +22 +28 +29 +32 +34
	[[ $(device_files | wc -w) == 2 ]] || fail "a pair of queues has not its own device"
	pings 10
	tcp_to_guest 1
	tcp_to_host 1
	refute denied
}

# nic_detach: the guest lets go of its card; nothing of it is left.
nic_detach()
{
	virsh dumpxml "$domain" | sed -n '/<interface/,/<\/interface>/p' >"$RTAP_TMP/nic.xml"
	virsh detach-device "$domain" "$RTAP_TMP/nic.xml"
	wait_for 20 nic_is_gone
	wait_for 20 device_count_is 0
	wait_for 20 tap_is_gone
}

# nic_attach: a card to the domain that runs.
nic_attach()
{
	nic_xml >"$RTAP_TMP/nic.xml"
	virsh attach-device "$domain" "$RTAP_TMP/nic.xml"
}

is_plugged_with_the_rule()
{
	need_domain
	nic_detach
	nic_attach
	guest_run -t 90 net_up
	is_confined
	expect_served split +15 +28 +29 +32 -34
	pings 10
	refute denied
}

# A descriptor that arrives by the monitor's socket is looked at: QEMU gets none. The domain's profile is made anew
# for each device: nothing has to be reloaded or restarted, neither here nor when the rule is installed.
is_refused_without_the_rule()
{
	need_domain
	nic_detach
	rule uninstall
	check_says warn
	refute nic_attach
	denied
	# libvirt leaves the TAP with QEMU until the domain ends.
	wait_for 20 nic_is_gone
	wait_for 20 device_count_is 0
}

no_profile()
{
	! grep -q '^libvirt-' "$securityfs/apparmor/profiles"
}

leaves_nothing()
{
	local pid

	need_domain
	pid=$(guest_pid)
	virsh destroy "$domain"
	wait_for 10 process_ended "$pid"
	wait_for 10 device_count_is 0
	wait_for 10 module_is_unused ringtap
	wait_for 10 tap_is_gone
	wait_for 10 no_profile
	[[ -z $(virsh list --all --name | tr -d '[:space:]') ]]
}

# The node is libvirt's to open, QEMU's profile is entered before QEMU is run, and ioctls are not mediated.
starts_without_the_rule()
{
	rule uninstall
	guest_kill
	domain_start
	is_confined
	expect_served split +15 +28 +29 +32 -34
	pings 10
}

behind_iommu()
{
	guest_kill
	domain_machine=q35 guest_append="intel_iommu=on iommu.strict=1" domain_start "iommu='on' ats='on'"
	is_confined
}

iommu_with_the_rule()
{
	rule install
	behind_iommu
	expect_served split +15 +28 +29 +32 +33 -34
	pings 10
}

# QEMU writes translations to the node, and reads questions from it: both are mediated. It says that vhost is
# started, and nothing arrives.
iommu_without_the_rule()
{
	rule uninstall
	behind_iommu
	vhost_is_started
	refute busybox ping -c 3 -w 3 "$guest_ip"
	grep -m 1 'Fail to update device iotlb' "$guest_state/qemu.log"
	[[ $(denied) == *'denied_mask="w"'* ]]
	rule install
}

# Name and function of each test. What a refused card leaves in QEMU comes after what is plugged.
tests=("a confined domain with our node has packed rings, two pairs, and traffic|starts_with_the_rule")
[[ -n $quick ]] || tests+=("a card is unplugged, and another plugged|is_plugged_with_the_rule")
tests+=(
	"without our rule a card that is plugged is refused|is_refused_without_the_rule"
	"a domain that ends leaves nothing|leaves_nothing"
)
[[ -n $quick ]] || tests+=(
	"a card that is there from the start needs no rule|starts_without_the_rule"
	"a card behind an IOMMU is served|iommu_with_the_rule"
	"without our rule nothing passes it|iommu_without_the_rule"
)

chosen=()
for entry in "${tests[@]}"; do
	[[ ! ${entry%%|*} =~ $only ]] || chosen+=("$entry")
done
((${#chosen[@]} > 0)) || fail "no test has a name like '$only'"

need_libvirt
need_guest_node
domain_prepare
libvirt_configure
libvirt_start
plan $((${#chosen[@]} + 1))
for entry in "${chosen[@]}"; do
	guest_test "${entry%%|*}" "${entry##*|}"
done
guest_keep_console
run_test "the kernel log stays clean" kmsg_is_clean
finish
