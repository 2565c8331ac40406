// SPDX-License-Identifier: GPL-2.0-or-later
// Rtnl: looks up network interfaces and changes them, over rtnetlink.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/mac.h"
#include "lib/result.h"

struct nl_sock;
struct rtnl_link;

namespace ringtap {

// What the tun driver tells about one of its interfaces.
struct TunInfo {
	bool tap = false; // Ethernet frames, not IP packets
	bool vnet_hdr = false;
	bool multi_queue = false;
	bool persist = false;
	unsigned queues = 0; // attached and detached ones, where multi_queue
};

// One interface as it was when asked.
struct Link {
	int index = 0;
	std::string name;
	std::string kind; // "tun", "bridge", ...; empty for plain hardware
	bool up = false;
	unsigned mtu = 0;
	int master = 0; // index of the bridge it is a port of, 0 without
	MacAddress mac;
	std::optional<TunInfo> tun = {}; // for kind "tun"
};

// A socket to the kernel's routing netlink, in the network namespace it was opened in.
class Rtnl {
public:
	[[nodiscard]] static Result<Rtnl> open();

	// ENODEV where there is none of that name.
	[[nodiscard]] Result<Link> find(const std::string &name);
	[[nodiscard]] Result<Done> set_up(const Link &link, bool up = true);
	[[nodiscard]] Result<Done> set_mtu(const Link &link, unsigned mtu);
	[[nodiscard]] Result<Done> set_mac(const Link &link, const MacAddress &mac);
	// Makes the link a port of a bridge.
	[[nodiscard]] Result<Done> set_master(const Link &link, const Link &master);
	// Moves the link to the network namespace of a process.
	[[nodiscard]] Result<Done> set_netns(const Link &link, int pid);
	[[nodiscard]] Result<Done> add_bridge(const std::string &name);
	[[nodiscard]] Result<Done> remove(const Link &link);

private:
	struct Close {
		void operator()(nl_sock *socket) const;
	};

	explicit Rtnl(nl_sock *socket) : socket_(socket) {}
	[[nodiscard]] Result<std::optional<TunInfo>> tun_info(const Link &link);
	[[nodiscard]] Result<Done> change(const Link &link, rtnl_link *changes, const char *what);

	std::unique_ptr<nl_sock, Close> socket_;
};

} // namespace ringtap
