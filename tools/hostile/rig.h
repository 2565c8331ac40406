// SPDX-License-Identifier: GPL-2.0-or-later
// Rig: a device, a TAP, one queue that behaves and one whose ring is written by hand.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "guest/hostile.h"
#include "guest/net.h"
#include "guest/traffic.h"
#include "hostile/dirty_log.h"
#include "hostile/probe.h"
#include "lib/tap.h"

namespace ringtap {

struct RigOptions {
	std::string node = "/dev/vhost-ringtap";
	Layout layout = Layout::split;
	RingPlace place = RingPlace::mapped;
	unsigned queue = NetGuest::tx_index; // the one that lies
	unsigned ring = 16;
	bool mergeable = true;
	bool event_idx = false;
	bool in_order = false;
	bool platform = false;               // ACCESS_PLATFORM: we are the IOMMU
	std::optional<uint8_t> threads = {}; // VHOST_FORK_OWNER_*, else the kernel's own
	// What is done to the device before it has an owner.
	std::function<Result<Done>(const VhostDevice &device)> at_first = {};
	bool tunnels = false; // segments in UDP tunnels, either way: the long header
	bool logged = false;  // LOG_ALL: what the device writes is in the rig's log
	TapOptions tap = {};
};

// The lying queue's frames have an ethertype of their own, so that either side tells them apart.
class Rig {
public:
	static constexpr uint16_t raw_ethertype = 0x88b6; // IEEE 802, local experimental 2
	static constexpr int deadline_ms = 20000;         // on a loaded machine, emulated

	// A new TAP and a new device, both queues attached.
	[[nodiscard]] static Result<std::unique_ptr<Rig>> open(const RigOptions &options);

	[[nodiscard]] bool sends() const { return options.queue == NetGuest::tx_index; }
	// "tx.error_loop" for the lying queue and "error_loop".
	[[nodiscard]] std::string counter(const std::string &name) const;
	[[nodiscard]] std::string other_counter(const std::string &name) const;
	// What flags a buffer of the lying queue has to have.
	[[nodiscard]] uint16_t direction() const { return sends() ? 0 : VRING_DESC_F_WRITE; }
	// A descriptor for the lying queue with all in it that a frame needs.
	[[nodiscard]] RawDescriptor good() const;
	[[nodiscard]] RawDescriptor part(uint64_t offset, uint32_t size) const;
	// A descriptor that names the table, with so many bytes of it.
	[[nodiscard]] RawDescriptor table_of(uint32_t bytes) const;
	void fill_table(std::span<const RawDescriptor> descriptors);
	// Put a header and a frame into the buffer that good() names. Its size with the header.
	uint32_t write_frame(std::span<const uint8_t> frame, const virtio_net_hdr_v1 &header = {});

	[[nodiscard]] Result<Done> notify() const { return kick.signal(); }
	// Something for a receive queue to look at its ring for; nothing for a transmit queue.
	[[nodiscard]] Result<Done> provoke();
	[[nodiscard]] Result<Done> wait_until(const std::string &what,
					      const std::function<bool()> &done);
	[[nodiscard]] Result<Done> wait_used(unsigned chains);

	// One honest chain there and back; its frame arrives unharmed on the other side.
	[[nodiscard]] Result<Done> honest();
	// A verified frame on the other side of the TAP, from the lying queue.
	[[nodiscard]] Result<Done> expect_raw(std::span<const uint8_t> frame);
	// Verified frames over the queue that behaves; more of them while go_on says so.
	[[nodiscard]] Result<Done> other_works(unsigned frames,
					       const std::function<bool()> &go_on = {});

	// Tell the device where all of guest memory and the lying ring are, each by one translation:
	// guest addresses as they are, ring addresses one to one.
	[[nodiscard]] Result<Done> translate() const;

	// (Re)connect the lying queue to where its ring is.
	[[nodiscard]] Result<Done> attach();
	[[nodiscard]] Result<Done> attach_to(const Fd &backend);
	[[nodiscard]] Result<Done> detach() const { return device->set_backend(options.queue, -1); }
	[[nodiscard]] Result<uint64_t> errors_signalled() const { return error.drain(); }

	RigOptions options;
	GuestMemory memory;
	GuestSpan buffer; // the lying queue's
	GuestSpan table;
	EventFd kick, call, error;
	std::optional<NetGuest> guest;
	std::optional<Tap> tap;
	std::optional<PacketSocket> socket, raw_socket;
	std::optional<HostileRing> ring;
	std::optional<DirtyLog> log;
	std::optional<VhostDevice> device; // goes first
	unsigned serial = 0;

private:
	Rig(const RigOptions &wanted, EventFd kick_fd, EventFd call_fd, EventFd error_fd) :
		options(wanted), kick(std::move(kick_fd)), call(std::move(call_fd)),
		error(std::move(error_fd))
	{
	}

	[[nodiscard]] NetOptions net_options() const;
	[[nodiscard]] Result<Done> make_guest();
	[[nodiscard]] Result<Done> make_tap();
	[[nodiscard]] Result<Done> describe_memory() const;
	[[nodiscard]] Result<Done> negotiate();
	[[nodiscard]] Result<Done> start();
};

// Verified frames on the queue that behaves, by a thread of its own, while another one lies. That
// thread alone may use the rig's guest and socket until it ends.
class Meanwhile {
public:
	explicit Meanwhile(Rig &rig);

	// Wait until the thread has sent and looked some times more, so that frames are under way.
	[[nodiscard]] Result<Done> turns(unsigned more);
	// Have it end. An error unless every frame of it arrived as sent.
	[[nodiscard]] Result<Done> end();

private:
	Rig &rig_;
	std::atomic<unsigned> turns_ = 0;
	std::atomic<bool> ended_ = false;
	Result<Done> result_;
	std::jthread thread_; // goes first
};

// A frame of the lying queue: its number tells it from all others.
[[nodiscard]] std::vector<uint8_t> raw_frame(unsigned size, unsigned serial);

// Nothing, or an error that says what was expected and is not so.
[[nodiscard]] Result<Done> expect(bool good, const std::string &what);

} // namespace ringtap
