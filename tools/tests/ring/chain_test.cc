// SPDX-License-Identifier: GPL-2.0-or-later
// The ring contract: every shape of chain that a driver may build
#include "rig.h"

namespace ringtap::test {
namespace {

// Post, pop, compare, push, take.
void round_trip(Rig &rig, const Buffers &buffers, Shape shape, unsigned slots)
{
	auto id = rig.driver->post(buffers, shape);
	ASSERT_TRUE(id);
	rig.driver->publish();
	auto chains = rig.pop();
	ASSERT_EQ(chains.size(), 1U);
	EXPECT_EQ(chains[0].chain.id, *id);
	EXPECT_EQ(chains[0].chain.slots, slots);
	Buffers full;
	for (const Buffer &b : buffers) {
		if (b.len)
			full.push_back(b);
	}
	EXPECT_EQ(chains[0].buffers, full);
	ASSERT_EQ(rig.push(chains), 0);
	auto done = rig.driver->take();
	ASSERT_TRUE(done);
	EXPECT_EQ(*done, (Completion{*id, static_cast<uint32_t>(chains[0].chain.in_len)}));
}

unsigned ring_slots(Way way, size_t descs)
{
	return way.packed() ? static_cast<unsigned>(descs) : 1U;
}

TEST_P(RingContract, DirectChainsOfEveryShape)
{
	for (unsigned num : {4U, 8U}) {
		Rig rig(GetParam(), {.num = num});
		for (unsigned lap = 0; lap < 2 * num; lap++) {
			for (unsigned out = 0; out <= num; out++) {
				for (unsigned in = 0; in + out <= num; in++) {
					if (in + out == 0)
						continue;
					Buffers b;
					for (unsigned i = 0; i < out + in; i++)
						b.push_back({i * 0x1000, i + 1, i >= out});
					round_trip(rig, b, Shape::direct,
						   ring_slots(rig.way, b.size()));
				}
			}
		}
	}
}

TEST_P(RingContract, IndirectTablesOfEverySize)
{
	Rig rig(GetParam(), {.num = 4});
	// around the window, past the ring size, and up to the limit
	for (unsigned n : {1U, 2U, 5U, 63U, 64U, 65U, 127U, 128U, 129U, 1023U, 1024U}) {
		SCOPED_TRACE(n);
		Buffers b;
		for (unsigned i = 0; i < n; i++)
			b.push_back({i * uint64_t{0x1000}, i + 1, i >= n / 2});
		round_trip(rig, b, Shape::indirect, 1);
	}
}

TEST_P(RingContract, ATableMayLieInTwoRegions)
{
	Rig rig(GetParam(), {.num = 4});
	std::vector<uint64_t> taken;
	uint64_t table = 0;
	// each chain keeps its table: sooner or later one gets the straddling table
	while (table != GuestMemory::straddling_table()) {
		ASSERT_TRUE(rig.guest.has_table());
		table = rig.guest.alloc_table();
		taken.push_back(table);
	}
	rig.guest.free_table(table);
	Buffers b;
	for (unsigned i = 0; i < 1024; i++)
		b.push_back({i * uint64_t{0x1000}, i + 1, false});
	round_trip(rig, b, Shape::indirect, 1);
	for (uint64_t t : taken) {
		if (t != table)
			rig.guest.free_table(t);
	}
}

TEST_P(SplitContract, DirectBuffersMayPrecedeATable)
{
	Rig rig(GetParam(), {.num = 4});
	round_trip(rig, readable({12, 100, 200}) + writable({300}), Shape::mixed, 1);
}

// Split tables are linked lists: a driver may use the entries in any order.
TEST_P(SplitContract, SplitTablesFollowNext)
{
	Rig rig(GetParam(), {.num = 4});
	uint64_t table = rig.guest.alloc_table();
	const uint16_t order[] = {0, 500, 3, 499, 4, 1};
	for (size_t i = 0; i < std::size(order); i++) {
		RawDesc d{0x1000 * (i + 1), static_cast<uint32_t>(i + 1), 0, 0};
		if (i + 1 < std::size(order)) {
			d.flags = next_flag;
			d.link = order[i + 1];
		}
		rig.guest.write_desc(false, table + order[i] * uint64_t{16}, d);
	}
	rig.driver->post_raw({{table, 501 * 16, indirect_flag, 0}});
	auto chains = rig.pop();
	ASSERT_EQ(chains.size(), 1U);
	ASSERT_EQ(chains[0].buffers.size(), std::size(order));
	for (size_t i = 0; i < std::size(order); i++)
		EXPECT_EQ(chains[0].buffers[i],
			  (Buffer{0x1000 * (i + 1), static_cast<uint32_t>(i + 1), false}));
}

// virtio 2.7.5.3.2 and 2.8.8: on the descriptor of a table, WRITE means nothing.
TEST_P(RingContract, WriteOnATableIsIgnored)
{
	Rig rig(GetParam(), {.num = 4});
	uint64_t table = rig.guest.alloc_table();
	rig.guest.write_desc(rig.way.packed(), table, {0x1000, 10, 0, 0});
	rig.driver->post_raw({{table, 16, indirect_flag | write_flag, 0}});
	auto chains = rig.pop();
	ASSERT_EQ(chains.size(), 1U);
	EXPECT_EQ(chains[0].buffers, readable({10}));
}

// virtio 2.8.7: in a packed table neither NEXT nor the id counts.
TEST_P(PackedContract, PackedTablesIgnoreNextAndIds)
{
	Rig rig(GetParam(), {.num = 4});
	uint64_t table = rig.guest.alloc_table();
	for (unsigned i = 0; i < 3; i++)
		rig.guest.write_desc(true, table + i * 16,
				     {0x1000, 10, i == 1 ? next_flag : uint16_t{0}, 77});
	rig.driver->post_raw({{table, 48, indirect_flag, 3}});
	auto chains = rig.pop();
	ASSERT_EQ(chains.size(), 1U);
	EXPECT_EQ(chains[0].buffers.size(), 3U);
	EXPECT_EQ(chains[0].chain.id, 3U);
}

TEST_P(PackedContract, ThePackedIdIsThatOfTheLastDescriptor)
{
	Rig rig(GetParam(), {.num = 4});
	rig.driver->post_raw(
		{{0x1000, 1, next_flag, 9}, {0x2000, 1, next_flag, 8}, {0x3000, 1, 0, 2}});
	auto chains = rig.pop();
	ASSERT_EQ(chains.size(), 1U);
	EXPECT_EQ(chains[0].chain.id, 2U);
	EXPECT_EQ(chains[0].chain.slots, 3U);
}

TEST_P(RingContract, EmptyBuffersAreLeftOut)
{
	Rig rig(GetParam(), {.num = 8});
	round_trip(rig, readable({0, 5, 0}) + writable({0, 6, 0}), Shape::direct,
		   ring_slots(rig.way, 6));
	round_trip(rig, readable({0, 5, 0}) + writable({0, 6, 0}), Shape::indirect, 1);
	round_trip(rig, readable({0}), Shape::direct, 1);
	// an empty writable buffer is no writable buffer: readable ones may follow
	round_trip(rig, writable({0}) + readable({5}), Shape::direct, ring_slots(rig.way, 2));
}

TEST_P(RingContract, LengthsAddUpBeyond32Bits)
{
	Rig rig(GetParam(), {.num = 8});
	rig.driver->post(readable({0xffffffff, 0xffffffff}) +
				 writable({0xffffffff, 0xffffffff, 0xffffffff}),
			 Shape::direct);
	rig.driver->publish();
	auto chains = rig.pop();
	ASSERT_EQ(chains.size(), 1U);
	EXPECT_EQ(chains[0].chain.out_len, 2 * uint64_t{0xffffffff});
	EXPECT_EQ(chains[0].chain.in_len, 3 * uint64_t{0xffffffff});
}

// A chain that does not fit any more stays available, and what it had put into the
// array is taken back; Rig::pop() checks segs.nr.
TEST_P(RingContract, AChainWithoutRoomIsLeftForTheNextPop)
{
	Rig rig(GetParam(), {.num = 8});
	Buffers big;
	for (unsigned i = 0; i < 1000; i++)
		big.push_back({i * uint64_t{0x1000}, i + 1, false});
	for (unsigned i = 0; i < 6; i++)
		ASSERT_TRUE(rig.driver->post(big, Shape::indirect));
	rig.driver->publish();
	// room for 4096 buffers
	auto first = rig.pop(8);
	ASSERT_EQ(first.size(), 4U);
	auto second = rig.pop(8);
	ASSERT_EQ(second.size(), 2U);
	EXPECT_EQ(second[1].buffers, big);
}

TEST_P(RingContract, NoRoomForTheFirstChainIsNoError)
{
	Rig rig(GetParam(), {.num = 8});
	rig.driver->post(readable({1, 2, 3}), Shape::direct);
	rig.driver->publish();
	rtap_seg v[RTAP_CHAIN_SEGS_MAX];
	rtap_segs segs{v, 2, 4};
	rtap_chain chain;
	EXPECT_EQ(rtap_ring_pop(&rig.ring, &chain, 1, &segs), 0);
	EXPECT_EQ(segs.nr, 2U);
	EXPECT_EQ(rig.ring.fault.kind, RTAP_RING_OK);
	segs = {v, 0, RTAP_CHAIN_SEGS_MAX};
	EXPECT_EQ(rtap_ring_pop(&rig.ring, &chain, 1, &segs), 1);
	EXPECT_EQ(segs.nr, 3U);
}

} // namespace
} // namespace ringtap::test
