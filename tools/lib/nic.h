// SPDX-License-Identifier: GPL-2.0-or-later
// Nic: everything of the host that one network card of a guest needs, opened to be inherited.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/mac.h"
#include "lib/node.h"
#include "lib/tap.h"

namespace ringtap {

struct NicOptions {
	std::string node = default_node;
	std::string tap = "ringtap%d"; // opened if it exists, else created
	unsigned queues = 1;           // queue pairs
	std::optional<std::string> bridge = {};
	std::optional<unsigned> mtu = {};
	std::optional<MacAddress> mac = {}; // the guest's; by default derived from host and TAP
};

// What Nic::open() would make now, found out without making it.
struct NicPlan {
	std::string tap;
	bool create = false; // the TAP does not exist yet
	MacAddress mac;
	std::vector<int> tap_fds;
	std::vector<int> vhost_fds;

	[[nodiscard]] static Result<NicPlan> make(const NicOptions &options);
};

// One vhost descriptor and one TAP queue per queue pair. A TAP that it created goes when the last
// descriptor of it is closed.
class Nic {
public:
	[[nodiscard]] static Result<Nic> open(const NicOptions &options);

	[[nodiscard]] const std::string &tap() const { return tap_.name(); }
	[[nodiscard]] const MacAddress &mac() const { return mac_; }
	[[nodiscard]] std::vector<int> tap_fds() const;
	[[nodiscard]] std::vector<int> vhost_fds() const;

	// Lets the program that this process executes next have the descriptors.
	[[nodiscard]] Result<Done> keep_on_exec() const;

private:
	Nic(Tap tap, std::vector<Fd> vhost, MacAddress mac) :
		tap_(std::move(tap)), vhost_(std::move(vhost)), mac_(mac)
	{
	}

	Tap tap_;
	std::vector<Fd> vhost_;
	MacAddress mac_;
};

} // namespace ringtap
