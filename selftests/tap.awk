# SPDX-License-Identifier: GPL-2.0-or-later
# Reads the TAP of a stage, prints it with the stage's name, and keeps one result line per test.
#
# A file's own line counts only if no line inside it did: its tests are what is counted.

function result(line)
{
	print line >results
	fflush(results)
	total++
	if (line ~ /^not ok/)
		failed++
}

function show(line)
{
	print "[" stage "] " line
	fflush()
}

# "not ok 3 - name # why" without its number
function bare(line)
{
	sub(/^ +/, "", line)
	sub(/ok [0-9]+( -)? */, "ok - ", line)
	sub(/ok (- )?/, "ok - ", line)
	return line
}

BEGIN {
	printf "" >results
}

{ gsub(/\r/, "") }

/^RTAP_STATUS / {
	if (!failed)
		result("not ok - " stage " ended with status " $2)
	next
}

# The stage starts anew: what it said before does not count.
/^RTAP_AGAIN / {
	close(results)
	printf "" >results
	total = failed = inside = inside_failed = 0
	sub(/^RTAP_AGAIN /, "once more: ")
	show($0)
	next
}

/^ +(not )?ok [0-9]+/ {
	inside++
	if ($1 == "not")
		inside_failed++
	result(bare($0))
	if (verbose || $1 == "not" || /# SKIP/)
		show($0)
	next
}

/^(not )?ok( |$)/ {
	if (!inside || ($1 == "not" && !inside_failed))
		result(bare($0))
	inside = inside_failed = 0
	show($0)
	next
}

# What a failed test printed comes after its line in some suites, before it in others: show notes.
/^#/ || /^Bail out!/ || /^ +#/ || /FAILED|error:|warning:/ || verbose {
	if (!/^ *# *$/)
		show($0)
}

/^Bail out!/ {
	result("not ok - " stage ": " $0)
}

END {
	if (!total)
		result("not ok - " stage " reported no test at all")
}
