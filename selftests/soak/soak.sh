#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Soaks the module in a VM for MINUTES: storms of calls and of lives, each with a seed of its own, and says what was done.
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
rc=0
# The end of a storm and of the VM takes minutes on a loaded machine.
"$here/vm/vm.sh" --timeout "$((RTAP_SECONDS + 600))" "$series" -- selftests/in-vm hostile/storm.sh || rc=$?
"$here/vm/check-log" "$OUT" || rc=1
exit "$rc"
