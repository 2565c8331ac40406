// SPDX-License-Identifier: GPL-2.0-or-later
// What tests of the netlink client feed it: messages made here, and recorded ones.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <linux/netlink.h>
#include <linux/ringtap.h>

namespace ringtap::testing_netlink {

using Buffer = std::vector<uint8_t>;

// Appends netlink attributes, padded as the kernel pads them.
class Writer {
public:
	Writer &raw(uint16_t type, const Buffer &payload);
	template <class T>
	Writer &put(uint16_t type, T value)
	{
		Buffer payload(sizeof(value));

		std::memcpy(payload.data(), &value, sizeof(value));
		return raw(type, payload);
	}
	Writer &u32(uint16_t type, uint32_t value) { return put(type, value); }
	Writer &u64(uint16_t type, uint64_t value) { return put(type, value); }
	// With its NUL, as nla_put_string() has it.
	Writer &string(uint16_t type, std::string_view text);
	Writer &nest(uint16_t type, const Writer &inner);
	Writer &flag(uint16_t type) { return raw(type, {}); }

	[[nodiscard]] const Buffer &bytes() const { return bytes_; }

private:
	Buffer bytes_;
};

// A netlink message around a payload.
[[nodiscard]] Buffer message(uint16_t type, uint16_t flags, uint32_t sequence,
			     const Buffer &payload);
// A generic netlink message around attributes.
[[nodiscard]] Buffer generic(uint16_t family, uint8_t command, uint32_t sequence,
			     const Writer &attributes, uint16_t flags = NLM_F_MULTI,
			     uint8_t version = RINGTAP_FAMILY_VERSION);
// NLMSG_DONE, or NLMSG_ERROR with a quoted request header, both with the kernel's words.
[[nodiscard]] Buffer done(uint32_t sequence, int32_t error = 0, std::string_view words = {});
[[nodiscard]] Buffer error(uint32_t sequence, int32_t error, std::string_view words = {},
			   bool capped = true);

[[nodiscard]] Buffer operator+(Buffer a, const Buffer &b);

// What a guest of 2 queues looks like, all attributes of the contract filled in.
[[nodiscard]] Writer full_device();
[[nodiscard]] Writer full_queue();
[[nodiscard]] Writer full_stats();
[[nodiscard]] Writer full_worker();
[[nodiscard]] Writer full_event();

} // namespace ringtap::testing_netlink
