// SPDX-License-Identifier: GPL-2.0-or-later
// AF_PACKET with errors as values.
#include "lib/packet_socket.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <fmt/format.h>

namespace ringtap {

namespace {

// Beyond net.core.[rw]mem_max where we may, up to it where not.
void set_buffer(int fd, int force, int option, int bytes)
{
	if (::setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof(bytes)) < 0)
		(void)::setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof(bytes));
}

} // namespace

Result<PacketSocket> PacketSocket::open(const Options &options)
{
	// Protocol 0 until it is bound: nothing from other interfaces gets in.
	Fd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	std::string on = fmt::format("a packet socket on interface {}", options.ifindex);
	int one = 1;

	if (!fd)
		return fail(errno, "open", on, "run as root (CAP_NET_RAW)");
	if (options.vnet_hdr &&
	    ::setsockopt(fd.get(), SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0)
		return fail(errno, "set PACKET_VNET_HDR on", on);
	set_buffer(fd.get(), SO_RCVBUFFORCE, SO_RCVBUF, options.buffer_bytes);
	set_buffer(fd.get(), SO_SNDBUFFORCE, SO_SNDBUF, options.buffer_bytes);

	sockaddr_ll address{};

	address.sll_family = AF_PACKET;
	address.sll_protocol = htons(options.ethertype);
	address.sll_ifindex = options.ifindex;
	if (::bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)) < 0)
		return fail(errno, "bind", on, "is the interface there, and up?");
	return PacketSocket(std::move(fd), options);
}

Result<bool> PacketSocket::send(const virtio_net_hdr &header, std::span<const uint8_t> frame) const
{
	iovec parts[] = {
		{const_cast<virtio_net_hdr *>(&header), sizeof(header)},
		{const_cast<uint8_t *>(frame.data()), frame.size()},
	};
	msghdr message{};

	message.msg_iov = vnet_hdr_ ? parts : parts + 1;
	message.msg_iovlen = vnet_hdr_ ? 2 : 1;
	if (::sendmsg(fd_.get(), &message, 0) >= 0)
		return true;
	if (errno == EAGAIN || errno == ENOBUFS)
		return false;
	return fail(errno, fmt::format("send a frame of {} bytes", frame.size()),
		    fmt::format("to interface {}", ifindex_),
		    "is the interface up, and its MTU large enough?");
}

Result<std::optional<PacketSocket::Received>> PacketSocket::receive()
{
	Received received;
	iovec parts[] = {
		{&received.header, sizeof(received.header)},
		{buffer_.data(), buffer_.size()},
	};
	size_t skip = vnet_hdr_ ? sizeof(received.header) : 0;
	msghdr message{};

	message.msg_iov = vnet_hdr_ ? parts : parts + 1;
	message.msg_iovlen = vnet_hdr_ ? 2 : 1;

	ssize_t got = ::recvmsg(fd_.get(), &message, 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return std::nullopt;
	if (got < 0)
		return fail(errno, "receive", fmt::format("from interface {}", ifindex_),
			    "did the interface go away?");
	received.bytes = {buffer_.data(), size_t(got) - skip};
	return received;
}

Result<unsigned> PacketSocket::dropped() const
{
	tpacket_stats stats{};
	socklen_t size = sizeof(stats);

	if (::getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) < 0)
		return fail(errno, "read the statistics of", "a packet socket");
	return stats.tp_drops;
}

} // namespace ringtap
