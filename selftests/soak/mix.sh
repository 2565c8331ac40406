#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# mix.sh - in a VM, for RTAP_SECONDS: storms and all groups of hostile tests, in an order from RTAP_SEED, several at once.
# shellcheck disable=SC2317 # run_test calls the functions

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=selftests/hostile/lib.sh
. "$(dirname "$0")/../hostile/lib.sh"

seconds=${RTAP_SECONDS:-600}
seed=${RTAP_SEED:-$RANDOM}
# A life or a call takes many times as long beside others.
longest=$((600 * RTAP_SLOW))

# Groups that may have company, and those that may not: of what they measure or lower there is one in the machine.
company=(lies gone frames running network backends stalled history iotlb log page_faults headers forked)
alone=(accounts workers)
# A part of a group takes a minute or so; accounts have only few tests that are of one queue.
parts=("rx, split" "rx, packed" "tx, split" "tx, packed")
# Of what is not about one queue.
layouts=(split packed)

# random N: a number below N in `number`, the same ones from the same seed.
random()
{
	number=$((RANDOM % $1))
}

# choose N: that many different groups of those with company, in `chosen`.
choose()
{
	local left=("${company[@]}")

	chosen=()
	while ((${#chosen[@]} < $1)); do
		random ${#left[@]}
		chosen+=("${left[number]}")
		left=("${left[@]:0:number}" "${left[@]:number+1}")
	done
}

# start GROUP [ARGS...]: it runs in the background, and finish_round() waits for it.
start()
{
	local log="$RTAP_TMP/round.$1"

	started+=("$1")
	echo "# $((SECONDS - began)) s: $*"
	timeout -k 10 "$longest" "$RTAP_HOSTILE" "$@" --node "$RTAP_NODE" >"$log" 2>&1 &
	pids+=($!)
}

# start_part GROUP [ARGS...]: a part of it, so that a round ends within minutes.
start_part()
{
	local names=("${parts[@]}")

	[[ " log page_faults headers " != *" $1 "* ]] || names=("${layouts[@]}")
	random ${#names[@]}
	start "$1" "${names[number]}" "${@:2}"
}

# finish_round: what they said goes to what there is of their groups; a failure is shown in full.
finish_round()
{
	local i log rc

	for i in "${!pids[@]}"; do
		log="$RTAP_TMP/round.${started[i]}" rc=0
		wait "${pids[i]}" || rc=$?
		echo "round ${started[i]} $rc" >>"$RTAP_TMP/rounds"
		sed "s/^/${started[i]} /" "$log" >>"$RTAP_TMP/said"
		((rc == 0)) || {
			bad=1
			echo "# ${started[i]} ended with status $rc:"
			comment <"$log"
		}
	done
}

# one_round: a storm with or without company, some groups beside each other, or one by itself.
one_round()
{
	local started=() pids=() chosen=() args=() group

	random 8
	case "$number" in
	0 | 1 | 2 | 3)
		random 3
		choose "$number"
		((${#chosen[@]} == 0)) || args=(--company)
		random 32768
		start storm --seed "$number" --seconds 40 "${args[@]}"
		;;
	4 | 5)
		choose 3
		;;
	6)
		choose 1
		start_part "${chosen[0]}"
		chosen=()
		;;
	7)
		random ${#alone[@]}
		start "${alone[number]}"
		;;
	esac
	for group in "${chosen[@]}"; do
		start_part "$group" --company
	done
	finish_round
}

# summary: rounds and tests of each group, and what the storms counted, all added up.
summary()
{
	awk '
	FILENAME ~ /rounds$/ { rounds[$2]++; failed_rounds[$2] += $3 != 0; next }
	$2 == "ok" { if (/# SKIP/) skipped[$1]++; else passed[$1]++ }
	$2 == "not" { failed[$1]++ }
	/^storm # storm: seed .*, [0-9]+ ioctls/ {
		sub(/^[^,]*, /, "")
		n = split($0, parts, ", ")
		for (i = 1; i <= n; i++) {
			value = parts[i] + 0
			sub(/^[0-9]+ /, "", parts[i])
			if (!(parts[i] in sum))
				names[++kinds] = parts[i]
			sum[parts[i]] += value
		}
	}
	END {
		for (group in rounds)
			printf "# %s: %d rounds (%d failed), tests: %d passed, %d failed, %d skipped\n", group,
				rounds[group], failed_rounds[group], passed[group], failed[group], skipped[group]
		for (i = 1; i <= kinds; i++)
			printf "# storms: %d %s\n", sum[names[i]], names[i]
	}' "$RTAP_TMP/rounds" "$RTAP_TMP/said"
}

nothing_failed()
{
	((bad == 0))
}

need_root
need_module
need_hostile
load_fuse
make_swap

plan 3
RANDOM=$seed began=$SECONDS bad=0
echo "# seed $seed, $seconds seconds"
while ((SECONDS - began < seconds)); do
	one_round
done
summary
run_test "every round passes" nothing_failed
run_test "no worker, device or user is left, and the module comes out" nothing_is_left
run_test "the kernel log stays clean" kmsg_is_clean
finish
