// SPDX-License-Identifier: GPL-2.0-or-later
// Wire: a backend of any kind, and the interface on the other side of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/packet_socket.h"
#include "lib/tap.h"

namespace ringtap {

struct WireOptions {
	enum class Kind { tap, macvtap, ipvtap, packet };

	const char *name = "a TAP"; // for the names of tests
	Kind kind = Kind::tap;
	int header = 12;          // bytes of virtio header that the backend carries; 0 without
	bool multi_queue = false; // a TAP's: two, of which the second is the backend and gets all
	bool persist = false;     // a TAP's
	unsigned tun_flags = 0;   // more of a TAP's: IFF_NAPI
	std::optional<int> sndbuf{}; // as the kernel has it where not given

	[[nodiscard]] bool is_tap() const { return kind == Kind::tap; }
};

// A TAP, whose frames come out of itself, or one of the others on one end of a pair of Ethernet
// interfaces (veth), whose frames come out of the other end. One at a time; all of it goes with it.
class Wire {
public:
	// ENOTSUP where there is no such thing.
	[[nodiscard]] static Result<std::unique_ptr<Wire>> make(const WireOptions &options);

	Wire(const Wire &) = delete;
	Wire &operator=(const Wire &) = delete;
	~Wire();

	// What a device is given.
	[[nodiscard]] const Fd &end() const { return tap ? tap->queue(tap->queues() - 1) : fd; }
	// The interface that the backend is, and the one that frames come out of.
	[[nodiscard]] const std::string &near() const { return near_; }
	[[nodiscard]] const std::string &far() const { return far_; }
	// All its interfaces.
	[[nodiscard]] std::vector<std::string> links() const;

	// What the other side sends and receives with.
	[[nodiscard]] Result<PacketSocket> socket(uint16_t ethertype, bool vnet_hdr = false) const;

	[[nodiscard]] Result<Done> set_mtu(unsigned mtu) const;
	[[nodiscard]] Result<Done> set_up(bool up) const;

	WireOptions options;
	std::optional<Tap> tap; // if it is one
	Fd fd;                  // else

private:
	explicit Wire(const WireOptions &wanted) : options(wanted) {}

	[[nodiscard]] Result<Done> make_tap();
	[[nodiscard]] Result<Done> make_pair();
	[[nodiscard]] Result<Done> make_tap_of_pair(const char *type, const char *mode);
	[[nodiscard]] Result<Done> make_packet();

	std::string near_, far_;
	bool paired_ = false;
};

} // namespace ringtap
