// SPDX-License-Identifier: GPL-2.0-or-later
// Makes TAPs, macvtaps, ipvtaps and packet sockets, and takes them away.
#include "hostile/wire.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "hostile/bpf.h"
#include "hostile/probe.h"

// Since Linux 6.6: how long the header of PACKET_VNET_HDR is.
#ifndef PACKET_VNET_HDR_SZ
#define PACKET_VNET_HDR_SZ 24
#endif

namespace ringtap {

namespace {

constexpr int old_header = sizeof(virtio_net_hdr);

// What a segment needs is kept, as a guest that negotiated all of it would.
constexpr unsigned long offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;

} // namespace

Result<std::unique_ptr<Wire>> Wire::make(const WireOptions &options)
{
	std::unique_ptr<Wire> wire(new Wire(options));

	switch (options.kind) {
	case WireOptions::Kind::tap:
		TRY(wire->make_tap());
		break;
	case WireOptions::Kind::macvtap:
		TRY(wire->make_tap_of_pair("macvtap", "mode passthru"));
		break;
	case WireOptions::Kind::ipvtap:
		TRY(wire->make_tap_of_pair("ipvtap", "mode l2"));
		// It takes what is for its address.
		TRY(run_command("ip addr add 192.0.2.2/32 dev wire2"));
		break;
	case WireOptions::Kind::packet:
		TRY(wire->make_packet());
		break;
	}
	return wire;
}

Wire::~Wire()
{
	fd.reset();
	tap.reset();
	if (paired_)
		(void)run_command("ip link del wire0 2>/dev/null");
	else if (options.persist && !near_.empty())
		(void)run_command(fmt::format("ip link del {} 2>/dev/null", near_));
}

Result<Done> Wire::make_tap()
{
	TapOptions wanted;

	wanted.vnet_hdr = options.header;
	wanted.queues = options.multi_queue ? 2 : 1;
	wanted.multi_queue = options.multi_queue;
	wanted.persist = options.persist;
	wanted.more_flags = options.tun_flags;
	wanted.sndbuf = options.sndbuf;
	if (options.header) {
		wanted.vnet_hdr_size = options.header;
		wanted.offloads = offloads;
	}
	tap = TRY(Tap::create("wire%d", wanted));
	near_ = far_ = tap->name();
	if (options.multi_queue)
		TRY(steer_tap(end(), 1));
	return tap->set_up();
}

Result<Done> Wire::make_pair()
{
	if (!run_command("{ ip link del wire0; ip link add wire0 type veth peer name wire1 && "
			 "ip link set wire0 up && ip link set wire1 up; } 2>/dev/null"))
		return fail(ENOTSUP, "set up", "a pair of interfaces", "no veth here");
	paired_ = true;
	far_ = "wire0";
	return Done{};
}

Result<Done> Wire::make_tap_of_pair(const char *type, const char *mode)
{
	unsigned flags = IFF_TAP | IFF_NO_PI | (options.header ? IFF_VNET_HDR : 0);
	ifreq request{};

	TRY(make_pair());
	if (!run_command(fmt::format("{{ ip link add link wire1 name wire2 type {} {} && "
				     "ip link set wire2 up; }} 2>/dev/null",
				     type, mode)))
		return fail(ENOTSUP, "add", type, fmt::format("no {} here", type));
	near_ = "wire2";

	std::string path = fmt::format("/dev/tap{}", ::if_nametoindex("wire2"));
	auto opened = Fd::open(path, O_RDWR | O_NONBLOCK);

	if (!opened)
		return fail(ENOTSUP, "open", path, "nobody makes the files of macvtaps here");
	fd = std::move(*opened);
	request.ifr_flags = short(flags);
	if (::ioctl(fd.get(), TUNSETIFF, &request) < 0)
		return fail(errno, "set the flags of", path);
	if (options.header && (::ioctl(fd.get(), TUNSETVNETHDRSZ, &options.header) < 0 ||
			       ::ioctl(fd.get(), TUNSETOFFLOAD, offloads) < 0))
		return fail(errno, "set the header or the offloads of", path);
	if (options.sndbuf && ::ioctl(fd.get(), TUNSETSNDBUF, &*options.sndbuf) < 0)
		return fail(errno, "set the send buffer of", path);
	return Done{};
}

Result<Done> Wire::make_packet()
{
	int one = 1, buffer = 32 << 20;
	sockaddr_ll address{};

	TRY(make_pair());
	near_ = "wire1";
	fd = Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (!fd)
		return fail(errno, "open", "a packet socket");
	if (options.header == old_header &&
	    ::setsockopt(fd.get(), SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0)
		return fail(errno, "set", "PACKET_VNET_HDR");
	if (options.header > old_header &&
	    ::setsockopt(fd.get(), SOL_PACKET, PACKET_VNET_HDR_SZ, &options.header, sizeof(int)))
		return fail(ENOTSUP, "set", "PACKET_VNET_HDR_SZ",
			    "packet sockets have the short header alone here");
	(void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	if (options.sndbuf &&
	    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &*options.sndbuf, sizeof(int)) < 0)
		return fail(errno, "set", "the send buffer of a packet socket");
	address.sll_family = AF_PACKET;
	address.sll_protocol = htons(ETH_P_ALL);
	address.sll_ifindex = int(::if_nametoindex("wire1"));
	if (::bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)) < 0)
		return fail(errno, "bind", "a packet socket");
	return Done{};
}

std::vector<std::string> Wire::links() const
{
	if (options.is_tap())
		return {near_};
	if (near_ == "wire1")
		return {"wire0", "wire1"};
	return {"wire0", "wire1", "wire2"};
}

Result<PacketSocket> Wire::socket(uint16_t ethertype, bool vnet_hdr) const
{
	PacketSocket::Options wanted;

	wanted.ifindex = int(::if_nametoindex(far_.c_str()));
	wanted.ethertype = ethertype;
	wanted.vnet_hdr = vnet_hdr;
	return PacketSocket::open(wanted);
}

Result<Done> Wire::set_mtu(unsigned mtu) const
{
	for (const std::string &link : links())
		TRY(run_command(fmt::format("ip link set {} mtu {}", link, mtu)));
	return Done{};
}

Result<Done> Wire::set_up(bool up) const
{
	return run_command(fmt::format("ip link set {} {}", near_, up ? "up" : "down"));
}

} // namespace ringtap
