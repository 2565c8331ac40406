// SPDX-License-Identifier: GPL-2.0-or-later
// TunnelRig: a guest and a host with a VXLAN tunnel between them, over a TAP that takes its segments.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "guest/net.h"
#include "guest/test_frame.h"
#include "guest/tunnel.h"
#include "lib/packet_socket.h"
#include "lib/tap.h"

namespace ringtap {

struct TunnelOptions {
	std::string node;
	NetOptions net = {};
	Tunnel::Options tunnel = {};
	unsigned longest =
		60000;       // of frames inside: with what is around it, no longer than IP allows
	TapOptions tap = {}; // header size and offloads are filled in where they are not given
};

class TunnelRig {
public:
	// ENOTSUP if the node, the TAP or the kernel has no such tunnels.
	[[nodiscard]] static Result<std::unique_ptr<TunnelRig>> open(const TunnelOptions &options);

	// Verified frames, segments and others, through the tunnel.
	[[nodiscard]] Result<Done> to_host(unsigned frames);
	[[nodiscard]] Result<Done> to_guest(unsigned frames);

	// Something that the guest sends as it is; the buffer has come back when this returns.
	[[nodiscard]] Result<Done> send(const Tunnel::Frame &frame);
	// One that is to be segmented, as the guest sends it.
	[[nodiscard]] Tunnel::Frame segments();
	// The same inside, as the host's end of the tunnel gives it away.
	[[nodiscard]] Result<Done> host_sends(uint64_t sequence);
	[[nodiscard]] Result<std::optional<ReceivedFrame>> guest_receives();

	[[nodiscard]] static Result<Done> wait_until(const std::string &what,
						     const std::function<Result<bool>()> &done);

	TunnelOptions options;
	Tunnel tunnel;
	GuestMemory memory;
	std::optional<Tap> tap;
	std::optional<PacketSocket> far; // on the host's end of the tunnel
	std::optional<NetGuest> guest;
	FrameStream out, in;               // to the host, to the guest
	std::optional<VhostDevice> device; // goes first

private:
	explicit TunnelRig(const TunnelOptions &wanted);

	[[nodiscard]] Result<Done> make_tap();
	[[nodiscard]] Result<Done> make_tunnel();
	[[nodiscard]] Result<Done> start();
	[[nodiscard]] std::vector<uint64_t> choose(FrameStream &stream, unsigned frames) const;
	[[nodiscard]] Result<bool> arrived_at_host(uint64_t sequence);
	[[nodiscard]] Result<bool> arrived_at_guest(uint64_t sequence);

	uint64_t next_ = 0; // number of the next frame, either way
};

} // namespace ringtap
