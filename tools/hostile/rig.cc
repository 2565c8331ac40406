// SPDX-License-Identifier: GPL-2.0-or-later
// Sets both queues up, and waits for what a queue should do.
#include "hostile/rig.h"

#include <algorithm>
#include <cstring>

#include <poll.h>

#include <fmt/format.h>

#include "guest/iommu.h"

namespace ringtap {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t buffer_size = 128 << 10;
constexpr size_t table_size = 2 << 20;  // more than 65,536 entries
constexpr uint64_t log_limit = 1 << 30; // guest memory ends far below

} // namespace

Result<Done> expect(bool good, const std::string &what)
{
	if (!good)
		return fail(0, "see", what);
	return Done{};
}

std::vector<uint8_t> raw_frame(unsigned size, unsigned serial)
{
	std::vector<uint8_t> frame(size);

	for (unsigned i = 0; i < size; i++)
		frame[i] = uint8_t(i * 7 + serial * 13 + (i >> 8));
	for (unsigned i = 0; i < std::min(size, 12u); i++)
		frame[i] = i < 6 ? 0xff : 0x02;
	if (size >= 14) {
		frame[12] = Rig::raw_ethertype >> 8;
		frame[13] = Rig::raw_ethertype & 0xff;
	}
	return frame;
}

Result<std::unique_ptr<Rig>> Rig::open(const RigOptions &options)
{
	std::unique_ptr<Rig> rig(new Rig(options, TRY(EventFd::create()), TRY(EventFd::create()),
					 TRY(EventFd::create())));

	TRY(rig->make_guest());
	TRY(rig->make_tap());
	TRY(rig->start());
	return rig;
}

NetOptions Rig::net_options() const
{
	NetOptions net;

	net.queue.layout = options.layout;
	net.queue.size = 64;
	net.queue.event_idx = options.event_idx;
	net.queue.in_order = options.in_order;
	net.queue.indirect_max = 2;
	net.mergeable = options.mergeable;
	net.platform = options.platform;
	net.guest_tunnels = net.host_tunnels = options.tunnels;
	return net;
}

Result<Done> Rig::make_guest()
{
	NetOptions net = net_options();
	NetGuest::Needs needs = NetGuest::memory_needed(net);

	TRY(memory.add({MemoryKind::anon, needs.rings + needs.buffers, {}}));
	TRY(memory.add({MemoryKind::anon, buffer_size, {}}));
	TRY(memory.add({MemoryKind::anon, table_size, {}}));
	guest = TRY(NetGuest::create(memory, net));

	// Whole regions: what is at their end is known to be outside.
	auto regions = memory.regions();
	auto whole = [](const MemoryRegion &region) {
		return GuestSpan{region.guest, reinterpret_cast<uint8_t *>(region.user),
				 region.size};
	};

	buffer = whole(regions[1]);
	table = whole(regions[2]);
	ring = TRY(HostileRing::create(options.layout, options.ring, options.place));
	return Done{};
}

Result<Done> Rig::make_tap()
{
	PacketSocket::Options far;

	options.tap.vnet_hdr_size = guest->header_size();
	tap = TRY(Tap::create("lie%d", options.tap));
	TRY(tap->set_up());
	far.ifindex = tap->ifindex();
	far.ethertype = FrameStream::plain_ethertype;
	socket = TRY(PacketSocket::open(far));
	far.ethertype = raw_ethertype;
	far.frame_max = 1 << 17;
	raw_socket = TRY(PacketSocket::open(far));
	return Done{};
}

Result<Done> Rig::translate() const
{
	std::span<uint8_t> bytes = ring->all();
	auto at = reinterpret_cast<uintptr_t>(bytes.data());

	for (const MemoryRegion &region : memory.regions())
		TRY(Iommu::tell(*device, region));
	return Iommu::tell(*device, {at, bytes.size(), at});
}

Result<Done> Rig::describe_memory() const
{
	if (!options.platform)
		return device->set_memory(memory.regions());
	TRY(device->set_backend_features(1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2));
	TRY(device->set_memory(TRY(Iommu::decoys(memory))));
	return translate();
}

Result<Done> Rig::negotiate()
{
	FeatureSet features = NetGuest::features(net_options());

	if (options.tunnels && TRY(device->features()).high() == 0)
		return fail(ENOTSUP, "negotiate", "tunnels",
			    "the node does not offer segments in UDP tunnels");
	if (options.logged) {
		features.add(VHOST_F_LOG_ALL);
		log = TRY(DirtyLog::create(log_limit));
		TRY(device->set_log_base(log->base()));
	}
	return device->set_features(features);
}

Result<Done> Rig::start()
{
	unsigned other = 1 - options.queue;
	Virtqueue &queue = sends() ? guest->rx() : guest->tx();

	device = TRY(VhostDevice::open(options.node));
	if (options.at_first)
		TRY(options.at_first(*device));
	if (options.threads)
		TRY(device->set_fork_from_owner(*options.threads));
	TRY(device->set_owner());
	TRY(negotiate());
	TRY(describe_memory());
	TRY(guest->fill());
	TRY(queue.connect(*device, other, options.platform));
	TRY(device->set_backend(other, tap->queue().get()));
	if (sends())
		TRY(guest->rx().kick());
	return attach();
}

Result<Done> Rig::attach()
{
	return attach_to(tap->queue());
}

Result<Done> Rig::attach_to(const Fd &backend)
{
	unsigned index = options.queue;

	TRY(device->set_vring_num(index, ring->size()));
	TRY(device->set_vring_base(index, ring->base()));
	TRY(device->set_vring_addr(index, ring->address()));
	TRY(device->set_vring_kick(index, kick.get()));
	TRY(device->set_vring_call(index, call.get()));
	TRY(device->set_vring_err(index, error.get()));
	return device->set_backend(index, backend.get());
}

std::string Rig::counter(const std::string &name) const
{
	return (sends() ? "tx." : "rx.") + name;
}

std::string Rig::other_counter(const std::string &name) const
{
	return (sends() ? "rx." : "tx.") + name;
}

uint32_t Rig::write_frame(std::span<const uint8_t> frame, const virtio_net_hdr_v1 &header)
{
	TunnelHeader whole{};
	unsigned size = guest->header_size();

	whole.v1 = header;
	std::memcpy(buffer.user, &whole, size);
	std::memcpy(buffer.user + size, frame.data(), frame.size());
	return size + frame.size();
}

RawDescriptor Rig::part(uint64_t offset, uint32_t size) const
{
	return {buffer.guest + offset, size, direction(), 0};
}

RawDescriptor Rig::good() const
{
	return part(0, sends() ? guest->header_size() + 60 : 2048);
}

RawDescriptor Rig::table_of(uint32_t bytes) const
{
	return {table.guest, bytes, VRING_DESC_F_INDIRECT, 0};
}

void Rig::fill_table(std::span<const RawDescriptor> descriptors)
{
	HostileRing::write_table(table, descriptors, options.layout);
}

Result<Done> Rig::provoke()
{
	if (sends())
		return Done{};
	TRY(raw_socket->send({}, raw_frame(60, ++serial)));
	return Done{};
}

Result<Done> Rig::wait_until(const std::string &what, const std::function<bool()> &done)
{
	auto deadline = Clock::now() + std::chrono::milliseconds(deadline_ms);

	while (!done()) {
		if (Clock::now() >= deadline)
			return fail(ETIMEDOUT, "see", what);
		::poll(nullptr, 0, 2);
	}
	return Done{};
}

Result<Done> Rig::wait_used(unsigned chains)
{
	// A split ring's count has 16 bits.
	return wait_until(fmt::format("{} chains back", chains),
			  [&] { return int16_t(ring->used() - chains) >= 0; });
}

// Frames may wait that were sent before: the one that counts is the last.
Result<Done> Rig::expect_raw(std::span<const uint8_t> frame)
{
	bool seen = false;

	return wait_until(fmt::format("the frame of {} bytes at the TAP", frame.size()), [&] {
		while (!seen) {
			auto got = raw_socket->receive();

			if (!got || !*got)
				break;
			seen = std::ranges::equal((*got)->bytes, frame);
		}
		return seen;
	});
}

Result<Done> Rig::honest()
{
	std::vector<uint8_t> frame = raw_frame(60, ++serial);
	unsigned before = ring->used();
	RawDescriptor descriptor = good();

	if (sends()) {
		write_frame(frame);
		ring->offer(std::span(&descriptor, 1));
		TRY(notify());
		TRY(expect_raw(frame));
		return wait_used(before + 1);
	}
	std::memset(buffer.user, 0, 128);
	ring->offer(std::span(&descriptor, 1));
	TRY(notify());
	TRY(raw_socket->send({}, frame));
	TRY(wait_used(before + 1));
	return expect(std::memcmp(buffer.user + guest->header_size() + 6, frame.data() + 6, 8) == 0,
		      "a frame in the receive buffer");
}

Result<Done> Rig::other_works(unsigned frames, const std::function<bool()> &go_on)
{
	TrafficOptions traffic;

	(sends() ? traffic.rx_count : traffic.tx_count) = frames;
	traffic.stall = std::chrono::milliseconds(deadline_ms);
	traffic.go_on = go_on;

	Traffic run(*guest, *socket, traffic);

	TRY(run.run());

	const FlowResult &flow = sends() ? run.rx() : run.tx();

	frames = std::max<uint64_t>(frames, flow.sent);
	return expect(!run.stalled() && flow.good() && flow.verified == frames,
		      fmt::format("{} verified frames on the other queue, there are {} ({})",
				  frames, flow.verified, flow.first_error));
}

Meanwhile::Meanwhile(Rig &rig) :
	rig_(rig), thread_([this](const std::stop_token &stop) {
		// A run ends early when it has nothing under way for once.
		do {
			result_ = rig_.other_works(1, [&] {
				turns_++;
				return !stop.stop_requested();
			});
		} while (result_ && !stop.stop_requested());
		ended_ = true;
	})
{
}

Result<Done> Meanwhile::turns(unsigned more)
{
	unsigned from = turns_;

	// One that ended by itself says why at end().
	return rig_.wait_until("frames under way on the other queue",
			       [&] { return ended_ || turns_ - from >= more; });
}

Result<Done> Meanwhile::end()
{
	thread_.request_stop();
	thread_.join();
	return result_;
}

} // namespace ringtap
