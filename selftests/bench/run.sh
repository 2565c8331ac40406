#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Measures stock vhost-net and ringtap side by side: instructions, and nanoseconds where it can.
set -euo pipefail

cd "$(dirname "$0")/../.."
cmake -S tools -B .build/bench -DRINGTAP_TESTS=OFF >/dev/null
cmake --build .build/bench --target ringtap-bench -j "$(nproc)" -- --no-print-directory >&2

echo "# instructions: every figure repeats, whatever else the machine does"
selftests/bench/bench-icount.sh --repeats 3
echo
echo "# nanoseconds: compare within one table only"
rc=0
selftests/bench/bench-uml.sh || rc=$?
[[ $rc = 4 ]] || exit "$rc"
