# SPDX-License-Identifier: GPL-2.0-or-later
# compare.awk - hold two transcripts against each other and against the list of intended differences.
#
#	awk -v series=6.1 -v used=FILE -f compare.awk intended stock ours
#
# Prints what differs without being intended and exits 1; appends the intended entries met to `used`.

FNR == 1 { file++ }

# The list: paragraphs of "key: value" lines.
file == 1 && /^#/ { next }
file == 1 && /^$/ { open = 0; next }
file == 1 {
	if (!open) {
		open = 1
		count++
		line[count] = FNR
	}
	key = $1
	sub(/:$/, "", key)
	value = $0
	sub(/^[a-z]+:[ \t]*/, "", value)
	entry[count, key] = value
	next
}

# The transcripts: "section/step: what(arguments) -> answer".
{
	step = $0
	sub(/: .*/, "", step)
	if ((file, step) in seen)
		complain("step printed twice: " $0)
	seen[file, step] = 1
	if (file == 2) {
		stock[step] = $0
		order[++steps] = step
	} else {
		ours[step] = $0
		if (!(step in stock))
			complain("only ours prints: " $0)
	}
}

function complain(text)
{
	print text
	failed = 1
}

# A list of globs to one anchored expression.
function globs_to_regex(globs)
{
	gsub(/[.+]/, "\\\\&", globs)
	gsub(/\*/, ".*", globs)
	gsub(/[ \t]+/, "|", globs)
	return "^(" globs ")$"
}

function is_listed(word, list)
{
	return list == "all" || (" " list " ") ~ (" " word " ")
}

function ioctl_of(text)
{
	sub(/^[^:]*: /, "", text)
	sub(/\(.*/, "", text)
	return text
}

# The number of the entry that intends this difference, or 0.
function intended(step,    i)
{
	for (i = 1; i <= count; i++)
		if (is_listed(series, entry[i, "kernels"]) &&
		    is_listed(ioctl_of(ours[step]), entry[i, "ioctl"]) &&
		    step ~ globs_to_regex(entry[i, "steps"]) && ours[step] ~ entry[i, "ours"])
			return i
	return 0
}

END {
	for (i = 1; i <= count; i++)
		if (!entry[i, "kernels"] || !entry[i, "ioctl"] || !entry[i, "steps"] ||
		    !entry[i, "ours"] || !entry[i, "reason"])
			complain("intended:" line[i] ": incomplete entry")
	if (!steps)
		complain("the stock transcript is empty")
	for (s = 1; s <= steps; s++) {
		step = order[s]
		if (!(step in ours)) {
			complain("only stock prints: " stock[step])
			continue
		}
		if (stock[step] == ours[step])
			continue
		met = intended(step)
		if (met) {
			print line[met] >> used
		} else {
			complain("stock  " stock[step])
			complain("ours   " ours[step])
		}
	}
	exit failed
}
