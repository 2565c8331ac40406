// SPDX-License-Identifier: GPL-2.0-or-later
// The ring under test with an oracle behind it: a verb that does wrong ends the program
#include "oracle.h"

#include <algorithm>
#include <cerrno>

#include "states.h"

namespace ringtap::fuzz {

// Accesses of the verbs that are no more than a few words.
static constexpr size_t few = 4;

static Shape shape_of(const rtap_ring &ring)
{
	return {ring.layout == RTAP_LAYOUT_PACKED, ring.event_idx, ring.in_order,
		ring.notify_on_empty, ring.num};
}

CheckedRing::CheckedRing(rtap_ring &ring, const Areas &areas, std::vector<Region> regions) :
	ring_(ring), model_(shape_of(ring), areas, std::move(regions)), chains_(pop_max),
	segs_(RTAP_CHAIN_SEGS_MAX)
{
}

void CheckedRing::begin(const char *verb, size_t budget)
{
	states().verbs++;
	ring_.fault.kind = RTAP_RING_OK;
	log_.begin(verb, budget);
}

void CheckedRing::end(const Replay &replay, int got, int want)
{
	replay.finish();
	if (got != want)
		fail("the wrong answer");
	if (got < 0 && ring_.fault.kind != model_.kind())
		fail("the wrong reason");
	model_.compare(ring_);
}

// The ledger: what was popped and not returned is what lies between the two positions.
void CheckedRing::check_ledger() const
{
	if ((offset_ + slots_in_flight_) % model_.lap() != model_.in_flight())
		fail("chains in flight do not add up");
}

bool CheckedRing::start(bool valid)
{
	begin("start", few);
	Replay replay(log_);
	int got = rtap_ring_start(&ring_);
	if (!valid) {
		replay.finish();
		if (got != -EINVAL)
			fail("a ring that cannot be was started");
		return false;
	}
	int want = model_.start(replay);
	replay.finish();
	if (got != want)
		fail("the wrong answer");
	in_flight_.clear();
	taken_.segs.clear();
	unpoppable_ = 0;
	slots_in_flight_ = 0;
	if (got < 0)
		return false;
	model_.compare(ring_);
	offset_ = model_.in_flight();
	return true;
}

void CheckedRing::restore(uint32_t base)
{
	begin("restore", 0);
	rtap_ring_restore(&ring_, base);
	model_.restore(base);
	if (rtap_ring_save(&ring_) != model_.save())
		fail("the position is not the one to restore");
}

uint32_t CheckedRing::save()
{
	begin("save", 0);
	uint32_t base = rtap_ring_save(&ring_);
	if (base != model_.save())
		fail("the wrong position is saved");
	return base;
}

// What is written down in ring.h of a chain, again, whatever the model says.
void CheckedRing::check_chains(const rtap_chain *chains, const rtap_segs &segs, uint32_t next) const
{
	for (size_t i = 0; i < taken_.chains.size(); i++) {
		const rtap_chain &c = chains[i], &want = taken_.chains[i];
		uint32_t nr = uint32_t{c.nr_out} + c.nr_in;
		if (c.seg != next || nr > RTAP_CHAIN_SEGS_MAX || nr > segs.nr - next)
			fail("a chain exceeds its bounds");
		if (c.slots == 0 || c.slots > ring_.num)
			fail("a chain takes slots that are not there");
		if (c.seg != want.seg || c.nr_out != want.nr_out || c.nr_in != want.nr_in ||
		    c.id != want.id || c.slots != want.slots)
			fail("a chain is not the one that was offered");
		uint64_t out = 0, in = 0;
		for (uint32_t k = 0; k < nr; k++) {
			const rtap_seg &s = segs.v[next + k];
			if (s.len == 0 || s.addr != taken_.segs[next + k].addr ||
			    s.len != taken_.segs[next + k].len)
				fail("a buffer is not the one that was offered");
			(k < c.nr_out ? out : in) += s.len;
		}
		if (out != c.out_len || in != c.in_len)
			fail("the bytes of a chain do not add up");
		next += nr;
	}
	if (segs.nr != next)
		fail("a buffer belongs to no chain");
}

int CheckedRing::pop(uint32_t max, uint32_t first)
{
	rtap_segs segs{segs_.data(), first, static_cast<uint32_t>(segs_.size())};
	rtap_chain *chains = chains_.data() + (pop_max - max);
	// each chain: its flags, its descriptors in the ring, and then a table, of which each
	// entry may lie in another window, and each window in as many regions as there are
	size_t chain = 1 + std::min<size_t>(ring_.num, RTAP_CHAIN_SEGS_MAX + 1) +
		       2 * (RTAP_CHAIN_SEGS_MAX + size_t{1});
	begin("pop", few + (max + size_t{1}) * chain);
	Replay replay(log_);
	int got = rtap_ring_pop(&ring_, chains, max, &segs);
	model_.pop(replay, max, first, segs.max, taken_);
	end(replay, got, taken_.ret);
	if (got > static_cast<int>(max))
		fail("more chains than asked for");
	check_chains(chains, segs, first);
	if (got <= 0)
		return got;
	for (int i = 0; i < got; i++) {
		slots_in_flight_ += chains[i].slots;
		in_flight_.push_back(chains[i]);
	}
	unpoppable_ += static_cast<uint32_t>(got);
	check_ledger();
	return got;
}

void CheckedRing::unpop(uint32_t n)
{
	const rtap_chain *first = in_flight_.data() + (in_flight_.size() - n);
	begin("unpop", 0);
	Replay replay(log_);
	rtap_ring_unpop(&ring_, first, n);
	model_.unpop(first, n);
	end(replay, 0, 0);
	for (uint32_t i = 0; i < n; i++)
		slots_in_flight_ -= first[i].slots;
	in_flight_.resize(in_flight_.size() - n);
	unpoppable_ -= n;
	check_ledger();
}

void CheckedRing::push(size_t first, std::span<const uint32_t> lens)
{
	auto chains = in_flight_.begin() + static_cast<ptrdiff_t>(first);
	auto n = static_cast<uint32_t>(lens.size());
	uint64_t slots = 0;
	std::vector<rtap_used> used;
	used.reserve(n);
	for (uint32_t i = 0; i < n; i++) {
		used.push_back({lens[i], chains[i].id, chains[i].slots, chains[i].nr_in == 0});
		slots += chains[i].slots;
	}
	begin("push", few + 3 * size_t{n});
	Replay replay(log_);
	int got = rtap_ring_push(&ring_, used.data(), n);
	end(replay, got, model_.push(replay, used.data(), n));
	if (got < 0)
		return;
	in_flight_.erase(chains, chains + n);
	slots_in_flight_ -= slots;
	// chains popped before the last pop cannot be given back behind one that was returned
	if (first)
		unpoppable_ = 0;
	unpoppable_ = static_cast<uint32_t>(std::min<size_t>(unpoppable_, in_flight_.size()));
	check_ledger();
}

int CheckedRing::pending()
{
	begin("pending", few);
	Replay replay(log_);
	int got = rtap_ring_pending(&ring_);
	end(replay, got, model_.pending(replay));
	return got;
}

void CheckedRing::arm()
{
	begin("arm", few);
	Replay replay(log_);
	int got = rtap_ring_arm(&ring_);
	end(replay, got, model_.arm(replay));
}

void CheckedRing::disarm()
{
	begin("disarm", few);
	Replay replay(log_);
	int got = rtap_ring_disarm(&ring_);
	end(replay, got, model_.disarm(replay));
}

void CheckedRing::should_signal()
{
	begin("should_signal", few);
	Replay replay(log_);
	int got = rtap_ring_should_signal(&ring_);
	end(replay, got, model_.should_signal(replay));
}

void CheckedRing::copy(size_t buffer, uint32_t len)
{
	const rtap_seg seg = taken_.segs[buffer];
	bool write = len & 1;
	len = std::min(len, seg.len);
	bytes_.assign(len, 0x5a);
	begin(write ? write_verb : "read", few + len);
	Replay replay(log_);
	int got, want;
	if (write) {
		got = rtap_mem_write(ring_.mem, seg.addr, bytes_.data(), len);
		want = model_.write_guest(replay, seg.addr, bytes_.data(), len) ? 0 : -EFAULT;
	} else {
		std::vector<uint8_t> fetched(len);
		got = rtap_mem_read(ring_.mem, seg.addr, bytes_.data(), len);
		want = model_.read_guest(replay, seg.addr, fetched.data(), len) ? 0 : -EFAULT;
		if (got == 0 && bytes_ != fetched)
			fail("what was read is not what was there");
	}
	replay.finish();
	if (got != want)
		fail("the wrong answer");
}

} // namespace ringtap::fuzz
