// SPDX-License-Identifier: GPL-2.0-or-later
// FakeKernel: a generic netlink with one family, which the program talks to in place of the machine's.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "lib/netlink_message.h"
#include "netlink_bytes.h"

namespace ringtap::testing_netlink {

// What a module has registered, and what it answers.
struct FakeFamily {
	std::string name;
	uint8_t version = 0;
	std::vector<std::string> groups = {};
	std::map<uint8_t, std::vector<Writer>> records = {}; // of a dump, by its command
};

// While there is one, all that netlink sockets send goes to it, and they hear its answers alone.
class FakeKernel {
public:
	explicit FakeKernel(FakeFamily family);
	~FakeKernel();
	FakeKernel(const FakeKernel &) = delete;
	FakeKernel &operator=(const FakeKernel &) = delete;

	// The one that there is, or none.
	[[nodiscard]] static FakeKernel *current();

	// As sendmsg(2) and recvmsg(2), on any netlink socket.
	ssize_t send(const msghdr &message);
	ssize_t receive(msghdr &message, int flags);

private:
	void answer(const Message &request);
	void answer_control(const Message &request);
	void answer_dump(const Message &request);
	[[nodiscard]] Writer description() const;

	FakeFamily family_;
	std::deque<Buffer> datagrams_;
};

} // namespace ringtap::testing_netlink
