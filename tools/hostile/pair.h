// SPDX-License-Identifier: GPL-2.0-or-later
// Pair: a guest that behaves, both its queues on one backend, and every frame accounted for.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "guest/net.h"
#include "guest/traffic.h"
#include "hostile/probe.h"
#include "hostile/wire.h"

namespace ringtap {

struct PairOptions {
	std::string node = "/dev/vhost-ringtap";
	Layout layout = Layout::split;
	bool device_header = false; // VHOST_NET_F_VIRTIO_NET_HDR: the backend has none
	bool legacy = false;
	bool mergeable = true;
	unsigned ring = 256;
	unsigned frame_max = 1514;
	unsigned buffer_size = 1536; // of a receive buffer with mergeable

	// As the header of a backend wants it.
	[[nodiscard]] PairOptions fitting(const WireOptions &wire) const;
};

// Works on the stock node as well, which has no counters and no packed rings.
class Pair {
public:
	static constexpr int deadline_ms = 20000; // on a loaded machine, emulated

	// A device with an owner and nothing attached. ENOTSUP if the node does not offer what is
	// asked for.
	[[nodiscard]] static Result<std::unique_ptr<Pair>> open(const PairOptions &options);

	// Both queues, the first time or once more; they go on where they were.
	[[nodiscard]] Result<Done> attach(const Fd &backend);
	[[nodiscard]] Result<Done> detach();

	// Wait until frames pass, which an interface that came up just now may not have them do yet.
	// None of those that were tried with is under way then.
	[[nodiscard]] Result<Done> reach(const Wire &wire);

	// Frames each way, all of them verified; the device counts as many, and drops none.
	[[nodiscard]] Result<Done> verify(PacketSocket &far, const TrafficOptions &traffic);
	[[nodiscard]] Result<Done> verify(PacketSocket &far, unsigned frames = 200);

	// Frames each way for as long as go_on says so. They may be lost, but each comes once, in
	// order and as sent, and the device knows what became of every one.
	struct Churn {
		uint64_t sent = 0;    // by the guest
		uint64_t arrived = 0; // at the guest
		uint64_t seen = 0;    // on the other side
	};
	[[nodiscard]] Result<Churn> churn(PacketSocket &far, const std::function<bool()> &go_on);

	// One frame from the guest, to whatever end: its buffer is back.
	[[nodiscard]] Result<Done> transmit(std::span<const uint8_t> frame);
	// What the guest receives up to a certain frame.
	[[nodiscard]] Result<std::vector<std::vector<uint8_t>>> receive_until(
		std::span<const uint8_t> last);

	// The device's counters since mark(). On the stock node whatever is expected is so.
	[[nodiscard]] Result<Done> mark();
	[[nodiscard]] Result<uint64_t> counted(const std::string &name) const;
	[[nodiscard]] Result<Done> expect_count(const std::string &name, uint64_t count) const;
	[[nodiscard]] Result<Done> expect_drops(const std::string &queue, const std::string &reason,
						uint64_t count) const;

	[[nodiscard]] bool is_stock() const { return stock_; }
	[[nodiscard]] Result<Done> wait_until(const std::string &what,
					      const std::function<Result<bool>()> &done);

	PairOptions options;
	GuestMemory memory;
	std::optional<NetGuest> guest;
	std::optional<VhostDevice> device; // goes first

private:
	explicit Pair(const PairOptions &wanted) : options(wanted) {}

	[[nodiscard]] NetOptions net_options() const;
	[[nodiscard]] Result<Done> start();
	[[nodiscard]] Result<Done> expect_verified(const Traffic &run,
						   const TrafficOptions &traffic) const;

	DeviceStats before_;
	bool connected_ = false;
	bool stock_ = false;
};

// So many frames each way, of a size.
[[nodiscard]] TrafficOptions frames_of(uint64_t tx, uint64_t rx, unsigned size = 60);

} // namespace ringtap
