# SPDX-License-Identifier: GPL-2.0-or-later
# Drops from a kernel log what debugging kernels say of others than the module, and what faults make them say.
#
# A data race concerns us if one of the two functions is ours; the kernel has many of its own. Between the marks of
# faults.sh, a kernel that is made to have no memory may say so, with a trace of how it came to ask. So it may when
# it kills for want of memory in a cgroup of ours; of anybody else's death the trace is kept.

/rtap: faults begin/ { faults = 1 }
/rtap: faults end/ { faults = 0 }

# A report of KCSAN is what lies between two such lines.
/==================/ {
	if (block == "") {
		block = $0 "\n"
		ours = lines = 0
		next
	}
	if (block !~ /BUG: KCSAN/ || ours)
		printf "%s%s\n", block, $0
	block = ""
	next
}
block != "" && ++lines > 200 {
	# no report is that long
	printf "%s", block
	block = ""
}
block != "" {
	if (/BUG: KCSAN: .*rtap_/)
		ours = 1
	block = block $0 "\n"
	next
}
faults && /Call Trace:|kmemleak: Cannot allocate a scan area/ { next }
/invoked oom-killer: / { dying = 1 }
dying && /Call Trace:/ {
	trace = trace $0 "\n"
	next
}
/Memory cgroup stats for \/ringtap-/ {
	dying = 0
	trace = ""
}
{ print }
END { printf "%s", trace }
END { if (block !~ /BUG: KCSAN/ || ours) printf "%s", block }
