// SPDX-License-Identifier: GPL-2.0-or-later
// Reference drivers of both layouts, written from the specification for the tests
#ifndef RINGTAP_TESTS_RING_DRIVER_H
#define RINGTAP_TESTS_RING_DRIVER_H

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "guest.h"

namespace ringtap::test {

struct Buffer {
	uint64_t addr = 0;
	uint32_t len = 0;
	bool writable = false;

	bool operator==(const Buffer &) const = default;
};

using Buffers = std::vector<Buffer>;

enum class Shape {
	direct,
	indirect,
	mixed, // split only: one direct descriptor, the rest in a table
};

struct Completion {
	uint16_t id = 0;
	uint32_t len = 0;

	bool operator==(const Completion &) const = default;
};

constexpr uint16_t next_flag = 1;
constexpr uint16_t write_flag = 2;
constexpr uint16_t indirect_flag = 4;

struct DriverSetup {
	unsigned num = 0;
	bool event_idx = false;
	bool in_order = false;
	unsigned position = 0; // split: index to start at; packed: slot
	bool wrap = true;      // packed: wrap counter to start with
};

// Where a ring is, in the order of the three addresses of VHOST_SET_VRING_ADDR.
struct RingMemory {
	Block desc, driver, device;
};

// The driver side of one virtqueue. Knows nothing of the code under test.
class Driver {
public:
	virtual ~Driver() = default;

	// Write a chain; it is seen after publish(). Nothing if there is no room.
	virtual std::optional<uint16_t> post(const Buffers &buffers, Shape shape) = 0;
	virtual void publish() = 0;
	// Make descriptors available as they stand, without any sense or bookkeeping.
	// Flags are literal; a packed chain is marked available all the same. Split
	// descriptors are written from 0 on.
	virtual void post_raw(const std::vector<RawDesc> &descs) = 0;
	virtual std::optional<Completion> take() = 0;
	virtual unsigned free_slots() const = 0;

	virtual void interrupts_on() = 0;
	virtual void interrupts_off() = 0;
	// Ask for an interrupt when the used index has made steps + 1 steps from here.
	virtual void interrupt_after(unsigned steps) = 0;
	// Does the device want to be told of what was published since last asked?
	virtual bool kick_wanted() = 0;
};

std::unique_ptr<Driver> make_split_driver(RingMemory &ring, GuestMemory &guest,
					  const DriverSetup &setup);
std::unique_ptr<Driver> make_packed_driver(RingMemory &ring, GuestMemory &guest,
					   const DriverSetup &setup);

// The table of an indirect chain, in guest memory; nothing if no table is free.
std::optional<uint64_t> write_table(GuestMemory &guest, bool packed, const Buffer *buffers,
				    size_t n);

} // namespace ringtap::test

#endif
