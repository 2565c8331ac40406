// SPDX-License-Identifier: GPL-2.0-or-later
// A dirty log for a fuzzed ring: what a verb stored has to be in it, and nothing else
#include "log_oracle.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "oracle.h"
#include "shim.h"

namespace ringtap::fuzz {

static constexpr unsigned page_shift = 12;
static constexpr size_t bitmap_words = 16; // 2 MiB of guest memory

LogOracle::LogOracle(rtap_ring &ring, const Areas &areas, std::vector<Region> regions,
		     unsigned skew, unsigned shift) :
	ring_(ring),
	areas_(areas), regions_(std::move(regions)), bitmap_(bitmap_words),
	stretches_(RTAP_LOG_STRETCHES)
{
	log_.base = reinterpret_cast<uintptr_t>(bitmap_.data()) + skew;
	log_.stretches = stretches_.data();
	rtap_shim_user_add(bitmap_.data(), bitmap_.size() * sizeof(bitmap_[0]));
	ring_.mem->log = &log_;
	ring_.logged = true;
	ring_.log_addr = device_gpa + shift;
}

// The bits that are set, and none afterwards: as a VMM reads them.
LogOracle::Pages LogOracle::take()
{
	uint64_t skew = (log_.base % sizeof(bitmap_[0])) * 8;
	Pages pages;
	for (size_t i = 0; i < bitmap_.size(); i++) {
		for (unsigned bit = 0; bit < 32; bit++)
			if (bitmap_[i] >> bit & 1)
				pages.insert(i * 32 + bit - skew);
		bitmap_[i] = 0;
	}
	return pages;
}

void LogOracle::add_stored(Pages &pages, const Access &access) const
{
	auto add = [&pages](uint64_t gpa, size_t len) {
		for (uint64_t p = gpa >> page_shift; p <= (gpa + len - 1) >> page_shift; p++)
			pages.insert(p);
	};
	size_t device = rtap_ring_device_size(ring_.layout, ring_.num, ring_.event_idx);
	if (access.at >= areas_.device && access.at < areas_.device + device)
		add(ring_.log_addr + (access.at - areas_.device), access.len);
	for (const Region &r : regions_)
		if (access.at >= r.host && access.at < r.host + r.size)
			add(r.gpa + (access.at - r.host), access.len);
}

LogOracle::Pages LogOracle::stored(const AccessLog &log) const
{
	Pages pages;
	for (const Access &access : log.accesses())
		if (access.store && !access.faulted && access.len)
			add_stored(pages, access);
	return pages;
}

bool LogOracle::may_be_dirty(uint64_t page) const
{
	size_t desc = rtap_ring_desc_size(ring_.layout, ring_.num);
	return ring_.layout == RTAP_LAYOUT_PACKED && page >= desc_gpa >> page_shift &&
	       page <= (desc_gpa + desc - 1) >> page_shift;
}

void LogOracle::check(const AccessLog &log)
{
	constexpr unsigned kept = 4; // writes whose stretches are logged together
	Pages stores = stored(log), may = stores;
	may.insert(buffers_.begin(), buffers_.end());
	// a buffer's pages are noted, those of the ring are logged at once
	if (std::strcmp(log.verb(), CheckedRing::write_verb) == 0)
		buffers_.merge(std::exchange(stores, {}));
	if (++checks_ % kept == 0) {
		if (rtap_mem_log(ring_.mem))
			fail("the dirty log cannot be written");
		stores.merge(buffers_);
		buffers_.clear();
	}
	const Pages dirty = take();
	for (uint64_t page : dirty)
		if (!may.contains(page) && !may_be_dirty(page))
			fail("a page is dirty that nothing was stored to");
	// who fails has stopped before it logged what it stored, and its queue is broken
	if (ring_.fault.kind == RTAP_RING_OK && !std::ranges::includes(dirty, stores))
		fail("a page that was stored to is not in the dirty log");
}

} // namespace ringtap::fuzz
