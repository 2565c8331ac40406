# SPDX-License-Identifier: GPL-2.0-or-later
# Reads the TAP of a stage, prints it with the stage's name, and keeps one result line per test.
#
# A file's own line counts only if no line inside it did: its tests are what is counted. The file WHY gets
# each failure with some of what was printed about it, and why the stage began anew.

function result(line)
{
	print line >results
	fflush(results)
	total++
	# Suites that indent say why before, others after.
	notes = 0
	if (line ~ /^not ok/) {
		failed++
		sub(/^not ok (- )?/, "", line)
		explain("FAILED " stage ": " line)
		for (i = 0; i < said; i++)
			if (i < 3 || i >= said - 3)
				explain("    " notes_before[i])
		notes = 5
	}
	said = 0
}

function explain(line)
{
	print substr(line, 1, 200) >why
	fflush(why)
}

function note(line)
{
	sub(/^ *# */, "", line)
	if (line == "" || line ~ /^[0-9]+ s$/)
		return
	if (notes > 0 && !inside) {
		notes--
		explain("    " line)
	} else {
		notes_before[said++] = line
	}
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
	if (why == "")
		why = "/dev/null"
	printf "" >results
	printf "" >why
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
	total = failed = inside = inside_failed = said = notes = 0
	sub(/^RTAP_AGAIN /, "once more: ")
	explain(stage ": " $0)
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

/^ *#/ { note($0) }

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
