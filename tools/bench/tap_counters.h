// SPDX-License-Identifier: GPL-2.0-or-later
// TapCounters: an interface's own packet counters, as its network namespace shows them.
#pragma once

#include <cstdint>
#include <string>

#include "lib/result.h"

namespace ringtap {

// As the host sees the interface: received from the guest, transmitted to it.
struct TapCounters {
	uint64_t received = 0;
	uint64_t transmitted = 0;

	[[nodiscard]] static Result<TapCounters> read(const std::string &interface);
};

} // namespace ringtap
