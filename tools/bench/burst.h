// SPDX-License-Identifier: GPL-2.0-or-later
// BurstDriver: one vhost device under bursts of frames, and what its worker pays for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/worker_clock.h"
#include "guest/net.h"
#include "guest/test_frame.h"
#include "lib/memory.h"
#include "lib/packet_socket.h"
#include "lib/tap.h"
#include "lib/vhost.h"

namespace ringtap {

// Which device, and how its rings are laid out.
struct Subject {
	std::string name; // "stock split"
	std::string node;
	Layout layout = Layout::split;
	bool logged = false; // what the device writes goes into a dirty log, as in a migration
};

struct Workload {
	FrameStream::Direction direction = FrameStream::Direction::to_tap;
	unsigned size = 64;      // bytes of a frame
	unsigned batch = 64;     // frames in a burst
	uint64_t packets = 6400; // measured, in whole bursts
	uint64_t warm_up = 512;  // sent before
	unsigned ring_size = 256;

	[[nodiscard]] bool transmits() const { return direction == FrameStream::Direction::to_tap; }
};

// What one run costs.
struct Sample {
	uint64_t packets = 0;
	uint64_t bursts = 0;
	uint64_t worker_ns = 0; // CPU time of the workers
	uint64_t kicks = 0;
	uint64_t signals = 0;

	[[nodiscard]] double per_packet() const { return double(worker_ns) / packets; }
};

// Where the guest's memory comes from: a device to map, or anonymous memory if empty.
struct BenchMemory {
	std::string device;
};

// A burst is complete before the worker runs, because the driver has a real-time priority and
// shares its processor with the worker; the next one starts when the worker sleeps again. The
// guest asks for a signal for the first used chain, as a driver does that is about to sleep.
//
// The TAP and the calling thread's priority and processor are the caller's to set.
class BurstDriver {
public:
	[[nodiscard]] static Result<Sample> run(const Subject &subject, const Workload &workload,
						Tap &tap, const BenchMemory &memory, int cpu);

private:
	explicit BurstDriver(const Workload &workload);

	[[nodiscard]] Result<Done> start(const Subject &subject, Tap &tap,
					 const BenchMemory &memory, int cpu);
	[[nodiscard]] Result<Done> negotiate(bool logged);
	[[nodiscard]] Result<Done> log_rings();
	[[nodiscard]] Result<Done> bursts(uint64_t packets);
	[[nodiscard]] Result<Done> transmit();
	[[nodiscard]] Result<Done> receive();
	[[nodiscard]] Result<Done> take_received();
	[[nodiscard]] Result<Done> wait(Virtqueue &queue);

	Workload workload_;
	NetOptions net_;
	FrameStream stream_;
	// Members go away in reverse order: the device before the memory it was told about.
	GuestMemory memory_;
	std::vector<uint8_t> log_;
	std::optional<NetGuest> guest_;
	std::optional<PacketSocket> socket_;
	std::optional<VhostDevice> device_;
	std::optional<WorkerClock> clock_;
	uint64_t sent_ = 0;
	uint64_t bursts_ = 0;
};

} // namespace ringtap
