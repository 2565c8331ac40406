// SPDX-License-Identifier: GPL-2.0-or-later
// Traffic: verified frames between a NetGuest and a packet socket on the TAP's other side.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "guest/net.h"
#include "guest/test_frame.h"
#include "lib/packet_socket.h"

namespace ringtap {

struct TrafficOptions {
	uint64_t tx_count = 0; // frames from the guest to the TAP
	uint64_t rx_count = 0; // frames from the TAP to the guest
	unsigned size = 60;
	bool offload = false;
	unsigned batch = 32;      // frames per kick, and per turn of the loop
	unsigned rx_window = 256; // frames under way at most: a TAP's queue holds 500 or more
	unsigned tx_window = 256; // frames under way at most: less than a packet socket holds
	std::chrono::milliseconds stall{5000}; // without progress for so long, give up
	std::function<bool()> go_on;           // while true, the counts grow; may be empty
};

// One direction's account.
struct FlowResult {
	uint64_t sent = 0;
	uint64_t verified = 0;
	uint64_t bytes = 0; // of verified frames
	uint64_t lost = 0;
	uint64_t corrupt = 0; // arrived, and not as sent
	uint64_t out_of_order = 0;
	uint64_t foreign = 0;    // somebody else's
	double seconds = 0;      // from the first frame sent to the last verified
	std::string first_error; // about the first frame that was not right

	[[nodiscard]] bool good() const { return !lost && !corrupt && !out_of_order; }
};

// Runs both directions in one loop, waiting for signals when nothing moves. Single-threaded.
class Traffic {
public:
	Traffic(NetGuest &guest, PacketSocket &socket, const TrafficOptions &options);

	// Ends when everything is verified or nothing moves any more; losses are in the results.
	// An error if the device broke the rings' rules or a system call failed.
	[[nodiscard]] Result<Done> run();

	[[nodiscard]] const FlowResult &tx() const { return tx_.result; }
	[[nodiscard]] const FlowResult &rx() const { return rx_.result; }
	// Headers whose num_buffers was not set though the driver reads it.
	[[nodiscard]] uint64_t headers_without_count() const { return headers_without_count_; }
	[[nodiscard]] bool stalled() const { return stalled_; }

private:
	using Clock = std::chrono::steady_clock;

	struct Flow {
		FrameStream stream;
		uint64_t count;
		FlowResult result = {};
		uint64_t next = 0; // the number expected now
		Clock::time_point first = {}, last = {};

		[[nodiscard]] bool done() const { return next >= count; }
		[[nodiscard]] uint64_t under_way() const { return result.sent - next; }
		void go_on(unsigned frames);
		void started();
		void arrived(const Offload &offload, std::span<const uint8_t> bytes);
		void finish();
	};

	// Each moves up to a batch of frames one step, and says how many.
	[[nodiscard]] Result<unsigned> transmit();
	[[nodiscard]] Result<unsigned> capture();
	[[nodiscard]] Result<unsigned> inject();
	[[nodiscard]] Result<unsigned> receive();
	[[nodiscard]] Result<Done> sleep(Clock::time_point deadline);

	NetGuest &guest_;
	PacketSocket &socket_;
	TrafficOptions options_;
	Flow tx_, rx_;
	uint64_t headers_without_count_ = 0;
	bool stalled_ = false;
};

} // namespace ringtap
