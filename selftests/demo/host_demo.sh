#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# host_demo.sh - HOST=1 make demo works on a machine that is a KVM host, as the test VM is.
# rtap-kernels: 6.12
# rtap-needs: root module kvm
# shellcheck disable=SC2317,SC2119 # run_test calls the functions; need_module has optional arguments

here="$(cd "$(dirname "$0")" && pwd)"
# shellcheck source=selftests/lib.sh
. "$here/../lib.sh"

demo_tells_it_all()
{
	local said

	HOST=1 "$here/demo.sh" </dev/null >"$RTAP_TMP/said" 2>&1 || {
		cat "$RTAP_TMP/said"
		return 1
	}
	cat "$RTAP_TMP/said"
	said=$(<"$RTAP_TMP/said")
	[[ $said == *"SHA-256 equal on both sides"* ]]
	[[ $said == *"vhost-started: true"* ]]
	[[ $said == *"powered off"* ]]
}

need_root
need_module
[[ -c /dev/kvm ]] || modprobe kvm-amd 2>/dev/null || modprobe kvm-intel 2>/dev/null || true
wait_for 5 test -c /dev/kvm || skip "no /dev/kvm: this machine is no KVM host"

plan 2
run_test "HOST=1 demo: from module in to clean shutdown" demo_tells_it_all
run_test "the kernel log stays clean" kmsg_is_clean
finish
