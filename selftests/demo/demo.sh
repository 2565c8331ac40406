#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# demo.sh - shows the main job: a QEMU guest sends and receives through rings that ringtap.ko serves.
#
#	demo.sh			in a VM that is a KVM host (works anywhere, slowly: all is emulated)
#	HOST=1 demo.sh		on this machine itself: as root, with KVM and the right to insert modules
set -euo pipefail

demo=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=selftests/demo/setup.sh
. "$demo/setup.sh"

echo "ringtap: a guest under QEMU, its network card served by ringtap.ko instead of vhost-net"
if [[ -n ${HOST:-} ]]; then
	host_ready kvm
	narrate "$demo/guest.sh"
else
	announce "about 2 minutes" "about 6 minutes"
	prepare_vm "$series"
	step "making the guest: Debian's kernel and busybox" "$log" "$demo/../guest/image.sh" "$series"
	head_line "Booting the KVM host, an emulated machine with Debian's kernel $series (its speed says nothing)"
	narrate "$demo/../vm/vm.sh" --timeout 900 --append no_timer_check "$series" -- "$demo/guest.sh"
fi
