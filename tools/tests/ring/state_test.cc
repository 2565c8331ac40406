// SPDX-License-Identifier: GPL-2.0-or-later
// The ring contract: start, save and restore, and memory that goes away
#include <cerrno>
#include <functional>

#include "rig.h"

namespace ringtap::test {
namespace {

// A ring is saved and taken over by a fresh one, with chains waiting, at every position.
TEST_P(RingContract, SavedStateCarriesOn)
{
	for (unsigned position = 0; position < 8; position++) {
		Rig rig(GetParam(), {.num = 8, .position = position, .wrap = position % 2 == 0});
		for (uint64_t turn = 0; turn < 40; turn++) {
			rig.post(2 * turn);
			rig.post(2 * turn + 1);
			auto first = rig.pop(1);
			ASSERT_EQ(first.size(), 1U);
			ASSERT_EQ(rig.push(first), 0);
			uint32_t base = rtap_ring_save(&rig.ring);
			rig.ring = rig.fresh_ring();
			rtap_ring_restore(&rig.ring, base);
			EXPECT_EQ(rtap_ring_save(&rig.ring), base);
			ASSERT_EQ(rtap_ring_start(&rig.ring), 0);
			auto second = rig.pop();
			ASSERT_EQ(second.size(), 1U);
			EXPECT_EQ(second[0].buffers[0].addr, 0x100000 + (2 * turn + 1) * 0x1000);
			ASSERT_EQ(rig.push(second), 0);
			EXPECT_EQ(rig.driver->take()->id, first[0].chain.id);
			EXPECT_EQ(rig.driver->take()->id, second[0].chain.id);
			EXPECT_FALSE(rig.driver->take());
		}
	}
}

// Available and used positions differ while chains are in flight.
TEST_P(RingContract, SavedStateHoldsBothPositions)
{
	Rig rig(GetParam(), {.num = 8, .position = 6});
	for (uint64_t i = 0; i < 4; i++)
		rig.post(i);
	auto chains = rig.pop();
	ASSERT_EQ(chains.size(), 4U);
	uint32_t base = rtap_ring_save(&rig.ring);
	if (rig.way.packed())
		EXPECT_EQ(base, 0x8006U << 16 | 0x0002U);
	else
		EXPECT_EQ(base, 10U);
	rig.ring = rig.fresh_ring();
	rtap_ring_restore(&rig.ring, base);
	ASSERT_EQ(rtap_ring_start(&rig.ring), 0);
	EXPECT_TRUE(rig.pop().empty());
	ASSERT_EQ(rig.push(chains), 0);
	for (const Popped &p : chains)
		EXPECT_EQ(rig.driver->take()->id, p.chain.id);
}

TEST_P(SplitContract, SavesTheAvailableIndexAlone)
{
	for (uint32_t base : {0U, 1U, 0x8000U, 0xffffU}) {
		Rig rig(GetParam(), {});
		rtap_ring_restore(&rig.ring, base);
		EXPECT_EQ(rtap_ring_save(&rig.ring), base);
		rig.memory.device.put<uint16_t>(2, 0x1234);
		ASSERT_EQ(rtap_ring_start(&rig.ring), 0);
		EXPECT_EQ(rig.ring.last_used, 0x1234U);
		EXPECT_EQ(rig.ring.last_avail, base);
	}
}

TEST_P(PackedContract, RestoresWhatClientsSend)
{
	Rig rig(GetParam(), {.num = 8});
	struct {
		uint32_t base;
		unsigned avail, used;
		bool avail_wrap, used_wrap;
	} cases[] = {
		{0x80008000, 0, 0, true, true},   // QEMU, fresh
		{0x00008000, 0, 0, true, true},   // DPDK, fresh
		{0x00000000, 0, 0, false, false}, // crosvm; after a lap
		{0x00008003, 3, 3, true, true},   // DPDK, restarted
		{0x00000003, 3, 3, false, false}, {0x80020005, 5, 2, false, true},
		{0x00078001, 1, 7, true, false},  {0x80000005, 5, 0, false, true},
	};
	for (const auto &c : cases) {
		SCOPED_TRACE(c.base);
		rtap_ring_restore(&rig.ring, c.base);
		EXPECT_EQ(rig.ring.last_avail, c.avail);
		EXPECT_EQ(rig.ring.last_used, c.used);
		EXPECT_EQ(rig.ring.avail_wrap, c.avail_wrap);
		EXPECT_EQ(rig.ring.used_wrap, c.used_wrap);
		EXPECT_EQ(rtap_ring_start(&rig.ring), 0);
	}
}

TEST_P(PackedContract, RefusesToStartOutsideOfTheRing)
{
	for (unsigned num : {1U, 5U, 8U}) {
		Rig rig(GetParam(), {.num = num});
		for (uint32_t bad : {num, num + 1, 0x7fffU}) {
			for (uint32_t base :
			     {bad, bad | 0x80000000, bad << 16, bad << 16 | 0x8000}) {
				rtap_ring_restore(&rig.ring, base);
				EXPECT_EQ(rtap_ring_start(&rig.ring), -EINVAL) << std::hex << base;
			}
		}
		rtap_ring_restore(&rig.ring, num - 1);
		EXPECT_EQ(rtap_ring_start(&rig.ring), 0);
	}
}

TEST_P(RingContract, RefusesSizesThatCannotBe)
{
	Rig rig(GetParam(), {.num = 8});
	for (uint32_t num : {0U, 32769U, 65536U, ~0U}) {
		rig.ring.num = num;
		EXPECT_EQ(rtap_ring_start(&rig.ring), -EINVAL) << num;
	}
	rig.ring.num = 6;
	EXPECT_EQ(rtap_ring_start(&rig.ring), rig.way.packed() ? 0 : -EINVAL);
	// one entry more than there is memory for
	rig.ring.num = rig.way.packed() ? 9 : 16;
	EXPECT_EQ(rtap_ring_start(&rig.ring), -EINVAL);
}

TEST_P(RingContract, RefusesAreasThatAreTooSmallOrOdd)
{
	for (rtap_area rtap_ring::*which :
	     {&rtap_ring::desc, &rtap_ring::driver, &rtap_ring::device}) {
		Rig rig(GetParam(), {.num = 8, .event_idx = true});
		rtap_area &area = rig.ring.*which;
		area.size--;
		EXPECT_EQ(rtap_ring_start(&rig.ring), -EINVAL);
		area.size++;
		EXPECT_EQ(rtap_ring_start(&rig.ring), 0);
		if (which == &rtap_ring::desc && !rig.way.packed())
			continue; // no words in there
		if (area.kaddr)
			area.kaddr = static_cast<uint8_t *>(area.kaddr) + 1;
		else
			area.uaddr = static_cast<uint8_t *>(area.uaddr) + 1;
		EXPECT_EQ(rtap_ring_start(&rig.ring), -EINVAL);
	}
}

TEST(RingSizes, AreThoseOfTheSpecification)
{
	for (size_t num : {1UL, 8UL, 256UL, 32768UL}) {
		EXPECT_EQ(rtap_ring_desc_size(RTAP_LAYOUT_SPLIT, num), 16 * num);
		EXPECT_EQ(rtap_ring_driver_size(RTAP_LAYOUT_SPLIT, num, false), 4 + 2 * num);
		EXPECT_EQ(rtap_ring_driver_size(RTAP_LAYOUT_SPLIT, num, true), 6 + 2 * num);
		EXPECT_EQ(rtap_ring_device_size(RTAP_LAYOUT_SPLIT, num, false), 4 + 8 * num);
		EXPECT_EQ(rtap_ring_device_size(RTAP_LAYOUT_SPLIT, num, true), 6 + 8 * num);
		EXPECT_EQ(rtap_ring_desc_size(RTAP_LAYOUT_PACKED, num), 16 * num);
		EXPECT_EQ(rtap_ring_driver_size(RTAP_LAYOUT_PACKED, num, true), 4U);
		EXPECT_EQ(rtap_ring_device_size(RTAP_LAYOUT_PACKED, num, true), 4U);
	}
}

// Call a verb until it works, at most twice: the first call may have met the fault.
int retried(Rig &rig, const std::function<int()> &verb, int *faults)
{
	rig.ring.fault = {};
	int ret = verb();
	if (ret >= 0)
		return ret;
	EXPECT_EQ(ret, -EFAULT);
	EXPECT_TRUE(rig.ring.fault.kind == RTAP_RING_FAULT ||
		    rig.ring.fault.kind == RTAP_RING_INDIRECT_ADDR);
	++*faults;
	return verb();
}

// What a scenario looks like from both sides; a fault on the way may not change it.
std::vector<uint64_t> scenario(Rig &rig, int *faults)
{
	std::vector<uint64_t> seen;
	for (unsigned turn = 0; turn < 6; turn++) {
		rig.driver->post(readable({12, 100}) + writable({turn + 1}), Shape::direct);
		rig.driver->post(readable({turn + 5}) + writable({7}), Shape::indirect);
		rig.driver->post(readable({9}), Shape::direct);
		rig.driver->publish();
		seen.push_back(retried(
			rig, [&] { return rtap_ring_pending(&rig.ring); }, faults));
		retried(
			rig, [&] { return rtap_ring_disarm(&rig.ring); }, faults);
		std::vector<Popped> chains;
		// a fault behind the first chain shortens the batch instead
		while (chains.size() < 3)
			EXPECT_GE(retried(
					  rig, [&] { return rig.pop(4, chains); }, faults),
				  0);
		for (const Popped &p : chains) {
			seen.push_back(p.chain.id);
			for (const Buffer &b : p.buffers)
				seen.push_back(b.addr ^ b.len);
		}
		if (rig.setup.event_idx)
			rig.driver->interrupt_after(turn);
		else
			rig.driver->interrupts_on();
		EXPECT_EQ(retried(
				  rig, [&] { return rig.push(chains); }, faults),
			  0);
		seen.push_back(retried(
			rig, [&] { return rtap_ring_should_signal(&rig.ring); }, faults));
		seen.push_back(retried(
			rig, [&] { return rtap_ring_arm(&rig.ring); }, faults));
		while (auto done = rig.driver->take())
			seen.push_back(uint64_t{done->id} << 32 | done->len);
		seen.push_back(rtap_ring_save(&rig.ring));
	}
	return seen;
}

// Any one access may fault, anywhere: the verb says so, or does without, and nothing is
// lost, doubled or half done when it is called again.
TEST_P(RingContract, AFaultAtAnyAccessLosesNothing)
{
	for (bool in_order : {false, true}) {
		for (bool event_idx : {false, true}) {
			RigSetup setup{.num = 16,
				       .event_idx = event_idx,
				       .in_order = in_order,
				       .position = 13};
			int none = 0;
			std::vector<uint64_t> expected;
			long accesses;
			{
				Rig rig(GetParam(), setup);
				long before = rtap_shim_accesses();
				expected = scenario(rig, &none);
				accesses = rtap_shim_accesses() - before;
				ASSERT_EQ(none, 0);
			}
			ASSERT_GT(accesses, 5);
			for (long k = 0; k < accesses; k++) {
				Rig rig(GetParam(), setup);
				int faults = 0;
				rtap_shim_fault_after(k);
				ASSERT_EQ(scenario(rig, &faults), expected)
					<< "fault at access " << k;
				ASSERT_LE(faults, 1);
			}
		}
	}
}

TEST_P(UserContract, StartFailsOnMemoryThatIsNotThere)
{
	for (bool event_idx : {false, true}) {
		Rig rig(GetParam(), {.event_idx = event_idx});
		long before = rtap_shim_accesses();
		ASSERT_EQ(rtap_ring_start(&rig.ring), 0);
		long accesses = rtap_shim_accesses() - before;
		ASSERT_GE(accesses, 1);
		for (long k = 0; k < accesses; k++) {
			rtap_shim_fault_after(k);
			EXPECT_EQ(rtap_ring_start(&rig.ring), -EFAULT) << k;
			EXPECT_EQ(rig.ring.fault.kind, RTAP_RING_FAULT);
		}
		EXPECT_EQ(rtap_ring_start(&rig.ring), 0);
		EXPECT_EQ(rig.ring.fault.kind, RTAP_RING_OK);
	}
}

TEST_P(UserContract, MemoryThatIsGoneFailsEveryVerb)
{
	for (bool event_idx : {false, true}) {
		Rig rig(GetParam(), {.event_idx = event_idx});
		rig.post(1);
		auto chains = rig.pop();
		ASSERT_EQ(rtap_ring_disarm(&rig.ring), 0);
		ASSERT_EQ(rig.push_one(chains[0].chain, 0), 0);
		rtap_shim_user_reset();
		std::vector<Popped> none;
		EXPECT_EQ(rig.pop(1, none), -EFAULT);
		EXPECT_EQ(rig.ring.fault.kind, RTAP_RING_FAULT);
		EXPECT_EQ(rig.push_one(chains[0].chain, 0), -EFAULT);
		EXPECT_EQ(rtap_ring_pending(&rig.ring), -EFAULT);
		EXPECT_EQ(rtap_ring_arm(&rig.ring), -EFAULT);
		rig.ring.signalled_valid = true;
		EXPECT_EQ(rtap_ring_should_signal(&rig.ring), -EFAULT);
		EXPECT_EQ(rtap_ring_start(&rig.ring), -EFAULT);
	}
}

} // namespace
} // namespace ringtap::test
