// SPDX-License-Identifier: GPL-2.0-or-later
// Test frames: each carries its number and a checksum, and can be rebuilt to compare every byte.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "guest/net.h"
#include "lib/result.h"

namespace ringtap {

// A stream of frames in one direction. Plain frames have an ethertype for local experiments;
// with offloads they are TCP over IPv4, in turn one with a partial checksum and one that is to be
// segmented.
class FrameStream {
public:
	enum class Direction : uint8_t { to_tap = 1, to_guest = 2 };

	struct Options {
		Direction direction = Direction::to_tap;
		unsigned size = 60;   // of plain frames and of those with a partial checksum
		bool offload = false; // checksum and segmentation offloads
	};
	struct Frame {
		Offload offload;
		std::span<const uint8_t> bytes; // valid until the next make()
	};

	static constexpr uint16_t plain_ethertype = 0x88b5; // IEEE 802, local experimental
	static constexpr unsigned vlan_tag = 4;
	static constexpr unsigned mss = 1448;
	// Frames to be segmented must be shorter than the TAP's gso_max_size, or the host cuts them
	// up.
	static constexpr unsigned longest_segmented = 65535;

	explicit FrameStream(const Options &options);

	[[nodiscard]] static unsigned smallest(bool offload);
	// The longest plain frame that passes. To the TAP that is what the module takes, an IP
	// packet of 65,535 bytes behind two VLAN tags; to the guest, what a TAP's largest MTU allows.
	[[nodiscard]] static constexpr unsigned longest(Direction direction)
	{
		return direction == Direction::to_tap ? 65535 + ETH_HLEN + 2 * vlan_tag : 65535;
	}
	[[nodiscard]] uint16_t ethertype() const;
	// The longest frame of the stream.
	[[nodiscard]] unsigned frame_max() const;

	// Build frame number sequence.
	[[nodiscard]] Frame make(uint64_t sequence);

	// Whether these bytes are of this stream at all, and not somebody else's traffic.
	[[nodiscard]] bool ours(std::span<const uint8_t> bytes) const;

	// The number of a frame that is ours; an error if its checksum, any other byte, or what its
	// header says about offloads is not as it was sent.
	[[nodiscard]] Result<uint64_t> check(const Offload &offload,
					     std::span<const uint8_t> bytes);

private:
	[[nodiscard]] unsigned size_of(uint64_t sequence) const;
	[[nodiscard]] size_t payload_offset() const;
	void put_ethernet(std::vector<uint8_t> &frame) const;
	void put_tcp(std::vector<uint8_t> &frame, uint64_t sequence) const;

	Options options_;
	std::vector<uint8_t> noise_; // what payloads are cut from
	std::vector<uint8_t> frame_;
};

} // namespace ringtap
