// SPDX-License-Identifier: GPL-2.0-or-later
// Logged: a device that logs what it writes, and a copy of guest memory to hold against the log.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "guest/net.h"
#include "hostile/dirty_log.h"
#include "hostile/probe.h"
#include "lib/packet_socket.h"
#include "lib/tap.h"

namespace ringtap {

struct LoggedOptions {
	std::string node = "/dev/vhost-ringtap";
	Layout layout = Layout::split;
	bool platform = false; // ACCESS_PLATFORM: guest addresses are IOVAs
	bool mergeable = true;
	unsigned buffer_size = 1536;
	unsigned ring_size = 256;
	unsigned skew = 0; // where in a word the log begins
	MemoryKind kind = MemoryKind::anon;
};

class Logged {
public:
	static constexpr int deadline_ms = 20000;

	// A TAP and a device, both queues attached, receive buffers posted. Nothing is logged yet.
	[[nodiscard]] static Result<std::unique_ptr<Logged>> open(const LoggedOptions &options);

	// As a VMM does it when a migration begins or ends: features, then ring addresses.
	[[nodiscard]] Result<Done> set_logging(bool on);
	// For the first time, or where the device was when it was detached.
	[[nodiscard]] Result<Done> attach(unsigned queue);

	// Have so many frames delivered, and do nothing about them.
	[[nodiscard]] Result<Done> deliver(unsigned frames);
	// Take what was delivered and post the buffers anew.
	[[nodiscard]] Result<Done> take_all();
	// Put frames into the ring without telling of them; and tell.
	[[nodiscard]] Result<Done> prepare(unsigned frames);
	[[nodiscard]] Result<Done> transmit();
	// Wait until the workers rest: afterwards everything is logged.
	[[nodiscard]] Result<Done> settle();

	// The pages whose memory is not what it was.
	using Copy = std::vector<std::vector<uint8_t>>; // by region
	[[nodiscard]] Copy copy() const;
	[[nodiscard]] std::set<uint64_t> differing(const Copy &before) const;
	// Bring pages of a copy up to date.
	void refresh(Copy &copy, const std::set<uint64_t> &pages) const;
	// Pages that the driver writes, too; pages that hold what the device writes of rings.
	[[nodiscard]] std::set<uint64_t> driver_pages() const;
	[[nodiscard]] std::set<uint64_t> ring_pages() const;

	[[nodiscard]] Result<uint64_t> count(const std::string &name) const;

	LoggedOptions options;
	GuestMemory memory;
	DirtyLog log;
	std::optional<NetGuest> guest;
	std::optional<Tap> tap;
	std::optional<PacketSocket> socket;
	std::optional<VhostDevice> device; // goes first

private:
	Logged(const LoggedOptions &wanted, DirtyLog bitmap) :
		options(wanted), log(std::move(bitmap))
	{
	}

	[[nodiscard]] NetOptions net_options() const;
	[[nodiscard]] Result<Done> make_guest();
	[[nodiscard]] Result<Done> describe_memory();
	[[nodiscard]] Result<Done> translate() const;
	[[nodiscard]] Result<Done> start();
	[[nodiscard]] Virtqueue &queue(unsigned index);
	[[nodiscard]] const Virtqueue &queue(unsigned index) const;
	[[nodiscard]] Result<Done> wait_for(const std::string &counter, uint64_t value);
	void add_pages(std::set<uint64_t> &pages, uint64_t user, size_t size) const;

	bool attached_[2] = {}; // ever
	uint64_t sent_ = 0, delivered_ = 0;
	unsigned serial_ = 0;
};

} // namespace ringtap
