#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh TEST... - run test files one after the other and report each as a TAP line around its own TAP.

set -euo pipefail
cd "$(dirname "$0")"

passed=0 failed=0 skipped=0 number=0

echo "TAP version 13"
echo "1..$#"
for test in "$@"; do
	number=$((number + 1))
	name="selftests: ${test%/*}: ${test##*/}"
	echo "# $name"
	rc=0 began=$SECONDS
	"./$test" 2>&1 | sed -u 's/^/    /' || rc=${PIPESTATUS[0]}
	case "$rc" in
	0)
		passed=$((passed + 1))
		echo "ok $number $name"
		;;
	4)
		skipped=$((skipped + 1))
		echo "ok $number $name # SKIP"
		;;
	*)
		failed=$((failed + 1))
		echo "not ok $number $name # exit=$rc"
		;;
	esac
	echo "# $((SECONDS - began)) s"
done
echo "# $passed passed, $failed failed, $skipped skipped"
((failed == 0))
