// SPDX-License-Identifier: GPL-2.0-or-later
// Reply: puts together what the kernel answers to one generic netlink request.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "lib/netlink_attr.h"

namespace ringtap {

// One netlink message; its payload lies in the datagram that was split.
struct Message {
	uint16_t type = 0;
	uint16_t flags = 0;
	uint32_t sequence = 0;
	Bytes payload;
};

// The messages of a datagram. EBADMSG where a length does not fit.
[[nodiscard]] Result<std::vector<Message>> split_messages(Bytes datagram);

// What a generic netlink message holds behind its header.
struct GenericMessage {
	uint8_t command = 0;
	uint8_t version = 0;
	Bytes attributes;
};

[[nodiscard]] Result<GenericMessage> generic_message(const Message &message);

// The outcome of a request as NLMSG_ERROR or NLMSG_DONE tells it: Done, or an error with the
// kernel's own words (extended acknowledgement) as its hint.
[[nodiscard]] Result<Done> outcome_of(const Message &message);

// Takes datagrams until the answer to one request is complete.
class Reply {
public:
	// Called for the attributes of each message of the answer; what it returns ends the reply
	// if it is an error.
	using Consumer = std::function<Result<Done>(Bytes attributes)>;

	Reply(uint16_t family, uint8_t command, uint32_t sequence, Consumer consumer) :
		family_(family), command_(command), sequence_(sequence),
		consumer_(std::move(consumer))
	{
	}

	// True once the answer is complete. Messages of other requests are passed over.
	[[nodiscard]] Result<bool> take(Bytes datagram);

	// What was dumped changed meanwhile (NLM_F_DUMP_INTR): it may hold some things twice and
	// lack others.
	[[nodiscard]] bool interrupted() const { return interrupted_; }

private:
	[[nodiscard]] Result<bool> take(const Message &message);

	uint16_t family_;
	uint8_t command_;
	uint32_t sequence_;
	Consumer consumer_;
	bool interrupted_ = false;
};

} // namespace ringtap
