// SPDX-License-Identifier: GPL-2.0-or-later
// Virtqueue: the classic driver interface over either ring layout, with its eventfds.
#pragma once

#include <variant>

#include "guest/packed_queue.h"
#include "guest/split_queue.h"
#include "lib/eventfd.h"
#include "lib/vhost.h"

namespace ringtap {

// How often the queue's two sides notified each other.
struct NotifyCounts {
	uint64_t kicks = 0;       // notifications sent
	uint64_t kicks_saved = 0; // publications the device wanted no notification for
	uint64_t signals = 0;     // signals taken by drain_signals()
};

// The five verbs that drivers know: add_buf, kick, get_buf, enable_cb, disable_cb.
//
//   queue.add_buf(out, in, token);  // as often as there is something
//   queue.kick();
//   while (auto used = TRY(queue.get_buf()))
//           ...;                    // used->token is done
//   if (queue.enable_cb())
//           wait for queue.call();  // nothing was there: there will be a signal
//
// Single-threaded.
class Virtqueue {
public:
	[[nodiscard]] static Result<Virtqueue> create(GuestMemory &memory,
						      const QueueOptions &options);

	[[nodiscard]] Result<Done> add_buf(std::span<const Buffer> out, std::span<const Buffer> in,
					   Token token)
	{
		return std::visit([&](auto &q) { return q.add_buf(out, in, token); }, ring_);
	}
	// Make what was added available, and notify the device if it wants that.
	[[nodiscard]] Result<Done> kick();
	[[nodiscard]] Result<std::optional<Used>> get_buf()
	{
		return std::visit([](auto &q) { return q.get_buf(); }, ring_);
	}
	[[nodiscard]] bool enable_cb()
	{
		return std::visit([](auto &q) { return q.enable_cb(); }, ring_);
	}
	void disable_cb()
	{
		std::visit([](auto &q) { q.disable_cb(); }, ring_);
	}

	[[nodiscard]] bool has_room(unsigned buffers) const
	{
		return std::visit([&](auto &q) { return q.has_room(buffers); }, ring_);
	}
	[[nodiscard]] unsigned in_flight() const
	{
		return std::visit([](auto &q) { return q.in_flight(); }, ring_);
	}
	[[nodiscard]] unsigned size() const
	{
		return std::visit([](auto &q) { return q.size(); }, ring_);
	}
	[[nodiscard]] VringAddress address() const
	{
		return std::visit([](auto &q) { return q.address(); }, ring_);
	}
	[[nodiscard]] unsigned base() const
	{
		return std::visit([](auto &q) { return q.base(); }, ring_);
	}
	[[nodiscard]] Layout layout() const
	{
		return std::holds_alternative<SplitQueue>(ring_) ? Layout::split : Layout::packed;
	}

	// What the device signals, and what it signals errors by.
	[[nodiscard]] const EventFd &call() const { return call_; }
	[[nodiscard]] const EventFd &error() const { return error_; }
	[[nodiscard]] const EventFd &kick_fd() const { return kick_; }

	// Take the signals that came since the last time.
	[[nodiscard]] Result<uint64_t> drain_signals();
	[[nodiscard]] const NotifyCounts &counts() const { return counts_; }

	// Where the ring is for a device that has an IOTLB: guest addresses, in the memory that the
	// queue was made in.
	[[nodiscard]] VringAddress guest_address() const { return guest_address_; }

	// Tell a device about the queue: size, base, addresses and eventfds. The owner and the
	// memory table must be set; the backend comes after this. With an IOTLB the addresses
	// are the guest's.
	[[nodiscard]] Result<Done> connect(const VhostDevice &device, unsigned index,
					   bool iotlb = false) const;

private:
	using Ring = std::variant<SplitQueue, PackedQueue>;

	Virtqueue(Ring ring, const GuestMemory &memory, EventFd kick, EventFd call, EventFd error);

	Ring ring_;
	VringAddress guest_address_;
	EventFd kick_, call_, error_;
	NotifyCounts counts_;
};

} // namespace ringtap
