// SPDX-License-Identifier: GPL-2.0-or-later
// Sets the tunnel's two ends up, and sends through it either way.
#include "hostile/tunnel_rig.h"

#include <chrono>
#include <cstring>

#include <linux/if_tun.h>
#include <poll.h>

#include <fmt/format.h>

#include "hostile/probe.h"
#include "hostile/tests.h"
#include "lib/mac.h"

namespace ringtap {

namespace {

using Clock = std::chrono::steady_clock;
using Direction = FrameStream::Direction;

constexpr unsigned plain_size = 900;
constexpr char vxlan_name[] = "rtapvx0";

FrameStream stream_of(Direction direction)
{
	return FrameStream({.direction = direction, .size = plain_size, .offload = true});
}

} // namespace

TunnelRig::TunnelRig(const TunnelOptions &wanted) :
	options(wanted), tunnel(wanted.tunnel), out(stream_of(Direction::to_tap)),
	in(stream_of(Direction::to_guest))
{
}

Result<std::unique_ptr<TunnelRig>> TunnelRig::open(const TunnelOptions &options)
{
	std::unique_ptr<TunnelRig> rig(new TunnelRig(options));
	FeatureSet wanted = NetGuest::features(options.net), missing;

	rig->device = TRY(VhostDevice::open(options.node));
	missing = wanted.without(TRY(rig->device->features()));
	if (!missing.empty())
		return fail(ENOTSUP, "negotiate", missing.text(),
			    "the node does not offer " + missing.text());
	TRY(rig->make_tap());
	TRY(rig->make_tunnel());
	TRY(rig->start());
	return rig;
}

Result<Done> TunnelRig::make_tap()
{
	unsigned offloads = options.tap.offloads.value_or(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 |
							  TUN_F_UDP_TUNNEL_GSO |
							  TUN_F_UDP_TUNNEL_GSO_CSUM);

	if (!options.tap.vnet_hdr_size)
		options.tap.vnet_hdr_size = options.net.guest_tunnels || options.net.host_tunnels
						    ? int(sizeof(TunnelHeader))
						    : int(sizeof(virtio_net_hdr_v1));
	options.tap.offloads.reset();
	tap = TRY(Tap::create("tnl%d", options.tap));
	if (auto done = tap->set_offloads(offloads); !done)
		return fail(ENOTSUP, "set", "the TAP's offloads",
			    "the TAP of this kernel has no offload for UDP tunnels");
	TRY(tap->set_mac(TRY(MacAddress::parse(Tunnel::host_mac))));
	TRY(tap->set_mtu(9000));
	return tap->set_up();
}

// The host's end: an address on the TAP, or on a VLAN interface there, and VXLAN over it.
Result<Done> TunnelRig::make_tunnel()
{
	bool v6 = options.tunnel.v6;
	const char *checksum = options.tunnel.checksum ? "" : "no";
	std::string below = options.tunnel.vlan ? "rtapvl0" : tap->name(), command;

	if (options.tunnel.vlan)
		command = fmt::format("ip link add link {} name {} type vlan id {} && "
				      "ip link set {} up && ",
				      tap->name(), below, Tunnel::vlan_id, below);
	if (v6)
		command += fmt::format("echo 0 >/proc/sys/net/ipv6/conf/{}/disable_ipv6 && ",
				       below);
	command += fmt::format(
		"ip addr add {0}/{1} dev {2} {3} && "
		"ip neigh add {4} lladdr {5} dev {2} nud permanent && "
		"ip link add {6} type vxlan id {7} local {0} remote {4} dev {2} dstport {8} {9} && "
		"ip link set {6} up",
		tunnel.host_address(), v6 ? 64 : 24, below, v6 ? "nodad" : "",
		tunnel.guest_address(), Tunnel::guest_mac, vxlan_name, Tunnel::id, Tunnel::port,
		v6 ? fmt::format("{}udp6zerocsumtx udp6zerocsumrx",
				 options.tunnel.checksum ? "no" : "")
		   : fmt::format("{}udpcsum", checksum));
	if (!run_command("{ ip link del " + std::string(vxlan_name) + "; " + command +
			 "; } 2>/dev/null"))
		return fail(ENOTSUP, "make", "a VXLAN interface", "no VXLAN interfaces here");

	PacketSocket::Options end{.ethertype = ETH_P_IP, .vnet_hdr = true, .frame_max = 1 << 17};

	end.ifindex = TRY(TRY(Rtnl::open()).find(vxlan_name)).index;
	far = TRY(PacketSocket::open(end));
	return Done{};
}

Result<Done> TunnelRig::start()
{
	NetGuest::Needs needs = NetGuest::memory_needed(options.net);

	TRY(memory.add({MemoryKind::anon, needs.rings + needs.buffers, {}}));
	guest = TRY(NetGuest::create(memory, options.net));
	TRY(device->set_owner());
	TRY(device->set_features(NetGuest::features(options.net)));
	TRY(device->set_memory(memory.regions()));
	TRY(guest->fill());
	TRY(guest->start(*device, tap->queue().get()));
	return guest->rx().kick();
}

Result<Done> TunnelRig::wait_until(const std::string &what,
				   const std::function<Result<bool>()> &done)
{
	auto deadline = Clock::now() + std::chrono::milliseconds(Rig::deadline_ms);

	while (!TRY(done())) {
		if (Clock::now() >= deadline)
			return fail(ETIMEDOUT, "see", what);
		::poll(nullptr, 0, 2);
	}
	return Done{};
}

// Numbers of frames that are not too long for what is around them.
std::vector<uint64_t> TunnelRig::choose(FrameStream &stream, unsigned frames) const
{
	std::vector<uint64_t> chosen;

	for (uint64_t i = next_; chosen.size() < frames; i++)
		if (stream.make(i).bytes.size() <= options.longest)
			chosen.push_back(i);
	return chosen;
}

// Somebody else's frames do not count.
Result<bool> TunnelRig::arrived_at_host(uint64_t sequence)
{
	auto got = TRY(far->receive());

	if (!got || !out.ours(got->bytes))
		return false;

	const virtio_net_hdr &h = got->header;
	Offload offload{.flags = h.flags,
			.gso_type = h.gso_type,
			.hdr_len = h.hdr_len,
			.gso_size = h.gso_size,
			.csum_start = h.csum_start,
			.csum_offset = h.csum_offset};
	uint64_t seen = TRY(out.check(offload, got->bytes));

	TRY(expect(seen == sequence, fmt::format("frame {}, it is {}", sequence, seen)));
	return true;
}

Result<Done> TunnelRig::to_host(unsigned frames)
{
	std::vector<uint64_t> chosen = choose(out, frames);

	for (uint64_t sequence : chosen) {
		FrameStream::Frame inside = out.make(sequence);
		Tunnel::Frame frame = tunnel.wrap(inside.offload, inside.bytes);

		TRY(expect(TRY(guest->send(frame.offload, frame.bytes)), "room in the ring"));
	}
	TRY(guest->tx().kick());
	for (uint64_t sequence : chosen)
		TRY(wait_until(fmt::format("frame {} at the host's end", sequence),
			       [&] { return arrived_at_host(sequence); }));
	next_ = chosen.back() + 1;

	unsigned reaped = 0;

	return wait_until("the buffers back", [&]() -> Result<bool> {
		reaped += TRY(guest->reap());
		return reaped == frames;
	});
}

Result<Done> TunnelRig::host_sends(uint64_t sequence)
{
	FrameStream::Frame frame = in.make(sequence);

	TRY(expect(TRY(far->send(frame.offload.header(), frame.bytes)), "room at the host's end"));
	return Done{};
}

// Of frames that the host sends, those to the guest itself: not what announces addresses.
Result<std::optional<ReceivedFrame>> TunnelRig::guest_receives()
{
	auto got = TRY(guest->receive());
	auto mac = TRY(MacAddress::parse(Tunnel::guest_mac));

	if (TRY(guest->fill()))
		TRY(guest->rx().kick());
	if (!got || got->bytes.size() < ETH_HLEN ||
	    std::memcmp(got->bytes.data(), mac.bytes.data(), ETH_ALEN) != 0)
		return std::nullopt;
	return got;
}

// virtio 5.1.6.4: num_buffers is 1 without MRG_RXBUF, and with it what the frame took.
Result<bool> TunnelRig::arrived_at_guest(uint64_t sequence)
{
	auto got = TRY(guest_receives());

	if (!got)
		return false;

	size_t total = got->bytes.size() + guest->header_size();
	size_t buffers = options.net.mergeable
				 ? (total + options.net.buffer_size - 1) / options.net.buffer_size
				 : 1;
	Tunnel::Frame inside = TRY(tunnel.unwrap(got->offload, got->bytes));
	uint64_t seen = TRY(in.check(inside.offload, inside.bytes));

	TRY(expect(seen == sequence, fmt::format("frame {}, it is {}", sequence, seen)));
	TRY(expect(got->num_buffers == buffers,
		   fmt::format("num_buffers {}, it is {}", buffers, got->num_buffers)));
	return true;
}

Result<Done> TunnelRig::to_guest(unsigned frames)
{
	std::vector<uint64_t> chosen = choose(in, frames);

	for (uint64_t sequence : chosen)
		TRY(host_sends(sequence));
	for (uint64_t sequence : chosen)
		TRY(wait_until(fmt::format("frame {} at the guest", sequence),
			       [&] { return arrived_at_guest(sequence); }));
	next_ = chosen.back() + 1;
	return Done{};
}

Tunnel::Frame TunnelRig::segments()
{
	uint64_t sequence = next_ | 1;

	while (out.make(sequence).bytes.size() > options.longest)
		sequence += 2;
	next_ = sequence + 1;

	FrameStream::Frame inside = out.make(sequence);

	return tunnel.wrap(inside.offload, inside.bytes);
}

Result<Done> TunnelRig::send(const Tunnel::Frame &frame)
{
	TRY(expect(TRY(guest->send(frame.offload, frame.bytes)), "room in the ring"));
	TRY(guest->tx().kick());
	return wait_until("the buffer back",
			  [&]() -> Result<bool> { return TRY(guest->reap()) > 0; });
}

} // namespace ringtap
