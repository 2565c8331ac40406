// SPDX-License-Identifier: GPL-2.0-or-later
// The ring contract: chains come out in order and go back whole, at any size
#include "rig.h"

namespace ringtap::test {
namespace {

TEST_P(RingContract, AnEmptyRingHasNothing)
{
	Rig rig(GetParam(), {});
	EXPECT_TRUE(rig.pop().empty());
	EXPECT_EQ(rtap_ring_pending(&rig.ring), 0);
	EXPECT_FALSE(rig.driver->take());
}

TEST_P(RingContract, APublishedChainIsPoppedOnce)
{
	Rig rig(GetParam(), {});
	uint16_t id = rig.post(7);
	EXPECT_EQ(rtap_ring_pending(&rig.ring), 1);
	auto chains = rig.pop();
	ASSERT_EQ(chains.size(), 1U);
	EXPECT_EQ(chains[0].chain.id, id);
	EXPECT_EQ(chains[0].chain.slots, 1U);
	EXPECT_EQ(chains[0].buffers, (Buffers{{0x107000, 64, false}}));
	EXPECT_TRUE(rig.pop().empty());
	EXPECT_EQ(rtap_ring_pending(&rig.ring), 0);
}

TEST_P(RingContract, AChainThatIsNotPublishedIsNotSeen)
{
	Rig rig(GetParam(), {});
	rig.driver->post(readable({1}), Shape::direct);
	EXPECT_TRUE(rig.pop().empty());
	rig.driver->publish();
	EXPECT_EQ(rig.pop().size(), 1U);
}

TEST_P(RingContract, PopTakesNoMoreThanAsked)
{
	Rig rig(GetParam(), {});
	for (uint64_t i = 0; i < 5; i++)
		rig.post(i);
	EXPECT_TRUE(rig.pop(0).empty());
	EXPECT_EQ(rig.pop(2).size(), 2U);
	EXPECT_EQ(rig.pop(2).size(), 2U);
	EXPECT_EQ(rtap_ring_pending(&rig.ring), 1);
	EXPECT_EQ(rig.pop(2).size(), 1U);
}

TEST_P(RingContract, CompletionsReachTheDriverInTheOrderOfPush)
{
	Rig rig(GetParam(), {});
	for (uint64_t i = 0; i < 4; i++)
		rig.post(i, true);
	auto chains = rig.pop();
	ASSERT_EQ(chains.size(), 4U);
	std::swap(chains[0], chains[3]);
	ASSERT_EQ(rig.push(chains), 0);
	for (const Popped &p : chains)
		EXPECT_EQ(rig.driver->take(), (Completion{p.chain.id, 64}));
	EXPECT_FALSE(rig.driver->take());
}

TEST_P(RingContract, PushOfNothingPublishesNothing)
{
	Rig rig(GetParam(), {});
	rig.post(1);
	ASSERT_EQ(rig.pop().size(), 1U);
	EXPECT_EQ(rtap_ring_push(&rig.ring, nullptr, 0), 0);
	EXPECT_FALSE(rig.driver->take());
	EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 0);
}

TEST_P(RingContract, LengthsReachTheDriver)
{
	Rig rig(GetParam(), {.num = 4});
	for (uint32_t len : {0U, 1U, 0x12345678U, 0xffffffffU}) {
		uint16_t id = rig.post(1, true);
		auto chains = rig.pop();
		ASSERT_EQ(chains.size(), 1U);
		ASSERT_EQ(rig.push_one(chains[0].chain, len), 0);
		EXPECT_EQ(rig.driver->take(), (Completion{id, len}));
	}
}

// A ring is filled, popped and pushed whole, three times, in batches as they come.
TEST_P(RingContract, EverySizeFillsAndDrains)
{
	for (unsigned num : ring_sizes(GetParam())) {
		SCOPED_TRACE(num);
		Rig rig(GetParam(), {.num = num, .event_idx = num % 2 == 1});
		for (unsigned lap = 0; lap < 3; lap++) {
			std::vector<uint16_t> ids;
			for (unsigned i = 0; i < num; i++)
				ids.push_back(*rig.driver->post({{i, 1, true}}, Shape::direct));
			EXPECT_FALSE(rig.driver->post({{0, 1, true}}, Shape::direct));
			rig.driver->publish();
			std::vector<Popped> all;
			while (all.size() < num) {
				auto some = rig.pop(1000);
				ASSERT_FALSE(some.empty());
				all.insert(all.end(), some.begin(), some.end());
			}
			ASSERT_EQ(all.size(), num);
			EXPECT_TRUE(rig.pop().empty());
			ASSERT_EQ(rig.push(all), 0);
			for (unsigned i = 0; i < num; i++) {
				ASSERT_EQ(all[i].buffers[0].addr, i);
				ASSERT_EQ(rig.driver->take(), (Completion{ids[i], 1}));
			}
			EXPECT_FALSE(rig.driver->take());
		}
	}
}

// Far enough for the split layout's 16-bit indices to wrap twice, with batches of
// every size, so that every seam is met: end of ring, end of batch, end of index.
TEST_P(RingContract, IndicesWrap)
{
	const unsigned num = GetParam().packed() ? 96 : 128;
	Rig rig(GetParam(), {.num = num});
	uint64_t total = 0;
	for (unsigned turn = 0; total < 140000; turn++) {
		unsigned n = 1 + turn % num;
		std::vector<uint16_t> ids;
		for (unsigned i = 0; i < n; i++)
			ids.push_back(rig.post(total + i));
		auto chains = rig.pop(n);
		ASSERT_EQ(chains.size(), n) << total;
		ASSERT_EQ(rig.push(chains), 0);
		for (unsigned i = 0; i < n; i++) {
			ASSERT_EQ(chains[i].buffers[0].addr, 0x100000 + (total + i) * 0x1000);
			ASSERT_EQ(rig.driver->take(), (Completion{ids[i], 0}));
		}
		ASSERT_FALSE(rig.driver->take());
		total += n;
	}
}

TEST_P(RingContract, UnpoppedChainsArePoppedAgain)
{
	for (unsigned position = 0; position < 8; position++) {
		Rig rig(GetParam(), {.num = 8, .position = position});
		rig.driver->post(readable({1, 2}), Shape::direct);
		rig.driver->post(readable({3}), Shape::direct);
		rig.driver->post(readable({4, 5, 6}) + writable({7}), Shape::direct);
		rig.driver->publish();
		auto first = rig.pop();
		ASSERT_EQ(first.size(), 3U);
		for (unsigned back = 0; back <= 3; back++) {
			std::vector<rtap_chain> tail;
			for (unsigned i = 3 - back; i < 3; i++)
				tail.push_back(first[i].chain);
			rtap_ring_unpop(&rig.ring, tail.data(), back);
			auto again = rig.pop();
			ASSERT_EQ(again.size(), back);
			for (unsigned i = 0; i < back; i++) {
				EXPECT_EQ(again[i].chain.id, tail[i].id);
				EXPECT_EQ(again[i].buffers, first[3 - back + i].buffers);
			}
		}
		ASSERT_EQ(rig.push(first), 0);
		for (const Popped &p : first)
			EXPECT_EQ(rig.driver->take()->id, p.chain.id);
	}
}

TEST_P(RingContract, ALongPushIsPublishedWhole)
{
	Rig rig(GetParam(), {.num = 256, .position = 200});
	for (uint64_t i = 0; i < 256; i++)
		rig.post(i, true);
	auto chains = rig.pop(256);
	ASSERT_EQ(chains.size(), 256U);
	ASSERT_EQ(rig.push(chains), 0);
	for (const Popped &p : chains)
		EXPECT_EQ(rig.driver->take(), (Completion{p.chain.id, 64}));
}

// One used entry for a run of chains without a writable part, one for each other.
TEST_P(RingContract, InOrderCollapsesReadOnlyRuns)
{
	const std::string patterns[] = {"r",     "w",      "rr",      "rw",       "wr",
					"rrrrr", "rwrrwr", "wwrrrww", "rrrrrrrr", "wwwwwwww"};
	for (const std::string &pattern : patterns) {
		SCOPED_TRACE(pattern);
		for (unsigned position = 0; position < 8; position++) {
			Rig rig(GetParam(), {.num = 8, .in_order = true, .position = position});
			for (char kind : pattern)
				rig.post(1, kind == 'w');
			auto chains = rig.pop();
			ASSERT_EQ(chains.size(), pattern.size());
			long before = rtap_shim_accesses();
			ASSERT_EQ(rig.push(chains), 0);
			if (pattern == "rrrrr" && !rig.way.mapped) {
				// one entry, one index or flags word
				EXPECT_EQ(rtap_shim_accesses() - before, 2);
			}
			for (size_t i = 0; i < pattern.size(); i++) {
				uint32_t len = pattern[i] == 'w' ? 64 : 0;
				EXPECT_EQ(rig.driver->take(),
					  (Completion{chains[i].chain.id, len}));
			}
			EXPECT_FALSE(rig.driver->take());
			EXPECT_EQ(rig.driver->free_slots(), 8U);
		}
	}
}

TEST_P(RingContract, InOrderCountsTheSlotsOfCollapsedChains)
{
	Rig rig(GetParam(), {.num = 8, .in_order = true});
	for (unsigned turn = 0; turn < 50; turn++) {
		rig.driver->post(readable({1, 2, 3}), Shape::direct);
		rig.driver->post(readable({4}), Shape::direct);
		rig.driver->post(readable({5, 6}), Shape::direct);
		rig.driver->publish();
		auto chains = rig.pop();
		ASSERT_EQ(chains.size(), 3U);
		ASSERT_EQ(rig.push(chains), 0);
		for (const Popped &p : chains)
			ASSERT_EQ(rig.driver->take(), (Completion{p.chain.id, 0}));
		ASSERT_FALSE(rig.driver->take());
	}
}

} // namespace
} // namespace ringtap::test
