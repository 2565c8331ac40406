// SPDX-License-Identifier: GPL-2.0-or-later
// What ringtap drive was asked for, what it has set up, and how it says what came of it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "guest/iommu.h"
#include "guest/net.h"
#include "guest/traffic.h"
#include "guest/worker_mover.h"
#include "lib/packet_socket.h"
#include "lib/tap.h"
#include "lib/vhost.h"

namespace ringtap {

struct DriveOptions {
	std::string node = "/dev/vhost-ringtap";
	std::string tap; // empty: one of our own
	Layout layout = Layout::split;
	uint64_t count = 10000;
	unsigned size = 0; // 0: short
	unsigned ring = 256;
	unsigned start = 0;
	unsigned batch = 32;
	unsigned pieces = 0; // 0: one, two with indirect descriptors
	bool mergeable = true;
	bool indirect = false;
	bool no_event_idx = false;
	bool in_order = false;
	bool legacy = false;
	bool device_header = false;
	bool offload = false;
	MemoryKind memory = MemoryKind::anon;
	std::string directory = MemoryOptions().directory;
	std::string direction = "both";
	unsigned stall_seconds = 5;
	uint64_t moves = 0; // of queues between workers
	bool iommu = false;
	unsigned take_back = 0; // translations told between two invalidations
	bool scatter = false;
	bool json = false;
	bool verbose = false;

	[[nodiscard]] bool sends() const { return direction != "rx"; }
	[[nodiscard]] bool receives() const { return direction != "tx"; }
};

// Everything between the command line and the result; members go away in reverse order, the node
// before the memory it was told about.
struct Drive {
	NetOptions net;
	FeatureSet features;
	GuestMemory memory;
	std::optional<NetGuest> guest;
	std::optional<Tap> tap;
	std::optional<PacketSocket> socket;
	std::optional<VhostDevice> device;
	std::unique_ptr<Iommu> iommu;       // or none
	std::unique_ptr<WorkerMover> mover; // or none
	std::optional<Traffic> traffic;
};

// The result, once the traffic and everything beside it have ended.
void print_json(Drive &drive, const DriveOptions &options, bool good);
void print_text(Drive &drive, const DriveOptions &options);

} // namespace ringtap
