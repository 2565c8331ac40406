#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# demo-quick.sh - shows ringtap.ko serve a split and a packed ring, driven by `ringtap drive` without a guest.
#
#	demo-quick.sh		in a VM
#	HOST=1 demo-quick.sh	on this machine itself: as root, with the right to insert modules
set -euo pipefail

demo=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=selftests/demo/setup.sh
. "$demo/setup.sh"

echo "ringtap: split and packed rings served by ringtap.ko, driven by a program instead of a guest"
if [[ -n ${HOST:-} ]]; then
	host_ready
	narrate "$demo/drive.sh"
else
	announce "about a minute" "about 5 minutes"
	prepare_vm "$series"
	head_line "Booting an emulated machine with Debian's kernel $series (its speed says nothing)"
	narrate "$demo/../vm/vm.sh" --timeout 400 --append no_timer_check "$series" -- "$demo/drive.sh"
fi
