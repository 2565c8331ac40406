// SPDX-License-Identifier: GPL-2.0-or-later
// A dirty log for a fuzzed ring: what a verb stored has to be in it, and nothing else
#ifndef RINGTAP_FUZZ_LOG_ORACLE_H
#define RINGTAP_FUZZ_LOG_ORACLE_H

#include <cstdint>
#include <set>
#include <vector>

#include "access_log.h"
#include "model.h"

namespace ringtap::fuzz {

class LogOracle {
public:
	// Where the log has the device area, and the memory table the descriptors.
	static constexpr uint64_t device_gpa = 0x80000, desc_gpa = 0x40000;

	// The ring and its view log from now on, with a bitmap that is user memory. Both outlive
	// this; areas and regions are as the model knows them. skew: where in a word the bitmap
	// begins; shift: where in a page the device area is said to be.
	LogOracle(rtap_ring &ring, const Areas &areas, std::vector<Region> regions, unsigned skew,
		  unsigned shift);

	// After each verb, with all that it did.
	void check(const AccessLog &log);

private:
	using Pages = std::set<uint64_t>; // of guest physical memory

	Pages stored(const AccessLog &log) const;
	void add_stored(Pages &pages, const Access &access) const;
	// Also of slots that are given back with others the device writes nothing to.
	bool may_be_dirty(uint64_t page) const;
	Pages take();

	rtap_ring &ring_;
	Areas areas_;
	std::vector<Region> regions_;
	std::vector<uint32_t> bitmap_;
	std::vector<rtap_log_stretch> stretches_;
	rtap_log log_{};
	Pages buffers_; // written, noted, and not in the log yet
	unsigned checks_ = 0;
};

} // namespace ringtap::fuzz

#endif
