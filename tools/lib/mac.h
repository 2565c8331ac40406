// SPDX-License-Identifier: GPL-2.0-or-later
// MacAddress: the Ethernet address of a network card.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/result.h"

namespace ringtap {

struct MacAddress {
	std::array<uint8_t, 6> bytes{};

	// Six pairs of hexadecimal digits with colons between: "52:54:00:12:34:56".
	[[nodiscard]] static Result<MacAddress> parse(const std::string &text);

	// An address in QEMU's range 52:54:00 that is the same for the same seeds, and most likely
	// another for others: two guests on one bridge must not share one.
	[[nodiscard]] static MacAddress derive(std::string_view seed, std::string_view more = {});

	// A card's own address is neither a group address nor all zero.
	[[nodiscard]] bool is_unicast() const;
	[[nodiscard]] std::string text() const;

	bool operator==(const MacAddress &) const = default;
};

} // namespace ringtap
