// SPDX-License-Identifier: GPL-2.0-or-later
// Bars as long as the counts, and gaps between powers of two filled in.
#include "cli/histogram_view.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

namespace ringtap {

namespace {

constexpr double longest_bar = 40;
// Of a module that has more, the rest is left out: there are 64 powers of two in 64 bits, and 0.
constexpr size_t most_buckets = 65;

// Ascending; between two powers of two also those that are empty.
NlHistogram filled(NlHistogram histogram)
{
	NlHistogram full;

	std::ranges::sort(histogram, {}, &NlBucket::from);
	for (const NlBucket &bucket : histogram) {
		while (!full.empty() && std::has_single_bit(full.back().from) &&
		       std::has_single_bit(bucket.from) && full.back().from < bucket.from / 2)
			full.push_back({full.back().from * 2, 0});
		full.push_back(bucket);
	}
	full.resize(std::min(full.size(), most_buckets));
	return full;
}

} // namespace

std::string histogram_text(const std::string &title, const NlHistogram &histogram,
			   const std::function<std::string(uint64_t from)> &label)
{
	NlHistogram buckets = filled(histogram);

	if (buckets.empty())
		return "";

	auto most = static_cast<double>(
		std::max<uint64_t>(std::ranges::max(buckets, {}, &NlBucket::count).count, 1));
	std::string text = fmt::format("  {}, at least\n", title);

	for (const NlBucket &bucket : buckets) {
		// What happened at all is seen.
		double length = std::ceil(static_cast<double>(bucket.count) / most * longest_bar);

		text += fmt::format("    {:>10} |{:<40}| {}\n", label(bucket.from),
				    std::string(static_cast<size_t>(length), '#'), bucket.count);
	}
	return text;
}

} // namespace ringtap
