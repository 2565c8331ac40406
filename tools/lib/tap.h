// SPDX-License-Identifier: GPL-2.0-or-later
// Tap: a TAP interface and the queue descriptors of it that we hold.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/fd.h"
#include "lib/link.h"
#include "lib/result.h"

namespace ringtap {

struct TapOptions {
	unsigned queues = 1;
	bool vnet_hdr = true;     // frames carry a virtio-net header: what vhost needs
	bool multi_queue = false; // implied by queues > 1
	bool persist = false;     // the interface stays when its last descriptor is closed
	unsigned more_flags = 0;  // others of TUNSETIFF's: IFF_NAPI
	// Left as the kernel has it where not given.
	std::optional<int> vnet_hdr_size = {};
	std::optional<int> sndbuf = {}; // INT_MAX, the kernel's default, is what batching needs
	std::optional<unsigned> offloads = {}; // TUN_F_*
};

// The interface lives at least as long as the Tap, for ever with persist. Descriptors are close-on-exec.
class Tap {
public:
	// Makes a new one. A name with "%d" in it leaves the number to the kernel; EBUSY if it exists.
	[[nodiscard]] static Result<Tap> create(const std::string &name, const TapOptions &options);

	// Attaches to one that exists. Its vnet_hdr and multi_queue settings must be those asked for:
	// attaching would change them under whoever set it up.
	[[nodiscard]] static Result<Tap> open(const std::string &name, const TapOptions &options);

	// Whether a name could be one: an interface name, or such a name with one "%d".
	[[nodiscard]] static Result<Done> check_name(const std::string &name);

	// Says why an existing link does not do as the TAP that the options ask for.
	[[nodiscard]] static Result<Done> check_link(const Link &link, const TapOptions &options);

	[[nodiscard]] const std::string &name() const { return name_; }
	[[nodiscard]] int ifindex() const;
	[[nodiscard]] unsigned queues() const { return static_cast<unsigned>(queues_.size()); }
	[[nodiscard]] const Fd &queue(unsigned index = 0) const { return queues_.at(index); }

	[[nodiscard]] Result<Done> set_vnet_hdr_size(int size);
	[[nodiscard]] Result<Done> set_sndbuf(int bytes);
	[[nodiscard]] Result<Done> set_offloads(unsigned flags);
	[[nodiscard]] Result<Done> set_persist(bool persist);
	// A detached queue stays open and carries nothing, as QEMU leaves the ones the guest does not use.
	[[nodiscard]] Result<Done> attach_queue(unsigned index, bool attach);

	[[nodiscard]] Result<Link> link() const;
	[[nodiscard]] Result<Done> set_up();
	[[nodiscard]] Result<Done> set_mtu(unsigned mtu);
	[[nodiscard]] Result<Done> set_mac(const MacAddress &mac);
	// Makes it a port of a bridge; a port of another bridge is refused.
	[[nodiscard]] Result<Done> add_to_bridge(const std::string &bridge);

private:
	[[nodiscard]] Result<Done> add_queue(int flags);
	[[nodiscard]] Result<Done> configure(int flags, const TapOptions &options);
	[[nodiscard]] Result<Done> set_int(unsigned long request, int value, const char *what);

	std::string name_;
	std::vector<Fd> queues_;
};

} // namespace ringtap
