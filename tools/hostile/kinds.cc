// SPDX-License-Identifier: GPL-2.0-or-later
// Every kind of backend: frames both ways, packets that fit no buffer, interfaces that go.
#include <atomic>
#include <thread>

#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <fmt/format.h>

#include "hostile/backends.h"

namespace ringtap {

namespace {

using Kind = WireOptions::Kind;

constexpr int no_header = 0, old_header = 10, header = 12;
constexpr int small_sndbuf = 20000;

const WireOptions all_kinds[] = {
	{.name = "a TAP", .kind = Kind::tap},
	{.name = "a TAP without a header", .kind = Kind::tap, .header = no_header},
	{.name = "a TAP with a finite send buffer", .kind = Kind::tap, .sndbuf = small_sndbuf},
	{.name = "a TAP with IFF_NAPI", .kind = Kind::tap, .tun_flags = IFF_NAPI},
	{.name = "a TAP with IFF_NAPI_FRAGS",
	 .kind = Kind::tap,
	 .tun_flags = IFF_NAPI | IFF_NAPI_FRAGS,
	 .sndbuf = small_sndbuf},
	{.name = "a macvtap", .kind = Kind::macvtap},
	{.name = "a macvtap without a header", .kind = Kind::macvtap, .header = no_header},
	{.name = "a macvtap with a finite send buffer",
	 .kind = Kind::macvtap,
	 .sndbuf = small_sndbuf},
	{.name = "an ipvtap", .kind = Kind::ipvtap},
	{.name = "a packet socket", .kind = Kind::packet, .header = no_header},
	{.name = "a packet socket with a finite send buffer",
	 .kind = Kind::packet,
	 .header = no_header,
	 .sndbuf = small_sndbuf},
	{.name = "a packet socket with a header", .kind = Kind::packet, .header = header},
	{.name = "a packet socket with the short header",
	 .kind = Kind::packet,
	 .header = old_header},
};

// Frames that are to be segmented need a header; an ipvtap takes IP alone, and IFF_NAPI_FRAGS has no
// room for the longest.
bool offloads(const Wire &wire)
{
	return wire.options.header && wire.options.kind != Kind::packet &&
	       !(wire.options.tun_flags & IFF_NAPI_FRAGS);
}

// The frames of a TAP that batches go in batches, all others one by one.
Result<Done> expect_alone(const Pair &pair, const Wire &wire, uint64_t tx, uint64_t rx)
{
	bool alone = !wire.options.is_tap();

	TRY(pair.expect_count("rx.alone", alone ? rx : 0));
	return pair.expect_count("tx.alone", alone || wire.options.sndbuf ? tx : 0);
}

Result<Done> plain_frames(Pair &pair, Wire &wire)
{
	PacketSocket far = TRY(wire.socket(FrameStream::plain_ethertype));

	for (unsigned size : {60u, 1514u}) {
		TRY(pair.verify(far, frames_of(300, 300, size)));
		TRY(expect_alone(pair, wire, 300, 300));
	}
	return Done{};
}

Result<Done> segmented_frames(Pair &pair, const Wire &wire)
{
	PacketSocket far = TRY(wire.socket(ETH_P_IP, true));
	TrafficOptions traffic = frames_of(64, 64, 70);

	traffic.offload = true;
	traffic.rx_window = traffic.tx_window = 32;
	return pair.verify(far, traffic);
}

// Everything that goes over this backend goes both ways, as sent, and is counted.
Result<Done> frames_both_ways(Pair &pair, Wire &wire)
{
	if (wire.options.kind != Kind::ipvtap)
		TRY(plain_frames(pair, wire));
	if (offloads(wire))
		TRY(segmented_frames(pair, wire));
	return Done{};
}

// Packets larger than any buffer are dropped and counted; those before and after them come.
Result<Done> larger_than_buffers(Pair &pair, Wire &wire)
{
	constexpr unsigned rounds = 20, large = 3000;
	PacketSocket far = TRY(wire.socket(Rig::raw_ethertype));
	std::vector<std::vector<uint8_t>> sent;

	TRY(wire.set_mtu(9000));
	TRY(pair.mark());
	for (unsigned i = 0; i < rounds; i++) {
		sent.push_back(raw_frame(i % 2 ? 1514 : 60, i));
		TRY(expect(TRY(far.send({}, raw_frame(large + i, i))), "a large packet sent"));
		TRY(expect(TRY(far.send({}, sent.back())), "a packet that fits sent"));
	}

	std::vector<std::vector<uint8_t>> got = TRY(pair.receive_until(sent.back()));

	got.push_back(sent.back());
	TRY(expect(got == sent,
		   fmt::format("the {} packets that fit, there are {}", sent.size(), got.size())));
	TRY(pair.expect_drops("rx", "no_room", rounds));
	TRY(pair.expect_count("rx.packets", rounds));

	PacketSocket plain = TRY(wire.socket(FrameStream::plain_ethertype));

	return pair.verify(plain);
}

// How many packets the guest has buffers for. All of them are posted again afterwards.
Result<unsigned> buffers_posted(Pair &pair, PacketSocket &far)
{
	std::vector<uint8_t> last = raw_frame(80, 0);
	uint64_t packets = 0, refused = 0;

	TRY(pair.mark());
	for (unsigned sent = 0; !refused; sent++) {
		TRY(expect(TRY(far.send({}, raw_frame(60, sent))), "a packet sent"));
		TRY(pair.wait_until("it delivered, or no buffer for it", [&]() -> Result<bool> {
			packets = TRY(pair.counted("rx.packets"));
			refused = TRY(pair.counted("rx.no_buffers"));
			return packets > sent || refused;
		}));
	}
	TRY(expect(TRY(far.send({}, last)), "a packet sent"));
	TRY(pair.receive_until(last));
	return unsigned(packets);
}

// Such packets wait, as the guest has no buffers, at a socket whose next answer is that its interface
// went down: each counts once.
Result<Done> larger_and_down(Pair &pair, Wire &wire)
{
	constexpr unsigned large = 5;
	PacketSocket far = TRY(wire.socket(Rig::raw_ethertype));

	TRY(wire.set_mtu(9000));

	unsigned room = TRY(buffers_posted(pair, far));

	TRY(pair.mark());
	for (unsigned i = 0; i < room; i++)
		TRY(expect(TRY(far.send({}, raw_frame(60, i))), "a packet sent"));
	TRY(pair.wait_until("all buffers filled", [&]() -> Result<bool> {
		return TRY(pair.counted("rx.packets")) == room;
	}));
	for (unsigned i = 0; i < large; i++)
		TRY(expect(TRY(far.send({}, raw_frame(3000, i))), "a large packet sent"));
	TRY(wire.set_up(false));
	TRY(wire.set_up(true));
	TRY(pair.reach(wire));
	TRY(pair.expect_drops("rx", "no_room", large));

	PacketSocket plain = TRY(wire.socket(FrameStream::plain_ethertype));

	return pair.verify(plain);
}

// The interface goes away while frames move both ways. The device can be detached and closed, and
// can have another backend after it.
Result<Done> deleted(Pair &pair, Wire &wire)
{
	PacketSocket far = TRY(wire.socket(FrameStream::plain_ethertype));
	unsigned turns = 0;
	std::atomic<bool> gone = false;
	std::jthread remover;

	Pair::Churn churn = TRY(pair.churn(far, [&] {
		if (turns++ == 50)
			remover = std::jthread([&] {
				(void)run_command("ip link del " + wire.links()[0]);
				gone = true;
			});
		return turns < 100 || !gone;
	}));

	remover.join();
	TRY(expect(churn.seen > 0 && churn.arrived > 0, "frames both ways before the end"));
	TRY(expect(!link_counts(wire.near()), "the interface gone"));
	TRY(pair.detach());

	WireOptions other{.header = wire.options.header};
	std::unique_ptr<Wire> next = TRY(Wire::make(other));
	PacketSocket fresh = TRY(next->socket(FrameStream::plain_ethertype));

	TRY(pair.attach(next->end()));
	TRY(pair.verify(fresh));
	return pair.detach();
}

// Down and up, again and again, while frames move both ways. After it all is as before.
Result<Done> down_and_up(Pair &pair, Wire &wire)
{
	PacketSocket far = TRY(wire.socket(FrameStream::plain_ethertype));
	std::atomic<bool> ended = false;
	std::jthread flipper([&] {
		for (int i = 0; i < 3; i++) {
			(void)wire.set_up(false);
			::poll(nullptr, 0, 5);
			(void)wire.set_up(true);
			::poll(nullptr, 0, 5);
		}
		ended = true;
	});

	Pair::Churn churn = TRY(pair.churn(far, [&] { return !ended; }));

	flipper.join();
	TRY(expect(churn.sent > 0, "frames sent meanwhile"));

	TRY(pair.reach(wire));

	// One whose interface went down says so, once.
	PacketSocket fresh = TRY(wire.socket(FrameStream::plain_ethertype));

	return pair.verify(fresh);
}

} // namespace

Result<Done> on_pair(const BackendCase &backend, PairTest test)
{
	std::unique_ptr<Wire> wire = TRY(Wire::make(backend.wire));
	std::unique_ptr<Pair> pair = TRY(Pair::open(backend.pair.fitting(backend.wire)));
	bool stock = pair->is_stock();

	TRY(pair->attach(wire->end()));
	TRY(pair->reach(*wire));
	TRY(test(*pair, *wire));
	TRY(pair->detach());
	pair.reset();
	return stock ? Done{} : DeviceStats::expect_none();
}

std::string backend_test_name(const BackendCase &backend, const char *name)
{
	bool stock = backend.pair.node != PairOptions().node;

	return fmt::format("{}{}, {}: {}", stock ? "stock, " : "", layout_name(backend.pair.layout),
			   backend.wire.name, name);
}

void add_backend_test(Tests &tests, const BackendCase &backend, const char *name, PairTest test)
{
	tests.push_back({backend_test_name(backend, name), [=] { return on_pair(backend, test); }});
}

Result<Done> need_tun_flag(unsigned flag, const char *name)
{
	Fd fd = TRY(Fd::open("/dev/net/tun", O_RDWR));
	unsigned flags = 0;

	if (::ioctl(fd.get(), TUNGETFEATURES, &flags) < 0 || !(flags & flag))
		return fail(ENOTSUP, "find", name, fmt::format("no {} on this kernel", name));
	return Done{};
}

void add_kinds(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed})
		for (const WireOptions &wire : all_kinds) {
			BackendCase backend{{.node = node, .layout = layout}, wire};
			BackendCase small = backend, large = backend;
			// Of each kind the one that clients use most.
			bool plain = !wire.sndbuf && !wire.tun_flags && wire.kind != Kind::ipvtap &&
				     bool(wire.header) == (wire.kind != Kind::packet);

			// There was no legacy driver with packed rings.
			if (layout == Layout::packed && wire.header == old_header)
				continue;
			large.pair.frame_max = FrameStream::longest_segmented;
			large.pair.buffer_size = 4096;
			add_backend_test(tests, large, "frames both ways", frames_both_ways);
			if (!plain)
				continue;
			small.pair.mergeable = false;
			add_backend_test(tests, small, "packets larger than the guest's buffers",
					 larger_than_buffers);
			if (wire.kind != Kind::tap)
				add_backend_test(tests, backend, "deleted under traffic", deleted);
			if (layout == Layout::packed)
				continue;
			add_backend_test(tests, backend, "down and up under traffic", down_and_up);
			// Stock does not say what it counts.
			if (wire.kind == Kind::packet && node == PairOptions().node)
				add_backend_test(tests, small, "larger packets, and down meanwhile",
						 larger_and_down);
		}
}

} // namespace ringtap
