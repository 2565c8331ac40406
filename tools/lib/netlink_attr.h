// SPDX-License-Identifier: GPL-2.0-or-later
// Attributes: walks netlink attributes in bytes that nobody vouches for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "lib/result.h"

namespace ringtap {

using Bytes = std::span<const uint8_t>;

// EBADMSG: bytes from the kernel that make no sense. "on" names the attribute or the message.
[[nodiscard]] tl::unexpected<Error> malformed(std::string on, std::string why);

// One attribute; its payload lies in the bytes that were walked.
struct Attribute {
	uint16_t type = 0; // without the flags
	Bytes payload;
};

// The attributes in a run of bytes, in their order. Owns nothing.
class Attributes {
public:
	explicit Attributes(Bytes bytes) : rest_(bytes) {}

	// Nothing at the end; EBADMSG where a length does not fit, and then again at each call.
	[[nodiscard]] Result<std::optional<Attribute>> next();

private:
	Bytes rest_;
};

// Longest string that is believed.
constexpr size_t longest_string = 4096;

// Each stores the value of an attribute. EBADMSG where its length is not that of the type, or
// where there is a value already: no attribute that is read by these may come twice.
[[nodiscard]] Result<Done> take(const Attribute &attribute, std::optional<uint32_t> &to);
[[nodiscard]] Result<Done> take(const Attribute &attribute, std::optional<int32_t> &to);
[[nodiscard]] Result<Done> take(const Attribute &attribute, std::optional<uint64_t> &to);
// Up to the first NUL, or to the end where there is none.
[[nodiscard]] Result<Done> take(const Attribute &attribute, std::optional<std::string> &to);
// A flag; it has no payload.
[[nodiscard]] Result<Done> take(const Attribute &attribute, bool &to);

// The value of one that may come several times.
[[nodiscard]] Result<uint32_t> number_of(const Attribute &attribute);

// Calls function(attribute) -> Result<Done> for each attribute; the first error ends it.
template <class Function>
[[nodiscard]] Result<Done> for_each_attribute(Bytes bytes, Function function)
{
	Attributes attributes(bytes);

	for (;;) {
		std::optional<Attribute> attribute = TRY(attributes.next());

		if (!attribute)
			return Done{};
		TRY(function(*attribute));
	}
}

} // namespace ringtap
