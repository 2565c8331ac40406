// SPDX-License-Identifier: GPL-2.0-or-later
// Sets the device up, moves frames, and compares what was sent, what came and what was counted.
#include "hostile/pair.h"

#include <algorithm>

#include <poll.h>

#include <fmt/format.h>

#include "hostile/rig.h"

namespace ringtap {

namespace {

using Clock = std::chrono::steady_clock;
using Direction = FrameStream::Direction;

// One direction of a churn: what comes is the next frame or a later one.
struct LossyFlow {
	FrameStream stream;
	uint64_t next = 0, good = 0, foreign = 0;

	explicit LossyFlow(Direction direction) : stream({direction, 60, false}) {}

	Result<Done> arrived(const Offload &offload, std::span<const uint8_t> bytes)
	{
		if (!stream.ours(bytes)) {
			foreign++;
			return Done{};
		}
		uint64_t sequence = TRY(stream.check(offload, bytes));

		TRY(expect(sequence >= next,
			   fmt::format("frame {} or a later one, not {}", next, sequence)));
		next = sequence + 1;
		good++;
		return Done{};
	}
};

// Both directions of it, a turn at a time.
class Churning {
public:
	static constexpr unsigned batch = 16;

	Churning(NetGuest &guest, PacketSocket &far) : guest_(guest), far_(far) {}

	// Returns how many frames moved a step.
	Result<unsigned> turn(bool more)
	{
		unsigned moved = TRY(guest_.reap());

		if (more)
			moved += TRY(send());
		moved += TRY(take()) + TRY(receive());
		return moved;
	}
	// Until nothing has come for a while.
	Result<Done> settle()
	{
		constexpr auto quiet = std::chrono::milliseconds(150);
		auto end = Clock::now() + quiet;

		while (Clock::now() < end) {
			if (TRY(turn(false)))
				end = Clock::now() + quiet;
			::poll(nullptr, 0, 1);
		}
		return Done{};
	}

	uint64_t sent = 0;
	LossyFlow out{Direction::to_tap}, in{Direction::to_guest};

private:
	Result<unsigned> send()
	{
		unsigned queued = 0;

		for (; queued < batch; queued++) {
			FrameStream::Frame frame = out.stream.make(sent);

			if (!TRY(guest_.send(frame.offload, frame.bytes)))
				break;
			sent++;
		}
		if (queued)
			TRY(guest_.tx().kick());
		// The interface may be down, or gone.
		for (unsigned i = 0; i < batch; i++) {
			FrameStream::Frame frame = in.stream.make(injected_);
			auto done = far_.send({}, frame.bytes);

			if (!done || !*done)
				break;
			injected_++;
		}
		return queued;
	}
	Result<unsigned> take()
	{
		unsigned moved = 0;

		for (; moved < 4 * batch; moved++) {
			auto frame = far_.receive();

			if (!frame || !*frame)
				break;
			TRY(out.arrived({}, (*frame)->bytes));
		}
		return moved;
	}
	Result<unsigned> receive()
	{
		unsigned moved = 0;

		for (; moved < 4 * batch; moved++) {
			auto frame = TRY(guest_.receive());

			if (!frame)
				break;
			TRY(in.arrived(frame->offload, frame->bytes));
		}
		if (TRY(guest_.fill()))
			TRY(guest_.rx().kick());
		return moved;
	}

	NetGuest &guest_;
	PacketSocket &far_;
	uint64_t injected_ = 0;
};

} // namespace

TrafficOptions frames_of(uint64_t tx, uint64_t rx, unsigned size)
{
	TrafficOptions traffic;

	traffic.tx_count = tx;
	traffic.rx_count = rx;
	traffic.size = size;
	return traffic;
}

PairOptions PairOptions::fitting(const WireOptions &wire) const
{
	PairOptions fit = *this;

	fit.device_header = !wire.header;
	fit.legacy = wire.header == sizeof(virtio_net_hdr);
	fit.mergeable = mergeable && !fit.legacy;
	return fit;
}

Result<std::unique_ptr<Pair>> Pair::open(const PairOptions &options)
{
	std::unique_ptr<Pair> pair(new Pair(options));

	TRY(pair->start());
	return pair;
}

NetOptions Pair::net_options() const
{
	NetOptions net;

	net.queue.layout = options.layout;
	net.queue.size = options.ring;
	net.mergeable = options.mergeable;
	net.legacy = options.legacy;
	net.frame_max = options.frame_max;
	net.buffer_size = options.buffer_size;
	return net;
}

Result<Done> Pair::start()
{
	NetOptions net = net_options();
	NetGuest::Needs needs = NetGuest::memory_needed(net);
	FeatureSet features = NetGuest::features(net);

	if (options.device_header)
		features.add(VHOST_NET_F_VIRTIO_NET_HDR);
	stock_ = options.node != PairOptions().node;
	TRY(memory.add({MemoryKind::anon, needs.rings + needs.buffers, {}}));
	guest = TRY(NetGuest::create(memory, net));
	device = TRY(VhostDevice::open(options.node));
	if (!features.without(TRY(device->features())).empty())
		return fail(ENOTSUP, "use", options.node,
			    options.node + " does not offer a feature");
	TRY(device->set_owner());
	TRY(device->set_features(features));
	return device->set_memory(memory.regions());
}

Result<Done> Pair::attach(const Fd &backend)
{
	TRY(guest->fill());
	if (!connected_) {
		TRY(guest->start(*device, backend.get()));
		connected_ = true;
	} else {
		TRY(device->set_backend(NetGuest::rx_index, backend.get()));
		TRY(device->set_backend(NetGuest::tx_index, backend.get()));
	}
	return guest->rx().kick();
}

Result<Done> Pair::detach()
{
	return guest->stop(*device);
}

Result<Done> Pair::reach(const Wire &wire)
{
	PacketSocket far = TRY(wire.socket(Rig::raw_ethertype));
	std::vector<uint8_t> frame = raw_frame(60, 0), last = raw_frame(80, 1);

	TRY(wait_until("a frame at the guest", [&]() -> Result<bool> {
		(void)far.send({}, frame);
		return bool(TRY(guest->receive()));
	}));
	TRY(expect(TRY(far.send({}, last)), "a frame sent"));
	TRY(receive_until(last));
	return wait_until("a frame on the other side", [&]() -> Result<bool> {
		TRY(transmit(frame));

		auto got = far.receive();

		return got && *got;
	});
}

Result<Done> Pair::mark()
{
	if (!stock_)
		before_ = TRY(DeviceStats::read());
	return Done{};
}

Result<uint64_t> Pair::counted(const std::string &name) const
{
	if (stock_)
		return 0;

	DeviceStats now = TRY(DeviceStats::read());

	return name.ends_with('_') ? now.sum(name) - before_.sum(name)
				   : now.count(name) - before_.count(name);
}

Result<Done> Pair::expect_count(const std::string &name, uint64_t count) const
{
	uint64_t have = TRY(counted(name));

	return expect(stock_ || have == count, fmt::format("{} {}, not {}", name, count, have));
}

Result<Done> Pair::expect_drops(const std::string &queue, const std::string &reason,
				uint64_t count) const
{
	TRY(expect_count(queue + ".drop_" + reason, count));
	return expect_count(queue + ".drop_", count);
}

Result<Done> Pair::expect_verified(const Traffic &run, const TrafficOptions &traffic) const
{
	const FlowResult &tx = run.tx(), &rx = run.rx();

	TRY(expect(!run.stalled() && tx.good() && rx.good() && tx.verified == traffic.tx_count &&
			   rx.verified == traffic.rx_count,
		   fmt::format("{} and {} verified frames, there are {} and {} ({} {})",
			       traffic.tx_count, traffic.rx_count, tx.verified, rx.verified,
			       tx.first_error, rx.first_error)));
	TRY(expect_count("tx.packets", tx.sent));
	TRY(expect_count("rx.packets", rx.verified + rx.foreign));
	TRY(expect_count("tx.bytes", tx.bytes));
	for (const char *name : {"tx.drop_", "rx.drop_", "tx.error_", "rx.error_"})
		TRY(expect_count(name, 0));
	return Done{};
}

Result<Done> Pair::verify(PacketSocket &far, const TrafficOptions &traffic)
{
	TrafficOptions patient = traffic;

	patient.stall = std::chrono::milliseconds(deadline_ms);
	TRY(mark());

	Traffic run(*guest, far, patient);

	TRY(run.run());
	return expect_verified(run, traffic);
}

Result<Done> Pair::verify(PacketSocket &far, unsigned frames)
{
	return verify(far, frames_of(frames, frames));
}

Result<Pair::Churn> Pair::churn(PacketSocket &far, const std::function<bool()> &go_on)
{
	Churning churning(*guest, far);

	TRY(mark());
	while (go_on())
		if (!TRY(churning.turn(true)))
			::poll(nullptr, 0, 1);
	TRY(wait_until("all that was sent back", [&]() -> Result<bool> {
		TRY(churning.turn(false));
		return !guest->tx().in_flight();
	}));
	TRY(churning.settle());

	const LossyFlow &in = churning.in;
	uint64_t packets = TRY(counted("tx.packets")), drops = TRY(counted("tx.drop_"));

	TRY(expect(is_stock() || packets + drops == churning.sent,
		   fmt::format("{} frames sent, {} handed over and {} dropped", churning.sent,
			       packets, drops)));
	TRY(expect_count("rx.packets", in.good + in.foreign));
	for (const char *name : {"rx.drop_", "tx.error_", "rx.error_"})
		TRY(expect_count(name, 0));
	return Churn{churning.sent, in.good, churning.out.good};
}

Result<Done> Pair::transmit(std::span<const uint8_t> frame)
{
	TRY(expect(TRY(guest->send({}, frame)), "room in the transmit queue"));
	TRY(guest->tx().kick());
	return wait_until("a transmit buffer back", [&]() -> Result<bool> {
		TRY(guest->reap());
		return !guest->tx().in_flight();
	});
}

Result<std::vector<std::vector<uint8_t>>> Pair::receive_until(std::span<const uint8_t> last)
{
	std::vector<std::vector<uint8_t>> frames;

	TRY(wait_until("the last frame at the guest", [&]() -> Result<bool> {
		while (auto frame = TRY(guest->receive())) {
			if (std::ranges::equal(frame->bytes, last))
				return true;
			frames.emplace_back(frame->bytes.begin(), frame->bytes.end());
		}
		if (TRY(guest->fill()))
			TRY(guest->rx().kick());
		return false;
	}));
	return frames;
}

Result<Done> Pair::wait_until(const std::string &what, const std::function<Result<bool>()> &done)
{
	auto deadline = Clock::now() + std::chrono::milliseconds(deadline_ms);

	while (!TRY(done())) {
		if (Clock::now() >= deadline)
			return fail(ETIMEDOUT, "see", what);
		::poll(nullptr, 0, 2);
	}
	return Done{};
}

} // namespace ringtap
