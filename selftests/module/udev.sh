#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# udev.sh - the udev rule parses, and gives the node to group kvm with mode 0660.
# rtap-needs: root module
# shellcheck disable=SC2317,SC2119 # run_test calls the functions; need_module has optional arguments

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"

rule="$RTAP_TOP/tools/udev/60-ringtap.rules"

rule_parses()
{
	udevadm verify --help >/dev/null 2>&1 || skip "udevadm here has no verify"
	udevadm verify "$rule"
}

# udevadm test runs the rules for the live node, the permissions included; the rule is there meanwhile.
rule_gives_the_node_to_kvm()
{
	local gid

	gid="$(getent group kvm | cut -d: -f3)"
	[[ -n "$gid" ]] || skip "this machine has no group kvm"
	mkdir -p /run/udev/rules.d
	cp "$rule" /run/udev/rules.d/
	at_exit rm -f "/run/udev/rules.d/${rule##*/}"
	chown root:root /dev/vhost-ringtap
	udevadm test --action=add /sys/class/misc/vhost-ringtap >"$RTAP_TMP/udev" 2>&1
	refute grep -E "60-ringtap.rules:.*(Invalid|Unknown|error|fail)" "$RTAP_TMP/udev"
	if [[ "$(stat -c '%a %g' /dev/vhost-ringtap)" != "660 $gid" ]]; then
		stat -c '%A %U %G' /dev/vhost-ringtap
		grep vhost-ringtap "$RTAP_TMP/udev"
		return 1
	fi
}

need_root
need_command udevadm
[[ -e "$rule" ]] || skip "no $rule here"
need_module

plan 2
run_test "the rule parses" rule_parses
run_test "the rule gives the node to group kvm, mode 0660" rule_gives_the_node_to_kvm
finish
