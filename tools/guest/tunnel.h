// SPDX-License-Identifier: GPL-2.0-or-later
// Tunnel: frames in VXLAN, as the guest's end of it makes them and finds them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "guest/net.h"
#include "lib/result.h"

namespace ringtap {

// Between the guest and the host, over IPv4 or IPv6, from and to addresses for documentation.
class Tunnel {
public:
	struct Options {
		bool v6 = false;       // what is outside
		bool checksum = false; // of the outer UDP header, where it carries segments
		bool vlan = false;     // a tag outside
	};
	struct Frame {
		Offload offload;
		std::vector<uint8_t> bytes;
	};

	static constexpr unsigned id = 42;     // the network's
	static constexpr unsigned vlan_id = 5; // the tag's
	static constexpr uint16_t port = 4789; // VXLAN's
	static constexpr char host_mac[] = "02:72:74:00:00:03";
	static constexpr char guest_mac[] = "02:72:74:00:00:04";

	explicit Tunnel(const Options &options) : options_(options) {}

	[[nodiscard]] const Options &options() const { return options_; }
	[[nodiscard]] std::string host_address() const;
	[[nodiscard]] std::string guest_address() const;
	// Bytes in front of the frame that is inside.
	[[nodiscard]] unsigned overhead() const { return udp_offset() + 16; }
	[[nodiscard]] unsigned udp_offset() const { return ip_offset() + (options_.v6 ? 40 : 20); }

	// A frame from the guest to the host.
	[[nodiscard]] Frame wrap(const Offload &offload, std::span<const uint8_t> inside) const;
	// What is in a frame from the host to the guest; an error unless all around it is right, and
	// what its header says of the tunnel.
	[[nodiscard]] Result<Frame> unwrap(const Offload &offload,
					   std::span<const uint8_t> frame) const;

private:
	[[nodiscard]] unsigned ip_offset() const { return options_.vlan ? 18 : 14; }
	[[nodiscard]] uint8_t gso_bit() const;
	void put_ip(std::vector<uint8_t> &frame) const;
	[[nodiscard]] uint16_t pseudo_sum(unsigned length) const;
	[[nodiscard]] Result<Done> check_outside(std::span<const uint8_t> frame) const;

	Options options_;
};

} // namespace ringtap
