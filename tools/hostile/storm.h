// SPDX-License-Identifier: GPL-2.0-or-later
// Storm: random calls from several threads and processes, and lives that begin and end meanwhile.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <random>
#include <string>

#include "lib/result.h"

namespace ringtap {

struct StormOptions {
	std::string node = "/dev/vhost-ringtap";
	uint64_t seed = 0; // the same seed makes the same calls; the kernel decides how they race
	unsigned seconds = 30;
};

// What was done, counted by all processes in memory that they share.
struct StormCounts {
	enum Kind {
		ioctls,
		starts,
		logged,
		translated,
		descriptors,
		memory,
		taps,
		netlink,
		frames,
		forks,
		kills,
		unloads,
		hotplugs,
		freezes,
		starved,
		namespaces,
		abducted,
		suspends,
		messages,
		kinds
	};
	static constexpr const char *names[kinds] = {"ioctls",
						     "starts",
						     "of them with a dirty log",
						     "of them with an IOTLB",
						     "descriptor operations",
						     "memory operations",
						     "TAP operations",
						     "netlink requests",
						     "frames",
						     "forks",
						     "owners killed",
						     "rmmod attempts",
						     "CPUs taken off",
						     "freezes",
						     "owners killed for want of memory",
						     "owners that ended with their namespace",
						     "TAPs that another namespace took along",
						     "suspends",
						     "messages"};

	std::array<std::atomic<uint64_t>, kinds> of = {};
	std::atomic<uint64_t> running = 0; // starts after which a backend was taken
};

using StormRandom = std::mt19937_64;

// The body of one process with that many threads; family is the netlink family's number.
void storm_process(const StormOptions &options, unsigned process, int family, StormCounts &counts);

// All of it. Says what it did; an error if a healthy device was harmed or something is left.
[[nodiscard]] Result<Done> run_storm(const StormOptions &options);

} // namespace ringtap
