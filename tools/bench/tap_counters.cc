// SPDX-License-Identifier: GPL-2.0-or-later
// Reads /proc/net/dev.
#include "bench/tap_counters.h"

#include <fstream>
#include <sstream>

namespace ringtap {

namespace {

constexpr char file_name[] = "/proc/self/net/dev";

} // namespace

// A line is the name, a colon, eight counters of reception and eight of transmission; packets come
// second in both.
Result<TapCounters> TapCounters::read(const std::string &interface)
{
	std::ifstream file(file_name);
	std::string line;

	while (std::getline(file, line)) {
		size_t colon = line.find(':');
		size_t start = line.find_first_not_of(' ');

		if (colon == std::string::npos || line.substr(start, colon - start) != interface)
			continue;
		std::istringstream words(line.substr(colon + 1));
		uint64_t word[16] = {};

		for (uint64_t &value : word)
			words >> value;
		if (!words)
			return fail(EPROTO, "understand", file_name);
		return TapCounters{word[1], word[9]};
	}
	return fail(ENODEV, "find the counters of", interface, "did the interface go away?");
}

} // namespace ringtap
