// SPDX-License-Identifier: GPL-2.0-or-later
// PackedQueue: the driver's side of a packed virtqueue (virtio 1.3, 2.8).
#pragma once

#include "guest/ring.h"

namespace ringtap {

// One ring that both sides write, and a small area each to say when they want to hear from the
// other (2.8.10).
//
//   descriptor ring           driver event area      device event area
//   addr len id flags         off_wrap flags         off_wrap flags
//
// The driver writes the descriptors of a chain into the next slots; the device, done with a chain,
// overwrites a slot with the chain's id and the length it wrote, and skips as many slots as the
// chain had. No index is shared: each descriptor says by its AVAIL and USED flags whose it is, and
// each side keeps a wrap counter, 1 on the first round, that turns with every round (2.8.1).
//
//   available: AVAIL == driver's wrap counter, USED != it
//   used:      AVAIL == USED == device's wrap counter
//
// Single-threaded.
class PackedQueue {
public:
	[[nodiscard]] static Result<PackedQueue> create(GuestMemory &memory,
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

	// Ask the device not to signal. It may all the same.
	void disable_cb();

	// Ask for a signal at the next used chain. False if one is there already: then there may
	// be no signal, and get_buf() comes first.
	[[nodiscard]] bool enable_cb();

	// Whether a chain of so many buffers fits now.
	[[nodiscard]] bool has_room(unsigned buffers) const;

	[[nodiscard]] unsigned size() const { return options_.size; }
	[[nodiscard]] unsigned in_flight() const { return in_flight_; }
	[[nodiscard]] VringAddress address() const;
	// VRING_BASE of a device that consumed all that is published: available slot and wrap
	// counter in the lower half, used ones in the upper.
	[[nodiscard]] unsigned base() const;

private:
	// A place in the ring and the wrap counter there.
	struct Position {
		uint16_t slot;
		bool wrap = true;

		void advance(unsigned slots, unsigned size)
		{
			slot += slots;
			if (slot >= size) {
				slot -= size;
				wrap = !wrap;
			}
		}
		// As the event areas have it: wrap counter on top of 15 bits.
		[[nodiscard]] uint16_t packed() const { return slot | wrap << 15; }
	};

	PackedQueue(const QueueOptions &options, GuestSpan ring, GuestSpan driver, GuestSpan device,
		    GuestSpan tables);

	[[nodiscard]] bool indirect(unsigned buffers) const;
	void add_direct(std::span<const Buffer> out, std::span<const Buffer> in, uint16_t id);
	void add_indirect(std::span<const Buffer> out, std::span<const Buffer> in, uint16_t id);
	void put(const vring_packed_desc &descriptor);
	[[nodiscard]] bool wants_kick(unsigned slots);
	[[nodiscard]] bool used_at(const Position &position);
	[[nodiscard]] Result<Done> start_batch();
	[[nodiscard]] Used finish(uint16_t id, uint32_t length);

	QueueOptions options_;
	vring_packed_desc *ring_;
	vring_packed_desc_event *driver_;
	vring_packed_desc_event *device_;
	GuestSpan tables_; // indirect_max descriptors for each id

	Position avail_;     // the next slot to fill
	Position published_; // the next slot the device looks at
	Position used_;      // where the device writes the next used descriptor
	unsigned free_slots_;
	unsigned in_flight_ = 0;      // chains
	Fifo free_;                   // ids
	Fifo order_;                  // IN_ORDER: ids in flight, oldest first
	std::vector<InFlight> state_; // by id
	// The first queued slot, whose flags are held back until publish().
	uint16_t held_slot_ = 0;
	uint16_t held_flags_ = 0;
	unsigned queued_slots_ = 0;
	std::optional<uint16_t> batch_last_; // IN_ORDER: the id that ends the current batch
	uint32_t batch_length_ = 0;
};

} // namespace ringtap
