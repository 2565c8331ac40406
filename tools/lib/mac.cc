// SPDX-License-Identifier: GPL-2.0-or-later
// Ethernet addresses from text, to text, and out of a name.
#include "lib/mac.h"

#include <charconv>

#include <fmt/format.h>

namespace ringtap {

namespace {

constexpr uint64_t fnv_offset = 0xcbf29ce484222325;
constexpr uint64_t fnv_prime = 0x100000001b3;

// FNV-1a: spreads names well, and gives the same answer on every machine.
uint64_t hash(uint64_t state, std::string_view text)
{
	for (char c : text)
		state = (state ^ static_cast<uint8_t>(c)) * fnv_prime;
	return state;
}

} // namespace

Result<MacAddress> MacAddress::parse(const std::string &text)
{
	MacAddress mac;
	const char *at = text.data();

	for (size_t i = 0; text.size() == 17 && i < mac.bytes.size(); i++, at += 3) {
		auto [end, error] = std::from_chars(at, at + 2, mac.bytes[i], 16);
		bool last = i + 1 == mac.bytes.size();

		if (error != std::errc{} || end != at + 2 || (!last && at[2] != ':'))
			break;
		if (last)
			return mac;
	}
	return fail(0, "read the MAC address", text,
		    "write it as six pairs of hexadecimal digits, such as 52:54:00:12:34:56");
}

MacAddress MacAddress::derive(std::string_view seed, std::string_view more)
{
	uint64_t h = hash(hash(hash(fnv_offset, seed), "\n"), more);

	h ^= h >> 32;
	return {{0x52, 0x54, 0x00, static_cast<uint8_t>(h >> 16), static_cast<uint8_t>(h >> 8),
		 static_cast<uint8_t>(h)}};
}

bool MacAddress::is_unicast() const
{
	return !(bytes[0] & 1) && *this != MacAddress{};
}

std::string MacAddress::text() const
{
	return fmt::format("{:02x}", fmt::join(bytes, ":"));
}

} // namespace ringtap
