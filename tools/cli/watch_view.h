// SPDX-License-Identifier: GPL-2.0-or-later
// What ringtap watch prints: a line per event.
#pragma once

#include <string>

#include "cli/json_view.h"
#include "lib/netlink.h"

namespace ringtap {

// Where the clock of events and that of people stand, at one moment; nanoseconds.
struct Clocks {
	uint64_t boot = 0; // CLOCK_BOOTTIME
	uint64_t real = 0; // CLOCK_REALTIME

	[[nodiscard]] static Clocks now();
};

// One line, without its end: "20:01:07.123456 device 3 attached: queue 0 (rx) to tun vm0". The
// time of day is local.
[[nodiscard]] std::string event_text(const NlEvent &event, const Clocks &clocks);

// What is not an event: events lost, a newer module's, the module unloaded. Empty for an event.
[[nodiscard]] std::string news_text(const NlNews &news);
// The same for programs: events as event_json() has them, and "lost", "unloaded".
[[nodiscard]] Json news_json(const NlNews &news);

} // namespace ringtap
