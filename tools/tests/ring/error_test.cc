// SPDX-License-Identifier: GPL-2.0-or-later
// The ring contract: what a driver can do wrong, and that it is told apart
#include <cerrno>
#include <set>

#include "rig.h"

namespace ringtap::test {
namespace {

// The ring refuses what is available, for this reason, as often as it is asked; a
// chain popped before it is unharmed.
void expect_fault(Rig &rig, rtap_ring_error kind, int error = -EINVAL)
{
	for (int again = 0; again < 2; again++) {
		std::vector<Popped> chains;
		rig.ring.fault = {};
		EXPECT_EQ(rig.pop(4, chains), error);
		EXPECT_STREQ(rtap_ring_error_name(rig.ring.fault.kind), rtap_ring_error_name(kind));
	}
}

std::vector<RawDesc> raw_chain(size_t n, uint32_t len = 1)
{
	std::vector<RawDesc> descs;
	for (size_t i = 0; i < n; i++)
		descs.push_back({0x1000, len, i + 1 < n ? next_flag : uint16_t{0},
				 static_cast<uint16_t>(i + 1)});
	return descs;
}

TEST_P(RingContract, RejectsAChainThatLoops)
{
	for (unsigned num : {1U, 2U, 8U, 1024U}) {
		SCOPED_TRACE(num);
		Rig rig(GetParam(), {.num = num});
		auto descs = raw_chain(num);
		descs.back().flags = next_flag;
		descs.back().link = 0;
		rig.driver->post_raw(descs);
		expect_fault(rig, RTAP_RING_LOOP);
	}
}

TEST_P(RingContract, RejectsALoopOfEmptyBuffers)
{
	Rig rig(GetParam(), {.num = 8});
	auto descs = raw_chain(8, 0);
	descs.back().flags = next_flag;
	descs.back().link = 0;
	rig.driver->post_raw(descs);
	expect_fault(rig, RTAP_RING_LOOP);
}

TEST_P(SplitContract, RejectsATableThatLoops)
{
	Rig rig(GetParam(), {.num = 8});
	uint64_t table = rig.guest.alloc_table();
	rig.guest.write_desc(false, table, {0x1000, 1, next_flag, 1});
	rig.guest.write_desc(false, table + 16, {0x1000, 1, next_flag, 0});
	rig.driver->post_raw({{table, 32, indirect_flag, 0}});
	expect_fault(rig, RTAP_RING_LOOP);
}

TEST_P(RingContract, RejectsAChainOfTooManyBuffers)
{
	for (uint32_t len : {1U, 0U}) {
		Rig rig(GetParam(), {.num = 2048});
		rig.driver->post_raw(raw_chain(RTAP_CHAIN_SEGS_MAX + 1, len));
		expect_fault(rig, RTAP_RING_TOO_LONG);
	}
	Rig rig(GetParam(), {.num = 2048});
	rig.driver->post_raw(raw_chain(RTAP_CHAIN_SEGS_MAX));
	EXPECT_EQ(rig.pop().size(), 1U);
}

TEST_P(RingContract, RejectsATableOfTooManyBuffers)
{
	for (uint32_t len : {1U, 0U}) {
		Rig rig(GetParam(), {.num = 8});
		Buffers b(RTAP_CHAIN_SEGS_MAX + 1, Buffer{0x1000, len, false});
		ASSERT_TRUE(rig.driver->post(b, Shape::indirect));
		rig.driver->publish();
		expect_fault(rig, RTAP_RING_TOO_LONG);
	}
}

TEST_P(RingContract, RejectsReadableAfterWritable)
{
	Rig direct(GetParam(), {.num = 8});
	direct.driver->post(writable({1}) + readable({1}), Shape::direct);
	direct.driver->publish();
	expect_fault(direct, RTAP_RING_ORDER);

	Rig indirect(GetParam(), {.num = 8});
	indirect.driver->post(readable({1}) + writable({1}) + readable({1}), Shape::indirect);
	indirect.driver->publish();
	expect_fault(indirect, RTAP_RING_ORDER);
}

TEST_P(RingContract, RejectsTableLengths)
{
	for (uint32_t len : {0U, 1U, 15U, 17U, 31U, 0xffffffffU, 0xfffffff0U, 65537U * 16}) {
		SCOPED_TRACE(len);
		Rig rig(GetParam(), {.num = 8});
		rig.driver->post_raw({{GuestMemory::base, len, indirect_flag, 0}});
		expect_fault(rig, RTAP_RING_INDIRECT_LEN);
	}
}

TEST_P(RingContract, RejectsATableInATable)
{
	for (unsigned at : {0U, 1U, 70U}) {
		Rig rig(GetParam(), {.num = 8});
		uint64_t table = rig.guest.alloc_table();
		for (unsigned i = 0; i <= at; i++)
			rig.guest.write_desc(rig.way.packed(), table + i * 16,
					     {0x1000, 16, next_flag, static_cast<uint16_t>(i + 1)});
		rig.guest.write_desc(rig.way.packed(), table + at * 16,
				     {table, 16, indirect_flag, 0});
		rig.driver->post_raw({{table, (at + 1) * 16, indirect_flag, 0}});
		expect_fault(rig, RTAP_RING_INDIRECT_NESTED);
	}
}

TEST_P(RingContract, RejectsATableWithASuccessor)
{
	Rig rig(GetParam(), {.num = 8});
	rig.driver->post_raw(
		{{GuestMemory::base, 16, indirect_flag | next_flag, 1}, {0x1000, 1, 0, 0}});
	expect_fault(rig, RTAP_RING_INDIRECT_NEXT);
}

TEST_P(PackedContract, RejectsAPackedTableWithAPredecessor)
{
	Rig rig(GetParam(), {.num = 8});
	rig.driver->post_raw(
		{{0x1000, 1, next_flag, 0}, {GuestMemory::base, 16, indirect_flag, 1}});
	expect_fault(rig, RTAP_RING_INDIRECT_NEXT);
}

TEST_P(RingContract, RejectsATableOutsideOfMemory)
{
	Rig probe(GetParam(), {.num = 8});
	const uint64_t end = probe.guest.end();
	for (uint64_t table :
	     {uint64_t{0}, GuestMemory::base - 16, end - 16, end, ~uint64_t{0} - 15}) {
		SCOPED_TRACE(table);
		Rig rig(GetParam(), {.num = 8});
		rig.driver->post_raw({{table, 32, indirect_flag, 0}});
		expect_fault(rig, RTAP_RING_INDIRECT_ADDR, -EFAULT);
	}
	// found only in the second window
	Rig rig(GetParam(), {.num = 8});
	uint64_t table = end - 100 * 16;
	for (unsigned i = 0; i < 100; i++)
		rig.guest.write_desc(rig.way.packed(), table + i * 16,
				     {0x1000, 1, next_flag, static_cast<uint16_t>(i + 1)});
	rig.driver->post_raw({{table, 101 * 16, indirect_flag, 0}});
	expect_fault(rig, RTAP_RING_INDIRECT_ADDR, -EFAULT);
}

TEST_P(SplitContract, RejectsALinkOutOfTheTable)
{
	for (uint16_t next : {8, 9, 0x7fff, 0x8000, 0xffff}) {
		Rig rig(GetParam(), {.num = 8});
		rig.driver->post_raw({{0x1000, 1, next_flag, next}});
		expect_fault(rig, RTAP_RING_NEXT);
		EXPECT_EQ(rig.ring.fault.desc, 0U);

		Rig indirect(GetParam(), {.num = 8});
		uint64_t table = indirect.guest.alloc_table();
		indirect.guest.write_desc(false, table, {0x1000, 1, next_flag, next});
		indirect.driver->post_raw({{table, 8 * 16, indirect_flag, 0}});
		expect_fault(indirect, RTAP_RING_NEXT);
	}
}

TEST_P(SplitContract, RejectsAHeadThatDoesNotExist)
{
	for (uint16_t head : {8, 0x100, 0x8000, 0xffff}) {
		Rig rig(GetParam(), {.num = 8});
		rig.memory.driver.put<uint16_t>(4, head);
		rig.memory.driver.put<uint16_t>(2, 1);
		expect_fault(rig, RTAP_RING_HEAD);
		EXPECT_EQ(rig.ring.fault.desc, head);
	}
}

TEST_P(SplitContract, RejectsAnAvailableIndexThatRanAway)
{
	for (uint16_t position : {0, 3, 0xffff}) {
		for (uint16_t ahead : {9, 0x7fff, 0x8000, 0xffff}) {
			Rig rig(GetParam(), {.num = 8, .position = position});
			rig.memory.driver.put<uint16_t>(2, static_cast<uint16_t>(position + ahead));
			EXPECT_EQ(rtap_ring_pending(&rig.ring), -EINVAL);
			EXPECT_EQ(rtap_ring_arm(&rig.ring), -EINVAL);
			expect_fault(rig, RTAP_RING_AVAIL_IDX);
		}
	}
	Rig rig(GetParam(), {.num = 8});
	rig.memory.driver.put<uint16_t>(2, 8);
	EXPECT_EQ(rtap_ring_pending(&rig.ring), 1);
}

// A ring that is not in the driver's hands any more must not be written past its end
// either: chains are popped while the driver lies about what it has got back.
TEST_P(RingContract, MoreInFlightThanTheRingHoldsStaysInside)
{
	for (unsigned num : {1U, 2U, 4U}) {
		Rig rig(GetParam(), {.num = num});
		std::vector<Popped> all;
		for (unsigned lap = 0; lap < 100; lap++) {
			bool wrap = lap % 2 == 0;
			for (unsigned i = 0; i < num; i++) {
				rig.memory.desc.put<uint32_t>(i * 16UL + 8, 4);
				if (rig.way.packed())
					rig.memory.desc.put<uint16_t>(i * 16UL + 14,
								      wrap ? 0x80 : 0x8000);
			}
			if (!rig.way.packed())
				rig.memory.driver.put<uint16_t>(
					2, static_cast<uint16_t>((lap + 1) * num));
			auto some = rig.pop(num);
			ASSERT_EQ(some.size(), num);
			all.insert(all.end(), some.begin(), some.end());
		}
		std::vector<rtap_chain> raw;
		for (const Popped &p : all)
			raw.push_back(p.chain);
		rtap_ring_unpop(&rig.ring, raw.data(), static_cast<uint32_t>(raw.size()));
		rig.pop(64);
		EXPECT_EQ(rig.push(all), 0);
	}
}

TEST_P(RingContract, GoodChainsComeBeforeTheBadOne)
{
	Rig rig(GetParam(), {.num = 8});
	rig.post(1);
	rig.driver->post(readable({2}), Shape::direct);
	rig.driver->post(writable({3}) + readable({4}), Shape::direct);
	rig.driver->publish();
	auto chains = rig.pop();
	ASSERT_EQ(chains.size(), 2U);
	expect_fault(rig, RTAP_RING_ORDER);
	EXPECT_EQ(rig.ring.fault.index, 2U);
	EXPECT_EQ(rig.push(chains), 0);
	EXPECT_TRUE(rig.driver->take());
	EXPECT_TRUE(rig.driver->take());
	EXPECT_FALSE(rig.driver->take());
}

// Between the look at a descriptor's flags and the copy of the rest, the driver turns it
// into a table without end: what was looked at is what counts.
TEST(PackedUser, FlagsThatChangeUnderTheDeviceAreNotLookedAtAgain)
{
	Rig rig({RTAP_LAYOUT_PACKED, false}, {.num = 8});
	rig.post(1);
	auto meddle = [](void *arg) {
		auto *r = static_cast<Rig *>(arg);
		r->memory.desc.put<uint16_t>(14, 0x80 | indirect_flag | next_flag);
	};
	rtap_shim_hook_after(1, meddle, &rig);
	auto chains = rig.pop(1);
	ASSERT_EQ(chains.size(), 1U);
	EXPECT_EQ(chains[0].buffers, (Buffers{{0x101000, 64, false}}));
}

// A table that changes between two windows is
// checked again like any other.
TEST_P(RingContract, ATableThatChangesUnderTheDeviceIsBounded)
{
	for (long k = 0; k < 12; k++) {
		Rig rig(GetParam(), {.num = 8});
		Buffers b(200, Buffer{0x1000, 1, false});
		ASSERT_TRUE(rig.driver->post(b, Shape::indirect));
		rig.driver->publish();
		auto meddle = [](void *arg) {
			auto *r = static_cast<Rig *>(arg);
			// every entry of the first half of memory: back to the start
			for (size_t i = 0; i < r->guest.half() * 2; i += 16) {
				RawDesc d{0x2000, 2, next_flag, 0};
				r->guest.write_desc(r->way.packed(), GuestMemory::base + i, d);
			}
		};
		rtap_shim_hook_after(k, meddle, &rig);
		std::vector<Popped> chains;
		int n = rig.pop(1, chains);
		EXPECT_TRUE(n == 1 || rig.ring.fault.kind == RTAP_RING_LOOP) << n;
		if (n == 1) {
			EXPECT_LE(chains[0].buffers.size(), 200U);
		}
	}
}

TEST(RingErrors, HaveDistinctNamesAndErrnos)
{
	std::set<std::string> names;
	for (unsigned kind = 0; kind < RTAP_RING_ERRORS; kind++) {
		std::string name = rtap_ring_error_name(static_cast<rtap_ring_error>(kind));
		EXPECT_TRUE(names.insert(name).second) << name;
		EXPECT_EQ(name.find(' '), std::string::npos);
		rtap_ring ring{};
		int error = rtap_ring_fail(&ring, static_cast<rtap_ring_error>(kind), 5, 6);
		bool unreachable = kind == RTAP_RING_FAULT || kind == RTAP_RING_BUFFER ||
				   kind == RTAP_RING_INDIRECT_ADDR || kind == RTAP_RING_LOG;
		EXPECT_EQ(error, unreachable ? -EFAULT : -EINVAL);
		EXPECT_EQ(ring.fault.kind, kind);
		EXPECT_EQ(ring.fault.index, 5U);
		EXPECT_EQ(ring.fault.desc, 6U);
	}
	EXPECT_STREQ(rtap_ring_error_name(RTAP_RING_ERRORS), "unknown");
}

} // namespace
} // namespace ringtap::test
