// SPDX-License-Identifier: GPL-2.0-or-later
// A ring under test with the memory, the memory table and the driver that go with it
#ifndef RINGTAP_TESTS_RING_RIG_H
#define RINGTAP_TESTS_RING_RIG_H

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "driver.h"
#include "shim.h"

extern "C" {
#include "ring.h"
}

namespace ringtap::test {

// One of the four ways in which a ring can be served.
struct Way {
	rtap_layout layout;
	bool mapped;

	bool packed() const { return layout == RTAP_LAYOUT_PACKED; }
};

struct RigSetup {
	unsigned num = 8;
	bool event_idx = false;
	bool in_order = false;
	bool notify_on_empty = false;
	unsigned position = 0;
	bool wrap = true;
};

struct Popped {
	rtap_chain chain{};
	Buffers buffers;
};

// Device and driver of one virtqueue.
class Rig {
public:
	Rig(Way way, const RigSetup &setup);
	~Rig();
	Rig(const Rig &) = delete;
	Rig &operator=(const Rig &) = delete;

	// Set up a ring over the same memory, as a device that takes over would.
	rtap_ring fresh_ring();
	// The base with which a new ring starts where the driver does.
	uint32_t base() const;

	// Pop up to max chains; the result of rtap_ring_pop() if it is negative.
	int pop(unsigned max, std::vector<Popped> &chains);
	std::vector<Popped> pop(unsigned max = 64);
	// Complete chains with their full writable length.
	int push(const std::vector<Popped> &chains);
	int push_one(const rtap_chain &chain, uint32_t len);
	// Post a chain of one buffer and publish it; the buffer is number n of its kind.
	uint16_t post(uint64_t n, bool writable = false);

	Way way;
	RigSetup setup;
	GuestMemory guest;
	RingMemory memory;
	std::unique_ptr<Driver> driver;
	rtap_ring ring{};

private:
	rtap_area area(Block &block) const;

	rtap_mem *mem_ = nullptr;
	rtap_mem_view view_{};
	std::vector<rtap_seg> segs_;
};

Buffers readable(std::initializer_list<uint32_t> lens, uint64_t addr = 0x1000);
Buffers writable(std::initializer_list<uint32_t> lens, uint64_t addr = 0x2000);
Buffers operator+(Buffers a, const Buffers &b);

rtap_used used_of(const Popped &popped);

// Ring sizes that a layout allows.
std::vector<unsigned> ring_sizes(Way way);

// The contract: every test runs in all four ways.
class RingContract : public testing::TestWithParam<Way> {};
// What only one of the layouts, or only the slow accessor, has.
class SplitContract : public RingContract {};
class PackedContract : public RingContract {};
class UserContract : public RingContract {};

inline std::string way_name(const Way &way)
{
	return std::string(way.packed() ? "packed" : "split") + (way.mapped ? "_mapped" : "_user");
}

inline std::ostream &operator<<(std::ostream &out, const Way &way)
{
	return out << way_name(way);
}

} // namespace ringtap::test

#endif
