// SPDX-License-Identifier: GPL-2.0-or-later
// Lengths of netlink attributes, checked before anything is read.
#include "lib/netlink_attr.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <linux/netlink.h>

namespace ringtap {

tl::unexpected<Error> malformed(std::string on, std::string why)
{
	return fail(EBADMSG, "understand", std::move(on), std::move(why));
}

namespace {

std::string name_of(const Attribute &attribute)
{
	return fmt::format("netlink attribute {}", attribute.type);
}

template <class T>
Result<T> value_of(const Attribute &attribute)
{
	T value;

	if (attribute.payload.size() != sizeof(value))
		return malformed(name_of(attribute),
				 fmt::format("it has {} bytes, not {}", attribute.payload.size(),
					     sizeof(value)));
	std::memcpy(&value, attribute.payload.data(), sizeof(value));
	return value;
}

template <class T>
Result<Done> take_once(const Attribute &attribute, std::optional<T> &to)
{
	if (to)
		return malformed(name_of(attribute), "it is there twice");
	to = TRY(value_of<T>(attribute));
	return Done{};
}

} // namespace

Result<std::optional<Attribute>> Attributes::next()
{
	nlattr header;

	if (rest_.empty())
		return std::optional<Attribute>();
	if (rest_.size() < sizeof(header))
		return malformed("netlink attributes",
				 fmt::format("{} bytes are left, too few for one", rest_.size()));
	std::memcpy(&header, rest_.data(), sizeof(header));

	Attribute attribute{static_cast<uint16_t>(header.nla_type & NLA_TYPE_MASK), {}};

	if (header.nla_len < sizeof(header) || header.nla_len > rest_.size())
		return malformed(name_of(attribute),
				 fmt::format("it claims {} bytes, of {} that are left",
					     header.nla_len, rest_.size()));
	if (header.nla_type & NLA_F_NET_BYTEORDER)
		return malformed(name_of(attribute), "it is in network byte order");
	attribute.payload = rest_.subspan(sizeof(header), header.nla_len - sizeof(header));
	// The last one need not be padded.
	rest_ = rest_.subspan(std::min<size_t>(NLA_ALIGN(header.nla_len), rest_.size()));
	return std::optional(attribute);
}

Result<Done> take(const Attribute &attribute, std::optional<uint32_t> &to)
{
	return take_once(attribute, to);
}

Result<Done> take(const Attribute &attribute, std::optional<int32_t> &to)
{
	return take_once(attribute, to);
}

Result<Done> take(const Attribute &attribute, std::optional<uint64_t> &to)
{
	return take_once(attribute, to);
}

Result<Done> take(const Attribute &attribute, std::optional<std::string> &to)
{
	Bytes text = attribute.payload;

	if (to)
		return malformed(name_of(attribute), "it is there twice");
	if (text.size() > longest_string)
		return malformed(name_of(attribute),
				 fmt::format("a string of {} bytes", text.size()));
	to.emplace(text.begin(), std::ranges::find(text, uint8_t{0}));
	return Done{};
}

Result<Done> take(const Attribute &attribute, bool &to)
{
	if (to)
		return malformed(name_of(attribute), "it is there twice");
	if (!attribute.payload.empty())
		return malformed(name_of(attribute), "a flag with a value");
	to = true;
	return Done{};
}

Result<uint32_t> number_of(const Attribute &attribute)
{
	return value_of<uint32_t>(attribute);
}

} // namespace ringtap
