// SPDX-License-Identifier: GPL-2.0-or-later
// The ring contract: 100,000 random steps of driver and device agree with a model
#include <deque>
#include <random>

#include "rig.h"

namespace ringtap::test {
namespace {

// What must come out of either side next, kept as plain queues.
class Walk {
public:
	Walk(Way way, const RigSetup &setup, unsigned seed) : rig_(way, setup), random_(seed) {}

	void step()
	{
		switch (below(12)) {
		case 0:
		case 1:
		case 2:
			return post();
		case 3:
		case 4:
			return pop();
		case 5:
			return unpop();
		case 6:
		case 7:
			return push();
		case 8:
			return take();
		case 9:
			return ask();
		case 10:
			return sleep();
		default:
			return below(8) ? wish() : take_over();
		}
	}

	uint64_t served() const { return served_; }

private:
	struct Posted {
		uint16_t id;
		Buffers buffers;
	};

	unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }

	void post()
	{
		for (unsigned n = 1 + below(5); n > 0; n--) {
			unsigned most = below(10) ? 4 : 100;
			Buffers b;
			unsigned out = below(most), in = below(most);
			for (unsigned i = 0; i < out + in + (out + in == 0); i++)
				b.push_back({random_(), below(3000), i >= out});
			Shape shape = below(3) ? Shape::direct : Shape::indirect;
			if (!rig_.way.packed() && b.size() > 1 && below(4) == 0)
				shape = Shape::mixed;
			auto id = rig_.driver->post(b, shape);
			if (!id)
				continue;
			std::erase_if(b, [](const Buffer &x) { return x.len == 0; });
			hidden_.push_back({*id, b});
		}
		if (below(4))
			publish();
	}

	void publish()
	{
		bool kick_due = asleep_ && !hidden_.empty();
		available_.insert(available_.end(), hidden_.begin(), hidden_.end());
		hidden_.clear();
		rig_.driver->publish();
		bool kicked = rig_.driver->kick_wanted();
		if (kick_due) {
			ASSERT_TRUE(kicked);
		}
		if (kicked)
			asleep_ = false;
	}

	void pop()
	{
		unsigned max = 1 + below(below(4) ? 8 : 200);
		auto chains = rig_.pop(max);
		ASSERT_EQ(chains.size(), std::min<size_t>(max, available_.size()));
		for (Popped &p : chains) {
			ASSERT_EQ(p.chain.id, available_.front().id);
			ASSERT_EQ(p.buffers, available_.front().buffers);
			available_.pop_front();
			in_flight_.push_back(p);
		}
		last_popped_ = chains.size();
		// what was popped has been looked at: only now does arm() sleep again
		asleep_ = asleep_ && chains.empty();
	}

	void unpop()
	{
		size_t n = last_popped_ ? below(static_cast<unsigned>(last_popped_) + 1) : 0;
		std::vector<rtap_chain> chains;
		for (size_t i = in_flight_.size() - n; i < in_flight_.size(); i++)
			chains.push_back(in_flight_[i].chain);
		rtap_ring_unpop(&rig_.ring, chains.data(), static_cast<uint32_t>(n));
		for (; n > 0; n--) {
			available_.push_front(
				{in_flight_.back().chain.id, in_flight_.back().buffers});
			in_flight_.pop_back();
		}
		last_popped_ = 0;
	}

	void push()
	{
		last_popped_ = 0;
		size_t n = in_flight_.empty() ? 0
					      : 1 + below(static_cast<unsigned>(in_flight_.size()));
		if (!rig_.setup.in_order)
			std::shuffle(in_flight_.begin(), in_flight_.end(), random_);
		std::vector<rtap_used> used;
		for (; n > 0; n--) {
			const rtap_chain &c = in_flight_.front().chain;
			auto len = static_cast<uint32_t>(c.in_len ? random_() % (c.in_len + 1) : 0);
			used.push_back({len, c.id, c.slots, c.nr_in == 0});
			completed_.push_back({c.id, len});
			// a packed driver counts its interrupts in slots
			steps_ += rig_.way.packed() ? c.slots : 1U;
			in_flight_.pop_front();
		}
		ASSERT_EQ(
			rtap_ring_push(&rig_.ring, used.data(), static_cast<uint32_t>(used.size())),
			0);
		served_ += used.size();
	}

	void take()
	{
		for (unsigned n = below(20); n > 0; n--) {
			auto c = rig_.driver->take();
			ASSERT_EQ(c.has_value(), !completed_.empty());
			if (!c)
				return;
			ASSERT_EQ(*c, completed_.front());
			completed_.pop_front();
		}
	}

	// The driver drains its side and says what it wants to be told of.
	void wish()
	{
		while (auto c = rig_.driver->take()) {
			ASSERT_EQ(*c, completed_.front());
			completed_.pop_front();
		}
		ASSERT_TRUE(completed_.empty());
		if (!rig_.setup.event_idx) {
			wants_ = below(2);
			wants_ ? rig_.driver->interrupts_on() : rig_.driver->interrupts_off();
			return;
		}
		event_ = below(rig_.setup.num);
		rig_.driver->interrupt_after(static_cast<unsigned>(event_));
		// steps from here on count; those before cannot have reached it
		asked_at_ = steps_;
		wished_ = true;
	}

	void ask()
	{
		int answer = rtap_ring_should_signal(&rig_.ring);
		ASSERT_GE(answer, 0);
		uint64_t pushed = steps_ - answered_;
		bool first = !answered_once_;
		if (pushed == 0) {
			ASSERT_EQ(answer, 0);
			return;
		}
		if (!rig_.setup.event_idx) {
			ASSERT_EQ(answer, wants_);
		} else if (first) {
			ASSERT_EQ(answer, 1);
		} else if (wished_ && steps_ - asked_at_ < rig_.setup.num &&
			   answered_ <= asked_at_ + event_) {
			// never too few; too many only if nobody asked for more than a lap
			bool passed = steps_ > asked_at_ + event_;
			if (passed || pushed <= rig_.setup.num) {
				ASSERT_EQ(answer, passed);
			}
		}
		answered_once_ = true;
		answered_ = steps_;
	}

	void sleep()
	{
		if (below(2)) {
			ASSERT_EQ(rtap_ring_disarm(&rig_.ring), 0);
			asleep_ = false;
			return;
		}
		rig_.driver->kick_wanted();
		int more = rtap_ring_arm(&rig_.ring);
		ASSERT_EQ(more, !available_.empty());
		asleep_ = !more;
	}

	// Another device takes over, by way of the saved state.
	void take_over()
	{
		ASSERT_EQ(rtap_ring_pending(&rig_.ring), !available_.empty());
		uint32_t base = rtap_ring_save(&rig_.ring);
		// DPDK's shorthand takes this one value away from rings with chains in
		// flight; a device drains before it saves
		if (rig_.way.packed() && base && !(base >> 16) && !in_flight_.empty())
			return;
		rig_.ring = rig_.fresh_ring();
		rtap_ring_restore(&rig_.ring, base);
		ASSERT_EQ(rtap_ring_start(&rig_.ring), 0);
		answered_once_ = false;
		answered_ = steps_;
		asleep_ = false;
	}

	Rig rig_;
	std::mt19937_64 random_;
	std::vector<Posted> hidden_;
	std::deque<Posted> available_;
	std::deque<Popped> in_flight_;
	std::deque<Completion> completed_;
	size_t last_popped_ = 0;
	uint64_t served_ = 0;
	uint64_t steps_ = 0, answered_ = 0, asked_at_ = 0, event_ = 0;
	bool answered_once_ = false, wished_ = false, asleep_ = false;
	int wants_ = 1;
};

TEST_P(RingContract, RandomStepsAgreeWithTheModel)
{
	const bool packed = GetParam().packed();
	const RigSetup setups[] = {
		{.num = 16},
		{.num = 256, .event_idx = true, .in_order = true},
		{.num = packed ? 37U : 32U, .event_idx = true, .position = 9, .wrap = false},
		{.num = packed ? 100U : 128U, .in_order = true, .position = 77},
	};
	unsigned seed = 1;
	for (const RigSetup &setup : setups) {
		SCOPED_TRACE(setup.num);
		Walk walk(GetParam(), setup, seed++);
		for (unsigned i = 0; i < 25000 && !HasFatalFailure(); i++)
			walk.step();
		EXPECT_GT(walk.served(), 5000U);
	}
}

} // namespace
} // namespace ringtap::test
