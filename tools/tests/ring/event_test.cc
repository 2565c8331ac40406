// SPDX-License-Identifier: GPL-2.0-or-later
// The ring contract: who is told of what, in both directions
#include "rig.h"

namespace ringtap::test {
namespace {

// Post, pop and push n chains, and let the driver take them.
void serve(Rig &rig, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		rig.post(i);
	auto chains = rig.pop(n);
	ASSERT_EQ(chains.size(), n);
	ASSERT_EQ(rig.push(chains), 0);
	while (rig.driver->take()) {
	}
}

TEST_P(RingContract, NothingPushedNothingSignalled)
{
	for (bool event_idx : {false, true}) {
		Rig rig(GetParam(), {.event_idx = event_idx});
		rig.driver->interrupts_on();
		EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 0);
		serve(rig, 1);
		EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 1);
		EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 0);
	}
}

TEST_P(RingContract, FlagsSuppressInterrupts)
{
	Rig rig(GetParam(), {});
	for (unsigned i = 0; i < 4; i++) {
		rig.driver->interrupts_off();
		serve(rig, 2);
		EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 0);
		rig.driver->interrupts_on();
		serve(rig, 2);
		EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 1);
	}
}

TEST_P(SplitContract, NotifyOnEmptyOverridesTheFlag)
{
	Rig rig(GetParam(), {.notify_on_empty = true});
	rig.driver->interrupts_off();
	serve(rig, 1);
	EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 1);
	rig.post(1);
	rig.post(2);
	auto chains = rig.pop(1);
	rtap_ring_pending(&rig.ring);
	ASSERT_EQ(rig.push(chains), 0);
	// one is still available
	EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 0);
}

TEST_P(RingContract, TheFirstAnswerIsToSignal)
{
	Rig rig(GetParam(), {.event_idx = true});
	rig.driver->interrupt_after(5);
	serve(rig, 1);
	EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 1);
	rig.driver->interrupt_after(5);
	serve(rig, 1);
	EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 0);
	ASSERT_EQ(rtap_ring_start(&rig.ring), 0);
	serve(rig, 1);
	EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 1);
}

// From every position, every number of chains pushed, every place that the driver can
// ask for: there is an interrupt if and only if that place was passed.
TEST_P(RingContract, EventIndexExhaustively)
{
	std::vector<unsigned> sizes = {1, 2, 4, 8};
	if (GetParam().packed())
		sizes = {1, 2, 3, 5, 6, 7, 8};
	for (unsigned num : sizes) {
		for (unsigned start = 0; start < 2 * num; start++) {
			for (unsigned n = 1; n <= num; n++) {
				for (unsigned event = 0; event < 2 * num - n; event++) {
					Rig rig(GetParam(), {.num = num,
							     .event_idx = true,
							     .position = start % num,
							     .wrap = start < num});
					serve(rig, 1);
					ASSERT_EQ(rtap_ring_should_signal(&rig.ring), 1);
					rig.driver->interrupt_after(event);
					serve(rig, n);
					ASSERT_EQ(rtap_ring_should_signal(&rig.ring), event < n)
						<< num << " from " << start << ": " << n
						<< " pushed, asked for after " << event;
				}
			}
		}
	}
}

// A driver that has not asked again is not told again: of what was pushed, only what is
// new since the last answer counts.
TEST_P(RingContract, APlaceIsSignalledOnce)
{
	for (unsigned position = 0; position < 8; position++) {
		Rig rig(GetParam(), {.num = 8, .event_idx = true, .position = position});
		serve(rig, 1);
		ASSERT_EQ(rtap_ring_should_signal(&rig.ring), 1);
		rig.driver->interrupt_after(0);
		serve(rig, 1);
		ASSERT_EQ(rtap_ring_should_signal(&rig.ring), 1);
		for (unsigned n : {1U, 2U, 3U}) {
			serve(rig, n);
			EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 0) << n;
		}
	}
}

// Chains of several slots: a packed driver may ask for any slot in the middle.
TEST_P(PackedContract, EventIndexInsideAChain)
{
	for (unsigned event = 0; event < 10; event++) {
		Rig rig(GetParam(), {.num = 10, .event_idx = true, .position = 7});
		serve(rig, 1);
		ASSERT_EQ(rtap_ring_should_signal(&rig.ring), 1);
		rig.driver->interrupt_after(event);
		for (unsigned i = 0; i < 2; i++)
			rig.driver->post(readable({1, 2, 3}), Shape::direct);
		rig.driver->publish();
		ASSERT_EQ(rig.push(rig.pop()), 0);
		EXPECT_EQ(rtap_ring_should_signal(&rig.ring), event < 6) << event;
	}
}

// Split indices wrap at 16 bits: so does the comparison.
TEST_P(SplitContract, EventIndexAcrossTheWrap)
{
	for (unsigned position = 0xfff0; position <= 0x1000f; position++) {
		for (unsigned event = 0; event < 12; event++) {
			Rig rig(GetParam(),
				{.num = 8, .event_idx = true, .position = position & 0xffff});
			serve(rig, 1);
			ASSERT_EQ(rtap_ring_should_signal(&rig.ring), 1);
			rig.driver->interrupt_after(event);
			serve(rig, 6);
			EXPECT_EQ(rtap_ring_should_signal(&rig.ring), event < 6);
		}
	}
}

// Not asked for longer than indices can tell: a place asked for meanwhile may have
// been passed any number of laps ago.
TEST_P(RingContract, ManyPushesWithoutAQuestionAlwaysSignal)
{
	for (unsigned pushes : {65535U, 65536U, 65537U, 131072U, 200001U}) {
		Rig rig(GetParam(), {.num = 8, .event_idx = true});
		serve(rig, 1);
		ASSERT_EQ(rtap_ring_should_signal(&rig.ring), 1);
		rig.driver->interrupt_after(3);
		for (unsigned i = 0; i < pushes; i++)
			serve(rig, 1);
		EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 1) << pushes;
		// and is exact again afterwards
		rig.driver->interrupt_after(2);
		serve(rig, 2);
		EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 0);
		serve(rig, 1);
		EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 1);
	}
}

TEST_P(PackedContract, PackedEventFlagsOutOfTheOrdinary)
{
	// DESC without EVENT_IDX, and the reserved value: rather one interrupt too many
	for (uint16_t flags : {2, 3, 0xfffe}) {
		Rig rig(GetParam(), {});
		rig.memory.driver.put<uint16_t>(2, flags);
		serve(rig, 1);
		EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 1);
		serve(rig, 1);
		EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 1);
	}
	// ENABLE and DISABLE work with EVENT_IDX, too
	Rig rig(GetParam(), {.event_idx = true});
	for (uint16_t flags : {0, 1, 0, 1}) {
		rig.memory.driver.put<uint16_t>(2, flags);
		serve(rig, 1);
		EXPECT_EQ(rtap_ring_should_signal(&rig.ring), flags == 0);
	}
	// an offset outside of the ring
	rig.memory.driver.put<uint16_t>(0, 0x7fff);
	rig.memory.driver.put<uint16_t>(2, 2);
	serve(rig, 1);
	EXPECT_EQ(rtap_ring_should_signal(&rig.ring), 1);
}

TEST_P(RingContract, ARingStartsArmed)
{
	for (bool event_idx : {false, true}) {
		Rig rig(GetParam(), {.event_idx = event_idx, .position = 5});
		rig.post(1);
		EXPECT_TRUE(rig.driver->kick_wanted());
	}
}

TEST_P(RingContract, ADisarmedRingIsNotKicked)
{
	for (bool event_idx : {false, true}) {
		Rig rig(GetParam(), {.event_idx = event_idx});
		rig.post(1);
		EXPECT_TRUE(rig.driver->kick_wanted());
		EXPECT_EQ(rtap_ring_disarm(&rig.ring), 0);
		EXPECT_EQ(rtap_ring_disarm(&rig.ring), 0);
		rig.post(2);
		EXPECT_FALSE(rig.driver->kick_wanted());
		// a hint alone: what is there is served all the same
		EXPECT_EQ(rig.pop().size(), 2U);
		rig.post(3);
		EXPECT_FALSE(rig.driver->kick_wanted());
	}
}

TEST_P(RingContract, ArmTellsOfWhatIsThereAlready)
{
	for (bool event_idx : {false, true}) {
		Rig rig(GetParam(), {.event_idx = event_idx});
		ASSERT_EQ(rtap_ring_disarm(&rig.ring), 0);
		EXPECT_EQ(rtap_ring_arm(&rig.ring), 0);
		rig.post(1);
		EXPECT_EQ(rtap_ring_arm(&rig.ring), 1);
		EXPECT_EQ(rig.pop().size(), 1U);
		EXPECT_EQ(rtap_ring_arm(&rig.ring), 0);
	}
}

// Whatever was posted and popped before, an armed and empty ring is kicked by the next
// chain: from every position, twice around.
TEST_P(RingContract, AnArmedRingIsAlwaysKicked)
{
	for (bool event_idx : {false, true}) {
		for (unsigned position = 0; position < 8; position++) {
			Rig rig(GetParam(), {.event_idx = event_idx, .position = position});
			for (unsigned turn = 0; turn < 40; turn++) {
				if (turn % 3) {
					ASSERT_EQ(rtap_ring_disarm(&rig.ring), 0);
				}
				serve(rig, 1 + turn % 5);
				ASSERT_EQ(rtap_ring_arm(&rig.ring), 0);
				rig.driver->kick_wanted();
				rig.post(turn);
				ASSERT_TRUE(rig.driver->kick_wanted()) << turn;
				ASSERT_EQ(rig.push(rig.pop()), 0);
				while (rig.driver->take()) {
				}
			}
		}
	}
}

TEST_P(UserContract, RedundantFlagsAreNotWritten)
{
	Rig rig(GetParam(), {});
	ASSERT_EQ(rtap_ring_disarm(&rig.ring), 0);
	long before = rtap_shim_accesses();
	EXPECT_EQ(rtap_ring_disarm(&rig.ring), 0);
	EXPECT_EQ(rtap_shim_accesses(), before);
	EXPECT_EQ(rtap_ring_arm(&rig.ring), 0);
	before = rtap_shim_accesses();
	EXPECT_EQ(rtap_ring_arm(&rig.ring), 0);
	// the second time there is only the look
	EXPECT_EQ(rtap_shim_accesses(), before + 1);
}

} // namespace
} // namespace ringtap::test
