// SPDX-License-Identifier: GPL-2.0-or-later
// SplitQueue: the driver's side of a split virtqueue (virtio 1.3, 2.7).
#pragma once

#include "guest/ring.h"

namespace ringtap {

// Three areas in guest memory. The driver writes the descriptor table (2.7.5) and the available
// ring (2.7.6), the device writes the used ring (2.7.8).
//
//   descriptor table      available ring              used ring
//   addr len flags next   flags idx ring[] used_event flags idx ring[]{id len} avail_event
//
// A chain of descriptors is named by its first one, the head. The driver puts the head into
// ring[idx % size] of the available ring and counts idx up; the device does the same in the used
// ring when it is done with the chain. Both indices run free over 16 bits. used_event and
// avail_event exist with EVENT_IDX only: each side says there at which index of the other's
// progress it wants to hear from it.
//
// Single-threaded.
class SplitQueue {
public:
	[[nodiscard]] static Result<SplitQueue> create(GuestMemory &memory,
						       const QueueOptions &options);

	// Queue a chain: out buffers for the device to read, then in buffers for it to write. The
	// device sees it after publish(). ENOSPC when the ring is full.
	[[nodiscard]] Result<Done> add_buf(std::span<const Buffer> out, std::span<const Buffer> in,
					   Token token);

	// Make all queued chains available at once. True if the device wants a notification.
	[[nodiscard]] bool publish();

	// Take back the next chain the device is done with, if there is one; EPROTO if the device
	// wrote nonsense.
	[[nodiscard]] Result<std::optional<Used>> get_buf();

	// Ask the device not to signal. It may all the same (2.7.7.1).
	void disable_cb();

	// Ask for a signal at the next used chain. False if one is there already: then there may
	// be no signal, and get_buf() comes first.
	[[nodiscard]] bool enable_cb();

	// Whether a chain of so many buffers fits now.
	[[nodiscard]] bool has_room(unsigned buffers) const;

	[[nodiscard]] unsigned size() const { return options_.size; }
	[[nodiscard]] unsigned in_flight() const { return in_flight_; }
	[[nodiscard]] VringAddress address() const;
	// VRING_BASE of a device that consumed all that is published.
	[[nodiscard]] unsigned base() const { return published_; }

private:
	SplitQueue(const QueueOptions &options, GuestSpan desc, GuestSpan avail, GuestSpan used,
		   GuestSpan tables);

	uint16_t &used_event() { return avail_->ring[options_.size]; }
	[[nodiscard]] bool indirect(unsigned buffers) const;
	[[nodiscard]] uint16_t add_direct(std::span<const Buffer> out, std::span<const Buffer> in);
	[[nodiscard]] uint16_t add_indirect(std::span<const Buffer> out,
					    std::span<const Buffer> in);
	[[nodiscard]] bool wants_kick(uint16_t old_index, uint16_t new_index);
	[[nodiscard]] Result<Done> start_batch();
	[[nodiscard]] Used finish(uint16_t head, uint32_t length);

	QueueOptions options_;
	vring_desc *desc_;
	vring_avail *avail_;
	vring_used *used_;
	uint16_t *avail_event_; // follows the used ring
	GuestSpan tables_;      // indirect_max descriptors for each head

	uint16_t avail_index_;        // with the chains queued
	uint16_t published_;          // what avail->idx says
	uint16_t used_index_;         // used chains taken back
	Fifo free_;                   // descriptors
	Fifo order_;                  // IN_ORDER: heads in flight, oldest first
	unsigned in_flight_ = 0;      // chains
	std::vector<InFlight> state_; // by head
	std::vector<uint16_t> next_;  // the driver's own copy of desc.next
	uint16_t avail_flags_ = 0;
	std::optional<uint16_t> batch_last_; // IN_ORDER: the head that ends the current batch
	uint32_t batch_length_ = 0;
};

} // namespace ringtap
