#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Loads stock vhost-net and ringtap on the machine it runs on, and measures both.
set -euo pipefail

: "${RINGTAP_KO:?run bench-icount.sh}" "${OUT:?}"

modprobe -a tun tap vhost_iotlb vhost_net
# shellcheck disable=SC2086 # words
insmod "$RINGTAP_KO" ${RTAP_MODULE_PARAMS:-}
# A real-time driver must not be held back for the others' sake.
echo -1 >/proc/sys/kernel/sched_rt_runtime_us

.build/bench/ringtap-bench --json "$OUT/bench.json" "$@"
