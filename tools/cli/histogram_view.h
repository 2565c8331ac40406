// SPDX-License-Identifier: GPL-2.0-or-later
// Draws a histogram with bars of '#'.
#pragma once

#include <functional>
#include <string>

#include "lib/netlink_device.h"

namespace ringtap {

// A line per bucket, from the lowest that is filled to the highest, each with its lower end as
// label writes it; nothing for an empty histogram.
[[nodiscard]] std::string histogram_text(const std::string &title, const NlHistogram &histogram,
					 const std::function<std::string(uint64_t from)> &label);

} // namespace ringtap
