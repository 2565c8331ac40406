#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# drive.sh - the quick demo: each ring layout driven through the node, and what it is made of.
set -euo pipefail

demo=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=selftests/lib.sh
. "$demo/../lib.sh"
# shellcheck source=selftests/demo/say.sh
. "$demo/say.sh"
# shellcheck source=selftests/demo/host.sh
. "$demo/host.sh"

# drive LAYOUT WORDS...: run it, and show it.
drive()
{
	echo "  \$ ringtap drive $*"
	"$RINGTAP" drive "$@" 2>&1 | sed 's/^/  /'
}

host_line
module_in
kmsg_mark
head_line "How a client sets up a device: each ioctl, in words"
drive --layout packed --count 100 --verbose
for layout in split packed; do
	head_line "A $layout ring, both directions, every frame verified"
	drive --layout "$layout" --count 20000
	drive --layout "$layout" --count 500 --offload
done
head_line "The end"
module_out
