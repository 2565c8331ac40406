// SPDX-License-Identifier: GPL-2.0-or-later
// The ring under test with an oracle behind it: a verb that does wrong ends the program
//
// After each verb: it ended within its budget of accesses; each access was to the ring or to
// guest memory, where and in the order in which it has to be, none twice; the answer and the
// ring's position follow from what was fetched; chains out of pop keep the limits; each was
// popped once and is returned once. It holds whatever a driver writes meanwhile.
#ifndef RINGTAP_FUZZ_ORACLE_H
#define RINGTAP_FUZZ_ORACLE_H

#include <cstdint>
#include <span>
#include <vector>

#include "access_log.h"
#include "model.h"

namespace ringtap::fuzz {

class CheckedRing {
public:
	// Most chains that one pop may ask for: several batches.
	static constexpr uint32_t pop_max = 200;
	// What the log of accesses calls a write to a buffer.
	static constexpr const char *write_verb = "write";

	// The ring has its shape and areas set; it and the areas outlive this.
	CheckedRing(rtap_ring &ring, const Areas &areas, std::vector<Region> regions);

	// valid: whether shape and areas are as rtap_ring_start() wants them.
	bool start(bool valid);
	void restore(uint32_t base);
	uint32_t save();
	// Behind the first buffers of the array, which a pop leaves alone.
	int pop(uint32_t max, uint32_t first);
	// Give the n chains popped last back; as many as unpoppable() at most.
	void unpop(uint32_t n);
	// Return n chains from the one at first on, with these lengths, in this order.
	void push(size_t first, std::span<const uint32_t> lens);
	int pending();
	void arm();
	void disarm();
	void should_signal();
	// Read or write up to len bytes of the buffer of that number of the last pop.
	void copy(size_t buffer, uint32_t len);

	size_t in_flight() const { return in_flight_.size(); }
	uint32_t unpoppable() const { return unpoppable_; }
	size_t buffers() const { return taken_.segs.size(); }
	AccessLog &log() { return log_; }

private:
	void begin(const char *verb, size_t budget);
	// The verb is over; it answered got, the model says want.
	void end(const Replay &replay, int got, int want);
	void check_chains(const rtap_chain *chains, const rtap_segs &segs, uint32_t next) const;
	void check_ledger() const;

	rtap_ring &ring_;
	AccessLog log_;
	Model model_;
	Taken taken_;
	// what the device owns, in the order in which it was popped
	std::vector<rtap_chain> in_flight_;
	uint64_t slots_in_flight_ = 0;
	uint32_t offset_ = 0; // from used to available when nothing is in flight
	uint32_t unpoppable_ = 0;
	// exactly as large as the verbs are told, so that ASan sees one more
	std::vector<rtap_chain> chains_;
	std::vector<rtap_seg> segs_;
	std::vector<uint8_t> bytes_;
};

} // namespace ringtap::fuzz

#endif
