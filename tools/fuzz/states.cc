// SPDX-License-Identifier: GPL-2.0-or-later
// Counts the states a campaign has seen: a verb call or a driver's write is one
#include "states.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>

namespace ringtap::fuzz {

static const char *counted;

States &states()
{
	static States all;
	return all;
}

void count_states(const char *name)
{
	counted = name;
	std::atexit(write_states);
}

void write_states()
{
	const char *path = std::getenv("RINGTAP_FUZZ_STATES");
	if (!path || !counted)
		return;
	if (FILE *out = std::fopen(path, "a")) {
		const States &s = states();
		std::fprintf(out, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", counted,
			     s.inputs, s.verbs, s.writes, s.raced);
		std::fclose(out);
	}
	counted = nullptr;
}

} // namespace ringtap::fuzz
