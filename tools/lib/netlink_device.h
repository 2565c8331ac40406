// SPDX-License-Identifier: GPL-2.0-or-later
// NlDevice, NlQueue, NlWorker, NlEvent: what ringtap.ko tells of itself, as it told it.
//
// What a module does not tell (an older one, or to this reader) is an empty optional. Values of
// enumerations stay numbers, as a newer module may have more of them; netlink_names.h has words.
// Documentation/netlink/ringtap.yaml says what each means. Times are nanoseconds, points in time
// of CLOCK_BOOTTIME.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <linux/ringtap.h>

#include "lib/features.h"
#include "lib/netlink_attr.h"

namespace ringtap {

// Types of attributes that this version does not know, ascending, each once.
using UnknownAttributes = std::vector<uint16_t>;

// One open of the node.
struct NlDevice {
	uint32_t id = 0;
	std::optional<uint64_t> serial, opened, state_since, features, features_high,
		backend_features, region_bytes;
	std::optional<uint32_t> state, owner_pid, regions, ifindex, queues, workers;
	std::optional<int32_t> netnsid;
	std::optional<std::string> node, owner_comm, ifname;
	UnknownAttributes unknown;

	// Both words of them; of the second an older module, which has nothing there, does not tell.
	[[nodiscard]] std::optional<FeatureSet> feature_set() const
	{
		if (!features)
			return std::nullopt;
		return FeatureSet(*features, features_high.value_or(0));
	}
	[[nodiscard]] std::optional<FeatureSet> backend_feature_set() const
	{
		if (!backend_features)
			return std::nullopt;
		return FeatureSet(*backend_features);
	}
	bool operator==(const NlDevice &) const = default;
};

// Ring errors of one kind.
struct NlErrorCount {
	uint32_t kind = 0;
	uint64_t count = 0;

	bool operator==(const NlErrorCount &) const = default;
};

// How many were at least from, and less than the next power of two.
struct NlBucket {
	uint64_t from = 0, count = 0;

	bool operator==(const NlBucket &) const = default;
};

using NlHistogram = std::vector<NlBucket>;

struct NlStats {
	// Counters by attribute, RINGTAP_A_STATS_PACKETS and so on.
	std::array<std::optional<uint64_t>, RINGTAP_A_STATS_MAX + 1> counts;
	std::vector<NlErrorCount> errors;
	NlHistogram batch_size, wake_latency;
	UnknownAttributes unknown;

	// 0 for what is not told.
	[[nodiscard]] uint64_t count(unsigned attribute) const
	{
		return attribute < counts.size() ? counts[attribute].value_or(0) : 0;
	}

	bool operator==(const NlStats &) const = default;
};

struct NlQueue {
	uint32_t device = 0, index = 0;
	std::optional<uint32_t> state, backend, layout, size, last_avail, last_used, mapped,
		busyloop_us, worker, fault_kind, fault_index, fault_desc;
	std::optional<uint64_t> state_since, desc_addr, driver_addr, device_addr;
	std::optional<NlStats> stats;
	UnknownAttributes unknown;

	bool operator==(const NlQueue &) const = default;
};

struct NlWorker {
	uint32_t device = 0, id = 0;
	std::optional<uint32_t> tid, cpu;
	std::optional<uint64_t> cpu_time;
	std::optional<std::string> comm, affinity;
	bool dead = false;
	std::vector<uint32_t> queues;
	UnknownAttributes unknown;

	bool operator==(const NlWorker &) const = default;
};

struct NlEvent {
	uint8_t command = 0; // RINGTAP_CMD_DEVICE_OPEN and so on
	uint32_t device = 0;
	std::optional<uint64_t> serial, time, suppressed;
	std::optional<uint32_t> queue, backend, ifindex, fault_kind, fault_index, fault_desc;
	std::optional<std::string> ifname;
	UnknownAttributes unknown;

	bool operator==(const NlEvent &) const = default;
};

// Each reads the attributes of one message. EBADMSG for what makes no sense: lengths that do not
// fit, an attribute twice that can be there once, a record that does not say whose it is.
[[nodiscard]] Result<NlDevice> parse_device(Bytes attributes);
[[nodiscard]] Result<NlQueue> parse_queue(Bytes attributes);
[[nodiscard]] Result<NlWorker> parse_worker(Bytes attributes);
// For one of the commands that is_event() knows.
[[nodiscard]] Result<NlEvent> parse_event(uint8_t command, Bytes attributes);

// Whether a command is one of the notifications of this version.
[[nodiscard]] bool is_event(uint8_t command);

} // namespace ringtap
