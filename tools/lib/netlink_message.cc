// SPDX-License-Identifier: GPL-2.0-or-later
// Splits netlink datagrams, and reads acknowledgements and the end of dumps.
#include "lib/netlink_message.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

namespace ringtap {

namespace {

// What the kernel says about an outcome; nothing where its attributes make no sense.
std::string kernel_words(Bytes attributes)
{
	std::optional<std::string> text;
	auto done = for_each_attribute(attributes, [&](const Attribute &attribute) {
		return attribute.type == NLMSGERR_ATTR_MSG ? take(attribute, text) : Result<Done>();
	});

	return done && text ? fmt::format("the kernel says: {}", *text) : "";
}

// The attributes behind the request that an NLMSG_ERROR quotes, wholly or its header alone.
Bytes behind_request(const Message &message)
{
	nlmsghdr request;
	Bytes rest = message.payload.subspan(sizeof(int));

	if (rest.size() < sizeof(request))
		return {};
	std::memcpy(&request, rest.data(), sizeof(request));

	size_t quoted = message.flags & NLM_F_CAPPED ? sizeof(request)
						     : NLMSG_ALIGN(uint64_t{request.nlmsg_len});

	return quoted <= rest.size() ? rest.subspan(quoted) : Bytes();
}

} // namespace

Result<std::vector<Message>> split_messages(Bytes datagram)
{
	std::vector<Message> messages;
	nlmsghdr header;

	while (!datagram.empty()) {
		if (datagram.size() < sizeof(header))
			return malformed(
				"a netlink message",
				fmt::format("{} bytes are too few for one", datagram.size()));
		std::memcpy(&header, datagram.data(), sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > datagram.size())
			return malformed("a netlink message",
					 fmt::format("it claims {} bytes, of {} that are left",
						     header.nlmsg_len, datagram.size()));
		messages.push_back(
			{header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq,
			 datagram.subspan(sizeof(header), header.nlmsg_len - sizeof(header))});
		datagram = datagram.subspan(
			std::min<size_t>(NLMSG_ALIGN(uint64_t{header.nlmsg_len}), datagram.size()));
	}
	return messages;
}

Result<GenericMessage> generic_message(const Message &message)
{
	genlmsghdr header;

	if (message.payload.size() < GENL_HDRLEN)
		return malformed(
			"a generic netlink message",
			fmt::format("{} bytes are too few for its header", message.payload.size()));
	std::memcpy(&header, message.payload.data(), sizeof(header));
	return GenericMessage{header.cmd, header.version, message.payload.subspan(GENL_HDRLEN)};
}

Result<Done> outcome_of(const Message &message)
{
	int32_t code = 0;

	// The end of a dump need not say how it went.
	if (message.type == NLMSG_DONE && message.payload.empty())
		return Done{};
	if (message.payload.size() < sizeof(code))
		return malformed("a netlink acknowledgement", "it has no error code");
	std::memcpy(&code, message.payload.data(), sizeof(code));
	if (code >= 0)
		return Done{};

	Bytes attributes;

	if (message.flags & NLM_F_ACK_TLVS)
		attributes = message.type == NLMSG_ERROR ? behind_request(message)
							 : message.payload.subspan(sizeof(code));
	// The most negative number has no positive counterpart.
	return fail(code > -4096 ? -code : EPROTO, "get an answer from", "the kernel",
		    kernel_words(attributes));
}

Result<bool> Reply::take(Bytes datagram)
{
	for (const Message &message : TRY(split_messages(datagram)))
		if (TRY(take(message)))
			return true;
	return false;
}

Result<bool> Reply::take(const Message &message)
{
	if (message.sequence != sequence_)
		return false;
	if (message.flags & NLM_F_DUMP_INTR)
		interrupted_ = true;
	switch (message.type) {
	case NLMSG_NOOP:
		return false;
	case NLMSG_OVERRUN:
		return fail(ENOBUFS, "take", "all of the kernel's answer");
	case NLMSG_ERROR:
	case NLMSG_DONE:
		TRY(outcome_of(message));
		return true;
	default:
		break;
	}
	if (message.type != family_)
		return false;

	GenericMessage generic = TRY(generic_message(message));

	if (generic.command == command_)
		TRY(consumer_(generic.attributes));
	return false;
}

} // namespace ringtap
