// SPDX-License-Identifier: GPL-2.0-or-later
// More frames than there is room for: a guest, or the network, that is slow to take them.
#include <linux/if_tun.h>

#include <fmt/format.h>

#include "hostile/backends.h"

// Since Linux 7.3: a full TAP stops its queue, and frames wait in the qdisc in front of it.
#ifndef IFF_BACKPRESSURE
#define IFF_BACKPRESSURE 0x0080
#endif

namespace ringtap {

namespace {

using Kind = WireOptions::Kind;

constexpr unsigned burst_frames = 3000;

// The network takes frames slowly: the send buffer fills, the queue waits for room, no frame is lost.
Result<Done> slow_network(Pair &pair, Wire &wire)
{
	PacketSocket far = TRY(wire.socket(FrameStream::plain_ethertype));

	if (!run_command("tc qdisc add dev wire1 root tbf rate 8mbit burst 3000 limit 1000000 "
			 "2>/dev/null"))
		return fail(ENOTSUP, "set up", "a slow interface", "no tbf here");
	TRY(pair.verify(far, frames_of(150, 0, 1514)));
	TRY(expect(pair.is_stock() || TRY(pair.counted("tx.backpressure")) > 0,
		   "the queue made to wait"));
	TRY(run_command("tc qdisc del dev wire1 root"));
	return pair.verify(far);
}

// As many frames at once as a hundred of the TAP's rings hold, for a guest that has few buffers. How
// many of them are lost, be it in the qdisc or at the TAP, when nothing has moved for so long.
Result<uint64_t> burst(Pair &pair, const Wire &wire, unsigned patience_ms)
{
	PacketSocket far = TRY(wire.socket(FrameStream::plain_ethertype));
	LinkCounts before = TRY(link_counts(wire.near()));
	TrafficOptions traffic = frames_of(0, burst_frames);

	traffic.batch = traffic.rx_window = burst_frames;
	traffic.stall = std::chrono::milliseconds(patience_ms);
	TRY(pair.mark());

	Traffic run(*pair.guest, far, traffic);

	TRY(run.run());

	const FlowResult &rx = run.rx();
	uint64_t dropped = TRY(link_counts(wire.near())).tx_dropped - before.tx_dropped;

	TRY(expect(rx.verified + rx.lost == burst_frames && !rx.corrupt && !rx.out_of_order,
		   rx.first_error));
	TRY(expect(rx.lost >= dropped, "lost what the TAP has dropped"));
	TRY(pair.expect_count("rx.packets", rx.verified));
	TRY(pair.expect_count("rx.drop_", 0));
	return rx.lost;
}

Result<Done> narrow(const Wire &wire)
{
	return run_command(fmt::format("ip link set {0} txqueuelen 30 && "
				       "tc qdisc replace dev {0} root pfifo limit {1}",
				       wire.near(), 2 * burst_frames));
}

// Without the flag the burst is lost but for some: this is what it would be.
Result<Done> without_backpressure(Pair &pair, Wire &wire)
{
	PacketSocket far = TRY(wire.socket(FrameStream::plain_ethertype));

	TRY(narrow(wire));
	TRY(expect(TRY(burst(pair, wire, 1000)) > burst_frames / 2, "most of it lost"));
	return pair.verify(far, 20);
}

// With it the frames wait in the qdisc; none is lost, however often the queue stops and goes on.
Result<Done> backpressure(Pair &pair, Wire &wire)
{
	PacketSocket far = TRY(wire.socket(FrameStream::plain_ethertype));

	TRY(narrow(wire));
	for (int i = 0; i < 3; i++)
		TRY(expect(TRY(burst(pair, wire, Pair::deadline_ms)) == 0, "nothing lost"));
	return pair.verify(far, 1000);
}

// The queue stops while nobody takes frames, and goes on when somebody does again.
Result<Done> backpressure_left(Pair &pair, Wire &wire)
{
	constexpr unsigned frames = 500;
	PacketSocket far = TRY(wire.socket(Rig::raw_ethertype));
	std::vector<uint8_t> last;

	TRY(narrow(wire));
	for (int i = 0; i < 5; i++) {
		TRY(pair.detach());
		for (unsigned n = 0; n < frames; n++) {
			last = raw_frame(60 + i, n);
			TRY(expect(TRY(far.send({}, last)), "a frame sent"));
		}
		TRY(pair.mark());
		TRY(pair.attach(wire.end()));

		// They repeat themselves after 256.
		unsigned got = 0;

		while (got < frames)
			got += TRY(pair.receive_until(last)).size() + 1;
		TRY(expect(got == frames, fmt::format("{} frames, not {}", frames, got)));
		TRY(pair.expect_count("rx.packets", frames));
	}
	return Done{};
}

Result<Done> on_backpressure(const BackendCase &backend, PairTest test)
{
	TRY(need_tun_flag(IFF_BACKPRESSURE, "IFF_BACKPRESSURE"));
	return on_pair(backend, test);
}

} // namespace

void add_pressure(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed}) {
		PairOptions pair{.node = node, .layout = layout};
		WireOptions macvtap{.name = "a macvtap", .kind = Kind::macvtap, .sndbuf = 20000};
		WireOptions socket{.name = "a packet socket",
				   .kind = Kind::packet,
				   .header = 0,
				   .sndbuf = 20000};
		WireOptions stops{.name = "a TAP with IFF_BACKPRESSURE",
				  .tun_flags = IFF_BACKPRESSURE};
		auto add = [&](const char *name, PairTest test) {
			BackendCase backend{pair, stops};

			backend.pair.ring = 64;
			tests.push_back({backend_test_name(backend, name),
					 [=] { return on_backpressure(backend, test); }});
		};

		add_backend_test(tests, {pair, macvtap}, "a full send buffer", slow_network);
		add_backend_test(tests, {pair, socket}, "a full send buffer", slow_network);
		add("a burst waits and arrives", backpressure);
		add("a burst while nothing is attached", backpressure_left);
		pair.ring = 64;
		add_backend_test(tests, {pair, {}}, "a burst is lost", without_backpressure);
	}
}

} // namespace ringtap
