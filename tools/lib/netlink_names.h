// SPDX-License-Identifier: GPL-2.0-or-later
// Words for the values and counters of the netlink family.
//
// Names are those of Documentation/netlink/ringtap.yaml with '_' for '-'. A value that this version
// does not know has no words: a newer module sent it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/netlink_device.h"

namespace ringtap {

// One value of an enumeration, or one counter.
struct NlName {
	unsigned value;
	std::string_view name;
	std::string_view meaning; // half a sentence
};

// Ascending, without gaps but for those between counters.
[[nodiscard]] std::span<const NlName> device_states();
[[nodiscard]] std::span<const NlName> queue_states();
[[nodiscard]] std::span<const NlName> backends();
[[nodiscard]] std::span<const NlName> layouts();
[[nodiscard]] std::span<const NlName> ring_errors();
// The events, by command.
[[nodiscard]] std::span<const NlName> events();
// The counters, by attribute; those that count lost frames are called "drop_...".
[[nodiscard]] std::span<const NlName> counters();
[[nodiscard]] bool is_drop(const NlName &counter);

// Nothing for a value that the table has not.
[[nodiscard]] const NlName *find_name(std::span<const NlName> table, unsigned value);
// The name, or the number of one that has none.
[[nodiscard]] std::string name_or_number(std::span<const NlName> table, unsigned value);

// Frames of a queue that were lost, for whatever reason.
[[nodiscard]] uint64_t drops_of(const NlStats &stats);

// Features in short words: "mrg_rxbuf event_idx version_1".
[[nodiscard]] std::string short_features(const FeatureSet &features);

} // namespace ringtap
