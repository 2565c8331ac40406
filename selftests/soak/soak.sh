#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Soaks the module in a VM for MINUTES: storms and all hostile tests in random order, and says what was done.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd -P)
minutes=${1:-10} series=${2:-7.3}
export OUT=${here%/*}/.build/out/soak-$series
export RTAP_SECONDS=$((minutes * 60)) RTAP_SEED=${RTAP_SEED:-$RANDOM}

[[ $minutes =~ ^[1-9][0-9]*$ ]] || {
	echo "usage: ${0##*/} [MINUTES] [SERIES]" >&2
	exit 2
}
"$here/vm/build.sh" "$series" >/dev/null
# The program may be built again meanwhile, and the VM reads it from here.
mkdir -p "$OUT"
cp --remove-destination "${here%/*}/.build/tools/ringtap_hostile" "$OUT/"
export RTAP_HOSTILE=$OUT/ringtap_hostile
rc=0
# The last round, and the end of the VM, take minutes on a loaded machine.
"$here/vm/vm.sh" --timeout "$((RTAP_SECONDS + 900))" "$series" -- selftests/in-vm soak/mix.sh || rc=$?
"$here/vm/check-log" "$OUT" || rc=1
exit "$rc"
