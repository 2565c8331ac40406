// SPDX-License-Identifier: GPL-2.0-or-later
// How long the virtio header is and what num_buffers says, for whatever was negotiated: byte by byte.
#include <algorithm>
#include <chrono>
#include <cstring>

#include <poll.h>

#include <fmt/format.h>

#include "hostile/tests.h"

namespace ringtap {

namespace {

// virtio 5.1.6: which features make which header.
struct Kind {
	const char *name;
	std::vector<unsigned> features;
	unsigned size;
	bool counted; // num_buffers is written, and not just there
};

const Kind kinds[] = {
	{"legacy", {}, 10, false},
	{"legacy, mergeable", {VIRTIO_NET_F_MRG_RXBUF}, 12, true},
	{"version 1", {VIRTIO_F_VERSION_1}, 12, true},
	{"version 1, mergeable", {VIRTIO_F_VERSION_1, VIRTIO_NET_F_MRG_RXBUF}, 12, true},
	{"tunnels",
	 {VIRTIO_F_VERSION_1, VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO},
	 24,
	 true},
	{"tunnels to the guest, mergeable",
	 {VIRTIO_F_VERSION_1, VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO},
	 24,
	 true},
	{"tunnels to the host, mergeable",
	 {VIRTIO_F_VERSION_1, VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO},
	 24,
	 true},
	// which no driver can negotiate, but a VMM can say
	{"legacy, tunnels", {VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO}, 24, false},
	{"legacy, tunnels, mergeable",
	 {VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO},
	 24,
	 true},
};

constexpr unsigned merged_size = 1024, whole_size = 4096, frame_size = 2500;
constexpr size_t memory_size = 1 << 14;

// Who supplies the header, and how frames travel.
enum class Way { batch, alone, device_header };

struct Bench {
	EventFd kicks[2];
	GuestMemory memory;
	GuestSpan buffer;
	std::optional<HostileRing> rings[2];
	std::optional<Tap> tap;
	std::optional<PacketSocket> socket;
	std::optional<VhostDevice> device; // goes first

	Bench(EventFd rx, EventFd tx) : kicks{std::move(rx), std::move(tx)} {}
};

FeatureSet features_of(const Kind &kind, Layout layout, Way way)
{
	FeatureSet set;

	for (unsigned bit : kind.features)
		set.add(bit);
	if (layout == Layout::packed)
		set.add(VIRTIO_F_RING_PACKED);
	if (way == Way::device_header)
		set.add(VHOST_NET_F_VIRTIO_NET_HDR);
	return set;
}

Result<Done> make_tap(Bench &bench, const Kind &kind, Way way)
{
	TapOptions tap{.vnet_hdr = way != Way::device_header};
	PacketSocket::Options far{.ethertype = Rig::raw_ethertype};

	if (tap.vnet_hdr)
		tap.vnet_hdr_size = int(kind.size);
	if (way == Way::alone)
		tap.sndbuf = 1 << 20;
	bench.tap = TRY(Tap::create("hdr%d", tap));
	TRY(bench.tap->set_mtu(frame_size));
	TRY(bench.tap->set_up());
	far.ifindex = bench.tap->ifindex();
	bench.socket = TRY(PacketSocket::open(far));
	return Done{};
}

Result<Done> attach(Bench &bench, unsigned index, Layout layout)
{
	const VhostDevice &device = *bench.device;

	bench.rings[index] = TRY(HostileRing::create(layout, 16, RingPlace::mapped));

	const HostileRing &ring = *bench.rings[index];

	TRY(device.set_vring_num(index, ring.size()));
	TRY(device.set_vring_base(index, ring.base()));
	TRY(device.set_vring_addr(index, ring.address()));
	TRY(device.set_vring_kick(index, bench.kicks[index].get()));
	return device.set_backend(index, bench.tap->queue().get());
}

Result<Done> wait_used(Bench &bench, unsigned index, unsigned chains)
{
	auto deadline = std::chrono::steady_clock::now() +
			std::chrono::milliseconds(Rig::deadline_ms);

	while (int16_t(bench.rings[index]->used() - chains) < 0) {
		if (std::chrono::steady_clock::now() >= deadline)
			return fail(ETIMEDOUT, "see", fmt::format("{} chains back", chains));
		::poll(nullptr, 0, 2);
	}
	return Done{};
}

// Guest to host: behind a header of that length is the frame, and nothing else.
Result<Done> send(Bench &bench, const Kind &kind)
{
	std::vector<uint8_t> frame = raw_frame(frame_size, 1);
	HostileRing &ring = *bench.rings[NetGuest::tx_index];
	RawDescriptor one{bench.buffer.guest, kind.size + frame_size, 0, 0};

	std::memset(bench.buffer.user, 0, kind.size);
	std::ranges::copy(frame, bench.buffer.user + kind.size);
	ring.offer(std::span(&one, 1));
	TRY(bench.kicks[NetGuest::tx_index].signal());
	TRY(wait_used(bench, NetGuest::tx_index, 1));

	auto got = TRY(bench.socket->receive());

	return expect(got && std::ranges::equal(got->bytes, frame),
		      fmt::format("the frame behind a header of {} bytes", kind.size));
}

// Host to guest: a header of that length, all zero but for num_buffers where that is written.
Result<Done> receive(Bench &bench, const Kind &kind)
{
	bool merged = std::ranges::count(kind.features, VIRTIO_NET_F_MRG_RXBUF);
	unsigned each = merged ? merged_size : whole_size;
	unsigned buffers = (kind.size + frame_size + each - 1) / each;
	std::vector<uint8_t> frame = raw_frame(frame_size, 2), header(kind.size);
	const uint8_t *got = bench.buffer.user;

	std::memset(bench.buffer.user, 0xee, bench.buffer.size);
	for (unsigned i = 0; i < buffers; i++) {
		RawDescriptor one{bench.buffer.guest + uint64_t(i) * each, each, VRING_DESC_F_WRITE,
				  0};

		bench.rings[NetGuest::rx_index]->offer(std::span(&one, 1));
	}
	TRY(bench.kicks[NetGuest::rx_index].signal());
	TRY(bench.socket->send({}, frame));
	TRY(wait_used(bench, NetGuest::rx_index, buffers));
	if (kind.counted)
		header[offsetof(virtio_net_hdr_v1, num_buffers)] = buffers;
	TRY(expect(std::ranges::equal(header, std::span(got, kind.size)),
		   fmt::format("a header of {} bytes, num_buffers {}; it is {:02x}", kind.size,
			       kind.counted ? buffers : 0,
			       fmt::join(std::span(got, kind.size), " "))));
	return expect(std::ranges::equal(frame, std::span(got + kind.size, frame_size)) &&
			      got[kind.size + frame_size] == 0xee,
		      "the frame behind it, and nothing after that");
}

Result<Done> both_ways(const std::string &node, const Kind &kind, Layout layout, Way way)
{
	auto bench = std::make_unique<Bench>(TRY(EventFd::create()), TRY(EventFd::create()));
	FeatureSet features = features_of(kind, layout, way);

	bench->device = TRY(VhostDevice::open(node));

	FeatureSet missing = features.without(TRY(bench->device->features()));

	if (!missing.empty())
		return fail(ENOTSUP, "negotiate", missing.text(),
			    "the node does not offer " + missing.text());
	TRY(bench->memory.add({MemoryKind::anon, memory_size, {}}));
	bench->buffer = TRY(bench->memory.allocate(memory_size, 64));
	TRY(make_tap(*bench, kind, way));
	TRY(bench->device->set_owner());
	TRY(bench->device->set_features(features));
	TRY(bench->device->set_memory(bench->memory.regions()));
	for (unsigned index : {NetGuest::rx_index, NetGuest::tx_index})
		TRY(attach(*bench, index, layout));
	TRY(send(*bench, kind));
	return receive(*bench, kind);
}

void add(Tests &tests, const std::string &node, Layout layout, Way way)
{
	const char *how = way == Way::batch   ? ""
			  : way == Way::alone ? ", frame by frame"
					      : ", made by the device";

	for (const Kind &kind : kinds)
		tests.push_back(
			{fmt::format("{}, header: {}{}", layout_name(layout), kind.name, how),
			 [=, &kind] { return both_ways(node, kind, layout, way); }});
}

} // namespace

void add_headers(Tests &tests, const std::string &node)
{
	bool ours = node == RigOptions().node;

	for (Layout layout : {Layout::split, Layout::packed}) {
		if (layout == Layout::packed && !ours)
			continue;
		add(tests, node, layout, Way::batch);
		add(tests, node, layout, Way::alone);
		// Of a header of its own stock's device writes 10 or 12 bytes, however long it is.
		if (ours)
			add(tests, node, layout, Way::device_header);
	}
}

} // namespace ringtap
