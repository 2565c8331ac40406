// SPDX-License-Identifier: GPL-2.0-or-later
// Segments in UDP tunnels, either way: what arrives, what a TAP refuses, what cannot be said.
#include <algorithm>
#include <cstring>

#include <linux/bpf.h>
#include <linux/if_tun.h>

#include <fmt/format.h>

#include "hostile/tests.h"
#include "hostile/tunnel_rig.h"

namespace ringtap {

namespace {

constexpr uint8_t in_v4 = VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4;
constexpr uint8_t in_v6 = VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6;
constexpr unsigned frames = 24;

using TunnelTest = Result<Done> (*)(TunnelRig &rig);

// A wrong header, made of a right one.
struct Wrong {
	const char *what;
	void (*spoil)(Offload &offload);
};

const Wrong wrongs[] = {
	{"a tunnel over IPv4 and IPv6", [](Offload &o) { o.gso_type |= in_v4 | in_v6; }},
	{"nothing to segment inside", [](Offload &o) { o.gso_type = in_v4; }},
	{"UDP fragments inside", [](Offload &o) { o.gso_type = in_v4 | VIRTIO_NET_HDR_GSO_UDP; }},
	{"nonsense inside", [](Offload &o) { o.gso_type = in_v4 | 0x1f; }},
	{"segments of 0 bytes", [](Offload &o) { o.gso_size = 0; }},
	{"no checksum", [](Offload &o) { o.flags &= ~VIRTIO_NET_HDR_F_NEEDS_CSUM; }},
	{"no outer UDP header", [](Offload &o) { o.outer_th_offset = 0; }},
	{"outer UDP in the IP header", [](Offload &o) { o.outer_th_offset = 33; }},
	{"outer UDP behind the frame", [](Offload &o) { o.outer_th_offset = 0xffff; }},
	{"no inner IP header", [](Offload &o) { o.inner_nh_offset = 0; }},
	{"inner IP in the outer UDP",
	 [](Offload &o) { o.inner_nh_offset = o.outer_th_offset + 7; }},
	{"inner IP behind the frame", [](Offload &o) { o.inner_nh_offset = 0xffff; }},
	{"inner TCP in the inner IP", [](Offload &o) { o.csum_start = o.inner_nh_offset + 19; }},
};

bool is_ours(const TunnelRig &rig)
{
	return rig.options.node == RigOptions().node;
}

// The TAP refuses it. It counts frame errors too, but not where one could see them: of its two kinds of
// interface the kernel shows them for the other (tun, not tap).
Result<Done> refuse(TunnelRig &rig, const char *what, const Tunnel::Frame &frame)
{
	LinkCounts before = TRY(link_counts(rig.tap->name()));

	TRY(rig.send(frame));

	LinkCounts after = TRY(link_counts(rig.tap->name()));

	return expect(after.rx_packets == before.rx_packets,
		      fmt::format("no packet from the guest: {}", what));
}

Result<Done> to_host(TunnelRig &rig)
{
	LinkCounts before = TRY(link_counts(rig.tap->name()));

	TRY(rig.to_host(frames));

	LinkCounts after = TRY(link_counts(rig.tap->name()));

	return expect(after.rx_packets == before.rx_packets + frames,
		      fmt::format("{} packets, none cut up, there are {}", frames,
				  after.rx_packets - before.rx_packets));
}

Result<Done> wrong_headers(TunnelRig &rig)
{
	for (const Wrong &wrong : wrongs) {
		Tunnel::Frame frame = rig.segments();

		wrong.spoil(frame.offload);
		TRY(refuse(rig, wrong.what, frame));
	}
	if (is_ours(rig) && rig.options.tap.sndbuf) {
		DeviceStats stats = TRY(DeviceStats::read());

		TRY(expect(stats.count("tx.drop_tap") == std::size(wrongs),
			   fmt::format("drop_tap {}, it is {}", std::size(wrongs),
				       stats.count("tx.drop_tap"))));
	}
	return to_host(rig);
}

// Without the bits a header of 12 bytes is all the TAP knows of: it cannot say where a tunnel is.
Result<Done> not_negotiated(TunnelRig &rig)
{
	FrameStream::Frame plain = rig.out.make(0);
	LinkCounts before = TRY(link_counts(rig.tap->name()));

	TRY(refuse(rig, "a tunnel that was not negotiated", rig.segments()));
	TRY(rig.send(rig.tunnel.wrap(plain.offload, plain.bytes)));
	TRY(refuse(rig, "another", rig.segments()));

	LinkCounts after = TRY(link_counts(rig.tap->name()));

	return expect(after.rx_packets == before.rx_packets + 1,
		      "the packet between them, which is not to be segmented");
}

Result<Done> to_guest(TunnelRig &rig)
{
	return rig.to_guest(frames);
}

Result<Done> either_way(TunnelRig &rig)
{
	TRY(rig.to_host(frames));
	TRY(rig.to_guest(frames));
	if (!is_ours(rig))
		return Done{};

	DeviceStats stats = TRY(DeviceStats::read());

	return expect(stats.sum("tx.drop_") + stats.sum("rx.drop_") == 0, "no drops");
}

uint16_t get16(std::span<const uint8_t> bytes, size_t at)
{
	return bytes[at] << 8 | bytes[at + 1];
}

// One of the frames that segments were made to be: its lengths, and its part of the payload.
Result<size_t> check_segment(const TunnelRig &rig, std::span<const uint8_t> whole,
			     std::span<const uint8_t> segment, size_t done)
{
	const Tunnel &tunnel = rig.tunnel;
	size_t udp = tunnel.udp_offset(), ip = tunnel.overhead() + ETH_HLEN;
	size_t payload = ip + 40, size = segment.size();

	TRY(expect(size > payload && done + size <= whole.size(),
		   fmt::format("a segment, there are {} bytes", size)));
	TRY(expect(get16(segment, 16) == size - ETH_HLEN && get16(segment, udp + 4) == size - udp &&
			   get16(segment, ip + 2) == size - ip,
		   fmt::format("lengths for {} bytes, they are {}, {} and {}", size,
			       get16(segment, 16), get16(segment, udp + 4),
			       get16(segment, ip + 2))));
	TRY(expect(uint16_t(get16(segment, ip + 26) - get16(whole, ip + 26)) == uint16_t(done),
		   "a TCP sequence number that goes on"));
	TRY(expect(std::ranges::equal(segment.subspan(payload),
				      whole.subspan(payload + done, size - payload)),
		   fmt::format("bytes {} and on of what was sent", done)));
	return size - payload;
}

// On an interface that takes no frame of that length, the host's stack makes the segments.
Result<Done> cut_up(TunnelRig &rig)
{
	std::string command = fmt::format(
		"{{ ip link del rtapseg0; ip link add rtapseg0 type dummy && "
		"ip link set rtapseg0 mtu 9000 gso_max_size 3000 up && "
		"tc qdisc add dev {0} clsact && tc filter add dev {0} ingress matchall "
		"action mirred egress redirect dev rtapseg0; }} 2>/dev/null",
		rig.tap->name());
	Tunnel::Frame frame = rig.segments();
	size_t payload = rig.tunnel.overhead() + ETH_HLEN + 40, done = 0;

	if (!run_command(command))
		return fail(ENOTSUP, "set up", "an interface", "no dummy, matchall or mirred here");

	PacketSocket::Options end;

	end.ifindex = TRY(TRY(Rtnl::open()).find("rtapseg0")).index;

	PacketSocket wire = TRY(PacketSocket::open(end));

	TRY(rig.send(frame));
	TRY(TunnelRig::wait_until("all segments", [&]() -> Result<bool> {
		auto got = TRY(wire.receive());

		if (got)
			done += TRY(check_segment(rig, frame.bytes, got->bytes, done));
		return payload + done == frame.bytes.size();
	}));
	return run_command("ip link del rtapseg0");
}

Result<Done> past_xdp(TunnelRig &rig)
{
	Fd link = TRY(attach_xdp(*rig.tap, XDP_PASS));

	TRY(rig.to_host(frames));
	link.reset();
	return rig.to_host(8);
}

// Frames that a program sends back come as XDP frames, by recvmsg(): the header is as long.
Result<Done> back_from_xdp(TunnelRig &rig)
{
	Fd link = TRY(attach_xdp(*rig.tap, XDP_TX));
	Tunnel::Frame frame{{}, raw_frame(200, 1)};
	MacAddress guest = TRY(MacAddress::parse(Tunnel::guest_mac));

	std::ranges::copy(guest.bytes, frame.bytes.begin());
	for (int i = 0; i < 20; i++) {
		frame.bytes.back() = uint8_t(i);
		TRY(rig.send(frame));
		TRY(TunnelRig::wait_until("the frame back", [&]() -> Result<bool> {
			auto got = TRY(rig.guest_receives());

			if (!got)
				return false;
			TRY(expect(got->offload == Offload{} &&
					   std::ranges::equal(got->bytes, frame.bytes),
				   "the frame back as it was sent"));
			return true;
		}));
	}
	link.reset();
	return rig.to_guest(8);
}

// The TAP was told to give away what this guest does not take: dropped, and counted.
Result<Done> not_for_the_guest(TunnelRig &rig)
{
	constexpr uint64_t segments = 1; // of FrameStream, odd numbers are

	TRY(rig.to_host(8));
	TRY(rig.host_sends(segments));
	TRY(TunnelRig::wait_until("drop_offload 1", [&]() -> Result<bool> {
		return TRY(DeviceStats::read()).count("rx.drop_offload") == 1;
	}));
	return expect(!TRY(rig.guest_receives()), "nothing at the guest");
}

void add(Tests &tests, const TunnelOptions &options, const char *name, TunnelTest body)
{
	tests.push_back({fmt::format("{}, tunnel: {}", layout_name(options.net.queue.layout), name),
			 [=]() -> Result<Done> {
				 auto rig = TRY(TunnelRig::open(options));

				 return body(*rig);
			 }});
}

TunnelOptions defaults(const std::string &node, Layout layout)
{
	TunnelOptions options{.node = node};

	options.net.queue.layout = layout;
	options.net.queue.size = 256;
	options.net.frame_max = 65535;
	options.net.guest_tunnels = options.net.host_tunnels = true;
	return options;
}

void add_kinds(Tests &tests, const TunnelOptions &usual)
{
	TunnelOptions v6 = usual, checksum = usual, both = usual, whole = usual, small = usual;

	v6.tunnel.v6 = true;
	checksum.tunnel.checksum = true;
	both.tunnel = {.v6 = true, .checksum = true};
	whole.net.mergeable = false;
	small.net.buffer_size = 64;
	small.net.pieces = 8;
	small.net.queue.size = 2048;
	small.longest = 6000;
	add(tests, v6, "segments over IPv6", either_way);
	add(tests, checksum, "segments with an outer checksum", either_way);
	add(tests, both, "segments over IPv6 with an outer checksum", either_way);
	add(tests, whole, "segments in a buffer each", either_way);
	add(tests, small, "segments in buffers smaller than the header", either_way);
}

void add_bits(Tests &tests, const TunnelOptions &usual)
{
	TunnelOptions none = usual, guest = usual, host = usual;

	none.net.guest_tunnels = none.net.host_tunnels = false;
	// as a VMM would then: this works on every kernel
	none.tap.offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	add(tests, none, "segments of a guest that did not negotiate them", not_negotiated);
	none.tap.sndbuf = 1 << 22;
	add(tests, none, "the same, frame by frame", not_negotiated);
	guest.net.host_tunnels = false;
	add(tests, guest, "the bit to the guest alone", to_guest);
	host.net.guest_tunnels = false;
	if (usual.node == RigOptions().node)
		add(tests, host, "the bit to the host alone", not_for_the_guest);
}

} // namespace

void add_tunnels(Tests &tests, const std::string &node)
{
	for (Layout layout : {Layout::split, Layout::packed}) {
		TunnelOptions usual = defaults(node, layout), alone = usual, vlan = usual,
			      pieces = usual;

		if (layout == Layout::packed && node != RigOptions().node)
			continue;
		alone.tap.sndbuf = 1 << 22;
		vlan.tunnel.vlan = true;
		pieces.net.pieces = 40;
		pieces.net.buffer_size = 800;
		pieces.net.queue.size = 4096;
		pieces.longest = 6000;
		add(tests, usual, "segments to the host", to_host);
		add(tests, alone, "segments to the host, frame by frame", to_host);
		add(tests, usual, "segments to the guest", to_guest);
		add_kinds(tests, usual);
		add_bits(tests, usual);
		add(tests, usual, "wrong headers are refused", wrong_headers);
		add(tests, alone, "wrong headers, frame by frame", wrong_headers);
		add(tests, usual, "the host's stack cuts segments up", cut_up);
		add(tests, usual, "segments past an XDP program", past_xdp);
		add(tests, pieces, "frames back from an XDP program", back_from_xdp);
		// stock tells of places that are four bytes off, see Documentation/kernels.rst
		if (node == RigOptions().node)
			add(tests, vlan, "segments behind a VLAN tag", either_way);
	}
}

} // namespace ringtap
