#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Counts the instructions a vhost worker needs per packet, stock and ringtap, in an emulated machine.
set -euo pipefail

repo=$(cd "$(dirname "$0")/../.." && pwd)
series=${RTAP_BENCH_KERNEL:-6.1}
out=$repo/.build/out/bench-icount-$series

cd "$repo"
mkdir -p "$out"
selftests/vm/build.sh "$series" >"$out/build.log" 2>&1 || {
	tail -n 20 "$out/build.log" >&2
	exit 1
}
# One processor whose clock counts instructions; --icount also turns off what would hide them: rep
# movsb counts one per byte, and memory cleared on allocation is the allocator's time. Debian's
# kernels do clear it, and what a module allocates it pays for: RTAP_BENCH_INIT_ON_ALLOC=1 shows that.
OUT=$out selftests/vm/vm.sh --icount --timeout 3600 \
	--append "init_on_alloc=${RTAP_BENCH_INIT_ON_ALLOC:-0}" "$series" -- selftests/bench/in-vm.sh \
	--title "icount, $series" --unit instructions "$@" | tee "$out.txt"
echo "all samples: ${out#"$repo"/}/bench.json"
