// SPDX-License-Identifier: GPL-2.0-or-later
// PacketSocket: raw frames into and out of one network interface, with their offloads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/fd.h"
#include "lib/result.h"
#include "lib/vhost_abi.h"

namespace ringtap {

// An AF_PACKET socket bound to an interface and an ethertype. Non-blocking.
class PacketSocket {
public:
	struct Options {
		int ifindex = 0;
		uint16_t ethertype = ETH_P_ALL;
		bool vnet_hdr = false; // frames carry a virtio_net_hdr (PACKET_VNET_HDR)
		size_t frame_max =
			65557; // longest frame to receive: 64 KiB of IP and two VLAN tags
		int buffer_bytes = 32 << 20;
	};
	struct Received {
		virtio_net_hdr header{};        // all zero without vnet_hdr
		std::span<const uint8_t> bytes; // valid until the next receive()
	};

	[[nodiscard]] static Result<PacketSocket> open(const Options &options);

	[[nodiscard]] int get() const { return fd_.get(); }

	// Put a frame on the interface's transmit path. False if it would block.
	[[nodiscard]] Result<bool> send(const virtio_net_hdr &header,
					std::span<const uint8_t> frame) const;

	// The next frame that came from the interface.
	[[nodiscard]] Result<std::optional<Received>> receive();

	// Frames the socket had no room for since the last call.
	[[nodiscard]] Result<unsigned> dropped() const;

private:
	PacketSocket(Fd fd, const Options &options) :
		fd_(std::move(fd)), vnet_hdr_(options.vnet_hdr), ifindex_(options.ifindex),
		buffer_(options.frame_max + 1)
	{
	}

	Fd fd_;
	bool vnet_hdr_;
	int ifindex_;
	std::vector<uint8_t> buffer_;
};

} // namespace ringtap
