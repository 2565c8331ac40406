// SPDX-License-Identifier: GPL-2.0-or-later
// Puts frames into VXLAN and takes them out, with what a virtio-net header says of it.
#include "guest/tunnel.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>

#include <fmt/format.h>

#include "lib/mac.h"

namespace ringtap {

namespace {

constexpr uint32_t vxlan_flags = 0x08000000; // the network's id is there

uint32_t sum_of(std::span<const uint8_t> bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes.size(); i++)
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
	return sum;
}

uint16_t folded(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

// The addresses' bytes, source first.
std::vector<uint8_t> addresses(const Tunnel &tunnel, bool to_host)
{
	int family = tunnel.options().v6 ? AF_INET6 : AF_INET;
	size_t size = tunnel.options().v6 ? 16 : 4;
	std::vector<uint8_t> both(2 * size);
	std::string guest = tunnel.guest_address(), host = tunnel.host_address();

	::inet_pton(family, (to_host ? guest : host).c_str(), both.data());
	::inet_pton(family, (to_host ? host : guest).c_str(), both.data() + size);
	return both;
}

void put_mac(uint8_t *to, const char *text)
{
	auto mac = MacAddress::parse(text);

	std::ranges::copy(mac->bytes, to);
}

void put16(std::vector<uint8_t> &frame, size_t at, uint16_t value)
{
	frame[at] = value >> 8;
	frame[at + 1] = value & 0xff;
}

uint16_t get16(std::span<const uint8_t> frame, size_t at)
{
	return frame[at] << 8 | frame[at + 1];
}

tl::unexpected<Error> wrong(const std::string &what)
{
	return fail(EBADMSG, "see a right tunnel around a frame", what);
}

} // namespace

std::string Tunnel::host_address() const
{
	return options_.v6 ? "2001:db8::1" : "198.51.100.1";
}

std::string Tunnel::guest_address() const
{
	return options_.v6 ? "2001:db8::2" : "198.51.100.2";
}

uint8_t Tunnel::gso_bit() const
{
	return options_.v6 ? VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6
			   : VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4;
}

void Tunnel::put_ip(std::vector<uint8_t> &frame) const
{
	std::vector<uint8_t> both = addresses(*this, true);
	size_t at = ip_offset(), length = frame.size() - at;

	if (options_.v6) {
		frame[at] = 6 << 4;
		put16(frame, at + 4, length - sizeof(ip6_hdr));
		frame[at + 6] = IPPROTO_UDP;
		frame[at + 7] = 64;
		std::ranges::copy(both, frame.begin() + ssize_t(at) + 8);
		return;
	}
	frame[at] = 0x45;
	put16(frame, at + 2, length);
	put16(frame, at + 6, IP_DF);
	frame[at + 8] = 64;
	frame[at + 9] = IPPROTO_UDP;
	std::ranges::copy(both, frame.begin() + ssize_t(at) + 12);
	put16(frame, at + 10, ~folded(sum_of(std::span(frame).subspan(at, sizeof(iphdr)))));
}

uint16_t Tunnel::pseudo_sum(unsigned length) const
{
	return folded(sum_of(addresses(*this, true)) + IPPROTO_UDP + length);
}

Tunnel::Frame Tunnel::wrap(const Offload &offload, std::span<const uint8_t> inside) const
{
	Frame frame{offload, std::vector<uint8_t>(overhead() + inside.size())};
	std::vector<uint8_t> &bytes = frame.bytes;
	size_t udp = udp_offset(), length = bytes.size() - udp;
	bool segments = offload.gso_type != VIRTIO_NET_HDR_GSO_NONE;
	uint32_t vxlan[] = {htonl(vxlan_flags), htonl(id << 8)};

	put_mac(bytes.data(), host_mac);
	put_mac(bytes.data() + 6, guest_mac);
	if (options_.vlan) {
		put16(bytes, 12, ETH_P_8021Q);
		put16(bytes, 14, vlan_id);
	}
	put16(bytes, ip_offset() - 2, options_.v6 ? ETH_P_IPV6 : ETH_P_IP);
	put_ip(bytes);
	put16(bytes, udp, 50000);
	put16(bytes, udp + 2, port);
	put16(bytes, udp + 4, length);
	std::memcpy(bytes.data() + udp + 8, vxlan, sizeof(vxlan));
	std::ranges::copy(inside, bytes.begin() + overhead());
	if (offload.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		frame.offload.csum_start += overhead();
	frame.offload.hdr_len += overhead();
	if (!segments)
		return frame;
	frame.offload.gso_type |= gso_bit();
	frame.offload.outer_th_offset = udp;
	frame.offload.inner_nh_offset = overhead() + ETH_HLEN;
	if (options_.checksum) {
		frame.offload.flags |= VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
		put16(bytes, udp + 6, pseudo_sum(length));
	}
	return frame;
}

Result<Done> Tunnel::check_outside(std::span<const uint8_t> frame) const
{
	size_t ip = ip_offset(), udp = udp_offset();
	uint32_t vxlan[2];
	std::vector<uint8_t> both = addresses(*this, false);

	if (frame.size() < overhead() + ETH_HLEN)
		return wrong(fmt::format("{} bytes in all", frame.size()));
	if (options_.vlan && (get16(frame, 12) != ETH_P_8021Q || get16(frame, 14) != vlan_id))
		return wrong(fmt::format("a tag {:#x} {:#x}", get16(frame, 12), get16(frame, 14)));
	if (get16(frame, ip - 2) != (options_.v6 ? ETH_P_IPV6 : ETH_P_IP))
		return wrong(fmt::format("ethertype {:#x}", get16(frame, ip - 2)));
	if (frame[ip + (options_.v6 ? 6 : 9)] != IPPROTO_UDP ||
	    !std::ranges::equal(both, frame.subspan(udp - both.size(), both.size())))
		return wrong("other addresses, or no UDP");
	if (get16(frame, udp + 2) != port || get16(frame, udp + 4) != frame.size() - udp)
		return wrong(fmt::format("UDP to port {}, {} bytes of {}", get16(frame, udp + 2),
					 get16(frame, udp + 4), frame.size() - udp));
	std::memcpy(vxlan, frame.data() + udp + 8, sizeof(vxlan));
	if (vxlan[0] != htonl(vxlan_flags) || vxlan[1] != htonl(id << 8))
		return wrong(fmt::format("VXLAN {:#x} {:#x}", ntohl(vxlan[0]), ntohl(vxlan[1])));
	return Done{};
}

Result<Tunnel::Frame> Tunnel::unwrap(const Offload &offload, std::span<const uint8_t> frame) const
{
	constexpr uint8_t tunnel_bits = VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 |
					VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6;
	bool segments = offload.gso_type != VIRTIO_NET_HDR_GSO_NONE;
	Offload inside = offload;

	TRY(check_outside(frame));
	if ((offload.gso_type & tunnel_bits) != (segments ? gso_bit() : 0))
		return wrong(fmt::format("gso_type {:#x}", offload.gso_type));
	if (offload.outer_th_offset != (segments ? udp_offset() : 0) ||
	    offload.inner_nh_offset != (segments ? overhead() + ETH_HLEN : 0))
		return wrong(fmt::format("the outer UDP header at {}, the inner IP header at {}",
					 offload.outer_th_offset, offload.inner_nh_offset));
	if (bool(offload.flags & VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM) !=
	    (segments && options_.checksum))
		return wrong(fmt::format("flags {:#x}", offload.flags));
	if (!options_.checksum && get16(frame, udp_offset() + 6))
		return wrong("an outer checksum");
	inside.gso_type &= ~tunnel_bits;
	inside.flags &= ~VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
	inside.outer_th_offset = inside.inner_nh_offset = 0;
	if (inside.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		inside.csum_start -= overhead();
	return Frame{inside, {frame.begin() + overhead(), frame.end()}};
}

} // namespace ringtap
